/* base/histogram.h: a log-linear histogram of cycle counts (as HdrHistogram: an octave is cut into 2^7 equal buckets,
 * so a bucket is at most 0.8 % wide), and log-spaced buckets to merge it into. */
#ifndef CC_BASE_HISTOGRAM_H
#define CC_BASE_HISTOGRAM_H

#include "cc/base.h"

enum {
    CC__HISTOGRAM_BITS = 7,
    CC__HISTOGRAM_OCTAVES = 42, /* above the linear part: up to 2^49 */
    CC__HISTOGRAM_SIZE = (CC__HISTOGRAM_OCTAVES + 1) << CC__HISTOGRAM_BITS
};

/* The bucket of a value; values beyond the last octave fall into the last bucket. */
static inline unsigned cc__histogram_index(uint64_t value) {
    if (value < (1u << CC__HISTOGRAM_BITS)) return (unsigned)value;
    unsigned octave = 63u - (unsigned)__builtin_clzll(value) - CC__HISTOGRAM_BITS; /* 0: 128..255 */
    if (octave >= CC__HISTOGRAM_OCTAVES) return CC__HISTOGRAM_SIZE - 1;
    return ((octave + 1) << CC__HISTOGRAM_BITS) + (unsigned)((value >> octave) & ((1u << CC__HISTOGRAM_BITS) - 1));
}

/* The middle of a bucket. */
double cc__histogram_middle(unsigned index);

/* Which of `buckets` log-spaced buckets between 1 ns and 100 s holds `ns`; what lies outside goes to the first or
 * last. */
unsigned cc__log_bucket(double ns, unsigned buckets);

#endif
