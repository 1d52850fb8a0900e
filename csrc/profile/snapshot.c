/* profile/snapshot.c: a profile's figures are read. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/fault.h"
#include "latency.h"
#include "profile_internal.h"
#include "sources.h"

static double at_least_0(double value) {
    return value > 0 ? value : 0;
}

/* A difference of two sums without what rounding left in it: threads may carry sums of weights from earlier sessions.
 * Counted sums are whole; what is sampled weighs at least 1. */
static double without_noise(double value, bool estimated) {
    if (!estimated) return rint(value);
    return fabs(value) < 0.5 ? 0 : value;
}

static void clean(double *values, size_t bytes, bool estimated) {
    for (size_t i = 0; i < bytes / sizeof *values; i++) values[i] = without_noise(values[i], estimated);
}

/* ---- threads and flows ------------------------------------------------------------------------------------------ */

/* The threads that did something. rows[slot].id stays for the flows. */
static void fill_threads(cc_profile_snapshot_t *snapshot, const cc__row_t *rows, size_t count, const double *sent) {
    for (size_t slot = 0; slot < count; slot++) {
        const cc__row_t *row = &rows[slot];
        double figures[] = {row->counts.alloc_count, row->counts.free_count, row->counts.alloc_bytes,
                            row->counts.free_bytes,  row->received,          sent[slot]};
        clean(figures, sizeof figures, snapshot->estimated);
        if (figures[0] == 0 && figures[1] == 0 && figures[5] == 0) continue;
        cc_profile_thread_t *thread = &snapshot->threads[snapshot->thread_count++];
        *thread = (cc_profile_thread_t){row->id,    row->native_id, "",         row->alive, figures[0],
                                        figures[1], figures[2],     figures[3], figures[4], figures[5]};
        memcpy(thread->name, row->name, sizeof thread->name);
    }
}

static void fill_flows(cc_profile_snapshot_t *snapshot, const cc__flow_table_t *flows, const cc__row_t *rows,
                       size_t count, double *sent) {
    for (size_t i = 0; i < flows->size; i++) {
        const cc__flow_t *flow = &flows->entries[i];
        if (flow->count < 0.5) continue;
        snapshot->flows[snapshot->flow_count++] = (cc_profile_flow_t){
            flow->alloc_slot < count ? rows[flow->alloc_slot].id : 0,
            flow->free_slot < count ? rows[flow->free_slot].id : 0, without_noise(flow->count, snapshot->estimated),
            without_noise(flow->bytes, snapshot->estimated)};
        if (flow->alloc_slot < count) sent[flow->alloc_slot] += flow->count;
    }
}

static int add_threads(cc_profile_t *profile, cc_profile_snapshot_t *snapshot) {
    int status = CC_ERROR_MEMORY;
    size_t count = cc__rows_count();
    cc__flow_table_t flows = {0};
    cc__row_t *rows = cc__own_calloc(count, sizeof *rows);
    double *sent = cc__own_calloc(count, sizeof *sent); /* by slot */
    if (rows != NULL && sent != NULL && cc__baseline_flows(&profile->baseline, &flows)) {
        snapshot->threads = cc__own_calloc(count, sizeof *snapshot->threads);
        snapshot->flows = cc__own_calloc(flows.used, sizeof *snapshot->flows);
        if (snapshot->threads != NULL && snapshot->flows != NULL) status = CC_OK;
    }
    if (status == CC_OK) {
        count = cc__baseline_rows(&profile->baseline, rows, count);
        fill_flows(snapshot, &flows, rows, count, sent);
        fill_threads(snapshot, rows, count, sent);
    }
    cc__flows_free(&flows);
    free(rows);
    free(sent);
    return status;
}

/* ---- sums ------------------------------------------------------------------------------------------------------- */

