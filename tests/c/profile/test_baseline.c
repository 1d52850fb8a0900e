/* test_baseline.c: several profiles at once, with the same and with different options: each tells what happened since
 * its own start, and nothing of blocks older than it.
 * variants: release debug asan tsan valgrind */
#include "fake_allocators.h"

typedef struct expected {
    double allocs, frees, alloc_bytes, free_bytes, untracked;
} expected_t;

/* Of a stopped profile, some of whose blocks were freed later: its live table is no longer that of the stop. */
static void expect_stopped(cc_profile_t *profile, expected_t wanted) {
    cc_profile_snapshot_t *snapshot = read_now(profile);
    check_quiet_sums(snapshot);
    CHECK_DOUBLE(snapshot->alloc_count, wanted.allocs);
    CHECK_DOUBLE(snapshot->free_count, wanted.frees);
    CHECK_DOUBLE(snapshot->alloc_bytes, wanted.alloc_bytes);
    CHECK_DOUBLE(snapshot->free_bytes, wanted.free_bytes);
    CHECK_DOUBLE(snapshot->untracked_frees, wanted.untracked);
    CHECK(!snapshot->estimated);
    cc_profile_snapshot_free(snapshot);
}

static void expect(cc_profile_t *profile, expected_t wanted) {
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    cc_profile_snapshot_free(snapshot);
    expect_stopped(profile, wanted);
}

static void test_an_outer_block_freed_inside(void) {
    cc_profile_t *outer = start_exact(BIT_RUNTIME);
    void *first = cc_alloc(100), *second = cc_alloc(200), *third = cc_alloc(300);
    cc_profile_t *inner = start_exact(BIT_RUNTIME);
    void *own = cc_alloc(50);
    cc_free(first, 100);
    expect(outer, (expected_t){4, 1, 650, 100, 0});
    expect(inner, (expected_t){1, 0, 50, 0, 1});
    second = cc_realloc(second, 200, 2000);
    expect(outer, (expected_t){5, 2, 2650, 300, 0});
    expect(inner, (expected_t){2, 0, 2050, 0, 2});
    cc_free(own, 50);
    CHECK_EQUAL(cc_profile_stop(inner), CC_OK);
    cc_free(third, 300);
    cc_free(second, 2000);
    expect_stopped(inner, (expected_t){2, 1, 2050, 50, 2});
    expect(outer, (expected_t){5, 5, 2650, 2650, 0});
    cc_profile_free(inner);
    expect(outer, (expected_t){5, 5, 2650, 2650, 0});
    cc_profile_free(outer);
}

/* What an outer block took is as little the inner profile's as its bytes are. */
static void test_block_bytes_are_of_own_blocks(void) {
    static const size_t sizes[] = {1, 40, 500, 3000, 100000};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    for (int sampled = 0; sampled < 2; sampled++) {
        cc_profile_options_t options = exact_options(BIT_RUNTIME);
        if (sampled) options.sample_rate = 0.5;
        cc_profile_t *outer = start_with(options);
        enum { EACH = 40 };
        void *old[SIZES * EACH], *young[SIZES * EACH];
        for (size_t i = 0; i < SIZES * EACH; i++) old[i] = cc_alloc(sizes[i % SIZES]);
        cc_profile_t *inner = start_with(options);
        for (size_t i = 0; i < SIZES * EACH; i++) cc_free(old[i], sizes[i % SIZES]);
        for (size_t i = 0; i < SIZES * EACH; i++) young[i] = cc_alloc(sizes[i % SIZES]);
        for (size_t i = 0; i < SIZES * EACH; i++) cc_free(young[i], sizes[i % SIZES]);
        cc_profile_snapshot_t *snapshot = read_checked(inner);
        const cc_profile_domain_t *domain = &snapshot->domains[CC_PROFILE_RUNTIME];
        CHECK(domain->alloc_block_bytes > 0);
        CHECK_NEAR(domain->free_block_bytes, domain->alloc_block_bytes, 1e-6 * domain->alloc_block_bytes);
        cc_profile_snapshot_free(snapshot);
        cc_profile_free(inner);
        cc_profile_free(outer);
    }
}

static void test_side_by_side(void) {
    cc_profile_t *left = start_exact(BIT_RUNTIME);
    void *a = cc_alloc(1000);
    cc_profile_t *right = start_exact(BIT_RUNTIME);
    void *b = cc_alloc(100);
    CHECK_EQUAL(cc_profile_stop(left), CC_OK); /* the older one ends first */
    void *c = cc_alloc(10);
    cc_free(a, 1000);
    cc_free(b, 100);
    expect_stopped(left, (expected_t){2, 0, 1100, 0, 0});
    cc_profile_free(left);
    expect(right, (expected_t){2, 1, 110, 100, 1});
    cc_free(c, 10);
    cc_profile_free(right);
}

