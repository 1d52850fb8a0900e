/* profile/profile.c: starting, stopping and reading profiles. */
#include "recorder_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/fault.h"

#define recorder cc__recorder

struct cc_profile_latency {
    double alloc[CC__HISTOGRAM_SIZE], free[CC__HISTOGRAM_SIZE];
    cc__cycles_calibration_t clock;
    bool sampled;
};

static double at_least_0(double value) {
    return value > 0 ? value : 0;
}

/* A difference of two sums without what rounding left in it: threads may carry sums of weights from earlier sessions. Counted
 * sums are whole; what is sampled weighs at least 1. */
static double without_noise(double value, bool estimated) {
    if (!estimated) return rint(value);
    return fabs(value) < 0.5 ? 0 : value;
}

/* ---- configuration ---------------------------------------------------------------------------------------------- */

/* Begins a session that suits the active profiles: all that any of them asks for. pre: lock held, a session is left. */
static void begin_session(void) {
    uint64_t config = 0;
    unsigned domains = recorder.profiles != NULL ? recorder.domains : 0;
    double rate = 0, interval = 0;
    bool exact = false;
    for (cc_profile_t *profile = recorder.profiles; profile != NULL; profile = profile->next) {
        const cc_profile_options_t *options = &profile->options;
        domains |= options->domains;
        if (options->latency) config |= CC__LATENCY;
        if (options->timestamps) config |= CC__TIMES;
        if (options->stack_depth > 0) config |= CC__STACKS;
        if (options->sample_interval > 0) {
            double wanted = (double)options->sample_interval;
            if (interval == 0 || wanted < interval) interval = wanted;
        } else if (options->sample_rate >= 1) {
            exact = true;
        } else if (options->sample_rate > rate) {
            rate = options->sample_rate;
        }
    }
    recorder.domains = domains;
    recorder.session++;
    recorder.sessions[recorder.session] = cc__session(exact, rate, interval);
    if (domains == 0) {
        recorder.exact_before = false;
        recorder.exact_since = 0;
    } else {
        config |= (uint64_t)recorder.session << CC__CONFIG_SESSION_SHIFT | recorder.round << CC__CONFIG_ROUND_SHIFT;
        config |= exact ? CC__EXACT : interval > 0 ? CC__INTERVAL : CC__RATE;
        if (!exact) config |= recorder.exact_before ? CC__ALL_FREES : CC__FILTERED;
        if (!exact) recorder.exact_since = 0;
        if (exact && recorder.exact_since == 0) recorder.exact_since = recorder.session;
        recorder.exact_before |= exact;
    }
    for (unsigned d = 0; d < CC_PROFILE_DOMAINS; d++) {
        /* release pairs with the acquire loads in the wrappers: the table is there */
        cc__store_release(&cc__profile_config[d], (domains >> d & 1) != 0 ? config : 0);
    }
    cc__alloc_observe((domains >> CC_PROFILE_RUNTIME & 1) != 0 ? &cc__runtime_observer : NULL);
    /* release pairs with the acquire loads of whoever is plugged in; calls that hold it still are passed on */
    cc__store_release(&cc__plugged_observer, (domains >> CC_PROFILE_SQLITE & 1) != 0 ? &cc__sqlite_observer : NULL);
}

static cc_profile_t **find_profile(cc_profile_t *profile) {
    cc_profile_t **link = &recorder.profiles;
    while (*link != NULL && *link != profile) link = &(*link)->next;
    return link;
}

/* ---- the zero of a profile -------------------------------------------------------------------------------------- */

/* Everything that a profile's figures are counted from. It is read when the new session has begun: from then on all threads
 * wait for the lock before they count on (but for one call that may be in flight in each), so that its parts agree. */
typedef struct {
    cc__row_t *rows;
    size_t row_count;
    cc__flow_table_t flows;
    double *before_rows;
} zero_t;

