/* test_peaks.c: the peak, against the workload's own arithmetic.
 * variants: release debug nostats asan tsan valgrind */
#include "profile_check.h"

static void test_the_peak(void) {
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    uint64_t state = 7;
    enum { BLOCKS = 400 };
    static struct {
        void *pointer;
        size_t size;
    } blocks[BLOCKS];
    double current = 0, peak = 0;
    for (int i = 0; i < SCALED(40000); i++) {
        unsigned which = check_random(&state) % BLOCKS;
        if (blocks[which].pointer != NULL) {
            cc_free(blocks[which].pointer, blocks[which].size);
            current -= (double)blocks[which].size;
            blocks[which].pointer = NULL;
        } else {
            size_t size = 1 + check_random(&state) % (check_random(&state) % 16 == 0 ? 100000 : 600);
            blocks[which].pointer = cc_alloc(size);
            blocks[which].size = size;
            current += (double)size;
            if (current > peak) peak = current;
        }
    }
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->current, current);
    CHECK_NEAR(snapshot->peak, peak, snapshot->peak_error);
    CHECK(snapshot->peak_error <= 100000);
    cc_profile_snapshot_free(snapshot);
    for (int i = 0; i < BLOCKS; i++) cc_free(blocks[i].pointer, blocks[i].size);
    memset(blocks, 0, sizeof blocks);
    cc_profile_free(profile);
}

int main(void) {
    RUN(test_the_peak);
    return 0;
}
