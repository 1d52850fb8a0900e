/* test_statistics.c: what domains and threads tell: counters, rows, delays, peaks, and all of it during a storm. */
#include <stdatomic.h>
#include <unistd.h>

#include "cc/smr.h"

#include "../check.h"

static cc_smr_t *domain;

static cc_smr_stats_t stats_now(void) {
    cc_smr_stats_t stats;
    CHECK_EQUAL(cc_smr_stats(cc_smr_id(domain), &stats), CC_OK);
    return stats;
}

static void retire_some(cc_smr_thread_t *self, size_t count, size_t size) {
    for (size_t i = 0; i < count; i++) {
        void *node = cc_smr_alloc_node(self, size);
        CHECK(node != NULL);
        cc_smr_retire(self, node, size, NULL);
    }
}

static void test_counters(void) {
    cc_smr_options_t options = cc_smr_options();
    strcpy(options.name, "orders");
    domain = cc_smr_create(CC_SMR_IBR, &options);
    cc_smr_stats_t stats = stats_now();
    CHECK(strcmp(stats.name, "orders") == 0);
    CHECK_EQUAL(stats.id, cc_smr_id(domain));
    CHECK_EQUAL(stats.scheme, CC_SMR_IBR);
    CHECK_EQUAL(stats.threads, 0);
    CHECK_EQUAL(stats.epoch, 1);
    CHECK_EQUAL(stats.oldest_epoch, 1);
    CHECK_EQUAL(stats.retired_nodes + stats.pending_nodes + stats.peak_pending_nodes + stats.scans + stats.polls, 0);

    cc_smr_thread_t *self = cc_smr_self(domain);
    retire_some(self, 10, 100);
    stats = stats_now();
    CHECK_EQUAL(stats.threads, 1);
    CHECK_EQUAL(stats.retired_nodes, 10);
    CHECK_EQUAL(stats.retired_bytes, 1000);
    CHECK_EQUAL(stats.pending_nodes, 10);
    CHECK_EQUAL(stats.pending_bytes, 1000);
    CHECK_EQUAL(stats.peak_pending_bytes, 1000);
    CHECK_EQUAL(cc_smr_drain(self, 0), CC_OK);
    stats = stats_now();
    CHECK_EQUAL(stats.reclaimed_nodes, 10);
    CHECK_EQUAL(stats.reclaimed_bytes, 1000);
    CHECK_EQUAL(stats.pending_bytes, 0);
    CHECK_EQUAL(stats.peak_pending_nodes, 10);
    CHECK_EQUAL(stats.peak_pending_bytes, 1000);
    CHECK_EQUAL(cc_smr_reset(stats.id), CC_OK);
    CHECK_EQUAL(stats_now().peak_pending_nodes, 0);
    retire_some(self, 3, 8);
    CHECK_EQUAL(stats_now().peak_pending_nodes, 3);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
}

static void test_unknown_ids(void) {
    cc_smr_stats_t stats;
    uint64_t counts[3];
    CHECK_EQUAL(cc_smr_stats(UINT64_MAX, &stats), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_smr_thread_stats(UINT64_MAX, NULL, 0), 0);
    CHECK_EQUAL(cc_smr_record_delays(UINT64_MAX, true), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_smr_delay_histogram(UINT64_MAX, counts, 3), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_smr_reset(UINT64_MAX), CC_ERROR_ARGUMENT);
}

static pthread_barrier_t inside, leave;

static void lag(size_t index, void *unused) {
    (void)index, (void)unused;
    cc_smr_thread_t *self = cc_smr_self(domain);
    retire_some(self, 5, 16);
    cc_smr_enter(self);
    (void)pthread_barrier_wait(&inside);
    (void)pthread_barrier_wait(&leave);
    cc_smr_exit(self);
}

static void test_rows(void) {
    cc_smr_options_t options = cc_smr_options();
    options.epoch_frequency = 1;
    options.stall_threshold = 4;
    domain = cc_smr_create(CC_SMR_EPOCH, &options);
    cc_smr_thread_t *self = cc_smr_self(domain);
    CHECK(pthread_barrier_init(&inside, NULL, 2) == 0 && pthread_barrier_init(&leave, NULL, 2) == 0);
    check_thread_t thread;
    check_start(&thread, lag, NULL);
    (void)pthread_barrier_wait(&inside);
    uint64_t epoch = stats_now().epoch;
    CHECK_EQUAL(stats_now().stalled_threads, 0);
    retire_some(self, 7, 16);
    cc_smr_stats_t stats = stats_now();
    CHECK_EQUAL(stats.epoch, epoch + 7);
    CHECK_EQUAL(stats.oldest_epoch, epoch);
    CHECK_EQUAL(stats.stalled_threads, 1);
    cc_smr_thread_stats_t rows[3];
    memset(rows, 0xFF, sizeof rows);
    CHECK_EQUAL(cc_smr_thread_stats(stats.id, rows, 1), 2); /* tells how much room it takes */
    CHECK_EQUAL(rows[1].thread_id, UINT64_MAX);
    CHECK_EQUAL(cc_smr_thread_stats(stats.id, rows, 3), 2);
    CHECK(rows[0].thread_id != rows[1].thread_id && rows[0].native_id != rows[1].native_id);
    CHECK_EQUAL(rows[0].inside, 0);
    CHECK_EQUAL(rows[0].epoch_lag, 0);
    CHECK_EQUAL(rows[0].retired_nodes, 7);
    CHECK_EQUAL(rows[0].pending_bytes, 7 * 16);
    CHECK_EQUAL(rows[1].inside, 1);
    CHECK_EQUAL(rows[1].stalled, 1);
    CHECK_EQUAL(rows[1].epoch_lag, 7);
    CHECK_EQUAL(rows[1].pending_nodes, 5);
    (void)pthread_barrier_wait(&leave);
    check_join(&thread);
    CHECK_EQUAL(cc_smr_thread_stats(stats.id, rows, 3), 1);
    pthread_barrier_destroy(&inside);
    pthread_barrier_destroy(&leave);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
}