static void free_zero(zero_t *zero) {
    free(zero->rows);
    cc__flows_free(&zero->flows);
    if (zero->before_rows != NULL) cc__os_unmap(zero->before_rows, 3 * CC__MAX_SLOTS * sizeof(double));
}

/* pre: lock held. */
static bool take_zero(zero_t *zero) {
    memset(zero, 0, sizeof *zero);
    zero->rows = cc__own_calloc(recorder.slots_used, sizeof *zero->rows);
    zero->before_rows = cc__os_map(3 * CC__MAX_SLOTS * sizeof(double));
    if (zero->rows != NULL && zero->before_rows != NULL && cc__flows_read(&zero->flows)) {
        zero->row_count = cc__rows_read(zero->rows, recorder.slots_used);
        return true;
    }
    free_zero(zero);
    return false;
}

static void sum_counts(const cc__totals_t *totals, double *alloc_count, double *free_count, double *alloc_bytes) {
    for (unsigned d = 0; d < CC_PROFILE_DOMAINS; d++) {
        *alloc_count += cc__domain_count(&totals->domains[d], false);
        *free_count += cc__domain_count(&totals->domains[d], true);
        *alloc_bytes += totals->domains[d].alloc_bytes;
    }
}

/* pre: lock held; the profile is in the list; its session has just begun. */
static void set_zero(cc_profile_t *profile, zero_t *zero) {
    zero_t old = {profile->baseline_rows, 0, profile->baseline_flows, profile->before_rows};
    free_zero(&old);
    cc__follow_peaks(); /* of the others; this one's begin anew */
    profile->first_session = recorder.session;
    profile->baseline_rows = zero->rows;
    profile->baseline_row_count = zero->row_count;
    profile->baseline_flows = zero->flows;
    profile->before_rows = zero->before_rows;
    cc__flows_free(&profile->flows_before);
    memset(&profile->before, 0, sizeof profile->before);
    cc__totals_read(&profile->baseline);
    profile->base_alloc_count = profile->base_free_count = profile->base_alloc_bytes = 0;
    sum_counts(&profile->baseline, &profile->base_alloc_count, &profile->base_free_count, &profile->base_alloc_bytes);
    int64_t live = cc__load_relaxed(&recorder.live_bytes);
    for (cc__shard_t *shard = recorder.shards; shard != NULL; shard = shard->next)
        live += cc__load_relaxed(&shard->balance);
    cc__store_relaxed(&profile->base_live, live);
    cc__store_relaxed(&profile->peak, 0);
    cc__store_relaxed(&profile->peak_since_point, 0);
    cc__store_relaxed(&recorder.no_peak_below, INT64_MIN);
    profile->start_ns = cc__os_monotonic_ns();
    profile->start_wall_ns = cc__os_wall_ns();
    cc__store_relaxed(&profile->peak_ns, profile->start_ns);
    profile->point_count = 0;
    profile->point_interval_ns = 4000000; /* the coarse clock's step; doubles when the points run out */
    profile->next_point_ns = profile->start_ns + profile->point_interval_ns;
    if (profile->next_point_ns < cc__load_relaxed(&recorder.next_point_ns))
        cc__store_relaxed(&recorder.next_point_ns, profile->next_point_ns);
}

/* Whether a session can begin with `more` profiles than now, another when that fails, and one for the stop of each. pre: lock
 * held. */
static bool session_is_left(unsigned more) {
    unsigned needed = 2 + more;
    for (cc_profile_t *profile = recorder.profiles; profile != NULL; profile = profile->next) needed++;
    return recorder.session + needed <= CC__MAX_SESSIONS;
}

/* ---- start, stop, reset, free ----------------------------------------------------------------------------------- */

static bool options_are_right(const cc_profile_options_t *options) {
    return options != NULL && options->struct_size == sizeof *options && options->domains != 0 &&
           options->domains < 1u << CC_PROFILE_DOMAINS && options->stack_depth <= CC_PROFILE_MAX_DEPTH &&
           (options->sample_interval > 0 || (options->sample_rate > 0 && options->sample_rate <= 1));
}

