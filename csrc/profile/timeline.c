/* profile/timeline.c: points are drawn. */
#include "timeline.h"

static cc__timeline_t *timelines;                    /* under the lock */
static _Atomic(uint64_t) next_point_ns = UINT64_MAX; /* the earliest that is due; written under the lock */

enum { FIRST_INTERVAL_NS = 4000000 }; /* the coarse clock's step; doubles when the points run out */

static double at_least_0(double value) {
    return value > 0 ? value : 0;
}

void cc__timelines_restart(void) {
    cc__store_relaxed(&next_point_ns, UINT64_MAX);
}

static cc__timeline_t **find(cc__timeline_t *timeline) {
    cc__timeline_t **link = &timelines;
    while (*link != NULL && *link != timeline) link = &(*link)->next;
    return link;
}

void cc__timeline_begin(cc__timeline_t *timeline, cc__baseline_t *baseline, uint64_t now) {
    timeline->baseline = baseline;
    timeline->start_ns = now;
    timeline->count = 0;
    timeline->interval_ns = FIRST_INTERVAL_NS;
    timeline->next_ns = now + timeline->interval_ns;
    if (timeline->next_ns < cc__load_relaxed(&next_point_ns)) cc__store_relaxed(&next_point_ns, timeline->next_ns);
    if (*find(timeline) != NULL) return;
    timeline->next = timelines;
    timelines = timeline;
}

void cc__timeline_end(cc__timeline_t *timeline) {
    *find(timeline) = timeline->next;
    if (timelines == NULL) cc__store_relaxed(&next_point_ns, UINT64_MAX);
}

/* Fixed memory, whatever the length: when it is full, two points become one and the next ones stand twice as far
 * apart. */
static void halve_points(cc__timeline_t *timeline) {
    for (size_t i = 0; i < CC_PROFILE_POINTS / 2; i++) {
        cc_profile_point_t *first = &timeline->points[2 * i], *second = first + 1;
        if (first->peak > second->peak) second->peak = first->peak;
        timeline->points[i] = *second;
    }
    timeline->count = CC_PROFILE_POINTS / 2;
    timeline->interval_ns *= 2;
}

/* `all`: what all threads counted until now. */
static void draw_point(cc__timeline_t *timeline, cc__counts_t all, uint64_t now) {
    if (timeline->count == CC_PROFILE_POINTS) halve_points(timeline);
    cc__peak_t *seen = &timeline->baseline->peak;
    double current = (double)(cc__live_bytes() - cc__load_relaxed(&seen->base));
    double peak = (double)cc__load_relaxed(&seen->since_point);
    cc__baseline_counts(timeline->baseline, &all);
    timeline->points[timeline->count++] = (cc_profile_point_t){(double)(now - timeline->start_ns) * 1e-9,
                                                               at_least_0(current),
                                                               at_least_0(peak > current ? peak : current),
                                                               all.alloc_count,
                                                               at_least_0(all.free_count),
                                                               all.alloc_bytes};
    cc__peak_mark_point(seen, (int64_t)current);
    timeline->next_ns = now + timeline->interval_ns;
}

/* pre: lock held. */
static void draw_points(uint64_t now) {
    cc__peaks_follow();
    cc__counts_t all = {0};
    uint64_t next = UINT64_MAX;
    bool counted = false;
    for (cc__timeline_t *timeline = timelines; timeline != NULL; timeline = timeline->next) {
        if (now >= timeline->next_ns) {
            if (!counted) cc__counts_add_all(&all);
            counted = true;
            draw_point(timeline, all, now);
        }
        if (timeline->next_ns < next) next = timeline->next_ns;
    }
    cc__store_relaxed(&next_point_ns, next);
}

void cc__timelines_check(uint64_t now) {
    if (CC_LIKELY(now < cc__load_relaxed(&next_point_ns))) return;
    /* Who holds it is drawing, or will be followed by another check. */
    if (!cc__mutex_try_lock(&cc__recorder_lock)) return;
    draw_points(now);
    cc__mutex_unlock(&cc__recorder_lock);
}
