/* test_statistics.c: the statistics under threads: exact when they stop, never negative while they run, kept when they
 * end.
 * variants: release debug asan tsan valgrind */
#include "cc/platform.h"

#include <stdatomic.h>

#include "../check.h"

enum { THREADS = 8, SLOTS = 64, ROUNDS = 40000 };

static void *kept[THREADS][SLOTS];
static size_t kept_sizes[THREADS][SLOTS];
static uint32_t kept_flags[THREADS][SLOTS];
static pthread_barrier_t halfway, go_on;

/* Leaves blocks behind, which another thread frees. */
static void churn(size_t index, void *unused) {
    (void)unused;
    uint64_t state = 0x2545F4914F6CDD1Du + index;
    for (size_t round = 0; round < SCALED(ROUNDS); round++) {
        size_t at = check_random(&state) % SLOTS;
        Platform_Free(kept[index][at], round % 2 == 0 ? kept_sizes[index][at] : 0);
        kept_sizes[index][at] = 1 + check_random(&state) % (round % 100 == 0 ? 100000 : 500);
        kept_flags[index][at] = check_random(&state) % 8;
        kept[index][at] = Platform_Alloc(kept_sizes[index][at], kept_flags[index][at]);
        CHECK(kept[index][at] != NULL);
        if (round % 16 == 0) {
            kept[index][at] = Platform_Realloc(kept[index][at], kept_sizes[index][at], 333);
            kept_sizes[index][at] = 333;
        }
    }
    pthread_barrier_wait(&halfway); /* the main thread looks now */
    pthread_barrier_wait(&go_on);
    size_t other = (index + 1) % THREADS;
    for (size_t at = 0; at < SLOTS; at++) Platform_Free(kept[other][at], 0);
}

static atomic_bool done;

static void look(size_t index, void *unused) {
    (void)index, (void)unused;
    while (!atomic_load(&done)) {
        CHECK(Platform_Mem_GetAllocated() < (size_t)1 << 40);
        CHECK(Platform_Mem_GetCount() < (size_t)1 << 30);
        CHECK(Platform_Mem_GetTempCount() < (size_t)1 << 30);
        CHECK(Platform_Mem_GetPeak() < (size_t)1 << 40);
    }
}

static void test_exact_under_threads(void) {
    size_t before = Platform_Mem_GetAllocated(), count = Platform_Mem_GetCount();
    check_thread_t looker, churners[THREADS];
    pthread_barrier_init(&halfway, NULL, THREADS + 1);
    pthread_barrier_init(&go_on, NULL, THREADS + 1);
    check_start(&looker, look, NULL);
    for (size_t i = 0; i < THREADS; i++) {
        churners[i] = (check_thread_t){.function = churn, .index = i};
        CHECK(pthread_create(&churners[i].thread, NULL, check_thread_main, &churners[i]) == 0);
    }
    pthread_barrier_wait(&halfway);
    size_t bytes = 0, temp = 0, blocks = 0, temp_blocks = 0;
    for (size_t i = 0; i < THREADS; i++) {
        for (size_t at = 0; at < SLOTS; at++) {
            if (kept[i][at] == NULL) continue;
            bytes += kept_sizes[i][at];
            blocks++;
            if ((kept_flags[i][at] & MEM_TEMP) == 0) continue;
            temp += kept_sizes[i][at];
            temp_blocks++;
        }
    }
    CHECK_EQUAL(Platform_Mem_GetAllocated() - before, bytes);
    CHECK_EQUAL(Platform_Mem_GetCount() - count, blocks);
    CHECK_EQUAL(Platform_Mem_GetTempAllocated(), temp);
    CHECK_EQUAL(Platform_Mem_GetTempCount(), temp_blocks);
    CHECK(Platform_Mem_GetPeak() + THREADS * PLATFORM_PEAK_ERROR >= Platform_Mem_GetAllocated());
    pthread_barrier_wait(&go_on);
    for (size_t i = 0; i < THREADS; i++) check_join(&churners[i]);
    atomic_store(&done, true);
    check_join(&looker);
    CHECK_EQUAL(Platform_Mem_GetAllocated(), before);
    CHECK_EQUAL(Platform_Mem_GetCount(), count);
    CHECK_EQUAL(Platform_Mem_GetTempAllocated(), 0);
    CHECK_EQUAL(Platform_Mem_GetTempCount(), 0);
}

/* Each thread holds `argument` bytes in small blocks at the same time as all others. */
static pthread_barrier_t all_hold;

static void hold(size_t index, void *argument) {
    (void)index;
    static _Thread_local void *blocks[1000];
    size_t size = *(size_t *)argument / 1000;
    for (size_t i = 0; i < 1000; i++) blocks[i] = Platform_Alloc(size, MEM_NORMAL);
    pthread_barrier_wait(&all_hold);
    for (size_t i = 0; i < 1000; i++) Platform_Free(blocks[i], size);
}

static void test_peak_under_threads(void) {
    size_t each = 4000000, before = Platform_Mem_GetAllocated();
    pthread_barrier_init(&all_hold, NULL, THREADS);
    check_threads(THREADS, hold, &each);
    size_t peak = Platform_Mem_GetPeak(), most = before + THREADS * each;
    CHECK(peak + THREADS * PLATFORM_PEAK_ERROR >= most);
    CHECK(peak <= most + (THREADS + 1) * PLATFORM_PEAK_ERROR);
    CHECK_EQUAL(Platform_Mem_GetAllocated(), before);
}

static void *one_block;

static void allocate_one(size_t index, void *unused) {
    (void)index, (void)unused;
    one_block = Platform_Alloc(1000, MEM_TEMP);
}

/* The sums of many short threads stay exact. */
static void test_threads_that_end(void) {
    size_t before = Platform_Mem_GetAllocated(), count = Platform_Mem_GetCount();
    for (size_t i = 0; i < SCALED(300); i++) {
        check_thread_t thread;
        check_start(&thread, allocate_one, NULL);
        check_join(&thread);
        CHECK_EQUAL(Platform_Mem_GetAllocated() - before, 1000);
        CHECK_EQUAL(Platform_Mem_GetCount() - count, 1);
        CHECK_EQUAL(Platform_Mem_GetTempCount(), 1);
        Platform_Free(one_block, 1000);
        CHECK_EQUAL(Platform_Mem_GetAllocated(), before);
    }
}

/* A thread whose first call is a free. */
static void free_one(size_t index, void *block) {
    (void)index;
    Platform_Free(block, 0);
}

static void test_free_by_another_thread(void) {
    size_t before = Platform_Mem_GetAllocated();
    check_thread_t thread;
    check_start(&thread, free_one, Platform_Alloc(5, MEM_NORMAL));
    check_join(&thread);
    CHECK_EQUAL(Platform_Mem_GetAllocated(), before);
}

int main(void) {
    RUN(test_exact_under_threads);
    RUN(test_peak_under_threads);
    RUN(test_threads_that_end);
    RUN(test_free_by_another_thread);
    return 0;
}
