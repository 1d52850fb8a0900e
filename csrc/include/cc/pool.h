/* cc/pool.h: a pool: blocks of one size.
 *
 * Units are bytes. It draws from an allocator of cc/methods.h, or from cc_alloc where NULL is given; the table must
 * outlive the pool and be initialized. Requests of 0 bytes, and those that cannot be met, give NULL and leave the pool
 * as it was. A pool that is not `shared` belongs to one thread at a time; it may pass to another one like any data,
 * with a lock or a join between. Builds for the address sanitizer and valgrind report the use of what a pool has taken
 * back, and of the gaps that it leaves between blocks. */
#ifndef CC_POOL_H
#define CC_POOL_H

#include <string.h>

#include "cc/methods.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The fields are for the inlines below: free blocks, linked by their first words (none in pools that are shared,
 * checked or watched). */
typedef struct cc_pool {
    void *free;
    bool direct;
} cc_pool_t;

/* Zero stands for the default of each; block_size has none. */
typedef struct cc_pool_options {
    size_t block_size;
    size_t alignment; /* of blocks, a power of two up to 4096; 0: 16, or 8 for sizes up to 8 */
    /* how many there are (fixed), or how many the first chunk has; 0: as many as 4 KiB hold, one at least */
    size_t blocks;
    bool fixed;   /* never more blocks than that; all memory is taken at once */
    bool shared;  /* for any number of threads at a time */
    bool checked; /* each free is checked (always so in debug builds) */
    bool cached;  /* fixed and shared: see below */
    const cc_mem_methods_t *allocator;
    void *buffer; /* fixed, wholly inside this buffer, which must outlive the pool; `blocks` 0: as many as fit */
    size_t buffer_bytes;
} cc_pool_options_t;

/* A pool; the caller destroys it. NULL without memory, or when an option is out of its range or the buffer too small.
 *
 * Shared pools are lock-free but for growing and for a thread's first call. Each thread keeps up to 64 free blocks
 * (fewer large ones) for itself; a thread that ends leaves them to the others. A fixed shared pool does that only when
 * `cached`, because what one thread keeps, another cannot have. Without `cached` a request fails only when all blocks
 * are in use. */
CC_API cc_pool_t *cc_pool_create(const cc_pool_options_t *options) CC_ATTRIBUTE((warn_unused_result));

/* Bytes of a buffer for options->blocks blocks with these options; 0 where cc_pool_create would refuse them. */
CC_API size_t cc_pool_buffer_bytes(const cc_pool_options_t *options);

/* Gives all memory back, live blocks included. No other thread may use the pool any more. NULL is ignored. */
CC_API void cc_pool_destroy(cc_pool_t *pool);

/* For the inlines. */
CC_API void *cc_pool_alloc_slowly(cc_pool_t *pool);
CC_API int cc_pool_free_slowly(cc_pool_t *pool, void *block);

/* A block, with whatever it held; NULL when a fixed pool has no more, or without memory. */
static inline CC_ATTRIBUTE((warn_unused_result)) void *cc_pool_alloc(cc_pool_t *pool) {
    void *block = pool->free;
    if (CC_UNLIKELY(block == NULL)) return cc_pool_alloc_slowly(pool);
    memcpy(&pool->free, block, sizeof pool->free);
    return block;
}

/* Takes a block back. NULL is ignored. CC_OK. A checked pool does nothing and returns CC_ERROR_ARGUMENT for a pointer
 * that is no block's beginning, CC_ERROR_STATE for a block that is not live; debug builds also write that to stderr. */
static inline int cc_pool_free(cc_pool_t *pool, void *block) {
    if (CC_UNLIKELY(!pool->direct || block == NULL)) return cc_pool_free_slowly(pool, block);
    memcpy(block, &pool->free, sizeof pool->free);
    pool->free = block;
    return CC_OK;
}

/* Calls visit(block, context) for each live block, chunk by chunk, in order of address within each. visit may free that
 * block. Nobody else may use the pool meanwhile, also if it is shared. */
CC_API void cc_pool_each(cc_pool_t *pool, void (*visit)(void *block, void *context), void *context);

typedef struct cc_pool_status_t {
    size_t block_size; /* as asked for */
    size_t stride;     /* bytes from one block to the next */
    size_t blocks;     /* live and free ones */
    size_t live;       /* exact while nobody else uses the pool */
    size_t chunks;
    size_t reserved; /* bytes of all chunks with the bookkeeping */
} cc_pool_status_t;

/* Takes time in proportion to the blocks. Nobody else may use the pool meanwhile. */
CC_API cc_pool_status_t cc_pool_status(cc_pool_t *pool);

/* The pool as an allocator of cc/methods.h, for libraries that want one: valid as long as the pool, in the same
 * threads. Every block has the pool's block size; larger requests get NULL. Blocks are aligned as the pool's. */
CC_API cc_mem_methods_t cc_pool_methods(cc_pool_t *pool);

/* For CC_CLEANUP. */
static inline void cc_pool_cleanup(cc_pool_t **pool) {
    cc_pool_destroy(*pool);
}

#ifdef __cplusplus
}
#endif
#endif
