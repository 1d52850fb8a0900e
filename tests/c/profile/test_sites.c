/* test_sites.c: blocks by call stack, by a frame provider of our own.
 * variants: release debug asan tsan valgrind */
#include "frame_stack.h"

static const cc_profile_site_t *site_of(const cc_profile_live_t *live, uintptr_t code) {
    for (size_t i = 0; i < live->site_count; i++) {
        cc_profile_place_t frame;
        unsigned frames = cc_profile_site_frames(live->sites[i].site, &frame, 1);
        if (frames > 0 ? code_of(&frame) == code : code == 0) /* 0: the empty stack */
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
    for (size_t i = 0; i < live->block_count; i++)
        CHECK_EQUAL(live->blocks[i].size, 50); /* the largest, none of the held */
    for (size_t i = 1; i < live->site_count; i++) CHECK(live->sites[i].bytes <= live->sites[i - 1].bytes);
    for (uintptr_t s = 0; s < SITES; s++) {
        const cc_profile_site_t *site = site_of(live, 100 * (s + 1));
        CHECK(site != NULL && !site->held);
        CHECK_DOUBLE(site->count, EACH);
        CHECK_DOUBLE(site->bytes, 10.0 * (double)(s + 1) * EACH);
        cc_profile_place_t frames[4];
        CHECK_EQUAL(cc_profile_site_frames(site->site, frames, 4), 3);
        for (unsigned i = 0; i < 3; i++) CHECK(code_of(&frames[i]) == 100 * (s + 1) + i && frames[i].line == i);
        CHECK_EQUAL(cc_profile_site_frames(site->site, frames, 1), 3);
    }
    CHECK(site_of(live, 9)->held && !site_of(live, 0)->held);
    CHECK_EQUAL(atomic_load(&described), SITES * 3 + 2); /* each frame once */
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
    CHECK_EQUAL(cc_profile_site_frames(1, NULL, 0), 0);
}

/* Stacks that say the same are one, and a code object's address is another's after its end. */
static void test_code_objects_that_come_and_go(void) {
    cc_profile_t *profile = start_stacks(4, false);
    void *blocks[40];
    for (uintptr_t i = 0; i < 40; i++) {
        named = i < 20 ? 0 : 5000 + i % 2; /* what code 700 is called */
        stand_at(700, 3);
        blocks[i] = cc_alloc(64);
        cc_profile_code_ended((void *)(uintptr_t)700);
        cc_profile_code_ended((void *)(uintptr_t)1); /* was never seen */
    }
    cc_profile_live_t *live = live_now(profile, 1);
    CHECK_EQUAL(live->site_count, 3);
    CHECK_DOUBLE(site_of(live, 700)->count, 20);
    CHECK_DOUBLE(site_of(live, 5000)->count, 10);
    CHECK_DOUBLE(site_of(live, 5001)->count, 10);
    cc_profile_live_free(live);
    for (size_t i = 0; i < 40; i++) cc_free(blocks[i], 64);
    named = 0;
    cc_profile_free(profile);
}

/* More stacks than any cache of the recorder holds, twice. */
static void test_many_stacks(void) {
    enum { STACKS = SCALED(40000) };
    static void *blocks[2][STACKS];
    cc_profile_t *profile = start_stacks(8, false);
    for (int round = 0; round < 2; round++)
        for (uintptr_t i = 0; i < STACKS; i++) {
            stand_at(i % 200 * 1000 + 10, 2);
            for (unsigned at = 2; at < 8; at++) stack[at] = i / 200 + at * 10 + 1000000;
            depth = 8;
            blocks[round][i] = cc_alloc(32);
        }
    cc_profile_live_t *live = live_now(profile, 0);
    CHECK_EQUAL(live->site_count, STACKS);
    for (size_t i = 0; i < live->site_count; i++) CHECK_DOUBLE(live->sites[i].count, 2);
    cc_profile_snapshot_t *snapshot = read_now(profile);
    CHECK_DOUBLE(snapshot->dropped_stacks, 0);
    cc_profile_snapshot_free(snapshot);
    cc_profile_live_free(live);
    for (uintptr_t i = 0; i < STACKS; i++) cc_free(blocks[0][i], 32), cc_free(blocks[1][i], 32);
    cc_profile_free(profile);
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
    cc_profile_free(shallow);
    cc_free(block, 10);
    cc_free(other, 20);
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
                cc_profile_place_t frame;
                CHECK_EQUAL(cc_profile_site_frames(live->blocks[b].site, &frame, 1), 2);
                CHECK_EQUAL(code_of(&frame), code);
            }
            cc_profile_live_free(live);
        }
        cc_free(block, 4000 + index);
        cc_profile_free(profile);
    }
}

static void test_sites_of_profiles_that_come_and_go(void) {
    check_threads(3, start_and_free, NULL);
}

int main(void) {
    cc_profile_set_frame_provider(&provider);
    RUN(test_bytes_and_counts_by_site);
    RUN(test_code_objects_that_come_and_go);
    RUN(test_many_stacks);
    RUN(test_depth_is_the_largest_asked_for);
    RUN(test_sites_of_profiles_that_come_and_go);
    return 0;
}
