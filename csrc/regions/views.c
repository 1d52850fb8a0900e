/* regions/views.c: arenas, heaps and pools as allocators of cc/methods.h. A block in an arena or a heap has its size in
 * the 16 bytes before it; a pool's block has the pool's size. */
#include "cc/arena.h"
#include "cc/heap.h"

#include "pool.h"

enum { HEADER = CC__ALIGNMENT };

/* 0 when it is too large. */
static size_t rounded(size_t size) {
    return size <= CC__MOST ? cc__round_up(size, CC__ALIGNMENT) : 0;
}

/* Where the size stands. */
static size_t *header_of(void *block) {
    return (size_t *)(void *)((char *)block - HEADER);
}

static size_t headed_size(void *block, void *context) {
    (void)context;
    return block != NULL ? *header_of(block) : 0;
}

static size_t headed_roundup(size_t size, void *context) {
    (void)context;
    return rounded(size);
}

static void *begin(void *memory, size_t size) {
    if (memory == NULL) return NULL;
    *(size_t *)memory = size;
    return (char *)memory + HEADER;
}

static int init(void *context) {
    (void)context;
    return CC_OK;
}

static void shutdown(void *context) {
    (void)context;
}

/* ---- arena ------------------------------------------------------------------------------------------------------- */

/* Whether the arena goes on at the block's end. In builds that watch, `next` is NULL, and no block is the latest. */
static bool is_latest(const cc_arena_t *arena, void *block) {
    return arena->next == (char *)block + *header_of(block);
}

static void *arena_malloc(size_t size, void *context) {
    size_t bytes = rounded(size);
    return bytes != 0 ? begin(cc_arena_alloc(context, HEADER + bytes), bytes) : NULL;
}

static void arena_free(void *block, void *context) {
    cc_arena_t *arena = context;
    if (block != NULL && is_latest(arena, block)) arena->next = (char *)header_of(block);
}

static void *arena_realloc(void *block, size_t size, void *context) {
    cc_arena_t *arena = context;
    size_t bytes = rounded(size), old = *header_of(block);
    if (bytes == 0) return NULL;
    if (is_latest(arena, block) && (bytes <= old || bytes - old <= (size_t)(arena->end - arena->next))) {
        arena->next = (char *)block + bytes;
        *header_of(block) = bytes;
        return block;
    }
    if (bytes <= old) return block;
    void *moved = arena_malloc(size, context);
    return moved != NULL ? memcpy(moved, block, old) : NULL;
}

cc_mem_methods_t cc_arena_methods(cc_arena_t *arena) {
    cc_mem_methods_t methods = {arena_malloc,   arena_free, arena_realloc, headed_size,
                                headed_roundup, init,       shutdown,      arena};
    return methods;
}

/* ---- heap -------------------------------------------------------------------------------------------------------- */

static void *heap_malloc(size_t size, void *context) {
    size_t bytes = rounded(size);
    return bytes != 0 ? begin(cc_heap_alloc_aligned(context, HEADER + bytes, CC__ALIGNMENT), bytes) : NULL;
}

static void heap_free(void *block, void *context) {
    if (block != NULL && cc_heap_get_top(context, NULL) == header_of(block)) (void)cc_heap_free_top(context);
}

static void *heap_realloc(void *block, size_t size, void *context) {
    size_t bytes = rounded(size), old = *header_of(block);
    if (bytes != 0 && bytes <= old) return block;
    void *moved = heap_malloc(size, context);
    return moved != NULL ? memcpy(moved, block, old) : NULL;
}

cc_mem_methods_t cc_heap_methods(cc_heap_t *heap) {
    cc_mem_methods_t methods = {heap_malloc,    heap_free, heap_realloc, headed_size,
                                headed_roundup, init,      shutdown,     heap};
    return methods;
}

/* ---- pool -------------------------------------------------------------------------------------------------------- */

static size_t pool_roundup(size_t size, void *context) {
    size_t block_size = cc__pool_block_size(context);
    return size <= block_size ? block_size : 0;
}

static size_t pool_size(void *block, void *context) {
    return block != NULL ? cc__pool_block_size(context) : 0;
}

static void *pool_malloc(size_t size, void *context) {
    return size != 0 && pool_roundup(size, context) != 0 ? cc_pool_alloc(context) : NULL;
}

static void pool_free(void *block, void *context) {
    (void)cc_pool_free(context, block);
}

static void *pool_realloc(void *block, size_t size, void *context) {
    return pool_roundup(size, context) != 0 ? block : NULL;
}

cc_mem_methods_t cc_pool_methods(cc_pool_t *pool) {
    cc_mem_methods_t methods = {pool_malloc, pool_free, pool_realloc, pool_size, pool_roundup, init, shutdown, pool};
    return methods;
}
