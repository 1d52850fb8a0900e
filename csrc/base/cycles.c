/* base/cycles.c: calibration of the cycle counter. */
#include "cycles.h"

#include <stdlib.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "atomics.h"

bool cc__cycles_counter;

static cc__mutex_t lock;
static bool calibrated;
static uint64_t first_cycles, first_ns;
static cc__cycles_calibration_t result;

/* The counter's rate does not change with the processor's frequency or sleep states (Intel SDM 17.17.1, "invariant TSC"). */
static bool has_constant_counter(void) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    return __get_cpuid(0x80000007u, &a, &b, &c, &d) && (d & (1u << 8)) != 0;
#elif defined(__aarch64__)
    return true;
#else
    return false;
#endif
}

static int by_value(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

cc__cycles_pairs_t cc__cycles_look_at_pairs(uint64_t *pairs, size_t count) {
    enum { JITTER = 4, INTERRUPT = 1000 };
    cc__cycles_pairs_t found = {0, 1};
    if (count == 0) return found;
    qsort(pairs, count, sizeof *pairs, by_value);
    found.overhead = pairs[0];
    while (count > 1 && pairs[count - 1] > 20 * pairs[0] + INTERRUPT) count--;
    /* Pairs no further apart than the jitter are one cluster, which counts when it holds a hundredth of them; the counter's step
     * is the least distance between the middles of two. */
    double excess = 0, middle = 0, step = 0;
    bool earlier = false;
    for (size_t first = 0, next; first < count; first = next) {
        double sum = 0;
        for (next = first; next < count && (next == first || pairs[next] - pairs[next - 1] <= JITTER); next++)
            sum += (double)(pairs[next] - pairs[0]);
        excess += sum;
        if ((next - first) * 100 < count) continue;
        sum /= (double)(next - first);
        if (earlier && (step == 0 || sum - middle < step)) step = sum - middle;
        middle = sum;
        earlier = true;
    }
    excess /= (double)count;
    if (step == 0) step = excess;
    if (step > 1) found.floor = step;
    return found;
}

static void measure_pair(void) {
    enum { PAIRS = 2001 };
    static uint64_t pairs[PAIRS]; /* under the lock */
    for (int i = 0; i < PAIRS; i++) {
        uint64_t before = cc__cycles();
        pairs[i] = cc__cycles() - before;
    }
    cc__cycles_pairs_t found = cc__cycles_look_at_pairs(pairs, PAIRS);
    result.overhead = found.overhead;
    result.floor_ns = found.floor; /* in cycles so far */
}

cc__cycles_calibration_t cc__cycles_calibrate(void) {
    cc__mutex_lock(&lock);
    if (!calibrated) {
        cc__cycles_counter = result.counter = has_constant_counter();
        measure_pair();
        first_ns = cc__os_monotonic_ns();
        first_cycles = cc__cycles();
        while (cc__os_monotonic_ns() - first_ns < 2000000) continue;
        calibrated = true;
    }
    uint64_t ns = cc__os_monotonic_ns() - first_ns;
    uint64_t cycles = cc__cycles() - first_cycles;
    cc__cycles_calibration_t answer = result;
    answer.ns_per_cycle = result.counter ? (double)ns / (double)(cycles > 0 ? cycles : 1) : 1.0;
    answer.floor_ns *= answer.ns_per_cycle;
    cc__mutex_unlock(&lock);
    return answer;
}
