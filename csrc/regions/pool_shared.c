/* regions/pool_shared.c: pools for many threads.
 *
 * An exact pool is one stack of free blocks (Treiber, "Systems Programming: Coping with Parallelism", 1986), linked by
 * index in an array beside the blocks, so that nobody reads a block that is another's. In a cached pool each thread has
 * free blocks of its own, which it takes and gives without atomic operations. A batch of them goes to the others, or
 * comes from them, in a magazine (Bonwick and Adams, "Magazines and Vmem", USENIX 2001): there is a stack of full ones
 * and one of empty ones. There are always enough empty ones for a free to succeed:
 *     magazines >= blocks / batch + threads + 2
 * since each full one holds `batch` free blocks, and a thread holds one for a moment. */
#include "pool.h"

#include "../base/fault.h"
#include "../base/fork.h"

/* caches_lock: the pools' lists of caches, their numbers, their common caches. growth_lock: chunks and magazines. They
 * are taken in this order and held over a fork. */
static cc__mutex_t caches_lock, growth_lock;
static void *pools; /* a table of the pools by number; NULL: the number is free */
static _Atomic(uint64_t) last_id;

/* ---- stacks by index --------------------------------------------------------------------------------------------- */

typedef _Atomic(uint32_t) *(*link_of_t)(const cc__pool_t *pool, uint32_t index);

static inline void push(const cc__pool_t *pool, _Atomic(uint64_t) *stack, link_of_t link_of, uint32_t index) {
    uint64_t head = cc__load_relaxed(stack), next;
    do {
        cc__store_relaxed(link_of(pool, index), (uint32_t)head); /* published by the exchange */
        next = ((head >> 32) + 1) << 32 | (index + 1);
        /* linearizes; release: who pops sees the link and the content */
    } while (!cc__swap_if_acq_rel(stack, &head, next));
}

static inline bool pop(const cc__pool_t *pool, _Atomic(uint64_t) *stack, link_of_t link_of, uint32_t *index) {
    uint64_t head = cc__load_acquire(stack), next; /* pairs with the exchange in push: the link */
    do {
        if ((uint32_t)head == 0) return false;
        *index = (uint32_t)head - 1;
        /* another thread may have popped it and changed the link: then the head's number has changed, too */
        next = ((head >> 32) + 1) << 32 | cc__load_relaxed(link_of(pool, *index));
    } while (!cc__swap_if_acq_rel(stack, &head, next)); /* linearizes; acquire pairs with the release in push */
    return true;
}

/* ---- exact pools ------------------------------------------------------------------------------------------------- */

static inline _Atomic(uint32_t) *block_link(const cc__pool_t *pool, uint32_t index) {
    return &cc__load_relaxed(&pool->chunk)->links[index]; /* there is one chunk, from before the pool was shared */
}

void *cc__pool_exact_alloc(cc__pool_t *pool) {
    uint32_t index;
    if (pop(pool, &pool->full, block_link, &index)) return cc__load_relaxed(&pool->chunk)->first + index * pool->stride;
    char *first;
    if (cc__pool_carve(pool, 1, &first) == 1) return first;
    /* a block may have come back since the first look, but none was fresh then */
    if (pop(pool, &pool->full, block_link, &index)) return cc__load_relaxed(&pool->chunk)->first + index * pool->stride;
    return NULL;
}

void cc__pool_exact_free(cc__pool_t *pool, void *block) {
    size_t offset = (size_t)((char *)block - cc__load_relaxed(&pool->chunk)->first);
    push(pool, &pool->full, block_link, (uint32_t)(offset / pool->stride));
}

/* ---- magazines --------------------------------------------------------------------------------------------------- */

static size_t magazine_size(const cc__pool_t *pool) {
    return sizeof(cc__magazine_t) + pool->batch * sizeof(void *);
}

/* Group n begins with index FIRST * (2^n - 1). */
static inline cc__magazine_t *magazine(const cc__pool_t *pool, uint32_t index) {
    uint32_t group = 31u - (uint32_t)__builtin_clz(index / CC__FIRST_GROUP + 1);
    uint32_t inside = index - CC__FIRST_GROUP * ((1u << group) - 1);
    return (cc__magazine_t *)(void *)((char *)pool->groups[group] + inside * magazine_size(pool));
}

static inline _Atomic(uint32_t) *magazine_link(const cc__pool_t *pool, uint32_t index) {
    return &magazine(pool, index)->link;
}

/* Makes enough magazines for `blocks` more, before these come. A group is written before its magazines are pushed,
 * which publishes it. CC_ERROR_MEMORY. pre: the growth lock, or nobody else uses the pool. */
