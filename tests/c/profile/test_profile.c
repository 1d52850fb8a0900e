/* test_profile.c: starting, stopping, resetting and reading profiles: options, states, and which blocks are whose.
 * variants: release debug nostats asan tsan valgrind */
#include <unistd.h>

#include "profile_check.h"

/* ---- options ---------------------------------------------------------------------------------------------------- */

static void refuse(cc_profile_options_t options) {
    cc_profile_t *profile = (cc_profile_t *)&options; /* is not to be touched */
    CHECK_EQUAL(cc_profile_start(&options, &profile), CC_ERROR_ARGUMENT);
    CHECK(profile == (cc_profile_t *)&options);
}

static void test_wrong_options_are_refused(void) {
    cc_profile_t *profile = NULL;
    cc_profile_options_t good = exact_options(BIT_ALL), bad;
    CHECK_EQUAL(cc_profile_start(NULL, &profile), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_profile_start(&good, NULL), CC_ERROR_ARGUMENT);
    bad = good, bad.struct_size = 0, refuse(bad);
    bad = good, bad.struct_size = sizeof good - 1, refuse(bad);
    bad = good, bad.struct_size = sizeof good + 8, refuse(bad);
    bad = good, bad.domains = 0, refuse(bad);
    bad = good, bad.domains = BIT_ALL + 1, refuse(bad);
    bad = good, bad.domains = ~0u, refuse(bad);
    static const double rates[] = {0, -0.5, 1.0000001, INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) bad = good, bad.sample_rate = rates[i], refuse(bad);
    bad = good, bad.stack_depth = CC_PROFILE_MAX_DEPTH + 1, refuse(bad);
    bad = good, bad.stack_depth = ~0u, refuse(bad);
}

static void accept(cc_profile_options_t options) {
    cc_profile_t *profile = start_with(options);
    cc_free(cc_alloc(100), 100);
    CHECK_EQUAL(cc_profile_stop(profile), CC_OK);
    cc_profile_free(profile);
}

static void test_every_right_option_is_accepted(void) {
    cc_profile_options_t good = exact_options(BIT_RUNTIME), other;
    for (unsigned domains = 1; domains <= BIT_ALL; domains++) other = good, other.domains = domains, accept(other);
    other = good, other.sample_rate = 1e-300, accept(other);
    other = good, other.sample_rate = 0.999, accept(other);
    other = good, other.sample_interval = 1, other.sample_rate = NAN, accept(other); /* then the rate is ignored */
    other = good, other.sample_interval = UINT64_MAX, accept(other);
    other = good, other.latency = true, accept(other);
    other = good, other.timestamps = true, accept(other);
    other = good, other.stack_depth = CC_PROFILE_MAX_DEPTH, accept(other);
}

/* ---- states ----------------------------------------------------------------------------------------------------- */

static void test_null_profiles(void) {
    cc_profile_snapshot_t *snapshot;
    cc_profile_live_t *live;
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    CHECK_EQUAL(cc_profile_stop(NULL), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_profile_reset(NULL), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_profile_read(NULL, &snapshot), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_profile_read(profile, NULL), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_profile_live(NULL, 1, &live), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_profile_live(profile, 1, NULL), CC_ERROR_ARGUMENT);
    cc_profile_free(NULL);
    cc_profile_snapshot_free(NULL);
    cc_profile_live_free(NULL);
    cc_profile_free(profile); /* active: stopped by it */
}

static void test_stop_twice_and_reset_after_stop(void) {
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    CHECK_EQUAL(cc_profile_stop(profile), CC_OK);
    CHECK_EQUAL(cc_profile_stop(profile), CC_ERROR_STATE);
    CHECK_EQUAL(cc_profile_reset(profile), CC_ERROR_STATE);
    cc_profile_free(profile);
}

