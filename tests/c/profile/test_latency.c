/* test_latency.c: histograms hold each timed operation once, in any number of buckets.
 * variants: release debug asan */
#include "profile_check.h"

static void test_latency_of_all(void) {
    for (int sampled = 0; sampled < 2; sampled++) {
        cc_profile_options_t options = exact_options(BIT_RUNTIME);
        options.latency = true;
        options.sample_rate = sampled ? 0.5 : 1;
        cc_profile_t *profile = start_with(options);
        for (int i = 0; i < SCALED(20000); i++) cc_free(cc_alloc(100), 100);
        cc_profile_snapshot_t *snapshot = read_checked(profile);
        static double counts[1000];
        double timed[2], sum = 0;
        for (int frees = 0; frees < 2; frees++) {
            static const unsigned buckets[] = {1, 10, 1000};
            timed[frees] = cc_profile_latency_buckets(snapshot, frees == 1, 0, counts);
            for (size_t b = 0; b < 3; b++) {
                CHECK_DOUBLE(cc_profile_latency_buckets(snapshot, frees == 1, buckets[b], counts), timed[frees]);
                sum = 0;
                for (unsigned i = 0; i < buckets[b]; i++) sum += counts[i];
                CHECK_DOUBLE(sum, timed[frees]);
            }
        }
        cc_profile_clock_t clock;
        cc_profile_latency_clock(snapshot, &clock);
        CHECK(strcmp(clock.name, "cycle counter") == 0 || strcmp(clock.name, "monotonic clock") == 0);
        CHECK(timed[0] + timed[1] > 0);
        CHECK(clock.timed_fraction > 0 && clock.timed_fraction <= 1);
        CHECK(clock.overhead_ns >= 0 && clock.floor_ns > 0);
        CHECK(clock.alloc_sum_ns + clock.free_sum_ns >= 0);
        if (!sampled) CHECK(clock.timed_fraction < 0.05);
        cc_profile_snapshot_free(snapshot);
        cc_profile_free(profile);
    }
    cc_profile_t *profile = start_exact(BIT_RUNTIME); /* not asked for */
    for (int i = 0; i < 1000; i++) cc_free(cc_alloc(100), 100);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    double count;
    CHECK_DOUBLE(cc_profile_latency_buckets(snapshot, false, 1, &count), 0);
    CHECK_DOUBLE(count, 0);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
}

int main(void) {
    RUN(test_latency_of_all);
    return 0;
}
