/* alloc.c: what one allocation and its free cost, through cc/alloc.h and through its peers.
 *
 * Peers, all in this process, measured in turns, round by round:
 *     cc_off, cc_on     cc_alloc + cc_free of libcc.so as a user compiles them, statistics off and on
 *     node24            cc_alloc_node(24) + cc_free
 *     mi                mi_malloc + mi_free of libmimalloc.so, called through a pointer, as the linker's table would
 *     mi_static         the same functions of the static archive, called directly
 *     glibc             malloc + free
 * libmimalloc.so replaces malloc for whoever links it, so it is loaded privately; the program checks that malloc is
 * still glibc's. A call is `alloc LIBMIMALLOC ROUNDS PAIRS`; one line of JSON for each measurement goes to the
 * output. */
#define _GNU_SOURCE
#include "cc/alloc.h"

#include <dlfcn.h>
#include <malloc.h>
#include <mimalloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS_MAX = 4, BATCH = 128, RING = 1024 };

static void *(*shared_mi_malloc)(size_t);
static void (*shared_mi_free)(void *);

static _Noreturn void die(const char *text) {
    fprintf(stderr, "alloc: %s\n", text);
    exit(1);
}

static uint64_t now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* The compiler must neither drop the block nor know what it holds. */
#define KEEP(pointer) __asm__ volatile("" : "+r"(pointer) : : "memory")

/* ---- the loops, one set for each peer so that every call is compiled as a user's --------------------------------- */

typedef struct ring {
    _Alignas(128) _Atomic(size_t) written;
    _Alignas(128) _Atomic(size_t) read;
    _Alignas(128) void *blocks[RING];
} ring_t;

typedef struct peer {
    const char *name;
    void (*pairs)(size_t size, size_t count);
    void (*batches)(size_t size, size_t count);
    void (*produce)(ring_t *ring, size_t size, size_t count);
    void (*consume)(ring_t *ring, size_t size, size_t count);
    bool counted;
} peer_t;

#define LOOP static __attribute__((noinline, aligned(64))) void
#define LOOPS(name, ALLOC, FREE) \
    LOOP name##_pairs(size_t size, size_t count) { \
        for (size_t i = 0; i < count; i++) { \
            void *block = ALLOC(size); \
            KEEP(block); \
            FREE(block, size); \
        } \
    } \
    LOOP name##_batches(size_t size, size_t count) { \
        void *blocks[BATCH]; \
        for (size_t done = 0; done < count; done += BATCH) { \
            for (size_t i = 0; i < BATCH; i++) { \
                void *block = ALLOC(size); \
                KEEP(block); \
                blocks[i] = block; \
            } \
            for (size_t i = 0; i < BATCH; i++) FREE(blocks[i], size); \
        } \
    } \
    LOOP name##_produce(ring_t *ring, size_t size, size_t count) { \
        for (size_t i = 0; i < count; i++) { \
            void *block = ALLOC(size); \
            KEEP(block); \
            while (i - atomic_load_explicit(&ring->read, memory_order_acquire) >= RING) sched_yield(); \
            ring->blocks[i % RING] = block; \
            atomic_store_explicit(&ring->written, i + 1, memory_order_release); \
        } \
    } \
    LOOP name##_consume(ring_t *ring, size_t size, size_t count) { \
        (void)size; \
        for (size_t i = 0; i < count; i++) { \
            while (atomic_load_explicit(&ring->written, memory_order_acquire) == i) sched_yield(); \
            FREE(ring->blocks[i % RING], size); \
            atomic_store_explicit(&ring->read, i + 1, memory_order_release); \
        } \
    }

#define WITHOUT_SIZE(function, block) function(block)
#define FREE_SHARED(block, size) WITHOUT_SIZE(shared_mi_free, block)
#define FREE_STATIC(block, size) WITHOUT_SIZE(mi_free, block)
#define FREE_GLIBC(block, size) WITHOUT_SIZE(free, block)
#define ALLOC_NODE24(size) ((void)(size), cc_alloc_node(24))
#define FREE_NODE24(block, size) cc_free(block, 24)

LOOPS(cc, cc_alloc, cc_free)
LOOPS(node24, ALLOC_NODE24, FREE_NODE24)
LOOPS(mi, shared_mi_malloc, FREE_SHARED)
LOOPS(mi_static, mi_malloc, FREE_STATIC)
LOOPS(glibc, malloc, FREE_GLIBC)

#define PEER(name, loops, counted) {#name, loops##_pairs, loops##_batches, loops##_produce, loops##_consume, counted}
static const peer_t peers[] = {
    PEER(cc_off, cc, false),           PEER(mi, mi, false),       PEER(cc_on, cc, true),
    PEER(mi_static, mi_static, false), PEER(glibc, glibc, false),
};
static const peer_t node_peers[] = {
    PEER(node24, node24, false),       PEER(mi, mi, false),       PEER(node24_on, node24, true),
    PEER(mi_static, mi_static, false), PEER(glibc, glibc, false),
};
enum { PEERS = sizeof peers / sizeof *peers };

/* ---- measuring --------------------------------------------------------------------------------------------------- */

