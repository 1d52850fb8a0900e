/* check.h: all that the C tests share. A test is a function without arguments; a program runs its tests in order and
 * stops at the first condition that does not hold. */
#ifndef CHECK_H
#define CHECK_H

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Slow variants (valgrind, thread sanitizer) do a fraction of the work. */
#ifndef CHECK_DIVISOR
#define CHECK_DIVISOR 1
#endif
#define SCALED(count) ((count) / CHECK_DIVISOR > 0 ? (count) / CHECK_DIVISOR : 1)

#define CHECK(condition) \
    ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition, 0, 0, false))
#define CHECK_EQUAL(actual, expected) \
    check_equal(__FILE__, __LINE__, #actual " == " #expected, (uint64_t)(actual), (uint64_t)(expected))
#define RUN(test) (printf("%s\n", #test), fflush(stdout), test())
/* In place of RUN, where the build cannot run it. */
#define LEAVE_OUT(test, reason) ((void)test, printf("left out %s: %s\n", #test, reason))

static inline void check_failed(const char *file, int line, const char *text, uint64_t actual, uint64_t expected,
                                bool numbers) {
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
    if (numbers)
        fprintf(stderr, "    %llu (%lld) against %llu (%lld)\n", (unsigned long long)actual, (long long)actual,
                (unsigned long long)expected, (long long)expected);
    fflush(stderr);
    _Exit(1);
}

static inline void check_equal(const char *file, int line, const char *text, uint64_t actual, uint64_t expected) {
    if (actual != expected) check_failed(file, line, text, actual, expected, true);
}

/* The next number of a sequence that `state` (any value but 0) determines. */
static inline uint32_t check_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

/* Keeps the compiler from knowing a value, so that it neither warns of nor folds what a test does on purpose. */
static inline size_t check_hide(size_t value) {
    volatile size_t hidden = value;
    return hidden;
}

/* ns of the monotonic clock. */
static inline uint64_t check_now(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Lets other threads run, so that they come in between. Where other programs keep the processors busy that takes
 * milliseconds each time: after so many seconds in all it does nothing any more, lest a test take hours. */
static inline void check_yield(void) {
    enum { SECONDS = 20 };
    static uint64_t spent_ns;
    if (__atomic_load_n(&spent_ns, __ATOMIC_RELAXED) > SECONDS * UINT64_C(1000000000)) return;
    uint64_t began = check_now();
    (void)sched_yield();
    (void)__atomic_fetch_add(&spent_ns, check_now() - began, __ATOMIC_RELAXED);
}

enum { CHECK_THREADS_MAX = 128 };

typedef struct check_thread {
    void (*function)(size_t index, void *argument);
    size_t index;
    void *argument;
    pthread_barrier_t *start;
    pthread_t thread;
} check_thread_t;

static inline void *check_thread_main(void *value) {
    check_thread_t *self = (check_thread_t *)value;
    if (self->start != NULL) (void)pthread_barrier_wait(self->start);
    self->function(self->index, self->argument);
    return NULL;
}

/* Runs function(0..count-1, argument) in `count` threads that start together, and joins them. */
static inline void check_threads(size_t count, void (*function)(size_t, void *), void *argument) {
    static check_thread_t threads[CHECK_THREADS_MAX];
    pthread_barrier_t start;
    CHECK(count <= CHECK_THREADS_MAX);
    CHECK(pthread_barrier_init(&start, NULL, (unsigned)count) == 0);
    for (size_t index = 0; index < count; index++) {
        check_thread_t one = {function, index, argument, &start, 0};
        threads[index] = one;
        CHECK(pthread_create(&threads[index].thread, NULL, check_thread_main, &threads[index]) == 0);
    }
    for (size_t index = 0; index < count; index++) CHECK(pthread_join(threads[index].thread, NULL) == 0);
    pthread_barrier_destroy(&start);
}

/* One thread beside the caller's: check_start(&one, function, argument) … check_join(&one). */
static inline void check_start(check_thread_t *thread, void (*function)(size_t, void *), void *argument) {
    thread->function = function;
    thread->index = 0;
    thread->argument = argument;
    thread->start = NULL;
    CHECK(pthread_create(&thread->thread, NULL, check_thread_main, thread) == 0);
}

static inline void check_join(check_thread_t *thread) {
    CHECK(pthread_join(thread->thread, NULL) == 0);
}

#endif