int cc_profile_start(const cc_profile_options_t *options, cc_profile_t **result) {
    if (!options_are_right(options) || result == NULL) return CC_ERROR_ARGUMENT;
    cc_profile_t *profile = cc__own_calloc(1, sizeof *profile);
    if (profile == NULL) return CC_ERROR_MEMORY;
    profile->options = *options;
    int status = CC_OK;
    zero_t zero;
    cc__mutex_lock(&recorder.lock);
    if (cc__recorder_open() != CC_OK) {
        status = CC_ERROR_MEMORY;
    } else {
        (void)cc__cycles_calibrate(); /* under the lock, which fork waits for */
        if (recorder.profile_count == 0) {
            recorder.generation++;
            recorder.slots_used = 0;
            cc__flows_free(&recorder.flows);
            /* Numbers begin again only when far from those that a call in flight may still hold. */
            if (recorder.session > CC__MAX_SESSIONS / 2) {
                recorder.session = 0;
                recorder.round = (recorder.round + 1) % CC__CONFIG_ROUNDS;
            }
            cc__store_relaxed(&recorder.epoch_coarse_ns, cc__os_coarse_ns());
            cc__store_relaxed(&recorder.missed_live, INT64_MIN);
            recorder.epoch_wall_ns = cc__os_wall_ns();
            cc__store_relaxed(&recorder.next_point_ns, UINT64_MAX);
        }
        if (!session_is_left(1)) status = CC_ERROR_LIMIT;
    }
    if (status == CC_OK) {
        profile->active = true;
        profile->last_session = CC__MAX_SESSIONS;
        profile->next = recorder.profiles;
        recorder.profiles = profile;
        begin_session();
        if (take_zero(&zero)) {
            recorder.profile_count++;
            set_zero(profile, &zero);
        } else {
            recorder.profiles = profile->next;
            begin_session();
            status = CC_ERROR_MEMORY;
        }
    }
    cc__mutex_unlock(&recorder.lock);
    if (status == CC_OK)
        *result = profile;
    else
        free(profile);
    return status;
}

static int build_snapshot(cc_profile_t *profile, cc_profile_snapshot_t **result);

/* pre: lock held, active. */
static void deactivate(cc_profile_t *profile) {
    profile->end_ns = cc__os_monotonic_ns();
    profile->end_wall_ns = cc__os_wall_ns();
    profile->last_session = recorder.session;
    profile->active = false;
    *find_profile(profile) = profile->next;
    if (recorder.profiles == NULL) cc__store_relaxed(&recorder.next_point_ns, UINT64_MAX);
    begin_session();
}

int cc_profile_stop(cc_profile_t *profile) {
    if (profile == NULL) return CC_ERROR_ARGUMENT;
    int status = CC_ERROR_STATE;
    cc__mutex_lock(&recorder.lock);
    if (profile->active) {
        /* When there is no memory for the snapshot the profile goes on, and the caller may try again. */
        status = build_snapshot(profile, &profile->final);
        if (status == CC_OK) deactivate(profile);
    }
    cc__mutex_unlock(&recorder.lock);
    return status;
}

int cc_profile_reset(cc_profile_t *profile) {
    if (profile == NULL) return CC_ERROR_ARGUMENT;
    int status = CC_OK;
    zero_t zero;
    cc__mutex_lock(&recorder.lock);
    if (!profile->active)
        status = CC_ERROR_STATE;
    else if (!session_is_left(0))
        status = CC_ERROR_LIMIT;
    if (status == CC_OK) {
        begin_session();
        if (take_zero(&zero))
            set_zero(profile, &zero);
        else
            status = CC_ERROR_MEMORY;
    }
    cc__mutex_unlock(&recorder.lock);
    return status;
}

