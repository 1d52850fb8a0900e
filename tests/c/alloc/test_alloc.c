/* test_alloc.c: what cc/alloc.h promises of every function that hands out or takes back memory, with statistics off
 * and on. */
#include "cc/alloc.h"

#include "../check.h"

static const size_t sizes[] = {1,    2,    7,    8,    9,    15,    16,    17,      24,     31,   32,
                               33,   48,   63,   64,   65,   96,    100,   127,     128,    129,  192,
                               255,  256,  257,  500,  512,  513,   960,   961,     1000,   1023, 1024,
                               1025, 2048, 4095, 4096, 4097, 10000, 65536, 1 << 20, 9 << 20};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* Sizes that no system can give, the neighbours of every limit among them. */
static const size_t impossible[] = {0,
                                    SIZE_MAX,
                                    SIZE_MAX - 1,
                                    SIZE_MAX - 15,
                                    SIZE_MAX - 62,
                                    SIZE_MAX - 63,
                                    SIZE_MAX - 64,
                                    SIZE_MAX - 65,
                                    SIZE_MAX - 4096,
                                    SIZE_MAX / 2 + 2,
                                    SIZE_MAX / 2 + 1,
                                    SIZE_MAX / 2,
                                    SIZE_MAX / 2 - 63};
enum { IMPOSSIBLE = sizeof impossible / sizeof *impossible };

/* The exported functions, which a caller without the inlines uses. */
static void *exported_alloc(size_t size) {
    return (cc_alloc)(size);
}

static void *exported_node(size_t size) {
    return (cc_alloc_node)(size);
}

static void exported_free(void *pointer, size_t size) {
    (cc_free)(pointer, size);
}

static void *inline_alloc(size_t size) {
    return cc_alloc(size);
}

static void *inline_node(size_t size) {
    return cc_alloc_node(size);
}

static void inline_free(void *pointer, size_t size) {
    cc_free(pointer, size);
}

static void *calloc_one(size_t size) {
    return cc_calloc(1, size);
}

static void *calloc_bytes(size_t size) {
    return cc_calloc(size, 1);
}

static void *aligned_to_16(size_t size) {
    return cc_alloc_aligned(size, 16);
}

static void *aligned_to_page(size_t size) {
    return cc_alloc_aligned(size, 4096);
}

static void *from_realloc(size_t size) {
    return cc_realloc(NULL, 0, size);
}

static const struct {
    void *(*allocate)(size_t);
    size_t alignment;
    bool zeroed;
} ways[] = {
    {exported_alloc, 16, false},
    {inline_alloc, 16, false},
    {exported_node, CC_CACHE_LINE_SIZE, false},
    {inline_node, CC_CACHE_LINE_SIZE, false},
    {calloc_one, 16, true},
    {calloc_bytes, 16, true},
    {aligned_to_16, 16, false},
    {aligned_to_page, 4096, false},
    {from_realloc, 16, false},
};
enum { WAYS = sizeof ways / sizeof *ways };

static void *grow(void *pointer, size_t size) {
    return cc_realloc(pointer, size, size + 100);
}

static uint64_t failures(void) {
    return cc_alloc_stats_snapshot().failed_count;
}

/* What the statistics must say of `count` more failures since `before`: nothing while they are off. */
static void check_failures(uint64_t before, uint64_t count) {
    CHECK_EQUAL(failures() - before, cc_alloc_stats_enabled() ? count : 0);
}

static void fill(void *pointer, size_t size, unsigned seed) {
    unsigned char *bytes = pointer;
    for (size_t at = 0; at < size; at += at < 4096 ? 1 : 509) bytes[at] = (unsigned char)(seed + at * 7);
    bytes[size - 1] = (unsigned char)(seed + (size - 1) * 7);
}

static bool filled(const void *pointer, size_t size, unsigned seed, size_t original) {
    const unsigned char *bytes = pointer;
    for (size_t at = 0; at < size; at += at < 4096 ? 1 : 509)
        if (bytes[at] != (unsigned char)(seed + at * 7)) return false;
    return size < original || bytes[size - 1] == (unsigned char)(seed + (size - 1) * 7);
}