static int more_magazines(cc__pool_t *pool, size_t blocks) {
    for (cc__chunk_t *chunk = cc__load_relaxed(&pool->chunk); chunk != NULL; chunk = chunk->before)
        blocks += chunk->blocks;
    size_t needed = (blocks + pool->batch - 1) / pool->batch + pool->threads + 2;
    for (size_t group = 0; pool->magazines < needed; group++) {
        size_t count = (size_t)CC__FIRST_GROUP << group;
        if (group == CC__MAGAZINE_GROUPS) return CC_ERROR_MEMORY;
        if (pool->groups[group] != NULL) continue;
        cc__magazine_t *fresh = cc__region_take(pool->options.allocator, count * magazine_size(pool));
        if (fresh == NULL) return CC_ERROR_MEMORY;
        pool->groups[group] = fresh;
        for (size_t i = 0; i < count; i++) push(pool, &pool->empty, magazine_link, (uint32_t)(pool->magazines + i));
        pool->magazines += count;
    }
    return CC_OK;
}

int cc__pool_grow_cached(cc__pool_t *pool) {
    int status = more_magazines(pool, pool->next_blocks);
    return status == CC_OK ? cc__pool_grow(pool) : status;
}

/* ---- caches ------------------------------------------------------------------------------------------------------ */

static bool fill_from_chunk(cc__pool_t *pool, cc__pool_cache_t *cache) {
    char *first;
    size_t count = cc__pool_carve(pool, pool->batch, &first);
    for (size_t i = 0; i < count; i++) cache->blocks[count - 1 - i] = first + i * pool->stride;
    cache->count = count;
    return count > 0;
}

static bool fill_from_magazine(cc__pool_t *pool, cc__pool_cache_t *cache) {
    uint32_t index;
    if (!pop(pool, &pool->full, magazine_link, &index)) return false;
    memcpy(cache->blocks, magazine(pool, index)->blocks, pool->batch * sizeof(void *));
    cache->count = pool->batch;
    push(pool, &pool->empty, magazine_link, index);
    return true;
}

/* pre: the cache is empty. */
static bool fill(cc__pool_t *pool, cc__pool_cache_t *cache) {
    if (fill_from_magazine(pool, cache) || fill_from_chunk(pool, cache)) return true;
    cc__mutex_lock(&growth_lock);
    bool filled = fill_from_magazine(pool, cache) || fill_from_chunk(pool, cache);
    while (!filled && !pool->options.fixed && cc__pool_grow_cached(pool) == CC_OK)
        filled = fill_from_chunk(pool, cache);
    cc__mutex_unlock(&growth_lock);
    return filled;
}

static inline void *take(cc__pool_t *pool, cc__pool_cache_t *cache) {
    if (CC_UNLIKELY(cache->count == 0) && !fill(pool, cache)) return NULL;
    return cache->blocks[--cache->count];
}

/* Sends the batch that has lain longest to the others. */
static __attribute__((noinline)) void send(cc__pool_t *pool, cc__pool_cache_t *cache) {
    uint32_t index;
    while (!pop(pool, &pool->empty, magazine_link, &index)) cc__os_yield(); /* never: see above */
    size_t bytes = pool->batch * sizeof(void *);
    memcpy(magazine(pool, index)->blocks, cache->blocks, bytes);
    memmove(cache->blocks, cache->blocks + pool->batch, bytes);
    cache->count = pool->batch;
    push(pool, &pool->full, magazine_link, index);
}

static inline void give(cc__pool_t *pool, cc__pool_cache_t *cache, void *block) {
    if (CC_UNLIKELY(cache->count == 2 * pool->batch)) send(pool, cache);
    cache->blocks[cache->count++] = block;
}

/* ---- which cache ------------------------------------------------------------------------------------------------- */

/* Of no pool: the entry of a number under which the thread has had no cache. */
static cc__pool_cache_t no_cache;

/* The thread's cache of the pool's number, of no pool or of an earlier one with that number. NULL without memory. */
static cc__pool_cache_t *cache_for(cc__thread_t *thread, size_t number) {
    cc__table_t *caches = cc__table_with_room(&thread->slots[CC__SLOT_REGIONS], number, &no_cache);
    cc__pool_cache_t *cache = cc__table_at(caches, number);
    if (cache != &no_cache) return cache;
    cache = cc__own_calloc(1, sizeof *cache);
    if (cache != NULL) cc__table_set(caches, number, cache);
    return cache;
}

/* Gives the calling thread a cache. NULL without memory. */
static __attribute__((noinline)) cc__pool_cache_t *attach(cc__pool_t *pool) {
    cc__thread_t *thread = cc__thread_get();
    cc__pool_cache_t *cache = thread != NULL ? cache_for(thread, pool->number) : NULL;
    if (cache == NULL) return NULL;
    cc__mutex_lock(&caches_lock);
    cc__mutex_lock(&growth_lock);
    pool->threads++;
    int status = more_magazines(pool, 0);
    if (status != CC_OK) pool->threads--;
    cc__mutex_unlock(&growth_lock);
    if (status == CC_OK) {
        cache->pool_id = pool->id;
        cache->count = 0;
        cache->next = pool->caches;
        pool->caches = cache;
    }
    cc__mutex_unlock(&caches_lock);
    return status == CC_OK ? cache : NULL;
}