void cc_profile_free(cc_profile_t *profile) {
    if (profile == NULL) return;
    cc__mutex_lock(&recorder.lock);
    if (profile->active) deactivate(profile);
    bool last = --recorder.profile_count == 0;
    cc__old_sites_t sites = {NULL, 0};
    if (last) {
        cc__shadow_clear();
        sites = cc__sites_take();
    }
    cc__mutex_unlock(&recorder.lock);
    cc__sites_drop(sites);
    zero_t zero = {profile->baseline_rows, 0, profile->baseline_flows, profile->before_rows};
    free_zero(&zero);
    cc__flows_free(&profile->flows_before);
    cc_profile_snapshot_free(profile->final);
    free(profile);
}

/* ---- timeline --------------------------------------------------------------------------------------------------- */

/* Fixed memory, whatever the length: when it is full, two points become one and the next ones stand twice as far apart. */
static void halve_points(cc_profile_t *profile) {
    for (size_t i = 0; i < CC_PROFILE_POINTS / 2; i++) {
        cc_profile_point_t *first = &profile->points[2 * i], *second = first + 1;
        if (first->peak > second->peak) second->peak = first->peak;
        profile->points[i] = *second;
    }
    profile->point_count = CC_PROFILE_POINTS / 2;
    profile->point_interval_ns *= 2;
}

