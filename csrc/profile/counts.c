/* profile/counts.c: the limits of the bins. */
#include "counts.h"

uint64_t cc_profile_bin_limit(unsigned bin) {
    if (bin < CC__SMALL_BINS) return (uint64_t)bin * 8;
    if (bin >= CC_PROFILE_BINS) return UINT64_MAX;
    unsigned octave = 9 + (bin - CC__SMALL_BINS) / 4, quarter = (bin - CC__SMALL_BINS) % 4;
    return ((uint64_t)1 << octave) + ((uint64_t)(quarter + 1) << (octave - 2));
}
