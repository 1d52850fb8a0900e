/* test_arena.c: cc/arena.h against a model: a list of blocks with what was written into them. */
#include "cc/alloc.h"
#include "cc/arena.h"

#include "../check.h"
#include "counting.h"

enum { BLOCKS = 4096, MARKS = 16 };

typedef struct model {
    cc_arena_t *arena;
    struct {
        unsigned char *pointer;
        size_t size;
        unsigned char stamp;
    } blocks[BLOCKS];
    size_t count;
    struct {
        cc_arena_mark_t mark;
        size_t count, deferred;
    } marks[MARKS];
    size_t mark_count, deferred;
} model_t;

static size_t undone; /* deferred calls must come the latest first */
static void undo(void *argument) {
    undone--;
    CHECK_EQUAL((uintptr_t)argument, undone);
}

static void check_blocks(const model_t *model) {
    for (size_t i = 0; i < model->count; i++)
        for (size_t at = 0; at < model->blocks[i].size; at++)
            CHECK_EQUAL(model->blocks[i].pointer[at], model->blocks[i].stamp);
}

static void check_apart(const model_t *model, const unsigned char *pointer, size_t size) {
    for (size_t i = 0; i < model->count; i++)
        CHECK(pointer + size <= model->blocks[i].pointer ||
              model->blocks[i].pointer + model->blocks[i].size <= pointer);
}

static void add(model_t *model, uint64_t *state) {
    size_t size = check_random(state) % 8 == 0 ? check_random(state) % 6000 : check_random(state) % 100;
    size_t alignment = (size_t)1 << check_random(state) % 9;
    bool plain = check_random(state) % 2 == 0;
    unsigned char *pointer =
        plain ? cc_arena_alloc(model->arena, size) : cc_arena_alloc_aligned(model->arena, size, alignment);
    CHECK_EQUAL(pointer == NULL, size == 0);
    if (pointer == NULL || model->count == BLOCKS) return;
    CHECK_EQUAL((uintptr_t)pointer % (plain ? 16 : alignment), 0);
    check_apart(model, pointer, size);
    unsigned char stamp = (unsigned char)check_random(state);
    memset(pointer, stamp, size);
    model->blocks[model->count].pointer = pointer;
    model->blocks[model->count].size = size;
    model->blocks[model->count++].stamp = stamp;
}

static void step(model_t *model, uint64_t *state) {
    switch (check_random(state) % 64) {
    case 0:
        if (model->mark_count < MARKS) {
            model->marks[model->mark_count].mark = cc_arena_mark(model->arena);
            model->marks[model->mark_count].deferred = undone;
            model->marks[model->mark_count++].count = model->count;
        }
        break;
    case 1:
    case 2:
        if (model->mark_count > 0) {
            size_t to = check_random(state) % model->mark_count;
            check_blocks(model);
            CHECK_EQUAL(cc_arena_rewind(model->arena, model->marks[to].mark), CC_OK);
            CHECK_EQUAL(undone, model->marks[to].deferred);
            model->count = model->marks[to].count;
            model->mark_count = to;
        }
        break;
    case 3:
        if (check_random(state) % 8 == 0) {
            cc_arena_reset(model->arena);
            CHECK_EQUAL(undone, 0);
            CHECK_EQUAL(cc_arena_status(model->arena).used, 0);
            model->count = model->mark_count = 0;
        }
        break;
    case 4:
        if (check_random(state) % 8 == 0) cc_arena_trim(model->arena);
        break;
    case 5:
        CHECK_EQUAL(cc_arena_defer(model->arena, undo, (void *)undone), CC_OK);
        undone++;
        break;
    default: add(model, state);
    }
}