static void end_thread(cc__thread_t *thread) {
    const cc__table_t *caches = thread->slots[CC__SLOT_REGIONS];
    cc__mutex_lock(&caches_lock);
    for (size_t number = 0; number < caches->capacity; number++) {
        cc__pool_cache_t *cache = cc__table_at(caches, number);
        if (cache == &no_cache) continue;
        cc__pool_t *pool = cc__table_at(pools, number);
        if (pool != NULL && cache->pool_id == pool->id) {
            cc__pool_cache_t **link = &pool->caches;
            while (*link != cache) link = &(*link)->next;
            *link = cache->next;
            while (cache->count > 0) give(pool, &pool->common, cache->blocks[--cache->count]);
            cc__mutex_lock(&growth_lock);
            pool->threads--;
            cc__mutex_unlock(&growth_lock);
        }
        free(cache);
    }
    cc__mutex_unlock(&caches_lock);
    cc__table_drop(&thread->slots[CC__SLOT_REGIONS]);
}

/* ---- the calls --------------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) void *alloc_rarely(cc__pool_t *pool, cc__pool_cache_t *cache) {
    if (cache == NULL) cache = attach(pool);
    void *block = cache != NULL ? take(pool, cache) : NULL;
    if (block != NULL) return block;
    cc__mutex_lock(&caches_lock); /* what ended threads left */
    block = take(pool, &pool->common);
    cc__mutex_unlock(&caches_lock);
    return block;
}

void *cc__pool_cached_alloc(cc__pool_t *pool) {
    cc__pool_cache_t *cache = cc__pool_cache(pool, pool->id);
    if (CC_UNLIKELY(cache == NULL || cache->count == 0)) return alloc_rarely(pool, cache);
    return cache->blocks[--cache->count];
}

static __attribute__((noinline)) void free_rarely(cc__pool_t *pool, void *block) {
    cc__pool_cache_t *cache = attach(pool);
    if (cache != NULL) {
        give(pool, cache, block);
        return;
    }
    cc__mutex_lock(&caches_lock);
    give(pool, &pool->common, block);
    cc__mutex_unlock(&caches_lock);
}

void cc__pool_cached_free(cc__pool_t *pool, void *block) {
    cc__pool_cache_t *cache = cc__pool_cache(pool, pool->id);
    if (CC_LIKELY(cache != NULL))
        give(pool, cache, block);
    else
        free_rarely(pool, block);
}

/* ---- beginning, end, looking ------------------------------------------------------------------------------------- */

int cc__pool_share(cc__pool_t *pool) {
    pool->id = cc__add_relaxed(&last_id, 1) + 1;
    cc__mutex_lock(&caches_lock);
    cc__thread_at_exit(CC__SLOT_REGIONS, end_thread);
    size_t number = 0;
    while (cc__table_at(pools, number) != NULL) number++;
    cc__table_t *table = cc__table_with_room(&pools, number, NULL);
    if (table == NULL) {
        cc__mutex_unlock(&caches_lock);
        return CC_ERROR_MEMORY;
    }
    pool->number = number;
    pool->fast_id = pool->checked ? UINT64_MAX : pool->id;
    cc__table_set(table, number, pool);
    cc__mutex_lock(&growth_lock);
    int status = more_magazines(pool, 0);
    cc__mutex_unlock(&growth_lock);
    cc__mutex_unlock(&caches_lock);
    return status;
}

void cc__pool_unshare(cc__pool_t *pool) {
    cc__mutex_lock(&caches_lock);
    if (pool->number != SIZE_MAX) /* the threads' caches are of no pool from now on */
        cc__table_set(pools, pool->number, NULL);
    cc__mutex_unlock(&caches_lock);
    for (size_t group = 0; group < CC__MAGAZINE_GROUPS && pool->groups[group] != NULL; group++)
        cc__region_give(pool->options.allocator, pool->groups[group],
                        ((size_t)CC__FIRST_GROUP << group) * magazine_size(pool));
}

void cc__pool_each_free(cc__pool_t *pool, void (*visit)(cc__pool_t *pool, void *block)) {
    uint32_t link = (uint32_t)cc__load_acquire(&pool->full); /* as in pop */
    if (pool->kind == CC__POOL_EXACT) {
        cc__chunk_t *chunk = cc__load_relaxed(&pool->chunk);
        for (; link != 0; link = cc__load_relaxed(&chunk->links[link - 1]))
            visit(pool, chunk->first + (link - 1) * pool->stride);
        return;
    }
    for (; link != 0; link = cc__load_relaxed(magazine_link(pool, link - 1)))
        for (size_t i = 0; i < pool->batch; i++) visit(pool, magazine(pool, link - 1)->blocks[i]);
    cc__mutex_lock(&caches_lock);
    for (const cc__pool_cache_t *cache = pool->caches; cache != NULL; cache = cache->next)
        for (size_t i = 0; i < cache->count; i++) visit(pool, cache->blocks[i]);
    for (size_t i = 0; i < pool->common.count; i++) visit(pool, pool->common.blocks[i]);
    cc__mutex_unlock(&caches_lock);
}

CC__HOLD_OVER_FORK(CC__FORK_POOL_CACHES, caches_lock);
CC__HOLD_OVER_FORK(CC__FORK_POOL_GROWTH, growth_lock);
