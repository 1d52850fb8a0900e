/* test_histogram.c: the log-linear histogram and the log-spaced buckets it is merged into.
 * variants: release debug asan */
#include "base/histogram.h"

#include <math.h>

#include "../check.h"

static void test_the_index_never_falls(void) {
    unsigned last = 0;
    CHECK_EQUAL(cc__histogram_index(0), 0);
    for (uint64_t value = 1; value < 1 << 20; value++) {
        unsigned index = cc__histogram_index(value);
        CHECK(index == last || index == last + 1); /* and leaves no bucket out */
        last = index;
    }
    for (unsigned bit = 20; bit < 64; bit++) {
        for (int step = -1; step <= 1; step++) {
            unsigned index = cc__histogram_index(((uint64_t)1 << bit) + (uint64_t)(int64_t)step);
            CHECK(index >= last && index < CC__HISTOGRAM_SIZE);
            last = index;
        }
    }
    CHECK_EQUAL(cc__histogram_index(UINT64_MAX), CC__HISTOGRAM_SIZE - 1);
    CHECK_EQUAL(cc__histogram_index(((uint64_t)1 << 49) - 1), CC__HISTOGRAM_SIZE - 1);
    CHECK(cc__histogram_index(((uint64_t)1 << 49) - ((uint64_t)1 << 42) - 1) < CC__HISTOGRAM_SIZE - 1);
}

static void test_the_middle_is_within_its_bucket_and_0_8_percent(void) {
    for (unsigned index = 0; index < CC__HISTOGRAM_SIZE; index++)
        CHECK_EQUAL(cc__histogram_index((uint64_t)cc__histogram_middle(index)), index);
    uint64_t state = 99;
    for (int i = 0; i < 1000000; i++) {
        uint64_t value =
            ((uint64_t)check_random(&state) << 32 | check_random(&state)) >> (15 + check_random(&state) % 49);
        double middle = cc__histogram_middle(cc__histogram_index(value));
        CHECK(fabs(middle - (double)value) <= 0.008 * (double)value);
    }
    for (uint64_t value = 0; value < 128; value++)
        CHECK(cc__histogram_middle(cc__histogram_index(value)) == (double)value);
}

static void test_log_buckets(void) {
    static const unsigned sizes[] = {1, 2, 10, 11, 100, 1000, 100000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        unsigned buckets = sizes[s], last = 0;
        CHECK_EQUAL(cc__log_bucket(0, buckets), 0);
        CHECK_EQUAL(cc__log_bucket(-5, buckets), 0);
        CHECK_EQUAL(cc__log_bucket(NAN, buckets), 0);
        CHECK_EQUAL(cc__log_bucket(0.5, buckets), 0);
        CHECK_EQUAL(cc__log_bucket(1, buckets), 0);
        CHECK_EQUAL(cc__log_bucket(1e11, buckets), buckets - 1);
        CHECK_EQUAL(cc__log_bucket(1e300, buckets), buckets - 1);
        CHECK_EQUAL(cc__log_bucket(INFINITY, buckets), buckets - 1);
        for (double ns = 1; ns < 1e12; ns *= 1.0137) {
            unsigned bucket = cc__log_bucket(ns, buckets);
            CHECK(bucket >= last && bucket < buckets);
            last = bucket;
            /* between 10^(11 i / buckets) and 10^(11 (i + 1) / buckets), but for the last digits */
            if (ns < 1e11) {
                CHECK(ns >= pow(10, 11.0 * bucket / buckets) * (1 - 1e-9));
                CHECK(ns <= pow(10, 11.0 * (bucket + 1) / buckets) * (1 + 1e-9));
            }
        }
    }
}

/* A percentile read from the middles of buckets is within their width of the true one. */
static void test_percentiles(void) {
    enum { VALUES = 100000 };
    static uint64_t counts[CC__HISTOGRAM_SIZE];
    uint64_t state = 5;
    for (int i = 0; i < VALUES; i++) counts[cc__histogram_index(1000 + check_random(&state) % 1000000)]++;
    static const double percents[] = {0.01, 0.5, 0.9, 0.99, 0.999};
    for (size_t p = 0; p < sizeof percents / sizeof *percents; p++) {
        uint64_t rank = (uint64_t)(percents[p] * VALUES), seen = 0;
        unsigned index = 0;
        while (seen + counts[index] <= rank) seen += counts[index++];
        double truth = 1000 + 1000000 * percents[p];
        /* 5 standard errors of the rank, and the bucket */
        double most = 5 * sqrt(percents[p] * (1 - percents[p]) / VALUES) * 1000000 + 0.008 * truth;
        CHECK(fabs(cc__histogram_middle(index) - truth) <= most);
    }
}

int main(void) {
    RUN(test_the_index_never_falls);
    RUN(test_the_middle_is_within_its_bucket_and_0_8_percent);
    RUN(test_log_buckets);
    RUN(test_percentiles);
    return 0;
}