static void test_random_operations(void) {
    static model_t model;
    for (uint64_t seed = 1; seed <= SCALED(40); seed++) {
        uint64_t state = seed * 0x9E3779B97F4A7C15u;
        memset(&model, 0, sizeof model);
        undone = 0;
        counting_t counting = counting_begin();
        model.arena = cc_arena_create(seed % 3 == 0 ? 1 : 512 * seed, seed % 2 == 0 ? &counting.methods : NULL);
        for (int i = 0; i < 2000; i++) {
            step(&model, &state);
            cc_arena_status_t status = cc_arena_status(model.arena);
            CHECK(status.used <= status.reserved);
            if (seed % 2 == 0) CHECK_EQUAL(status.blocks, counting.live);
        }
        check_blocks(&model);
        cc_arena_destroy(model.arena);
        CHECK_EQUAL(undone, 0);
        CHECK_EQUAL(counting.live, 0);
    }
}

static void test_memory_is_kept_and_does_not_grow_with_use(void) {
    counting_t counting = counting_begin();
    cc_arena_t *arena = cc_arena_create(0, &counting.methods);
    size_t after_first = 0;
    for (int turn = 0; turn < 50; turn++) {
        for (int i = 0; i < 1000; i++) CHECK(cc_arena_alloc(arena, 100) != NULL);
        CHECK(cc_arena_alloc(arena, 100000) != NULL);
        if (turn == 2) after_first = counting.requests;
        cc_arena_reset(arena);
    }
    CHECK_EQUAL(counting.requests, after_first);
    CHECK(counting.live > 1);
    cc_arena_trim(arena);
    CHECK_EQUAL(counting.live, 1);
    cc_arena_destroy(arena);
    CHECK_EQUAL(counting.live, 0);
}

static void test_a_callers_buffer_is_all_there_is(void) {
    static char buffer[4096 + 3];
    CHECK(cc_arena_create_in(buffer, 64) == NULL);
    CHECK(cc_arena_create_in(NULL, 4096) == NULL);
    for (size_t at = 0; at < 3; at++) {
        cc_arena_t *arena = cc_arena_create_in(buffer + at, 4096);
        CHECK(arena != NULL);
        size_t count = 0;
        for (char *pointer; (pointer = cc_arena_alloc(arena, 48)) != NULL; count++) {
            CHECK(pointer >= buffer + at && pointer + 48 <= buffer + at + 4096);
            memset(pointer, 1, 48);
        }
        CHECK(count >= 50);
        cc_arena_reset(arena);
        CHECK(cc_arena_alloc(arena, 3000) != NULL);
        CHECK(cc_arena_alloc(arena, 3000) == NULL);
        CHECK_EQUAL(cc_arena_status(arena).blocks, 1);
        cc_arena_destroy(arena);
        memset(buffer, 0, sizeof buffer);
    }
}

static void test_bad_arguments(void) {
    cc_arena_t *arena = cc_arena_create(0, NULL);
    CHECK(cc_arena_alloc(arena, 0) == NULL);
    CHECK(cc_arena_alloc(arena, check_hide(SIZE_MAX)) == NULL);
    CHECK(cc_arena_alloc(arena, check_hide(SIZE_MAX - 8)) == NULL);
    CHECK(cc_arena_alloc(arena, check_hide(PTRDIFF_MAX)) == NULL);
    CHECK(cc_arena_alloc_aligned(arena, 8, check_hide(0)) == NULL);
    CHECK(cc_arena_alloc_aligned(arena, 8, check_hide(3)) == NULL);
    CHECK(cc_arena_alloc_aligned(arena, 8, check_hide(SIZE_MAX / 2 + 1)) == NULL);
    CHECK(cc_arena_calloc(arena, check_hide(SIZE_MAX / 2), 4) == NULL);
    CHECK_EQUAL(cc_arena_defer(arena, NULL, NULL), CC_ERROR_ARGUMENT);
    CHECK(cc_arena_create(check_hide(SIZE_MAX), NULL) == NULL);
    char *text = cc_arena_strdup(arena, "text");
    CHECK(strcmp(text, "text") == 0);
    CHECK(memcmp(cc_arena_dup(arena, "data", 4), "data", 4) == 0);
    char *zeros = cc_arena_calloc(arena, 10, 10);
    for (int i = 0; i < 100; i++) CHECK_EQUAL(zeros[i], 0);
    cc_arena_mark_t early = cc_arena_mark(arena), same_block;
    CHECK(cc_arena_alloc(arena, 10) != NULL);
    same_block = cc_arena_mark(arena);
    CHECK_EQUAL(cc_arena_rewind(arena, early), CC_OK);
    CHECK_EQUAL(cc_arena_rewind(arena, same_block), CC_ERROR_STATE);
    for (int i = 0; i < 100; i++) CHECK(cc_arena_alloc(arena, 1000) != NULL);
    cc_arena_mark_t late = cc_arena_mark(arena);
    CHECK_EQUAL(cc_arena_rewind(arena, early), CC_OK);
    CHECK_EQUAL(cc_arena_rewind(arena, late), CC_ERROR_STATE);
    CHECK_EQUAL(cc_arena_rewind(arena, early), CC_OK);
    cc_arena_destroy(arena);
    cc_arena_destroy(NULL);
}

