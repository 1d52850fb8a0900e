/* profile/peaks.h: bytes that are alive, and the highest number of them that each profile has seen. */
#ifndef CC_PROFILE_PEAKS_H
#define CC_PROFILE_PEAKS_H

#include "session.h"

/* A profile's peak. The atomics are written under the lock. */
typedef struct cc__peak {
    _Atomic(int64_t) base; /* live bytes before the start, less those of them freed since */
    _Atomic(int64_t) highest;
    _Atomic(int64_t) since_point; /* the highest since the timeline's last point */
    _Atomic(uint64_t) highest_ns; /* when, by the coarse clock */
    struct cc__peak *next;
} cc__peak_t;

/* Begins a generation. pre: lock held, idle. */
void cc__peaks_restart(void);

/* Begins to follow a peak, or to follow it anew, from `live` bytes. pre (this and the next three): lock held. */
void cc__peak_begin(cc__peak_t *peak, int64_t live, uint64_t now_ns);
void cc__peak_end(cc__peak_t *peak);

/* Bytes that were alive before the peak began were freed: they are none of its own. */
void cc__peak_lower_base(cc__peak_t *peak, int64_t bytes);

/* A point of the timeline was drawn at `live` bytes of the peak's own. */
void cc__peak_mark_point(cc__peak_t *peak, int64_t live);

int64_t cc__live_bytes(void);

/* Adds to the live bytes of all threads and returns the sum. */
int64_t cc__live_add(int64_t bytes);

/* Whether so many live bytes may be a new peak. */
bool cc__peaks_may_rise(int64_t live);

/* Compares live bytes with all peaks. pre: lock held. */
void cc__peaks_compare(int64_t live);

/* Leaves live bytes to the next who compares: for who does not get the lock. */
void cc__peaks_leave(int64_t live);

/* Compares what was left. pre: lock held. */
void cc__peaks_follow(void);

#endif