static void test_blocks_are_distinct_aligned_and_wholly_usable(void) {
    for (size_t way = 0; way < WAYS; way++) {
        void *blocks[SIZES];
        size_t usable[SIZES];
        for (size_t i = 0; i < SIZES; i++) {
            blocks[i] = ways[way].allocate(sizes[i]);
            CHECK(blocks[i] != NULL);
            size_t alignment = ways[way].alignment == 16 && sizes[i] <= 8 ? 8 : ways[way].alignment;
            CHECK_EQUAL((uintptr_t)blocks[i] % alignment, 0);
            usable[i] = cc_usable_size(blocks[i]);
            CHECK(usable[i] >= sizes[i]);
            if (ways[way].zeroed)
                for (size_t at = 0; at < sizes[i]; at++) CHECK_EQUAL(((unsigned char *)blocks[i])[at], 0);
            fill(blocks[i], usable[i], (unsigned)i);
        }
        for (size_t i = 0; i < SIZES; i++) {
            CHECK(filled(blocks[i], usable[i], (unsigned)i, usable[i]));
            if (i % 3 == 0)
                inline_free(blocks[i], sizes[i]);
            else if (i % 3 == 1)
                exported_free(blocks[i], sizes[i]);
            else
                cc_free_unsized(blocks[i]);
        }
    }
}

static void test_calloc_zeroes_memory_that_was_used(void) {
    for (int round = 0; round < 3; round++) {
        void *blocks[64];
        for (size_t i = 0; i < 64; i++) {
            size_t size = 16 + 64 * i;
            unsigned char *bytes = blocks[i] = cc_calloc(size / 16, 16);
            CHECK(bytes != NULL);
            for (size_t at = 0; at < size / 16 * 16; at++) CHECK_EQUAL(bytes[at], 0);
            memset(bytes, 0xFF, size / 16 * 16);
        }
        for (size_t i = 0; i < 64; i++) cc_free(blocks[i], (16 + 64 * i) / 16 * 16);
    }
}

static void test_size_zero_and_what_cannot_be_is_null_and_a_failure(void) {
    for (size_t way = 0; way < WAYS; way++) {
        for (size_t i = 0; i < IMPOSSIBLE; i++) {
            uint64_t before = failures();
            CHECK(ways[way].allocate(check_hide(impossible[i])) == NULL);
            check_failures(before, 1);
        }
    }
}

static void test_calloc_overflow_is_null_and_a_failure(void) {
    static const size_t pairs[][2] = {{SIZE_MAX, 2},
                                      {2, SIZE_MAX},
                                      {SIZE_MAX, SIZE_MAX},
                                      {SIZE_MAX / 2 + 1, 2},
                                      {(size_t)1 << 32, (size_t)1 << 32},
                                      {((size_t)1 << 32) + 1, (size_t)1 << 32},
                                      {SIZE_MAX / 16 + 2, 16},
                                      {0, 5},
                                      {5, 0},
                                      {0, 0}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        uint64_t before = failures();
        CHECK(cc_calloc(check_hide(pairs[i][0]), check_hide(pairs[i][1])) == NULL);
        check_failures(before, 1);
    }
}

static void test_every_power_of_two_aligns(void) {
    for (size_t alignment = 1; alignment <= (size_t)1 << 22; alignment *= 2) {
        static const size_t some[] = {1, 8, 24, 64, 100, 1000, 5000, 70000};
        for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
            void *pointer = cc_alloc_aligned(some[i], alignment);
            CHECK(pointer != NULL);
            CHECK_EQUAL((uintptr_t)pointer % alignment, 0);
            CHECK(cc_usable_size(pointer) >= some[i]);
            memset(pointer, 1, some[i]);
            if (i % 2 == 0)
                cc_free(pointer, some[i]);
            else
                cc_free_unsized(pointer);
        }
    }
}

static void test_bad_alignment_is_null_and_a_failure(void) {
    static const size_t bad[] = {0,   3,    6,    12,       24,           63,           65,
                                 100, 4095, 4097, SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2, ((size_t)1 << 63) + 1};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t before = failures();
        CHECK(cc_alloc_aligned(64, check_hide(bad[i])) == NULL);
        check_failures(before, 1);
    }
}

