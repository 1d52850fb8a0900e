/* test_statistics.c: the sums of cc_alloc_stats_snapshot against a model kept beside them, in one thread. */
#include "cc/alloc.h"

#include "../check.h"

enum { WAY_ALLOC, WAY_CALLOC, WAY_ALIGNED, WAY_NODE, WAYS };

typedef struct block {
    unsigned char *pointer;
    size_t size;
    uint64_t bytes; /* of the whole block */
} block_t;

static cc_alloc_snapshot_t model;

static void check_model(void) {
    cc_alloc_snapshot_t found = cc_alloc_stats_snapshot();
    CHECK_EQUAL(found.alloc_count, model.alloc_count);
    CHECK_EQUAL(found.free_count, model.free_count);
    CHECK_EQUAL(found.alloc_bytes, model.alloc_bytes);
    CHECK_EQUAL(found.free_bytes, model.free_bytes);
    CHECK_EQUAL(found.failed_count, model.failed_count);
    CHECK_EQUAL(found.unsized_free_count, model.unsized_free_count);
    CHECK_EQUAL(found.alloc_block_bytes, model.alloc_block_bytes);
    CHECK_EQUAL(found.free_block_bytes, model.free_block_bytes);
    CHECK_EQUAL(found.current_allocated,
                model.alloc_bytes > model.free_bytes ? model.alloc_bytes - model.free_bytes : 0);
    CHECK_EQUAL(found.current_block_bytes, model.alloc_block_bytes - model.free_block_bytes);
    for (size_t i = 0; i < sizeof found.reserved / sizeof *found.reserved; i++) CHECK_EQUAL(found.reserved[i], 0);
}

static void begin(void) {
    cc_alloc_stats_enable(true);
    cc_alloc_stats_reset();
    memset(&model, 0, sizeof model);
    check_model();
}

/* Bytes of the block that was just allocated: those usable, unless it was aligned and so begins inside a larger
 * block. */
static uint64_t bytes_of(const void *pointer, bool aligned) {
    uint64_t bytes = cc_alloc_stats_snapshot().alloc_block_bytes - model.alloc_block_bytes;
    size_t usable = cc_usable_size(pointer);
    if (aligned)
        CHECK(bytes >= usable);
    else
        CHECK_EQUAL(bytes, usable);
    model.alloc_block_bytes += bytes;
    return bytes;
}

static block_t take(int way, size_t size) {
    block_t block = {NULL, size, 0};
    switch (way) {
    case WAY_ALLOC: block.pointer = cc_alloc(size); break;
    case WAY_CALLOC: block.pointer = cc_calloc(size, 1); break;
    case WAY_ALIGNED: block.pointer = cc_alloc_aligned(size, (size_t)1 << (size % 9)); break;
    default: block.pointer = cc_alloc_node(size); break;
    }
    CHECK(block.pointer != NULL);
    model.alloc_count++;
    model.alloc_bytes += size;
    block.bytes = bytes_of(block.pointer, way == WAY_ALIGNED);
    return block;
}

static void give_back(block_t block, bool sized) {
    model.free_count++;
    model.free_bytes += sized ? block.size : cc_usable_size(block.pointer);
    model.free_block_bytes += block.bytes;
    if (sized) {
        cc_free(block.pointer, block.size);
    } else {
        model.unsized_free_count++;
        cc_free_unsized(block.pointer);
    }
}

static block_t resize(block_t block, size_t size) {
    unsigned char *old = block.pointer;
    model.free_count++;
    model.free_bytes += block.size;
    model.free_block_bytes += block.bytes;
    block.pointer = cc_realloc(old, block.size, size);
    CHECK(block.pointer != NULL);
    block.size = size;
    model.alloc_count++;
    model.alloc_bytes += size;
    block.bytes = bytes_of(block.pointer, block.pointer == old); /* in place, it may still be an aligned one */
    return block;
}

/* Every size up to 1100 in every way, freed in either way: the block totals return to each other. */
static void test_every_small_size_balances(void) {
    begin();
    for (size_t size = 1; size <= 1100; size++) {
        for (int way = 0; way < WAYS; way++) {
            give_back(take(way, size), true);
            check_model();
            give_back(take(way, size), false);
            check_model();
            CHECK_EQUAL(cc_alloc_stats_snapshot().current_block_bytes, 0);
        }
    }
}

