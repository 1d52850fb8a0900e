/* profile/totals.h: what all threads counted, added up. Functions are called with the recorder's lock held. */
#ifndef CC_PROFILE_TOTALS_H
#define CC_PROFILE_TOTALS_H

#include "shard.h"

/* The sums of one direction (allocations or frees) in one domain. */
typedef struct cc__figures {
    double bins[CC_PROFILE_BINS]; /* counts */
    double bytes, large_bytes;    /* large_bytes: those of sizes above CC__SMALL_SIZE */
    double count_variance, bytes_variance;
} cc__figures_t;

/* Sums over threads at one moment. All fields are doubles, so that two can be subtracted field by field. */
typedef struct cc__totals {
    struct {
        cc__figures_t alloc, free;
    } domains[CC_PROFILE_DOMAINS];
    double cross_frees, samples, untracked_frees, failed, dropped_records, dropped_stacks;
    double alloc_latency[CC__HISTOGRAM_SIZE], free_latency[CC__HISTOGRAM_SIZE];
} cc__totals_t;

/* Sums over all domains. */
typedef struct cc__counts {
    double alloc_count, free_count, alloc_bytes, free_bytes;
} cc__counts_t;

/* All threads, those that have ended too. */
void cc__totals_read(cc__totals_t *totals);
void cc__totals_subtract(cc__totals_t *totals, const cc__totals_t *baseline);

double cc__figures_count(const cc__figures_t *figures);
void cc__figures_add(cc__figures_t *figures, const cc__sums_t *sums);

/* Add to *counts: what stands in totals, what a shard counted, what all threads counted. */
void cc__counts_add_totals(cc__counts_t *counts, const cc__totals_t *totals);
void cc__counts_add_shard(cc__counts_t *counts, cc__shard_t *shard);
void cc__counts_add_all(cc__counts_t *counts);

/* Adds the shard's figures to those of the ended threads. */
void cc__totals_fold(cc__shard_t *shard);

/* A record was lost because its thread got no shard. Any thread, without the lock. */
void cc__totals_lose_record(void);

#endif
