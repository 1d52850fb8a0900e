/* test_source_runtime.c: each call of cc/alloc.h counts once, with the size that the caller asked for.
 * variants: release debug nostats asan tsan valgrind */
#include "profile_check.h"

static void test_every_call_counts_what_the_caller_asked_for(void) {
    static const size_t sizes[] = {1, 8, 9, 16, 17, 24, 511, 512, 513, 65534, 65535, 65536, 1 << 20};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    double bytes = 0;
    void *blocks[SIZES];
    for (size_t i = 0; i < SIZES; i++) {
        blocks[i] = cc_alloc(sizes[i]);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], 0x5A, sizes[i]);
        bytes += (double)sizes[i];
        cc_profile_snapshot_t *snapshot = read_checked(profile);
        CHECK_DOUBLE(snapshot->alloc_count, (double)i + 1);
        CHECK_DOUBLE(snapshot->alloc_bytes, bytes);
        CHECK_DOUBLE(snapshot->peak, bytes);
        CHECK_DOUBLE(snapshot->domains[CC_PROFILE_RUNTIME].alloc_bytes, bytes);
        cc_profile_snapshot_free(snapshot);
    }
    for (size_t i = 0; i < SIZES; i++) cc_free_unsized(blocks[i]); /* the recorder knows the size */
    void *node = cc_alloc_node(24), *aligned = cc_alloc_aligned(100, 4096), *zeroed = cc_calloc(3, 7);
    CHECK_EQUAL((uintptr_t)node % CC_CACHE_LINE_SIZE, 0);
    CHECK_EQUAL((uintptr_t)aligned % 4096, 0);
    for (size_t i = 0; i < 21; i++) CHECK_EQUAL(((char *)zeroed)[i], 0);
    zeroed = cc_realloc(zeroed, 21, 300);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->alloc_count, SIZES + 4);
    CHECK_DOUBLE(snapshot->alloc_bytes, bytes + 24 + 100 + 21 + 300);
    CHECK_DOUBLE(snapshot->free_count, SIZES + 1);
    CHECK_DOUBLE(snapshot->free_bytes, bytes + 21);
    CHECK_DOUBLE(snapshot->current, 424);
    CHECK_DOUBLE(snapshot->peak, bytes);
    CHECK_DOUBLE(snapshot->untracked_frees, 0);
    cc_profile_snapshot_free(snapshot);
    cc_free(node, 24);
    cc_free(aligned, 100);
    cc_free(zeroed, 300);
    snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->current, 0);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
}

static void test_failures_are_counted_apart(void) {
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    CHECK(cc_alloc(check_hide((size_t)1 << 60)) == NULL);
    void *block = cc_alloc(100);
    memset(block, 0x42, 100);
    CHECK(cc_realloc(block, 100, check_hide((size_t)1 << 60)) == NULL);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->failed, 2);
    CHECK_DOUBLE(snapshot->alloc_count, 1);
    CHECK_DOUBLE(snapshot->free_count, 0);
    CHECK_DOUBLE(snapshot->current, 100);
    cc_profile_snapshot_free(snapshot);
    cc_free(block, 100);
    snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->free_bytes, 100); /* the record was put back */
    CHECK_DOUBLE(snapshot->untracked_frees, 0);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
}

int main(void) {
    RUN(test_every_call_counts_what_the_caller_asked_for);
    RUN(test_failures_are_counted_apart);
    return 0;
}
