/* methods.c: what one allocation and its free cost through each backend of cc/methods.h, and through its peers.
 *
 * Peers, all in this process, measured in turns, round by round, each through a table of functions:
 *     system mimalloc debug static buddy    of libcc.so (debug without stacks)
 *     core                                  cc_mem_malloc + cc_mem_free on mimalloc, with status; core_plain: without
 *     glibc, mi                             malloc + free; mi_malloc + mi_free of libmimalloc.so, loaded privately
 *     mem3 memsys5                          SQLite's own, from libraries built for this, with their mutexes
 * Workloads: pair: freed at once, beside 4096 live blocks of all sizes; empty: the same with nothing else in the
 * heap, which for a buddy allocator is the worst case (all orders are split and joined each time); batch: 128
 * allocated, then freed; mixed: one of 4096 blocks freed and replaced by one of a random size. A call is `methods
 * LIBMIMALLOC ROUNDS COUNT [SQLITE_MEM5 SQLITE_MEM3]`; lines of JSON go to the output. */
#define _GNU_SOURCE
#include "cc/methods.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { BATCH = 128, LIVE = 4096, THREADS_MAX = 2, ROUNDS_MAX = 200 };
static const size_t BUFFER = (size_t)64 << 20;

static _Noreturn void die(const char *text) {
    fprintf(stderr, "methods: %s\n", text);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void *new_buffer(void) {
    void *buffer = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffer == MAP_FAILED) die("no buffer");
    memset(buffer, 1, BUFFER); /* page faults are not the matter */
    return buffer;
}

/* ---- peers: all as a cc_mem_methods_t, called the same way ------------------------------------------------------- */

/* SQLite's struct, as sqlite3.h has it. */
typedef struct sqlite_methods {
    void *(*malloc)(int size);
    void (*free)(void *pointer);
    void *(*realloc)(void *pointer, int size);
    int (*size)(void *pointer);
    int (*roundup)(int size);
    int (*init)(void *context);
    void (*shutdown)(void *context);
    void *context;
} sqlite_methods_t;

/* A size_t and an int in an argument's register are the same for the sizes here, and an argument more does no harm. */
typedef struct peer {
    const char *name;
    void *(*malloc)(size_t size, void *context);
    void (*free)(void *pointer, void *context);
    void *context;
} peer_t;

static peer_t peers[16];
static size_t peer_count;
static cc_mem_methods_t own_static, own_buddy, own_debug;

static void add(const char *name, void *(*allocate)(size_t, void *), void (*release)(void *, void *), void *context) {
    peers[peer_count++] = (peer_t){name, allocate, release, context};
}

static void add_methods(const char *name, const cc_mem_methods_t *methods) {
    if (methods->init(methods->context) != CC_OK) die(name);
    add(name, methods->malloc, methods->free, methods->context);
}

static void *core_malloc(size_t size, void *context) {
    (void)context;
    return cc_mem_malloc(size);
}

static void core_free(void *pointer, void *context) {
    (void)context;
    cc_mem_free(pointer);
}

static void *glibc_malloc(size_t size, void *context) {
    (void)context;
    return malloc(size);
}

static void glibc_free(void *pointer, void *context) {
    (void)context;
    free(pointer);
}

static void *load(const char *path) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (handle == NULL) die(dlerror());
    return handle;
}

static void add_mimalloc(const char *path) {
    void *handle = load(path);
    peer_t *peer = &peers[peer_count];
    add("mi", NULL, NULL, NULL);
    *(void **)&peer->malloc = dlsym(handle, "mi_malloc");
    *(void **)&peer->free = dlsym(handle, "mi_free");
    if (peer->malloc == NULL || peer->free == NULL) die("not a mimalloc");
}

enum { CONFIG_GETMALLOC = 5, CONFIG_HEAP = 8, CONFIG_MEMSTATUS = 9 };

/* A library's allocator in a buffer. It makes itself a mutex only where SQLite's statistics, which have one, are
 * off. */
static void add_sqlite(const char *path, const char *name) {
    void *handle = load(path);
    int (*config)(int, ...), (*initialize)(void);
    sqlite_methods_t methods;
    *(void **)&config = dlsym(handle, "sqlite3_config");
    *(void **)&initialize = dlsym(handle, "sqlite3_initialize");
    if (config == NULL || initialize == NULL) die("not an SQLite");
    if (config(CONFIG_MEMSTATUS, 0) != 0) die("SQLite refuses a setting");
    if (config(CONFIG_HEAP, new_buffer(), (int)BUFFER, 16) != 0) die("SQLite has no heap allocator");
    if (config(CONFIG_GETMALLOC, &methods) != 0 || initialize() != 0) die("SQLite does not tell its methods");
    peer_t *peer = &peers[peer_count];
    add(name, NULL, NULL, NULL);
    memcpy(&peer->malloc, &methods.malloc, sizeof peer->malloc);
    memcpy(&peer->free, &methods.free, sizeof peer->free);
}

/* ---- workloads --------------------------------------------------------------------------------------------------- */

