/* profile/totals.c: adds up the shards. */
#include "totals.h"

static cc__totals_t departed; /* of ended threads; under the lock */
static _Atomic(uint64_t) lost_records;

void cc__totals_lose_record(void) {
    cc__add_relaxed(&lost_records, 1);
}

static void add_small(cc__figures_t *figures, unsigned size, double count) {
    if (CC_LIKELY(count == 0)) return;
    figures->bins[cc__bin(size)] += count;
    figures->bytes += count * size;
}

static void add_large_bytes(cc__figures_t *figures, double bytes) {
    figures->bytes += bytes;
    figures->large_bytes += bytes;
}

static void add_counted_allocations(cc__figures_t *figures, const cc__counted_t *counted) {
    for (unsigned size = 0; size <= CC__SMALL_SIZE; size++)
        add_small(figures, size, CC__ALLOCATED(counted->alloc_small[size]));
    for (unsigned i = 0; i < CC__LARGE_BINS; i++)
        figures->bins[CC__SMALL_BINS + i] += CC__ALLOCATED(counted->alloc_large[i]);
    add_large_bytes(figures, CC__ALLOCATED(counted->alloc_large_bytes));
}

static void add_counted_frees(cc__figures_t *figures, const cc__counted_t *counted) {
    for (unsigned size = 0; size <= CC__SMALL_SIZE; size++)
        add_small(figures, size, CC__FREED(counted->free_small[size]));
    for (unsigned i = 0; i < CC__LARGE_BINS; i++)
        figures->bins[CC__SMALL_BINS + i] += CC__FREED(counted->free_large[i]);
    add_large_bytes(figures, CC__FREED(counted->free_large_bytes));
}

/* Acquire loads, for the frees' sake: see CC__FREED. */
void cc__figures_add(cc__figures_t *figures, const cc__sums_t *sums) {
    for (unsigned bin = 0; bin < CC_PROFILE_BINS; bin++) figures->bins[bin] += CC__FREED(sums->bins[bin]);
    figures->bytes += CC__FREED(sums->bytes);
    figures->large_bytes += CC__FREED(sums->large_bytes);
    figures->count_variance += CC__FREED(sums->count_variance);
    figures->bytes_variance += CC__FREED(sums->bytes_variance);
}

static void add_frees(cc__totals_t *totals, cc__shard_t *shard) {
    for (unsigned d = 0; d < CC_PROFILE_DOMAINS; d++) {
        cc__figures_add(&totals->domains[d].free, &shard->estimated[d].free);
        if (shard->counts_exactly) add_counted_frees(&totals->domains[d].free, &shard->counted[d]);
    }
    totals->cross_frees += CC__FREED(shard->cross_frees);
}

static void add_allocations(cc__totals_t *totals, cc__shard_t *shard) {
    for (unsigned d = 0; d < CC_PROFILE_DOMAINS; d++) {
        cc__figures_add(&totals->domains[d].alloc, &shard->estimated[d].alloc);
        if (shard->counts_exactly) add_counted_allocations(&totals->domains[d].alloc, &shard->counted[d]);
    }
    totals->samples += CC__ALLOCATED(shard->samples);
    totals->untracked_frees += CC__ALLOCATED(shard->untracked_frees);
    totals->failed += CC__ALLOCATED(shard->failed);
    totals->dropped_records += CC__ALLOCATED(shard->dropped_records);
    totals->dropped_stacks += CC__ALLOCATED(shard->dropped_stacks);
    for (unsigned i = 0; i < CC__HISTOGRAM_SIZE; i++) {
        totals->alloc_latency[i] += CC__ALLOCATED(shard->alloc_latency[i]);
        totals->free_latency[i] += CC__ALLOCATED(shard->free_latency[i]);
    }
}

/* All frees first: see CC__FREED. */
void cc__totals_read(cc__totals_t *totals) {
    *totals = departed;
    for (cc__shard_t *shard = cc__shards_first(); shard != NULL; shard = shard->next) add_frees(totals, shard);
    for (cc__shard_t *shard = cc__shards_first(); shard != NULL; shard = shard->next) add_allocations(totals, shard);
    totals->dropped_records += (double)cc__load_relaxed(&lost_records);
}

void cc__totals_fold(cc__shard_t *shard) {
    add_frees(&departed, shard);
    add_allocations(&departed, shard);
}

void cc__totals_subtract(cc__totals_t *totals, const cc__totals_t *baseline) {
    double *to = (double *)totals;
    const double *from = (const double *)baseline;
    for (size_t i = 0; i < sizeof *totals / sizeof *to; i++) to[i] -= from[i];
}

double cc__figures_count(const cc__figures_t *figures) {
    double sum = 0;
    for (unsigned bin = 0; bin < CC_PROFILE_BINS; bin++) sum += figures->bins[bin];
    return sum;
}

void cc__counts_add_totals(cc__counts_t *counts, const cc__totals_t *totals) {
    for (unsigned d = 0; d < CC_PROFILE_DOMAINS; d++) {
        counts->alloc_count += cc__figures_count(&totals->domains[d].alloc);
        counts->free_count += cc__figures_count(&totals->domains[d].free);
        counts->alloc_bytes += totals->domains[d].alloc.bytes;
        counts->free_bytes += totals->domains[d].free.bytes;
    }
}

void cc__counts_add_shard(cc__counts_t *counts, cc__shard_t *shard) {
    for (unsigned d = 0; d < CC_PROFILE_DOMAINS; d++) {
        cc__figures_t alloc = {0}, free = {0};
        cc__figures_add(&free, &shard->estimated[d].free);
        if (shard->counts_exactly) add_counted_frees(&free, &shard->counted[d]);
        cc__figures_add(&alloc, &shard->estimated[d].alloc);
        if (shard->counts_exactly) add_counted_allocations(&alloc, &shard->counted[d]);
        counts->alloc_count += cc__figures_count(&alloc);
        counts->free_count += cc__figures_count(&free);
        counts->alloc_bytes += alloc.bytes;
        counts->free_bytes += free.bytes;
    }
}

void cc__counts_add_all(cc__counts_t *counts) {
    cc__counts_add_totals(counts, &departed);
    for (cc__shard_t *shard = cc__shards_first(); shard != NULL; shard = shard->next)
        cc__counts_add_shard(counts, shard);
}