void cc__draw_points(uint64_t now) {
    cc__follow_peaks();
    double alloc_count = 0, free_count = 0, alloc_bytes = 0, free_bytes = 0;
    uint64_t next = UINT64_MAX;
    bool counted = false;
    for (cc_profile_t *profile = recorder.profiles; profile != NULL; profile = profile->next) {
        if (now >= profile->next_point_ns) {
            if (!counted) {
                sum_counts(&recorder.departed, &alloc_count, &free_count, &alloc_bytes);
                for (cc__shard_t *shard = recorder.shards; shard != NULL; shard = shard->next)
                    cc__shard_counts(shard, &alloc_count, &free_count, &alloc_bytes, &free_bytes);
                counted = true;
            }
            if (profile->point_count == CC_PROFILE_POINTS) halve_points(profile);
            double current = (double)(cc__load_relaxed(&recorder.live_bytes) - cc__load_relaxed(&profile->base_live));
            double peak = (double)cc__load_relaxed(&profile->peak_since_point);
            double before = 0;
            for (unsigned d = 0; d < CC_PROFILE_DOMAINS; d++) before += cc__domain_count(&profile->before.domains[d], true);
            profile->points[profile->point_count++] = (cc_profile_point_t){
                (double)(now - profile->start_ns) * 1e-9, at_least_0(current), at_least_0(peak > current ? peak : current),
                alloc_count - profile->base_alloc_count, at_least_0(free_count - profile->base_free_count - before),
                alloc_bytes - profile->base_alloc_bytes};
            cc__store_relaxed(&profile->peak_since_point, (int64_t)current);
            cc__store_relaxed(&recorder.no_peak_below, INT64_MIN);
            profile->next_point_ns = now + profile->point_interval_ns;
        }
        if (profile->next_point_ns < next) next = profile->next_point_ns;
    }
    cc__store_relaxed(&recorder.next_point_ns, next);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static int add_threads(cc_profile_t *profile, cc_profile_snapshot_t *snapshot, const cc__flow_table_t *flows) {
    size_t count = recorder.slots_used;
    cc__row_t *rows = cc__own_calloc(count, sizeof *rows);
    snapshot->threads = cc__own_calloc(count, sizeof *snapshot->threads);
    snapshot->flows = cc__own_calloc(flows->used, sizeof *snapshot->flows);
    if (rows == NULL || snapshot->threads == NULL || snapshot->flows == NULL) {
        free(rows);
        return CC_ERROR_MEMORY;
    }
    count = cc__rows_read(rows, count);
    double *sent = &snapshot->threads[0].sent;
    size_t stride = sizeof *snapshot->threads / sizeof(double);
    for (size_t i = 0; i < flows->size; i++) {
        const struct cc__flow *flow = &flows->entries[i];
        if (flow->count < 0.5) continue;
        snapshot->flows[snapshot->flow_count++] = (cc_profile_flow_t){
            flow->alloc_slot < count ? rows[flow->alloc_slot].id : 0,
            flow->free_slot < count ? rows[flow->free_slot].id : 0, without_noise(flow->count, snapshot->estimated),
            without_noise(flow->bytes, snapshot->estimated)};
        if (flow->alloc_slot < count) sent[flow->alloc_slot * stride] += flow->count;
    }
    size_t used = 0;
    for (size_t slot = 0; slot < count; slot++) {
        const cc__row_t *row = &rows[slot];
        const double *before = &profile->before_rows[3 * slot];
        cc_profile_thread_t thread = {row->id, row->native_id, "", row->alive, row->alloc_count,
                                      row->free_count - before[0], row->alloc_bytes, row->free_bytes - before[1],
                                      row->received - before[2], sent[slot * stride]};
        memcpy(thread.name, row->name, sizeof thread.name);
        if (slot < profile->baseline_row_count && profile->baseline_rows[slot].id == row->id) {
            const cc__row_t *base = &profile->baseline_rows[slot];
            thread.alloc_count -= base->alloc_count;
            thread.free_count -= base->free_count;
            thread.alloc_bytes -= base->alloc_bytes;
            thread.free_bytes -= base->free_bytes;
            thread.received -= base->received;
        }
        double *figures[] = {&thread.alloc_count, &thread.free_count, &thread.alloc_bytes,
                             &thread.free_bytes,  &thread.received,   &thread.sent};
        for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
            *figures[i] = without_noise(*figures[i], snapshot->estimated);
        if (thread.alloc_count != 0 || thread.free_count != 0 || thread.sent != 0)
            snapshot->threads[used++] = thread;
    }
    snapshot->thread_count = used;
    free(rows);
    return CC_OK;
}

/* Flows since the start, but for blocks older than it. Entries may be left at 0. */
static bool read_flows(cc_profile_t *profile, cc__flow_table_t *flows) {
    return cc__flows_read(flows) && cc__flows_copy(flows, &profile->baseline_flows, -1) &&
           cc__flows_copy(flows, &profile->flows_before, -1);
}

static void fill_sums(cc_profile_t *profile, cc_profile_snapshot_t *snapshot, cc__totals_t *totals) {
    cc__totals_read(totals);
    cc__totals_subtract(totals, &profile->baseline);
    cc__totals_subtract(totals, &profile->before);
    for (unsigned d = 0; d < CC_PROFILE_DOMAINS; d++) {
        if ((profile->options.domains >> d & 1) == 0) {
            memset(&totals->domains[d], 0, sizeof totals->domains[d]); /* seen for another profile's sake */
            continue;
        }
        double *figures = (double *)&totals->domains[d];
        for (size_t i = 0; i < sizeof totals->domains[d] / sizeof *figures; i++)
            figures[i] = without_noise(figures[i], snapshot->estimated);
        snapshot->alloc_count += cc__domain_count(&totals->domains[d], false);
        snapshot->free_count += cc__domain_count(&totals->domains[d], true);
        snapshot->alloc_bytes += totals->domains[d].alloc_bytes;
        snapshot->free_bytes += totals->domains[d].free_bytes;
    }
    memcpy(snapshot->domains, totals->domains, sizeof snapshot->domains);
    snapshot->current = at_least_0(without_noise(snapshot->alloc_bytes - snapshot->free_bytes, snapshot->estimated));
    snapshot->cross_thread_frees = at_least_0(without_noise(totals->cross_frees, snapshot->estimated));
    snapshot->samples = totals->samples;
    snapshot->untracked_frees = at_least_0(without_noise(totals->untracked_frees, snapshot->estimated));
    snapshot->failed = totals->failed;
    snapshot->dropped_records = totals->dropped_records;
    snapshot->dropped_stacks = totals->dropped_stacks;
    memcpy(snapshot->latency->alloc, totals->alloc_latency, sizeof totals->alloc_latency);
    memcpy(snapshot->latency->free, totals->free_latency, sizeof totals->free_latency);
}

/* pre: lock held. */
static int build_snapshot(cc_profile_t *profile, cc_profile_snapshot_t **result) {
    cc_profile_snapshot_t *snapshot = cc__own_calloc(1, sizeof *snapshot);
    cc__totals_t *totals = cc__own_calloc(1, sizeof *totals);
    cc__flow_table_t flows = {0};
    if (snapshot != NULL) {
        snapshot->latency = cc__own_calloc(1, sizeof *snapshot->latency);
        snapshot->points = cc__own_calloc(profile->point_count + 1, sizeof *snapshot->points);
    }
    if (snapshot != NULL && snapshot->latency != NULL)
        for (unsigned session = profile->first_session; session <= recorder.session; session++)
            if (!recorder.sessions[session].exact) snapshot->estimated = snapshot->latency->sampled = true;
    if (snapshot == NULL || totals == NULL || snapshot->latency == NULL || snapshot->points == NULL ||
        !read_flows(profile, &flows) || add_threads(profile, snapshot, &flows) != CC_OK) {
        cc__flows_free(&flows);
        free(totals);
        cc_profile_snapshot_free(snapshot);
        return CC_ERROR_MEMORY;
    }
    cc__flows_free(&flows);
    snapshot->latency->clock = cc__cycles_calibrate();
    fill_sums(profile, snapshot, totals);
    free(totals);
    uint64_t now = cc__os_monotonic_ns();
    snapshot->seconds = (double)(now - profile->start_ns) * 1e-9;
    snapshot->start_wall_ns = profile->start_wall_ns;
    snapshot->end_wall_ns = cc__os_wall_ns();
    cc__follow_peaks();
    snapshot->peak = (double)cc__load_relaxed(&profile->peak);
    uint64_t peak_ns = cc__load_relaxed(&profile->peak_ns);
    if (snapshot->peak <= snapshot->current) {
        snapshot->peak = snapshot->current;
        peak_ns = now;
    }
    /* The coarse clock may lag behind the start. */
    snapshot->peak_seconds = peak_ns > profile->start_ns ? (double)(peak_ns - profile->start_ns) * 1e-9 : 0;
    double error = snapshot->estimated ? CC__SAMPLED_QUANTUM : CC__BALANCE_ERROR; /* of a thread: there are as many shards */
    for (cc__shard_t *shard = recorder.shards; shard != NULL; shard = shard->next) snapshot->peak_error += error;
    memcpy(snapshot->points, profile->points, profile->point_count * sizeof *snapshot->points);
    for (size_t i = 0; i < profile->point_count; i++) {
        cc_profile_point_t *point = &snapshot->points[i];
        point->alloc_count = without_noise(point->alloc_count, snapshot->estimated);
        point->free_count = without_noise(point->free_count, snapshot->estimated);
        point->alloc_bytes = without_noise(point->alloc_bytes, snapshot->estimated);
    }
    snapshot->point_count = profile->point_count + 1;
    snapshot->points[profile->point_count] =
        (cc_profile_point_t){snapshot->seconds, snapshot->current, snapshot->current, snapshot->alloc_count,
                             snapshot->free_count, snapshot->alloc_bytes};
    *result = snapshot;
    return CC_OK;
}

static int copy_snapshot(const cc_profile_snapshot_t *from, cc_profile_snapshot_t **result) {
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

int cc_profile_read(cc_profile_t *profile, cc_profile_snapshot_t **result) {
    if (profile == NULL || result == NULL) return CC_ERROR_ARGUMENT;
    cc__mutex_lock(&recorder.lock);
    int status = profile->active ? build_snapshot(profile, result) : copy_snapshot(profile->final, result);
    cc__mutex_unlock(&recorder.lock);
    return status;
}

void cc_profile_snapshot_free(cc_profile_snapshot_t *snapshot) {
    if (snapshot == NULL) return;
    free(snapshot->threads);
    free(snapshot->flows);
    free(snapshot->points);
    free(snapshot->latency);
    free(snapshot);
}

uint64_t cc_profile_bin_limit(unsigned bin) {
    if (bin <= 64) return (uint64_t)bin * 8;
    if (bin >= CC_PROFILE_BINS) return UINT64_MAX;
    unsigned octave = 9 + (bin - 65) / 4, quarter = (bin - 65) % 4;
    return ((uint64_t)1 << octave) + ((uint64_t)(quarter + 1) << (octave - 2));
}

/* ---- latency ---------------------------------------------------------------------------------------------------- */

/* Cycles of a bucket without the empty pair of readings. */
static double net_cycles(const struct cc_profile_latency *latency, unsigned index) {
    return at_least_0(cc__histogram_middle(index) - (double)latency->clock.overhead);
}

double cc_profile_latency_buckets(const cc_profile_snapshot_t *snapshot, bool frees, unsigned buckets,
                                  double *counts) {
    const struct cc_profile_latency *latency = snapshot->latency;
    const double *histogram = frees ? latency->free : latency->alloc;
    memset(counts, 0, buckets * sizeof *counts);
    double total = 0;
    for (unsigned index = 0; index < CC__HISTOGRAM_SIZE; index++) {
        if (histogram[index] <= 0) continue;
        total += histogram[index];
        double ns = net_cycles(latency, index) * latency->clock.ns_per_cycle;
        if (buckets > 0) counts[cc__log_bucket(ns, buckets)] += histogram[index];
    }
    return total;
}

static double sum_ns(const struct cc_profile_latency *latency, const double *histogram) {
    double sum = 0;
    for (unsigned index = 0; index < CC__HISTOGRAM_SIZE; index++) sum += histogram[index] * net_cycles(latency, index);
    return sum * latency->clock.ns_per_cycle;
}

void cc_profile_latency_clock(const cc_profile_snapshot_t *snapshot, cc_profile_clock_t *clock) {
    const struct cc_profile_latency *latency = snapshot->latency;
    clock->name = latency->clock.counter ? "cycle counter" : "monotonic clock";
    clock->overhead_ns = (double)latency->clock.overhead * latency->clock.ns_per_cycle;
    clock->floor_ns = latency->clock.floor_ns;
    double timed = 0, operations = snapshot->alloc_count + snapshot->free_count;
    for (unsigned index = 0; index < CC__HISTOGRAM_SIZE; index++) timed += latency->alloc[index] + latency->free[index];
    clock->timed_fraction = operations > 0 && timed < operations ? timed / operations : timed > 0 ? 1 : 0;
    clock->alloc_sum_ns = sum_ns(latency, latency->alloc);
    clock->free_sum_ns = sum_ns(latency, latency->free);
}

/* ---- threads ---------------------------------------------------------------------------------------------------- */

bool cc_profile_pause(void) {
    cc__thread_t *thread = cc__thread_get();
    if (thread == NULL) return false;
    bool paused = thread->observer_state == CC__THREAD_PAUSED;
    thread->observer_state = CC__THREAD_PAUSED;
    return paused;
}

void cc_profile_resume(bool paused) {
    cc__thread_t *thread = cc__thread_get();
    if (thread != NULL && !paused) thread->observer_state = CC__THREAD_UNSYNCED;
}

bool cc_profile_name_thread(uint64_t native_id, const char *name) {
    return name != NULL && cc__thread_get() != NULL && cc__thread_set_name(native_id, name);
}
