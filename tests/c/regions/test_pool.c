/* test_pool.c: the pools of cc/pool.h in one thread, all kinds alike, against a model: the set of live blocks. */
#include "cc/pool.h"

#include "../check.h"
#include "counting.h"

enum { LIVE = 2000 };

typedef struct model {
    cc_pool_t *pool;
    size_t size, alignment, most; /* most: blocks of a fixed pool */
    struct {
        unsigned char *pointer;
        unsigned char stamp;
    } live[LIVE];
    size_t count;
} model_t;

static int compare(const void *one, const void *other) {
    const unsigned char *a = *(unsigned char *const *)one, *b = *(unsigned char *const *)other;
    return a < b ? -1 : a > b;
}

static void check_apart(const model_t *model) {
    static unsigned char *sorted[LIVE];
    for (size_t i = 0; i < model->count; i++) sorted[i] = model->live[i].pointer;
    qsort(sorted, model->count, sizeof *sorted, compare);
    for (size_t i = 1; i < model->count; i++) CHECK(sorted[i - 1] + model->size <= sorted[i]);
}

static void visit(void *block, void *context) {
    model_t *model = context;
    for (size_t i = 0; i < model->count; i++) {
        if (model->live[i].pointer != block) continue;
        model->live[i] = model->live[--model->count];
        return;
    }
    CHECK(!"a block that is not live");
}

static void add(model_t *model, uint64_t *state) {
    if (model->count == LIVE) return;
    unsigned char *pointer = cc_pool_alloc(model->pool);
    CHECK_EQUAL(pointer == NULL, model->count == model->most);
    if (pointer == NULL) return;
    CHECK_EQUAL((uintptr_t)pointer % model->alignment, 0);
    unsigned char stamp = (unsigned char)check_random(state);
    memset(pointer, stamp, model->size);
    model->live[model->count].pointer = pointer;
    model->live[model->count++].stamp = stamp;
}

static void take_away(model_t *model, uint64_t *state) {
    if (model->count == 0) return;
    size_t i = check_random(state) % model->count;
    for (size_t at = 0; at < model->size; at++) CHECK_EQUAL(model->live[i].pointer[at], model->live[i].stamp);
    CHECK_EQUAL(cc_pool_free(model->pool, model->live[i].pointer), CC_OK);
    model->live[i] = model->live[--model->count];
}

static void run_model(const cc_pool_options_t *options, uint64_t seed) {
    static model_t model, copy;
    uint64_t state = seed * 0x9E3779B97F4A7C15u;
    memset(&model, 0, sizeof model);
    model.pool = cc_pool_create(options);
    CHECK(model.pool != NULL);
    model.size = options->block_size;
    model.alignment = options->alignment != 0 ? options->alignment : options->block_size <= 8 ? 8 : 16;
    model.most = options->fixed ? cc_pool_status(model.pool).blocks : SIZE_MAX;
    for (int turn = 0; turn < 8; turn++) {
        bool growing = turn % 2 == 0;
        for (int i = 0; i < 1000; i++) {
            if (check_random(&state) % 4 == 0 ? growing : !growing)
                take_away(&model, &state);
            else
                add(&model, &state);
        }
        check_apart(&model);
        copy = model;
        cc_pool_each(model.pool, visit, &copy);
        CHECK_EQUAL(copy.count, 0);
        cc_pool_status_t status = cc_pool_status(model.pool);
        CHECK_EQUAL(status.live, model.count);
        CHECK_EQUAL(status.block_size, model.size);
        CHECK(status.stride >= model.size && status.blocks >= model.count &&
              status.reserved >= status.blocks * status.stride);
    }
    if (seed % 2 == 0)
        while (model.count > 0) take_away(&model, &state);
    cc_pool_destroy(model.pool); /* also with live blocks */
}

static void test_random_operations(void) {
    static const size_t sizes[] = {1, 8, 9, 16, 24, 100, 1000};
    static char buffer[200000];
    for (uint64_t seed = 1; seed <= SCALED(64); seed++) {
        counting_t counting = counting_begin();
        cc_pool_options_t options = {.block_size = sizes[seed % 7],
                                     .alignment = seed % 5 == 0 ? 64 : 0,
                                     .shared = (seed & 1) != 0,
                                     .fixed = (seed & 2) != 0,
                                     .checked = (seed & 4) != 0,
                                     .blocks = seed % 3 == 0 ? 0 : seed * 3,
                                     .allocator = seed % 11 == 0 ? NULL : &counting.methods};
        options.cached = options.shared && options.fixed && (seed & 8) != 0;
        run_model(&options, seed);
        CHECK_EQUAL(counting.live, 0);
        if (!options.fixed || options.cached) continue;
        options.buffer = buffer + seed % 9;
        options.buffer_bytes = 20000;
        if (options.blocks != 0) options.buffer_bytes = cc_pool_buffer_bytes(&options) + 16;
        CHECK(options.buffer_bytes <= sizeof buffer - 9);
        run_model(&options, seed);
        CHECK_EQUAL(counting.requests > 0, options.allocator != NULL); /* of the run before alone */
    }
}

static void test_freed_blocks_are_used_again(void) {
    for (int shared = 0; shared < 2; shared++) {
        cc_pool_options_t options = {.block_size = 48, .shared = shared};
        cc_pool_t *pool = cc_pool_create(&options);
        void *one = cc_pool_alloc(pool), *other = cc_pool_alloc(pool);
        CHECK_EQUAL(cc_pool_free(pool, one), CC_OK);
        CHECK(cc_pool_alloc(pool) == one); /* the latest freed comes first */
        CHECK_EQUAL(cc_pool_free(pool, other), CC_OK);
        CHECK_EQUAL(cc_pool_free(pool, NULL), CC_OK);
        size_t reserved = cc_pool_status(pool).reserved;
        for (int i = 0; i < 100000 / CHECK_DIVISOR; i++) CHECK_EQUAL(cc_pool_free(pool, cc_pool_alloc(pool)), CC_OK);
        CHECK_EQUAL(cc_pool_status(pool).reserved, reserved);
        CHECK_EQUAL(cc_pool_status(pool).live, 1);
        cc_pool_destroy(pool);
    }
}

