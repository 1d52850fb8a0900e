/* profile/estimate.h: sampling. Which allocations are chosen, and sums in which each stands for others like it. */
#ifndef CC_PROFILE_ESTIMATE_H
#define CC_PROFILE_ESTIMATE_H

#include "counts.h"
#include "session.h"

/* Sums over sampled events of one direction (allocations or frees). One writer. */
typedef struct cc__sums {
    _Atomic(double) bins[CC_PROFILE_BINS]; /* counts */
    _Atomic(double) bytes, large_bytes;    /* large_bytes: those of sizes above CC__SMALL_SIZE */
    _Atomic(double) count_variance, bytes_variance;
} cc__sums_t;

typedef struct cc__estimated {
    cc__sums_t alloc, free;
} cc__estimated_t;

/* The weight of a block of a session: the inverse of the probability with which it was chosen; 1 in an exact one. */
double cc__session_weight(const cc__session_t *session, uint64_t size);

/* Adds an event of a block of this session and size to the sums (release: see CC__FREED). Returns the block's
 * weight. */
double cc__estimate(cc__sums_t *sums, const cc__session_t *session, uint64_t size);

enum { CC__COUNTDOWNS = 32 };

/* Distances from one sample to the next, in allocations or bytes. */
typedef struct cc__sampler {
    double scale; /* of the session */
    unsigned left;
    int64_t countdowns[CC__COUNTDOWNS]; /* drawn in advance: all at once are cheaper than one by one */
    uint64_t random;
} cc__sampler_t;

/* Brings the sampler in line with a session. */
void cc__sampler_begin(cc__sampler_t *sampler, const cc__session_t *session);

/* Allocations (or bytes) until the next sample, 1 at least. */
int64_t cc__sampler_draw(cc__sampler_t *sampler);

#endif
