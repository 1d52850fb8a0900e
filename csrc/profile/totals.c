/* profile/totals.c: adding up what the threads counted: totals, rows by thread, flows between threads. */
#include "recorder_internal.h"

#include <stdlib.h>
#include <string.h>

#include "../base/fault.h"

#define recorder cc__recorder

/* ---- totals ----------------------------------------------------------------------------------------------------- */

/* Loads of what frees count are acquires: they pair with the release stores of cc__own_add_release, so that a reader who
 * adds all frees first finds their allocations in its second pass. */
#define FREED(field) ((double)cc__load_acquire(&(field)))
#define ALLOCATED(field) ((double)cc__load_relaxed(&(field)))

/* Bytes of the block that SQLite's allocator gives to a request of `size` bytes. */
static double plugged_size(uint64_t size) {
    const cc__allocator_t *plugged = cc__load_acquire(&cc__plugged_last); /* pairs with who plugged it in */
    return plugged != NULL ? (double)plugged->good_size(plugged, size > 0 ? size : 1) : (double)size;
}

/* Bytes of the block that a request of `size` bytes gets. */
static double block_size(unsigned domain, uint64_t size) {
    if (domain == CC_PROFILE_SQLITE) return plugged_size(size);
    if (cc__profile_classes[domain] == CC_PROFILE_CLASSES_MIMALLOC) return (double)cc__base_good_size(size > 0 ? size : 1);
    return size > 0 ? (double)((size + 15) & ~(uint64_t)15) : 16;
}

/* What blocks in a bin of large sizes take beyond their sizes, on average: half a step between size classes, of which
 * mimalloc has eight to an octave. */
static double large_padding(unsigned domain, unsigned bin) {
    if (domain == CC_PROFILE_SQLITE) {
        enum { SAMPLES = 8 };
        uint64_t limit = cc_profile_bin_limit(bin), step = (limit - cc_profile_bin_limit(bin - 1)) / SAMPLES;
        double sum = 0;
        for (unsigned i = 0; i < SAMPLES; i++) sum += plugged_size(limit - i * step) - (double)(limit - i * step);
        return sum / SAMPLES;
    }
    if (cc__profile_classes[domain] != CC_PROFILE_CLASSES_MIMALLOC) return 8;
    return (double)(cc_profile_bin_limit(bin) - cc_profile_bin_limit(bin - 1)) / 4;
}

typedef struct {
    double *bins, *bytes, *block_bytes;
} sums_t;

static void add_small(sums_t sums, unsigned domain, unsigned size, double count) {
    if (CC_LIKELY(count == 0)) return;
    sums.bins[(size + 7) / 8] += count;
    *sums.bytes += count * size;
    *sums.block_bytes += count * block_size(domain, size);
}

static void add_large(sums_t sums, unsigned domain, unsigned bin, double count) {
    if (CC_LIKELY(count == 0)) return;
    sums.bins[bin] += count;
    *sums.block_bytes += count * large_padding(domain, bin);
}

static void add_large_bytes(sums_t sums, double bytes) {
    *sums.bytes += bytes;
    *sums.block_bytes += bytes;
}

/* Weighted bins; their bytes are known in sum only. */
static void add_estimated(sums_t sums, unsigned domain, unsigned bin, double count) {
    if (count == 0) return;
    sums.bins[bin] += count;
    uint64_t limit = cc_profile_bin_limit(bin);
    *sums.block_bytes += count * (bin <= 64 ? block_size(domain, limit) - (double)(limit > 0 ? limit - 3.5 : 0)
                                            : large_padding(domain, bin));
}

