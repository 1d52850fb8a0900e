/* test_reaches.c: cc_profile_wrap, _unwrap and _reaches: whose wrapper lies where, and what to do about it.
 * variants: release debug asan tsan valgrind */
#include <stdatomic.h>

#include "fake_allocators.h"

/* Another tool's wrapper on top of ours. */
static const cc_profile_allocator_t *tool_below;
static atomic_size_t tool_calls;

static void *tool_malloc(void *context, size_t size) {
    (void)context;
    atomic_fetch_add(&tool_calls, 1);
    return tool_below->malloc(tool_below->context, size);
}

static void *tool_calloc(void *context, size_t count, size_t size) {
    (void)context;
    return tool_below->calloc(tool_below->context, count, size);
}

static void *tool_realloc(void *context, void *pointer, size_t size) {
    (void)context;
    return tool_below->realloc(tool_below->context, pointer, size);
}

static void tool_free(void *context, void *pointer) {
    (void)context;
    tool_below->free(tool_below->context, pointer);
}

static const cc_profile_allocator_t tool = {NULL, tool_malloc, tool_calloc, tool_realloc, tool_free};

static void test_wrong_arguments(void) {
    cc_profile_allocator_t below = {NULL, fake_malloc, fake_calloc, fake_realloc, fake_free}, top;
    CHECK_EQUAL(cc_profile_wrap(CC_PROFILE_RUNTIME, &below, 0, &top), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_profile_wrap(CC_PROFILE_SQLITE, &below, 0, &top), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_profile_wrap(CC_PROFILE_DOMAINS, &below, 0, &top), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_profile_wrap(CC_PROFILE_RAW, NULL, 0, &top), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_profile_wrap(CC_PROFILE_RAW, &below, 0, NULL), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_profile_wrap(CC_PROFILE_RAW, &below, CC_PROFILE_CLASSES_MIMALLOC + 1, &top), CC_ERROR_ARGUMENT);
    CHECK(!cc_profile_reaches(CC_PROFILE_RUNTIME, &below));
    CHECK(!cc_profile_reaches(CC_PROFILE_SQLITE, &below));
    CHECK(!cc_profile_reaches(CC_PROFILE_DOMAINS, &below));
    CHECK(!cc_profile_unwrap(CC_PROFILE_RUNTIME, &below, &top));
    CHECK(!cc_profile_unwrap(CC_PROFILE_SQLITE, &below, &top));
    CHECK(!cc_profile_unwrap(CC_PROFILE_DOMAINS, &below, &top));
}

static void test_unwrap_gives_the_original_back(void) {
    for (unsigned d = CC_PROFILE_RAW; d <= CC_PROFILE_OBJECT; d++) {
        cc_profile_allocator_t original;
        memset(&original, 0, sizeof original);
        CHECK(cc_profile_unwrap(d, &fakes[d].top, &original));
        CHECK(memcmp(&original, &fakes[d].below, sizeof original) == 0);
        CHECK(!cc_profile_unwrap(d, &fakes[d].below, &original));
        CHECK(!cc_profile_unwrap(d, &tool, &original));
        CHECK(!cc_profile_unwrap(d, &fakes[d % 3 + 1].top, &original)); /* another domain's */
    }
}

static void reach_all(void) {
    for (unsigned d = CC_PROFILE_RAW; d <= CC_PROFILE_OBJECT; d++) {
        tool_below = &fakes[d].top;
        CHECK(cc_profile_reaches(d, &fakes[d].top));
        CHECK(cc_profile_reaches(d, &tool)); /* through another tool */
        CHECK(!cc_profile_reaches(d, &fakes[d].below)); /* our wrapper was dropped */
        tool_below = &fakes[d].below;
        CHECK(!cc_profile_reaches(d, &tool));
        for (unsigned other = CC_PROFILE_RAW; other <= CC_PROFILE_OBJECT; other++)
            CHECK_EQUAL(cc_profile_reaches(other, &fakes[d].top), other == d);
    }
}

static void test_reaches_while_idle_and_while_recording(void) {
    reach_all();
    cc_profile_t *profile = start_exact(BIT_ALL);
    reach_all();
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->alloc_count + snapshot->free_count + snapshot->untracked_frees, 0); /* probes do not count */
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
    profile = start_exact(BIT_RAW);
    reach_all();
    cc_profile_free(profile);
    reach_all();
}

/* Probes, starts and stops at once: no probe's answer is wrong, and nothing stays switched on. */
static void probe_or_profile(size_t index, void *unused) {
    (void)unused;
    for (int i = 0; i < SCALED(1000); i++) {
        if (index < 3)
            CHECK(cc_profile_reaches(CC_PROFILE_MEM, &fakes[CC_PROFILE_MEM].top));
        else if (i % 10 == 0)
            cc_profile_free(start_exact(i % 20 == 0 ? BIT_MEM : BIT_RAW));
        if (index == 2) domain_free(CC_PROFILE_MEM, domain_alloc(CC_PROFILE_MEM, 10), 10);
    }
}

static void test_probes_from_several_threads(void) {
    check_threads(4, probe_or_profile, NULL);
    cc_profile_t *profile = start_exact(BIT_RAW);
    domain_free(CC_PROFILE_MEM, domain_alloc(CC_PROFILE_MEM, 10), 10);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->alloc_count, 0);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
}

/* Putting the wrapper in place again, as after a tool that dropped it: same original, nothing new. */
static void test_wrapping_again_costs_nothing(void) {
    for (int i = 0; i < 1000; i++) wrap_all();
    domain_free(CC_PROFILE_RAW, domain_alloc(CC_PROFILE_RAW, 10), 10);
}

static void test_too_many_originals(void) {
    cc_profile_allocator_t below = fakes[CC_PROFILE_RAW].below, top;
    int status = CC_OK;
    size_t wrapped = 0;
    for (uintptr_t i = 1; i <= 100 && status == CC_OK; i++) {
        below.context = (void *)i;
        memset(&top, 0, sizeof top);
        status = cc_profile_wrap(CC_PROFILE_RAW, &below, CC_PROFILE_CLASSES_16, &top);
        if (status == CC_OK) wrapped++;
    }
    CHECK_EQUAL(status, CC_ERROR_LIMIT);
    CHECK(top.malloc == NULL);
    CHECK_EQUAL(wrapped, 64 - 3); /* three are fakes */
    wrap_all(); /* known ones still can */
    domain_free(CC_PROFILE_RAW, domain_alloc(CC_PROFILE_RAW, 10), 10);
}

int main(void) {
    wrap_all();
    RUN(test_wrong_arguments);
    RUN(test_unwrap_gives_the_original_back);
    RUN(test_reaches_while_idle_and_while_recording);
    RUN(test_probes_from_several_threads);
    RUN(test_wrapping_again_costs_nothing);
    RUN(test_too_many_originals);
    return 0;
}
