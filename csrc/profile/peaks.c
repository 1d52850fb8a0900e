/* profile/peaks.c: live bytes and peaks. */
#include "peaks.h"

static _Atomic(int64_t) live_bytes;
static _Atomic(int64_t) left_live = INT64_MIN; /* the highest live bytes that nobody could compare; INT64_MIN: none */
static _Atomic(int64_t) no_peak_below;         /* live bytes up to here raise no peak: nobody need look */
static cc__peak_t *peaks;                      /* under the lock */

static void look_again(void) {
    cc__store_relaxed(&no_peak_below, INT64_MIN);
}

void cc__peaks_restart(void) {
    cc__store_relaxed(&left_live, INT64_MIN);
}

static cc__peak_t **find(cc__peak_t *peak) {
    cc__peak_t **link = &peaks;
    while (*link != NULL && *link != peak) link = &(*link)->next;
    return link;
}

void cc__peak_begin(cc__peak_t *peak, int64_t live, uint64_t now_ns) {
    cc__store_relaxed(&peak->base, live);
    cc__store_relaxed(&peak->highest, 0);
    cc__store_relaxed(&peak->since_point, 0);
    cc__store_relaxed(&peak->highest_ns, now_ns);
    if (*find(peak) == NULL) {
        peak->next = peaks;
        peaks = peak;
    }
    look_again();
}

void cc__peak_end(cc__peak_t *peak) {
    *find(peak) = peak->next;
}

void cc__peak_lower_base(cc__peak_t *peak, int64_t bytes) {
    cc__add_relaxed(&peak->base, -bytes);
    look_again();
}

void cc__peak_mark_point(cc__peak_t *peak, int64_t live) {
    cc__store_relaxed(&peak->since_point, live);
    look_again();
}

int64_t cc__live_bytes(void) {
    return cc__load_relaxed(&live_bytes);
}

int64_t cc__live_add(int64_t bytes) {
    return cc__add_relaxed(&live_bytes, bytes) + bytes;
}

bool cc__peaks_may_rise(int64_t live) {
    return live > cc__load_relaxed(&no_peak_below);
}

void cc__peaks_leave(int64_t live) {
    cc__raise_relaxed(&left_live, live);
}

void cc__peaks_compare(int64_t live) {
    int64_t left = cc__exchange_relaxed(&left_live, INT64_MIN);
    if (left > live) live = left;
    uint64_t now = cc__os_coarse_ns();
    int64_t least = INT64_MAX;
    for (cc__peak_t *peak = peaks; peak != NULL; peak = peak->next) {
        int64_t base = cc__load_relaxed(&peak->base), value = live - base;
        if (value > cc__load_relaxed(&peak->highest)) cc__store_relaxed(&peak->highest_ns, now);
        cc__raise_relaxed(&peak->highest, value);
        cc__raise_relaxed(&peak->since_point, value);
        if (cc__load_relaxed(&peak->since_point) + base < least) least = cc__load_relaxed(&peak->since_point) + base;
    }
    cc__store_relaxed(&no_peak_below, least);
}

void cc__peaks_follow(void) {
    if (cc__load_relaxed(&left_live) != INT64_MIN) cc__peaks_compare(INT64_MIN / 2);
}
