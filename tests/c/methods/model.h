/* model.h: static and buddy against a map of the buffer, for the random tests and the fuzzer. The map says where each
 * block must lie: at the lowest free place that fits. Whoever includes this defines CHECK and CHECK_EQUAL. */
#ifndef MODEL_H
#define MODEL_H

#include "cc/methods.h"

#include <string.h>

enum { MODEL_PLACES = 1 << 14, MODEL_BLOCKS = 4096 };

typedef struct model_block {
    unsigned char *pointer;
    size_t size; /* size() */
    unsigned char stamp;
} model_block_t;

typedef struct model {
    cc_mem_methods_t methods;
    bool buddy;
    size_t granule, header, places; /* a block of n granules has n * granule - header bytes for the user */
    unsigned char *base;            /* the first granule */
    size_t first_free_blocks;       /* of the empty buffer */
    unsigned char taken[MODEL_PLACES];
    model_block_t blocks[MODEL_BLOCKS];
    size_t count, failed;
    uint64_t operations;
} model_t;

static inline cc_mem_buffer_status_t model_status(const model_t *model) {
    cc_mem_buffer_status_t status;
    CHECK_EQUAL(cc_mem_buffer_status(&model->methods, &status), CC_OK);
    return status;
}

/* min_block 0: static, else buddy with that size (a power of two). */
static inline void model_create(model_t *model, void *buffer, size_t bytes, size_t min_block) {
    memset(model, 0, sizeof *model);
    model->buddy = min_block != 0;
    CHECK_EQUAL(model->buddy ? cc_mem_buddy_create(&model->methods, buffer, bytes, min_block)
                             : cc_mem_static_create(&model->methods, buffer, bytes),
                CC_OK);
    CHECK_EQUAL(model->methods.init(model->methods.context), CC_OK);
    model->granule = model->buddy ? min_block : 16;
    model->header = model->buddy ? 0 : 8;
    cc_mem_buffer_status_t status = model_status(model);
    model->places = (status.capacity + model->header) / model->granule;
    model->first_free_blocks = status.free_blocks;
    CHECK(model->places <= MODEL_PLACES);
    CHECK_EQUAL(status.used, 0);
    unsigned char *first = (unsigned char *)model->methods.malloc(1, model->methods.context);
    model->base = first - model->header;
    CHECK(first != NULL && model->base >= (unsigned char *)buffer);
    CHECK(model->base + model->places * model->granule <= (unsigned char *)buffer + bytes);
    model->methods.free(first, model->methods.context);
}

/* Granules for a request, more than there are if it is too large. */
static inline size_t model_granules(const model_t *model, size_t size) {
    if (size > model->places * model->granule) return model->places + 1;
    size_t granules = (size + model->header + model->granule - 1) / model->granule, power = 1;
    while (power < granules) power *= 2;
    return model->buddy ? power : granules;
}

/* The lowest free place for so many granules; SIZE_MAX if there is none. */
static inline size_t model_place(const model_t *model, size_t granules) {
    size_t step = model->buddy ? granules : 1;
    for (size_t place = 0; place + granules <= model->places; place += step)
        if (memchr(&model->taken[place], 1, granules) == NULL) return place;
    return SIZE_MAX;
}

static inline void model_take(model_t *model, model_block_t *block, bool taken) {
    size_t place = (size_t)(block->pointer - model->header - model->base) / model->granule;
    memset(&model->taken[place], taken, (block->size + model->header) / model->granule);
}

static inline unsigned char model_byte(const model_block_t *block, size_t at) {
    return (unsigned char)(block->stamp + at * 31);
}

static inline void model_write(const model_block_t *block) {
    for (size_t i = 0; i < block->size; i++) block->pointer[i] = model_byte(block, i);
}

static inline void model_read(const model_block_t *block, const unsigned char *pointer, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (pointer[i] != model_byte(block, i)) CHECK(!"a byte of the block has changed");
}