typedef struct worker {
    const peer_t *peer;
    char workload;
    size_t size, count, index;
    pthread_barrier_t *start;
    ring_t *ring;
    uint64_t nanoseconds; /* of this thread's processor time */
    pthread_t thread;
} worker_t;

static void *work(void *value) {
    worker_t *worker = value;
    void (*loop)(size_t, size_t) = worker->workload == 'p' ? worker->peer->pairs : worker->peer->batches;
    if (worker->workload != 'r') loop(worker->size, worker->count / 16); /* warm-up */
    pthread_barrier_wait(worker->start);
    uint64_t begin = now(CLOCK_THREAD_CPUTIME_ID);
    if (worker->workload != 'r')
        loop(worker->size, worker->count);
    else if (worker->index % 2 == 0)
        worker->peer->produce(worker->ring, worker->size, worker->count);
    else
        worker->peer->consume(worker->ring, worker->size, worker->count);
    worker->nanoseconds = now(CLOCK_THREAD_CPUTIME_ID) - begin;
    return NULL;
}

/* Processor time of an allocation and its free: for rings, of both threads together. */
static double measure(const peer_t *peer, char workload, size_t size, size_t threads, size_t count) {
    static ring_t rings[THREADS_MAX / 2];
    worker_t workers[THREADS_MAX];
    pthread_barrier_t start;
    cc_alloc_stats_enable(peer->counted);
    pthread_barrier_init(&start, NULL, (unsigned)threads);
    memset(rings, 0, sizeof rings);
    for (size_t i = 0; i < threads; i++) {
        workers[i] = (worker_t){peer, workload, size, count, i, &start, &rings[i / 2], 0, 0};
        if (i > 0 && pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) die("no thread");
    }
    work(&workers[0]);
    uint64_t sum = workers[0].nanoseconds;
    for (size_t i = 1; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        sum += workers[i].nanoseconds;
    }
    pthread_barrier_destroy(&start);
    cc_alloc_stats_enable(false);
    return (double)sum / (double)count / (double)(workload == 'r' ? threads / 2 : threads);
}

static void compare(const char *name, const char *workload, const peer_t *set, size_t size, size_t threads,
                    size_t rounds, size_t count) {
    static double samples[PEERS][1000];
    for (size_t round = 0; round < rounds; round++) {
        for (size_t turn = 0; turn < PEERS; turn++) {
            size_t peer = (turn + round) % PEERS;
            samples[peer][round] = measure(&set[peer], workload[0], size, threads, count);
        }
    }
    for (size_t peer = 0; peer < PEERS; peer++) {
        printf("{\"set\": \"%s\", \"workload\": \"%s\", \"size\": %zu, \"threads\": %zu, \"peer\": \"%s\", "
               "\"nanoseconds\": [",
               name, workload, size, threads, set[peer].name);
        for (size_t round = 0; round < rounds; round++) printf("%s%.3f", round > 0 ? ", " : "", samples[peer][round]);
        printf("]}\n");
    }
    fflush(stdout);
}

static void load_mimalloc(const char *path) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (handle == NULL) die(dlerror());
    *(void **)&shared_mi_malloc = dlsym(handle, "mi_malloc");
    *(void **)&shared_mi_free = dlsym(handle, "mi_free");
    bool (*knows)(const void *);
    *(void **)&knows = dlsym(handle, "mi_is_in_heap_region");
    if (shared_mi_malloc == NULL || shared_mi_free == NULL || knows == NULL) die("not a mimalloc");

    size_t before = mallinfo2().uordblks;
    void *own = malloc(100000), *theirs = shared_mi_malloc(100000);
    if (mallinfo2().uordblks - before < 100000 || knows(own) || mi_is_in_heap_region(own)) die("malloc is not glibc's");
    if (mallinfo2().uordblks - before > 150000 || !knows(theirs) || mi_is_in_heap_region(theirs))
        die("the shared mi_malloc is not mimalloc's own");
    free(own);
    shared_mi_free(theirs);
}

int main(int count, char **arguments) {
    static const size_t sizes[] = {16, 64, 128, 512};
    if (count != 4) die("use: alloc LIBMIMALLOC ROUNDS PAIRS");
    load_mimalloc(arguments[1]);
    size_t rounds = strtoul(arguments[2], NULL, 10), pairs = strtoul(arguments[3], NULL, 10);
    if (rounds < 1 || rounds > 1000 || pairs < 1000) die("1 to 1000 rounds of 1000 pairs or more");
    for (size_t i = 0; i < 4; i++) compare("block", "pair", peers, sizes[i], 1, rounds, pairs);
    for (size_t i = 0; i < 4; i++) compare("block", "batch", peers, sizes[i], 1, rounds, pairs);
    compare("node", "pair", node_peers, 64, 1, rounds, pairs);
    compare("node", "batch", node_peers, 64, 1, rounds, pairs);
    for (size_t threads = 2; threads <= THREADS_MAX; threads++)
        compare("block", "pair", peers, 64, threads, rounds, pairs);
    for (size_t threads = 2; threads <= THREADS_MAX; threads += 2)
        compare("block", "ring", peers, 64, threads, rounds > 20 ? 20 : rounds, pairs);
    return 0;
}
