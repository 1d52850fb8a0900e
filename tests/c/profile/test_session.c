/* test_session.c: session numbers are used up and given anew; rates beside intervals; threads that pause.
 * variants: release debug asan tsan valgrind */
#include <stdatomic.h>
#include <unistd.h>

#include "base/os.h"
#include "profile/session.h"

#include "fake_allocators.h"

enum { STARTS = 40000 }; /* more than there are numbers, several times over */

static void start_and_free(int count) {
    for (int i = 0; i < count; i++) cc_profile_free(start_exact(BIT_RUNTIME));
}

/* One profile within another sees its own blocks and no others, whatever number it has. */
static void check_inner(void **older) {
    cc_profile_t *inner = start_exact(BIT_RUNTIME);
    void *block = cc_alloc(300);
    cc_free(*older, 100);
    cc_profile_snapshot_t *snapshot = read_checked(inner);
    CHECK_DOUBLE(snapshot->alloc_count, 1);
    CHECK_DOUBLE(snapshot->free_count, 0);
    CHECK_DOUBLE(snapshot->untracked_frees, 1);
    CHECK_DOUBLE(snapshot->current, 300);
    cc_profile_snapshot_free(snapshot);
    CHECK_EQUAL(cc_profile_stop(inner), CC_OK);
    cc_profile_free(inner);
    cc_free(block, 300);
    *older = cc_alloc(100);
}

static void test_a_profile_for_each_request(void) {
    void *before = cc_alloc(5000);
    cc_profile_t *outer = start_exact(BIT_RUNTIME);
    void *early = cc_alloc(1000), *older = cc_alloc(100);
    for (int i = 0; i < STARTS; i++) {
        if (i % 1999 == 0) check_inner(&older);
        start_and_free(1);
        if (i % 4001 == 0) CHECK_EQUAL(cc_profile_reset(outer), CC_OK), cc_free(early, 1000), early = cc_alloc(1000);
    }
    cc_free(before, 5000);
    cc_profile_snapshot_t *snapshot = read_checked(outer);
    CHECK(!snapshot->estimated);
    cc_profile_live_t *live = live_now(outer, 10);
    CHECK_DOUBLE(live->count, snapshot->alloc_count - snapshot->free_count);
    cc_profile_live_free(live);
    cc_profile_snapshot_free(snapshot);
    cc_free(early, 1000);
    cc_free(older, 100);
    cc_profile_free(outer);
}

static void test_one_within_another_after_thousands_alone(void) {
    start_and_free(8000);
    cc_profile_t *outer = start_exact(BIT_RUNTIME);
    start_and_free(9000);
    cc_profile_free(outer);
}

/* Profiles that were stopped and not freed keep their blocks; sampled blocks keep their weights. */
static void test_what_profiles_know_outlasts_their_numbers(void) {
    cc_profile_options_t sampled = exact_options(BIT_RUNTIME);
    sampled.sample_rate = 0.25;
    cc_profile_t *first = start_with(sampled);
    void *blocks[400];
    for (size_t i = 0; i < 400; i++) blocks[i] = cc_alloc(50);
    cc_profile_t *second = start_exact(BIT_RUNTIME);
    void *block = cc_alloc(70);
    cc_profile_live_t *live = live_now(first, 1000);
    double count = live->count;
    CHECK_EQUAL(live->block_count, (size_t)((count - 1) / 4 + 1.5));
    cc_profile_live_free(live);
    CHECK_EQUAL(cc_profile_stop(second), CC_OK);
    void *later = cc_alloc(90);
    start_and_free(18000);
    live = live_now(second, 10);
    CHECK_EQUAL(live->block_count, 1);
    CHECK_EQUAL(live->blocks[0].size, 70);
    cc_profile_live_free(live);
    live = live_now(first, 1000);
    CHECK(live->count >= count && live->count <= count + 4); /* `later` may be a sample */
    cc_profile_live_free(live);
    for (size_t i = 0; i < 400; i++) cc_free(blocks[i], 50);
    cc_free(block, 70);
    cc_free(later, 90);
    live = live_now(first, 1000);
    CHECK_EQUAL(live->block_count, 0);
    cc_profile_live_free(live);
    cc_profile_snapshot_t *snapshot = read_checked(first);
    CHECK_NEAR(snapshot->current, 0, rounding(snapshot));
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(first);
    cc_profile_free(second);
}

static atomic_int step;

/* Counts once, sleeps while all numbers are used up and given anew, and counts once more. */
static void sleep_through(size_t index, void *unused) {
    (void)index, (void)unused;
    void *block = cc_alloc(10);
    atomic_store(&step, 1);
    while (atomic_load(&step) != 2) (void)usleep(1000);
    cc_free(block, 10);
    cc_free(cc_alloc(30), 30);
    atomic_store(&step, 3);
}

static void test_a_thread_that_slept_through_it(void) {
    cc_profile_t *outer = start_exact(BIT_RUNTIME);
    check_thread_t sleeper;
    check_start(&sleeper, sleep_through, NULL);
    while (atomic_load(&step) != 1) (void)usleep(1000);
    start_and_free(18000);
    cc_profile_t *inner = start_exact(BIT_RUNTIME);
    atomic_store(&step, 2);
    while (atomic_load(&step) != 3) (void)usleep(1000);
    check_join(&sleeper);
    cc_profile_snapshot_t *snapshot = read_checked(inner);
    CHECK_DOUBLE(snapshot->alloc_count, 1);
    CHECK_DOUBLE(snapshot->untracked_frees, 1);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(inner);
    snapshot = read_checked(outer);
    CHECK_DOUBLE(snapshot->alloc_count, 2);
    CHECK_DOUBLE(snapshot->free_count, 2);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(outer);
}

