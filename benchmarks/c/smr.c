/* smr.c: what safe memory reclamation costs, and what it leaves unfreed, for the schemes of cc/smr.h and their
 * peers.
 *
 * The peers (smr_peers.h) take turns in one process, round by round, on one structure and one allocator:
 *     section    enter and exit a read section (ck_hp: as read)
 *     read       the same around one protected load of a slot that nobody writes
 *     update     cc_alloc_node, exchange with the thread's own slot, retire what was there; all is freed in the end
 *     pending    update for some time: the most bytes retired and not freed, with and without a reader that sleeps
 *                inside its section all the time; a peer that reaches 1 GiB is stopped
 * A call is `smr PROCESSORS ROUNDS COUNT MILLISECONDS`: rounds, updates of a thread in a round, time of a stall. One
 * line of JSON for each measurement goes to the output. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "smr_peers.h"

enum { THREADS_MAX = 4, ROUNDS_MAX = 1000, SAMPLE_NODES = 256 };
static const uint64_t PENDING_MAX = 1u << 30; /* bytes: who lets more build up is stopped */

static _Noreturn void die(const char *text) {
    fprintf(stderr, "smr: %s\n", text);
    exit(1);
}

static uint64_t now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* The compiler must take the value for used, and memory for changed. */
#define KEEP(value) __asm__ volatile("" : : "r"(value) : "memory")

/* ---- the loops, one set for each peer so that every call is compiled as a user's --------------------------------- */

typedef struct place {
    _Alignas(128) slot_t slot;
} place_t;

static place_t shared_place;        /* what readers load */
static place_t places[THREADS_MAX]; /* one for each updating thread */

typedef struct peer {
    const char *name;
    void (*attach)(worker_t *worker);
    void (*detach)(worker_t *worker);
    void (*fill)(worker_t *worker, slot_t *slot);  /* with a node of the peer's own */
    void (*clear)(worker_t *worker, slot_t *slot); /* the same, and wait until everything is freed */
    void (*section)(worker_t *worker, slot_t *slot, size_t count);
    void (*read)(worker_t *worker, slot_t *slot, size_t count);
    void (*update)(worker_t *worker, slot_t *slot, size_t count);
    void (*stall)(worker_t *worker, slot_t *slot, const struct timespec *time);
} peer_t;

#define LOOP static __attribute__((noinline, aligned(64))) void
#define THREAD(name) \
    static void run_##name##_attach(worker_t *worker) { with_##name##_attach(worker); } \
    static void run_##name##_detach(worker_t *worker) { with_##name##_detach(worker); }
#define SECTION(name) \
    LOOP run_##name##_section(worker_t *worker, slot_t *slot, size_t count) { \
        (void)slot; \
        for (size_t i = 0; i < count; i++) { \
            with_##name##_enter(worker); \
            KEEP(i); \
            with_##name##_exit(worker); \
        } \
    }
#define READ(name) \
    LOOP run_##name##_read(worker_t *worker, slot_t *slot, size_t count) { \
        for (size_t i = 0; i < count; i++) { \
            with_##name##_enter(worker); \
            KEEP(with_##name##_load(worker, slot)->value[0]); \
            with_##name##_exit(worker); \
        } \
    }
#define UPDATE(name) \
    LOOP run_##name##_update(worker_t *worker, slot_t *slot, size_t count) { \
        for (size_t i = 0; i < count; i++) { \
            node_t *node = with_##name##_alloc(worker); \
            if (__builtin_expect(node == NULL, 0)) die("no memory"); \
            node->value[0] = i; \
            with_##name##_retire(worker, atomic_exchange(slot, node)); \
        } \
    } \
    static void run_##name##_fill(worker_t *worker, slot_t *slot) { \
        node_t *node = with_##name##_alloc(worker); \
        if (node == NULL) die("no memory"); \
        node->value[0] = 0; \
        atomic_store(slot, node); \
    } \
    static void run_##name##_clear(worker_t *worker, slot_t *slot) { \
        with_##name##_retire(worker, atomic_exchange(slot, NULL)); \
        with_##name##_drain(worker); \
    }
#define STALL(name) \
    static void run_##name##_stall(worker_t *worker, slot_t *slot, const struct timespec *time) { \
        with_##name##_enter(worker); \
        node_t *node = with_##name##_load(worker, slot); \
        nanosleep(time, NULL); \
        KEEP(node->value[0]); \
        with_##name##_exit(worker); \
    }

#define IDENTITY(peer) .name = #peer, .attach = run_##peer##_attach, .detach = run_##peer##_detach
#define READS(peer) .section = run_##peer##_section, .read = run_##peer##_read
#define UPDATES(peer) .fill = run_##peer##_fill, .clear = run_##peer##_clear, .update = run_##peer##_update
#define STALLS(peer) .stall = run_##peer##_stall

