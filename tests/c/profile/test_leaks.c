/* test_leaks.c: the walk over live blocks: sites by a frame provider of our own, order, cap, times, threads.
 * variants: release debug asan tsan valgrind */
#include <stdatomic.h>
#include <unistd.h>

#include "profile_check.h"
#include "cc/alloc.h"

/* The provider's stack is what the thread says; code 9 is held by the interpreter. */
static __thread uintptr_t stack[CC_PROFILE_MAX_DEPTH];
static __thread unsigned depth;
static atomic_long pinned, pins;

static unsigned capture(cc_profile_frame_t *frames, unsigned limit, bool attached) {
    CHECK(!attached); /* the runtime's callers need not be */
    unsigned count = depth < limit ? depth : limit;
    for (unsigned i = 0; i < count; i++) frames[i] = (cc_profile_frame_t){(void *)stack[i], i};
    return count;
}

static uint64_t identify(uint64_t seed, unsigned limit, bool attached) {
    cc_profile_frame_t frames[CC_PROFILE_MAX_DEPTH];
    unsigned count = capture(frames, limit, attached);
    for (unsigned i = 0; i < count; i++)
        seed = cc_profile_mix(seed, (uintptr_t)frames[i].code << 8 ^ frames[i].offset);
    return seed;
}

static bool pin(const cc_profile_frame_t *frames, unsigned count) {
    atomic_fetch_add(&pinned, (long)count);
    atomic_fetch_add(&pins, 1);
    return count > 0 && (uintptr_t)frames[0].code == 9;
}

static void unpin(const cc_profile_frame_t *frames, unsigned count) {
    CHECK(count == 0 || frames[0].code != NULL);
    atomic_fetch_sub(&pinned, (long)count);
}

static const cc_profile_frame_provider_t provider = {identify, capture, pin, unpin};

static void stand_at(uintptr_t code, unsigned frames) {
    depth = frames;
    for (unsigned i = 0; i < frames; i++) stack[i] = code + i;
}

static cc_profile_t *start_stacks(unsigned frames, bool timestamps) {
    cc_profile_options_t options = exact_options(BIT_RUNTIME);
    options.stack_depth = frames;
    options.timestamps = timestamps;
    return start_with(options);
}

static const cc_profile_site_t *site_of(const cc_profile_live_t *live, uintptr_t code) {
    for (size_t i = 0; i < live->site_count; i++) {
        cc_profile_frame_t frame = {NULL, 0};
        unsigned frames = cc_profile_site_frames(live->sites[i].site, &frame, 1);
        if (frames > 0 ? (uintptr_t)frame.code == code : code == 0) /* 0: the empty stack */
            return &live->sites[i];
    }
    return NULL;
}

static void test_bytes_and_counts_by_site(void) {
    cc_profile_t *profile = start_stacks(4, false);
    enum { SITES = 5, EACH = 10 };
    void *blocks[SITES][EACH];
    for (uintptr_t s = 0; s < SITES; s++)
        for (size_t i = 0; i < EACH; i++) {
            stand_at(100 * (s + 1), 3);
            blocks[s][i] = cc_alloc(10 * (s + 1));
            stand_at(9, 2); /* held */
            if (i == 0) cc_free(cc_alloc(7), 7);
        }
    void *held = cc_alloc(5000);
    stand_at(0, 0);
    void *nowhere = cc_alloc(33); /* without any frame: nobody's but the program's */
    cc_profile_live_t *live = live_now(profile, 7);
    CHECK_DOUBLE(live->count, SITES * EACH + 1);
    CHECK_DOUBLE(live->bytes, 1533);
    CHECK_DOUBLE(live->held_count, 1);
    CHECK_DOUBLE(live->held_bytes, 5000);
    CHECK_EQUAL(live->block_count, 7);
    CHECK_EQUAL(live->site_count, SITES + 2);
    for (size_t i = 0; i < live->block_count; i++) CHECK_EQUAL(live->blocks[i].size, 50); /* the largest, none of the held */
    for (size_t i = 1; i < live->site_count; i++) CHECK(live->sites[i].bytes <= live->sites[i - 1].bytes);
    for (uintptr_t s = 0; s < SITES; s++) {
        const cc_profile_site_t *site = site_of(live, 100 * (s + 1));
        CHECK(site != NULL && !site->held);
        CHECK_DOUBLE(site->count, EACH);
        CHECK_DOUBLE(site->bytes, 10.0 * (double)(s + 1) * EACH);
        cc_profile_frame_t frames[4];
        CHECK_EQUAL(cc_profile_site_frames(site->site, frames, 4), 3);
        for (unsigned i = 0; i < 3; i++) CHECK((uintptr_t)frames[i].code == 100 * (s + 1) + i && frames[i].offset == i);
        CHECK_EQUAL(cc_profile_site_frames(site->site, frames, 1), 3);
    }
    CHECK(site_of(live, 9)->held && !site_of(live, 0)->held);
    CHECK_EQUAL(atomic_load(&pinned), SITES * 3 + 2);
    CHECK_EQUAL(atomic_load(&pins), SITES + 2);
    CHECK_EQUAL(cc_profile_site_frames(0, NULL, 0), 0);
    CHECK_EQUAL(cc_profile_site_frames(1000, NULL, 0), 0);
    cc_profile_live_free(live);
    for (size_t s = 0; s < SITES; s++)
        for (size_t i = 0; i < EACH; i++) cc_free(blocks[s][i], 10 * (s + 1));
    cc_free(held, 5000);
    cc_free(nowhere, 33);
    live = live_now(profile, 7);
    CHECK_EQUAL(live->site_count + live->block_count, 0);
    cc_profile_live_free(live);
    CHECK_EQUAL(cc_profile_stop(profile), CC_OK);
    cc_profile_free(profile);
    CHECK_EQUAL(atomic_load(&pinned), 0);
}

