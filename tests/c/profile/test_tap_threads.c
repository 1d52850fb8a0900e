/* test_tap_threads.c: 8 threads hand blocks to each other through queues and free what they get; all figures against
 * the workload's own arithmetic, through the runtime and through wrapped allocators; and the same while others start,
 * reset, read and stop.
 * variants: release debug asan tsan */
#include <stdatomic.h>
#include <unistd.h>

#include "fake_allocators.h"

enum { THREADS = 8, QUEUE = 64 };

/* One slot for each pair of threads would be enough; a lock keeps it plain. */
typedef struct queue {
    pthread_mutex_t lock;
    size_t used;
    struct item {
        void *pointer;
        size_t size;
        unsigned domain, owner;
    } items[QUEUE];
} queue_t;

static queue_t queues[THREADS];
static size_t rounds;
static unsigned domains_used;
static atomic_bool ended;

/* The workload's own arithmetic, by thread. */
static struct own {
    double allocs, frees, alloc_bytes, free_bytes, received, sent;
    double flows[THREADS]; /* of blocks from that thread */
} own[THREADS];

static void drop(size_t self, struct item *item) {
    domain_free(item->domain, item->pointer, item->size);
    own[self].frees++;
    own[self].free_bytes += (double)item->size;
    if (item->owner == self) return;
    own[self].received++;
    own[self].flows[item->owner]++;
}

static void drain(size_t self) {
    struct item items[QUEUE];
    pthread_mutex_lock(&queues[self].lock);
    size_t used = queues[self].used;
    memcpy(items, queues[self].items, used * sizeof *items);
    queues[self].used = 0;
    pthread_mutex_unlock(&queues[self].lock);
    for (size_t i = 0; i < used; i++) drop(self, &items[i]);
}

static unsigned pick_domain(uint64_t *state) {
    for (;;) {
        unsigned domain = check_random(state) % CC_PROFILE_DOMAINS;
        if ((domains_used >> domain & 1) != 0) return domain;
    }
}

static void work(size_t self, uint64_t *state) {
    unsigned domain = pick_domain(state);
    uint32_t kind = check_random(state) % 32;
    size_t size = 1 + check_random(state) % (kind == 0 ? 70000 : kind < 4 ? 2000 : 300);
    struct item item = {NULL, size, domain, (unsigned)self};
    item.pointer = kind % 2 == 0 ? domain_alloc(domain, size) : domain_calloc(domain, 1, size);
    CHECK(item.pointer != NULL);
    memset(item.pointer, (int)self, size);
    own[self].allocs++;
    own[self].alloc_bytes += (double)size;
    if (kind == 7) {
        size_t changed = 1 + check_random(state) % 3000;
        item.pointer = domain_realloc(domain, item.pointer, size, changed);
        CHECK(item.pointer != NULL);
        own[self].frees++;
        own[self].free_bytes += (double)size;
        own[self].allocs++;
        own[self].alloc_bytes += (double)changed;
        item.size = changed;
    }
    size_t to = check_random(state) % THREADS;
    pthread_mutex_lock(&queues[to].lock);
    bool room = queues[to].used < QUEUE;
    if (room) queues[to].items[queues[to].used++] = item;
    pthread_mutex_unlock(&queues[to].lock);
    if (!room) drop(self, &item);
    if (kind % 8 == 3) drain(self);
}

static void run_worker(size_t self, void *unused) {
    (void)unused;
    uint64_t state = 0x9E3779B97F4A7C15u * (self + 1);
    for (size_t i = 0; rounds != 0 ? i < rounds : !atomic_load(&ended); i++) work(self, &state);
}

static void drain_all(size_t self, void *unused) {
    (void)unused;
    drain(self);
}

static void forget_own(void) {
    memset(own, 0, sizeof own);
}

/* ---- exact ------------------------------------------------------------------------------------------------------ */

static void add_up(struct own *sum) {
    memset(sum, 0, sizeof *sum);
    for (size_t i = 0; i < THREADS; i++) {
        sum->allocs += own[i].allocs;
        sum->frees += own[i].frees;
        sum->alloc_bytes += own[i].alloc_bytes;
        sum->free_bytes += own[i].free_bytes;
        sum->received += own[i].received;
    }
}

static void exact_after_join(unsigned domains) {
    domains_used = domains;
    rounds = SCALED(20000);
    forget_own();
    cc_profile_t *profile = start_exact(BIT_ALL);
    check_threads(THREADS, run_worker, NULL);
    struct own sum;
    add_up(&sum);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->alloc_count, sum.allocs);
    CHECK_DOUBLE(snapshot->free_count, sum.frees);
    CHECK_DOUBLE(snapshot->alloc_bytes, sum.alloc_bytes);
    CHECK_DOUBLE(snapshot->free_bytes, sum.free_bytes);
    CHECK_DOUBLE(snapshot->cross_thread_frees, sum.received);
    CHECK_DOUBLE(snapshot->untracked_frees + snapshot->dropped_records + snapshot->failed, 0);
    CHECK_EQUAL(snapshot->thread_count, THREADS);
    for (size_t i = 0; i < THREADS; i++) CHECK(!snapshot->threads[i].alive);
    /* Every thread's figures are some row's: which is which, the counts say. */
    for (size_t i = 0; i < THREADS; i++) {
        size_t matches = 0;
        for (size_t j = 0; j < THREADS; j++) {
            const cc_profile_thread_t *row = &snapshot->threads[j];
            matches += row->alloc_count == own[i].allocs && row->free_count == own[i].frees &&
                       row->alloc_bytes == own[i].alloc_bytes && row->free_bytes == own[i].free_bytes &&
                       row->received == own[i].received;
        }
        CHECK(matches >= 1);
    }
    cc_profile_snapshot_free(snapshot);
    for (size_t i = 0; i < THREADS; i++) drain_all(i, NULL);
    snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->current, 0);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
}