static void test_an_alignment_that_cannot_be_met_is_null_and_a_failure(void) {
    static const size_t pairs[][2] = {
        {1, (size_t)1 << 63}, {SIZE_MAX / 2, (size_t)1 << 62}, {SIZE_MAX / 2 - 4096, 4096}, {SIZE_MAX - 63, 64},
        {SIZE_MAX, 1},
#if !defined(CHECK_VALGRIND) /* which dies of it */
        {1, (size_t)1 << 62}, {1000, (size_t)1 << 50},
#endif
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        uint64_t before = failures();
        CHECK(cc_alloc_aligned(check_hide(pairs[i][0]), check_hide(pairs[i][1])) == NULL);
        check_failures(before, 1);
    }
}

static int by_address(const void *left, const void *right) {
    uintptr_t a = *(const uintptr_t *)left, b = *(const uintptr_t *)right;
    return a < b ? -1 : a > b;
}

static void test_nodes_share_no_cache_line(void) {
    enum { BLOCKS = 600 };
    static uintptr_t begins[BLOCKS][2]; /* begin, end of the bytes in use */
    static size_t taken[BLOCKS];
    static void *pointers[BLOCKS];
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < BLOCKS; i++) {
        bool node = i % 2 == 0;
        taken[i] = 1 + check_random(&state) % 200;
        pointers[i] = node ? cc_alloc_node(taken[i]) : cc_alloc(taken[i]);
        CHECK(pointers[i] != NULL);
        uintptr_t begin = (uintptr_t)pointers[i];
        if (node) CHECK_EQUAL(begin % CC_CACHE_LINE_SIZE, 0);
        uintptr_t line = ~(uintptr_t)(CC_CACHE_LINE_SIZE - 1);
        /* of a node all that its lines hold, of another block what its owner may write */
        begins[i][0] = begin;
        begins[i][1] = node ? (begin + taken[i] + CC_CACHE_LINE_SIZE - 1) & line : begin + cc_usable_size(pointers[i]);
        if (node) CHECK(begin + cc_usable_size(pointers[i]) >= begins[i][1]);
    }
    qsort(begins, BLOCKS, sizeof *begins, by_address);
    for (size_t i = 1; i < BLOCKS; i++) CHECK(begins[i - 1][1] <= begins[i][0]);
    for (size_t i = 0; i < BLOCKS; i++) cc_free(pointers[i], taken[i]);
}

static void test_null_is_freed_without_effect(void) {
    cc_alloc_snapshot_t before = cc_alloc_stats_snapshot();
    inline_free(NULL, 0);
    inline_free(NULL, 100);
    exported_free(NULL, 100);
    cc_free_unsized(NULL);
    CHECK_EQUAL(cc_usable_size(NULL), 0);
    cc_alloc_snapshot_t after = cc_alloc_stats_snapshot();
    CHECK(memcmp(&before, &after, sizeof before) == 0);
}

static void test_realloc_keeps_the_bytes(void) {
    for (size_t way = 0; way < WAYS; way++) {
        for (size_t from = 0; from < SIZES; from += 2) {
            for (size_t to = 0; to < SIZES; to += 3) {
                if (sizes[from] > 100000 && sizes[to] > 100000) continue;
                void *pointer = ways[way].allocate(sizes[from]);
                CHECK(pointer != NULL);
                fill(pointer, sizes[from], (unsigned)from);
                void *moved = cc_realloc(pointer, sizes[from], sizes[to]);
                CHECK(moved != NULL);
                CHECK_EQUAL((uintptr_t)moved % (sizes[to] <= 8 ? 8 : 16), 0);
                CHECK(cc_usable_size(moved) >= sizes[to]);
                CHECK(filled(moved, sizes[from] < sizes[to] ? sizes[from] : sizes[to], (unsigned)from, sizes[from]));
                fill(moved, sizes[to], (unsigned)to);
                cc_free(moved, sizes[to]);
            }
        }
    }
}

static void test_realloc_of_null_allocates(void) {
    cc_alloc_snapshot_t before = cc_alloc_stats_snapshot();
    void *pointer = cc_realloc(NULL, 12345, 100); /* the old size of nothing does not matter */
    CHECK(pointer != NULL);
    memset(pointer, 1, 100);
    cc_alloc_snapshot_t after = cc_alloc_stats_snapshot();
    uint64_t counted = cc_alloc_stats_enabled();
    CHECK_EQUAL(after.alloc_count - before.alloc_count, counted);
    CHECK_EQUAL(after.alloc_bytes - before.alloc_bytes, 100 * counted);
    CHECK_EQUAL(after.free_count, before.free_count);
    cc_free(pointer, 100);
}

