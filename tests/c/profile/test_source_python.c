/* test_source_python.c: allocators below cc_profile_wrap: each call is recorded once, with the caller's size, and the
 * caller gets what the allocator gave; and whose wrapper lies where (cc_profile_unwrap, cc_profile_reaches).
 * variants: release debug asan tsan valgrind */
#include <stdatomic.h>

#include "fake_allocators.h"

static const size_t sizes[] = {0, 1, 8, 9, 16, 17, 480, 481, 512, 513, 65534, 65535, 65536, 1 << 20};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void check_domain(cc_profile_t *profile, unsigned domain, double allocs, double frees, double alloc_bytes,
                         double free_bytes) {
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(sum_of_bins(snapshot->domains[domain].alloc_bins), allocs);
    CHECK_DOUBLE(sum_of_bins(snapshot->domains[domain].free_bins), frees);
    CHECK_DOUBLE(snapshot->domains[domain].alloc_bytes, alloc_bytes);
    CHECK_DOUBLE(snapshot->domains[domain].free_bytes, free_bytes);
    CHECK_DOUBLE(snapshot->alloc_count, allocs); /* and in no other domain */
    CHECK_DOUBLE(snapshot->free_count, frees);
    CHECK_DOUBLE(snapshot->untracked_frees, 0);
    cc_profile_snapshot_free(snapshot);
}

/* Several rounds: so that timed operations are met, too. */
static void every_size(unsigned domain, bool zeroed) {
    cc_profile_t *profile = start_exact(BIT_ALL);
    enum { ROUNDS = 40 };
    static char *blocks[ROUNDS][SIZES];
    int rounds = SCALED(ROUNDS);
    double bytes = 0;
    for (int round = 0; round < rounds; round++) {
        for (size_t i = 0; i < SIZES; i++) {
            fake_calls = 0;
            char *block = zeroed ? domain_calloc(domain, sizes[i], 1) : domain_alloc(domain, sizes[i]);
            CHECK(block != NULL);
            if (domain != CC_PROFILE_OBJECT) CHECK_EQUAL(fake_calls, 1);
            CHECK(fake_asked >= sizes[i]);
            CHECK(fake_asked <= (sizes[i] < 9 ? 9 : sizes[i]) + FAKE_HEADER);
            if (zeroed)
                for (size_t at = 0; at < sizes[i]; at++) CHECK(block[at] == 0);
            memset(block, 0x33, sizes[i]);
            blocks[round][i] = block;
            bytes += (double)sizes[i];
        }
    }
    check_domain(profile, domain, rounds * SIZES, 0, bytes, 0);
    for (int round = 0; round < rounds; round++)
        for (size_t i = 0; i < SIZES; i++) domain_free(domain, blocks[round][i], sizes[i]);
    check_domain(profile, domain, rounds * SIZES, rounds * SIZES, bytes, bytes);
    cc_profile_free(profile);
}

static void test_every_size_in_every_domain(void) {
    for (unsigned d = CC_PROFILE_RAW; d <= CC_PROFILE_OBJECT; d++) {
        every_size(d, false);
        every_size(d, true);
    }
}

static void test_realloc(void) {
    for (unsigned d = CC_PROFILE_RAW; d <= CC_PROFILE_OBJECT; d++) {
        cc_profile_t *profile = start_exact(BIT_ALL);
        char *block = domain_realloc(d, NULL, 0, 100); /* is an allocation */
        check_domain(profile, d, 1, 0, 100, 0);
        memset(block, 0x42, 100);
        block = domain_realloc(d, block, 100, 90); /* likely in place */
        check_domain(profile, d, 2, 1, 190, 100);
        block = domain_realloc(d, block, 90, 1 << 20); /* moved */
        check_domain(profile, d, 3, 2, 190 + (1 << 20), 190);
        for (size_t i = 0; i < 90; i++) CHECK_EQUAL(block[i], 0x42);
        fake_refuse = true;
        CHECK(domain_realloc(d, block, 1 << 20, 50) == NULL);
        fake_refuse = false;
        check_domain(profile, d, 3, 2, 190 + (1 << 20), 190); /* the record is back */
        block = domain_realloc(d, block, 1 << 20, 0);
        CHECK(block != NULL);
        check_domain(profile, d, 4, 3, 190 + (1 << 20), 190 + (1 << 20));
        domain_free(d, block, 0);
        check_domain(profile, d, 4, 4, 190 + (1 << 20), 190 + (1 << 20));
        domain_free(d, NULL, 0);
        cc_profile_snapshot_t *snapshot = read_checked(profile);
        CHECK_DOUBLE(snapshot->failed, 1);
        CHECK_DOUBLE(snapshot->free_count, 4);
        cc_profile_snapshot_free(snapshot);
        cc_profile_free(profile);
    }
}

