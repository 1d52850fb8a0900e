/* test_estimate.c: estimates against the truth over many runs: unbiased, and as far off as their variance says.
 * variants: release debug asan */
#include "fake_allocators.h"

/* What one run does: sizes that differ by orders of magnitude, two thirds of them freed. */
enum { OPERATIONS = 600, RUNS = 300 };
static const size_t kinds[] = {8, 40, 300, 2000, 20000};
enum { KINDS = sizeof kinds / sizeof *kinds };

typedef struct tally {
    double truth, sum, squares, variance; /* of the estimates; of their reported variances */
} tally_t;

static void add(tally_t *tally, double truth, double estimate, double variance) {
    tally->truth += truth;
    tally->sum += estimate;
    tally->squares += (estimate - truth) * (estimate - truth);
    tally->variance += variance;
}

/* Within 5 standard errors of the truth over all runs, by the true variance of one run's estimate. */
static void check_unbiased(const tally_t *tally, int runs, double true_variance) {
    CHECK_NEAR(tally->sum, tally->truth, 5 * sqrt(true_variance * runs) + 1e-6 * tally->truth);
}

/* The reported variance is the true one on average, and the spread of the estimates is as it says. */
static void check_variance(const tally_t *tally, int runs, double true_variance) {
    CHECK_NEAR(tally->variance / runs, true_variance, 0.25 * true_variance);
    CHECK_NEAR(tally->squares / runs, true_variance, 0.45 * true_variance); /* 5 sigma: the fourth moment's */
}

static double chance(const cc_profile_options_t *options, size_t size) {
    if (options->sample_interval == 0) return options->sample_rate;
    return -expm1(-((double)size + 1) / (double)options->sample_interval);
}

static void estimate(cc_profile_options_t options, unsigned domain) {
    tally_t count = {0}, bytes = {0}, freed = {0}, freed_bytes = {0}, current = {0}, bins[KINDS] = {{0}};
    double count_variance = 0, bytes_variance = 0, freed_variance = 0, freed_bytes_variance = 0, current_variance = 0;
    double truth_bytes = 0, truth_freed = 0, truth_freed_bytes = 0, bin_variance[KINDS];
    for (int i = 0; i < OPERATIONS; i++) {
        size_t size = kinds[i % KINDS];
        double p = chance(&options, size), each = (1 - p) / p, square = (double)size * (double)size;
        truth_bytes += (double)size;
        count_variance += each;
        bytes_variance += each * square;
        bin_variance[i % KINDS] = each * OPERATIONS / KINDS;
        if (i % 3 == 0) {
            current_variance += each * square;
            continue;
        }
        truth_freed++;
        truth_freed_bytes += (double)size;
        freed_variance += each;
        freed_bytes_variance += each * square;
    }
    int runs = SCALED(RUNS);
    for (int run = 0; run < runs; run++) {
        static void *blocks[OPERATIONS];
        cc_profile_t *profile = start_with(options);
        for (int i = 0; i < OPERATIONS; i++) blocks[i] = domain_alloc(domain, kinds[i % KINDS]);
        for (int i = 0; i < OPERATIONS; i++)
            if (i % 3 != 0) domain_free(domain, blocks[i], kinds[i % KINDS]);
        cc_profile_snapshot_t *snapshot = read_now(profile);
        if (run % 50 == 0) check_live_agrees(profile, snapshot);
        check_quiet_sums(snapshot);
        const cc_profile_domain_t *found = &snapshot->domains[domain];
        add(&count, OPERATIONS, snapshot->alloc_count, found->alloc_count_variance);
        add(&bytes, truth_bytes, snapshot->alloc_bytes, found->alloc_bytes_variance);
        add(&freed, truth_freed, snapshot->free_count, found->free_count_variance);
        add(&freed_bytes, truth_freed_bytes, snapshot->free_bytes, found->free_bytes_variance);
        add(&current, truth_bytes - truth_freed_bytes, snapshot->alloc_bytes - snapshot->free_bytes, 0);
        for (unsigned k = 0; k < KINDS; k++) {
            unsigned bin = 0;
            while (cc_profile_bin_limit(bin) < kinds[k]) bin++;
            add(&bins[k], OPERATIONS / KINDS, found->alloc_bins[bin], 0);
        }
        cc_profile_snapshot_free(snapshot);
        for (int i = 0; i < OPERATIONS; i += 3) domain_free(domain, blocks[i], kinds[i % KINDS]);
        cc_profile_free(profile);
    }
    check_unbiased(&count, runs, count_variance);
    check_unbiased(&bytes, runs, bytes_variance);
    check_unbiased(&freed, runs, freed_variance);
    check_unbiased(&freed_bytes, runs, freed_bytes_variance);
    check_unbiased(&current, runs, current_variance);
    for (unsigned k = 0; k < KINDS; k++) check_unbiased(&bins[k], runs, bin_variance[k]);
    if (runs < RUNS) return; /* too few to know a spread by */
    check_variance(&count, runs, count_variance);
    check_variance(&bytes, runs, bytes_variance);
    check_variance(&freed, runs, freed_variance);
    check_variance(&freed_bytes, runs, freed_bytes_variance);
}

