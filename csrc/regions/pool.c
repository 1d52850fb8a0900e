/* regions/pool.c: blocks of one size: the calls. A pool with one owner links its free blocks by their first words;
 * pool_shared.c has the free blocks of the others. */
#include "pool.h"

#include <stdio.h>

enum { CHUNK_BYTES = 4096, MOST_ALIGNMENT = 4096, RUN = 32 };

static inline cc__pool_t *whole(const cc_pool_t *pool) {
    return (cc__pool_t *)(uintptr_t)pool;
}

size_t cc__pool_block_size(const cc_pool_t *pool) {
    return whole(pool)->options.block_size;
}

/* ---- beginning and end ------------------------------------------------------------------------------------------- */

/* The options with the defaults, and what follows from them. False when one is out of its range. */
static bool plan(cc__pool_t *pool, const cc_pool_options_t *options) {
    *pool = (cc__pool_t){.options = *options, .number = SIZE_MAX, .fast_id = UINT64_MAX};
    cc_pool_options_t *now = &pool->options;
    if (now->block_size == 0 || now->block_size > CC__MOST / 2) return false;
    if (now->alignment == 0) now->alignment = now->block_size <= 8 ? 8 : CC__ALIGNMENT;
    if (!cc__is_power_of_two(now->alignment) || now->alignment > MOST_ALIGNMENT) return false;
    if (now->alignment < sizeof(void *)) now->alignment = sizeof(void *);
    size_t size = now->block_size < sizeof(void *) ? sizeof(void *) : now->block_size;
    pool->stride = cc__round_up(size + CC__GAP, now->alignment);
    pool->checked = now->checked || CC__WATCHED;
    pool->in_buffer = now->buffer != NULL;
    if (pool->in_buffer && (!now->fixed || now->cached)) return false;
    pool->kind = !now->shared ? CC__POOL_OWN : now->fixed && !now->cached ? CC__POOL_EXACT : CC__POOL_CACHED;
    if (now->blocks == 0) now->blocks = pool->stride <= CHUNK_BYTES ? CHUNK_BYTES / pool->stride : 1;
    pool->next_blocks = now->blocks;
    pool->batch = CHUNK_BYTES * 8 / pool->stride;
    pool->batch = pool->batch < 1 ? 1 : pool->batch > CC__BATCH ? CC__BATCH : pool->batch;
    return cc__pool_chunk_bytes(pool, now->blocks) != 0;
}

static size_t pool_bytes(void) {
    return cc__round_up(sizeof(cc__pool_t), CC_CACHE_LINE_SIZE) + CC_CACHE_LINE_SIZE;
}

size_t cc_pool_buffer_bytes(const cc_pool_options_t *options) {
    if (options == NULL) return 0;
    cc__pool_t pool;
    cc_pool_options_t fixed = *options;
    fixed.fixed = true;
    if (options->blocks == 0 || options->cached || !plan(&pool, &fixed)) return 0;
    return pool_bytes() + cc__pool_chunk_bytes(&pool, options->blocks) + CC__ALIGNMENT;
}

/* The most blocks that fit into `room` bytes. */
static size_t blocks_in(const cc__pool_t *pool, size_t room) {
    size_t low = 0, high = room / pool->stride + 1; /* low fits, high does not */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2, bytes = cc__pool_chunk_bytes(pool, middle);
        *(bytes != 0 && bytes <= room ? &low : &high) = middle;
    }
    return low;
}

