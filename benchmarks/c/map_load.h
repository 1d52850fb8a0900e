/* map_load.h: the workloads of ordered maps from uint64_t to uint64_t, the same for ours and for every peer.
 *
 * A program defines what follows, as static functions so that they can be inlined, then includes this header, which
 * has main():
 *     #define MAP_NAME "…"
 *     void map_create(uint64_t keys)                  an empty map; how many keys will be in it is a hint
 *     void map_attach(void), map_detach(void)         by each thread, main included, before and after its operations
 *     bool map_get(uint64_t key, uint64_t *value)     true: it was there
 *     bool map_put(uint64_t key, uint64_t value)      if absent; true: it was
 *     bool map_remove(uint64_t key)                   true: it was there
 *     uint64_t map_scan(uint64_t key, unsigned count) the sum of the values of the next `count` entries from `key` on,
 *                                                     or of as many as there are
 *     #define MAP_NO_SCAN, MAP_NO_REMOVE              instead of the last ones, where it has none that is safe beside
 *                                                     the others
 *
 * A call is `program KEYS MILLISECONDS THREADS WORKLOADS`, the last two as lists: `map 100000 500 1,2,4
 * read,scan,mixed,half`. Keys are drawn evenly from 0 … 2·KEYS-1. First half of them, in random order, are put in by
 * two threads. Then come the workloads in the order given, for each number of threads; those that change the map
 * leave its size about as it was:
 *     read    100 % get
 *     scan    scans of 100 entries
 *     mixed   80 % get, 10 % put, 10 % remove
 *     half    50 % get, 25 % put, 25 % remove
 * In the end the entries are counted and compared with what the calls told (up to a million keys): a map that loses
 * some is found. Output: a line of JSON for each measurement, rate in operations per second; the first, "fill", has
 * the bytes per entry. */
#ifndef MAP_LOAD_H
#define MAP_LOAD_H

#include "load.h"

enum { MAP_SCAN = 100, MAP_FILL_THREADS = 2, MAP_CHECK_MAX = 1000000 };

typedef struct map_load {
    uint64_t keys, range; /* in the map at first, and that keys are drawn from */
    uint32_t put, remove; /* of 2^32: a draw below `put` puts, from there to below `remove` removes, else it gets */
    bool scan;
} map_load_t;

static inline uint64_t map_value(uint64_t key) {
    return key * 3 + 1;
}

/* The i-th number of a random order of 0 … range-1: a bijection of the next power of two, again until it falls into
 * the range. */
static inline uint64_t map_shuffle(uint64_t i, uint64_t range) {
    unsigned bits = range > 1 ? 64 - (unsigned)__builtin_clzll(range - 1) : 1;
    uint64_t mask = bits < 64 ? (UINT64_C(1) << bits) - 1 : UINT64_MAX;
    do {
        for (int round = 0; round < 3; round++) {
            i = (i * 0x9e3779b97f4a7c15u + 0x7f4a7c15u) & mask;
            i ^= i >> (bits / 2 + 1);
        }
    } while (i >= range);
    return i;
}

static void map_fill(load_thread_t *thread) {
    const map_load_t *load = (const map_load_t *)thread->argument;
    map_attach();
    for (uint64_t i = thread->number; i < load->keys; i += thread->threads) {
        uint64_t key = map_shuffle(i, load->range);
        thread->balance += map_put(key, map_value(key));
        thread->operations++;
    }
    map_detach();
}

static void map_operate(load_thread_t *thread) {
    const map_load_t load = *(const map_load_t *)thread->argument;
    uint64_t operations = 0, found = 0, wrong = 0;
    int64_t balance = 0;
    map_attach();
    while (load_running(thread)) {
        for (int i = 0; i < LOAD_BLOCK; i++) {
            uint64_t random = load_random(thread), key = load_scale(random, load.range), value = 0;
            uint32_t choice = (uint32_t)random; /* the key comes from the high bits */
            if (choice < load.put) {
                balance += map_put(key, map_value(key));
#ifndef MAP_NO_REMOVE
            } else if (choice < load.remove) {
                balance -= map_remove(key);
#endif
            } else if (map_get(key, &value)) {
                found++;
                wrong += value != map_value(key);
            }
        }
        operations += LOAD_BLOCK;
    }
    map_detach();
    if (wrong != 0) load_die(MAP_NAME ": a value is not its key's");
    thread->operations = operations;
    thread->found = found;
    thread->balance = balance;
}