static void test_large_sizes_balance(void) {
    begin();
    for (size_t size = 1100; size < (size_t)64 << 20; size = size * 3 + 1) {
        for (int way = 0; way < WAYS; way++) {
            give_back(take(way, size), way % 2 == 0);
            check_model();
        }
    }
    CHECK_EQUAL(cc_alloc_stats_snapshot().current_block_bytes, 0);
}

static void test_any_mixture_balances(void) {
    enum { LIVE = 500 };
    static block_t live[LIVE];
    memset(live, 0, sizeof live);
    uint64_t state = 0x9E3779B97F4A7C15u;
    begin();
    for (int i = 0; i < SCALED(200000); i++) {
        block_t *block = &live[check_random(&state) % LIVE];
        size_t size = 1 + check_random(&state) % (check_random(&state) % 16 == 0 ? 100000 : 2000);
        uint32_t what = check_random(&state);
        if (block->pointer == NULL) {
            *block = take((int)(what % WAYS), size);
        } else if (what % 4 == 0) {
            *block = resize(*block, size);
        } else {
            give_back(*block, what % 3 != 0);
            block->pointer = NULL;
        }
        if (what % 64 == 0) check_model();
    }
    check_model();
    for (size_t i = 0; i < LIVE; i++)
        if (live[i].pointer != NULL) give_back(live[i], true);
    check_model();
    CHECK_EQUAL(cc_alloc_stats_snapshot().current_block_bytes, 0);
}

static void test_realloc_is_one_free_and_one_allocation(void) {
    begin();
    block_t block = take(WAY_ALLOC, 100);
    static const size_t steps[] = {100,  101,  105,    112,   90, 60,
                                   5000, 6000, 100000, 90000, 10, 1}; /* in place and moved */
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        block = resize(block, steps[i]);
        check_model();
    }
    CHECK_EQUAL(model.alloc_count, 1 + sizeof steps / sizeof *steps);
    CHECK_EQUAL(model.free_count, sizeof steps / sizeof *steps);
    give_back(block, true);
    check_model();
    CHECK_EQUAL(cc_alloc_stats_snapshot().current_allocated, 0);
}

static void test_bytes_are_the_callers(void) {
    begin();
    block_t node = take(WAY_NODE, 24);
    cc_alloc_snapshot_t found = cc_alloc_stats_snapshot();
    CHECK_EQUAL(found.alloc_bytes, 24);
    CHECK_EQUAL(found.current_allocated, 24);
    CHECK(found.current_block_bytes >= CC_CACHE_LINE_SIZE);
    give_back(node, true);
    check_model();
}

/* A pointer that was aligned may lie inside its block: then fewer bytes are usable, and the totals balance all the
 * same. */
static void test_aligned_blocks_balance(void) {
    begin();
    for (size_t alignment = 1; alignment <= (size_t)1 << 22; alignment *= 2) {
        for (size_t size = 1; size < 100000; size = size * 2 + 3) {
            for (int way = 0; way < 4; way++) {
                void *pointer = cc_alloc_aligned(size, alignment);
                CHECK(pointer != NULL);
                if (way == 2) pointer = cc_realloc(pointer, size, size + 1);
                if (way == 3) pointer = cc_realloc(pointer, size, 3 * size);
                CHECK(cc_alloc_stats_snapshot().current_block_bytes >= cc_usable_size(pointer));
                if (way == 1)
                    cc_free_unsized(pointer);
                else
                    cc_free(pointer, way == 2 ? size + 1 : way == 3 ? 3 * size : size);
                CHECK_EQUAL(cc_alloc_stats_snapshot().current_block_bytes, 0);
                cc_alloc_snapshot_t found = cc_alloc_stats_snapshot();
                CHECK_EQUAL(found.alloc_block_bytes, found.free_block_bytes);
            }
        }
    }
}

static void test_an_unsized_free_credits_usable_bytes_and_current_is_never_negative(void) {
    begin();
    block_t node = take(WAY_NODE, 1);
    size_t usable = cc_usable_size(node.pointer);
    CHECK(usable >= CC_CACHE_LINE_SIZE);
    give_back(node, false);
    check_model();
    cc_alloc_snapshot_t found = cc_alloc_stats_snapshot();
    CHECK_EQUAL(found.free_bytes, usable);
    CHECK_EQUAL(found.unsized_free_count, 1);
    CHECK_EQUAL(found.current_allocated, 0); /* 1 - usable, at least 0 */
}