void cc__domain_add_counts(cc_profile_domain_t *sum, cc__shard_t *shard, unsigned domain, bool frees) {
    const cc__counted_t *counted = &shard->counted[domain];
    const cc__estimated_t *estimated = &shard->estimated[domain];
    unsigned small = shard->counts_exactly ? CC__SMALL_SIZE + 1 : 0, large = shard->counts_exactly ? CC__LARGE_BINS : 0;
    if (frees) {
        sums_t sums = {sum->free_bins, &sum->free_bytes, &sum->free_block_bytes};
        for (unsigned size = 0; size < small; size++) add_small(sums, domain, size, FREED(counted->free_small[size]));
        for (unsigned i = 0; i < large; i++) add_large(sums, domain, 65 + i, FREED(counted->free_large[i]));
        for (unsigned bin = 0; bin < CC_PROFILE_BINS; bin++)
            add_estimated(sums, domain, bin, FREED(estimated->free_bins[bin]));
        add_large_bytes(sums, FREED(counted->free_large_bytes) + FREED(estimated->free_bytes));
        sum->free_bytes_variance += FREED(estimated->free_bytes_variance);
        sum->free_count_variance += FREED(estimated->free_count_variance);
    } else {
        sums_t sums = {sum->alloc_bins, &sum->alloc_bytes, &sum->alloc_block_bytes};
        for (unsigned size = 0; size < small; size++)
            add_small(sums, domain, size, ALLOCATED(counted->alloc_small[size]));
        for (unsigned i = 0; i < large; i++) add_large(sums, domain, 65 + i, ALLOCATED(counted->alloc_large[i]));
        for (unsigned bin = 0; bin < CC_PROFILE_BINS; bin++)
            add_estimated(sums, domain, bin, ALLOCATED(estimated->alloc_bins[bin]));
        add_large_bytes(sums, ALLOCATED(counted->alloc_large_bytes) + ALLOCATED(estimated->alloc_bytes));
        sum->alloc_bytes_variance += ALLOCATED(estimated->alloc_bytes_variance);
        sum->alloc_count_variance += ALLOCATED(estimated->alloc_count_variance);
    }
}

void cc__totals_add_counts(cc__totals_t *totals, cc__shard_t *shard, bool frees) {
    for (unsigned d = 0; d < CC_PROFILE_DOMAINS; d++) cc__domain_add_counts(&totals->domains[d], shard, d, frees);
    if (frees) {
        totals->cross_frees += FREED(shard->cross_frees);
        return;
    }
    totals->samples += ALLOCATED(shard->samples);
    totals->untracked_frees += ALLOCATED(shard->untracked_frees);
    totals->failed += ALLOCATED(shard->failed);
    totals->dropped_records += ALLOCATED(shard->dropped_records);
    totals->dropped_stacks += ALLOCATED(shard->dropped_stacks);
    for (unsigned i = 0; i < CC__HISTOGRAM_SIZE; i++) {
        totals->alloc_latency[i] += ALLOCATED(shard->alloc_latency[i]);
        totals->free_latency[i] += ALLOCATED(shard->free_latency[i]);
    }
}

void cc__totals_subtract(cc__totals_t *totals, const cc__totals_t *baseline) {
    double *to = (double *)totals;
    const double *from = (const double *)baseline;
    for (size_t i = 0; i < sizeof *totals / sizeof *to; i++) to[i] -= from[i];
}

double cc__domain_count(const cc_profile_domain_t *domain, bool frees) {
    const double *bins = frees ? domain->free_bins : domain->alloc_bins;
    double sum = 0;
    for (unsigned bin = 0; bin < CC_PROFILE_BINS; bin++) sum += bins[bin];
    return sum;
}

void cc__shard_counts(cc__shard_t *shard, double *alloc_count, double *free_count, double *alloc_bytes,
                      double *free_bytes) {
    for (unsigned d = 0; d < CC_PROFILE_DOMAINS; d++) {
        cc_profile_domain_t sum = {0};
        cc__domain_add_counts(&sum, shard, d, true);
        cc__domain_add_counts(&sum, shard, d, false);
        *free_count += cc__domain_count(&sum, true);
        *alloc_count += cc__domain_count(&sum, false);
        *free_bytes += sum.free_bytes;
        *alloc_bytes += sum.alloc_bytes;
    }
}

