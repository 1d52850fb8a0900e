/* test_views.c: arenas, heaps and pools as allocators of cc/methods.h: the table's contract, and libraries' habits. */
#include "cc/regions.h"

#include "../check.h"

static void check_contract(const cc_mem_methods_t *methods, size_t most) {
    void *context = methods->context, *blocks[40];
    CHECK_EQUAL(methods->init(context), CC_OK);
    CHECK(methods->malloc(0, context) == NULL);
    CHECK(methods->malloc(check_hide(SIZE_MAX), context) == NULL &&
          methods->malloc(check_hide(PTRDIFF_MAX), context) == NULL);
    CHECK_EQUAL(methods->roundup(check_hide(SIZE_MAX), context), 0);
    CHECK_EQUAL(methods->size(NULL, context), 0);
    methods->free(NULL, context);
    uint64_t state = 7;
    for (int i = 0; i < 40; i++) {
        size_t size = 1 + check_random(&state) % most;
        blocks[i] = methods->malloc(size, context);
        CHECK(blocks[i] != NULL && (uintptr_t)blocks[i] % 16 == 0);
        CHECK(methods->roundup(size, context) >= size &&
              methods->roundup(size, context) <= methods->size(blocks[i], context));
        memset(blocks[i], i, methods->size(blocks[i], context));
    }
    for (int round = 0; round < 400; round++) {
        size_t at = check_random(&state) % 40, size = 1 + check_random(&state) % most,
               kept = methods->size(blocks[at], context);
        blocks[at] = methods->realloc(blocks[at], size, context);
        CHECK(blocks[at] != NULL && methods->size(blocks[at], context) >= size);
        if (kept > size) kept = size;
        for (size_t i = 0; i < kept; i++) CHECK_EQUAL(((unsigned char *)blocks[at])[i], at);
        memset(blocks[at], (int)at, methods->size(blocks[at], context));
        if (round % 7 != 0) continue;
        methods->free(blocks[at], context);
        blocks[at] = methods->malloc(size, context);
        memset(blocks[at], (int)at, methods->size(blocks[at], context));
    }
    CHECK(methods->realloc(blocks[0], check_hide(SIZE_MAX), context) == NULL);
    for (size_t at = 0; at < 40; at++) {
        for (size_t i = 0; i < methods->size(blocks[at], context); i++)
            CHECK_EQUAL(((unsigned char *)blocks[at])[i], at);
        methods->free(blocks[at], context);
    }
    methods->shutdown(context);
}

static void test_the_contract(void) {
    cc_pool_options_t options = {.block_size = 500};
    CC_CLEANUP(cc_arena_cleanup) cc_arena_t *arena = cc_arena_create(0, NULL);
    CC_CLEANUP(cc_heap_cleanup) cc_heap_t *heap = cc_heap_create(NULL);
    CC_CLEANUP(cc_pool_cleanup) cc_pool_t *pool = cc_pool_create(&options);
    cc_mem_methods_t methods = cc_arena_methods(arena);
    check_contract(&methods, 3000);
    methods = cc_heap_methods(heap);
    check_contract(&methods, 3000);
    CHECK(cc_heap_validate(heap));
    methods = cc_pool_methods(pool);
    check_contract(&methods, 500);
    CHECK(methods.malloc(501, methods.context) == NULL);
    CHECK_EQUAL(cc_pool_status(pool).live, 0);
}

static void test_the_latest_is_taken_back(void) {
    cc_heap_options_t options = {.start_size = 4096};
    CC_CLEANUP(cc_heap_cleanup) cc_heap_t *heap = cc_heap_create(&options);
    cc_mem_methods_t methods = cc_heap_methods(heap);
    void *first = methods.malloc(10, methods.context), *block = methods.malloc(100, methods.context);
    methods.free(block, methods.context);
    CHECK(methods.malloc(50, methods.context) == block);
    methods.free(first, methods.context); /* lies below: ignored */
    CHECK(cc_heap_validate(heap));
}

/* A text that grows and a stack of temporary blocks take no more than they must, except where each allocation is
 * watched. */
static void test_growing_in_an_arena(void) {
    CC_CLEANUP(cc_arena_cleanup) cc_arena_t *arena = cc_arena_create(1 << 16, NULL);
    cc_mem_methods_t methods = cc_arena_methods(arena);
    size_t before = cc_arena_status(arena).used;
    char *text = methods.malloc(1, methods.context);
    for (size_t size = 2; size <= 10000; size++) {
        text = methods.realloc(text, size, methods.context);
        CHECK(text != NULL);
        text[size - 1] = (char)size;
    }
    for (size_t size = 2; size <= 10000; size++) CHECK_EQUAL(text[size - 1], (char)size);
    if (arena->next == NULL) return; /* watched */
    CHECK_EQUAL(cc_arena_status(arena).used - before, 16 + 10000);
    for (int i = 0; i < 1000; i++) methods.free(methods.malloc(1000, methods.context), methods.context);
    CHECK_EQUAL(cc_arena_status(arena).used - before, 16 + 10000);
    methods.free(text, methods.context);
    CHECK_EQUAL(cc_arena_status(arena).used, before);
}

static void test_a_region_in_a_region(void) {
    CC_CLEANUP(cc_arena_cleanup) cc_arena_t *arena = cc_arena_create(0, NULL);
    cc_mem_methods_t methods = cc_arena_methods(arena), debug;
    CC_CLEANUP(cc_buffer_cleanup) cc_buffer_t *buffer = cc_buffer_copy("12345", 5, &methods);
    CHECK(cc_slice_equal(cc_buffer_slice(buffer), cc_slice_text("12345")));
    CHECK_EQUAL(cc_mem_debug_create(&debug, &methods, NULL), CC_OK);
    CHECK_EQUAL(debug.init(debug.context), CC_OK);
    void *block = debug.malloc(10, debug.context);
    CHECK(block != NULL);
    debug.free(block, debug.context);
    debug.shutdown(debug.context);
    cc_mem_debug_destroy(&debug);
}

static void test_nothing_given_is_nothing_got(void) {
    CHECK(cc_buffer_retain(NULL) == NULL);
    CHECK(cc_buffer_copy(NULL, 5, NULL) == NULL);
    CHECK_EQUAL(cc_buffer_references(NULL), 0);
    CHECK_EQUAL(cc_buffer_slice(NULL).length, 0);
    cc_buffer_t *none = NULL;
    CHECK(cc_buffer_write(&none) == NULL);
    CHECK_EQUAL(cc_pool_buffer_bytes(NULL), 0);
    CC_CLEANUP(cc_arena_cleanup) cc_arena_t *arena = cc_arena_create(0, NULL);
    CC_CLEANUP(cc_heap_cleanup) cc_heap_t *heap = cc_heap_create(NULL);
    CHECK(cc_arena_dup(arena, NULL, 5) == NULL && cc_arena_strdup(arena, NULL) == NULL);
    CHECK(cc_heap_dup(heap, NULL, 5) == NULL && cc_heap_strdup(heap, NULL) == NULL &&
          cc_heap_strdupl(heap, NULL, 5) == NULL);
    CHECK(cc_heap_strcat(heap, NULL, "") == NULL && cc_heap_strcat(heap, "", NULL) == NULL);
}

int main(void) {
    RUN(test_the_contract);
    RUN(test_the_latest_is_taken_back);
    RUN(test_growing_in_an_arena);
    RUN(test_a_region_in_a_region);
    RUN(test_nothing_given_is_nothing_got);
    return 0;
}
