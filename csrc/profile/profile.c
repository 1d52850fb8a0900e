/* profile/profile.c: starting, stopping and reading profiles. */
#include <stdlib.h>
#include <string.h>

#include "../base/cycles.h"
#include "../base/fault.h"
#include "profile_internal.h"
#include "recorder.h"
#include "sites.h"
#include "sources.h"

static cc_profile_t *profiles, *stopped; /* active ones; others not yet freed. Under the lock, like the next */
static size_t profile_count;             /* both */

/* ---- sessions --------------------------------------------------------------------------------------------------- */

static void add_wanted(cc__wanted_t *wanted, const cc_profile_options_t *options) {
    wanted->domains |= options->domains;
    wanted->latency |= options->latency;
    wanted->times |= options->timestamps;
    if (options->stack_depth > wanted->stack_depth) wanted->stack_depth = options->stack_depth;
    if (options->sample_interval > 0) {
        double interval = (double)options->sample_interval;
        if (wanted->interval == 0 || interval < wanted->interval) wanted->interval = interval;
    } else if (options->sample_rate >= 1) {
        wanted->exact = true;
    } else if (options->sample_rate > wanted->rate) {
        wanted->rate = options->sample_rate;
    }
}

/* Begins a session that suits the active profiles: all that any of them asks for. pre: lock held, a session is left. */
static void begin_session(void) {
    cc__wanted_t wanted = {0};
    for (cc_profile_t *profile = profiles; profile != NULL; profile = profile->next)
        add_wanted(&wanted, &profile->options);
    cc__session_begin(&wanted);
    cc__sources_attach(cc__sessions.domains);
}

/* Tells threads that join from now on which blocks are whose. pre: lock held since the session began. */
static void settle_session(void) {
    cc__sessions.oldest = cc__sessions.present;
    cc__sessions.youngest = 0;
    for (cc_profile_t *profile = profiles; profile != NULL; profile = profile->next) {
        unsigned first = profile->baseline.first_session;
        if (first < cc__sessions.oldest) cc__sessions.oldest = first;
        if (first > cc__sessions.youngest) cc__sessions.youngest = first;
    }
}

/* Whether a session can begin with `more` profiles than now, another when that fails, and one for the stop of each.
 * pre: lock held. */
static bool session_is_left(unsigned more) {
    unsigned needed = 2 + more;
    for (cc_profile_t *profile = profiles; profile != NULL; profile = profile->next) needed++;
    return cc__sessions.present + needed <= CC__MAX_SESSIONS;
}

/* Gives the sessions of all profiles new numbers. pre: lock held. */
static void renumber_sessions(void) {
    static bool begins[CC__MAX_SESSIONS + 2];
    memset(begins, 0, sizeof begins);
    for (cc_profile_t *profile = profiles; profile != NULL; profile = profile->next)
        begins[profile->baseline.first_session] = true;
    for (cc_profile_t *profile = stopped; profile != NULL; profile = profile->next)
        begins[profile->baseline.first_session] = begins[profile->last_session + 1] = true;
    const uint16_t *numbers = cc__sessions_renumber(begins);
    if (numbers == NULL) return;
    for (cc_profile_t *profile = profiles; profile != NULL; profile = profile->next)
        profile->baseline.first_session = numbers[profile->baseline.first_session];
    for (cc_profile_t *profile = stopped; profile != NULL; profile = profile->next) {
        profile->baseline.first_session = numbers[profile->baseline.first_session];
        profile->last_session = numbers[profile->last_session + 1] - 1u; /* of several, the largest */
    }
    begin_session();
    settle_session();
    cc__sessions_renumber_records();
}

/* session_is_left, after making room where there is some. */
static bool find_session(unsigned more) {
    if (!session_is_left(more)) renumber_sessions();
    return session_is_left(more);
}

static void leave_list(cc_profile_t **list, cc_profile_t *profile) {
    while (*list != profile) list = &(*list)->next;
    *list = profile->next;
}

static void join_list(cc_profile_t **list, cc_profile_t *profile) {
    profile->next = *list;
    *list = profile;
}

/* Makes the present the profile's zero. CC_ERROR_MEMORY. pre: lock held, its session has just begun. */
static int set_zero(cc_profile_t *profile) {
    cc__zero_t zero;
    if (!cc__zero_take(&zero)) return CC_ERROR_MEMORY;
    uint64_t now = cc__os_monotonic_ns();
    cc__baseline_begin(&profile->baseline, &zero, now);
    cc__timeline_begin(&profile->timeline, &profile->baseline, now);
    profile->start_wall_ns = cc__os_wall_ns();
    return CC_OK;
}