static double block_bytes(unsigned domain, const cc__figures_t *figures) {
    double sum = figures->large_bytes;
    for (unsigned bin = 0; bin < CC__SMALL_BINS; bin++) sum += cc__source_small_blocks(domain, bin, figures->bins[bin]);
    for (unsigned bin = CC__SMALL_BINS; bin < CC_PROFILE_BINS; bin++)
        sum += cc__source_large_padding(domain, bin, figures->bins[bin]);
    return sum;
}

static void fill_domain(cc_profile_snapshot_t *snapshot, unsigned number, const cc__figures_t *alloc,
                        const cc__figures_t *freed) {
    cc_profile_domain_t *domain = &snapshot->domains[number];
    domain->alloc_bytes = alloc->bytes;
    domain->free_bytes = freed->bytes;
    domain->alloc_block_bytes = without_noise(block_bytes(number, alloc), snapshot->estimated);
    domain->free_block_bytes = without_noise(block_bytes(number, freed), snapshot->estimated);
    domain->alloc_bytes_variance = alloc->bytes_variance;
    domain->free_bytes_variance = freed->bytes_variance;
    domain->alloc_count_variance = alloc->count_variance;
    domain->free_count_variance = freed->count_variance;
    memcpy(domain->alloc_bins, alloc->bins, sizeof domain->alloc_bins);
    memcpy(domain->free_bins, freed->bins, sizeof domain->free_bins);
    snapshot->alloc_count += cc__figures_count(alloc);
    snapshot->free_count += cc__figures_count(freed);
    snapshot->alloc_bytes += alloc->bytes;
    snapshot->free_bytes += freed->bytes;
}

static int add_sums(const cc_profile_t *profile, cc_profile_snapshot_t *snapshot) {
    cc__totals_t *totals = cc__own_calloc(1, sizeof *totals);
    if (totals == NULL) return CC_ERROR_MEMORY;
    cc__baseline_totals(&profile->baseline, totals);
    for (unsigned d = 0; d < CC_PROFILE_DOMAINS; d++) {
        if ((profile->options.domains >> d & 1) == 0) continue; /* seen for another profile's sake */
        clean((double *)&totals->domains[d], sizeof totals->domains[d], snapshot->estimated);
        fill_domain(snapshot, d, &totals->domains[d].alloc, &totals->domains[d].free);
    }
    snapshot->current = at_least_0(without_noise(snapshot->alloc_bytes - snapshot->free_bytes, snapshot->estimated));
    snapshot->cross_thread_frees = at_least_0(without_noise(totals->cross_frees, snapshot->estimated));
    snapshot->samples = totals->samples;
    snapshot->untracked_frees = at_least_0(without_noise(totals->untracked_frees, snapshot->estimated));
    snapshot->failed = totals->failed;
    snapshot->dropped_records = totals->dropped_records;
    snapshot->dropped_stacks = totals->dropped_stacks;
    memcpy(snapshot->latency->alloc, totals->alloc_latency, sizeof totals->alloc_latency);
    memcpy(snapshot->latency->free, totals->free_latency, sizeof totals->free_latency);
    snapshot->latency->clock = cc__cycles_calibrate();
    free(totals);
    return CC_OK;
}

/* ---- time ------------------------------------------------------------------------------------------------------- */

static void fill_peak(const cc_profile_t *profile, cc_profile_snapshot_t *snapshot, uint64_t now) {
    const cc__peak_t *peak = &profile->baseline.peak;
    uint64_t start = profile->timeline.start_ns;
    cc__peaks_follow();
    snapshot->peak = (double)cc__load_relaxed(&peak->highest);
    uint64_t peak_ns = cc__load_relaxed(&peak->highest_ns);
    if (snapshot->peak <= snapshot->current) {
        snapshot->peak = snapshot->current;
        peak_ns = now;
    }
    /* The coarse clock may lag behind the start. */
    snapshot->peak_seconds = peak_ns > start ? (double)(peak_ns - start) * 1e-9 : 0;
    double error = snapshot->estimated ? CC__SAMPLED_QUANTUM : CC__BALANCE_ERROR; /* of each shard */
    for (cc__shard_t *shard = cc__shards_first(); shard != NULL; shard = shard->next) snapshot->peak_error += error;
}

