/* test_static.c: the first-fit allocator against a model of its buffer. */
#include "../check.h"

#include "model.h"

static model_t model;
static _Alignas(16) unsigned char buffer[1 << 17];

static size_t random_size(uint64_t *state) {
    uint32_t bits = check_random(state);
    return 1 + check_random(state) % (bits % 64 == 0 ? 20000 : bits % 8 == 0 ? 1000 : 100);
}

static void run_randomly(size_t min_block, size_t bytes, uint64_t seed, int steps) {
    uint64_t state = seed;
    model_create(&model, buffer, bytes, min_block);
    for (int i = 0; i < steps; i++) {
        uint32_t choice = check_random(&state) % 16, phase = (uint32_t)i / 1000 % 2; /* fills and empties in turns */
        if (choice < 4 + 5 * phase)
            model_malloc(&model, random_size(&state));
        else if (choice < 13)
            model_free(&model, check_random(&state));
        else
            model_realloc(&model, check_random(&state), random_size(&state));
        if (i % 500 == 0) model_check(&model);
    }
    model_check(&model);
    model_free_all(&model);
    model.methods.shutdown(model.methods.context);
}

static void test_random_requests(void) {
    for (uint64_t seed = 1; seed <= 4; seed++) run_randomly(0, 1024 << seed, seed, SCALED(30000));
}

static void test_sizes_at_the_edges(void) {
    model_create(&model, buffer, 4096, 0);
    for (size_t size = 1; size < 300; size++) model_malloc(&model, size % 100);
    while (model.count > 0) model_free(&model, model.count / 2);
    model_check(&model);
    size_t all = model_status(&model).capacity;
    model_malloc(&model, all + 1);
    CHECK_EQUAL(model.count, 0);
    model_malloc(&model, all);
    CHECK_EQUAL(model.count, 1);
    CHECK_EQUAL(model_status(&model).largest_free, 0);
    CHECK(model.methods.malloc(1, model.methods.context) == NULL);
    model.failed++;
    model_realloc(&model, 0, 1);
    model_free_all(&model);
    void *context = model.methods.context;
    CHECK(model.methods.malloc(0, context) == NULL && model.methods.malloc(check_hide(SIZE_MAX), context) == NULL);
    CHECK(model.methods.malloc(check_hide(SIZE_MAX) - 7, context) == NULL);
    CHECK_EQUAL(model.methods.roundup(check_hide(SIZE_MAX), context), 0);
    CHECK_EQUAL(model.methods.roundup(0x7ffffeff, context), 0);
    CHECK_EQUAL(model.methods.size(NULL, context), 0);
    model.methods.free(NULL, context);
}

/* Freed in any order, neighbours join. */
static void test_coalescing(void) {
    static const unsigned orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {0, 2, 1, 3}, {1, 3, 2, 0}, {2, 0, 3, 1}};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        model_create(&model, buffer, 8192, 0);
        void *blocks[4];
        for (int j = 0; j < 4; j++) blocks[j] = model.methods.malloc(100, model.methods.context);
        for (int j = 0; j < 4; j++) model.methods.free(blocks[orders[i][j]], model.methods.context);
        CHECK_EQUAL(model_status(&model).free_blocks, 1);
        CHECK_EQUAL(model_status(&model).largest_free, model_status(&model).capacity);
    }
}

/* Grows into what is free behind it, shrinks by giving its end back. */
static void test_realloc_in_place(void) {
    model_create(&model, buffer, 8192, 0);
    void *context = model.methods.context;
    char *first = model.methods.malloc(100, context), *second = model.methods.malloc(100, context);
    memset(first, 7, 100);
    CHECK(model.methods.realloc(first, 50, context) == first);
    CHECK(model.methods.realloc(first, 100, context) == first);
    model.methods.free(second, context);
    CHECK(model.methods.realloc(first, 5000, context) == first);
    CHECK_EQUAL(model.methods.size(first, context), 5000);
    CHECK(first[0] == 7 && first[49] == 7);
    model.methods.free(first, context);
    CHECK_EQUAL(model_status(&model).free_blocks, 1);
}

/* Any address, any length: nothing outside the buffer is touched, and init begins anew. */
static void test_buffers_of_any_kind(void) {
    cc_mem_methods_t methods;
    memset(buffer, 0xA5, sizeof buffer);
    for (size_t offset = 0; offset < 16; offset++) {
        for (size_t bytes = 0; bytes < 400; bytes += 1 + offset) {
            if (cc_mem_static_create(&methods, buffer + 64 + offset, bytes) != CC_OK) continue;
            CHECK(bytes >= 64);
            for (int i = 0; i < 2; i++) {
                CHECK_EQUAL(methods.init(methods.context), CC_OK);
                void *block;
                size_t count = 0;
                while ((block = methods.malloc(8, methods.context)) != NULL) memset(block, 1, 8), count++;
                CHECK(count > 0);
                methods.shutdown(methods.context);
            }
            for (size_t i = 0; i < 64 + offset; i++) CHECK_EQUAL(buffer[i], 0xA5);
            for (size_t i = 64 + offset + bytes; i < 1000; i++) CHECK_EQUAL(buffer[i], 0xA5);
            memset(buffer, 0xA5, 1000);
        }
    }
    CHECK_EQUAL(cc_mem_static_create(NULL, buffer, 1000), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_mem_static_create(&methods, NULL, 1000), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_mem_static_create(&methods, buffer, 100), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_mem_static_create(&methods, buffer, check_hide(SIZE_MAX)), CC_ERROR_ARGUMENT);
}

static void storm(size_t index, void *unused) {
    (void)unused;
    uint64_t state = 77 + index;
    model_block_t blocks[64] = {{NULL, 0, 0}};
    for (int i = 0; i < SCALED(40000); i++) {
        model_block_t *block = &blocks[check_random(&state) % 64];
        if (block->pointer != NULL) {
            model_read(block, block->pointer, block->size);
            if (i % 3 == 0) {
                unsigned char *moved =
                    model.methods.realloc(block->pointer, random_size(&state) % 200 + 1, model.methods.context);
                if (moved != NULL) block->pointer = moved;
                block->size = model.methods.size(block->pointer, model.methods.context);
                model_write(block);
                continue;
            }
            model.methods.free(block->pointer, model.methods.context);
        }
        block->pointer = model.methods.malloc(random_size(&state) % 200 + 1, model.methods.context);
        block->size = model.methods.size(block->pointer, model.methods.context);
        block->stamp = (unsigned char)(i + index * 100);
        if (block->pointer != NULL) model_write(block);
        if (i % 100 == 0) (void)model_status(&model);
    }
    for (int i = 0; i < 64; i++) model.methods.free(blocks[i].pointer, model.methods.context);
}

static void test_threads(void) {
    model_create(&model, buffer, 20000, 0);
    check_threads(4, storm, NULL);
    cc_mem_buffer_status_t status = model_status(&model);
    CHECK(status.used == 0 && status.live_blocks == 0 && status.free_blocks == 1);
    CHECK_EQUAL(status.largest_free, status.capacity);
}

int main(void) {
    RUN(test_random_requests);
    RUN(test_sizes_at_the_edges);
    RUN(test_coalescing);
    RUN(test_realloc_in_place);
    RUN(test_buffers_of_any_kind);
    RUN(test_threads);
    return 0;
}