/* A search phase is a function of its own, as setjmp wants it. */
static __attribute__((noinline)) void debra_search(cc_smr_thread_t *self, slot_t *slot) {
    cc_smr_enter(self);
    CC_SMR_SEARCH(self);
    if (slot != NULL) KEEP(((node_t *)cc_smr_protect(self, slot))->value[0]);
    cc_smr_search_end(self);
    cc_smr_exit(self);
}
LOOP run_debra_section(worker_t *worker, slot_t *slot, size_t count) {
    (void)slot;
    for (size_t i = 0; i < count; i++) debra_search(worker->self, NULL);
}
LOOP run_debra_read(worker_t *worker, slot_t *slot, size_t count) {
    for (size_t i = 0; i < count; i++) debra_search(worker->self, slot);
}
static void run_debra_stall(worker_t *worker, slot_t *slot, const struct timespec *time) {
    static _Thread_local bool slept;
    slept = false;
    cc_smr_enter(worker->self);
    CC_SMR_SEARCH(worker->self);
    node_t *node = cc_smr_protect(worker->self, slot);
    if (!slept) { /* interrupted, it begins anew and need not sleep again */
        slept = true;
        nanosleep(time, NULL);
        KEEP(node->value[0]);
    }
    cc_smr_search_end(worker->self);
    cc_smr_exit(worker->self);
}

THREAD(ibr)
SECTION(ibr)
READ(ibr)
UPDATE(ibr)
STALL(ibr)
THREAD(ibr_call)
SECTION(ibr_call)
READ(ibr_call)
THREAD(calls)
SECTION(calls)
READ(calls)
THREAD(debra)
UPDATE(debra)
THREAD(epoch)
SECTION(epoch)
READ(epoch)
UPDATE(epoch)
STALL(epoch)
THREAD(unprotected)
SECTION(unprotected)
READ(unprotected)
UPDATE(unprotected)
#if HAVE_CK
THREAD(ck_epoch)
SECTION(ck_epoch)
READ(ck_epoch)
UPDATE(ck_epoch)
STALL(ck_epoch)
THREAD(ck_hp)
READ(ck_hp)
UPDATE(ck_hp)
STALL(ck_hp)
#define run_ck_hp_section run_ck_hp_read /* a hazard pointer protects one pointer: its section is a read */
#endif
#if HAVE_URCU
THREAD(urcu_memb)
SECTION(urcu_memb)
READ(urcu_memb)
THREAD(urcu_qsbr)
SECTION(urcu_qsbr)
READ(urcu_qsbr)
THREAD(call_rcu)
UPDATE(call_rcu)
STALL(call_rcu)
THREAD(defer_rcu)
UPDATE(defer_rcu)
STALL(defer_rcu)
#endif

static const peer_t peers[] = {
    {IDENTITY(unprotected), READS(unprotected), UPDATES(unprotected)},
    {IDENTITY(ibr), READS(ibr), UPDATES(ibr), STALLS(ibr)},
    {IDENTITY(ibr_call), READS(ibr_call)},
    {IDENTITY(calls), READS(calls)},
    {IDENTITY(debra), READS(debra), UPDATES(debra), STALLS(debra)},
    {IDENTITY(epoch), READS(epoch), UPDATES(epoch), STALLS(epoch)},
#if HAVE_CK
    {IDENTITY(ck_epoch), READS(ck_epoch), UPDATES(ck_epoch), STALLS(ck_epoch)},
    {IDENTITY(ck_hp), READS(ck_hp), UPDATES(ck_hp), STALLS(ck_hp)},
#endif
#if HAVE_URCU
    {IDENTITY(urcu_memb), READS(urcu_memb)},
    {IDENTITY(urcu_qsbr), READS(urcu_qsbr)},
    {IDENTITY(call_rcu), UPDATES(call_rcu), STALLS(call_rcu)},
    {IDENTITY(defer_rcu), UPDATES(defer_rcu), STALLS(defer_rcu)},
#endif
};
enum { PEERS = sizeof peers / sizeof *peers };

/* ---- threads ----------------------------------------------------------------------------------------------------- */

typedef struct task {
    worker_t worker;
    const peer_t *peer;
    void (*loop)(worker_t *worker, slot_t *slot, size_t count);
    slot_t *slot;
    size_t count;
    pthread_barrier_t *barrier;
    pthread_t thread;
} task_t;

