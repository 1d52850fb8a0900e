/* test_heap.c: cc/heap.h against a model: a list of allocations, with checkpoints that are positions in it. */
#include "cc/heap.h"

#include "../check.h"
#include "counting.h"

enum { ENTRIES = 4096, CHECKPOINTS = 16 };

typedef struct model {
    cc_heap_t *heap;
    struct {
        unsigned char *pointer;
        size_t size;
        unsigned char stamp;
    } entries[ENTRIES];
    size_t count;
    struct {
        cc_heap_checkpoint_t checkpoint;
        size_t count;
    } checkpoints[CHECKPOINTS];
    size_t checkpoint_count;
    size_t largest; /* that a request may be */
    bool search;
} model_t;

static void check_entry(const model_t *model, size_t i) {
    for (size_t at = 0; at < model->entries[i].size; at++)
        CHECK_EQUAL(model->entries[i].pointer[at], model->entries[i].stamp);
}

static void check_all(const model_t *model) {
    for (size_t i = 0; i < model->count; i++) check_entry(model, i);
    CHECK(cc_heap_validate(model->heap));
    size_t size = 0;
    void *top = cc_heap_get_top(model->heap, &size);
    CHECK(top == (model->count > 0 ? model->entries[model->count - 1].pointer : NULL));
    if (model->count > 0) CHECK_EQUAL(size, model->entries[model->count - 1].size);
}

/* Checkpoints above what is left are no more. */
static void cut(model_t *model, size_t count) {
    model->count = count;
    while (model->checkpoint_count > 0 && model->checkpoints[model->checkpoint_count - 1].count > count)
        model->checkpoint_count--;
}

static void *ask(model_t *model, size_t size, size_t alignment) {
    return alignment == 0 ? cc_heap_alloc(model->heap, size) : cc_heap_alloc_aligned(model->heap, size, alignment);
}

static void add(model_t *model, uint64_t *state) {
    if (model->count == ENTRIES) return;
    size_t size = check_random(state) % 16 == 0 ? check_random(state) % 4000 : check_random(state) % 64;
    size_t alignment = check_random(state) % 4 == 0 ? (size_t)1 << check_random(state) % 8 : 0;
    unsigned char *pointer = ask(model, size, alignment);
    if (size == 0 || size > model->largest) {
        CHECK(pointer == NULL);
        return;
    }
    if (pointer == NULL && model->search) {
        check_all(model); /* a failure changes nothing */
        CHECK_EQUAL(cc_heap_add_spare(model->heap, size + alignment), CC_OK);
        pointer = ask(model, size, alignment);
    }
    CHECK(pointer != NULL);
    CHECK_EQUAL((uintptr_t)pointer % (alignment != 0 ? alignment : sizeof(void *)), 0);
    for (size_t i = 0; i < model->count; i++)
        CHECK(pointer + size <= model->entries[i].pointer ||
              model->entries[i].pointer + model->entries[i].size <= pointer);
    unsigned char stamp = (unsigned char)check_random(state);
    memset(pointer, stamp, size);
    model->entries[model->count].pointer = pointer;
    model->entries[model->count].size = size;
    model->entries[model->count++].stamp = stamp;
}

static void step(model_t *model, uint64_t *state) {
    switch (check_random(state) % 32) {
    case 0:
        if (model->checkpoint_count < CHECKPOINTS) {
            model->checkpoints[model->checkpoint_count].checkpoint = cc_heap_checkpoint(model->heap);
            model->checkpoints[model->checkpoint_count++].count = model->count;
        }
        break;
    case 1:
        if (model->checkpoint_count > 0) {
            size_t to = check_random(state) % model->checkpoint_count;
            check_all(model);
            CHECK_EQUAL(cc_heap_release(model->heap, model->checkpoints[to].checkpoint), CC_OK);
            model->checkpoint_count = to + 1;
            cut(model, model->checkpoints[to].count);
        }
        break;
    case 2:
        if (check_random(state) % 16 == 0) {
            cc_heap_empty(model->heap);
            CHECK_EQUAL(cc_heap_block_count(model->heap), 1);
            model->checkpoint_count = 0;
            cut(model, 0);
        }
        break;
    case 3:
    case 4:
    case 5:
    case 6:
        if (model->count == 0) {
            CHECK_EQUAL(cc_heap_free_top(model->heap), CC_ERROR_STATE);
        } else {
            check_entry(model, model->count - 1);
            CHECK_EQUAL(cc_heap_free_top(model->heap), CC_OK);
            cut(model, model->count - 1);
        }
        /* as in InnoDB, a checkpoint taken above is over, also where nothing lay between */
        while (model->checkpoint_count > 0) model->checkpoint_count--;
        break;
    default: add(model, state);
    }
}