static atomic_bool done;

static void keep_allocating(size_t index, void *unused) {
    (void)index, (void)unused;
    while (!atomic_load(&done)) cc_free(cc_alloc(40), 40);
}

static void test_threads_that_allocate_meanwhile(void) {
    cc_profile_t *outer = start_exact(BIT_RUNTIME);
    check_thread_t worker;
    check_start(&worker, keep_allocating, NULL);
    start_and_free(18000);
    atomic_store(&done, true);
    check_join(&worker);
    cc_profile_snapshot_t *snapshot = read_now(outer);
    CHECK(fabs(snapshot->alloc_count - snapshot->free_count) < 18001); /* one in flight for each start and stop */
    cc_profile_snapshot_free(snapshot);
    cc_profile_live_t *live = live_now(outer, 10);
    CHECK_DOUBLE(live->count, 0);
    cc_profile_live_free(live);
    cc_profile_free(outer);
}

/* ---- sampling --------------------------------------------------------------------------------------------------- */

static void test_a_rate_beside_an_interval(void) {
    cc_profile_options_t rate = exact_options(BIT_RUNTIME), interval = exact_options(BIT_RUNTIME);
    rate.sample_rate = 0.5;
    static const uint64_t intervals[] = {1, 1000, 1 << 30, UINT64_MAX};
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++) {
        interval.sample_interval = intervals[i];
        cc_profile_t *by_rate = start_with(rate), *by_interval = start_with(interval);
        enum { BLOCKS = SCALED(20000) };
        for (size_t n = 0; n < BLOCKS; n++) cc_free(cc_alloc(16), 16);
        cc_profile_snapshot_t *snapshot = read_checked(by_rate);
        double error = 6 * sqrt(BLOCKS); /* six standard errors and more */
        CHECK(snapshot->samples >= 0.5 * BLOCKS - error);
        CHECK_NEAR(snapshot->alloc_count, BLOCKS, error);
        cc_profile_snapshot_free(snapshot);
        cc_profile_free(by_rate);
        cc_profile_free(by_interval);
    }
}

static void *refuse(void *context, size_t size) {
    (void)context, (void)size;
    return NULL;
}

static void *refuse_more(void *context, void *pointer, size_t size) {
    (void)context, (void)pointer, (void)size;
    return NULL;
}

/* What failed is estimated like what did not. */
static void test_failures_in_a_sampled_session(void) {
    cc_profile_allocator_t below = fakes[CC_PROFILE_RAW].below, top;
    void *block = domain_alloc(CC_PROFILE_RAW, 10);
    below.malloc = refuse;
    below.realloc = refuse_more;
    CHECK_EQUAL(cc_profile_wrap(CC_PROFILE_RAW, &below, 0, &top), CC_OK);
    cc_profile_options_t options = exact_options(BIT_RAW);
    options.sample_rate = 0.1;
    cc_profile_t *profile = start_with(options);
    enum { CALLS = 20000 };
    for (size_t i = 0; i < CALLS; i++) CHECK(top.malloc(top.context, 100) == NULL);
    cc_profile_snapshot_t *snapshot = read_now(profile);
    CHECK_NEAR(snapshot->failed, CALLS, 6 * sqrt(9.0 * CALLS));
    double failed = snapshot->failed;
    cc_profile_snapshot_free(snapshot);
    for (size_t i = 0; i < CALLS; i++) CHECK(top.realloc(top.context, block, 100) == NULL);
    snapshot = read_now(profile);
    CHECK_NEAR(snapshot->failed - failed, CALLS, 6 * sqrt(9.0 * CALLS));
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
    CHECK_EQUAL(cc_profile_wrap(CC_PROFILE_RAW, &fakes[CC_PROFILE_RAW].below, 0, &top), CC_OK);
    domain_free(CC_PROFILE_RAW, block, 10);
}

/* ---- pauses ------------------------------------------------------------------------------------------------------ */

static void test_a_paused_thread_needs_no_lock(void) {
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    void *block = cc_alloc(10), *other = cc_alloc(20);
    (void)alarm(60); /* a deadlock ends as a failure */
    cc__mutex_lock(&cc__recorder_lock);
    bool paused = cc_profile_pause();
    cc_free(block, 10);
    other = cc_realloc(other, 20, 30);
    cc_profile_resume(paused);
    cc_free(cc_alloc(40), 40);
    cc__mutex_unlock(&cc__recorder_lock);
    (void)alarm(0);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->alloc_count, 3);
    CHECK_DOUBLE(snapshot->free_count, 3);
    cc_profile_snapshot_free(snapshot);
    cc_free(other, 30);
    cc_profile_free(profile);
}

int main(void) {
    wrap_all();
    if (CHECK_DIVISOR == 1) { /* the slow variants would take minutes */
        RUN(test_a_profile_for_each_request);
        RUN(test_one_within_another_after_thousands_alone);
        RUN(test_what_profiles_know_outlasts_their_numbers);
        RUN(test_a_thread_that_slept_through_it);
        RUN(test_threads_that_allocate_meanwhile);
    }
    RUN(test_a_rate_beside_an_interval);
    RUN(test_failures_in_a_sampled_session);
    RUN(test_a_paused_thread_needs_no_lock);
    return 0;
}