void cc__totals_read(cc__totals_t *totals) {
    *totals = recorder.departed;
    for (cc__shard_t *shard = recorder.shards; shard != NULL; shard = shard->next)
        cc__totals_add_counts(totals, shard, true);
    for (cc__shard_t *shard = recorder.shards; shard != NULL; shard = shard->next)
        cc__totals_add_counts(totals, shard, false);
    totals->dropped_records += (double)__atomic_load_n(&recorder.lost_records, __ATOMIC_RELAXED);
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

/* What the shard counted, on top of what its row already holds (rows only hold figures of folded shards). */
static void add_to_row(cc__row_t *row, cc__shard_t *shard) {
    cc__shard_counts(shard, &row->alloc_count, &row->free_count, &row->alloc_bytes, &row->free_bytes);
    row->received += FREED(shard->cross_frees);
    if (shard->thread != NULL && shard->slot != CC__MAX_SLOTS - 1) {
        cc__thread_lock();
        row->native_id = shard->thread->native_id;
        memcpy(row->name, shard->thread->name, sizeof row->name);
        cc__thread_unlock();
    }
}

void cc__begin_row(cc__shard_t *shard) {
    cc__row_t earlier = {0}, *row = &recorder.rows[shard->slot];
    add_to_row(&earlier, shard);
    if (shard->slot != CC__MAX_SLOTS - 1) row->id = shard->thread->id;
    row->native_id = earlier.native_id;
    row->alive = true;
    row->alloc_count -= earlier.alloc_count;
    row->free_count -= earlier.free_count;
    row->alloc_bytes -= earlier.alloc_bytes;
    row->free_bytes -= earlier.free_bytes;
    row->received -= earlier.received;
}

void cc__fold_row(cc__shard_t *shard) {
    cc__row_t *row = &recorder.rows[shard->slot];
    add_to_row(row, shard);
    row->alive = shard->slot == CC__MAX_SLOTS - 1; /* which many threads share */
}

size_t cc__rows_read(cc__row_t *rows, size_t room) {
    size_t count = recorder.slots_used < room ? recorder.slots_used : room;
    memcpy(rows, recorder.rows, count * sizeof *rows);
    for (cc__shard_t *shard = recorder.shards; shard != NULL; shard = shard->next)
        if (shard->thread != NULL && shard->generation == recorder.generation && shard->slot < count)
            add_to_row(&rows[shard->slot], shard);
    return count;
}

/* ---- flows ------------------------------------------------------------------------------------------------------ */

/* An entry is free until it has slots: no flow leads from a slot to itself. Its count may be 0, as a difference. */
static bool is_flow(const struct cc__flow *flow) {
    return flow->alloc_slot != flow->free_slot;
}

static struct cc__flow *find_flow(struct cc__flow *entries, size_t size, unsigned alloc_slot, unsigned free_slot) {
    size_t at = (alloc_slot * 0x9E3779B1u ^ free_slot * 0x85EBCA77u) & (size - 1);
    while (is_flow(&entries[at]) && (entries[at].alloc_slot != alloc_slot || entries[at].free_slot != free_slot))
        at = (at + 1) & (size - 1);
    return &entries[at];
}

static bool grow_flows(cc__flow_table_t *table) {
    size_t size = table->size != 0 ? table->size * 2 : 64;
    struct cc__flow *entries = cc__own_calloc(size, sizeof *entries);
    if (entries == NULL) return false;
    for (size_t i = 0; i < table->size; i++) {
        struct cc__flow *old = &table->entries[i];
        if (is_flow(old)) *find_flow(entries, size, old->alloc_slot, old->free_slot) = *old;
    }
    free(table->entries);
    table->entries = entries;
    table->size = size;
    return true;
}

bool cc__flows_add(cc__flow_table_t *table, unsigned alloc_slot, unsigned free_slot, double count, double bytes) {
    if (table->used * 4 >= table->size * 3 && !grow_flows(table)) return false;
    struct cc__flow *flow = find_flow(table->entries, table->size, alloc_slot, free_slot);
    if (!is_flow(flow)) {
        flow->alloc_slot = alloc_slot;
        flow->free_slot = free_slot;
        table->used++;
    }
    flow->count += count;
    flow->bytes += bytes;
    return true;
}

void cc__flows_free(cc__flow_table_t *table) {
    free(table->entries);
    memset(table, 0, sizeof *table);
}

bool cc__flows_copy(cc__flow_table_t *to, const cc__flow_table_t *from, double sign) {
    for (size_t i = 0; i < from->size; i++) {
        const struct cc__flow *flow = &from->entries[i];
        if (flow->count != 0 && !cc__flows_add(to, flow->alloc_slot, flow->free_slot, sign * flow->count,
                                               sign * flow->bytes))
            return false;
    }
    return true;
}

static void add_own_flows(cc__flow_table_t *table, cc__shard_t *shard, bool *complete) {
    for (unsigned i = 0; i < CC__FLOW_ENTRIES; i++) {
        cc__flow_entry_t *entry = &shard->flows[i];
        uint64_t key = cc__load_acquire(&entry->key); /* pairs with the release in cc__flow_count: the sums are there */
        if (key == 0) continue;
        double count = cc__load_relaxed(&entry->count), bytes = cc__load_relaxed(&entry->bytes);
        if (count != 0 && !cc__flows_add(table, (unsigned)key - 1, shard->slot, count, bytes)) *complete = false;
    }
}

/* pre: lock held, and the caller is the owner or the owner is gone. What an earlier generation left means nothing now. */
void cc__fold_flows(cc__shard_t *shard) {
    bool complete = true;
    if (shard->generation == recorder.generation)
        add_own_flows(&recorder.flows, shard, &complete); /* without memory the sums stay right, the matrix has a gap */
    for (unsigned i = 0; i < CC__FLOW_ENTRIES; i++) {
        cc__store_relaxed(&shard->flows[i].key, 0);
        cc__store_relaxed(&shard->flows[i].count, 0);
        cc__store_relaxed(&shard->flows[i].bytes, 0);
    }
}

void cc__flow_count_locked(cc__shard_t *shard, unsigned alloc_slot, double count, double bytes, bool locked) {
    cc__own_add_release(&shard->cross_frees, count);
    for (;;) {
        for (unsigned step = 0; step < CC__FLOW_ENTRIES; step++) {
            cc__flow_entry_t *entry = &shard->flows[(alloc_slot + step) % CC__FLOW_ENTRIES];
            uint64_t key = cc__load_relaxed(&entry->key);
            if (key == 0) cc__store_release(&entry->key, (uint64_t)alloc_slot + 1); /* pairs with add_own_flows */
            if (key != 0 && key != (uint64_t)alloc_slot + 1) continue;
            cc__own_add(&entry->count, count);
            cc__own_add(&entry->bytes, bytes);
            return;
        }
        if (!locked) cc__mutex_lock(&recorder.lock);
        cc__fold_flows(shard);
        if (!locked) cc__mutex_unlock(&recorder.lock);
    }
}

void cc__flow_count(cc__shard_t *shard, unsigned alloc_slot, double count, double bytes) {
    cc__flow_count_locked(shard, alloc_slot, count, bytes, false);
}

bool cc__flows_read(cc__flow_table_t *table) {
    bool complete = cc__flows_copy(table, &recorder.flows, 1);
    for (cc__shard_t *shard = recorder.shards; shard != NULL; shard = shard->next)
        if (shard->thread != NULL && shard->generation == recorder.generation) add_own_flows(table, shard, &complete);
    return complete;
}
