/* test_live.c: the walk over live blocks: order, cap, times, threads.
 * variants: release debug asan tsan valgrind */
#include <unistd.h>

#include "frame_stack.h"

/* Every cap, against sizes in a shuffled order. */
static void test_cap_and_order(void) {
    cc_profile_t *profile = start_stacks(1, false);
    stand_at(500, 1);
    enum { BLOCKS = 40 };
    void *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) blocks[i] = cc_alloc(1000 * (1 + i * 17 % BLOCKS));
    for (size_t cap = 0; cap <= BLOCKS + 2; cap += cap < 4 || cap >= BLOCKS - 2 ? 1 : 7) {
        cc_profile_live_t *live = live_now(profile, cap);
        CHECK_EQUAL(live->block_count, cap < BLOCKS ? cap : BLOCKS);
        for (size_t i = 0; i < live->block_count; i++) CHECK_EQUAL(live->blocks[i].size, 1000 * (BLOCKS - i));
        CHECK_DOUBLE(live->count, BLOCKS);
        CHECK_DOUBLE(live->bytes, 1000.0 * BLOCKS * (BLOCKS + 1) / 2);
        cc_profile_live_free(live);
    }
    cc_profile_live_t *live = NULL;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(CHECK_VALGRIND)
    CHECK_EQUAL(cc_profile_live(profile, SIZE_MAX, &live), CC_ERROR_MEMORY);
#endif
    CHECK(live == NULL);
    for (size_t i = 0; i < BLOCKS; i++) cc_free_unsized(blocks[i]);
    cc_profile_free(profile);
}

static uint64_t wall_ns(void) {
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    cc_profile_snapshot_t *snapshot = read_now(profile);
    uint64_t now = snapshot->end_wall_ns;
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
    return now;
}

static void test_times(void) {
    cc_profile_t *profile = start_stacks(1, true);
    stand_at(700, 1);
    uint64_t before = wall_ns();
    void *first = cc_alloc(70000), *small = cc_alloc(1);
    (void)usleep(30000);
    uint64_t between = wall_ns();
    (void)usleep(10000);
    void *second = cc_alloc(60000);
    uint64_t after = wall_ns();
    cc_profile_live_t *live = live_now(profile, 3);
    CHECK_EQUAL(live->block_count, 3);
    enum { TICK = 20000000 }; /* the coarse clock's, and the wall clock's own corrections */
    CHECK_EQUAL(live->blocks[0].size, 70000);
    CHECK(live->blocks[0].wall_ns + TICK >= before && live->blocks[0].wall_ns <= between + TICK);
    CHECK(live->blocks[1].wall_ns + TICK >= between && live->blocks[1].wall_ns <= after + TICK);
    CHECK(live->blocks[2].wall_ns + TICK >= before && live->blocks[2].wall_ns <= between + TICK);
    cc_profile_live_free(live);
    cc_free(first, 70000);
    cc_free(small, 1);
    cc_free(second, 60000);
    cc_profile_free(profile);
    profile = start_stacks(1, false);
    first = cc_alloc(10);
    live = live_now(profile, 1);
    CHECK_EQUAL(live->blocks[0].wall_ns, 0); /* was not asked for */
    cc_profile_live_free(live);
    cc_free(first, 10);
    cc_profile_free(profile);
}

static void *from_threads[4];

static void leak_one(size_t index, void *unused) {
    (void)unused;
    stand_at(800, 1);
    from_threads[index] = cc_alloc(100 + index);
}

static void test_blocks_of_ended_threads(void) {
    cc_profile_t *profile = start_stacks(1, false);
    check_threads(4, leak_one, NULL);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    cc_profile_live_t *live = live_now(profile, 4);
    CHECK_EQUAL(live->block_count, 4);
    CHECK_EQUAL(live->site_count, 1);
    for (size_t i = 0; i < 4; i++) {
        const cc_profile_thread_t *row = find_row(snapshot, live->blocks[i].thread);
        CHECK(row != NULL && !row->alive);
        CHECK_DOUBLE(row->alloc_bytes, live->blocks[i].size);
        for (size_t j = 0; j < i; j++) CHECK(live->blocks[j].thread != live->blocks[i].thread);
    }
    cc_profile_live_free(live);
    cc_profile_snapshot_free(snapshot);
    for (size_t i = 0; i < 4; i++) cc_free(from_threads[i], 100 + i);
    cc_profile_free(profile);
}

int main(void) {
    cc_profile_set_frame_provider(&provider);
    RUN(test_cap_and_order);
    RUN(test_times);
    RUN(test_blocks_of_ended_threads);
    return 0;
}
