/* regions/pool.h: what pool.c (the calls, and the free blocks of a pool with one owner), pool_shared.c (free blocks
 * that come and go in many threads) and pool_chunk.c (the memory that blocks lie in) share. pool.c calls both others,
 * pool_shared.c calls pool_chunk.c. */
#ifndef CC_REGIONS_POOL_H
#define CC_REGIONS_POOL_H

#include "cc/pool.h"

#include "../alloc/thread.h"
#include "../base/atomics.h"
#include "../base/os.h"
#include "../base/table.h"
#include "regions_internal.h"

/* Blocks in one piece of memory: chunk, live bits, links (exact pools), blocks. */
typedef struct cc__chunk {
    struct cc__chunk *before; /* the next older one */
    size_t bytes;
    size_t blocks;
    char *first;
    _Atomic(size_t) carved;   /* blocks that have ever been given out, in order; it may count beyond the last one */
    _Atomic(uint64_t) *live;  /* a bit for each block: checked pools keep it; else made when it is asked for */
    _Atomic(uint32_t) *links; /* exact pools: for each free block the next one's index + 1 */
} cc__chunk_t;

/* Free blocks on their way between threads. */
typedef struct cc__magazine {
    _Atomic(uint32_t) link; /* index + 1 of the next one in its stack */
    void *blocks[];         /* `batch` of them in a full one */
} cc__magazine_t;

enum { CC__BATCH = 32, CC__MAGAZINE_GROUPS = 24, CC__FIRST_GROUP = 8 };

/* Free blocks that one thread keeps for itself, the latest freed first. pool_id tells whose they are: a pool's number
 * is given to another one after its end. */
typedef struct cc__pool_cache {
    uint64_t pool_id;
    struct cc__pool_cache *next; /* in the pool's list */
    size_t count;
    void *blocks[2 * CC__BATCH];
} cc__pool_cache_t;

typedef enum cc__pool_kind { CC__POOL_OWN, CC__POOL_EXACT, CC__POOL_CACHED } cc__pool_kind_t;

typedef struct cc__pool {
    cc_pool_t shown; /* first; what the inlines see */
    cc__pool_kind_t kind;
    bool checked, in_buffer;
    cc_pool_options_t options; /* with the defaults filled in */
    size_t stride, next_blocks;
    void *free;                   /* CC__POOL_OWN: the list that the inlines do not see */
    _Atomic(cc__chunk_t *) chunk; /* the newest, the only one that may have fresh blocks */

    /* pool_shared.c. A stack's head is a number of changes << 32 | index + 1 of the first: the number keeps a
     * compare-exchange from taking a head that went and came back (2^32 changes during one operation would be
     * needed). */
    uint64_t id;               /* of a cached pool; never reused */
    uint64_t fast_id;          /* the same; UINT64_MAX, no pool's, where each call is checked */
    size_t number;             /* SIZE_MAX: none */
    size_t batch;              /* blocks of a full magazine */
    size_t magazines, threads; /* made; caches in the list */
    cc__pool_cache_t *caches;
    cc__pool_cache_t common;                             /* for threads without a cache, and what ended threads left */
    cc__magazine_t *groups[CC__MAGAZINE_GROUPS];         /* of CC__FIRST_GROUP << n magazines */
    _Alignas(CC_CACHE_LINE_SIZE) _Atomic(uint64_t) full; /* exact pools: free blocks */
    _Alignas(CC_CACHE_LINE_SIZE) _Atomic(uint64_t) empty;
} cc__pool_t;

/* ---- pool_chunk.c ------------------------------------------------------------------------------------------------ */

/* Bytes of a chunk, which lies in memory aligned to 16. 0 when it is too large. */
size_t cc__pool_chunk_bytes(const cc__pool_t *pool, size_t blocks);

/* Makes a chunk in memory of so many bytes, and the pool's newest. */
void cc__pool_begin_chunk(cc__pool_t *pool, void *memory, size_t bytes, size_t blocks);

/* A chunk more, of next_blocks blocks. CC_ERROR_MEMORY. */
int cc__pool_grow(cc__pool_t *pool);

/* `most` fresh blocks at most; the number and, in *first, where they begin: one stride apart. Lock-free. */
size_t cc__pool_carve(cc__pool_t *pool, size_t most, char **first);

/* The chunk that an address lies in, and the block's index; NULL for none. *inside: bytes from the block's
 * beginning. */
cc__chunk_t *cc__pool_find(const cc__pool_t *pool, const void *address, size_t *index, size_t *inside);

/* Sets or clears a block's live bit and returns what it was. */
bool cc__pool_set_live(cc__chunk_t *chunk, size_t index, bool live);

static inline size_t cc__chunk_carved(const cc__chunk_t *chunk) {
    size_t carved = cc__load_relaxed(&chunk->carved); /* racy: fresh blocks are claimed by the addition, not by this */
    return carved < chunk->blocks ? carved : chunk->blocks;
}

/* The calling thread's cache, if that is a cache of the pool with this id. CC__SLOT_REGIONS of a thread record is a
 * table of the thread's caches by their pools' numbers, in which no entry is NULL. */
static inline cc__pool_cache_t *cc__pool_cache(const cc__pool_t *pool, uint64_t id) {
    const cc__thread_t *thread = cc__thread_self;
    const cc__table_t *caches = CC_LIKELY(thread != NULL) ? thread->slots[CC__SLOT_REGIONS] : NULL;
    if (CC_UNLIKELY(caches == NULL || pool->number >= caches->capacity)) return NULL;
    cc__pool_cache_t *cache = caches->entries[pool->number];
    return CC_LIKELY(cache->pool_id == id) ? cache : NULL;
}

/* ---- pool.c ------------------------------------------------------------------------------------------------------ */

size_t cc__pool_block_size(const cc_pool_t *pool);

/* ---- pool_shared.c ----------------------------------------------------------------------------------------------- */

int cc__pool_share(cc__pool_t *pool); /* at the beginning; CC_ERROR_MEMORY */
void cc__pool_unshare(cc__pool_t *pool);
/* as cc__pool_grow, with magazines enough; pre: the growth lock, or nobody else uses the pool */
int cc__pool_grow_cached(cc__pool_t *pool);
void *cc__pool_exact_alloc(cc__pool_t *pool);
void cc__pool_exact_free(cc__pool_t *pool, void *block);
void *cc__pool_cached_alloc(cc__pool_t *pool);
void cc__pool_cached_free(cc__pool_t *pool, void *block);
/* Calls visit for each free block that was in use once. */
void cc__pool_each_free(cc__pool_t *pool, void (*visit)(cc__pool_t *pool, void *block));

#endif
