/* profile/session.c: sessions begin, and their numbers are given anew. */
#include "session.h"

#include <math.h>
#include <string.h>

cc__mutex_t cc__recorder_lock;
cc__sessions_t cc__sessions;
_Alignas(CC_CACHE_LINE_SIZE) _Atomic(uint64_t) cc__profile_config[CC_PROFILE_DOMAINS];

#define sessions cc__sessions

/* So that a step fits into 32 bits: beside a rate, a longer interval adds next to nothing. */
static const double MAX_INTERVAL_BESIDE_RATE = 1 << 26;

/* Exact, or sampled by bytes where interval > 0, else by rate. With a rate beside the interval each allocation counts
 * as so many bytes more that it is sampled with this rate at least. */
static cc__session_t session_of(bool exact, double rate, double interval) {
    if (exact) return (cc__session_t){.exact = true, .step = 1};
    if (interval > 0 && rate > 0) {
        if (interval > MAX_INTERVAL_BESIDE_RATE) interval = MAX_INTERVAL_BESIDE_RATE;
        uint32_t step = (uint32_t)ceil(-log1p(-rate) * interval) + 1;
        return (cc__session_t){.interval = interval, .step = step, .scale = -interval};
    }
    if (interval > 0) return (cc__session_t){.interval = interval, .step = 1, .scale = -interval};
    if (rate > 0) return (cc__session_t){.rate = rate, .step = 1, .weight = 1 / rate, .scale = 1 / log1p(-rate)};
    return (cc__session_t){0};
}

int cc__sessions_open(void) {
    enum { BYTES = (CC__MAX_SESSIONS + 1) * sizeof(cc__session_t) };
    if (cc__load_relaxed(&sessions.all) == NULL) cc__store_relaxed(&sessions.all, cc__os_map(BYTES));
    if (sessions.spare == NULL) sessions.spare = cc__os_map(BYTES);
    return cc__load_relaxed(&sessions.all) != NULL && sessions.spare != NULL ? CC_OK : CC_ERROR_MEMORY;
}

void cc__sessions_restart(void) {
    sessions.generation++;
    sessions.stragglers = false; /* there are no records */
    /* Numbers begin again only when far from those that a call in flight may still hold. */
    if (sessions.present <= CC__MAX_SESSIONS / 2) return;
    sessions.present = 0;
    sessions.round = (sessions.round + 1) % CC__CONFIG_ROUNDS;
}

/* ---- numbers are given anew ------------------------------------------------------------------------------------- */

static uint16_t renumbered[CC__MAX_SESSIONS + 2]; /* the new numbers, by those before */

static bool are_alike(const cc__session_t *a, const cc__session_t *b) {
    return a->exact == b->exact && a->rate == b->rate && a->interval == b->interval && a->step == b->step;
}

/* Fills `renumbered` and the spare table; returns how many numbers there are then. */
static unsigned number_anew(const bool *begins) {
    const cc__session_t *all = cc__load_relaxed(&sessions.all);
    unsigned count = 0, first = 1; /* `first` of those since something began */
    for (unsigned number = 1; number <= sessions.present; number++) {
        if (begins[number]) first = count + 1;
        unsigned alike = first;
        while (alike <= count && !are_alike(&sessions.spare[alike], &all[number])) alike++;
        if (alike > count) sessions.spare[++count] = all[number];
        renumbered[number] = (uint16_t)alike;
    }
    for (unsigned number = sessions.present + 1; number <= CC__MAX_SESSIONS + 1; number++)
        renumbered[number] = (uint16_t)(count + 1);
    return count;
}

const uint16_t *cc__sessions_renumber(const bool *begins) {
    unsigned count = number_anew(begins), since = count + 1;
    if (count > CC__MAX_SESSIONS / 2) return NULL;
    cc__session_t *all = cc__load_relaxed(&sessions.all);
    while (since > 1 && sessions.spare[since - 1].exact) since--;
    /* Calls in flight may still ask for the youngest numbers from before. */
    memcpy(&sessions.spare[count + 1], &all[count + 1], (CC__MAX_SESSIONS - count) * sizeof *all);
    cc__store_release(&sessions.all, sessions.spare); /* pairs with the acquire in cc__session_of */
    sessions.spare = all;
    sessions.present = count;
    sessions.exact_since = since <= count ? since : 0;
    sessions.round = (sessions.round + 1) % CC__CONFIG_ROUNDS;
    sessions.numbering++;
    return renumbered;
}

static void renumber_record(void *above, cc__leaf_t *leaf, size_t index, uintptr_t address, uint64_t record) {
    (void)address;
    unsigned number = cc__record_session(record);
    if (number <= *(const unsigned *)above) return;
    uint64_t changed =
        record + ((uint64_t)renumbered[number] << CC__SESSION_SHIFT) - ((uint64_t)number << CC__SESSION_SHIFT);
    (void)cc__swap_if_relaxed(&leaf->words[index], &record, changed); /* else it was taken meanwhile */
}

static void renumber_above(unsigned number) {
    cc__shadow_walk(renumber_record, &number);
}

void cc__sessions_renumber_records(void) {
    renumber_above(0);
    sessions.stragglers = true;
}

/* ---- sessions begin --------------------------------------------------------------------------------------------- */

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
    if (sessions.stragglers) renumber_above(sessions.present);
    sessions.stragglers = false;
    sessions.domains = wanted->domains != 0 ? sessions.domains | wanted->domains : 0;
    sessions.stack_depth = wanted->stack_depth;
    sessions.present++;
    cc__load_relaxed(&sessions.all)[sessions.present] = session_of(wanted->exact, wanted->rate, wanted->interval);
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
