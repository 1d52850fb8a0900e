/* test_counts.c: the limits of the bins, and which size falls into which.
 * variants: release debug nostats asan tsan valgrind */
#include "profile_check.h"

static void test_bins(void) {
    uint64_t below = 0;
    CHECK_EQUAL(cc_profile_bin_limit(0), 0);
    for (unsigned bin = 1; bin < CC_PROFILE_BINS; bin++) {
        uint64_t limit = cc_profile_bin_limit(bin);
        CHECK(limit > below);
        if (bin <= 64) CHECK_EQUAL(limit, 8 * bin);
        if (bin > 64) CHECK(limit - below <= limit / 4 && limit <= below + below / 4);
        below = limit;
    }
    CHECK(cc_profile_bin_limit(CC_PROFILE_BINS) == UINT64_MAX); /* no such bin */
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    void *blocks[3 * 40];
    size_t sizes[3 * 40], used = 0;
    for (unsigned bin = 60; bin < 100; bin++) {
        for (int i = 0; i < 3; i++) { /* the least, the largest, and the largest again */
            sizes[used] = i == 0 ? cc_profile_bin_limit(bin - 1) + 1 : cc_profile_bin_limit(bin);
            blocks[used] = cc_alloc(sizes[used]);
            used++;
        }
    }
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    for (unsigned bin = 0; bin < CC_PROFILE_BINS; bin++)
        CHECK_DOUBLE(snapshot->domains[CC_PROFILE_RUNTIME].alloc_bins[bin], bin >= 60 && bin < 100 ? 3 : 0);
    cc_profile_snapshot_free(snapshot);
    for (size_t i = 0; i < used; i++) cc_free(blocks[i], sizes[i]);
    snapshot = read_checked(profile);
    const cc_profile_domain_t *domain = &snapshot->domains[CC_PROFILE_RUNTIME];
    CHECK(memcmp(domain->alloc_bins, domain->free_bins, sizeof domain->alloc_bins) == 0);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
}

int main(void) {
    RUN(test_bins);
    return 0;
}