/* Sizes as programs have them: mostly small, a few large. */
static inline size_t next_size(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    uint32_t bits = (uint32_t)(*state >> 32);
    return 1 + (bits >> 8) % (bits % 64 == 0 ? 8192 : bits % 8 == 0 ? 1024 : 128);
}

static __attribute__((noinline)) void pairs(const peer_t *peer, size_t size, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char *block = peer->malloc(size, peer->context);
        *(volatile char *)block = 1;
        peer->free(block, peer->context);
    }
}

static __attribute__((noinline)) void batches(const peer_t *peer, size_t size, size_t count) {
    void *blocks[BATCH];
    for (size_t done = 0; done < count; done += BATCH) {
        for (size_t i = 0; i < BATCH; i++) *(volatile char *)(blocks[i] = peer->malloc(size, peer->context)) = 1;
        for (size_t i = 0; i < BATCH; i++) peer->free(blocks[i], peer->context);
    }
}

static __attribute__((noinline)) void replace(const peer_t *peer, void **blocks, uint64_t *state, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t size = next_size(state), at = (size_t)(*state >> 20) % LIVE;
        peer->free(blocks[at], peer->context);
        *(volatile char *)(blocks[at] = peer->malloc(size, peer->context)) = 1;
    }
}

typedef struct worker {
    const peer_t *peer;
    char workload;
    size_t size, count;
    uint64_t state;
    pthread_barrier_t *start;
    double nanoseconds;
    pthread_t thread;
} worker_t;

static void *work(void *value) {
    worker_t *worker = value;
    const peer_t *peer = worker->peer;
    void *blocks[LIVE] = {NULL};
    size_t live = worker->workload == 'e' ? 0 : LIVE;
    for (size_t i = 0; i < live; i++)
        *(volatile char *)(blocks[i] = peer->malloc(next_size(&worker->state), peer->context)) = 1;
    replace(peer, blocks, &worker->state, 4 * live);
    pthread_barrier_wait(worker->start);
    double begin = now();
    if (worker->workload == 'b')
        batches(peer, worker->size, worker->count);
    else if (worker->workload == 'm')
        replace(peer, blocks, &worker->state, worker->count);
    else
        pairs(peer, worker->size, worker->count);
    worker->nanoseconds = now() - begin;
    for (size_t i = 0; i < live; i++) peer->free(blocks[i], peer->context);
    return NULL;
}

static double measure(const peer_t *peer, char workload, size_t size, size_t threads, size_t count, size_t round) {
    worker_t workers[THREADS_MAX];
    pthread_barrier_t start;
    double sum = 0;
    pthread_barrier_init(&start, NULL, (unsigned)threads);
    for (size_t i = 0; i < threads; i++) {
        workers[i] = (worker_t){peer, workload, size, count, 1 + i + 1000 * round, &start, 0, 0};
        if (i > 0 && pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) die("no thread");
    }
    work(&workers[0]);
    for (size_t i = 0; i < threads; i++) {
        if (i > 0) pthread_join(workers[i].thread, NULL);
        sum += workers[i].nanoseconds;
    }
    pthread_barrier_destroy(&start);
    return sum / (double)count / (double)threads;
}

static void compare(const char *workload, size_t size, size_t threads, size_t rounds, size_t count) {
    static double samples[16][ROUNDS_MAX];
    for (size_t round = 0; round < rounds; round++) {
        for (size_t turn = 0; turn < peer_count; turn++) {
            size_t peer = (turn + round) % peer_count;
            if (strcmp(peers[peer].name, "core_plain") == 0) {
                cc_mem_shutdown();
                (void)cc_mem_config(&(cc_mem_config_t){.without_status = true});
            }
            size_t fewer = strcmp(peers[peer].name, "debug") == 0 ? 8 : 1;
            samples[peer][round] = measure(&peers[peer], workload[0], size, threads, count / fewer, round);
            if (strcmp(peers[peer].name, "core_plain") == 0) cc_mem_shutdown();
        }
    }
    for (size_t peer = 0; peer < peer_count; peer++) {
        printf("{\"workload\": \"%s\", \"size\": %zu, \"threads\": %zu, \"peer\": \"%s\", \"nanoseconds\": [", workload,
               size, threads, peers[peer].name);
        for (size_t round = 0; round < rounds; round++) printf("%s%.2f", round > 0 ? ", " : "", samples[peer][round]);
        printf("]}\n");
    }
    fflush(stdout);
}

/* ---- fragmentation ----------------------------------------------------------------------------------------------- */

