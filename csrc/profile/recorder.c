/* profile/recorder.c: the recorder's life: threads come and go, balances are flushed, special frees are accounted for. */
#include "recorder_internal.h"

#include <math.h>
#include <string.h>

#include "../base/fork.h"

cc__recorder_t cc__recorder;

#define recorder cc__recorder

/* ---- shards ----------------------------------------------------------------------------------------------------- */

/* pre: lock held. Adds a thread's figures to those of the departed and empties its shard for the next one. */
static void fold_shard(cc__shard_t *shard) {
    cc__totals_add_counts(&recorder.departed, shard, true);
    cc__totals_add_counts(&recorder.departed, shard, false);
    if (shard->generation == recorder.generation) cc__fold_row(shard);
    cc__fold_flows(shard);
    cc__add_relaxed(&recorder.live_bytes, cc__load_relaxed(&shard->balance));
    cc__thread_t *thread = shard->thread;
    cc__shard_t *next = shard->next;
    cc__os_discard(shard, sizeof *shard);
    shard->next = next;
    shard->next_free = recorder.free_shards;
    recorder.free_shards = shard;
    if (thread != NULL) thread->slots[CC__SLOT_PROFILE] = NULL;
}

static void end_thread(cc__thread_t *thread) {
    cc__mutex_lock(&recorder.lock);
    fold_shard(thread->slots[CC__SLOT_PROFILE]);
    thread->observer_state = CC__THREAD_UNSYNCED;
    cc__mutex_unlock(&recorder.lock);
}

/* pre: lock held. */
static cc__shard_t *new_shard(cc__thread_t *thread) {
    cc__shard_t *shard = recorder.free_shards;
    if (shard != NULL) {
        recorder.free_shards = shard->next_free;
    } else {
        shard = cc__os_map(sizeof *shard);
        if (shard == NULL) return NULL;
        shard->next = recorder.shards;
        recorder.shards = shard;
    }
    shard->thread = thread;
    shard->random = thread->id * 0x9E3779B97F4A7C15u ^ cc__cycles();
    return shard;
}

/* pre: lock held. A slot for the thread in this generation; the last one is shared by all that come too late. */
static void take_slot(cc__shard_t *shard) {
    cc__fold_flows(shard);
    shard->generation = recorder.generation;
    memset(shard->site_cache, 0, sizeof shard->site_cache);
    bool fresh = recorder.slots_used < CC__MAX_SLOTS;
    shard->slot = fresh ? recorder.slots_used++ : CC__MAX_SLOTS - 1;
    if (fresh) memset(&recorder.rows[shard->slot], 0, sizeof *recorder.rows);
    cc__begin_row(shard);
}

cc__shard_t *cc__shard_sync(cc__thread_t *thread, uint64_t config) {
    cc__mutex_lock(&recorder.lock);
    cc__shard_t *shard = thread->slots[CC__SLOT_PROFILE];
    /* `config` may be older than the recorder's by now; then the next call syncs again. */
    if (shard == NULL) thread->slots[CC__SLOT_PROFILE] = shard = new_shard(thread);
    if (shard == NULL) {
        cc__mutex_unlock(&recorder.lock);
        return NULL;
    }
    if (shard->generation != recorder.generation) take_slot(shard);
    unsigned session = (unsigned)(config >> CC__CONFIG_SESSION_SHIFT);
    const cc__session_t *about = &recorder.sessions[session];
    shard->sync_word = config;
    shard->stamp = (uint64_t)shard->slot << CC__SLOT_SHIFT | (uint64_t)session << CC__SESSION_SHIFT;
    shard->session = *about;
    shard->countdowns_left = 0;
    shard->counts_exactly |= recorder.exact_before;
    shard->quantum = about->exact ? CC__FLUSH_QUANTUM : CC__SAMPLED_QUANTUM;
    shard->clock_is_due = true;
    shard->wants_origin = (config & (CC__TIMES | CC__STACKS)) != 0;
    shard->least_size = (config & CC__TIMES) != 0 ? 17 : 9;
    shard->oldest_session = session;
    unsigned youngest = 0, depth = 0;
    for (cc_profile_t *profile = recorder.profiles; profile != NULL; profile = profile->next) {
        if (profile->first_session < shard->oldest_session) shard->oldest_session = profile->first_session;
        if (profile->first_session > youngest) youngest = profile->first_session;
        if (profile->options.stack_depth > depth) depth = profile->options.stack_depth;
    }
    shard->stack_depth = depth;
    shard->youngest_session = youngest;
    shard->plain_session = recorder.exact_since == 0         ? CC__MAX_SESSIONS + 1
                           : recorder.exact_since > youngest ? recorder.exact_since
                                                             : youngest;
    cc__mutex_unlock(&recorder.lock);
    if (!about->exact) thread->observer_countdown = cc__draw_countdown(shard);
    thread->observer_mask = (config & CC__INTERVAL) != 0 ? SIZE_MAX : 0;
    thread->observer_state = config;
    return shard;
}