static void run_model(cc_heap_options_t options, uint64_t seed, size_t largest) {
    static model_t model;
    uint64_t state = seed * 0x9E3779B97F4A7C15u;
    memset(&model, 0, sizeof model);
    model.heap = cc_heap_create(&options);
    CHECK(model.heap != NULL);
    model.largest = largest;
    model.search = options.type == CC_HEAP_SEARCH;
    for (int i = 0; i < 3000; i++) {
        step(&model, &state);
        if (i % 256 == 0) check_all(&model);
    }
    check_all(&model);
    cc_heap_destroy(model.heap);
}

static void test_random_operations(void) {
    for (uint64_t seed = 1; seed <= SCALED(40); seed++) {
        counting_t counting = counting_begin();
        cc_heap_options_t options = {.start_size = seed * 7, .standard_size = seed % 5 == 0 ? 200 : 0};
        if (seed % 2 == 0) options.allocator = &counting.methods;
        run_model(options, seed, SIZE_MAX);
        options.type = CC_HEAP_SEARCH;
        run_model(options, seed, SIZE_MAX);
        CHECK_EQUAL(counting.live, 0);
    }
}

static void test_random_operations_on_a_pool(void) {
    for (uint64_t seed = 1; seed <= SCALED(20); seed++) {
        cc_pool_options_t pool_options = {.block_size = 2048, .checked = seed % 2 == 0};
        cc_pool_t *pool = cc_pool_create(&pool_options);
        cc_heap_options_t options = {.type = CC_HEAP_BUFFER, .pool = pool};
        cc_heap_t *heap = cc_heap_create(&options);
        size_t largest = 2048;
        while (cc_heap_alloc(heap, largest) == NULL) largest--; /* the cap: a block's worth */
        CHECK(largest > 1900);
        cc_heap_destroy(heap);
        if (largest < 4000) { /* the model asks for up to 4000: none may be refused but for the cap */
            heap = cc_heap_create(&options);
            CHECK(cc_heap_alloc(heap, largest + 1) == NULL);
            CHECK(cc_heap_alloc(heap, largest) != NULL);
            CHECK(cc_heap_alloc_aligned(heap, 64, 64) != NULL);
            CHECK_EQUAL(cc_pool_status(pool).live, cc_heap_block_count(heap) - 1);
            CHECK(cc_heap_validate(heap));
            for (int i = 0; i < 300; i++) CHECK(cc_heap_alloc(heap, 100) != NULL);
            CHECK_EQUAL(cc_pool_status(pool).live, cc_heap_block_count(heap) - 1);
            cc_heap_destroy(heap);
        }
        CHECK_EQUAL(cc_pool_status(pool).live, 0);
        options.type = CC_HEAP_SEARCH;
        heap = cc_heap_create(&options);
        CHECK_EQUAL(cc_heap_add_spare(heap, 3000), CC_ERROR_LIMIT);
        CHECK_EQUAL(cc_heap_add_spare(heap, 1000), CC_OK);
        CHECK_EQUAL(cc_pool_status(pool).live, 2);
        CHECK(cc_heap_alloc(heap, 1000) != NULL || cc_heap_alloc(heap, 1000) != NULL);
        cc_heap_destroy(heap);
        CHECK_EQUAL(cc_pool_status(pool).live, 0);
        cc_pool_destroy(pool);
    }
}

