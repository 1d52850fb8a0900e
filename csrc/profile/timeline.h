/* profile/timeline.h: how a profile's figures went on over time. */
#ifndef CC_PROFILE_TIMELINE_H
#define CC_PROFILE_TIMELINE_H

#include "baseline.h"

/* Under the recorder's lock. */
typedef struct cc__timeline {
    cc__baseline_t *baseline;
    uint64_t start_ns, next_ns, interval_ns; /* by the monotonic clock */
    size_t count;
    cc_profile_point_t points[CC_PROFILE_POINTS];
    struct cc__timeline *next;
} cc__timeline_t;

/* Begins a generation. pre (this and the next two): lock held. */
void cc__timelines_restart(void);

/* Begins a timeline, or begins it anew. */
void cc__timeline_begin(cc__timeline_t *timeline, cc__baseline_t *baseline, uint64_t now_ns);
void cc__timeline_end(cc__timeline_t *timeline);

/* Adds a point to each timeline that is due. Takes the lock when there is one. */
void cc__timelines_check(uint64_t now_ns);

#endif