static void test_rates(void) {
    static const double rates[] = {0.1, 0.5, 0.9};
    for (size_t i = 0; i < 3; i++) {
        cc_profile_options_t options = exact_options(BIT_ALL);
        options.sample_rate = rates[i];
        estimate(options, (unsigned)i); /* the runtime, raw, mem */
    }
}

static void test_intervals(void) {
    static const uint64_t intervals[] = {100, 2000};
    for (size_t i = 0; i < 2; i++) {
        cc_profile_options_t options = exact_options(BIT_ALL);
        options.sample_interval = intervals[i];
        estimate(options, i == 0 ? CC_PROFILE_RUNTIME : CC_PROFILE_OBJECT);
    }
}

/* realloc and calloc take their part in the countdown. */
static void test_realloc_and_calloc(void) {
    cc_profile_options_t options = exact_options(BIT_ALL);
    options.sample_rate = 0.25;
    for (unsigned d = CC_PROFILE_RUNTIME; d < CC_PROFILE_DOMAINS; d++) {
        if ((FAKE_ALL >> d & 1) == 0) continue;
        cc_profile_t *profile = start_with(options);
        int count = SCALED(8000);
        for (int i = 0; i < count; i++) {
            void *block = domain_calloc(d, 10, 10);
            block = domain_realloc(d, block, 100, 200);
            domain_free(d, block, 200);
        }
        cc_profile_snapshot_t *snapshot = read_checked(profile);
        double most = 5 * sqrt(2 * count * 3.0); /* (1 - p) / p = 3 */
        CHECK_NEAR(snapshot->alloc_count, 2 * count, most);
        CHECK_NEAR(snapshot->alloc_bytes, 300.0 * count, 200 * most);
        CHECK_DOUBLE(snapshot->current, 0);
        CHECK_DOUBLE(snapshot->alloc_count, snapshot->free_count);
        CHECK_NEAR(snapshot->samples, snapshot->alloc_count / 4, 1e-6 * count);
        cc_profile_snapshot_free(snapshot);
        cc_profile_free(profile);
    }
}

/* A failed realloc of a sampled block puts its mark back, too. */
static void test_failed_realloc_of_sampled_blocks(void) {
    cc_profile_options_t options = exact_options(BIT_MEM);
    options.sample_rate = 0.5;
    cc_profile_t *profile = start_with(options);
    for (int i = 0; i < 100; i++) {
        void *block = domain_alloc(CC_PROFILE_MEM, 100);
        fake_refuse = true;
        CHECK(domain_realloc(CC_PROFILE_MEM, block, 100, 200) == NULL);
        fake_refuse = false;
        domain_free(CC_PROFILE_MEM, block, 100);
    }
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK(snapshot->samples > 0);
    CHECK_DOUBLE(snapshot->current, 0);
    CHECK_DOUBLE(snapshot->untracked_frees, 0);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
}

/* Blocks of exact sessions freed in sampled ones and the other way round, many times over. */
static void test_between_exact_and_sampled(void) {
    cc_profile_options_t options = exact_options(BIT_RUNTIME);
    options.sample_rate = 0.3;
    cc_profile_t *outer = start_with(options);
    enum { BLOCKS = 500 };
    static void *blocks[BLOCKS];
    for (int round = 0; round < SCALED(20); round++) {
        cc_profile_t *exact = round % 2 == 0 ? start_exact(BIT_RUNTIME) : NULL;
        for (int i = round % 3; i < BLOCKS; i += 3) {
            cc_free(blocks[i], 64);
            blocks[i] = cc_alloc(64);
        }
        if (exact != NULL) {
            cc_profile_snapshot_t *snapshot = read_now(exact);
            CHECK_DOUBLE(snapshot->alloc_count, (BLOCKS + 2 - round % 3) / 3);
            CHECK_DOUBLE(snapshot->free_count, 0);
            cc_profile_snapshot_free(snapshot);
        }
        cc_profile_free(exact);
    }
    cc_profile_snapshot_free(read_checked(outer));
    for (int i = 0; i < BLOCKS; i++) {
        cc_free(blocks[i], 64);
        blocks[i] = NULL;
    }
    cc_profile_snapshot_t *snapshot = read_checked(outer);
    CHECK_DOUBLE(snapshot->current, 0);
    CHECK_NEAR(snapshot->alloc_count, snapshot->free_count, 1e-6);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(outer);
}

int main(void) {
    wrap_all();
    RUN(test_rates);
    RUN(test_intervals);
    RUN(test_realloc_and_calloc);
    RUN(test_failed_realloc_of_sampled_blocks);
    RUN(test_between_exact_and_sampled);
    return 0;
}
