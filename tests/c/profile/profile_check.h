/* profile_check.h: what the tests of the recorder share: options, reading, and the equations that every snapshot
 * fulfils. */
#ifndef PROFILE_CHECK_H
#define PROFILE_CHECK_H

#include <math.h>

#include "cc/alloc.h"
#include "cc/profile.h"

#include "../check.h"

enum {
    BIT_RUNTIME = 1 << CC_PROFILE_RUNTIME,
    BIT_RAW = 1 << CC_PROFILE_RAW,
    BIT_MEM = 1 << CC_PROFILE_MEM,
    BIT_OBJECT = 1 << CC_PROFILE_OBJECT,
    BIT_SQLITE = 1 << CC_PROFILE_SQLITE,
    BIT_ALL = (1 << CC_PROFILE_DOMAINS) - 1
};

#define CHECK_DOUBLE(actual, expected) \
    check_double(__FILE__, __LINE__, #actual " == " #expected, (double)(actual), (double)(expected))
#define CHECK_NEAR(actual, expected, most) \
    check_near(__FILE__, __LINE__, #actual " near " #expected, (double)(actual), (double)(expected), (double)(most))

static inline void check_near(const char *file, int line, const char *text, double actual, double expected,
                              double most) {
    if (fabs(actual - expected) <= most) return;
    fprintf(stderr, "%s:%d: does not hold: %s\n    %.17g against %.17g, at most %g apart\n", file, line, text, actual,
            expected, most);
    fflush(stderr);
    _Exit(1);
}

static inline void check_double(const char *file, int line, const char *text, double actual, double expected) {
    check_near(file, line, text, actual, expected, 0);
}

/* Exact, the given domains, nothing else. */
static inline cc_profile_options_t exact_options(unsigned domains) {
    cc_profile_options_t options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.domains = domains;
    options.sample_rate = 1;
    return options;
}

static inline cc_profile_t *start_with(cc_profile_options_t options) {
    cc_profile_t *profile = NULL;
    CHECK_EQUAL(cc_profile_start(&options, &profile), CC_OK);
    CHECK(profile != NULL);
    return profile;
}

static inline cc_profile_t *start_exact(unsigned domains) {
    return start_with(exact_options(domains));
}

static inline cc_profile_snapshot_t *read_now(cc_profile_t *profile) {
    cc_profile_snapshot_t *snapshot = NULL;
    CHECK_EQUAL(cc_profile_read(profile, &snapshot), CC_OK);
    CHECK(snapshot != NULL);
    return snapshot;
}

static inline cc_profile_live_t *live_now(cc_profile_t *profile, size_t cap) {
    cc_profile_live_t *live = NULL;
    CHECK_EQUAL(cc_profile_live(profile, cap, &live), CC_OK);
    CHECK(live != NULL);
    return live;
}

static inline double sum_of_bins(const double *bins) {
    double sum = 0;
    for (unsigned bin = 0; bin < CC_PROFILE_BINS; bin++) sum += bins[bin];
    return sum;
}

/* Sums of weights are rounded; sums of counts are not. */
static inline double rounding(const cc_profile_snapshot_t *snapshot) {
    return snapshot->estimated ? 1e-9 * (1 + snapshot->alloc_bytes + snapshot->free_bytes + snapshot->alloc_count) : 0;
}

/* The equations between a quiet profile's figures. */
static inline void check_quiet_sums(const cc_profile_snapshot_t *snapshot) {
    double most = rounding(snapshot);
    double alloc_count = 0, free_count = 0, alloc_bytes = 0, free_bytes = 0;
    for (unsigned d = 0; d < CC_PROFILE_DOMAINS; d++) {
        const cc_profile_domain_t *domain = &snapshot->domains[d];
        alloc_count += sum_of_bins(domain->alloc_bins);
        free_count += sum_of_bins(domain->free_bins);
        alloc_bytes += domain->alloc_bytes;
        free_bytes += domain->free_bytes;
        CHECK(domain->alloc_block_bytes >= domain->alloc_bytes - most);
        CHECK(domain->free_block_bytes >= domain->free_bytes - most);
        CHECK(domain->alloc_bytes_variance >= -most * most && domain->alloc_count_variance >= -most);
    }
    CHECK_NEAR(snapshot->alloc_count, alloc_count, most);
    CHECK_NEAR(snapshot->free_count, free_count, most);
    CHECK_NEAR(snapshot->alloc_bytes, alloc_bytes, most);
    CHECK_NEAR(snapshot->free_bytes, free_bytes, most);
    CHECK_NEAR(snapshot->current, alloc_bytes > free_bytes ? alloc_bytes - free_bytes : 0, most);
    CHECK(snapshot->peak >= snapshot->current);

    double sent = 0, received = 0, flows = 0;
    alloc_count = free_count = alloc_bytes = free_bytes = 0;
    for (size_t i = 0; i < snapshot->thread_count; i++) {
        const cc_profile_thread_t *thread = &snapshot->threads[i];
        alloc_count += thread->alloc_count;
        free_count += thread->free_count;
        alloc_bytes += thread->alloc_bytes;
        free_bytes += thread->free_bytes;
        sent += thread->sent;
        received += thread->received;
        CHECK(thread->alloc_count >= -most && thread->free_count >= -most && thread->received >= -most &&
              thread->sent >= -most);
        for (size_t j = 0; j < i; j++) CHECK(snapshot->threads[j].id != thread->id);
    }
    for (size_t i = 0; i < snapshot->flow_count; i++) {
        CHECK(snapshot->flows[i].count > 0);
        flows += snapshot->flows[i].count;
    }
    CHECK_NEAR(alloc_count, snapshot->alloc_count, most);
    CHECK_NEAR(free_count, snapshot->free_count, most);
    CHECK_NEAR(alloc_bytes, snapshot->alloc_bytes, most);
    CHECK_NEAR(free_bytes, snapshot->free_bytes, most);
    CHECK_NEAR(received, snapshot->cross_thread_frees, most);
    CHECK_NEAR(sent, received, most);
    CHECK_NEAR(flows, snapshot->cross_thread_frees, most);
}

/* What holds at any time, threads running or not. */
static inline void check_timeline(const cc_profile_snapshot_t *snapshot) {
    CHECK(snapshot->point_count >= 1 && snapshot->point_count <= CC_PROFILE_POINTS + 1);
    for (size_t i = 0; i < snapshot->point_count; i++) {
        const cc_profile_point_t *point = &snapshot->points[i];
        CHECK(point->current >= 0 && point->peak >= point->current);
        CHECK(point->alloc_count >= 0 && point->free_count >= 0 && point->alloc_bytes >= 0);
        if (i == 0) continue;
        CHECK(point->seconds >= point[-1].seconds);
        CHECK(point->alloc_count >= point[-1].alloc_count - 1e-6 * point->alloc_count);
        CHECK(point->free_count >= point[-1].free_count - 1e-6 * point->free_count);
        CHECK(point->alloc_bytes >= point[-1].alloc_bytes - 1e-6 * point->alloc_bytes);
    }
    CHECK(snapshot->current >= 0 && snapshot->peak >= snapshot->current);
    CHECK(snapshot->peak_seconds >= 0 && snapshot->peak_seconds <= snapshot->seconds + 1e-9);
    CHECK(snapshot->end_wall_ns >= snapshot->start_wall_ns);
}

/* The live table tells the same as the counters. pre: quiet, nothing was dropped. The slow variants look less often. */
static inline void check_live_agrees(cc_profile_t *profile, const cc_profile_snapshot_t *snapshot) {
    static unsigned calls;
    if (CHECK_DIVISOR > 1 && calls++ % 8 != 0) return;
    cc_profile_live_t *live = live_now(profile, 10);
    double most = rounding(snapshot);
    CHECK_NEAR(live->count + live->held_count, snapshot->alloc_count - snapshot->free_count, most);
    CHECK_NEAR(live->bytes + live->held_bytes, snapshot->alloc_bytes - snapshot->free_bytes, most);
    cc_profile_live_free(live);
}

/* Reads, checks all equations, and gives the snapshot back to the caller. */
static inline cc_profile_snapshot_t *read_checked(cc_profile_t *profile) {
    cc_profile_snapshot_t *snapshot = read_now(profile);
    check_quiet_sums(snapshot);
    check_timeline(snapshot);
    check_live_agrees(profile, snapshot);
    return snapshot;
}

static inline const cc_profile_thread_t *find_row(const cc_profile_snapshot_t *snapshot, uint64_t id) {
    for (size_t i = 0; i < snapshot->thread_count; i++)
        if (snapshot->threads[i].id == id) return &snapshot->threads[i];
    return NULL;
}

#endif
