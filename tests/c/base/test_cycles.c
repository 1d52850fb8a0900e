/* test_cycles.c: the calibration of the cycle counter: its step from recorded pairs of readings, and its rate.
 * variants: release debug asan tsan valgrind */
#include "base/cycles.h"

#include <math.h>

#include "../check.h"

enum { PAIRS = 2001 };
static uint64_t pairs[PAIRS];

/* Fills the pairs with `least` plus multiples of `step`, each off by up to `jitter`, and a few interrupts. */
static void make_pairs(uint64_t least, uint64_t step, unsigned jitter, unsigned steps, unsigned interrupts) {
    uint64_t state = least * 31 + step * 7 + jitter + 1;
    for (int i = 0; i < PAIRS; i++) {
        uint64_t value = least + step * (check_random(&state) % steps);
        if (jitter > 0) value += check_random(&state) % (2 * jitter + 1);
        pairs[i] = value;
    }
    for (unsigned i = 0; i < interrupts; i++) pairs[check_random(&state) % PAIRS] = 20000 + check_random(&state) % 5000;
}

static cc__cycles_pairs_t look(void) {
    return cc__cycles_look_at_pairs(pairs, PAIRS);
}

static void test_a_counter_that_advances_in_steps(void) {
    for (unsigned jitter = 0; jitter <= 3; jitter++) {
        for (uint64_t step = 20; step <= 100; step += 4) {
            make_pairs(0, step, jitter, 4, 10);
            cc__cycles_pairs_t found = look();
            CHECK(found.overhead <= 2 * jitter);
            CHECK(fabs(found.floor - (double)step) <= 2 * jitter);
            make_pairs(46, step, jitter, 3, 0);
            found = look();
            CHECK(found.overhead >= 46 && found.overhead <= 46 + 2 * jitter);
            CHECK(fabs(found.floor - (double)step) <= 2 * jitter);
        }
    }
}

/* As seen on a virtual machine: 24 cycles are 10 ns, with a jitter of a few cycles by scaling. */
static void test_the_steps_of_a_virtual_machine(void) {
    static const uint64_t seen[] = {20, 22, 24, 26, 44, 46, 48, 50, 68, 70, 72, 94, 96};
    uint64_t state = 3;
    for (int i = 0; i < PAIRS; i++) pairs[i] = seen[check_random(&state) % 13];
    cc__cycles_pairs_t found = look();
    CHECK_EQUAL(found.overhead, 20);
    CHECK(found.floor >= 18 && found.floor <= 26);
}

/* A step that shows in few pairs only. */
static void test_rare_steps(void) {
    for (int i = 0; i < PAIRS; i++) pairs[i] = i % 50 == 0 ? 24 : 0;
    CHECK(look().floor == 24);
    for (int i = 0; i < PAIRS; i++) pairs[i] = 0; /* a coarse clock that never moved meanwhile */
    CHECK_EQUAL(look().overhead, 0);
    CHECK(look().floor >= 1);
}

/* Where every cycle shows, the floor is the typical excess. */
static void test_a_fine_counter(void) {
    uint64_t state = 11;
    for (int i = 0; i < PAIRS; i++) pairs[i] = 18 + check_random(&state) % 5;
    cc__cycles_pairs_t found = look();
    CHECK_EQUAL(found.overhead, 18);
    CHECK(found.floor >= 1 && found.floor <= 4);
    for (int i = 0; i < PAIRS; i++) pairs[i] = 18 + 2 * (check_random(&state) % 2);
    CHECK(look().floor >= 1 && look().floor <= 2);
}

static void test_interrupts_do_not_count(void) {
    for (int i = 0; i < PAIRS; i++) pairs[i] = i % 100 == 0 ? 100000 + (uint64_t)i : 24 + 24 * (uint64_t)(i % 2);
    cc__cycles_pairs_t found = look();
    CHECK_EQUAL(found.overhead, 24);
    CHECK(found.floor == 24);
}

static void test_few_pairs(void) {
    pairs[0] = 30;
    CHECK_EQUAL(cc__cycles_look_at_pairs(pairs, 1).overhead, 30);
    CHECK(cc__cycles_look_at_pairs(pairs, 1).floor >= 1);
    CHECK(cc__cycles_look_at_pairs(pairs, 0).floor >= 1);
}

static void test_the_rate(void) {
    cc__cycles_calibration_t clock = cc__cycles_calibrate();
    CHECK(clock.ns_per_cycle > 0.01 && clock.ns_per_cycle < 100);
    CHECK(clock.floor_ns > 0 && clock.floor_ns < 1e6);
    uint64_t before_ns = cc__os_monotonic_ns(), before = cc__cycles();
    while (cc__os_monotonic_ns() - before_ns < 20000000) continue;
    uint64_t after = cc__cycles(), after_ns = cc__os_monotonic_ns();
    clock = cc__cycles_calibrate();
    /* The two clocks were read one after the other: whatever lies between is at most what both saw in all. */
    double ns = (double)(after - before) * clock.ns_per_cycle;
    CHECK(ns <= (double)(after_ns - before_ns) * 1.05);
    CHECK(after > before);
}

static void calibrate(size_t index, void *unused) {
    (void)index, (void)unused;
    for (int i = 0; i < 50; i++) CHECK(cc__cycles_calibrate().ns_per_cycle > 0);
}

static void test_from_several_threads(void) {
    check_threads(4, calibrate, NULL);
}

int main(void) {
    RUN(test_a_counter_that_advances_in_steps);
    RUN(test_the_steps_of_a_virtual_machine);
    RUN(test_rare_steps);
    RUN(test_a_fine_counter);
    RUN(test_interrupts_do_not_count);
    RUN(test_few_pairs);
    RUN(test_the_rate);
    RUN(test_from_several_threads);
    return 0;
}
