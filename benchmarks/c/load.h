/* load.h: what the benchmarks of maps and queues share, in C and in C++: random numbers, threads that start together
 * and stop together, and the line of JSON for each measurement. Threads of maps are not pinned (Java's cannot be);
 * those of queues are, one processor after the other: two that the system leaves on one processor would not contend. */
#ifndef LOAD_H
#define LOAD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_setaffinity: include this header first */
#endif
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOAD_THREADS_MAX = 64, LOAD_BLOCK = 64 /* operations between two looks at the clock */ };

typedef struct load_thread {
    unsigned number;     /* 0, 1, … */
    unsigned threads;    /* how many there are */
    uint64_t random;     /* state of load_random; another for each thread, the same in each run */
    uint64_t operations; /* the work counts them here … */
    uint64_t found;      /* … and those that found something */
    int64_t balance;     /* … and what it has added to the container */
    const void *argument;
    void (*work)(struct load_thread *);
    pthread_t handle;
    pthread_barrier_t *barrier;
    uint64_t began, ended, until; /* ns */
    uint64_t processor;           /* ns that the thread has used itself */
    uint64_t nanoseconds;         /* that it shall take */
} load_thread_t;

/* The compiler must take the value for used. */
#define LOAD_KEEP(value) __asm__ volatile("" : : "r"(value) : "memory")

static inline void load_die(const char *text) {
    fprintf(stderr, "%s\n", text);
    exit(1);
}

static inline uint64_t load_clock(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* SplitMix64 (Steele et al., OOPSLA 2014): one multiplication more than xorshift, and all bits are good. */
static inline uint64_t load_mix(uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}
static inline uint64_t load_random(load_thread_t *thread) {
    return load_mix(thread->random += 0x9e3779b97f4a7c15u);
}

/* Evenly from 0 to range - 1, by the high bits of `random`. */
static inline uint64_t load_scale(uint64_t random, uint64_t range) {
    __extension__ typedef unsigned __int128 wide_t;
    return (uint64_t)(((wide_t)random * range) >> 64);
}

/* Asked once in LOAD_BLOCK operations. Each thread looks at the clock itself: no other thread needs to run for it to
 * end. */
static inline bool load_running(const load_thread_t *thread) {
    return load_clock(CLOCK_MONOTONIC) < thread->until;
}

static bool load_pinned; /* set before load_run */
static inline void load_pin(unsigned number) {
#if defined(__linux__)
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    unsigned place = number % (unsigned)CPU_COUNT(&allowed);
    for (unsigned processor = 0; processor < CPU_SETSIZE; processor++) {
        if (!CPU_ISSET(processor, &allowed) || place-- != 0) continue;
        CPU_ZERO(&one);
        CPU_SET(processor, &one);
        sched_setaffinity(0, sizeof one, &one);
        return;
    }
#else
    (void)number;
#endif
}

static void *load_thread_main(void *value) {
    load_thread_t *thread = (load_thread_t *)value;
    if (load_pinned) load_pin(thread->number);
    pthread_barrier_wait(thread->barrier);
    thread->began = load_clock(CLOCK_MONOTONIC);
    thread->until = thread->began + thread->nanoseconds;
    uint64_t before = load_clock(CLOCK_THREAD_CPUTIME_ID);
    thread->work(thread);
    thread->processor = load_clock(CLOCK_THREAD_CPUTIME_ID) - before;
    thread->ended = load_clock(CLOCK_MONOTONIC);
    return NULL;
}

/* Runs `work` in so many threads until it returns by itself (milliseconds 0) or load_running is false; gives their
 * sums in *total, with `began` and `ended` of the whole. */
static inline void load_run(unsigned threads, unsigned milliseconds, void (*work)(load_thread_t *),
                            const void *argument, load_thread_t *total) {
    static load_thread_t rows[LOAD_THREADS_MAX];
    pthread_barrier_t barrier;
    if (threads < 1 || threads > LOAD_THREADS_MAX) load_die("1 to 64 threads");
    pthread_barrier_init(&barrier, NULL, threads + 1);
    memset(rows, 0, sizeof rows);
    for (unsigned i = 0; i < threads; i++) {
        rows[i].number = i;
        rows[i].threads = threads;
        rows[i].random = load_mix(i + 1);
        rows[i].argument = argument;
        rows[i].work = work;
        rows[i].barrier = &barrier;
        rows[i].nanoseconds = (uint64_t)milliseconds * 1000000;
        if (pthread_create(&rows[i].handle, NULL, load_thread_main, &rows[i]) != 0) load_die("no thread");
    }
    pthread_barrier_wait(&barrier);
    memset(total, 0, sizeof *total);
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(rows[i].handle, NULL);
        total->operations += rows[i].operations;
        total->found += rows[i].found;
        total->balance += rows[i].balance;
        total->processor += rows[i].processor;
        if (i == 0 || rows[i].began < total->began) total->began = rows[i].began;
        if (rows[i].ended > total->ended) total->ended = rows[i].ended;
    }
    pthread_barrier_destroy(&barrier);
}

/* What a rate refers to, ns: from the first thread's start to the last one's end; with one thread its processor
 * time, which others on the machine disturb less. */
static inline uint64_t load_elapsed(const load_thread_t *total, unsigned threads) {
    uint64_t elapsed = threads == 1 ? total->processor : total->ended - total->began;
    return elapsed + (elapsed == 0);
}

/* Bytes of the process that are in memory. */
static inline uint64_t load_resident(void) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        if (fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
        fclose(file);
    }
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The next word of a list "a,b,c" into `word`; false at its end. */
static inline bool load_next_word(const char **list, char *word, size_t size) {
    if (**list == 0) return false;
    size_t length = strcspn(*list, ",");
    if (length >= size) load_die("a word is too long");
    memcpy(word, *list, length);
    word[length] = 0;
    *list += length + ((*list)[length] == ',');
    return true;
}

#endif