/* 64 k blocks that come and go, as in `mixed`, and how the buffer looks then. */
static void fill(const char *name, const cc_mem_methods_t *methods, size_t steps) {
    enum { MANY = 65536 };
    static void *blocks[MANY];
    static size_t sizes[MANY];
    uint64_t state = 7;
    size_t asked = 0;
    memset(blocks, 0, sizeof blocks);
    memset(sizes, 0, sizeof sizes);
    methods->shutdown(methods->context);
    if (methods->init(methods->context) != CC_OK) die(name);
    for (size_t i = 0; i < steps; i++) {
        size_t size = next_size(&state), at = i < MANY ? i : (size_t)(state >> 20) % MANY;
        methods->free(blocks[at], methods->context);
        asked += size - sizes[at];
        sizes[at] = size;
        if ((blocks[at] = methods->malloc(size, methods->context)) == NULL) die("the buffer is too small");
    }
    cc_mem_buffer_status_t status;
    if (cc_mem_buffer_status(methods, &status) != CC_OK) die(name);
    char *highest = NULL, *lowest = blocks[0];
    for (size_t i = 0; i < MANY; i++) {
        char *end = (char *)blocks[i] + methods->size(blocks[i], methods->context);
        if (end > highest) highest = end;
        if ((char *)blocks[i] < lowest) lowest = blocks[i];
    }
    printf("{\"fragmentation\": \"%s\", \"asked\": %zu, \"used\": %zu, \"span\": %zu, \"free_blocks\": %zu, "
           "\"largest_free\": %zu, "
           "\"capacity\": %zu}\n",
           name, asked, status.used, (size_t)(highest - lowest), status.free_blocks, status.largest_free,
           status.capacity);
    for (size_t i = 0; i < MANY; i++) methods->free(blocks[i], methods->context);
}

/* The program that proves Robson's bound from below: the buffer that it fills, against the buffer that is enough. */
static void worst_case(size_t live, size_t orders) {
    enum { UNIT = 16 };
    size_t bytes = cc_mem_buddy_bytes(live * UNIT, (size_t)UNIT << (orders - 1), UNIT), count = 0;
    char *buffer = malloc(bytes), **blocks = calloc(live, sizeof *blocks), *first = NULL, *highest = NULL;
    cc_mem_methods_t methods;
    if (buffer == NULL || blocks == NULL || cc_mem_buddy_create(&methods, buffer, bytes, UNIT) != CC_OK)
        die("no buffer");
    (void)methods.init(methods.context);
    for (size_t order = 0; order < orders; order++) {
        size_t units = (size_t)1 << order, kept = 0, sum = 0;
        for (size_t i = 0; i < count; i++) { /* they lie in the order of their addresses */
            bool keep = kept == 0 ||
                        (size_t)(blocks[i] - first) / UNIT / units != (size_t)(blocks[kept - 1] - first) / UNIT / units;
            if (keep)
                sum += methods.size(blocks[i], methods.context) / UNIT, blocks[kept++] = blocks[i];
            else
                methods.free(blocks[i], methods.context);
        }
        for (count = kept; sum + units <= live; sum += units) {
            char *block = methods.malloc(units * UNIT, methods.context);
            if (block == NULL) die("the bound does not hold");
            if (first == NULL) first = block;
            if (block + units * UNIT > highest) highest = block + units * UNIT;
            blocks[count++] = block;
        }
    }
    printf("{\"worst_case\": %zu, \"largest\": %zu, \"buffer\": %zu, \"filled\": %zu}\n", live * UNIT,
           (size_t)UNIT << (orders - 1), bytes, (size_t)(highest - first));
    free(blocks);
    free(buffer);
}

int main(int count, char **arguments) {
    if (count != 4 && count != 6) die("use: methods LIBMIMALLOC ROUNDS COUNT [SQLITE_MEM5 SQLITE_MEM3]");
    size_t rounds = strtoul(arguments[2], NULL, 10), steps = strtoul(arguments[3], NULL, 10);
    if (rounds < 1 || rounds > ROUNDS_MAX || steps < 1000) die("1 to 200 rounds of 1000 or more");

    if (cc_mem_buddy_create(&own_buddy, new_buffer(), BUFFER, 16) != CC_OK) die("no buddy");
    if (cc_mem_static_create(&own_static, new_buffer(), BUFFER) != CC_OK) die("no static");
    cc_mem_debug_options_t options = {.without_stacks = true};
    if (cc_mem_debug_create(&own_debug, cc_mem_backend("system"), &options) != CC_OK) die("no debug");
    add_methods("buddy", &own_buddy);
    if (count == 6) add_sqlite(arguments[4], "memsys5");
    add_methods("static", &own_static);
    if (count == 6) add_sqlite(arguments[5], "mem3");
    add_methods("system", cc_mem_backend("system"));
    add("glibc", glibc_malloc, glibc_free, NULL);
    add_methods("mimalloc", cc_mem_backend("mimalloc"));
    add_mimalloc(arguments[1]);
    add("core", core_malloc, core_free, NULL);
    add("core_plain", core_malloc, core_free, NULL);
    add_methods("debug", &own_debug);

    compare("pair", 100, 1, rounds, steps);
    compare("pair", 1000, 1, rounds, steps);
    compare("empty", 100, 1, rounds, steps);
    compare("batch", 100, 1, rounds, steps);
    compare("mixed", 0, 1, rounds, steps);
    compare("pair", 100, 2, rounds, steps);
    compare("mixed", 0, 2, rounds, steps);

    fill("static", &own_static, 20 * steps);
    fill("buddy", &own_buddy, 20 * steps);
    worst_case(65536, 5);
    worst_case(65536, 9);
    worst_case(65536, 13);
    return 0;
}
