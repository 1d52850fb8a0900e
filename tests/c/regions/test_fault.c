/* test_fault.c: every request of a region for memory fails, one after the other: NULL or an error, and the region is as
 * it was and goes on.
 * variants: fault fault-libc */
#include "base/fault.h"
#include "cc/regions.h"

#include "../check.h"

#include <unistd.h>

static size_t nulls;

static void *seen(void *pointer) {
    nulls += pointer == NULL;
    return pointer;
}

static void use_arena(void) {
    cc_arena_t *arena = seen(cc_arena_create(256, NULL));
    if (arena == NULL) return;
    for (int turn = 0; turn < 2; turn++) {
        char *blocks[40];
        cc_arena_mark_t mark = cc_arena_mark(arena);
        for (int i = 0; i < 40; i++)
            if ((blocks[i] = seen(cc_arena_alloc(arena, 100))) != NULL) memset(blocks[i], i, 100);
        for (int i = 0; i < 40; i++)
            for (int at = 0; blocks[i] != NULL && at < 100; at++) CHECK_EQUAL(blocks[i][at], i);
        cc_arena_status_t before = cc_arena_status(arena);
        char *large = seen(cc_arena_alloc(arena, 3000000));
        if (large == NULL) CHECK_EQUAL(cc_arena_status(arena).used, before.used);
        (void)seen(cc_arena_strdup(arena, "text"));
        (void)seen(cc_arena_calloc(arena, 10, 1000));
        nulls += cc_arena_defer(arena, free, NULL) != CC_OK;
        CHECK_EQUAL(cc_arena_rewind(arena, mark), CC_OK);
    }
    cc_arena_destroy(arena);
}

static void use_heap(void) {
    cc_heap_options_t options = {.type = CC_HEAP_DYNAMIC};
    cc_pool_options_t pool_options = {.block_size = 1024};
    for (int kind = 0; kind < 3; kind++) {
        cc_pool_t *pool = kind == 1 ? seen(cc_pool_create(&pool_options)) : NULL;
        options.type = kind == 0 ? CC_HEAP_DYNAMIC : kind == 1 ? CC_HEAP_BUFFER : CC_HEAP_SEARCH;
        options.pool = pool;
        cc_heap_t *heap = kind == 1 && pool == NULL ? NULL : seen(cc_heap_create(&options));
        for (int i = 0; heap != NULL && i < 40; i++) {
            if (kind == 2) nulls += cc_heap_add_spare(heap, 100) != CC_OK;
            void *top = cc_heap_get_top(heap, NULL);
            size_t total = cc_heap_total_size(heap);
            if (seen(cc_heap_alloc(heap, 100)) == NULL) {
                CHECK(cc_heap_get_top(heap, NULL) == top);
                CHECK_EQUAL(cc_heap_total_size(heap), total);
            }
            CHECK(cc_heap_validate(heap));
        }
        if (heap != NULL && kind == 0) (void)seen(cc_heap_printf(heap, "%9000d", 1));
        cc_heap_destroy(heap);
        if (pool != NULL) CHECK_EQUAL(cc_pool_status(pool).live, 0);
        cc_pool_destroy(pool);
    }
    void *sized = seen(cc_sized_alloc(100));
    cc_sized_free(sized);
}

static void use_pool_once(const cc_pool_options_t *options) {
    cc_pool_t *pool = seen(cc_pool_create(options));
    if (pool == NULL) return;
    void *blocks[300];
    size_t count = 0;
    for (int i = 0; i < 300; i++) {
        void *block = cc_pool_alloc(pool);
        if (block == NULL && !options->fixed) nulls++;
        if (block != NULL) blocks[count++] = memset(block, i, options->block_size);
        if (i == 150) CHECK_EQUAL(cc_pool_status(pool).live, count);
    }
    CHECK_EQUAL(cc_pool_status(pool).live, count);
    while (count > 0) CHECK_EQUAL(cc_pool_free(pool, blocks[--count]), CC_OK);
    CHECK_EQUAL(cc_pool_status(pool).live, 0);
    cc_pool_destroy(pool);
}

static cc_pool_t *other_pool;
static void *other_blocks[100];
/* In a thread of its own, which has no cache yet: also a free must do without the memory for one. */
static void free_there(size_t index, void *unused) {
    (void)index, (void)unused;
    for (size_t i = 0; i < 100; i++) CHECK_EQUAL(cc_pool_free(other_pool, other_blocks[i]), CC_OK);
}

static void use_pool(void) {
    cc_pool_options_t options = {.block_size = 40, .blocks = 8};
    use_pool_once(&options);
    options.checked = true;
    use_pool_once(&options);
    options.shared = true;
    use_pool_once(&options);
    options.fixed = true;
    use_pool_once(&options);
    options.cached = true;
    use_pool_once(&options);
}

