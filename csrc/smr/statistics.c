/* smr/statistics.c: what domains and handles tell. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/fault.h"
#include "smr_internal.h"

/* pre: the registry's lock is held. */
static cc_smr_t *find(uint64_t id) {
    cc_smr_t *domain = cc__smr_domains;
    while (domain != NULL && domain->id != id) domain = domain->next;
    return domain;
}

size_t cc_smr_list(uint64_t *ids, size_t capacity) {
    size_t count = 0;
    cc__mutex_lock(&cc__smr_registry_lock);
    for (cc_smr_t *domain = cc__smr_domains; domain != NULL; domain = domain->next, count++)
        if (count < capacity) ids[count] = domain->id;
    cc__mutex_unlock(&cc__smr_registry_lock);
    return count;
}

/* ---- delays ----------------------------------------------------------------------------------------------------- */

int cc_smr_record_delays(uint64_t id, bool record) {
    int status = CC_OK;
    cc__mutex_lock(&cc__smr_registry_lock);
    cc_smr_t *domain = find(id);
    if (domain == NULL) {
        status = CC_ERROR_ARGUMENT;
    } else if (record && cc__load_relaxed(&domain->delays) == NULL) {
        _Atomic(uint64_t) *delays = cc__own_calloc(CC__HISTOGRAM_SIZE, sizeof *delays);
        if (delays == NULL) status = CC_ERROR_MEMORY;
        cc__store_release(&domain->delays, delays); /* pairs with cc__smr_record_delay */
    }
    if (status == CC_OK) {
        cc__store_release(&domain->recording, record); /* pairs with the acquire load of it: the delays are there */
        CC__SMR_EACH_HANDLE(domain, handle) {
            /* When its owner sets it at this moment, it may be the owner's until the batch ends. */
            if (record) __atomic_store_n(&handle->inner.fill_limit, NULL, __ATOMIC_RELAXED);
        }
    }
    cc__mutex_unlock(&cc__smr_registry_lock);
    return status;
}

/* The delay that a fraction of the recorded ones is below. */
static uint64_t percentile(_Atomic(uint64_t) *delays, uint64_t count, double fraction) {
    uint64_t rank = (uint64_t)ceil(fraction * (double)count), seen = 0;
    if (rank == 0) return 0;
    for (unsigned i = 0; i < CC__HISTOGRAM_SIZE; i++) {
        seen += cc__load_relaxed(&delays[i]);
        if (seen >= rank) return (uint64_t)(cc__histogram_middle(i) * (1 << CC__SMR_STAMP_SHIFT));
    }
    return 0;
}

static void read_delays(cc_smr_t *domain, cc_smr_stats_t *stats) {
    stats->delay_recorded = cc__load_relaxed(&domain->recording);
    _Atomic(uint64_t) *delays = cc__load_acquire(&domain->delays); /* pairs with cc_smr_record_delays */
    if (delays == NULL) return;
    for (unsigned i = 0; i < CC__HISTOGRAM_SIZE; i++) stats->delay_count += cc__load_relaxed(&delays[i]);
    stats->delay_sum_ns = cc__load_relaxed(&domain->delay_sum);
    stats->delay_max_ns = cc__load_relaxed(&domain->delay_max);
    stats->delay_p50_ns = percentile(delays, stats->delay_count, 0.5);
    stats->delay_p90_ns = percentile(delays, stats->delay_count, 0.9);
    stats->delay_p99_ns = percentile(delays, stats->delay_count, 0.99);
    stats->delay_p999_ns = percentile(delays, stats->delay_count, 0.999);
}

int cc_smr_delay_histogram(uint64_t id, uint64_t *counts, size_t buckets) {
    if (buckets == 0) return CC_ERROR_ARGUMENT;
    cc__mutex_lock(&cc__smr_registry_lock);
    cc_smr_t *domain = find(id);
    if (domain != NULL) {
        memset(counts, 0, buckets * sizeof *counts);
        _Atomic(uint64_t) *delays = cc__load_acquire(&domain->delays); /* pairs with cc_smr_record_delays */
        for (unsigned i = 0; delays != NULL && i < CC__HISTOGRAM_SIZE; i++)
            counts[cc__log_bucket(cc__histogram_middle(i) * (1 << CC__SMR_STAMP_SHIFT), (unsigned)buckets)] +=
                cc__load_relaxed(&delays[i]);
    }
    cc__mutex_unlock(&cc__smr_registry_lock);
    return domain != NULL ? CC_OK : CC_ERROR_ARGUMENT;
}