static void test_exact_through_the_runtime(void) {
    exact_after_join(BIT_RUNTIME);
}

static void test_exact_through_wrapped_allocators(void) {
    exact_after_join(BIT_RAW | BIT_MEM | BIT_OBJECT);
}

static void test_exact_through_all(void) {
    exact_after_join(FAKE_ALL);
}

/* ---- while profiles come and go --------------------------------------------------------------------------------- */

static cc_profile_options_t some_options(uint64_t *state) {
    cc_profile_options_t options = exact_options(BIT_ALL);
    uint32_t kind = check_random(state) % 4;
    if (kind == 1) options.sample_rate = 0.1;
    if (kind == 2) options.sample_interval = 4096;
    options.latency = check_random(state) % 2 == 0;
    options.timestamps = check_random(state) % 4 == 0;
    return options;
}

/* At any time: nothing is negative. A call that was in flight in another thread when the profile started may fall on
 * both sides of the start, so frees may be ahead by one for each thread and start. */
static void check_loud(const cc_profile_snapshot_t *snapshot) {
    check_timeline(snapshot);
    CHECK(snapshot->alloc_count >= 0 && snapshot->free_count >= 0 && snapshot->alloc_bytes >= 0);
    CHECK(snapshot->current >= 0 && snapshot->cross_thread_frees >= 0 && snapshot->untracked_frees >= 0);
    for (size_t i = 0; i < snapshot->thread_count; i++) {
        CHECK(snapshot->threads[i].alloc_count >= 0 && snapshot->threads[i].received >= 0);
        CHECK(snapshot->threads[i].sent >= 0);
    }
}

static void run_profiler(size_t self, void *unused) {
    if (self >= 3) {
        run_worker(self - 3, unused);
        return;
    }
    uint64_t state = 77 + self;
    for (int i = 0; i < (CHECK_DIVISOR > 20 ? 1 : CHECK_DIVISOR > 10 ? 3 : CHECK_DIVISOR > 1 ? 8 : 20); i++) {
        cc_profile_t *profile = start_with(some_options(&state));
        for (uint32_t action = 0; action < 3; action++) {
            if (check_random(&state) % 4 == 0) (void)usleep(check_random(&state) % 3000);
            cc_profile_snapshot_t *snapshot = read_now(profile);
            check_loud(snapshot);
            cc_profile_snapshot_free(snapshot);
            if (check_random(&state) % 3 == 0) CHECK_EQUAL(cc_profile_reset(profile), CC_OK);
        }
        if (i % 16 == 2 && self == 0) cc_profile_live_free(live_now(profile, 5));
        if (i % 2 == 0) CHECK_EQUAL(cc_profile_stop(profile), CC_OK);
        cc_profile_free(profile);
    }
    if (self == 0) (void)usleep(1000);
    static atomic_size_t done;
    if (atomic_fetch_add(&done, 1) == 2) atomic_store(&ended, true);
}

static void test_starts_and_stops_in_a_storm(void) {
    domains_used = FAKE_ALL;
    rounds = 0;
    check_threads(THREADS + 3, run_profiler, NULL);
    for (size_t i = 0; i < THREADS; i++) drain_all(i, NULL);
    exact_after_join(FAKE_ALL); /* it left nothing behind */
}

/* One profile around a storm whose threads began before it: all but what was in flight is exact. */
static void around(size_t self, void *unused) {
    if (self != 0) {
        run_worker(self - 1, unused);
        return;
    }
    (void)usleep(2000);
    cc_profile_t *profile = start_exact(BIT_ALL);
    (void)usleep(CHECK_DIVISOR > 20 ? 20000 : 50000);
    atomic_store(&ended, true);
    *(cc_profile_t **)unused = profile;
}

static void test_a_profile_that_starts_in_a_storm(void) {
    rounds = 0;
    atomic_store(&ended, false);
    cc_profile_t *profile = NULL;
    check_threads(THREADS + 1, around, &profile);
    for (size_t i = 0; i < THREADS; i++) drain_all(i, NULL);
    cc_profile_snapshot_t *snapshot = read_now(profile);
    cc_profile_live_t *live = live_now(profile, 10);
    CHECK_DOUBLE(live->count, 0);
    CHECK(snapshot->alloc_count > 0);
    CHECK_NEAR(snapshot->alloc_count, snapshot->free_count, THREADS);
    double allocs = 0;
    for (size_t i = 0; i < snapshot->thread_count; i++) allocs += snapshot->threads[i].alloc_count;
    CHECK_DOUBLE(allocs, snapshot->alloc_count);
    cc_profile_live_free(live);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
}

int main(void) {
    wrap_all();
    for (size_t i = 0; i < THREADS; i++) CHECK(pthread_mutex_init(&queues[i].lock, NULL) == 0);
    RUN(test_exact_through_the_runtime);
    RUN(test_exact_through_wrapped_allocators);
    RUN(test_exact_through_all);
    RUN(test_starts_and_stops_in_a_storm);
    RUN(test_a_profile_that_starts_in_a_storm);
    return 0;
}
