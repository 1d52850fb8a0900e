/* base/cycles.c: calibration of the cycle counter. */
#include "cycles.h"

#include <stdlib.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "atomics.h"
#include "fork.h"

bool cc__cycles_counter;

static cc__mutex_t lock;
CC__HOLD_OVER_FORK(CC__FORK_CYCLES, lock);
static bool calibrated;
static cc__cycles_calibration_t result;

typedef struct moment {
    uint64_t cycles, ns;
} moment_t;
static moment_t beginning;

/* The counter's rate does not change with the processor's frequency or sleep states (Intel SDM 17.17.1, "invariant
 * TSC"). */
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
    /* Pairs no further apart than the jitter are one cluster, which counts when it holds a hundredth of them; the
     * counter's step is the least distance between the middles of two. */
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

/* Both clocks at once: they are read one after the other, and the thread may be preempted between, for longer than is
 * measured in all; so of several attempts the one counts that took the shortest. */
static moment_t read_both(void) {
    enum { ATTEMPTS = 10 };
    moment_t closest = {0, 0};
    uint64_t shortest = UINT64_MAX;
    for (int i = 0; i < ATTEMPTS; i++) {
        uint64_t before = cc__cycles(), ns = cc__os_monotonic_ns(), took = cc__cycles() - before;
        if (took >= shortest) continue;
        shortest = took;
        closest = (moment_t){before + took / 2, ns};
    }
    return closest;
}

cc__cycles_calibration_t cc__cycles_calibrate(void) {
    cc__mutex_lock(&lock);
    if (!calibrated) {
        cc__cycles_counter = result.counter = has_constant_counter();
        measure_pair();
        beginning = read_both();
        while (cc__os_monotonic_ns() - beginning.ns < 2000000) continue;
        calibrated = true;
    }
    moment_t now = read_both();
    uint64_t ns = now.ns - beginning.ns, cycles = now.cycles - beginning.cycles;
    cc__cycles_calibration_t answer = result;
    answer.ns_per_cycle = result.counter ? (double)ns / (double)(cycles > 0 ? cycles : 1) : 1.0;
    answer.floor_ns *= answer.ns_per_cycle;
    cc__mutex_unlock(&lock);
    return answer;
}
