/* test_wrapped.c: allocators below cc_profile_wrap: each call is recorded once, with the caller's size, and the caller gets
 * what the allocator gave.
 * variants: release debug asan tsan valgrind */
#include <sys/mman.h>

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
        cc_profile_t *profile = start_exact(1u << seen);
        for (unsigned d = 0; d < CC_PROFILE_DOMAINS; d++) domain_free(d, domain_alloc(d, 100), 100);
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

/* ---- addresses of our own choice -------------------------------------------------------------------------------- */

static char *bump, *bump_last;

static void *bump_malloc(void *context, size_t size) {
    (void)context;
    bump_last = bump;
    bump += (size + 15) & ~(size_t)15;
    return bump_last;
}

static void *bump_realloc(void *context, void *pointer, size_t size) {
    (void)pointer; /* nothing is copied */
    return bump_malloc(context, size);
}

static void *bump_calloc(void *context, size_t count, size_t size) {
    return bump_malloc(context, count * size);
}

static void bump_free(void *context, void *pointer) {
    (void)context;
    (void)pointer;
}

enum { LEAF = 32 << 20 };

/* A block of each size in each of the last granules of a leaf, with all that is written beside its record. */
static void test_blocks_across_the_end_of_a_leaf(void) {
    char *area = mmap(NULL, 4 * (size_t)LEAF, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(area != MAP_FAILED);
    char *boundary = (char *)(((uintptr_t)area + 2 * (size_t)LEAF) & ~(uintptr_t)(LEAF - 1));
    cc_profile_allocator_t below = {NULL, bump_malloc, bump_calloc, bump_realloc, bump_free}, top;
    CHECK_EQUAL(cc_profile_wrap(CC_PROFILE_MEM, &below, CC_PROFILE_CLASSES_16, &top), CC_OK);
    cc_profile_options_t options = exact_options(BIT_MEM);
    options.timestamps = true;
    static const size_t across[] = {0, 17, 65534, 65535, 1 << 20};
    for (int sampled = 0; sampled < 2; sampled++) {
        options.sample_rate = sampled ? 1 - 1e-12 : 1; /* all of them, and the bitmap */
        cc_profile_t *profile = start_with(options);
        double count = 0, bytes = 0;
        for (int before = 4; before >= 1; before--) {
            for (size_t i = 0; i < sizeof across / sizeof *across; i++) {
                bump = boundary - 16 * before;
                void *block = top.malloc(NULL, across[i]);
                CHECK(block == boundary - 16 * before);
                count++;
                bytes += (double)across[i];
                cc_profile_live_t *live = live_now(profile, 4);
                CHECK_NEAR(live->count, 1, 1e-6);
                CHECK_EQUAL(live->block_count, 1);
                CHECK_EQUAL(live->blocks[0].address, (uintptr_t)block);
                CHECK_EQUAL(live->blocks[0].size, across[i]);
                CHECK(live->blocks[0].wall_ns != 0);
                cc_profile_live_free(live);
                top.free(NULL, block);
            }
        }
        cc_profile_snapshot_t *snapshot = read_checked(profile);
        CHECK_NEAR(snapshot->alloc_count, count, 1e-6);
        CHECK_NEAR(snapshot->free_bytes, bytes, 1);
        CHECK_NEAR(snapshot->current, 0, 1e-6);
        cc_profile_snapshot_free(snapshot);
        cc_profile_free(profile);
    }
    CHECK_EQUAL(munmap(area, 4 * (size_t)LEAF), 0);
    wrap_all();
}

/* Sizes that no memory backs. */
static void test_huge_blocks(void) {
    cc_profile_allocator_t below = {NULL, bump_malloc, bump_calloc, bump_realloc, bump_free}, top;
    CHECK_EQUAL(cc_profile_wrap(CC_PROFILE_MEM, &below, CC_PROFILE_CLASSES_16, &top), CC_OK);
    static const size_t huge[] = {(size_t)1 << 32, ((size_t)1 << 32) + 1, (size_t)1 << 40, ((size_t)1 << 46) - 16};
    cc_profile_t *profile = start_exact(BIT_MEM);
    double bytes = 0;
    void *blocks[4];
    for (size_t i = 0; i < 4; i++) {
        bump = (char *)(((uintptr_t)1 << 45) + i * LEAF);
        blocks[i] = top.malloc(NULL, huge[i]);
        bytes += (double)huge[i];
    }
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->alloc_bytes, bytes);
    CHECK_NEAR(snapshot->peak, bytes, snapshot->peak_error);
    cc_profile_snapshot_free(snapshot);
    for (size_t i = 0; i < 4; i++) top.free(NULL, blocks[i]);
    snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->free_bytes, bytes);
    cc_profile_snapshot_free(snapshot);

    /* Beyond the table's addresses: dropped, and said so. */
    bump = (char *)((uintptr_t)1 << 52);
    void *beyond = top.malloc(NULL, 100);
    CHECK(beyond == (char *)((uintptr_t)1 << 52));
    top.free(NULL, beyond);
    snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->dropped_records, 1);
    CHECK_DOUBLE(snapshot->alloc_count, 4);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
    wrap_all();
}

/* An exact session's small blocks never share a granule, though the allocator packs 8-byte blocks. */
static void test_eight_byte_blocks(void) {
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    enum { BLOCKS = 5000 };
    static void *blocks[BLOCKS];
    int count = SCALED(BLOCKS);
    for (int i = 0; i < count; i++) {
        blocks[i] = i % 3 == 2 ? cc_calloc(1, 1 + (size_t)i % 8) : cc_alloc(1 + (size_t)i % 8);
        if (i > 0) CHECK((uintptr_t)blocks[i] / 16 != (uintptr_t)blocks[i - 1] / 16);
    }
    cc_profile_live_t *live = live_now(profile, 0);
    CHECK_DOUBLE(live->count, count);
    CHECK_EQUAL(live->block_count, 0);
    cc_profile_live_free(live);
    for (int i = 0; i < count; i += 2) cc_free(blocks[i], 1 + (size_t)i % 8);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->free_count, (count + 1) / 2);
    cc_profile_snapshot_free(snapshot);
    for (int i = 1; i < count; i += 2) cc_free(blocks[i], 1 + (size_t)i % 8);
    cc_profile_free(profile);
}

int main(void) {
    RUN(test_blocks_across_the_end_of_a_leaf); /* first: the fewer blocks there were, the faster its walks */
    RUN(test_every_size_in_every_domain);
    RUN(test_realloc);
    RUN(test_failures);
    RUN(test_idle_wrappers_pass_everything_on);
    RUN(test_a_domain_that_is_not_asked_for_is_not_seen);
    RUN(test_nothing_counts_twice_when_sampled);
    RUN(test_huge_blocks);
    RUN(test_eight_byte_blocks);
    return 0;
}