cc_pool_t *cc_pool_create(const cc_pool_options_t *options) {
    cc__pool_t planned;
    if (options == NULL || !plan(&planned, options)) return NULL;
    size_t room = 0;
    char *memory = options->buffer;
    if (memory != NULL) {
        size_t gap = cc__gap(memory, CC__ALIGNMENT);
        if (options->buffer_bytes > CC__MOST || options->buffer_bytes < gap + pool_bytes()) return NULL;
        memory += gap;
        room = (options->buffer_bytes - gap - pool_bytes()) & ~(size_t)(CC__ALIGNMENT - 1);
        if (options->blocks == 0) planned.options.blocks = blocks_in(&planned, room);
        if (planned.options.blocks == 0 || cc__pool_chunk_bytes(&planned, planned.options.blocks) > room) return NULL;
    } else {
        memory = cc__region_take(options->allocator, pool_bytes());
        if (memory == NULL) return NULL;
    }
    char *begin = memory + cc__gap(memory, CC_CACHE_LINE_SIZE);
    cc__pool_t *pool = (cc__pool_t *)(void *)begin;
    *pool = planned;
    pool->options.buffer = memory; /* from now on: what the pool lies in */
    pool->shown.direct = pool->kind == CC__POOL_OWN && !pool->checked;
    int status = CC_OK;
    if (pool->kind == CC__POOL_CACHED) status = cc__pool_share(pool);
    if (status == CC_OK && pool->in_buffer)
        cc__pool_begin_chunk(pool, memory + pool_bytes(), room, pool->options.blocks);
    else if (status == CC_OK && pool->options.fixed)
        status = pool->kind == CC__POOL_CACHED ? cc__pool_grow_cached(pool) : cc__pool_grow(pool);
    if (status == CC_OK) return &pool->shown;
    cc_pool_destroy(&pool->shown);
    return NULL;
}

void cc_pool_destroy(cc_pool_t *shown) {
    if (shown == NULL) return;
    cc__pool_t *pool = whole(shown);
    if (pool->kind == CC__POOL_CACHED) cc__pool_unshare(pool);
    for (cc__chunk_t *chunk = cc__load_relaxed(&pool->chunk), *before; chunk != NULL; chunk = before) {
        before = chunk->before;
        if (pool->in_buffer)
            cc__unpoison(chunk->first, chunk->blocks * pool->stride);
        else
            cc__region_give(pool->options.allocator, chunk, chunk->bytes);
    }
    if (!pool->in_buffer) cc__region_give(pool->options.allocator, pool->options.buffer, pool_bytes());
}

/* ---- live bits --------------------------------------------------------------------------------------------------- */

static int refuse(const cc__pool_t *pool, int status, const char *what, const void *block) {
#if defined(CC_DEBUG)
    fprintf(stderr, "cc_pool_free: %p is %s of the pool at %p\n", block, what, (const void *)pool);
#else
    (void)pool, (void)what, (void)block;
#endif
    return status;
}

static int check_free(cc__pool_t *pool, const void *block) {
    size_t index, inside;
    cc__chunk_t *chunk = cc__pool_find(pool, block, &index, &inside);
    if (chunk == NULL) return refuse(pool, CC_ERROR_ARGUMENT, "no block", block);
    if (inside != 0) return refuse(pool, CC_ERROR_ARGUMENT, "inside a block", block);
    if (!cc__pool_set_live(chunk, index, false)) return refuse(pool, CC_ERROR_STATE, "a free block", block);
    return CC_OK;
}

static void note_free(cc__pool_t *pool, void *block) {
    size_t index, inside;
    cc__chunk_t *chunk = cc__pool_find(pool, block, &index, &inside);
    (void)cc__pool_set_live(chunk, index, false);
}

/* pre: nobody uses the pool. */
static void make_live_bits(cc__pool_t *pool) {
    if (pool->checked) return;
    for (cc__chunk_t *chunk = cc__load_relaxed(&pool->chunk); chunk != NULL; chunk = chunk->before)
        for (size_t i = 0, carved = cc__chunk_carved(chunk); i < chunk->blocks; i++)
            (void)cc__pool_set_live(chunk, i, i < carved);
    if (pool->kind != CC__POOL_OWN) {
        cc__pool_each_free(pool, note_free);
        return;
    }
    for (void *block = pool->shown.free; block != NULL; memcpy(&block, block, sizeof block)) note_free(pool, block);
}

void cc_pool_each(cc_pool_t *shown, void (*visit)(void *block, void *context), void *context) {
    cc__pool_t *pool = whole(shown);
    make_live_bits(pool);
    for (cc__chunk_t *chunk = cc__load_relaxed(&pool->chunk); chunk != NULL; chunk = chunk->before)
        for (size_t i = 0; i < chunk->blocks; i++)
            if ((cc__load_relaxed(&chunk->live[i / 64]) >> i % 64 & 1) != 0)
                visit(chunk->first + i * pool->stride, context);
}