static void use_pool_from_another_thread(void) {
    cc_pool_options_t options = {.block_size = 40, .shared = true};
    if ((other_pool = seen(cc_pool_create(&options))) == NULL) return;
    for (size_t i = 0; i < 100; i++) other_blocks[i] = seen(cc_pool_alloc(other_pool));
    check_threads(1, free_there, NULL);
    CHECK_EQUAL(cc_pool_status(other_pool).live, 0);
    cc_pool_destroy(other_pool);
}

static void use_buffer(void) {
    cc_buffer_t *buffer = seen(cc_buffer_copy("12345", 5, NULL));
    if (buffer == NULL) return;
    cc_buffer_t *other = cc_buffer_retain(buffer);
    char *data = seen(cc_buffer_write(&other));
    if (data == NULL) CHECK(other == buffer);
    if (data != NULL) data[0] = 'x';
    CHECK(memcmp(cc_buffer_slice(buffer).data, "12345", 5) == 0);
    cc_buffer_release(buffer);
    CHECK(memcmp(cc_buffer_slice(other).data, data != NULL ? "x2345" : "12345", 5) == 0);
    cc_buffer_release(other);
    char *own = seen(cc_alloc(10));
    if (own == NULL) return;
    buffer = seen(cc_buffer_take(own, 10, NULL, NULL, NULL));
    if (buffer == NULL) cc_free(own, 10); /* it stayed the caller's */
    cc_buffer_release(buffer);
}

static void use_file(void) {
    char name[] = "/tmp/cc_regions_XXXXXX";
    int file = mkstemp(name);
    CHECK(file >= 0 && write(file, "12345", 5) == 5);
    for (unsigned flags = 0; flags < 4; flags++) {
        cc_file_t *mapped;
        int status = cc_file_open(name, flags, &mapped);
        CHECK_EQUAL(status != CC_OK, mapped == NULL);
        if (status != CC_OK) CHECK_EQUAL(status, CC_ERROR_MEMORY);
        nulls += mapped == NULL;
        if (mapped != NULL) CHECK(memcmp(cc_file_slice(mapped).data, "12345", 5) == 0);
        cc_file_close(mapped);
    }
    close(file);
    unlink(name);
}

static void use_views(void) {
    cc_pool_options_t options = {.block_size = 3000};
    cc_arena_t *arena = seen(cc_arena_create(256, NULL));
    cc_heap_t *heap = seen(cc_heap_create(NULL));
    cc_pool_t *pool = seen(cc_pool_create(&options));
    for (int kind = 0; kind < 3; kind++) {
        if ((kind == 0 ? (void *)arena : kind == 1 ? (void *)heap : (void *)pool) == NULL) continue;
        cc_mem_methods_t methods = kind == 0   ? cc_arena_methods(arena)
                                   : kind == 1 ? cc_heap_methods(heap)
                                               : cc_pool_methods(pool);
        char *block = seen(methods.malloc(1000, methods.context));
        if (block == NULL) continue;
        memset(block, 1, 1000);
        char *moved = seen(methods.realloc(block, 3000, methods.context));
        if (moved != NULL) block = moved;
        for (int i = 0; i < 1000; i++) CHECK_EQUAL(block[i], 1);
        methods.free(block, methods.context);
    }
    cc_arena_destroy(arena);
    cc_heap_destroy(heap);
    cc_pool_destroy(pool);
}

static void sweep(void (*use)(void)) {
    for (int persistent = 0; persistent < 2; persistent++) {
        for (uint64_t number = 1, requests = number; number <= requests; number++) {
            nulls = 0;
            cc_fault_arm(number, persistent);
            use();
            if (number == 1) CHECK(nulls > 0);
            nulls = 0;
            cc_fault_arm(0, false);
            use();
            CHECK_EQUAL(nulls, 0);
            requests = cc_fault_requests(); /* without a failure, so that no early end hides the later ones */
        }
    }
}

static void test_arena(void) {
    sweep(use_arena);
}

static void test_heap(void) {
    sweep(use_heap);
}

static void test_pool(void) {
    sweep(use_pool);
}

static void test_pool_from_another_thread(void) {
    sweep(use_pool_from_another_thread);
}

static void test_buffer(void) {
    sweep(use_buffer);
}

static void test_file(void) {
    sweep(use_file);
}

static void test_views(void) {
    sweep(use_views);
}

int main(void) {
    RUN(test_arena);
    RUN(test_heap);
    RUN(test_pool);
    RUN(test_pool_from_another_thread);
    RUN(test_buffer);
    RUN(test_file);
    RUN(test_views);
    return 0;
}
