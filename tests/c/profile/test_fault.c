/* test_fault.c: the n-th request for memory fails, for all n of a scripted session: a clear status or a counted drop,
 * no crash, no leak, the program's own allocations untouched, and right figures for what was recorded.
 * variants: fault fault-libc */
#include "base/fault.h"

#include "fake_allocators.h"

static unsigned capture(cc_profile_frame_t *frames, unsigned limit, bool attached) {
    (void)attached;
    for (unsigned i = 0; i < limit; i++) frames[i] = (cc_profile_frame_t){frames, fake_calls % 7 + i};
    return limit;
}

static uint64_t identify(uint64_t seed, unsigned limit, bool attached) {
    (void)attached;
    for (unsigned i = 0; i < limit; i++) seed = cc_profile_mix(seed, fake_calls % 7 + i);
    return seed;
}

static void describe(const cc_profile_frame_t *frame, cc_profile_place_t *place) {
    static char file[40];
    (void)snprintf(file, sizeof file, "file %lu", (unsigned long)frame->offset);
    *place = (cc_profile_place_t){file, "function", (uint32_t)frame->offset, false};
}

static const cc_profile_frame_provider_t provider = {identify, capture, describe};

enum { BLOCKS = 20 };
static void *blocks[BLOCKS];

/* Only the recorder asks here: RAW is libc's malloc, outside the seam. */
static void allocate_all(size_t size) {
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = domain_alloc(CC_PROFILE_RAW, size + i);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], 0x77, size + i);
    }
}

static void free_some(size_t index, void *unused) {
    (void)index, (void)unused;
    for (size_t i = 0; i < BLOCKS; i += 2) {
        domain_free(CC_PROFILE_RAW, blocks[i], 0);
        blocks[i] = domain_alloc(CC_PROFILE_RAW, 9);
        CHECK(blocks[i] != NULL);
    }
}

static void free_all(void) {
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = domain_realloc(CC_PROFILE_RAW, blocks[i], 0, 70000);
        CHECK(blocks[i] != NULL);
        domain_free(CC_PROFILE_RAW, blocks[i], 0);
    }
}

static unsigned failures;

static bool worked(int status) {
    CHECK(status == CC_OK || status == CC_ERROR_MEMORY);
    failures += status != CC_OK;
    return status == CC_OK;
}

static void look_at(cc_profile_t *profile, bool walk) {
    cc_profile_snapshot_t *snapshot = NULL;
    if (worked(cc_profile_read(profile, &snapshot))) {
        CHECK(snapshot->alloc_count >= snapshot->free_count);
        CHECK(snapshot->alloc_bytes >= snapshot->free_bytes);
        failures += snapshot->dropped_records > 0 || snapshot->dropped_stacks > 0;
        cc_profile_snapshot_free(snapshot);
    } else {
        CHECK(snapshot == NULL);
    }
    if (!walk) return;
    cc_profile_live_t *live = NULL;
    if (worked(cc_profile_live(profile, 5, &live))) {
        for (size_t i = 0; i < live->site_count; i++) {
            cc_profile_place_t frames[8];
            CHECK(cc_profile_site_frames(live->sites[i].site, frames, 8) <= 8);
        }
        cc_profile_live_free(live);
    } else {
        CHECK(live == NULL);
    }
}

static void script(cc_profile_options_t options) {
    cc_profile_t *outer = NULL, *inner = NULL;
    bool begun = worked(cc_profile_start(&options, &outer));
    CHECK(begun == (outer != NULL));
    allocate_all(50);
    if (begun) look_at(outer, false);
    options.stack_depth = 8;
    bool nested = worked(cc_profile_start(&options, &inner));
    check_threads(1, free_some, NULL);
    if (nested) {
        look_at(inner, true);
        (void)worked(cc_profile_reset(inner));
    }
    free_some(0, NULL);
    if (begun && !worked(cc_profile_stop(outer))) {
        look_at(outer, false); /* it goes on */
        (void)worked(cc_profile_stop(outer));
    }
    free_all();
    if (begun) look_at(outer, false);
    if (nested) look_at(inner, false);
    cc_profile_free(outer);
    cc_profile_free(inner);
}

static void sweep(cc_profile_options_t options, bool persistent) {
    uint64_t number = 0, requests = 0;
    do {
        number++;
        failures = 0;
        cc_fault_arm(number, persistent);
        script(options);
        requests = cc_fault_requests();
        cc_fault_arm(0, false);
        if (persistent && number <= requests) CHECK(failures > 0);
        cc_profile_t *after = start_exact(BIT_RAW); /* all is well again */
        void *block = domain_alloc(CC_PROFILE_RAW, 100);
        cc_profile_snapshot_t *snapshot = read_now(after);
        check_quiet_sums(snapshot);
        CHECK_DOUBLE(snapshot->alloc_count, 1);
        CHECK_DOUBLE(snapshot->alloc_bytes, 100);
        cc_profile_snapshot_free(snapshot);
        domain_free(CC_PROFILE_RAW, block, 100);
        cc_profile_free(after);
    } while (number <= requests);
    CHECK(requests >= 20);
}

static void test_exact_sessions(void) {
    cc_profile_options_t options = exact_options(BIT_RAW);
    options.stack_depth = 4;
    options.timestamps = options.latency = true;
    sweep(options, false);
    sweep(options, true);
}

static void test_sampled_sessions(void) {
    cc_profile_options_t options = exact_options(BIT_RAW);
    options.sample_rate = 0.5;
    sweep(options, false);
    sweep(options, true);
}

/* In a process that never started a profile: the recorder's own tables, too. */
static void test_the_first_start(void) {
    cc_profile_options_t options = exact_options(BIT_RAW);
    for (uint64_t number = 1;; number++) {
        cc_profile_t *profile = NULL;
        cc_fault_arm(number, false);
        int status = cc_profile_start(&options, &profile);
        cc_fault_arm(0, false);
        CHECK_EQUAL(profile != NULL, status == CC_OK);
        cc_profile_free(profile);
        if (status == CC_OK) {
            CHECK(number >= 4);
            return;
        }
        CHECK_EQUAL(status, CC_ERROR_MEMORY);
    }
}

int main(void) {
    wrap_all();
    RUN(test_the_first_start);
    cc_profile_set_frame_provider(&provider);
    RUN(test_exact_sessions);
    RUN(test_sampled_sessions);
    return 0;
}