static void *run(void *value) {
    task_t *task = value;
    bool update = task->loop == task->peer->update;
    task->peer->attach(&task->worker);
    if (update) task->peer->fill(&task->worker, task->slot);
    task->loop(&task->worker, task->slot, task->count / 16 + 1); /* warm-up */
    pthread_barrier_wait(task->barrier);                         /* clocks are read */
    pthread_barrier_wait(task->barrier);                         /* begin */
    task->loop(&task->worker, task->slot, task->count);
    if (update) task->peer->clear(&task->worker, task->slot);
    pthread_barrier_wait(task->barrier); /* end */
    pthread_barrier_wait(task->barrier); /* clocks are read */
    task->peer->detach(&task->worker);
    return NULL;
}

static void start(pthread_t *thread, void *(*function)(void *), void *value) {
    if (pthread_create(thread, NULL, function, value) != 0) die("no thread");
}

typedef struct cost {
    double processor, elapsed; /* nanoseconds for an operation of one thread */
} cost_t;

/* The whole process's time, so that helper threads count; the elapsed time as if each thread had a processor. */
static cost_t measure(const peer_t *peer, char workload, size_t threads, size_t count, size_t processors) {
    task_t tasks[THREADS_MAX];
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
    for (size_t i = 0; i < threads; i++) {
        bool update = workload == 'u';
        tasks[i] = (task_t){
            .peer = peer,
            .loop = update            ? peer->update
                    : workload == 's' ? peer->section
                                      : peer->read,
            .slot = update ? &places[i].slot : &shared_place.slot,
            .count = count,
            .barrier = &barrier,
        };
        start(&tasks[i].thread, run, &tasks[i]);
    }
    pthread_barrier_wait(&barrier);
    uint64_t processor = now(CLOCK_PROCESS_CPUTIME_ID), elapsed = now(CLOCK_MONOTONIC);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    elapsed = now(CLOCK_MONOTONIC) - elapsed;
    processor = now(CLOCK_PROCESS_CPUTIME_ID) - processor;
    pthread_barrier_wait(&barrier);
    for (size_t i = 0; i < threads; i++) pthread_join(tasks[i].thread, NULL);
    pthread_barrier_destroy(&barrier);
    size_t parallel = threads < processors ? threads : processors;
    double operations = (double)count * (double)threads;
    return (cost_t){(double)processor / operations, (double)elapsed * (double)parallel / operations};
}

static void print_samples(const char *name, const double *samples, size_t count) {
    printf(", \"%s\": [", name);
    for (size_t i = 0; i < count; i++) printf("%s%.3f", i > 0 ? ", " : "", samples[i]);
    printf("]");
}

static void compare(const char *workload, size_t threads, size_t rounds, size_t count, size_t processors) {
    static double processor[PEERS][ROUNDS_MAX], elapsed[PEERS][ROUNDS_MAX];
    for (size_t round = 0; round < rounds; round++) {
        for (size_t turn = 0; turn < PEERS; turn++) {
            size_t peer = (turn + round) % PEERS;
            if (workload[0] == 'u' ? peers[peer].update == NULL : peers[peer].section == NULL) continue;
            cost_t cost = measure(&peers[peer], workload[0], threads, count, processors);
            processor[peer][round] = cost.processor;
            elapsed[peer][round] = cost.elapsed;
        }
    }
    for (size_t peer = 0; peer < PEERS; peer++) {
        if (workload[0] == 'u' ? peers[peer].update == NULL : peers[peer].section == NULL) continue;
        printf("{\"workload\": \"%s\", \"threads\": %zu, \"peer\": \"%s\"", workload, threads, peers[peer].name);
        print_samples("processor", processor[peer], rounds);
        print_samples("elapsed", elapsed[peer], rounds);
        printf("}\n");
    }
    fflush(stdout);
}

/* ---- bytes retired and not freed --------------------------------------------------------------------------------- */

typedef struct stall {
    worker_t worker;
    const peer_t *peer;
    struct timespec time;
    pthread_barrier_t *barrier;
    uint64_t until, retired, peak; /* CLOCK_MONOTONIC; nodes; bytes */
    pthread_t thread;
    slot_t *slot;
    uint64_t before; /* bytes allocated before the run */
} stall_t;

static uint64_t allocated(void) {
    return cc_alloc_stats_snapshot().current_block_bytes;
}