static void test_depth_is_the_largest_asked_for(void) {
    cc_profile_t *shallow = start_stacks(1, false), *deep = start_stacks(CC_PROFILE_MAX_DEPTH, false);
    stand_at(1000, CC_PROFILE_MAX_DEPTH);
    void *block = cc_alloc(10);
    cc_profile_live_t *live = live_now(deep, 1);
    CHECK_EQUAL(cc_profile_site_frames(live->blocks[0].site, NULL, 0), CC_PROFILE_MAX_DEPTH);
    cc_profile_live_free(live);
    cc_profile_free(deep);
    void *other = cc_alloc(20);
    live = live_now(shallow, 2);
    CHECK_EQUAL(live->block_count, 2);
    CHECK_EQUAL(cc_profile_site_frames(live->blocks[0].site, NULL, 0), 1);
    cc_profile_live_free(live);
    CHECK(atomic_load(&pinned) != 0); /* a profile is left */
    cc_profile_free(shallow);
    CHECK_EQUAL(atomic_load(&pinned), 0);
    cc_free(block, 10);
    cc_free(other, 20);
}

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
    for (size_t i = 0; i < BLOCKS; i++) cc_free(blocks[i], 1);
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

/* Profiles that begin while the last one ends: no site of the young one is among those that are forgotten. */
static void start_and_free(size_t index, void *unused) {
    (void)unused;
    for (int i = 0; i < SCALED(400); i++) {
        cc_profile_t *profile = start_stacks(2, false);
        uintptr_t code = 1000 * (index + 1) + (uintptr_t)i % 50 * 2;
        stand_at(code, 2);
        void *block = cc_alloc(4000 + index);
        if (i % 16 == 0) {
            cc_profile_live_t *live = live_now(profile, 20);
            for (size_t b = 0; b < live->block_count; b++) {
                if (live->blocks[b].size != 4000 + index || live->blocks[b].address != (uintptr_t)block) continue;
                cc_profile_frame_t frame = {NULL, 0};
                CHECK_EQUAL(cc_profile_site_frames(live->blocks[b].site, &frame, 1), 2);
                CHECK_EQUAL((uintptr_t)frame.code, code);
            }
            cc_profile_live_free(live);
        }
        cc_free(block, 4000 + index);
        cc_profile_free(profile);
    }
}

static void test_sites_of_profiles_that_come_and_go(void) {
    check_threads(3, start_and_free, NULL);
    CHECK_EQUAL(atomic_load(&pinned), 0);
}

int main(void) {
    cc_profile_set_frame_provider(&provider);
    RUN(test_bytes_and_counts_by_site);
    RUN(test_depth_is_the_largest_asked_for);
    RUN(test_cap_and_order);
    RUN(test_times);
    RUN(test_blocks_of_ended_threads);
    RUN(test_sites_of_profiles_that_come_and_go);
    return 0;
}
