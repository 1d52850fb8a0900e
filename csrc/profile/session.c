/* profile/session.c: sessions begin. */
#include "session.h"

#include <math.h>

cc__mutex_t cc__recorder_lock;
cc__sessions_t cc__sessions;
_Alignas(CC_CACHE_LINE_SIZE) _Atomic(uint64_t) cc__profile_config[CC_PROFILE_DOMAINS];

#define sessions cc__sessions

/* Exact, or sampled by bytes where interval > 0, else by rate. */
static cc__session_t session_of(bool exact, double rate, double interval) {
    if (exact) return (cc__session_t){.exact = true};
    if (interval > 0) return (cc__session_t){.interval = interval, .scale = -interval};
    return rate > 0 ? (cc__session_t){.rate = rate, .weight = 1 / rate, .scale = 1 / log1p(-rate)} : (cc__session_t){0};
}

int cc__sessions_open(void) {
    if (sessions.all == NULL) sessions.all = cc__os_map((CC__MAX_SESSIONS + 1) * sizeof *sessions.all);
    return sessions.all != NULL ? CC_OK : CC_ERROR_MEMORY;
}

void cc__sessions_restart(void) {
    sessions.generation++;
    /* Numbers begin again only when far from those that a call in flight may still hold. */
    if (sessions.present <= CC__MAX_SESSIONS / 2) return;
    sessions.present = 0;
    sessions.round = (sessions.round + 1) % CC__CONFIG_ROUNDS;
}

static uint64_t flags_of(const cc__wanted_t *wanted) {
    uint64_t flags = wanted->exact ? CC__EXACT : wanted->interval > 0 ? CC__INTERVAL : CC__RATE;
    if (!wanted->exact) flags |= sessions.exact_before ? CC__ALL_FREES : CC__FILTERED;
    if (wanted->latency) flags |= CC__LATENCY;
    if (wanted->times) flags |= CC__TIMES;
    if (wanted->stack_depth > 0) flags |= CC__STACKS;
    return flags;
}

void cc__session_begin(const cc__wanted_t *wanted) {
    uint64_t config = 0;
    sessions.domains = wanted->domains != 0 ? sessions.domains | wanted->domains : 0;
    sessions.stack_depth = wanted->stack_depth;
    sessions.present++;
    sessions.all[sessions.present] = session_of(wanted->exact, wanted->rate, wanted->interval);
    if (wanted->domains == 0) {
        sessions.exact_before = false;
        sessions.exact_since = 0;
    } else {
        config = flags_of(wanted) | sessions.round << CC__CONFIG_ROUND_SHIFT |
                 (uint64_t)sessions.present << CC__CONFIG_SESSION_SHIFT;
        if (!wanted->exact) sessions.exact_since = 0;
        if (wanted->exact && sessions.exact_since == 0) sessions.exact_since = sessions.present;
        sessions.exact_before |= wanted->exact;
    }
    for (unsigned domain = 0; domain < CC_PROFILE_DOMAINS; domain++) {
        /* release pairs with the acquire loads of the taps: who sees a session sees what was made for it */
        cc__store_release(&cc__profile_config[domain], (sessions.domains >> domain & 1) != 0 ? config : 0);
    }
}
