/* test_snapshot.c: what blocks take, by the allocator's size classes.
 * variants: release debug asan valgrind */
#include "fake_allocators.h"

static double block_bytes(cc_profile_t *profile, unsigned domain) {
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    double bytes = snapshot->domains[domain].alloc_block_bytes;
    cc_profile_snapshot_free(snapshot);
    return bytes;
}

/* The fakes round as CPython's object allocator does: to multiples of 16. */
static void test_small_blocks_are_exact(void) {
    double expected = 0;
    cc_profile_t *profile = start_exact(BIT_MEM);
    for (size_t size = 0; size <= 512; size++) {
        domain_free(CC_PROFILE_MEM, domain_alloc(CC_PROFILE_MEM, size), size);
        expected += size > 0 ? (double)((size + 15) / 16 * 16) : 16;
        if (size % 64 == 1) CHECK_DOUBLE(block_bytes(profile, CC_PROFILE_MEM), expected);
    }
    CHECK_DOUBLE(block_bytes(profile, CC_PROFILE_MEM), expected);
    cc_profile_free(profile);
}

/* Of large ones only the bin is known: what they take is right on average over the bin's sizes. */
static void test_large_blocks_are_right_on_average(void) {
    double expected = 0;
    size_t blocks = 0;
    cc_profile_t *profile = start_exact(BIT_MEM);
    for (size_t size = 513; size <= 4096; size++, blocks++) {
        domain_free(CC_PROFILE_MEM, domain_alloc(CC_PROFILE_MEM, size), size);
        expected += (double)((size + 15) / 16 * 16);
    }
    CHECK_NEAR(block_bytes(profile, CC_PROFILE_MEM), expected, 0.5 * (double)blocks);
    cc_profile_free(profile);
}

/* A sampled block's bytes and those that it takes weigh the same. */
static void test_sampled_blocks_weigh_the_same(void) {
    cc_profile_options_t options = exact_options(BIT_MEM);
    options.sample_rate = 0.5;
    cc_profile_t *profile = start_with(options);
    for (int i = 0; i < 1000; i++) domain_free(CC_PROFILE_MEM, domain_alloc(CC_PROFILE_MEM, 24), 24);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    const cc_profile_domain_t *domain = &snapshot->domains[CC_PROFILE_MEM];
    CHECK(domain->alloc_bytes > 0);
    CHECK_NEAR(domain->alloc_block_bytes, domain->alloc_bytes / 24 * 32, 1e-6 * domain->alloc_block_bytes);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
}

int main(void) {
    wrap_all();
    RUN(test_small_blocks_are_exact);
    RUN(test_large_blocks_are_right_on_average);
    RUN(test_sampled_blocks_weigh_the_same);
    return 0;
}