static void *run_updates(void *value) {
    stall_t *stall = value;
    stall->peer->attach(&stall->worker);
    stall->peer->fill(&stall->worker, stall->slot);
    pthread_barrier_wait(stall->barrier);
    do {
        stall->peer->update(&stall->worker, stall->slot, SAMPLE_NODES);
        stall->retired += SAMPLE_NODES;
        uint64_t bytes = allocated();
        bytes -= bytes < stall->before ? bytes : stall->before;
        if (bytes > stall->peak) stall->peak = bytes;
    } while (now(CLOCK_MONOTONIC) < stall->until && stall->peak < PENDING_MAX);
    pthread_barrier_wait(stall->barrier); /* the reader has left */
    stall->peer->clear(&stall->worker, stall->slot);
    stall->peer->detach(&stall->worker);
    return NULL;
}

static void *run_stall(void *value) {
    stall_t *stall = value;
    stall->peer->attach(&stall->worker);
    pthread_barrier_wait(stall->barrier);
    if (stall->time.tv_sec != 0 || stall->time.tv_nsec != 0)
        stall->peer->stall(&stall->worker, stall->slot, &stall->time);
    stall->peer->detach(&stall->worker);
    pthread_barrier_wait(stall->barrier);
    return NULL;
}

static void measure_pending(const peer_t *peer, size_t threads, bool stalled, uint64_t milliseconds) {
    stall_t updaters[THREADS_MAX], reader = {.peer = peer, .slot = &places[0].slot};
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
    uint64_t before = allocated(), until = now(CLOCK_MONOTONIC) + milliseconds * 1000000;
    if (stalled) reader.time = (struct timespec){(time_t)(milliseconds / 1000), (long)(milliseconds % 1000 * 1000000)};
    reader.barrier = &barrier;
    start(&reader.thread, run_stall, &reader);
    for (size_t i = 0; i < threads; i++) {
        updaters[i] =
            (stall_t){.peer = peer, .barrier = &barrier, .until = until, .slot = &places[i].slot, .before = before};
        start(&updaters[i].thread, run_updates, &updaters[i]);
    }
    pthread_join(reader.thread, NULL);
    uint64_t retired = 0, peak = 0;
    for (size_t i = 0; i < threads; i++) {
        pthread_join(updaters[i].thread, NULL);
        retired += updaters[i].retired;
        if (updaters[i].peak > peak) peak = updaters[i].peak;
    }
    pthread_barrier_destroy(&barrier);
    printf("{\"workload\": \"pending\", \"threads\": %zu, \"peer\": \"%s\", \"stalled\": %s, \"milliseconds\": %llu, "
           "\"retired\": %llu, \"peak_bytes\": %llu}\n",
           threads, peer->name, stalled ? "true" : "false", (unsigned long long)milliseconds,
           (unsigned long long)retired, (unsigned long long)peak);
    fflush(stdout);
}

/* ---- */

int main(int count, char **arguments) {
    if (count != 5) die("use: smr PROCESSORS ROUNDS COUNT MILLISECONDS");
    size_t processors = strtoul(arguments[1], NULL, 10), rounds = strtoul(arguments[2], NULL, 10);
    size_t operations = strtoul(arguments[3], NULL, 10), milliseconds = strtoul(arguments[4], NULL, 10);
    if (processors < 1 || rounds < 1 || rounds > ROUNDS_MAX || operations < 1000 || milliseconds < 1)
        die("1 processor or more, 1 to 1000 rounds of 1000 operations or more, 1 ms or more");
    for (int scheme = CC_SMR_IBR; scheme <= CC_SMR_EPOCH; scheme++) {
        domains[scheme] = cc_smr_create((cc_smr_scheme_t)scheme, NULL);
        if (domains[scheme] == NULL) die("no domain");
    }
#if HAVE_CK
    ck_epoch_init(&ck_epoch_all);
    ck_hp_init(&ck_hp_all, 1, HAZARD_BATCH, ck_hp_destroy);
#endif
    shared_place.slot = cc_alloc_node(sizeof(node_t));
    if (shared_place.slot == NULL) die("no memory");
    for (size_t threads = 1; threads <= THREADS_MAX; threads *= 2) {
        compare("section", threads, rounds, operations * 4, processors);
        compare("read", threads, rounds, operations * 4, processors);
        compare("update", threads, rounds, operations, processors);
    }
    cc_alloc_stats_enable(true);
    for (size_t peer = 0; peer < PEERS; peer++) {
        if (peers[peer].stall == NULL) continue;
        for (size_t threads = 1; threads <= THREADS_MAX; threads *= 2)
            measure_pending(&peers[peer], threads, false, milliseconds / 4 + 1);
        for (size_t threads = 1; threads <= THREADS_MAX; threads *= 2)
            measure_pending(&peers[peer], threads, true, milliseconds);
    }
    for (int scheme = CC_SMR_IBR; scheme <= CC_SMR_EPOCH; scheme++)
        if (cc_smr_destroy(domains[scheme]) != CC_OK) die("a domain is in use");
    return 0;
}