static cc_arena_t *deferring;
static int late_calls;
static void late(void *argument) {
    (void)argument;
    late_calls++;
}
static void defer_more(void *argument) {
    (void)argument;
    CHECK(cc_arena_alloc(deferring, 5000) != NULL);
    CHECK_EQUAL(cc_arena_defer(deferring, late, NULL), CC_OK);
}

static void test_a_deferred_function_may_use_the_arena(void) {
    deferring = cc_arena_create(0, NULL);
    CHECK_EQUAL(cc_arena_defer(deferring, defer_more, NULL), CC_OK);
    cc_arena_reset(deferring);
    CHECK_EQUAL(late_calls, 1);
    CHECK_EQUAL(cc_arena_status(deferring).used, 0);
    CHECK_EQUAL(cc_arena_defer(deferring, defer_more, NULL), CC_OK);
    cc_arena_destroy(deferring);
    CHECK_EQUAL(late_calls, 2);
}

/* A block of twice the size does not fit any more; one for the request does. */
static void test_little_memory_is_used_up(void) {
    static char buffer[100000];
    cc_mem_methods_t methods;
    CHECK_EQUAL(cc_mem_static_create(&methods, buffer, sizeof buffer), CC_OK);
    CHECK_EQUAL(methods.init(methods.context), CC_OK);
    cc_arena_t *arena = cc_arena_create(40000, &methods);
    CHECK(cc_arena_alloc(arena, 38000) != NULL && cc_arena_alloc(arena, 30000) != NULL &&
          cc_arena_alloc(arena, 20000) != NULL);
    CHECK(cc_arena_alloc(arena, 30000) == NULL);
    cc_arena_destroy(arena);
    cc_mem_buffer_status_t status;
    CHECK_EQUAL(cc_mem_buffer_status(&methods, &status), CC_OK);
    CHECK_EQUAL(status.used, 0);
    methods.shutdown(methods.context);
}

static void test_bytes_appear_in_the_statistics(void) {
#if CC_ALLOC_STATS
    cc_alloc_stats_enable(true);
    cc_alloc_snapshot_t before = cc_alloc_stats_snapshot();
    cc_arena_t *arena = cc_arena_create(100000, NULL);
    cc_alloc_snapshot_t during = cc_alloc_stats_snapshot();
    CHECK_EQUAL(during.alloc_bytes - before.alloc_bytes, cc_arena_status(arena).reserved);
    CHECK_EQUAL(during.alloc_bytes - before.alloc_bytes, 100000);
    cc_arena_destroy(arena);
    cc_alloc_snapshot_t after = cc_alloc_stats_snapshot();
    CHECK_EQUAL(after.current_allocated, before.current_allocated);
    cc_alloc_stats_enable(false);
#endif
}

int main(void) {
    RUN(test_random_operations);
    RUN(test_memory_is_kept_and_does_not_grow_with_use);
    RUN(test_a_callers_buffer_is_all_there_is);
    RUN(test_bad_arguments);
    RUN(test_a_deferred_function_may_use_the_arena);
    RUN(test_little_memory_is_used_up);
    RUN(test_bytes_appear_in_the_statistics);
    return 0;
}
