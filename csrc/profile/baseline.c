/* profile/baseline.c: baselines, and the frees that are not every profile's. */
#include "baseline.h"

#include <stdlib.h>
#include <string.h>

#include "../base/fault.h"

static cc__baseline_t *baselines; /* of active profiles; under the lock */

void cc__zero_free(cc__zero_t *zero) {
    free(zero->rows);
    cc__flows_free(&zero->flows);
    cc__flows_free(&zero->flows_older);
    if (zero->rows_older != NULL) cc__os_unmap(zero->rows_older, CC__MAX_SLOTS * sizeof *zero->rows_older);
}

bool cc__zero_take(cc__zero_t *zero) {
    memset(zero, 0, sizeof *zero);
    zero->rows = cc__own_calloc(cc__rows_count(), sizeof *zero->rows);
    zero->rows_older = cc__os_map(CC__MAX_SLOTS * sizeof *zero->rows_older);
    if (zero->rows != NULL && zero->rows_older != NULL && cc__flows_read(&zero->flows)) {
        zero->row_count = cc__rows_read(zero->rows, cc__rows_count());
        return true;
    }
    cc__zero_free(zero);
    return false;
}

static cc__baseline_t **find(cc__baseline_t *baseline) {
    cc__baseline_t **link = &baselines;
    while (*link != NULL && *link != baseline) link = &(*link)->next;
    return link;
}

void cc__baseline_begin(cc__baseline_t *baseline, const cc__zero_t *zero, uint64_t now_ns) {
    cc__zero_free(&baseline->zero);
    cc__peaks_follow(); /* those of the others; this one's begins anew */
    baseline->first_session = cc__sessions.present;
    baseline->zero = *zero;
    memset(baseline->older, 0, sizeof baseline->older);
    baseline->older_count = baseline->older_crossed = 0;
    cc__totals_read(&baseline->totals);
    cc__peak_begin(&baseline->peak, cc__shards_live_bytes(), now_ns);
    if (*find(baseline) != NULL) return;
    baseline->next = baselines;
    baselines = baseline;
}

void cc__baseline_end(cc__baseline_t *baseline) {
    *find(baseline) = baseline->next;
    cc__peak_end(&baseline->peak);
}

/* ---- what was counted since ------------------------------------------------------------------------------------- */

void cc__baseline_totals(const cc__baseline_t *baseline, cc__totals_t *totals) {
    cc__totals_read(totals);
    cc__totals_subtract(totals, &baseline->totals);
    for (unsigned d = 0; d < CC_PROFILE_DOMAINS; d++) {
        cc__figures_t older = {0};
        cc__figures_add(&older, &baseline->older[d]);
        double *to = (double *)&totals->domains[d].free;
        for (size_t i = 0; i < sizeof older / sizeof *to; i++) to[i] -= ((const double *)&older)[i];
    }
    totals->untracked_frees += baseline->older_count;
    totals->cross_frees -= baseline->older_crossed;
}

void cc__baseline_counts(const cc__baseline_t *baseline, cc__counts_t *counts) {
    cc__counts_t now = *counts, before = {0};
    cc__counts_add_totals(&before, &baseline->totals);
    counts->alloc_count = now.alloc_count - before.alloc_count;
    counts->free_count = now.free_count - before.free_count - baseline->older_count;
    counts->alloc_bytes = now.alloc_bytes - before.alloc_bytes;
    counts->free_bytes = now.free_bytes - before.free_bytes;
    for (unsigned d = 0; d < CC_PROFILE_DOMAINS; d++) counts->free_bytes -= cc__load_relaxed(&baseline->older[d].bytes);
}

bool cc__baseline_flows(const cc__baseline_t *baseline, cc__flow_table_t *flows) {
    return cc__flows_read(flows) && cc__flows_copy(flows, &baseline->zero.flows, -1) &&
           cc__flows_copy(flows, &baseline->zero.flows_older, -1);
}

size_t cc__baseline_rows(const cc__baseline_t *baseline, cc__row_t *rows, size_t room) {
    const cc__zero_t *zero = &baseline->zero;
    size_t count = cc__rows_read(rows, room);
    for (size_t slot = 0; slot < count; slot++) {
        cc__row_t *row = &rows[slot];
        const struct cc__older_row *older = &zero->rows_older[slot];
        row->counts.free_count -= older->count;
        row->counts.free_bytes -= older->bytes;
        row->received -= older->received;
        if (slot >= zero->row_count || zero->rows[slot].id != row->id) continue;
        const cc__row_t *before = &zero->rows[slot];
        row->counts.alloc_count -= before->counts.alloc_count;
        row->counts.free_count -= before->counts.free_count;
        row->counts.alloc_bytes -= before->counts.alloc_bytes;
        row->counts.free_bytes -= before->counts.free_bytes;
        row->received -= before->received;
    }
    return count;
}

/* ---- frees that are not plain ----------------------------------------------------------------------------------- */

/* Counts it in the shard. */
static void count_special(cc__shard_t *shard, unsigned domain, const cc__session_t *session, uint64_t size) {
    if (session->exact)
        cc__count_free(&shard->counted[domain], size);
    else
        cc__estimate(&shard->estimated[domain].free, session, size);
}

/* A free of a block that is older than the baseline. */
static void count_older(cc__baseline_t *baseline, const cc__shard_t *shard, unsigned domain, uint64_t record,
                        uint64_t size) {
    unsigned slot = cc__record_slot(record);
    bool crossed = slot != shard->slot;
    double weight = cc__estimate(&baseline->older[domain], cc__session_of(cc__record_session(record)), size);
    double bytes = weight * (double)size;
    cc__peak_lower_base(&baseline->peak, (int64_t)(bytes + 0.5));
    baseline->older_count += weight;
    if (crossed) baseline->older_crossed += weight;
    if (shard->generation != cc__sessions.generation) return; /* a call in flight: its slots mean nothing now */
    struct cc__older_row *row = &baseline->zero.rows_older[shard->slot];
    row->count += weight;
    row->bytes += bytes;
    if (!crossed) return;
    row->received += weight;
    (void)cc__flows_add(&baseline->zero.flows_older, slot, shard->slot, weight, bytes);
}

void cc__free_special(cc__shard_t *shard, unsigned domain, uint64_t record, uint64_t size) {
    unsigned number = cc__record_session(record), slot = cc__record_slot(record);
    const cc__session_t *session = cc__session_of(number);
    double weight = cc__session_weight(session, size), bytes = weight * (double)size;
    bool crossed = slot != shard->slot;
    if (number >= shard->youngest_session) { /* sampled, and the free is every profile's */
        count_special(shard, domain, session, size);
        if (crossed) cc__flow_count(shard, slot, weight, bytes, false);
        cc__own_add(&shard->balance, -(int64_t)(bytes + 0.5));
        if (cc__load_relaxed(&shard->balance) < -shard->quantum) cc__shard_flush(shard);
        return;
    }
    cc__mutex_lock(&cc__recorder_lock); /* a reader finds all of this, or nothing */
    if (crossed) cc__flow_count(shard, slot, weight, bytes, true);
    count_special(shard, domain, session, size);
    (void)cc__live_add(-(int64_t)(bytes + 0.5)); /* not by the balance: the peaks' bases change with it */
    for (cc__baseline_t *baseline = baselines; baseline != NULL; baseline = baseline->next)
        if (number < baseline->first_session) count_older(baseline, shard, domain, record, size);
    cc__mutex_unlock(&cc__recorder_lock);
}