static void test_bad_frees_are_told(void) {
    for (int kind = 0; kind < 3; kind++) {
        cc_pool_options_t options = {
            .block_size = 24, .checked = true, .shared = kind > 0, .fixed = kind > 1, .blocks = 10};
        cc_pool_t *pool = cc_pool_create(&options);
        char *block = cc_pool_alloc(pool), *other = cc_pool_alloc(pool), foreign[24];
        CHECK_EQUAL(cc_pool_free(pool, foreign), CC_ERROR_ARGUMENT);
        CHECK_EQUAL(cc_pool_free(pool, block + 8), CC_ERROR_ARGUMENT);
        CHECK_EQUAL(cc_pool_free(pool, block + 1), CC_ERROR_ARGUMENT);
        CHECK_EQUAL(cc_pool_free(pool, block), CC_OK);
        CHECK_EQUAL(cc_pool_free(pool, block), CC_ERROR_STATE);
        CHECK_EQUAL(cc_pool_status(pool).live, 1);
        CHECK_EQUAL(cc_pool_free(pool, other), CC_OK);
        char *fresh = other > block ? other + (other - block) : block + (block - other);
        CHECK_EQUAL(cc_pool_free(pool, fresh), CC_ERROR_STATE); /* never given out */
        CHECK(cc_pool_alloc(pool) != cc_pool_alloc(pool));
        cc_pool_destroy(pool);
    }
}

static void give_back(void *block, void *context) {
    CHECK_EQUAL(cc_pool_free(context, block), CC_OK);
}

static void test_a_visit_may_free_the_block(void) {
    for (int shared = 0; shared < 2; shared++) {
        cc_pool_options_t options = {.block_size = 32, .shared = shared};
        cc_pool_t *pool = cc_pool_create(&options);
        for (int i = 0; i < 1000; i++) CHECK(cc_pool_alloc(pool) != NULL);
        cc_pool_each(pool, give_back, pool);
        CHECK_EQUAL(cc_pool_status(pool).live, 0);
        cc_pool_destroy(pool);
    }
}

static void test_chunks_double(void) {
    for (int shared = 0; shared < 2; shared++) {
        cc_pool_options_t options = {.block_size = 32, .shared = shared};
        cc_pool_t *pool = cc_pool_create(&options);
        for (int i = 0; i < 20000; i++) CHECK(cc_pool_alloc(pool) != NULL);
        cc_pool_status_t status = cc_pool_status(pool);
        CHECK_EQUAL(status.live, 20000);
        CHECK(status.chunks >= 5 && status.chunks <= 10);
        cc_pool_destroy(pool);
    }
}

/* A thread that has a cache of one pool must not take it for that of another, a checked one. */
static void test_two_pools(void) {
    cc_pool_options_t options = {.block_size = 32, .shared = true},
                      checked = {.block_size = 32, .shared = true, .checked = true};
    cc_pool_t *one = cc_pool_create(&options), *other = cc_pool_create(&checked), *third = cc_pool_create(&checked);
    void *block = cc_pool_alloc(one), *before = cc_pool_alloc(other);
    CHECK_EQUAL(cc_pool_free(third, before), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_pool_free(third, before), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_pool_free(other, before), CC_OK);
    CHECK_EQUAL(cc_pool_free(other, before), CC_ERROR_STATE);
    CHECK_EQUAL(cc_pool_free(one, block), CC_OK);
    CHECK_EQUAL(cc_pool_status(one).live + cc_pool_status(other).live + cc_pool_status(third).live, 0);
    cc_pool_destroy(one);
    cc_pool_destroy(other);
    cc_pool_destroy(third);
}

static void test_bad_options(void) {
    static char buffer[1000];
    cc_pool_options_t bad[] = {
        {.block_size = 0},
        {.block_size = SIZE_MAX},
        {.block_size = 16, .alignment = 24},
        {.block_size = 16, .alignment = 8192},
        {.block_size = 16, .blocks = SIZE_MAX / 16},
        {.block_size = 16, .blocks = SIZE_MAX, .fixed = true},
        {.block_size = 16, .buffer = buffer, .buffer_bytes = 1000},
        {.block_size = 16, .fixed = true, .buffer = buffer, .buffer_bytes = 100},
        {.block_size = 16, .fixed = true, .buffer = buffer, .buffer_bytes = SIZE_MAX},
        {.block_size = 16, .fixed = true, .shared = true, .cached = true, .buffer = buffer, .buffer_bytes = 1000},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(cc_pool_create(&bad[i]) == NULL);
    CHECK(cc_pool_create(NULL) == NULL);
    cc_pool_destroy(NULL);
    cc_pool_options_t good = {.block_size = 16};
    CHECK_EQUAL(cc_pool_buffer_bytes(&good), 0); /* of how many blocks? */
    good.blocks = 10;
    CHECK(cc_pool_buffer_bytes(&good) >= 160);
}

int main(void) {
    RUN(test_random_operations);
    RUN(test_freed_blocks_are_used_again);
    RUN(test_bad_frees_are_told);
    RUN(test_a_visit_may_free_the_block);
    RUN(test_chunks_double);
    RUN(test_two_pools);
    RUN(test_bad_options);
    return 0;
}