/* ---- sampling --------------------------------------------------------------------------------------------------- */

/* Uniform in (0, 1]. xorshift64* (Vigna 2016). */
static double draw_uniform(cc__shard_t *shard) {
    uint64_t x = shard->random != 0 ? shard->random : 0x9E3779B97F4A7C15u;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    shard->random = x;
    return (double)((x * 0x2545F4914F6CDD1Du >> 11) + 1) * 0x1p-53;
}

/* Distances of a Poisson process are exponential, of Bernoulli trials geometric. */
static __attribute__((noinline)) void draw_countdowns(cc__shard_t *shard) {
    double scale = shard->session.scale;
    for (unsigned i = 0; i < CC__COUNTDOWNS; i++) {
        double distance = log(draw_uniform(shard)) * scale;
        int64_t whole = distance < 0x1p62 ? (int64_t)distance : (int64_t)1 << 62;
        shard->countdowns[i] = whole + ((double)whole < distance || whole == 0); /* rounded up, 1 at least */
    }
    shard->countdowns_left = CC__COUNTDOWNS;
}

int64_t cc__draw_countdown(cc__shard_t *shard) {
    if (shard->countdowns_left == 0) draw_countdowns(shard);
    return shard->countdowns[--shard->countdowns_left];
}

cc__session_t cc__session(bool exact, double rate, double interval) {
    if (exact) return (cc__session_t){.exact = true};
    if (interval > 0) return (cc__session_t){.interval = interval, .scale = -interval};
    return rate > 0 ? (cc__session_t){.rate = rate, .weight = 1 / rate, .scale = 1 / log1p(-rate)} : (cc__session_t){0};
}

double cc__session_weight(const cc__session_t *session, uint64_t size) {
    if (session->exact) return 1;
    if (session->interval > 0) return 1 / -expm1(-((double)size + 1) / session->interval);
    return session->weight;
}

/* ---- live bytes, peaks, timelines -------------------------------------------------------------------------------- */

enum { LARGE_BALANCE = 1 << 17 };

/* pre: lock held. */
static void compare_peaks(int64_t live) {
    int64_t missed = cc__exchange_relaxed(&recorder.missed_live, INT64_MIN);
    if (missed > live) live = missed;
    uint64_t now = cc__os_coarse_ns();
    int64_t least = INT64_MAX;
    for (cc_profile_t *profile = recorder.profiles; profile != NULL; profile = profile->next) {
        int64_t base = cc__load_relaxed(&profile->base_live), value = live - base;
        if (value > cc__load_relaxed(&profile->peak)) cc__store_relaxed(&profile->peak_ns, now);
        cc__raise_relaxed(&profile->peak, value);
        cc__raise_relaxed(&profile->peak_since_point, value);
        if (cc__load_relaxed(&profile->peak_since_point) + base < least)
            least = cc__load_relaxed(&profile->peak_since_point) + base;
    }
    cc__store_relaxed(&recorder.no_peak_below, least);
}

void cc__follow_peaks(void) {
    if (cc__load_relaxed(&recorder.missed_live) != INT64_MIN) compare_peaks(INT64_MIN / 2);
}

/* What a flush of a few blocks finds while another thread holds the lock is left to that one or the next. Large amounts
 * wait for the lock: whoever adds up live bytes and balances under it must not miss them between the two. */
void cc__shard_flush(cc__shard_t *shard) {
    int64_t balance = cc__load_relaxed(&shard->balance);
    if (balance == 0) return;
    bool large = balance > LARGE_BALANCE || balance < -LARGE_BALANCE;
    if (large) cc__mutex_lock(&recorder.lock);
    int64_t live = cc__add_relaxed(&recorder.live_bytes, balance) + balance;
    cc__store_relaxed(&shard->balance, 0);
    bool look = balance > 0 && live > cc__load_relaxed(&recorder.no_peak_below);
    bool locked = large || (look && cc__mutex_try_lock(&recorder.lock));
    if (look && locked) compare_peaks(live);
    if (look && !locked) cc__raise_relaxed(&recorder.missed_live, live);
    if (locked) cc__mutex_unlock(&recorder.lock);
}

void cc__timeline_check(uint64_t now) {
    if (CC_LIKELY(now < cc__load_relaxed(&recorder.next_point_ns))) return;
    if (!cc__mutex_try_lock(&recorder.lock)) return; /* who holds it is drawing, or will be followed by another check */
    cc__draw_points(now);
    cc__mutex_unlock(&recorder.lock);
}