static void test_realloc_to_zero_frees(void) {
    void *pointer = cc_alloc(100);
    CHECK(pointer != NULL);
    cc_alloc_snapshot_t before = cc_alloc_stats_snapshot();
    CHECK(cc_realloc(pointer, 100, 0) == NULL);
    cc_alloc_snapshot_t after = cc_alloc_stats_snapshot();
    uint64_t counted = cc_alloc_stats_enabled();
    CHECK_EQUAL(after.free_count - before.free_count, counted);
    CHECK_EQUAL(after.free_bytes - before.free_bytes, 100 * counted);
    CHECK_EQUAL(after.alloc_count, before.alloc_count);
    CHECK_EQUAL(after.failed_count, before.failed_count);
}

static void test_realloc_of_null_to_zero_is_null_and_a_failure(void) {
    uint64_t before = failures();
    CHECK(cc_realloc(NULL, 0, 0) == NULL);
    check_failures(before, 1);
}

static void test_failed_realloc_leaves_the_block(void) {
    for (size_t way = 0; way < WAYS; way++) {
        for (size_t i = 0; i < IMPOSSIBLE; i++) {
            if (impossible[i] == 0) continue; /* frees */
            void *pointer = ways[way].allocate(300);
            CHECK(pointer != NULL);
            fill(pointer, 300, 5);
            cc_alloc_snapshot_t before = cc_alloc_stats_snapshot();
            CHECK(cc_realloc(pointer, 300, check_hide(impossible[i])) == NULL);
            check_failures(before.failed_count, 1);
            cc_alloc_snapshot_t after = cc_alloc_stats_snapshot();
            after.failed_count = before.failed_count;
            CHECK(memcmp(&before, &after, sizeof before) == 0);
            CHECK(filled(pointer, 300, 5, 300));
            pointer = grow(pointer, 300);
            CHECK(pointer != NULL && filled(pointer, 300, 5, 300));
            cc_free(pointer, 400);
        }
    }
}

static void free_elsewhere(size_t index, void *argument) {
    void **blocks = argument;
    if (index % 2 == 0)
        cc_free(blocks[index], 100 + index);
    else
        cc_free_unsized(blocks[index]);
}

static void test_another_thread_may_free(void) {
    void *blocks[4];
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < 4; i++) {
            blocks[i] = i % 3 == 0 ? cc_alloc(100 + i) : i % 3 == 1 ? cc_alloc_node(100 + i) : cc_calloc(1, 100 + i);
            CHECK(blocks[i] != NULL);
        }
        check_threads(4, free_elsewhere, blocks);
    }
}

static void run_all(void) {
    RUN(test_blocks_are_distinct_aligned_and_wholly_usable);
    RUN(test_calloc_zeroes_memory_that_was_used);
    RUN(test_size_zero_and_what_cannot_be_is_null_and_a_failure);
    RUN(test_calloc_overflow_is_null_and_a_failure);
    RUN(test_every_power_of_two_aligns);
    RUN(test_bad_alignment_is_null_and_a_failure);
    RUN(test_an_alignment_that_cannot_be_met_is_null_and_a_failure);
    RUN(test_nodes_share_no_cache_line);
    RUN(test_null_is_freed_without_effect);
    RUN(test_realloc_keeps_the_bytes);
    RUN(test_realloc_of_null_allocates);
    RUN(test_realloc_to_zero_frees);
    RUN(test_realloc_of_null_to_zero_is_null_and_a_failure);
    RUN(test_failed_realloc_leaves_the_block);
    RUN(test_another_thread_may_free);
}

int main(void) {
    static const char *const below[] = {"mimalloc", "libc",
                                        "mimalloc"}; /* the last: after libc, both kinds are alive */
    for (size_t i = 0; i < 3; i++) {
        if (cc_alloc_select(below[i]) == CC_ERROR_SUPPORT) continue;
        for (int counting = 0; counting < 2; counting++) {
            cc_alloc_stats_enable(counting);
            printf("-- %s, statistics %s\n", below[i], counting ? "on" : "off");
            run_all();
        }
    }
    return 0;
}