static void test_figures_stay_after_stop(void) {
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    void *block = cc_alloc(1000);
    CHECK_EQUAL(cc_profile_stop(profile), CC_OK);
    cc_free(cc_alloc(77), 77); /* after it */
    for (int i = 0; i < 2; i++) {
        cc_profile_snapshot_t *snapshot = read_checked(profile);
        CHECK_DOUBLE(snapshot->alloc_count, 1);
        CHECK_DOUBLE(snapshot->alloc_bytes, 1000);
        CHECK_DOUBLE(snapshot->free_count, 0);
        CHECK_DOUBLE(snapshot->current, 1000);
        CHECK_DOUBLE(snapshot->peak, 1000);
        CHECK(!snapshot->estimated);
        cc_profile_snapshot_free(snapshot);
    }
    cc_free(block, 1000);
    cc_profile_free(profile);
}

static void test_an_empty_profile_is_all_zero(void) {
    cc_profile_t *profile = start_exact(BIT_ALL);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->alloc_count + snapshot->free_count + snapshot->alloc_bytes + snapshot->free_bytes, 0);
    CHECK_DOUBLE(snapshot->current + snapshot->peak + snapshot->cross_thread_frees + snapshot->samples, 0);
    CHECK_DOUBLE(snapshot->untracked_frees + snapshot->failed, 0);
    CHECK_DOUBLE(snapshot->dropped_records + snapshot->dropped_stacks, 0);
    CHECK_EQUAL(snapshot->thread_count, 0);
    CHECK_EQUAL(snapshot->flow_count, 0);
    CHECK_EQUAL(snapshot->point_count, 1);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
}

/* ---- from one start to the next ---------------------------------------------------------------------------------- */

static void test_blocks_from_before_are_untracked(void) {
    void *before = cc_alloc(100), *moved = cc_alloc(200);
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    cc_free(before, 100);
    moved = cc_realloc(moved, 200, 4000);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->untracked_frees, 2);
    CHECK_DOUBLE(snapshot->free_count, 0);
    CHECK_DOUBLE(snapshot->alloc_count, 1);
    CHECK_DOUBLE(snapshot->alloc_bytes, 4000);
    cc_profile_snapshot_free(snapshot);
    cc_free(moved, 4000);
    cc_profile_free(profile);
}

static void test_a_block_of_one_session_freed_in_the_next(void) {
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    void *first = cc_alloc(100), *second = cc_alloc(200);
    cc_profile_free(profile);
    cc_free(first, 100); /* while idle */
    profile = start_exact(BIT_RUNTIME);
    cc_free(second, 200);
    cc_free(cc_alloc(100), 100); /* perhaps at the same address */
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->untracked_frees, 1);
    CHECK_DOUBLE(snapshot->alloc_count, 1);
    CHECK_DOUBLE(snapshot->free_count, 1);
    CHECK_DOUBLE(snapshot->current, 0);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
}

static void test_a_stopped_profile_kept_while_the_next_runs(void) {
    cc_profile_t *kept = start_exact(BIT_RUNTIME);
    void *block = cc_alloc(100), *idle = cc_alloc(300);
    CHECK_EQUAL(cc_profile_stop(kept), CC_OK);
    cc_free(idle, 300);
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    cc_free(block, 100);
    void *later = cc_alloc(50);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->untracked_frees, 1);
    CHECK_DOUBLE(snapshot->current, 50);
    cc_profile_snapshot_free(snapshot);
    cc_profile_live_t *live = live_now(kept, 10); /* none of the later blocks */
    for (size_t i = 0; i < live->block_count; i++) CHECK(live->blocks[i].size != 50);
    cc_profile_live_free(live);
    cc_profile_free(kept);
    cc_profile_free(profile);
    cc_free(later, 50);
}