int cc_smr_reset(uint64_t id) {
    cc__mutex_lock(&cc__smr_registry_lock);
    cc_smr_t *domain = find(id);
    if (domain != NULL) {
        cc__store_relaxed(&domain->peak_nodes, cc__load_relaxed(&domain->pending_nodes));
        cc__store_relaxed(&domain->peak_bytes, cc__load_relaxed(&domain->pending_bytes));
        _Atomic(uint64_t) *delays = cc__load_acquire(&domain->delays); /* pairs with cc_smr_record_delays */
        for (unsigned i = 0; delays != NULL && i < CC__HISTOGRAM_SIZE; i++) cc__store_relaxed(&delays[i], 0);
        cc__store_relaxed(&domain->delay_sum, 0);
        cc__store_relaxed(&domain->delay_max, 0);
    }
    cc__mutex_unlock(&cc__smr_registry_lock);
    return domain != NULL ? CC_OK : CC_ERROR_ARGUMENT;
}

/* ---- domains and handles ---------------------------------------------------------------------------------------- */

/* What a handle had retired and has to free, as of one moment between two batches. */
typedef struct {
    uint64_t retired_nodes, retired_bytes, pending_nodes, pending_bytes;
} sums_t;

static sums_t read_sums(cc__smr_handle_t *handle) {
    const cc_smr_t *domain = handle->domain;
    sums_t sums;
    memset(&sums, 0, sizeof sums);
    if (handle->arrays == NULL) return sums;
    enum { TRIES = 1000 };
    for (int try = 0; try < TRIES; try++) {
        uint64_t before = cc__load_acquire(&handle->seals); /* these pair with the releases in seal() */
        uint64_t nodes = cc__load_acquire(&handle->counters.retired_nodes);
        uint64_t bytes = cc__load_acquire(&handle->counters.retired_bytes);
        uint64_t held_nodes = cc__load_acquire(&handle->held_nodes), held_bytes = cc__load_acquire(&handle->held_bytes);
        cc__smr_node_t **fill = __atomic_load_n(&handle->inner.fill, __ATOMIC_ACQUIRE);
        int64_t left = __atomic_load_n(&handle->inner.bytes_left, __ATOMIC_ACQUIRE);
        uint64_t gathered = (uint64_t)(fill - handle->arrays) % domain->capacity;
        uint64_t gathered_bytes = (uint64_t)((int64_t)domain->options.batch_bytes - left);
        sums = (sums_t){nodes + gathered, bytes + gathered_bytes, held_nodes + gathered, held_bytes + gathered_bytes};
        if (before % 2 == 0 && cc__load_acquire(&handle->seals) == before) break;
    }
    return sums;
}

static bool is_stalled(const cc_smr_t *domain, uint64_t epoch, uint64_t lower) {
    return lower != CC_SMR_IDLE && epoch > lower && epoch - lower >= domain->options.stall_threshold;
}