static void test_nothing_is_counted_while_off(void) {
    begin();
    CHECK(cc_alloc_stats_enabled());
    cc_alloc_stats_enable(false);
    CHECK(!cc_alloc_stats_enabled());
    for (int i = 0; i < 10; i++) {
        cc_free(cc_alloc(10), 10);
        cc_free_unsized(cc_alloc_node(10));
        CHECK(cc_realloc(cc_calloc(2, 5), 10, 0) == NULL);
        CHECK(cc_alloc_aligned(10, 3) == NULL);
        CHECK(cc_alloc(0) == NULL);
    }
    check_model();
    cc_alloc_stats_enable(true);
    cc_alloc_stats_enable(true); /* twice is once */
    give_back(take(WAY_ALLOC, 10), true);
    check_model();
    cc_alloc_stats_enable(false);
    CHECK(!cc_alloc_stats_enabled());
    check_model(); /* what was counted stays */
}

static void test_blocks_from_before_count_as_frees_only(void) {
    cc_alloc_stats_enable(false);
    void *pointer = cc_alloc(100);
    CHECK(pointer != NULL);
    begin();
    cc_free(pointer, 100);
    cc_alloc_snapshot_t found = cc_alloc_stats_snapshot();
    CHECK_EQUAL(found.alloc_count, 0);
    CHECK_EQUAL(found.free_count, 1);
    CHECK_EQUAL(found.free_bytes, 100);
    CHECK(found.free_block_bytes >= 100);
    CHECK_EQUAL(found.current_allocated, 0);
    CHECK_EQUAL(found.current_block_bytes, 0);
}

static void test_reset_makes_the_present_the_new_zero(void) {
    begin();
    block_t block = take(WAY_ALLOC, 50);
    CHECK(cc_alloc(0) == NULL);
    for (int round = 0; round < 3; round++) {
        cc_alloc_stats_reset();
        memset(&model, 0, sizeof model);
        check_model();
        give_back(take(WAY_NODE, 70), round == 1);
        check_model();
    }
    cc_alloc_stats_reset();
    cc_free(block.pointer, block.size);
    cc_alloc_snapshot_t found = cc_alloc_stats_snapshot();
    CHECK_EQUAL(found.free_count, 1);
    CHECK_EQUAL(found.alloc_count, 0);
    CHECK_EQUAL(found.current_allocated, 0);
}

static void test_failures_are_counted_one_by_one(void) {
    begin();
    CHECK(cc_alloc(check_hide(0)) == NULL);
    CHECK(cc_alloc_node(check_hide(0)) == NULL);
    CHECK(cc_alloc_node(check_hide(SIZE_MAX)) == NULL);
    CHECK(cc_calloc(check_hide(0), 1) == NULL);
    CHECK(cc_alloc_aligned(1, check_hide(5)) == NULL);
    CHECK(cc_realloc(NULL, 0, check_hide(0)) == NULL);
    CHECK(cc_alloc(check_hide(SIZE_MAX)) == NULL);
    model.failed_count = 7;
    check_model();
}

int main(void) {
    cc_alloc_stats_enable(true);
    if (!cc_alloc_stats_enabled()) return 0; /* built without: test_without_statistics.c */
    static const char *const below[] = {"mimalloc", "libc", "mimalloc"};
    for (size_t i = 0; i < 3; i++) {
        if (cc_alloc_select(below[i]) == CC_ERROR_SUPPORT) continue;
        printf("-- %s\n", below[i]);
        RUN(test_every_small_size_balances);
        RUN(test_large_sizes_balance);
        RUN(test_any_mixture_balances);
        RUN(test_realloc_is_one_free_and_one_allocation);
        RUN(test_bytes_are_the_callers);
        RUN(test_aligned_blocks_balance);
        RUN(test_an_unsized_free_credits_usable_bytes_and_current_is_never_negative);
        RUN(test_nothing_is_counted_while_off);
        RUN(test_blocks_from_before_count_as_frees_only);
        RUN(test_reset_makes_the_present_the_new_zero);
        RUN(test_failures_are_counted_one_by_one);
    }
    return 0;
}