static void test_blocks_double_up_to_the_standard_size(void) {
    cc_heap_options_t options = {.start_size = 100, .standard_size = 4000};
    cc_heap_t *heap = cc_heap_create(&options);
    size_t sizes[64], count = 0, total = cc_heap_total_size(heap), last = total;
    while (count < 12) {
        CHECK(cc_heap_alloc(heap, 24) != NULL);
        size_t now = cc_heap_total_size(heap);
        if (now != total) sizes[count++] = now - total;
        total = now;
    }
    for (size_t i = 0; i < count; i++) {
        CHECK_EQUAL(sizes[i], last * 2 < 4000 ? last * 2 : 4000);
        last = sizes[i];
    }
    CHECK_EQUAL(cc_heap_block_count(heap), count + 1);
    CHECK(cc_heap_alloc(heap, 100000) != NULL); /* a block of its own */
    CHECK(cc_heap_total_size(heap) - total >= 100000 && cc_heap_total_size(heap) - total < 100200);
    total = cc_heap_total_size(heap);
    while (cc_heap_total_size(heap) == total) CHECK(cc_heap_alloc(heap, 24) != NULL);
    CHECK_EQUAL(cc_heap_total_size(heap) - total, 4000); /* which does not change the others */
    cc_heap_destroy(heap);
}

static void test_release_gives_blocks_back(void) {
    counting_t counting = counting_begin();
    cc_heap_options_t options = {.allocator = &counting.methods};
    cc_heap_t *heap = cc_heap_create(&options);
    (void)!cc_heap_strdup(heap, "stays");
    cc_heap_checkpoint_t checkpoint = cc_heap_checkpoint(heap);
    for (int i = 0; i < 10000; i++) CHECK(cc_heap_alloc(heap, 50) != NULL);
    CHECK(counting.live > 50);
    CHECK_EQUAL(counting.live, cc_heap_block_count(heap));
    cc_heap_checkpoint_t later = cc_heap_checkpoint(heap);
    CHECK_EQUAL(cc_heap_release(heap, checkpoint), CC_OK);
    CHECK_EQUAL(counting.live, 1);
    CHECK_EQUAL(cc_heap_release(heap, later), CC_ERROR_STATE);
    CHECK(strcmp(cc_heap_get_top(heap, NULL), "stays") == 0);
    for (int turn = 0; turn < 3; turn++) { /* so does taking back the latest, when its block is empty then */
        CHECK(cc_heap_alloc(heap, 100000) != NULL);
        CHECK_EQUAL(cc_heap_block_count(heap), 2);
        CHECK_EQUAL(cc_heap_free_top(heap), CC_OK);
        CHECK_EQUAL(cc_heap_block_count(heap), 1);
        CHECK_EQUAL(counting.live, 1);
    }
    cc_heap_destroy(heap);
    CHECK_EQUAL(counting.live, 0);
    cc_heap_destroy(NULL);
}

static void test_search_fails_and_is_tried_again(void) {
    counting_t counting = counting_begin();
    cc_heap_options_t options = {.type = CC_HEAP_SEARCH, .allocator = &counting.methods};
    cc_heap_t *heap = cc_heap_create(&options);
    size_t requests = counting.requests, count = 0;
    while (cc_heap_alloc(heap, 16) != NULL) count++;
    CHECK(count >= 1);
    CHECK_EQUAL(counting.requests, requests);
    CHECK_EQUAL(cc_heap_add_spare(heap, 16), CC_OK);
    CHECK_EQUAL(cc_heap_add_spare(heap, 16), CC_OK); /* it is there */
    CHECK_EQUAL(counting.requests, requests + 1);
    CHECK(cc_heap_alloc(heap, 100000) == NULL); /* the spare block is too small, and stays */
    CHECK(cc_heap_alloc(heap, 16) != NULL);
    CHECK_EQUAL(counting.requests, requests + 1);
    CHECK_EQUAL(cc_heap_add_spare(heap, 16), CC_OK);
    CHECK_EQUAL(cc_heap_add_spare(heap, 100000), CC_OK); /* exchanged */
    CHECK_EQUAL(counting.live, 3);
    CHECK(cc_heap_alloc(heap, 100000) != NULL);
    CHECK_EQUAL(cc_heap_add_spare(heap, 16), CC_OK);
    cc_heap_destroy(heap);
    CHECK_EQUAL(counting.live, 0);
    heap = cc_heap_create(NULL);
    CHECK_EQUAL(cc_heap_add_spare(heap, 16), CC_ERROR_STATE);
    cc_heap_destroy(heap);
}

