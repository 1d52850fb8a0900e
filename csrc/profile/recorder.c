/* profile/recorder.c: threads join and leave; a fork stops all. */
#include "recorder.h"

#include <string.h>

#include "../base/fork.h"
#include "flows.h"
#include "peaks.h"
#include "rows.h"
#include "shadow.h"
#include "sites.h"
#include "timeline.h"

cc__epoch_t cc__epoch;

/* ---- threads ---------------------------------------------------------------------------------------------------- */

/* Adds an ended thread's figures to those of all ended ones. pre: lock held. */
static void fold_shard(cc__shard_t *shard) {
    cc__thread_t *thread = shard->thread;
    cc__totals_fold(shard);
    if (shard->generation == cc__sessions.generation) cc__row_fold(shard);
    cc__flows_fold(shard);
    (void)cc__live_add(cc__load_relaxed(&shard->balance));
    cc__shard_give(shard);
    if (thread != NULL) thread->slots[CC__SLOT_PROFILE] = NULL;
}

static void end_thread(cc__thread_t *thread) {
    cc__mutex_lock(&cc__recorder_lock);
    fold_shard(thread->slots[CC__SLOT_PROFILE]);
    thread->observer_state = CC__THREAD_UNSYNCED;
    cc__mutex_unlock(&cc__recorder_lock);
}

/* pre: lock held. */
static void join_generation(cc__shard_t *shard) {
    cc__flows_fold(shard);
    shard->generation = cc__sessions.generation;
    memset(shard->site_cache, 0, sizeof shard->site_cache);
    cc__row_begin(shard);
}

/* pre: lock held. */
static void join_session(cc__shard_t *shard, uint64_t config) {
    unsigned number = (unsigned)(config >> CC__CONFIG_SESSION_SHIFT);
    const cc__session_t *session = cc__session_of(number);
    shard->sync_word = config;
    shard->stamp = (uint64_t)shard->slot << CC__SLOT_SHIFT | (uint64_t)number << CC__SESSION_SHIFT;
    shard->session = *session;
    cc__sampler_begin(&shard->sampler, session);
    shard->counts_exactly |= cc__sessions.exact_before;
    shard->quantum = session->exact ? CC__FLUSH_QUANTUM : CC__SAMPLED_QUANTUM;
    shard->clock_is_due = true;
    shard->wants_origin = (config & (CC__TIMES | CC__STACKS)) != 0;
    shard->least_size = (config & CC__TIMES) != 0 ? 17 : 9;
    shard->stack_depth = cc__sessions.stack_depth;
    shard->oldest_session = cc__sessions.oldest < number ? cc__sessions.oldest : number;
    shard->youngest_session = cc__sessions.youngest;
    unsigned since = cc__sessions.exact_since;
    shard->plain_session = since == 0                        ? CC__MAX_SESSIONS + 1
                           : since > shard->youngest_session ? since
                                                             : shard->youngest_session;
}

cc__shard_t *cc__recorder_sync(cc__thread_t *thread, uint64_t config) {
    cc__shard_t *shard = thread->slots[CC__SLOT_PROFILE];
    if (shard != NULL && shard->sync_word == config) { /* the thread was only paused */
        thread->observer_state = config;
        return shard;
    }
    cc__mutex_lock(&cc__recorder_lock);
    if (shard == NULL) thread->slots[CC__SLOT_PROFILE] = shard = cc__shard_take(thread);
    if (shard != NULL) {
        if (shard->generation != cc__sessions.generation) join_generation(shard);
        join_session(shard, config); /* it may be older than the recorder's by now: then the next call syncs again */
    }
    cc__mutex_unlock(&cc__recorder_lock);
    if (shard == NULL) return NULL;
    if (!shard->session.exact) thread->observer_countdown = cc__sampler_draw(&shard->sampler);
    thread->observer_mask = (config & CC__INTERVAL) != 0 ? -1 : 0;
    thread->observer_step = shard->session.step;
    thread->observer_state = config;
    return shard;
}

/* ---- the process ------------------------------------------------------------------------------------------------ */

/* Runs after the registry's hook, which marks the threads that did not come along. */
static void after_fork_in_child(void) {
    for (cc__shard_t *shard = cc__shards_first(); shard != NULL; shard = shard->next)
        if (shard->thread != NULL && !shard->thread->alive) fold_shard(shard);
}

CC__AT_FORK(CC__FORK_RECORDER, .locks = &cc__recorder_lock, .count = 1, .in_child = after_fork_in_child);

int cc__recorder_open(void) {
    static bool open;
    if (open) return CC_OK;
    if (cc__shadow_open() != CC_OK || cc__sessions_open() != CC_OK || cc__rows_open() != CC_OK)
        return CC_ERROR_MEMORY; /* what there is by now is kept for the next try */
    cc__thread_at_exit(CC__SLOT_PROFILE, end_thread);
    open = true;
    return CC_OK;
}

void cc__recorder_restart(void) {
    cc__sessions_restart();
    cc__rows_restart();
    cc__flows_restart();
    cc__peaks_restart();
    cc__timelines_restart();
    cc__store_relaxed(&cc__epoch.coarse_ns, cc__os_coarse_ns());
    cc__epoch.wall_ns = cc__os_wall_ns();
}
