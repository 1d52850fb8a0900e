/* test_select.c: cc_alloc_select, and that "libc" is the process's own malloc. */
#include "cc/alloc.h"

#include <malloc.h>

#include "../check.h"

static bool only_libc;

static void test_names(void) {
    CHECK_EQUAL(cc_alloc_select(NULL), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_alloc_select(""), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_alloc_select("jemalloc"), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_alloc_select("libc "), CC_ERROR_ARGUMENT);
    CHECK(strcmp(cc_alloc_selected(), only_libc ? "libc" : "mimalloc") == 0); /* a refused name changes nothing */
}

static void test_selected_is_told(void) {
    CHECK_EQUAL(cc_alloc_select("libc"), CC_OK);
    CHECK(strcmp(cc_alloc_selected(), "libc") == 0);
    CHECK_EQUAL(cc_alloc_select("mimalloc"), only_libc ? CC_ERROR_SUPPORT : CC_OK);
    CHECK(strcmp(cc_alloc_selected(), only_libc ? "libc" : "mimalloc") == 0);
}

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(CHECK_VALGRIND)
/* glibc's own figures grow by what is allocated under "libc", and not by what mimalloc gives. A malloc inside libcc
 * that was mimalloc's under another name would fail this. */
static void test_libc_is_the_processes_malloc(void) {
    enum { BLOCKS = 1000, SIZE = 3000 }; /* larger than what glibc keeps for its threads */
    static void *blocks[BLOCKS];
    for (int libc = 1; libc >= 0; libc--) {
        if (cc_alloc_select(libc ? "libc" : "mimalloc") != CC_OK) continue;
        size_t before = mallinfo2().uordblks;
        for (size_t i = 0; i < BLOCKS; i++) {
            blocks[i] = i % 4 == 0   ? cc_alloc(SIZE)
                        : i % 4 == 1 ? cc_calloc(1, SIZE)
                        : i % 4 == 2 ? cc_alloc_node(SIZE)
                                     : cc_realloc(cc_alloc(1), 1, SIZE);
            CHECK(blocks[i] != NULL);
            if (libc) CHECK_EQUAL(cc_usable_size(blocks[i]), malloc_usable_size(blocks[i]));
        }
        size_t grown = mallinfo2().uordblks - before;
        if (libc)
            CHECK(grown >= (size_t)BLOCKS * SIZE);
        else
            CHECK(grown < SIZE);
        for (size_t i = 0; i < BLOCKS; i++) cc_free(blocks[i], SIZE);
        CHECK(mallinfo2().uordblks < before + SIZE);
    }
}
#endif

/* Blocks of every size from both allocators, alive together, freed while the other one is selected, and resized. */
static void test_blocks_remember_where_they_came_from(void) {
    static const size_t sizes[] = {1, 24, 100, 1000, 5000, 70000, 1 << 20, 9 << 20, 40 << 20};
    enum { SIZES = sizeof sizes / sizeof *sizes, WAYS = 4 };
    unsigned char *blocks[2][SIZES][WAYS];
    for (int counting = 0; counting < 2; counting++) {
        cc_alloc_stats_enable(counting);
        cc_alloc_stats_reset();
        for (int libc = 0; libc < 2; libc++) {
            (void)cc_alloc_select(libc ? "libc" : "mimalloc");
            for (size_t i = 0; i < SIZES; i++) {
                blocks[libc][i][0] = cc_alloc(sizes[i]);
                blocks[libc][i][1] = cc_calloc(sizes[i], 1);
                blocks[libc][i][2] = cc_alloc_aligned(sizes[i], 256);
                blocks[libc][i][3] = cc_alloc_node(sizes[i]);
                for (int way = 0; way < WAYS; way++) {
                    CHECK(blocks[libc][i][way] != NULL);
                    blocks[libc][i][way][0] = blocks[libc][i][way][sizes[i] - 1] = (unsigned char)(i + 1);
                }
            }
        }
        for (int libc = 0; libc < 2; libc++) {
            (void)cc_alloc_select(libc ? "mimalloc" : "libc"); /* the other one */
            for (size_t i = 0; i < SIZES; i++) {
                for (int way = 0; way < WAYS; way++) {
                    unsigned char *block = blocks[libc][i][way];
                    CHECK(cc_usable_size(block) >= sizes[i]);
                    CHECK(block[0] == i + 1 && block[sizes[i] - 1] == i + 1);
                    if (way % 2 == 0) {
                        block = cc_realloc(block, sizes[i], sizes[i] + 3000);
                        CHECK(block != NULL);
                        CHECK(block[0] == i + 1 && block[sizes[i] - 1] == i + 1);
                        cc_free(block, sizes[i] + 3000);
                    } else if (way == 1) {
                        cc_free(block, sizes[i]);
                    } else {
                        cc_free_unsized(block);
                    }
                }
            }
        }
        CHECK_EQUAL(cc_alloc_stats_snapshot().current_block_bytes, 0);
    }
    (void)cc_alloc_select("mimalloc");
}

static void test_heap_bytes(void) {
    size_t committed = 1, reserved = 2;
    if (!only_libc) {
        CHECK_EQUAL(cc_alloc_select("mimalloc"), CC_OK);
        void *block = cc_alloc(1000);
        CHECK(block != NULL);
        CHECK_EQUAL(cc_alloc_heap_bytes(&committed, &reserved), CC_OK);
        CHECK(committed >= 4096 && reserved >= committed / 2);
        cc_free(block, 1000);
        committed = 1, reserved = 2;
    }
    CHECK_EQUAL(cc_alloc_select("libc"), CC_OK);
    CHECK_EQUAL(cc_alloc_heap_bytes(&committed, &reserved), CC_ERROR_SUPPORT);
    CHECK(committed == 1 && reserved == 2); /* nothing is written */
}

int main(void) {
    only_libc = strcmp(cc_alloc_selected(), "libc") == 0;
    RUN(test_names);
    RUN(test_selected_is_told);
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(CHECK_VALGRIND)
    RUN(test_libc_is_the_processes_malloc);
#endif
    RUN(test_blocks_remember_where_they_came_from);
    RUN(test_heap_bytes);
    return 0;
}
