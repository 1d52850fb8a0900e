/* base/histogram.c: reading of log-linear histograms. */
#include "histogram.h"

#include <math.h>

double cc__histogram_middle(unsigned index) {
    unsigned linear = 1u << CC__HISTOGRAM_BITS;
    if (index < linear) return (double)index;
    unsigned octave = (index >> CC__HISTOGRAM_BITS) - 1;
    double width = ldexp(1.0, (int)octave);
    return (linear + (index & (linear - 1))) * width + (width - 1) / 2;
}

unsigned cc__log_bucket(double ns, unsigned buckets) {
    double place = ns > 1.0 ? log10(ns) * buckets / 11.0 : 0.0;
    return place < buckets ? (unsigned)place : buckets - 1;
}