static void test_delays(void) {
    domain = cc_smr_create(CC_SMR_IBR, NULL);
    uint64_t id = cc_smr_id(domain);
    cc_smr_thread_t *self = cc_smr_self(domain);
    retire_some(self, 10, 16);
    CHECK_EQUAL(cc_smr_drain(self, 0), CC_OK);
    CHECK_EQUAL(stats_now().delay_recorded, 0);
    CHECK_EQUAL(stats_now().delay_count, 0);
    CHECK_EQUAL(stats_now().delay_p99_ns, 0);

    CHECK_EQUAL(cc_smr_record_delays(id, true), CC_OK);
    retire_some(self, 90 * CC_SMR_DELAY_PERIOD, 16);
    CHECK_EQUAL(cc_smr_drain(self, 0), CC_OK);
    CHECK(stats_now().delay_count >= 90); /* and the last of each batch */
    retire_some(self, 10 * CC_SMR_DELAY_PERIOD, 16);
    usleep(20000);
    CHECK_EQUAL(cc_smr_drain(self, 0), CC_OK);
    cc_smr_stats_t stats = stats_now();
    CHECK_EQUAL(stats.delay_recorded, 1);
    CHECK(stats.delay_count >= 100 && stats.delay_count < 150);
    CHECK(stats.delay_max_ns >= 19000000);
    CHECK(stats.delay_p99_ns >= 19000000 && stats.delay_p99_ns <= stats.delay_max_ns * 102 / 100);
    CHECK(stats.delay_p50_ns <= stats.delay_p90_ns && stats.delay_p90_ns <= stats.delay_p99_ns);
    CHECK(stats.delay_p99_ns <= stats.delay_p999_ns);
    CHECK(stats.delay_sum_ns >= stats.delay_max_ns && stats.delay_sum_ns <= stats.delay_count * stats.delay_max_ns);
    uint64_t counts[22], sum = 0, late = 0;
    CHECK_EQUAL(cc_smr_delay_histogram(id, counts, 22), CC_OK); /* two to a decade */
    for (int i = 0; i < 22; i++) {
        sum += counts[i];
        if (i >= 14) late += counts[i];
    }
    CHECK_EQUAL(sum, stats.delay_count);
    CHECK(late > 0); /* 10 ms or more */
    CHECK_EQUAL(cc_smr_delay_histogram(id, counts, 0), CC_ERROR_ARGUMENT);

    CHECK_EQUAL(cc_smr_reset(id), CC_OK);
    CHECK_EQUAL(stats_now().delay_count, 0);
    CHECK_EQUAL(stats_now().delay_max_ns, 0);
    CHECK_EQUAL(cc_smr_record_delays(id, false), CC_OK);
    CHECK_EQUAL(cc_smr_drain(self, 0), CC_OK);
    retire_some(self, 10, 16);
    CHECK_EQUAL(cc_smr_drain(self, 0), CC_OK);
    CHECK_EQUAL(stats_now().delay_count, 0);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
}

static atomic_bool done;

static void read_all_the_time(void) {
    cc_smr_stats_t last;
    memset(&last, 0, sizeof last);
    while (!atomic_load(&done)) {
        cc_smr_thread_stats_t rows[8];
        cc_smr_stats_t stats = stats_now();
        CHECK(stats.retired_nodes >= last.retired_nodes && stats.reclaimed_nodes >= last.reclaimed_nodes);
        CHECK(stats.retired_bytes >= last.retired_bytes && stats.reclaimed_bytes >= last.reclaimed_bytes);
        CHECK_EQUAL(stats.retired_bytes % 16, 0);
        CHECK(stats.pending_nodes <= 4 * 3 * 100);
        CHECK(stats.pending_nodes <= stats.peak_pending_nodes);
        CHECK(cc_smr_thread_stats(stats.id, rows, 8) <= 5);
        last = stats;
    }
}

static void storm(size_t index, void *unused) {
    (void)unused;
    if (index == 0) {
        read_all_the_time();
        return;
    }
    cc_smr_thread_t *self = cc_smr_self(domain);
    for (int i = 0; i < SCALED(40000); i++) {
        retire_some(self, 1, 16);
        if (i % 4096 == 0) CHECK_EQUAL(cc_smr_record_delays(cc_smr_id(domain), i % 8192 == 0), CC_OK);
        if (i % 1000 == 999) (void)cc_smr_poll(self);
    }
    if (index == 1) atomic_store(&done, true);
}

static void test_reading_in_a_storm(void) {
    cc_smr_options_t options = cc_smr_options();
    options.batch_nodes = options.retire_threshold = 100;
    domain = cc_smr_create(CC_SMR_IBR, &options);
    check_threads(5, storm, NULL);
    cc_smr_stats_t stats = stats_now();
    CHECK_EQUAL(stats.retired_nodes, 4 * (uint64_t)SCALED(40000));
    CHECK_EQUAL(stats.pending_nodes, 0); /* the threads have ended */
    CHECK_EQUAL(stats.retired_bytes, 16 * stats.retired_nodes);
    CHECK_EQUAL(stats.reclaimed_bytes, stats.retired_bytes);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
}

int main(void) {
    RUN(test_counters);
    RUN(test_unknown_ids);
    RUN(test_rows);
    RUN(test_delays);
    RUN(test_reading_in_a_storm);
    return 0;
}
