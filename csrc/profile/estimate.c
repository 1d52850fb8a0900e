/* profile/estimate.c: weights, and distances between samples. */
#include "estimate.h"

#include <math.h>

double cc__session_weight(const cc__session_t *session, uint64_t size) {
    if (session->exact) return 1;
    if (session->interval > 0) return 1 / -expm1(-((double)size + session->step) / session->interval);
    return session->weight;
}

double cc__estimate(cc__sums_t *sums, const cc__session_t *session, uint64_t size) {
    double weight = cc__session_weight(session, size), bytes = weight * (double)size;
    double variance = weight * (weight - 1); /* (1 - p) / p^2, Horvitz and Thompson 1952 */
    cc__own_add_release(&sums->bins[cc__bin(size)], weight);
    cc__own_add_release(&sums->bytes, bytes);
    if (size > CC__SMALL_SIZE) cc__own_add_release(&sums->large_bytes, bytes);
    cc__own_add_release(&sums->count_variance, variance);
    cc__own_add_release(&sums->bytes_variance, variance * (double)size * (double)size);
    return weight;
}

void cc__sampler_begin(cc__sampler_t *sampler, const cc__session_t *session) {
    sampler->scale = session->scale;
    sampler->left = 0;
}

/* Uniform in (0, 1]. xorshift64* (Vigna 2016). */
static double draw_uniform(cc__sampler_t *sampler) {
    uint64_t x = sampler->random != 0 ? sampler->random : 0x9E3779B97F4A7C15u;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    sampler->random = x;
    return (double)((x * 0x2545F4914F6CDD1Du >> 11) + 1) * 0x1p-53;
}

/* Distances of a Poisson process are exponential, of Bernoulli trials geometric. */
static __attribute__((noinline)) void draw_countdowns(cc__sampler_t *sampler) {
    for (unsigned i = 0; i < CC__COUNTDOWNS; i++) {
        double distance = log(draw_uniform(sampler)) * sampler->scale;
        int64_t whole = distance < 0x1p62 ? (int64_t)distance : (int64_t)1 << 62;
        sampler->countdowns[i] = whole + ((double)whole < distance || whole == 0); /* rounded up, 1 at least */
    }
    sampler->left = CC__COUNTDOWNS;
}

int64_t cc__sampler_draw(cc__sampler_t *sampler) {
    if (sampler->left == 0) draw_countdowns(sampler);
    return sampler->countdowns[--sampler->left];
}