/* pre: the domain's lock is held, so that nothing moves between threads and the orphans. */
static void read_stats(cc_smr_t *domain, cc_smr_stats_t *stats) {
    memset(stats, 0, sizeof *stats);
    stats->id = domain->id;
    memcpy(stats->name, domain->options.name, sizeof stats->name);
    stats->scheme = (uint32_t)domain->kind;
    stats->asymmetric = domain->asymmetric;
    /* Reclaimed before retired: no node is seen reclaimed that was not retired. Acquire pairs with end_collecting. */
    CC__SMR_EACH_HANDLE(domain, handle) {
        stats->reclaimed_nodes += cc__load_acquire(&handle->counters.reclaimed_nodes);
        stats->reclaimed_bytes += cc__load_acquire(&handle->counters.reclaimed_bytes);
    }
    stats->oldest_epoch = UINT64_MAX;
    stats->epoch = cc__load_relaxed(&domain->epoch);
    CC__SMR_EACH_HANDLE(domain, handle) {
        sums_t sums = read_sums(handle);
        stats->retired_nodes += sums.retired_nodes;
        stats->retired_bytes += sums.retired_bytes;
        stats->pending_nodes += sums.pending_nodes;
        stats->pending_bytes += sums.pending_bytes;
        stats->polls += cc__load_relaxed(&handle->counters.polls);
        stats->scans += cc__load_relaxed(&handle->counters.scans);
        stats->barriers += cc__load_relaxed(&handle->counters.barriers);
        stats->neutralizations += cc__load_relaxed(&handle->counters.neutralizations);
        stats->signals += cc__load_relaxed(&handle->counters.signals);
        stats->fallbacks += cc__load_relaxed(&handle->counters.fallbacks);
        uint64_t lower = __atomic_load_n(&handle->inner.lower, __ATOMIC_RELAXED);
        if (lower < stats->oldest_epoch) stats->oldest_epoch = lower;
        stats->threads += cc__load_relaxed(&handle->owner) != NULL;
        stats->stalled_threads += is_stalled(domain, stats->epoch, lower);
    }
    if (stats->oldest_epoch > stats->epoch) stats->oldest_epoch = stats->epoch;
    stats->orphaned_nodes = cc__load_relaxed(&domain->orphan_count);
    stats->pending_nodes += stats->orphaned_nodes;
    stats->pending_bytes += cc__load_relaxed(&domain->orphan_bytes);
    stats->peak_pending_nodes = cc__load_relaxed(&domain->peak_nodes);
    stats->peak_pending_bytes = cc__load_relaxed(&domain->peak_bytes);
    if (stats->peak_pending_nodes < stats->pending_nodes) stats->peak_pending_nodes = stats->pending_nodes;
    if (stats->peak_pending_bytes < stats->pending_bytes) stats->peak_pending_bytes = stats->pending_bytes;
    read_delays(domain, stats);
}

int cc_smr_stats(uint64_t id, cc_smr_stats_t *stats) {
    cc__mutex_lock(&cc__smr_registry_lock);
    cc_smr_t *domain = find(id);
    if (domain != NULL) {
        cc__mutex_lock(&domain->lock);
        read_stats(domain, stats);
        cc__mutex_unlock(&domain->lock);
    }
    cc__mutex_unlock(&cc__smr_registry_lock);
    return domain != NULL ? CC_OK : CC_ERROR_ARGUMENT;
}

static void read_row(cc__smr_handle_t *handle, const cc__thread_t *owner, uint64_t epoch, cc_smr_thread_stats_t *row) {
    sums_t sums = read_sums(handle);
    uint64_t lower = __atomic_load_n(&handle->inner.lower, __ATOMIC_RELAXED);
    memset(row, 0, sizeof *row);
    row->thread_id = owner->id;
    row->native_id = owner->native_id;
    _Static_assert(sizeof row->name == sizeof owner->name, "names have one length");
    memcpy(row->name, owner->name, sizeof row->name);
    row->inside = lower != CC_SMR_IDLE;
    row->stalled = is_stalled(handle->domain, epoch, lower);
    row->deaf = cc__load_relaxed(&handle->deaf);
    row->epoch_lag = row->inside && epoch > lower ? epoch - lower : 0;
    row->retired_nodes = sums.retired_nodes - handle->retired_before;
    row->pending_nodes = sums.pending_nodes;
    row->pending_bytes = sums.pending_bytes;
    row->neutralized = cc__load_relaxed(&handle->counters.neutralizations) - handle->neutralized_before;
}

size_t cc_smr_thread_stats(uint64_t id, cc_smr_thread_stats_t *rows, size_t capacity) {
    size_t count = 0;
    cc__mutex_lock(&cc__smr_registry_lock);
    cc_smr_t *domain = find(id);
    if (domain != NULL) {
        cc__mutex_lock(&domain->lock);
        cc__thread_lock(); /* over the names */
        uint64_t epoch = cc__load_relaxed(&domain->epoch);
        CC__SMR_EACH_HANDLE(domain, handle) {
            cc__thread_t *owner = cc__load_relaxed(&handle->owner);
            if (owner == NULL) continue;
            if (count < capacity) read_row(handle, owner, epoch, &rows[count]);
            count++;
        }
        cc__thread_unlock();
        cc__mutex_unlock(&domain->lock);
    }
    cc__mutex_unlock(&cc__smr_registry_lock);
    return count;
}