/* ---- start, stop, reset, free ----------------------------------------------------------------------------------- */

static bool options_are_right(const cc_profile_options_t *options) {
    return options != NULL && options->struct_size == sizeof *options && options->domains != 0 &&
           options->domains < 1u << CC_PROFILE_DOMAINS && options->stack_depth <= CC_PROFILE_MAX_DEPTH &&
           (options->sample_interval > 0 || (options->sample_rate > 0 && options->sample_rate <= 1));
}

/* pre: lock held. */
static int activate(cc_profile_t *profile) {
    if (cc__recorder_open() != CC_OK) return CC_ERROR_MEMORY;
    (void)cc__cycles_calibrate(); /* under the lock, which fork waits for */
    if (profile_count == 0) cc__recorder_restart();
    if (!find_session(1)) return CC_ERROR_LIMIT;
    profile->active = true;
    join_list(&profiles, profile);
    begin_session();
    int status = set_zero(profile);
    if (status == CC_OK) {
        profile_count++;
    } else {
        leave_list(&profiles, profile);
        begin_session();
    }
    settle_session();
    return status;
}

int cc_profile_start(const cc_profile_options_t *options, cc_profile_t **result) {
    if (!options_are_right(options) || result == NULL) return CC_ERROR_ARGUMENT;
    cc_profile_t *profile = cc__own_calloc(1, sizeof *profile);
    if (profile == NULL) return CC_ERROR_MEMORY;
    profile->options = *options;
    cc__mutex_lock(&cc__recorder_lock);
    int status = activate(profile);
    cc__mutex_unlock(&cc__recorder_lock);
    if (status == CC_OK)
        *result = profile;
    else
        free(profile);
    return status;
}

/* pre: lock held, active. */
static void deactivate(cc_profile_t *profile) {
    profile->last_session = cc__sessions.present;
    profile->active = false;
    leave_list(&profiles, profile);
    join_list(&stopped, profile);
    cc__timeline_end(&profile->timeline);
    cc__baseline_end(&profile->baseline);
    begin_session();
    settle_session();
}

int cc_profile_stop(cc_profile_t *profile) {
    if (profile == NULL) return CC_ERROR_ARGUMENT;
    int status = CC_ERROR_STATE;
    cc__mutex_lock(&cc__recorder_lock);
    if (profile->active) {
        /* When there is no memory for the snapshot the profile goes on, and the caller may try again. */
        status = cc__snapshot_build(profile, &profile->final);
        if (status == CC_OK) deactivate(profile);
    }
    cc__mutex_unlock(&cc__recorder_lock);
    return status;
}

int cc_profile_reset(cc_profile_t *profile) {
    if (profile == NULL) return CC_ERROR_ARGUMENT;
    int status = CC_ERROR_LIMIT;
    cc__mutex_lock(&cc__recorder_lock);
    if (!profile->active) {
        status = CC_ERROR_STATE;
    } else if (find_session(0)) {
        begin_session();
        status = set_zero(profile);
        settle_session();
    }
    cc__mutex_unlock(&cc__recorder_lock);
    return status;
}

void cc_profile_free(cc_profile_t *profile) {
    if (profile == NULL) return;
    cc__mutex_lock(&cc__recorder_lock);
    if (profile->active) deactivate(profile);
    leave_list(&stopped, profile);
    if (--profile_count == 0) {
        cc__shadow_clear();
        cc__sites_clear();
    }
    cc__mutex_unlock(&cc__recorder_lock);
    cc__zero_free(&profile->baseline.zero);
    cc_profile_snapshot_free(profile->final);
    free(profile);
}

int cc_profile_read(cc_profile_t *profile, cc_profile_snapshot_t **result) {
    if (profile == NULL || result == NULL) return CC_ERROR_ARGUMENT;
    cc__mutex_lock(&cc__recorder_lock);
    int status = profile->active ? cc__snapshot_build(profile, result) : cc__snapshot_copy(profile->final, result);
    cc__mutex_unlock(&cc__recorder_lock);
    return status;
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

bool cc_profile_name_new_thread(const char *name) {
    cc__thread_t *thread = name != NULL ? cc__thread_get() : NULL;
    if (thread == NULL) return false;
    cc__thread_lock();
    bool named = thread->name[0] != 0;
    cc__thread_unlock();
    return !named && cc__thread_set_name(thread->native_id, name);
}