/* ---- frees that are not plain ----------------------------------------------------------------------------------- */

static void count_special(cc__shard_t *shard, unsigned domain, const cc__session_t *about, uint64_t size) {
    if (about->exact) {
        cc__count_free(&shard->counted[domain], size);
        return;
    }
    double weight = cc__session_weight(about, size), variance = weight * (weight - 1);
    cc__estimated_t *sums = &shard->estimated[domain];
    cc__own_add_release(&sums->free_bins[cc__bin(size)], weight);
    cc__own_add_release(&sums->free_bytes, weight * (double)size);
    cc__own_add_release(&sums->free_count_variance, variance);
    cc__own_add_release(&sums->free_bytes_variance, variance * (double)size * (double)size);
}

void cc__free_special(cc__shard_t *shard, unsigned domain, uint64_t record, uint64_t size) {
    unsigned session = cc__record_session(record), slot = cc__record_slot(record), bin = cc__bin(size);
    const cc__session_t *about = &recorder.sessions[session];
    double weight = cc__session_weight(about, size), variance = weight * (weight - 1), bytes = weight * (double)size;
    bool crossed = slot != shard->slot;
    if (session >= shard->youngest_session) { /* sampled, and the free is every profile's */
        count_special(shard, domain, about, size);
        if (crossed) cc__flow_count(shard, slot, weight, bytes);
        cc__own_add(&shard->balance, -(int64_t)(bytes + 0.5));
        if (cc__load_relaxed(&shard->balance) < -shard->quantum) cc__shard_flush(shard);
        return;
    }
    cc__mutex_lock(&recorder.lock); /* a reader finds all of this, or nothing */
    if (crossed) cc__flow_count_locked(shard, slot, weight, bytes, true);
    count_special(shard, domain, about, size);
    cc__add_relaxed(&recorder.live_bytes, -(int64_t)(bytes + 0.5)); /* not by the balance: base_live changes with it */

    /* Profiles that began after this block was allocated: the free is none of theirs. */
    for (cc_profile_t *profile = recorder.profiles; profile != NULL; profile = profile->next) {
        if (session >= profile->first_session) continue;
        cc__add_relaxed(&profile->base_live, -(int64_t)(bytes + 0.5));
        cc__store_relaxed(&recorder.no_peak_below, INT64_MIN);
        cc_profile_domain_t *before = &profile->before.domains[domain];
        before->free_bins[bin] += weight;
        before->free_bytes += bytes;
        before->free_count_variance += variance;
        before->free_bytes_variance += variance * (double)size * (double)size;
        profile->before.untracked_frees -= weight; /* subtracted like the rest: it adds to the profile's */
        if (crossed) profile->before.cross_frees += weight;
        if (shard->generation != recorder.generation) continue; /* a call in flight since then: its slots mean nothing now */
        double *row = &profile->before_rows[3 * (size_t)shard->slot];
        row[0] += weight;
        row[1] += bytes;
        if (!crossed) continue;
        row[2] += weight;
        (void)cc__flows_add(&profile->flows_before, slot, shard->slot, weight, bytes);
    }
    cc__mutex_unlock(&recorder.lock);
}

/* ---- process events --------------------------------------------------------------------------------------------- */

/* Runs after the registry's hook, which marks the threads that did not come along. */
static void after_fork_in_child(void) {
    for (cc__shard_t *shard = recorder.shards; shard != NULL; shard = shard->next)
        if (shard->thread != NULL && !shard->thread->alive) fold_shard(shard);
}

CC__AT_FORK(CC__FORK_RECORDER, .locks = &recorder.lock, .count = 1, .in_child = after_fork_in_child);

int cc__recorder_open(void) {
    if (recorder.rows != NULL) return CC_OK;
    cc__row_t *rows = cc__os_map(CC__MAX_SLOTS * sizeof *rows);
    cc__session_t *sessions = cc__os_map((CC__MAX_SESSIONS + 1) * sizeof *sessions);
    if (rows == NULL || sessions == NULL) {
        if (rows != NULL) cc__os_unmap(rows, CC__MAX_SLOTS * sizeof *rows);
        if (sessions != NULL) cc__os_unmap(sessions, (CC__MAX_SESSIONS + 1) * sizeof *sessions);
        return CC_ERROR_MEMORY;
    }
    recorder.sessions = sessions;
    recorder.rows = rows;
    recorder.generation = 1;
    cc__store_relaxed(&recorder.missed_live, INT64_MIN);
    cc__thread_at_exit(CC__SLOT_PROFILE, end_thread);
    return CC_OK;
}
