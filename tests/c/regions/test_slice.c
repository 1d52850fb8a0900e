/* test_slice.c: the slices of cc/slice.h that are inlines, against loops over the bytes; the others meet Python's bytes
 * in tests/memory/test_regions_slice.py. */
#include "cc/regions.h"

#include "../check.h"

enum { MOST = 24 };

/* A block of exactly the content's size, so that the tools see each step beyond it. */
static cc_slice_t random_slice(uint64_t *state) {
    size_t length = check_random(state) % MOST;
    char *data = malloc(length > 0 ? length : 1);
    for (size_t i = 0; i < length; i++) data[i] = ",;ab\0"[check_random(state) % 5];
    return cc_slice(data, length);
}

static void drop(cc_slice_t slice) {
    free((void *)(uintptr_t)slice.data);
}

static void test_parts_are_never_beyond_the_end(void) {
    uint64_t state = 5;
    for (size_t turn = 0; turn < SCALED(20000); turn++) {
        cc_slice_t slice = random_slice(&state);
        size_t start = check_random(&state) % 30, length = check_random(&state) % 30;
        if (turn % 7 == 0) start = SIZE_MAX - start;
        if (turn % 5 == 0) length = SIZE_MAX - length;
        cc_slice_t part = cc_slice_sub(slice, start, length);
        size_t expected = start < slice.length ? slice.length - start : 0;
        if (length < expected) expected = length;
        CHECK_EQUAL(part.length, expected);
        CHECK(part.data >= slice.data && part.data + part.length <= slice.data + slice.length);
        if (expected > 0) CHECK(part.data == slice.data + start);

        size_t at = start < slice.length ? start : slice.length;
        while (at < slice.length && slice.data[at] != ',') at++;
        CHECK_EQUAL(cc_slice_find_byte(slice, ',', start), at < slice.length ? at : CC_SLICE_NONE);

        cc_slice_t other = random_slice(&state);
        bool equal = slice.length == other.length;
        for (size_t i = 0; equal && i < slice.length; i++) equal = slice.data[i] == other.data[i];
        CHECK_EQUAL(cc_slice_equal(slice, other), equal);
        CHECK_EQUAL(cc_slice_compare(slice, other) == 0, equal);
        drop(slice);
        drop(other);
    }
}

static void test_both_splits_are_the_same(void) {
    uint64_t state = 9;
    for (size_t turn = 0; turn < SCALED(20000); turn++) {
        cc_slice_t slice = random_slice(&state), rest = slice, other = slice, part, same;
        size_t separators = 0, parts = 0, bytes = 0;
        for (size_t i = 0; i < slice.length; i++) separators += slice.data[i] == ';';
        while (cc_slice_split_byte(&rest, ';', &part)) {
            CHECK(cc_slice_split(&other, cc_slice_text(";"), &same));
            CHECK(part.data == same.data);
            CHECK_EQUAL(part.length, same.length);
            CHECK_EQUAL(cc_slice_find_byte(part, ';', 0), CC_SLICE_NONE);
            parts++;
            bytes += part.length;
        }
        CHECK(!cc_slice_split(&other, cc_slice_text(";"), &same));
        CHECK_EQUAL(parts, separators + 1);
        CHECK_EQUAL(bytes + separators, slice.length);
        drop(slice);
    }
}

static void test_texts(void) {
    CHECK_EQUAL(cc_slice_text(NULL).length, 0);
    CHECK(cc_slice_equal(cc_slice_text("abc"), cc_slice("abcd", 3)));
    cc_slice_t rest = cc_slice_text("whole"), part;
    CHECK(cc_slice_split(&rest, cc_slice_text(""), &part)); /* no separator: one part */
    CHECK(cc_slice_equal(part, cc_slice_text("whole")) && !cc_slice_split(&rest, cc_slice_text(""), &part));
    cc_slice_t empty = cc_slice(NULL, 0);
    CHECK_EQUAL(cc_slice_utf8_next(&empty), -1);
    CHECK_EQUAL(cc_slice_trim(empty).length, 0);
    CHECK_EQUAL(cc_slice_find(empty, empty, 0), 0);
}

static void test_helpers(void) {
    CHECK(cc_alloc_array(check_hide(SIZE_MAX / 2), 3) == NULL);
    CHECK(cc_alloc_array(check_hide(0), 3) == NULL);
    CHECK(cc_alloc_array(3, check_hide(0)) == NULL);
    int *numbers = cc_alloc_array(10, sizeof *numbers);
    memset(numbers, 1, 10 * sizeof *numbers);
    CC_SAFE_FREE(numbers);
    CHECK(numbers == NULL);
    CC_SAFE_FREE(numbers);
    {
        CC_CLEANUP(cc_arena_cleanup) cc_arena_t *arena = cc_arena_create(0, NULL);
        CC_CLEANUP(cc_heap_cleanup) cc_heap_t *heap = cc_heap_create(NULL);
        cc_pool_options_t options = {.block_size = 8};
        CC_CLEANUP(cc_pool_cleanup) cc_pool_t *pool = cc_pool_create(&options);
        CC_CLEANUP(cc_buffer_cleanup) cc_buffer_t *buffer = cc_buffer_copy("x", 1, NULL);
        CC_CLEANUP(cc_file_cleanup) cc_file_t *file = NULL;
        CC_CLEANUP(cc_alloc_cleanup) char *block = cc_alloc(10);
        CHECK(arena != NULL && heap != NULL && pool != NULL && buffer != NULL && file == NULL && block != NULL);
    } /* the leak checkers see the rest */
}

int main(void) {
    RUN(test_parts_are_never_beyond_the_end);
    RUN(test_both_splits_are_the_same);
    RUN(test_texts);
    RUN(test_helpers);
    return 0;
}
