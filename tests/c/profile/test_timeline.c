/* test_timeline.c: points are drawn while the program runs.
 * variants: release debug nostats asan tsan valgrind */
#include <unistd.h>

#include "profile_check.h"

static void test_seconds_and_points_go_on(void) {
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    for (int i = 0; i < 10; i++) {
        (void)usleep(5000);
        for (int j = 0; j < 2000; j++) cc_free(cc_alloc(32), 32);
    }
    cc_profile_snapshot_t *first = read_checked(profile), *second = read_checked(profile);
    CHECK(first->seconds >= 0.05 && second->seconds >= first->seconds);
    CHECK(first->point_count >= 3);
    CHECK(first->points[0].seconds > 0);
    CHECK_DOUBLE(first->points[first->point_count - 1].alloc_count, 20000);
    cc_profile_snapshot_free(first);
    cc_profile_snapshot_free(second);
    cc_profile_free(profile);
}

int main(void) {
    RUN(test_seconds_and_points_go_on);
    return 0;
}