/* What every block of size() bytes, asked for as `size`, must be. */
static inline void model_look(const model_t *model, unsigned char *pointer, size_t size, size_t place,
                              size_t granules) {
    CHECK(pointer == model->base + place * model->granule + model->header);
    CHECK_EQUAL((uintptr_t)pointer % (size > 8 || !model->buddy ? 16 : 8), 0);
    CHECK_EQUAL(model->methods.size(pointer, model->methods.context), granules * model->granule - model->header);
    CHECK_EQUAL(model->methods.roundup(size, model->methods.context),
                model_granules(model, size) * model->granule - model->header);
    CHECK(model->methods.roundup(size, model->methods.context) >= size);
}

static inline void model_malloc(model_t *model, size_t size) {
    if (model->count == MODEL_BLOCKS || size == 0) return;
    model->operations++;
    size_t granules = model_granules(model, size), place = model_place(model, granules);
    unsigned char *pointer = (unsigned char *)model->methods.malloc(size, model->methods.context);
    CHECK_EQUAL(pointer == NULL, place == SIZE_MAX);
    model->failed += pointer == NULL;
    if (pointer == NULL) return;
    model_look(model, pointer, size, place, granules);
    model_block_t *block = &model->blocks[model->count++];
    block->pointer = pointer;
    block->size = model->methods.size(pointer, model->methods.context);
    block->stamp = (unsigned char)(model->operations * 7);
    model_take(model, block, true);
    model_write(block);
}

static inline void model_free(model_t *model, size_t index) {
    if (model->count == 0) return;
    model->operations++;
    model_block_t *block = &model->blocks[index % model->count];
    CHECK_EQUAL(model->methods.size(block->pointer, model->methods.context), block->size);
    model_read(block, block->pointer, block->size);
    model_take(model, block, false);
    model->methods.free(block->pointer, model->methods.context);
    *block = model->blocks[--model->count];
}

static inline void model_realloc(model_t *model, size_t index, size_t size) {
    if (model->count == 0 || size == 0) return;
    model->operations++;
    model_block_t *block = &model->blocks[index % model->count];
    size_t granules = model_granules(model, size), old = (block->size + model->header) / model->granule;
    size_t at = (size_t)(block->pointer - model->header - model->base) / model->granule, place = at;
    if (model->buddy && granules <= old) {
        granules = old; /* it stays as it is */
    } else if (granules > old && (model->buddy || at + granules > model->places ||
                                  memchr(&model->taken[at + old], 1, granules - old) != NULL)) {
        place = model_place(model, granules);
    }
    unsigned char *moved = (unsigned char *)model->methods.realloc(block->pointer, size, model->methods.context);
    CHECK_EQUAL(moved == NULL, place == SIZE_MAX);
    model->failed += moved == NULL;
    if (moved == NULL) {
        CHECK_EQUAL(model->methods.size(block->pointer, model->methods.context), block->size);
        model_read(block, block->pointer, block->size);
        return;
    }
    model_look(model, moved, size, place, granules);
    size_t bytes = model->methods.size(moved, model->methods.context);
    model_read(block, moved, bytes < block->size ? bytes : block->size);
    model_take(model, block, false);
    block->pointer = moved;
    block->size = bytes;
    model_take(model, block, true);
    model_write(block);
}

/* What the allocator says of itself against the map. */
static inline void model_check(const model_t *model) {
    cc_mem_buffer_status_t status = model_status(model);
    size_t taken = 0, largest = 0;
    for (size_t place = 0; place < model->places; place++) taken += model->taken[place];
    CHECK_EQUAL(status.used, taken * model->granule);
    CHECK_EQUAL(status.live_blocks, model->count);
    CHECK_EQUAL(status.failed, model->failed);
    CHECK(status.peak_used >= status.used);
    for (size_t granules = 1; granules <= model->places; granules = model->buddy ? granules * 2 : granules + 1) {
        if (model_place(model, granules) == SIZE_MAX) break;
        largest = granules * model->granule - model->header;
    }
    CHECK_EQUAL(status.largest_free, largest);
    if (model->count == 0) CHECK_EQUAL(status.free_blocks, model->first_free_blocks);
}

static inline void model_free_all(model_t *model) {
    while (model->count > 0) model_free(model, model->count - 1);
    model_check(model);
}

#endif