static void test_reset_in_the_middle_of_others(void) {
    cc_profile_t *outer = start_exact(BIT_RUNTIME), *middle = start_exact(BIT_RUNTIME);
    void *old = cc_alloc(500);
    CHECK_EQUAL(cc_profile_reset(middle), CC_OK);
    cc_profile_t *inner = start_exact(BIT_RUNTIME);
    void *young = cc_alloc(50);
    cc_free(old, 500);
    expect(outer, (expected_t){2, 1, 550, 500, 0});
    expect(middle, (expected_t){1, 0, 50, 0, 1});
    expect(inner, (expected_t){1, 0, 50, 0, 1});
    CHECK_EQUAL(cc_profile_reset(outer), CC_OK);
    cc_free(young, 50);
    expect(outer, (expected_t){0, 0, 0, 0, 1});
    expect(middle, (expected_t){1, 1, 50, 50, 1});
    CHECK_EQUAL(cc_profile_reset(middle), CC_OK);
    expect(middle, (expected_t){0, 0, 0, 0, 0});
    cc_profile_free(outer);
    cc_profile_free(middle);
    cc_profile_free(inner);
}

/* Live bytes go down by gigabytes inside, of blocks that are none of the inner one's: its peak is not moved. */
static void test_large_outer_frees_do_not_move_the_inner_peak(void) {
    cc_profile_t *outer = start_exact(BIT_RUNTIME);
    enum { BLOCKS = 64, SIZE = 1 << 20 };
    void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) blocks[i] = cc_alloc(SIZE);
    cc_profile_t *inner = start_exact(BIT_RUNTIME);
    for (int i = 0; i < BLOCKS; i++) {
        cc_free(blocks[i], SIZE);
        cc_free(cc_alloc(10000), 10000);
    }
    cc_profile_snapshot_t *snapshot = read_checked(inner);
    CHECK_NEAR(snapshot->peak, 10000, snapshot->peak_error);
    CHECK(snapshot->peak_error < 1 << 20);
    for (size_t i = 0; i < snapshot->point_count; i++)
        CHECK(snapshot->points[i].current <= 10000 + snapshot->peak_error);
    cc_profile_snapshot_free(snapshot);
    snapshot = read_checked(outer);
    CHECK_NEAR(snapshot->peak, (double)BLOCKS * SIZE, snapshot->peak_error);
    CHECK_DOUBLE(snapshot->current, 0);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(inner);
    cc_profile_free(outer);
}

/* The same in a sampled session, where every free is a special one. */
static void test_large_outer_frees_when_sampled(void) {
    cc_profile_options_t options = exact_options(BIT_RUNTIME);
    options.sample_interval = 1000;
    cc_profile_t *outer = start_with(options);
    enum { BLOCKS = 64, SIZE = 1 << 20 };
    void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) blocks[i] = cc_alloc(SIZE);
    cc_profile_t *inner = start_with(options);
    for (int i = 0; i < BLOCKS; i++) {
        cc_free(blocks[i], SIZE);
        cc_free(cc_alloc(1 << 19), 1 << 19);
    }
    cc_profile_snapshot_t *snapshot = read_checked(inner);
    CHECK(snapshot->estimated);
    CHECK_NEAR(snapshot->peak, 1 << 19, snapshot->peak_error);
    CHECK(snapshot->peak_error < 1 << 20);
    CHECK_DOUBLE(snapshot->free_bytes, BLOCKS * (1 << 19));
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(inner);
    cc_profile_free(outer);
}

/* An exact profile makes everything exact while it runs. */
static void test_exact_inside_sampled(void) {
    cc_profile_options_t options = exact_options(BIT_RUNTIME);
    options.sample_rate = 1e-12; /* that one is sampled all the same happens once in a thousand million runs */
    cc_profile_t *sampled = start_with(options);
    for (int i = 0; i < 1000; i++) cc_free(cc_alloc(100), 100);
    void *unsampled = cc_alloc(100);
    cc_profile_t *exact = start_exact(BIT_RUNTIME);
    void *blocks[100];
    for (int i = 0; i < 100; i++) blocks[i] = cc_alloc(64);
    cc_free(unsampled, 100);
    for (int i = 0; i < 50; i++) cc_free(blocks[i], 64);
    expect(exact, (expected_t){100, 50, 6400, 3200, 1});
    CHECK_EQUAL(cc_profile_stop(exact), CC_OK);
    for (int i = 50; i < 100; i++) cc_free(blocks[i], 64); /* recorded exactly, freed in a sampled session */
    cc_profile_snapshot_t *snapshot = read_checked(sampled);
    CHECK(snapshot->estimated);
    CHECK_NEAR(snapshot->free_count, 100, 1e-3);
    CHECK_NEAR(snapshot->alloc_count, 100, 1e-3);
    CHECK_DOUBLE(snapshot->current, 0);
    cc_profile_snapshot_free(snapshot);
    expect_stopped(exact, (expected_t){100, 50, 6400, 3200, 1});
    cc_profile_free(exact);
    cc_profile_free(sampled);
}