/* The timeline, and the present as its last point. */
static int add_points(const cc_profile_t *profile, cc_profile_snapshot_t *snapshot) {
    const cc__timeline_t *timeline = &profile->timeline;
    snapshot->points = cc__own_calloc(timeline->count + 1, sizeof *snapshot->points);
    if (snapshot->points == NULL) return CC_ERROR_MEMORY;
    for (size_t i = 0; i < timeline->count; i++) {
        cc_profile_point_t *point = &snapshot->points[i];
        *point = timeline->points[i];
        point->alloc_count = without_noise(point->alloc_count, snapshot->estimated);
        point->free_count = without_noise(point->free_count, snapshot->estimated);
        point->alloc_bytes = without_noise(point->alloc_bytes, snapshot->estimated);
    }
    snapshot->points[timeline->count] =
        (cc_profile_point_t){snapshot->seconds,     snapshot->current,    snapshot->current,
                             snapshot->alloc_count, snapshot->free_count, snapshot->alloc_bytes};
    snapshot->point_count = timeline->count + 1;
    return CC_OK;
}

/* ---- the snapshot ----------------------------------------------------------------------------------------------- */

int cc__snapshot_build(cc_profile_t *profile, cc_profile_snapshot_t **result) {
    cc_profile_snapshot_t *snapshot = cc__own_calloc(1, sizeof *snapshot);
    if (snapshot == NULL) return CC_ERROR_MEMORY;
    for (unsigned session = profile->baseline.first_session; session <= cc__sessions.present; session++)
        if (!cc__session_of(session)->exact) snapshot->estimated = true;
    snapshot->latency = cc__own_calloc(1, sizeof *snapshot->latency);
    int status = snapshot->latency != NULL ? add_threads(profile, snapshot) : CC_ERROR_MEMORY;
    if (status == CC_OK) status = add_sums(profile, snapshot);
    if (status == CC_OK) {
        uint64_t now = cc__os_monotonic_ns();
        snapshot->seconds = (double)(now - profile->timeline.start_ns) * 1e-9;
        snapshot->start_wall_ns = profile->start_wall_ns;
        snapshot->end_wall_ns = cc__os_wall_ns();
        fill_peak(profile, snapshot, now);
        status = add_points(profile, snapshot);
    }
    if (status != CC_OK)
        cc_profile_snapshot_free(snapshot);
    else
        *result = snapshot;
    return status;
}

int cc__snapshot_copy(const cc_profile_snapshot_t *from, cc_profile_snapshot_t **result) {
    cc_profile_snapshot_t *copy = cc__own_calloc(1, sizeof *copy);
    if (copy == NULL) return CC_ERROR_MEMORY;
    *copy = *from;
    copy->threads = cc__own_calloc(from->thread_count, sizeof *copy->threads);
    copy->flows = cc__own_calloc(from->flow_count, sizeof *copy->flows);
    copy->points = cc__own_calloc(from->point_count, sizeof *copy->points);
    copy->latency = cc__own_calloc(1, sizeof *copy->latency);
    if (copy->threads == NULL || copy->flows == NULL || copy->points == NULL || copy->latency == NULL) {
        cc_profile_snapshot_free(copy);
        return CC_ERROR_MEMORY;
    }
    memcpy(copy->threads, from->threads, from->thread_count * sizeof *copy->threads);
    memcpy(copy->flows, from->flows, from->flow_count * sizeof *copy->flows);
    memcpy(copy->points, from->points, from->point_count * sizeof *copy->points);
    *copy->latency = *from->latency;
    *result = copy;
    return CC_OK;
}

void cc_profile_snapshot_free(cc_profile_snapshot_t *snapshot) {
    if (snapshot == NULL) return;
    free(snapshot->threads);
    free(snapshot->flows);
    free(snapshot->points);
    free(snapshot->latency);
    free(snapshot);
}
