/* profile/tap.c: what a tap does rarely. */
#include "tap.h"

#include "timeline.h"

cc__shard_t *cc__tap_sync(uint64_t config, unsigned domain) {
    cc__thread_t *self = cc__thread_get();
    if (self == NULL) {
        cc__totals_lose_record();
        return NULL;
    }
    if (self->observer_state == CC__THREAD_PROBING + domain) self->observer_state = CC__THREAD_PROBED;
    if (self->observer_state >= CC__THREAD_INSIDE && self->observer_state < CC__THREAD_PROBING + CC_PROFILE_DOMAINS)
        return NULL;
    if (config < ((uint64_t)1 << CC__CONFIG_SESSION_SHIFT)) return NULL; /* only another thread's probe */
    cc__shard_t *shard = cc__recorder_sync(self, config);
    if (shard == NULL) cc__totals_lose_record();
    return shard;
}

/* ---- timing ----------------------------------------------------------------------------------------------------- */

enum { TIMINGS_PER_CHECK = 8 };

/* The next timed operation: every 64th on average, at distances that no loop of the program is in step with. */
static void draw_timing(cc__shard_t *shard) {
    /* Knuth, TAOCP 3.3.4, MMIX */
    shard->timing_random = shard->timing_random * 6364136223846793005u + 1442695040888963407u;
    shard->timing_countdown = (int32_t)(CC__TIMING_PERIOD / 2 + (shard->timing_random >> 33) % CC__TIMING_PERIOD);
}

void cc__tap_prepare_timing(cc__shard_t *shard) {
    draw_timing(shard);
    shard->clock_is_due = true;
    cc__shard_flush(shard);
    if (++shard->timings % TIMINGS_PER_CHECK == 0 || !shard->session.exact) cc__timelines_check(cc__os_coarse_ns());
}

void cc__tap_finish_timing(cc__shard_t *shard, _Atomic(uint64_t) *histogram, uint64_t cycles) {
    if ((shard->sync_word & CC__LATENCY) != 0) cc__own_add(&histogram[cc__histogram_index(cycles)], 1);
}

/* ---- where blocks come from -------------------------------------------------------------------------------------- */

cc__leaf_t *cc__tap_add_leaf(cc__shard_t *shard, uintptr_t address) {
    cc__leaf_t *leaf = cc__shadow_add_leaf(address);
    if (leaf == NULL) cc__own_add(&shard->dropped_records, 1);
    return leaf;
}

static __attribute__((noinline)) uint64_t read_time(cc__shard_t *shard, int64_t second) {
    shard->clock_is_due = false;
    shard->origin_second = second;
    return shard->origin_time = (cc__os_coarse_ns() - cc__load_relaxed(&cc__epoch.coarse_ns)) >> CC__TIME_SHIFT;
}

/* The time of an allocation; for a small block it may be that of an earlier one, by less than a second: the clock is
 * read when the wall clock's second changes, which costs a load to know, with each timed operation, and for all that is
 * not small. */
static inline uint64_t origin_time(cc__shard_t *shard) {
    int64_t second = cc__os_wall_second();
    if (CC_UNLIKELY(shard->clock_is_due || second != shard->origin_second)) return read_time(shard, second);
    return shard->origin_time;
}

uint64_t cc__tap_put_origin(cc__shard_t *shard, cc__frames_t frames, _Atomic(uint64_t) *word) {
    if ((shard->sync_word & CC__TIMES) != 0) cc__store_relaxed(word + 1, origin_time(shard));
    if ((shard->sync_word & CC__STACKS) == 0) return 0;
    return (uint64_t)cc__site_capture(shard, frames) << CC__SITE_SHIFT;
}
