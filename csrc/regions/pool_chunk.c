/* regions/pool_chunk.c: the memory of a pool: chunks of blocks, of which fresh ones are carved in order. */
#include "pool.h"

enum { MOST_CHUNK_BYTES = 1 << 20 };

static size_t words(size_t blocks) {
    return (blocks + 63) / 64;
}

/* Bytes of a chunk before its blocks, without what aligns them. */
static size_t chunk_overhead(const cc__pool_t *pool, size_t blocks) {
    size_t links = pool->kind == CC__POOL_EXACT ? blocks * sizeof(uint32_t) : 0;
    return sizeof(cc__chunk_t) + words(blocks) * sizeof(uint64_t) + links;
}

size_t cc__pool_chunk_bytes(const cc__pool_t *pool, size_t blocks) {
    if (blocks > CC__MOST / (pool->stride + sizeof(uint64_t)) || blocks >= UINT32_MAX) return 0;
    return cc__round_up(chunk_overhead(pool, blocks) + pool->options.alignment + blocks * pool->stride, CC__ALIGNMENT);
}

void cc__pool_begin_chunk(cc__pool_t *pool, void *memory, size_t bytes, size_t blocks) {
    cc__chunk_t *chunk = memory;
    memset(memory, 0, chunk_overhead(pool, blocks));
    chunk->before = cc__load_relaxed(&pool->chunk); /* only changed under a lock, or by the owner */
    chunk->bytes = bytes;
    chunk->blocks = blocks;
    chunk->live = (_Atomic(uint64_t) *)(void *)(chunk + 1);
    chunk->links = (_Atomic(uint32_t) *)(void *)(chunk->live + words(blocks));
    chunk->first = (char *)memory + chunk_overhead(pool, blocks);
    chunk->first += cc__gap(chunk->first, pool->options.alignment);
    cc__region_close(chunk->first, blocks * pool->stride);
    cc__store_release(&pool->chunk, chunk); /* pairs with the acquire loads below: the chunk is complete */
}

int cc__pool_grow(cc__pool_t *pool) {
    size_t blocks = pool->next_blocks, bytes = cc__pool_chunk_bytes(pool, blocks);
    void *memory = bytes != 0 ? cc__region_take(pool->options.allocator, bytes) : NULL;
    if (memory == NULL) return CC_ERROR_MEMORY;
    cc__pool_begin_chunk(pool, memory, bytes, blocks);
    if (blocks * pool->stride < MOST_CHUNK_BYTES) pool->next_blocks = blocks * 2;
    return CC_OK;
}

size_t cc__pool_carve(cc__pool_t *pool, size_t most, char **first) {
    cc__chunk_t *chunk = cc__load_acquire(&pool->chunk); /* pairs with the release store in cc__pool_begin_chunk */
    if (chunk == NULL || cc__load_relaxed(&chunk->carved) >= chunk->blocks) return 0;
    size_t at = cc__add_relaxed(&chunk->carved, most); /* blocks are claimed by the addition alone */
    if (at >= chunk->blocks) return 0;
    *first = chunk->first + at * pool->stride;
    return chunk->blocks - at < most ? chunk->blocks - at : most;
}

cc__chunk_t *cc__pool_find(const cc__pool_t *pool, const void *address, size_t *index, size_t *inside) {
    cc__chunk_t *chunk = cc__load_acquire(&pool->chunk); /* pairs with the release store in cc__pool_begin_chunk */
    for (; chunk != NULL; chunk = chunk->before) {
        uintptr_t offset = (uintptr_t)address - (uintptr_t)chunk->first;
        if (offset >= chunk->blocks * pool->stride) continue;
        *index = offset / pool->stride;
        *inside = offset % pool->stride;
        return chunk;
    }
    return NULL;
}

bool cc__pool_set_live(cc__chunk_t *chunk, size_t index, bool live) {
    /* relaxed: it orders nothing, each bit only counts its own turns */
    uint64_t bit = (uint64_t)1 << index % 64;
    uint64_t before =
        live ? cc__or_relaxed(&chunk->live[index / 64], bit) : cc__and_relaxed(&chunk->live[index / 64], ~bit);
    return (before & bit) != 0;
}