static void count_one(void *block, void *count) {
    (void)block;
    (*(size_t *)count)++;
}

cc_pool_status_t cc_pool_status(cc_pool_t *shown) {
    cc__pool_t *pool = whole(shown);
    cc_pool_status_t status = {
        .block_size = pool->options.block_size, .stride = pool->stride, .reserved = pool_bytes()};
    cc_pool_each(shown, count_one, &status.live);
    for (cc__chunk_t *chunk = cc__load_relaxed(&pool->chunk); chunk != NULL; chunk = chunk->before) {
        status.blocks += chunk->blocks;
        status.chunks++;
        status.reserved += chunk->bytes;
    }
    return status;
}

/* ---- one owner --------------------------------------------------------------------------------------------------- */

static void *own_alloc(cc__pool_t *pool) {
    void *block = pool->free;
    if (block != NULL) {
        cc__unpoison_kept(block, sizeof block);
        memcpy(&pool->free, block, sizeof block);
        return block;
    }
    char *first;
    size_t count = cc__pool_carve(pool, pool->checked ? 1 : RUN, &first);
    if (count == 0) {
        if (pool->options.fixed || cc__pool_grow(pool) != CC_OK) return NULL;
        count = cc__pool_carve(pool, pool->checked ? 1 : RUN, &first);
    }
    for (size_t i = count; i-- > 1;) {
        char *other = first + i * pool->stride;
        memcpy(other, &pool->shown.free, sizeof(void *));
        pool->shown.free = other;
    }
    return first;
}

static void own_free(cc__pool_t *pool, void *block) {
    cc__unpoison(block, sizeof block);
    memcpy(block, &pool->free, sizeof block);
    pool->free = block;
}

/* ---- the calls --------------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) void *alloc_rarely(cc__pool_t *pool) {
    void *block = pool->kind == CC__POOL_OWN     ? own_alloc(pool)
                  : pool->kind == CC__POOL_EXACT ? cc__pool_exact_alloc(pool)
                                                 : cc__pool_cached_alloc(pool);
    if (block == NULL || !pool->checked) return block;
    size_t index, inside;
    cc__chunk_t *chunk = cc__pool_find(pool, block, &index, &inside);
    (void)cc__pool_set_live(chunk, index, true);
    cc__region_open(block, pool->options.block_size);
    return block;
}

static __attribute__((noinline)) int free_rarely(cc__pool_t *pool, void *block) {
    if (block == NULL) return CC_OK;
    if (pool->checked) {
        int status = check_free(pool, block);
        if (status != CC_OK) return status;
        cc__region_close(block, pool->options.block_size);
    }
    if (pool->kind == CC__POOL_OWN) {
        own_free(pool, block);
        cc__poison(block, pool->options.block_size);
    } else if (pool->kind == CC__POOL_EXACT) {
        cc__pool_exact_free(pool, block);
    } else {
        cc__pool_cached_free(pool, block);
    }
    return CC_OK;
}

/* Threads that have a cache of the pool find it here, without another call. */
void *cc_pool_alloc_slowly(cc_pool_t *shown) {
    cc__pool_t *pool = whole(shown);
    cc__pool_cache_t *cache = cc__pool_cache(pool, pool->fast_id);
    if (CC_LIKELY(cache != NULL && cache->count > 0)) return cache->blocks[--cache->count];
    return alloc_rarely(pool);
}

int cc_pool_free_slowly(cc_pool_t *shown, void *block) {
    cc__pool_t *pool = whole(shown);
    cc__pool_cache_t *cache = cc__pool_cache(pool, pool->fast_id);
    if (CC_LIKELY(cache != NULL && cache->count < 2 * pool->batch && block != NULL)) {
        cache->blocks[cache->count++] = block;
        return CC_OK;
    }
    return free_rarely(pool, block);
}