static void test_texts(void) {
    cc_heap_t *heap = cc_heap_create(NULL);
    CHECK(strcmp(cc_heap_strdup(heap, "one"), "one") == 0);
    CHECK(strcmp(cc_heap_strdup(heap, ""), "") == 0);
    CHECK(strcmp(cc_heap_strdupl(heap, "two and more", 3), "two") == 0);
    CHECK(strcmp(cc_heap_strcat(heap, "three", "four"), "threefour") == 0);
    CHECK(strcmp(cc_heap_printf(heap, "%d %s", 5, "six"), "5 six") == 0);
    CHECK(strcmp(cc_heap_printf(heap, "%s", ""), "") == 0);
    CHECK_EQUAL(strlen(cc_heap_printf(heap, "%5000d", 1)), 5000);
    CHECK(memcmp(cc_heap_dup(heap, "data", 4), "data", 4) == 0);
    char *zeros = cc_heap_zalloc(heap, 200);
    for (int i = 0; i < 200; i++) CHECK_EQUAL(zeros[i], 0);
    CHECK(cc_heap_validate(heap));
    cc_heap_destroy(heap);
}

static void test_bad_arguments(void) {
    cc_heap_t *heap = cc_heap_create(NULL);
    CHECK(cc_heap_alloc(heap, check_hide(0)) == NULL);
    CHECK(cc_heap_alloc(heap, check_hide(SIZE_MAX)) == NULL);
    CHECK(cc_heap_alloc(heap, check_hide(PTRDIFF_MAX)) == NULL);
    CHECK(cc_heap_alloc_aligned(heap, 8, check_hide(0)) == NULL);
    CHECK(cc_heap_alloc_aligned(heap, 8, check_hide(24)) == NULL);
    CHECK(cc_heap_alloc_aligned(heap, 8, check_hide(SIZE_MAX / 2 + 1)) == NULL);
    CHECK(cc_heap_get_top(heap, NULL) == NULL);
    CHECK_EQUAL(cc_heap_free_top(heap), CC_ERROR_STATE);
    cc_heap_destroy(heap);
    cc_heap_options_t options = {.type = CC_HEAP_BUFFER};
    CHECK(cc_heap_create(&options) == NULL);
    cc_pool_options_t small = {.block_size = 100};
    options.pool = cc_pool_create(&small);
    CHECK(cc_heap_create(&options) == NULL);
    cc_pool_destroy(options.pool);
    cc_heap_options_t huge = {.start_size = SIZE_MAX};
    CHECK(cc_heap_create(&huge) == NULL);
}

static void test_print_and_validate(void) {
    cc_heap_t *heap = cc_heap_create(NULL);
    char *text = cc_heap_strdup(heap, "12345");
    for (int i = 0; i < 100; i++) CHECK(cc_heap_alloc(heap, 100) != NULL);
    FILE *stream = tmpfile();
    cc_heap_print(heap, stream);
    rewind(stream);
    char line[200];
    size_t lines = 0;
    while (fgets(line, sizeof line, stream) != NULL) lines++;
    fclose(stream);
    CHECK_EQUAL(lines, 1 + cc_heap_block_count(heap));
    CHECK(cc_heap_validate(heap));
#if !defined(__SANITIZE_ADDRESS__) && !defined(CC_VALGRIND)
    volatile char *behind = text + check_hide(6);
#if defined(CC_DEBUG)
    char was = *behind; /* one byte behind the text */
    *behind = 'x';
    CHECK(!cc_heap_validate(heap));
    *behind = was;
    CHECK(cc_heap_validate(heap));
#endif
    char kept[40]; /* over the header */
    memcpy(kept, (char *)(uintptr_t)behind, sizeof kept);
    memset((char *)(uintptr_t)behind, 0x41, sizeof kept);
    CHECK(!cc_heap_validate(heap));
    memcpy((char *)(uintptr_t)behind, kept, sizeof kept);
    CHECK(cc_heap_validate(heap));
#else
    (void)text;
#endif
    cc_heap_destroy(heap);
}

int main(void) {
    RUN(test_random_operations);
    RUN(test_random_operations_on_a_pool);
    RUN(test_blocks_double_up_to_the_standard_size);
    RUN(test_release_gives_blocks_back);
    RUN(test_search_fails_and_is_tried_again);
    RUN(test_texts);
    RUN(test_bad_arguments);
    RUN(test_print_and_validate);
    return 0;
}
