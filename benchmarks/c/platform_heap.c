/* platform_heap.c: private heaps: one block at a time, many blocks freed one by one, many blocks freed with their
 * heap. Compiled against libcc, and for Windows, where Wine runs it: the peers are libcc's heap (and glibc's malloc
 * beside it) and Wine's. A call is `platform_heap ROUNDS BLOCKS`; one line of JSON for each measurement: nanoseconds
 * of the clock for a block. */
#if defined(_WIN32)
#include <windows.h>
#define PEER "wine"
#else
#include "compat/memory_wrapper.h"
#include <time.h>
#define PEER "libcc"
#endif
#include <stdio.h>
#include <stdlib.h>

static double now(void) {
#if defined(_WIN32)
    LARGE_INTEGER ticks, frequency;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&frequency);
    return (double)ticks.QuadPart * 1e9 / (double)frequency.QuadPart;
#else
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
#endif
}

static void **blocks;
static size_t block_count;

static void tell(const char *workload, const char *peer, double ns) {
    printf("{\"workload\": \"%s\", \"peer\": \"%s\", \"nanoseconds\": %.3f}\n", workload, peer,
           ns / (double)block_count);
}

static size_t size_of(size_t i) {
    return 16 + i * 7 % 200;
}

static void use_heap(void) {
    HANDLE heap = HeapCreate(0, 0, 0);
    double start = now();
    size_t i;
    for (i = 0; i < block_count; i++) {
        volatile char *block = (char *)HeapAlloc(heap, 0, 64);
        *block = 1;
        HeapFree(heap, 0, (void *)block);
    }
    tell("pair", PEER, now() - start);
    start = now();
    for (i = 0; i < block_count; i++) *(char *)(blocks[i] = HeapAlloc(heap, 0, size_of(i))) = 1;
    tell("allocate", PEER, now() - start);
    start = now();
    for (i = 0; i < block_count; i++) HeapFree(heap, 0, blocks[i]);
    tell("free one by one", PEER, now() - start);
    for (i = 0; i < block_count; i++) *(char *)HeapAlloc(heap, 0, size_of(i)) = 1;
    start = now();
    HeapDestroy(heap);
    tell("free all", PEER, now() - start);
}

#if !defined(_WIN32)
static void use_malloc(void) {
    double start = now();
    size_t i;
    for (i = 0; i < block_count; i++) {
        volatile char *block = malloc(64);
        *block = 1;
        free((void *)block);
    }
    tell("pair", "glibc", now() - start);
    start = now();
    for (i = 0; i < block_count; i++) *(char *)(blocks[i] = malloc(size_of(i))) = 1;
    tell("allocate", "glibc", now() - start);
    start = now();
    for (i = 0; i < block_count; i++) free(blocks[i]);
    tell("free one by one", "glibc", now() - start);
    tell("free all", "glibc", now() - start); /* there is no other way */
}
#endif

int main(int count, char **arguments) {
    size_t rounds, round;
    if (count != 3) return 1;
    rounds = strtoul(arguments[1], NULL, 10);
    block_count = strtoul(arguments[2], NULL, 10);
    blocks = (void **)malloc(block_count * sizeof *blocks);
    for (round = 0; round <= rounds; round++) {
        use_heap();
#if !defined(_WIN32)
        use_malloc();
#endif
    }
    return 0;
}