static void test_failures(void) {
    for (unsigned d = CC_PROFILE_RAW; d <= CC_PROFILE_OBJECT; d++) {
        for (int options = 0; options < 2; options++) {
            cc_profile_options_t wanted = exact_options(BIT_ALL);
            wanted.timestamps = options == 1;
            cc_profile_t *profile = start_with(wanted);
            fake_refuse = true;
            for (int i = 0; i < 200; i++) CHECK(domain_alloc(d, 10) == NULL);
            CHECK(domain_calloc(d, 10, 10) == NULL);
            CHECK(domain_realloc(d, NULL, 0, 1000) == NULL);
            fake_refuse = false;
            fake_calls = 0;
            CHECK(domain_calloc(d, check_hide(SIZE_MAX), 2) == NULL); /* overflow: nobody is asked */
            CHECK(domain_calloc(d, check_hide((size_t)1 << 33), (size_t)1 << 33) == NULL);
            CHECK_EQUAL(fake_calls, 0);
            check_domain(profile, d, 0, 0, 0, 0);
            cc_profile_snapshot_t *snapshot = read_checked(profile);
            CHECK_DOUBLE(snapshot->failed, 202);
            cc_profile_snapshot_free(snapshot);
            cc_profile_free(profile);
        }
    }
}

static void test_idle_wrappers_pass_everything_on(void) {
    for (unsigned d = CC_PROFILE_RAW; d <= CC_PROFILE_OBJECT; d++) {
        for (size_t i = 0; i < SIZES; i++) {
            char *block = domain_alloc(d, sizes[i]);
            CHECK(block != NULL);
            if (d != CC_PROFILE_OBJECT) CHECK_EQUAL(fake_asked, sizes[i]);
            block = domain_realloc(d, block, sizes[i], sizes[i] + 1);
            CHECK(block != NULL);
            domain_free(d, block, sizes[i] + 1);
        }
        CHECK(domain_calloc(d, check_hide(SIZE_MAX), 2) == NULL);
    }
}

static void test_a_domain_that_is_not_asked_for_is_not_seen(void) {
    for (unsigned seen = 0; seen < CC_PROFILE_DOMAINS; seen++) {
        if ((FAKE_ALL >> seen & 1) == 0) continue;
        cc_profile_t *profile = start_exact(1u << seen);
        for (unsigned d = 0; d < CC_PROFILE_DOMAINS; d++)
            if ((FAKE_ALL >> d & 1) != 0) domain_free(d, domain_alloc(d, 100), 100);
        check_domain(profile, seen, 1, 1, 100, 100);
        cc_profile_free(profile);
    }
    /* The raw domain alone sees what the object allocator takes from it. */
    cc_profile_t *profile = start_exact(BIT_RAW);
    domain_free(CC_PROFILE_OBJECT, domain_alloc(CC_PROFILE_OBJECT, 5000), 5000);
    check_domain(profile, CC_PROFILE_RAW, 1, 1, 5000 + FAKE_HEADER, 5000 + FAKE_HEADER);
    cc_profile_free(profile);
}

/* Only the outermost call counts, in sampled sessions as well. */
static void test_nothing_counts_twice_when_sampled(void) {
    cc_profile_options_t options = exact_options(BIT_ALL);
    options.sample_rate = 0.5;
    cc_profile_t *profile = start_with(options);
    for (int i = 0; i < SCALED(4000); i++)
        domain_free(CC_PROFILE_OBJECT, domain_alloc(CC_PROFILE_OBJECT, 400 + (size_t)i % 300), 0);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(sum_of_bins(snapshot->domains[CC_PROFILE_RAW].alloc_bins), 0);
    CHECK_DOUBLE(sum_of_bins(snapshot->domains[CC_PROFILE_RAW].free_bins), 0);
    CHECK(snapshot->estimated && snapshot->samples > 0);
    CHECK_DOUBLE(snapshot->current, 0);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
}

/* ---- whose wrapper lies where ------------------------------------------------------------------------------------ */

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
        CHECK(cc_profile_reaches(d, &tool));            /* through another tool */
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
    wrap_all();                   /* known ones still can */
    domain_free(CC_PROFILE_RAW, domain_alloc(CC_PROFILE_RAW, 10), 10);
}

int main(void) {
    wrap_all();
    RUN(test_every_size_in_every_domain);
    RUN(test_realloc);
    RUN(test_failures);
    RUN(test_idle_wrappers_pass_everything_on);
    RUN(test_a_domain_that_is_not_asked_for_is_not_seen);
    RUN(test_nothing_counts_twice_when_sampled);
    RUN(test_wrong_arguments);
    RUN(test_unwrap_gives_the_original_back);
    RUN(test_reaches_while_idle_and_while_recording);
    RUN(test_probes_from_several_threads);
    RUN(test_wrapping_again_costs_nothing);
    RUN(test_too_many_originals);
    return 0;
}
