/* profile/latency.h: times of the allocators' own work. */
#ifndef CC_PROFILE_LATENCY_H
#define CC_PROFILE_LATENCY_H

#include "../base/cycles.h"
#include "../base/histogram.h"
#include "cc/profile.h"

/* Histograms of cycles, and the clock that they were measured by. */
struct cc_profile_latency {
    double alloc[CC__HISTOGRAM_SIZE], free[CC__HISTOGRAM_SIZE];
    cc__cycles_calibration_t clock;
};

#endif