#ifndef MAP_NO_SCAN
static void map_walk(load_thread_t *thread) {
    const map_load_t *load = (const map_load_t *)thread->argument;
    map_attach();
    while (load_running(thread)) {
        for (int i = 0; i < LOAD_BLOCK / 8; i++)
            LOAD_KEEP(map_scan(load_scale(load_random(thread), load->range), MAP_SCAN));
        thread->operations += LOAD_BLOCK / 8;
    }
    map_detach();
}
#endif

static void map_count(load_thread_t *thread) {
    const map_load_t *load = (const map_load_t *)thread->argument;
    map_attach();
    for (uint64_t key = 0; key < load->range; key++) {
        uint64_t value = 0;
        bool found = map_get(key, &value);
        if (found && value != map_value(key)) load_die(MAP_NAME ": a value is not its key's");
        thread->balance += found;
    }
    map_detach();
}

static void map_print(const char *workload, unsigned threads, uint64_t keys, const load_thread_t *total, double bytes) {
    uint64_t elapsed = load_elapsed(total, threads);
    printf("{\"map\": \"%s\", \"workload\": \"%s\", \"keys\": %llu, \"threads\": %u, \"operations\": %llu, \"found\": "
           "%llu, "
           "\"elapsed_ns\": %llu, \"rate\": %.0f",
           MAP_NAME, workload, (unsigned long long)keys, threads, (unsigned long long)total->operations,
           (unsigned long long)total->found, (unsigned long long)elapsed,
           (double)total->operations * 1e9 / (double)elapsed);
    if (bytes > 0) printf(", \"bytes_per_entry\": %.1f", bytes);
    printf("}\n");
    fflush(stdout);
}

int main(int count, char **arguments) {
    if (count != 5) load_die("use: program KEYS MILLISECONDS THREADS[,…] read|scan|mixed|half[,…]");
    map_load_t load;
    memset(&load, 0, sizeof load);
    load.keys = strtoull(arguments[1], NULL, 10);
    load.range = load.keys * 2;
    unsigned milliseconds = (unsigned)strtoul(arguments[2], NULL, 10);
    if (load.keys < 1 || milliseconds < 1) load_die("1 key or more, 1 ms or more");

    load_thread_t total;
    map_create(load.keys);
    uint64_t before = load_resident();
    load_run(MAP_FILL_THREADS, 0, map_fill, &load, &total);
    int64_t entries = total.balance;
    if (entries != (int64_t)load.keys) load_die(MAP_NAME ": a key was there before it was put in");
    map_print("fill", MAP_FILL_THREADS, load.keys, &total, (double)(load_resident() - before) / (double)load.keys);

    char word[16], workload[16];
    for (const char *words = arguments[4]; load_next_word(&words, workload, sizeof workload);) {
        bool mixed = strcmp(workload, "mixed") == 0, half = strcmp(workload, "half") == 0;
        load.put = mixed ? UINT32_MAX / 10 : half ? UINT32_MAX / 4 : 0;
        load.remove = load.put * 2;
        load.scan = strcmp(workload, "scan") == 0;
        if (!mixed && !half && !load.scan && strcmp(workload, "read") != 0)
            load_die("a workload is read, scan, mixed or half");
#ifdef MAP_NO_REMOVE
        if (mixed || half) continue;
#endif
#ifdef MAP_NO_SCAN
        if (load.scan) continue;
        void (*work)(load_thread_t *) = map_operate;
#else
        void (*work)(load_thread_t *) = load.scan ? map_walk : map_operate;
#endif
        for (const char *list = arguments[3]; load_next_word(&list, word, sizeof word);) {
            unsigned threads = (unsigned)strtoul(word, NULL, 10);
            load_run(threads, milliseconds, work, &load, &total);
            entries += total.balance;
            map_print(workload, threads, load.keys, &total, 0);
        }
    }
    if (load.keys <= MAP_CHECK_MAX) {
        load_run(1, 0, map_count, &load, &total);
        if (total.balance != entries) load_die(MAP_NAME ": the entries are not those that the calls told of");
    }
    return 0;
}

#endif