static void test_reset_is_a_new_zero(void) {
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    void *old = cc_alloc(100000), *other = cc_alloc(300);
    CHECK_EQUAL(cc_profile_reset(profile), CC_OK);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->alloc_count + snapshot->current + snapshot->peak, 0);
    CHECK_EQUAL(snapshot->thread_count, 0);
    cc_profile_snapshot_free(snapshot);
    void *young = cc_alloc(50);
    cc_free(old, 100000);
    snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->alloc_count, 1);
    CHECK_DOUBLE(snapshot->free_count, 0);
    CHECK_DOUBLE(snapshot->untracked_frees, 1);
    CHECK_DOUBLE(snapshot->current, 50);
    CHECK_NEAR(snapshot->peak, 50, snapshot->peak_error);
    cc_profile_snapshot_free(snapshot);
    cc_profile_live_t *live = live_now(profile, 10);
    CHECK_EQUAL(live->block_count, 1);
    CHECK_EQUAL(live->blocks[0].address, (uintptr_t)young);
    CHECK_EQUAL(live->blocks[0].size, 50);
    cc_profile_live_free(live);
    cc_profile_free(profile);
    cc_free(young, 50);
    cc_free(other, 300);
}

/* ---- pause ------------------------------------------------------------------------------------------------------ */

static void test_pause_is_for_allocations_alone(void) {
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    void *seen = cc_alloc(10), *kept = cc_alloc(20), *grown = cc_alloc(40);
    bool outer = cc_profile_pause();
    CHECK(!outer);
    void *unseen = cc_alloc(30);
    bool inner = cc_profile_pause();
    CHECK(inner);
    cc_free(seen, 10); /* is counted */
    cc_profile_resume(inner);
    cc_free(cc_alloc(50), 50);           /* still paused */
    grown = cc_realloc(grown, 40, 4000); /* a free that is seen and an allocation that is not */
    cc_profile_resume(outer);
    cc_free(kept, 20);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->alloc_count, 3);
    CHECK_DOUBLE(snapshot->free_count, 3);
    CHECK_DOUBLE(snapshot->free_bytes, 70);
    cc_profile_snapshot_free(snapshot);
    cc_free(unseen, 30);
    cc_free(grown, 4000);
    cc_profile_free(profile);
}

static void name_itself(size_t index, void *unused) {
    (void)index, (void)unused;
    CHECK(cc_profile_name_new_thread("first") && !cc_profile_name_new_thread("second"));
    cc_free(cc_alloc(10), 10);
}

static void test_a_thread_names_itself_once(void) {
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    check_threads(1, name_itself, NULL);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_EQUAL(snapshot->thread_count, 1);
    CHECK(strcmp(snapshot->threads[0].name, "first") == 0);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
}

static void test_names(void) {
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    uint64_t native = (uint64_t)getpid(); /* of the main thread */
    CHECK(cc_profile_name_thread(native, "main one"));
    CHECK(!cc_profile_name_thread(native, NULL));
    CHECK(!cc_profile_name_thread(1, "init"));
    CHECK(!cc_profile_name_new_thread("another") && !cc_profile_name_new_thread(NULL)); /* it has one */
    cc_free(cc_alloc(10), 10);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_EQUAL(snapshot->thread_count, 1);
    CHECK(strcmp(snapshot->threads[0].name, "main one") == 0);
    CHECK_EQUAL(snapshot->threads[0].native_id, native);
    CHECK(snapshot->threads[0].alive);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
}

int main(void) {
    RUN(test_wrong_options_are_refused);
    RUN(test_every_right_option_is_accepted);
    RUN(test_null_profiles);
    RUN(test_stop_twice_and_reset_after_stop);
    RUN(test_figures_stay_after_stop);
    RUN(test_an_empty_profile_is_all_zero);
    RUN(test_blocks_from_before_are_untracked);
    RUN(test_a_block_of_one_session_freed_in_the_next);
    RUN(test_a_stopped_profile_kept_while_the_next_runs);
    RUN(test_reset_is_a_new_zero);
    RUN(test_pause_is_for_allocations_alone);
    RUN(test_names);
    RUN(test_a_thread_names_itself_once);
    return 0;
}
