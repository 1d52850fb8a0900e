/* test_flows.c: the matrix of flows, entry by entry.
 * variants: release debug asan tsan */
#include "profile_check.h"

/* Main allocates, each thread frees its share. */
enum { THREADS = 8 };
static void *shares[THREADS][100];

static void free_share(size_t self, void *unused) {
    (void)unused;
    for (size_t i = 0; i < 10 * (self + 1); i++) cc_free(shares[self][i], 64);
}

static void test_the_flow_matrix(void) {
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    for (size_t t = 0; t < THREADS; t++)
        for (size_t i = 0; i < 10 * (t + 1); i++) shares[t][i] = cc_alloc(64);
    check_threads(THREADS, free_share, NULL);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_EQUAL(snapshot->flow_count, THREADS);
    CHECK_DOUBLE(snapshot->cross_thread_frees, 360);
    CHECK_DOUBLE(snapshot->current, 0);
    unsigned seen = 0;
    for (size_t i = 0; i < snapshot->flow_count; i++) {
        const cc_profile_flow_t *flow = &snapshot->flows[i];
        CHECK_DOUBLE(flow->bytes, 64 * flow->count);
        CHECK_DOUBLE(fmod(flow->count, 10), 0);
        seen |= 1u << (unsigned)(flow->count / 10);
        CHECK_DOUBLE(find_row(snapshot, flow->free_thread)->received, flow->count);
        CHECK_DOUBLE(find_row(snapshot, flow->alloc_thread)->sent, 360);
    }
    CHECK_EQUAL(seen, 0x1FE);
    /* A nested profile sees none of the flows of before, and only its own blocks. */
    for (size_t t = 0; t < THREADS; t++)
        for (size_t i = 0; i < 10 * (t + 1); i++) shares[t][i] = cc_alloc(64);
    cc_profile_t *inner = start_exact(BIT_RUNTIME);
    for (size_t i = 0; i < 10; i++) {
        cc_free(shares[0][i], 64);
        shares[0][i] = cc_alloc(64);
    }
    check_threads(THREADS, free_share, NULL);
    cc_profile_snapshot_free(snapshot);
    snapshot = read_checked(inner);
    CHECK_EQUAL(snapshot->flow_count, 1);
    CHECK_DOUBLE(snapshot->flows[0].count, 10);
    CHECK_DOUBLE(snapshot->untracked_frees, 360);
    CHECK_DOUBLE(snapshot->current, 0);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(inner);
    snapshot = read_checked(profile);
    CHECK_EQUAL(snapshot->flow_count, 2 * THREADS);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
}

int main(void) {
    RUN(test_the_flow_matrix);
    return 0;
}
