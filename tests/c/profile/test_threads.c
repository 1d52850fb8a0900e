/* test_threads.c: threads and sessions without number: rows, ids, recycled shards, slots and sessions that run out.
 * variants: release asan tsan valgrind */
#include <stdatomic.h>
#include <unistd.h>

#include "profile_check.h"

static void *left[64];

static void allocate_one(size_t index, void *unused) {
    (void)unused;
    left[index] = cc_alloc(100);
    cc_free(cc_alloc(50), 50);
}

static void run_threads(size_t count) {
    enum { AT_ONCE = 8 };
    CHECK_EQUAL(count % AT_ONCE, 0);
    for (size_t i = 0; i < count; i += AT_ONCE) {
        check_threads(AT_ONCE, allocate_one, NULL);
        for (size_t j = 0; j < AT_ONCE; j++) cc_free(left[j], 100);
    }
}

static long mapped_pages(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%ld", &pages) == 1);
    fclose(file);
    return pages;
}

static void test_thread_churn(void) {
    enum { COUNT = SCALED(2000) / 8 * 8 };
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    run_threads(8);
    long before = mapped_pages();
    run_threads(COUNT);
    CHECK(mapped_pages() - before < 20000); /* shards are used again: one is about 300 KB */
    cc_profile_snapshot_t *snapshot = read_now(profile);
    check_quiet_sums(snapshot); /* no two rows with one id */
    CHECK_EQUAL(snapshot->thread_count, COUNT + 8 + 1);
    CHECK_DOUBLE(snapshot->alloc_count, 2 * (COUNT + 8));
    CHECK_DOUBLE(snapshot->cross_thread_frees, COUNT + 8);
    CHECK_DOUBLE(snapshot->current, 0);
    CHECK(snapshot->peak_error < 4e6); /* does not grow with threads that are gone */
    for (size_t i = 0; i < snapshot->thread_count; i++) {
        const cc_profile_thread_t *row = &snapshot->threads[i];
        if (row->alive) continue;
        CHECK_DOUBLE(row->alloc_count, 2);
        CHECK_DOUBLE(row->alloc_bytes, 150);
        CHECK_DOUBLE(row->free_count, 1);
        CHECK_DOUBLE(row->sent, 1);
    }
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
}

/* The 16,384th thread of a session and all later ones share a row, whose id is 0. */
static void test_more_threads_than_slots(void) {
#if CHECK_DIVISOR == 1
    enum { SLOTS = 16383, COUNT = SLOTS / 8 * 8 + 64 };
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    cc_free(cc_alloc(10), 10);
    run_threads(COUNT);
    cc_profile_snapshot_t *snapshot = read_now(profile);
    CHECK_EQUAL(snapshot->thread_count, SLOTS + 1);
    double sum = 0, sent = 0, received = 0, flows = 0;
    for (size_t i = 0; i < snapshot->thread_count; i++) {
        sum += snapshot->threads[i].alloc_count;
        sent += snapshot->threads[i].sent;
        received += snapshot->threads[i].received;
    }
    for (size_t i = 0; i < snapshot->flow_count; i++) flows += snapshot->flows[i].count;
    CHECK_DOUBLE(sum, 2 * COUNT + 1);
    CHECK_DOUBLE(snapshot->alloc_count, 2 * COUNT + 1);
    CHECK_DOUBLE(sent, COUNT);
    CHECK_DOUBLE(received, COUNT);
    CHECK_DOUBLE(flows, COUNT);
    const cc_profile_thread_t *rest = find_row(snapshot, 0);
    CHECK(rest != NULL);
    CHECK_DOUBLE(rest->alloc_count, 2 * (COUNT + 1 - SLOTS));
    CHECK_DOUBLE(rest->alloc_bytes, 150 * (COUNT + 1 - SLOTS));
    CHECK_DOUBLE(rest->sent, COUNT + 1 - SLOTS);
    CHECK(rest->native_id == 0 && rest->name[0] == 0);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
#endif
}

/* ---- sessions --------------------------------------------------------------------------------------------------- */

#if CHECK_DIVISOR == 1
static atomic_int step;
static double seen_by_sleeper;

/* Counts once in an early session, sleeps until the same session number comes again, and counts once more. */
static void sleep_through(size_t index, void *unused) {
    (void)index, (void)unused;
    cc_free(cc_alloc(10), 10);
    atomic_store(&step, 1);
    while (atomic_load(&step) != 2) (void)usleep(1000);
    cc_free(cc_alloc(30), 30);
    atomic_store(&step, 3);
}
#endif

static void test_sessions_run_out_and_come_again(void) {
#if CHECK_DIVISOR == 1
    cc_profile_options_t options = exact_options(BIT_RUNTIME);
    cc_profile_t *outer = start_with(options), *kept[20] = {NULL};
    check_thread_t sleeper;
    check_start(&sleeper, sleep_through, NULL);
    while (atomic_load(&step) != 1) (void)usleep(1000);
    void *block = cc_alloc(1000);
    int status = CC_OK;
    size_t starts = 0;
    for (size_t i = 0; i < 20; i++) kept[i] = start_with(options);
    while (status == CC_OK) {
        cc_profile_t *inner = NULL;
        status = cc_profile_start(&options, &inner);
        if (status != CC_OK) {
            CHECK_EQUAL(status, CC_ERROR_LIMIT);
            CHECK(inner == NULL);
            break;
        }
        CHECK(starts++ < 20000);
        cc_profile_free(inner);
    }
    CHECK(starts > 4000);
    while ((status = cc_profile_reset(outer)) == CC_OK) CHECK(starts++ < 20000);
    CHECK_EQUAL(status, CC_ERROR_LIMIT);
    for (size_t i = 0; i < 20; i++) { /* all that run can still be stopped */
        cc_free(cc_alloc(10), 10);
        CHECK_EQUAL(cc_profile_stop(kept[i]), CC_OK);
        cc_profile_free(kept[i]);
    }
    cc_free(block, 1000);
    cc_profile_snapshot_t *snapshot = read_checked(outer);
    CHECK_DOUBLE(snapshot->current, 0);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(outer);

    /* Idle: it begins anew, with the numbers that the sleeping thread knows. */
    for (int i = 0; i < 40 && atomic_load(&step) != 3; i++) {
        cc_profile_t *profile = start_with(options);
        cc_free(cc_alloc(20), 20);
        if (i == 0) { /* the session in which the sleeper last counted */
            atomic_store(&step, 2);
            while (atomic_load(&step) != 3) (void)usleep(1000);
        }
        snapshot = read_checked(profile);
        seen_by_sleeper = snapshot->alloc_bytes;
        CHECK_EQUAL(snapshot->thread_count, 2);
        cc_profile_snapshot_free(snapshot);
        cc_profile_free(profile);
    }
    CHECK_DOUBLE(seen_by_sleeper, 50);
    check_join(&sleeper);
#endif
}

int main(void) {
    RUN(test_sessions_run_out_and_come_again); /* first: the sessions' numbers begin at 1 */
    RUN(test_thread_churn);
    RUN(test_more_threads_than_slots);
    return 0;
}
