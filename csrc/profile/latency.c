/* profile/latency.c: histograms of cycles are told in nanoseconds. */
#include "latency.h"

#include <string.h>

/* Cycles of a bucket without the empty pair of readings. */
static double net_cycles(const struct cc_profile_latency *latency, unsigned index) {
    double cycles = cc__histogram_middle(index) - (double)latency->clock.overhead;
    return cycles > 0 ? cycles : 0;
}

double cc_profile_latency_buckets(const cc_profile_snapshot_t *snapshot, bool frees, unsigned buckets, double *counts) {
    const struct cc_profile_latency *latency = snapshot->latency;
    const double *histogram = frees ? latency->free : latency->alloc;
    memset(counts, 0, buckets * sizeof *counts);
    double total = 0;
    for (unsigned index = 0; index < CC__HISTOGRAM_SIZE; index++) {
        if (histogram[index] <= 0) continue;
        total += histogram[index];
        double ns = net_cycles(latency, index) * latency->clock.ns_per_cycle;
        if (buckets > 0) counts[cc__log_bucket(ns, buckets)] += histogram[index];
    }
    return total;
}

static double sum_ns(const struct cc_profile_latency *latency, const double *histogram) {
    double sum = 0;
    for (unsigned index = 0; index < CC__HISTOGRAM_SIZE; index++) sum += histogram[index] * net_cycles(latency, index);
    return sum * latency->clock.ns_per_cycle;
}

void cc_profile_latency_clock(const cc_profile_snapshot_t *snapshot, cc_profile_clock_t *clock) {
    const struct cc_profile_latency *latency = snapshot->latency;
    clock->name = latency->clock.counter ? "cycle counter" : "monotonic clock";
    clock->overhead_ns = (double)latency->clock.overhead * latency->clock.ns_per_cycle;
    clock->floor_ns = latency->clock.floor_ns;
    double timed = 0, operations = snapshot->alloc_count + snapshot->free_count;
    for (unsigned index = 0; index < CC__HISTOGRAM_SIZE; index++) timed += latency->alloc[index] + latency->free[index];
    clock->timed_fraction = operations > 0 && timed < operations ? timed / operations : timed > 0 ? 1 : 0;
    clock->alloc_sum_ns = sum_ns(latency, latency->alloc);
    clock->free_sum_ns = sum_ns(latency, latency->free);
}
