/* test_session.c: sessions run out, and their numbers come again.
 * variants: release asan tsan valgrind */
#include <stdatomic.h>
#include <unistd.h>

#include "profile_check.h"

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
    RUN(test_sessions_run_out_and_come_again);
    return 0;
}
