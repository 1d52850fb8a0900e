/* platform.c: what Platform_Alloc and Platform_Free cost beside cc_alloc and cc_free, whose work they add to.
 *
 * pair: freed at once; batch: 128 allocated, then freed; blocks of one size from 16 to 4000 bytes. Peers, in turns,
 * round by round:
 *     cc, platform                    as a user's code is compiled: with the headers' inlines
 *     cc_function, platform_function  the exported functions
 *     platform_unsized                freed with size 0
 *     platform_temp, platform_clear   MEM_TEMP; MEM_CLEAR, beside
 *     cc_calloc
 *     glibc                           malloc and free
 * A call is `platform ROUNDS PAIRS`; one line of JSON for each measurement goes to the output. */
#define _GNU_SOURCE
#include "cc/alloc.h"
#include "cc/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 128 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* The compiler must neither drop the block nor know what it holds. */
#define KEEP(pointer) __asm__ volatile("" : "+r"(pointer) : : "memory")

#define LOOP static __attribute__((noinline, aligned(64))) void
#define LOOPS(name, ALLOC, FREE) \
    LOOP name##_pairs(size_t size, size_t count) { \
        for (size_t i = 0; i < count; i++) { \
            void *block = ALLOC; \
            KEEP(block); \
            FREE; \
        } \
    } \
    LOOP name##_batches(size_t size, size_t count) { \
        void *blocks[BATCH]; \
        for (size_t done = 0; done < count; done += BATCH) { \
            for (size_t i = 0; i < BATCH; i++) { \
                void *block = ALLOC; \
                KEEP(block); \
                blocks[i] = block; \
            } \
            for (size_t i = 0; i < BATCH; i++) { \
                void *block = blocks[i]; \
                FREE; \
            } \
        } \
    }

LOOPS(cc, cc_alloc(size), cc_free(block, size))
LOOPS(cc_function, (cc_alloc)(size), (cc_free)(block, size))
LOOPS(platform, Platform_Alloc(size, MEM_NORMAL), Platform_Free(block, size))
LOOPS(platform_unsized, Platform_Alloc(size, MEM_NORMAL), Platform_Free(block, 0))
LOOPS(platform_function, (Platform_Alloc)(size, MEM_NORMAL), (Platform_Free)(block, size))
LOOPS(platform_temp, Platform_Alloc(size, MEM_TEMP), Platform_Free(block, size))
LOOPS(platform_clear, Platform_Alloc(size, MEM_CLEAR), Platform_Free(block, size))
LOOPS(cc_calloc, cc_calloc(1, size), cc_free(block, size))
LOOPS(glibc, malloc(size), free(block))

#define PEER(name) {#name, name##_pairs, name##_batches}
static const struct {
    const char *name;
    void (*pairs)(size_t size, size_t count);
    void (*batches)(size_t size, size_t count);
} peers[] = {PEER(cc),
             PEER(platform),
             PEER(platform_unsized),
             PEER(cc_function),
             PEER(platform_function),
             PEER(platform_temp),
             PEER(platform_clear),
             PEER(cc_calloc),
             PEER(glibc)};

int main(int count, char **arguments) {
    if (count != 3) return 1;
    size_t rounds = strtoul(arguments[1], NULL, 10), pairs = strtoul(arguments[2], NULL, 10);
    static const size_t sizes[] = {16, 24, 48, 64, 100, 200, 256, 500, 1000, 1024, 4000};
    for (size_t round = 0; round < rounds; round++) {
        for (size_t at = 0; at < sizeof sizes / sizeof *sizes; at++) {
            for (int batches = 0; batches < 2; batches++) {
                for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
                    void (*loop)(size_t, size_t) = batches ? peers[i].batches : peers[i].pairs;
                    loop(sizes[at], pairs / 10);
                    double start = now();
                    loop(sizes[at], pairs);
                    printf("{\"workload\": \"%s\", \"size\": %zu, \"peer\": \"%s\", \"nanoseconds\": %.3f}\n",
                           batches ? "batch" : "pair", sizes[at], peers[i].name, (now() - start) / (double)pairs);
                }
            }
        }
    }
    return 0;
}