static void test_rate_beside_interval(void) {
    cc_profile_options_t options = exact_options(BIT_RUNTIME);
    options.sample_rate = 0.5;
    cc_profile_t *rate = start_with(options);
    options.sample_interval = 1024;
    cc_profile_t *bytes = start_with(options);
    for (int i = 0; i < SCALED(20000); i++) cc_free(cc_alloc(100 + (size_t)i % 400), 100 + (size_t)i % 400);
    for (int i = 0; i < 2; i++) {
        cc_profile_snapshot_t *snapshot = read_checked(i == 0 ? rate : bytes);
        double deviation = sqrt(snapshot->domains[0].alloc_count_variance);
        CHECK(snapshot->estimated && deviation > 0);
        CHECK_NEAR(snapshot->alloc_count, SCALED(20000), 6 * deviation);
        CHECK_DOUBLE(snapshot->current, 0);
        cc_profile_snapshot_free(snapshot);
    }
    cc_profile_free(rate);
    cc_profile_free(bytes);
}

/* After a sampled profile, an exact one in the same threads tells whole numbers. */
static void test_exact_figures_are_whole_after_sampled_ones(void) {
    cc_profile_options_t options = exact_options(BIT_RUNTIME);
    options.sample_interval = 777;
    cc_profile_t *profile = start_with(options);
    for (size_t i = 0; i < 1000; i++) cc_free(cc_alloc(1 + i * 7 % 3000), 1 + i * 7 % 3000);
    cc_profile_free(profile);
    profile = start_exact(BIT_RUNTIME);
    for (size_t i = 1; i <= 100; i++) cc_free(cc_alloc(i), i);
    expect(profile, (expected_t){100, 100, 5050, 5050, 0});
    cc_profile_free(profile);
}

/* What was recorded while a second domain was seen must not be taken for the first one's later. */
static void test_domains_of_an_inner_profile(void) {
    cc_profile_t *outer = start_exact(BIT_RAW), *inner = start_exact(BIT_RAW | BIT_MEM);
    void *block = domain_alloc(CC_PROFILE_MEM, 5000);
    cc_profile_free(inner);
    domain_free(CC_PROFILE_MEM, block, 5000);
    for (int i = 0; i < 20; i++) { /* likely where the block was */
        void *raw = domain_alloc(CC_PROFILE_RAW, 5000);
        domain_free(CC_PROFILE_RAW, raw, 5000);
    }
    cc_profile_snapshot_t *snapshot = read_now(outer);
    CHECK_DOUBLE(snapshot->alloc_count, 20);
    CHECK_DOUBLE(snapshot->free_count, 20);
    CHECK_DOUBLE(snapshot->untracked_frees, 0);
    cc_profile_snapshot_free(snapshot);
    cc_profile_live_t *live = live_now(outer, 10);
    CHECK_DOUBLE(live->count, 0);
    cc_profile_live_free(live);
    cc_profile_free(outer);
}

/* The same when the session after it is sampled. */
static void test_domains_of_an_inner_exact_profile(void) {
    cc_profile_options_t options = exact_options(BIT_RAW);
    options.sample_rate = 1e-9;
    cc_profile_t *outer = start_with(options), *inner = start_exact(BIT_RAW | BIT_MEM);
    void *block = domain_alloc(CC_PROFILE_MEM, 5000);
    cc_profile_free(inner);
    domain_free(CC_PROFILE_MEM, block, 5000);
    for (int i = 0; i < 20; i++) domain_free(CC_PROFILE_RAW, domain_alloc(CC_PROFILE_RAW, 5000), 5000);
    cc_profile_snapshot_t *snapshot = read_now(outer);
    CHECK_DOUBLE(snapshot->free_count, 0);
    CHECK_DOUBLE(snapshot->alloc_count, 0);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(outer);
}

static void test_eight_deep(void) {
    enum { DEPTH = 8 };
    cc_profile_t *profiles[DEPTH];
    void *blocks[DEPTH];
    for (int i = 0; i < DEPTH; i++) {
        profiles[i] = start_exact(BIT_RUNTIME);
        blocks[i] = cc_alloc(1000);
    }
    for (int i = 0; i < DEPTH; i++) cc_free(blocks[i], 1000);
    for (int i = 0; i < DEPTH; i++) {
        expect(profiles[i], (expected_t){DEPTH - i, DEPTH - i, 1000.0 * (DEPTH - i), 1000.0 * (DEPTH - i), i});
        cc_profile_snapshot_t *snapshot = read_now(profiles[i]);
        CHECK_NEAR(snapshot->peak, 1000.0 * (DEPTH - i), snapshot->peak_error);
        cc_profile_snapshot_free(snapshot);
    }
    for (int i = 0; i < DEPTH; i++) cc_profile_free(profiles[i * 3 % DEPTH]);
}

int main(void) {
    wrap_all();
    RUN(test_an_outer_block_freed_inside);
    RUN(test_block_bytes_are_of_own_blocks);
    RUN(test_side_by_side);
    RUN(test_reset_in_the_middle_of_others);
    RUN(test_large_outer_frees_do_not_move_the_inner_peak);
    RUN(test_large_outer_frees_when_sampled);
    RUN(test_exact_inside_sampled);
    RUN(test_rate_beside_interval);
    RUN(test_exact_figures_are_whole_after_sampled_ones);
    RUN(test_domains_of_an_inner_profile);
    RUN(test_domains_of_an_inner_exact_profile);
    RUN(test_eight_deep);
    return 0;
}
