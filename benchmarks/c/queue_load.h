/* queue_load.h: the workloads of queues (and stacks) of uint64_t, the same for ours and for every peer.
 *
 * A program defines what follows, as static functions so that they can be inlined, then includes this header, which
 * has main():
 *     #define QUEUE_NAME "…"
 *     void queue_create(uint64_t capacity)            empty; bounded ones hold so many (a power of two)
 *     void queue_attach(void), queue_detach(void)     by each thread before and after its operations
 *     bool queue_put(uint64_t value)                  false: full
 *     bool queue_get(uint64_t *value)                 false: empty
 *     #define QUEUE_NOT_FIFO                          for stacks, and queues that keep no producer's order
 *
 * A call is `program MILLISECONDS THREADS WORKLOADS`, the last two as lists: `queue 500 1,2,4 pairs,halves`:
 *     pairs   each thread puts one, then gets one, and so on; the queue is empty at first. A rate is of pairs
 *     halves  the first half of the threads puts, the other gets (one thread: left out). A rate is of values got
 * A call that finds the queue full or empty is repeated, with sched_yield() after 64 times in a row ("retries"
 * counts them). At the end the queue is emptied and sums are compared: each value that was put was got. Before
 * anything is timed a short run of `halves` with numbered values checks the order for each producer. Output: a line
 * of JSON for each measurement, rates per second. */
#ifndef QUEUE_LOAD_H
#define QUEUE_LOAD_H

#include "load.h"

enum { QUEUE_CAPACITY = 1024, QUEUE_CHECK = 20000, QUEUE_SPINS = 64 };

typedef struct queue_sums {
    uint64_t put, got; /* sums of values; relaxed additions when a thread ends */
    int producers;     /* still at work */
} queue_sums_t;
static queue_sums_t queue_sums;

static inline void queue_wait(unsigned *spins) {
    if (++*spins % QUEUE_SPINS == 0) sched_yield();
#if defined(__x86_64__)
    else
        __builtin_ia32_pause();
#endif
}
static inline unsigned queue_put_surely(uint64_t value) {
    unsigned spins = 0;
    while (!queue_put(value)) queue_wait(&spins);
    return spins;
}

static void queue_pairs(load_thread_t *thread) {
    uint64_t put = 0, got = 0, value = 0, sent = ((uint64_t)thread->number + 1) << 40, retries = 0, operations = 0;
    queue_attach();
    while (load_running(thread)) {
        for (int i = 0; i < LOAD_BLOCK; i++) {
            unsigned spins = 0;
            put += ++sent;
            retries += queue_put_surely(sent);
            while (!queue_get(&value)) queue_wait(&spins);
            got += value;
            retries += spins;
        }
        operations += LOAD_BLOCK;
    }
    queue_detach();
    __atomic_fetch_add(&queue_sums.put, put, __ATOMIC_RELAXED);
    __atomic_fetch_add(&queue_sums.got, got, __ATOMIC_RELAXED);
    thread->operations = operations;
    thread->found = retries;
}

/* argument NULL: for as long as the time runs; else each producer puts so many, and the order is checked. */
static void queue_halves(load_thread_t *thread) {
    const uint64_t *limit = (const uint64_t *)thread->argument;
    unsigned producers = thread->threads / 2;
    uint64_t sum = 0, operations = 0, retries = 0;
    queue_attach();
    if (thread->number < producers) {
        uint64_t tag = (uint64_t)thread->number << 40, sent = 0;
        while (limit != NULL ? sent < *limit : sent % LOAD_BLOCK != 0 || load_running(thread)) {
            sum += tag | ++sent;
            retries += queue_put_surely(tag | sent);
        }
        __atomic_fetch_add(&queue_sums.put, sum, __ATOMIC_RELAXED);
        __atomic_fetch_sub(&queue_sums.producers, 1, __ATOMIC_RELEASE); /* what it put is there for who sees it ended */
    } else {
        uint64_t value = 0;
#ifndef QUEUE_NOT_FIFO
        uint64_t last[LOAD_THREADS_MAX] = {0},
                 below = (UINT64_C(1) << 40) - 1; /* of each producer; the bits of its number */
#endif
        unsigned spins = 0;
        for (;;) {
            bool ended = __atomic_load_n(&queue_sums.producers, __ATOMIC_ACQUIRE) == 0; /* pairs with the above */
            if (queue_get(&value)) {
                sum += value;
                operations++;
                retries += spins;
                spins = 0;
#ifndef QUEUE_NOT_FIFO
                if (limit != NULL) {
                    if ((value & below) <= last[value >> 40]) load_die(QUEUE_NAME ": out of order");
                    last[value >> 40] = value & below;
                }
#endif
            } else if (ended) {
                break;
            } else {
                queue_wait(&spins);
            }
        }
        __atomic_fetch_add(&queue_sums.got, sum, __ATOMIC_RELAXED);
    }
    queue_detach();
    thread->operations = operations;
    thread->found = retries;
}

/* What a queue that is not linearizable may have kept back is taken out here. */
static void queue_empty(load_thread_t *thread) {
    uint64_t value = 0;
    (void)thread;
    queue_attach();
    while (queue_get(&value)) queue_sums.got += value;
    queue_detach();
}

static void queue_check(void) {
    load_thread_t total;
    load_run(1, 0, queue_empty, NULL, &total);
    if (queue_sums.put != queue_sums.got) load_die(QUEUE_NAME ": what was got is not what was put");
}

int main(int count, char **arguments) {
    if (count != 4) load_die("use: program MILLISECONDS THREADS[,…] pairs|halves[,…]");
    unsigned milliseconds = (unsigned)strtoul(arguments[1], NULL, 10);
    if (milliseconds < 1) load_die("1 ms or more");
    load_thread_t total;
    load_pinned = true;
    queue_create(QUEUE_CAPACITY);
    uint64_t limit = QUEUE_CHECK;
    queue_sums.producers = 2;
    load_run(4, 0, queue_halves, &limit, &total);
    queue_check();

    char word[16], workload[16];
    for (const char *words = arguments[3]; load_next_word(&words, workload, sizeof workload);) {
        bool halves = strcmp(workload, "halves") == 0;
        if (!halves && strcmp(workload, "pairs") != 0) load_die("a workload is pairs or halves");
        for (const char *list = arguments[2]; load_next_word(&list, word, sizeof word);) {
            unsigned threads = (unsigned)strtoul(word, NULL, 10);
            if (halves && threads < 2) continue;
            queue_sums.producers = (int)threads / 2;
            load_run(threads, milliseconds, halves ? queue_halves : queue_pairs, NULL, &total);
            queue_check();
            uint64_t elapsed = load_elapsed(&total, threads);
            printf(
                "{\"queue\": \"%s\", \"workload\": \"%s\", \"threads\": %u, \"operations\": %llu, \"retries\": %llu, "
                "\"elapsed_ns\": %llu, \"rate\": %.0f}\n",
                QUEUE_NAME, workload, threads, (unsigned long long)total.operations, (unsigned long long)total.found,
                (unsigned long long)elapsed, (double)total.operations * 1e9 / (double)elapsed);
            fflush(stdout);
        }
    }
    return 0;
}

#endif
