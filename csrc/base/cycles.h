/* base/cycles.h: the cheapest clock there is: the processor's counter where it runs at a constant rate, else the
 * monotonic clock. Readings are only good for differences; cc__cycles_calibrate tells how long a cycle
 * is. */
#ifndef CC_BASE_CYCLES_H
#define CC_BASE_CYCLES_H

#include "os.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

typedef struct cc__cycles_calibration {
    bool counter;        /* the processor's counter is used */
    double ns_per_cycle; /* from the time between the first calibration and now */
    uint64_t overhead;   /* cycles between two readings with nothing between, the least seen */
    double floor_ns; /* one step of the counter; where it is too fine to see, the typical excess over the least pair */
} cc__cycles_calibration_t;

/* In cycles. On virtual machines a counter may advance in steps of tens of cycles, scaled so that a step comes out a
 * few cycles longer or shorter. */
typedef struct cc__cycles_pairs {
    uint64_t overhead; /* the least */
    double floor;      /* as floor_ns, at least 1 */
} cc__cycles_pairs_t;

/* Finds both in the distances of pairs of readings with nothing between. Sorts them. Here for cycles.c and its test. */
cc__cycles_pairs_t cc__cycles_look_at_pairs(uint64_t *pairs, size_t count);

extern bool cc__cycles_counter; /* set by the first calibration, before any reading that counts */

/* Calibrates; the first call takes about 2 ms, later ones refine the rate by the longer time. */
cc__cycles_calibration_t cc__cycles_calibrate(void);

static inline uint64_t cc__cycles(void) {
#if defined(__x86_64__)
    if (CC_LIKELY(cc__cycles_counter)) return __rdtsc();
#elif defined(__aarch64__)
    uint64_t value;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value)); /* constant rate by the architecture */
    return value;
#endif
    return cc__os_monotonic_ns();
}

#endif
