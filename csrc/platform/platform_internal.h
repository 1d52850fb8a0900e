/* platform/platform_internal.h: what the files of platform/ share. */
#ifndef CC_PLATFORM_INTERNAL_H
#define CC_PLATFORM_INTERNAL_H

#include "cc/platform.h"

#include "../alloc/thread.h"
#include "../base/atomics.h"
#include "../base/fault.h"
#include "../base/os.h"
#include "../base/round.h"

/* The calling thread's error code: GetLastError's. */
extern __thread uint32_t cc__platform_last_error CC_STATIC_THREAD_LOCAL;

/* For a call that fails: sets the code, gives NULL or FALSE. */
static inline void *cc__platform_fail(uint32_t code) {
    cc__platform_last_error = code;
    return NULL;
}

static inline int cc__platform_false(uint32_t code) {
    cc__platform_last_error = code;
    return 0;
}

/* This layer's locks, which a fork holds; the order is the order of taking. */
enum cc__platform_lock {
    CC__LOCK_HEAPS,
    CC__LOCK_MAPPINGS,
    CC__LOCK_REGIONS,
    CC__LOCK_HANDLES,
    CC__LOCK_PLACES,
    CC__LOCK_SHARDS,
    CC__PLATFORM_LOCKS
};
extern cc__mutex_t cc__platform_locks[CC__PLATFORM_LOCKS];

static inline void cc__platform_lock(enum cc__platform_lock name) {
    cc__mutex_lock(&cc__platform_locks[name]);
}

static inline void cc__platform_unlock(enum cc__platform_lock name) {
    cc__mutex_unlock(&cc__platform_locks[name]);
}

/* ---- statistics.c ------------------------------------------------------------------------------------------------ */

/* A thread's share of the sums. Single writer: the owner, by the inlines of cc/platform.h or here. */
typedef struct shard {
    _Alignas(CC_CACHE_LINE_SIZE) struct cc_platform_shard open;
    int64_t told;            /* of bytes, what the global sum knows */
    _Atomic(void *) heap;    /* the heap that its thread is in a call of, or NULL: see heap.c */
    struct shard *next;      /* of all, immutable once linked */
    struct shard *next_free; /* of those without a thread */
} cc__platform_shard_t;

/* The calling thread's; NULL when there is no memory for it. */
cc__platform_shard_t *cc__platform_attach_shard(void);

static inline cc__platform_shard_t *cc__platform_shard(void) {
    struct cc_platform_shard *open = cc_platform_shard; /* its first field */
    return CC_LIKELY(open != NULL) ? (cc__platform_shard_t *)open : cc__platform_attach_shard();
}

/* All of them; follow ->next. */
cc__platform_shard_t *cc__platform_shards(void);

/* `count` blocks (1, -1 or 0) and `bytes` come or go, of the calling thread, with or without a shard. */
void cc__platform_count(int64_t count, int64_t bytes, bool temporary);

/* ---- leaks.c ----------------------------------------------------------------------------------------------------- */

/* The place's number, > 0; 0 when there is no memory to note it. */
uint32_t cc__platform_place(const char *file, int line);

/* Blocks of the place come or go. pre: place > 0. */
void cc__platform_place_add(uint32_t place, int64_t count, int64_t bytes);

/* Where a place is, for a report. */
const char *cc__platform_place_name(uint32_t place, int *line);

/* ---- ram.c ------------------------------------------------------------------------------------------------------- */

/* Total and free memory as the Platform_ functions tell it; the swap that comes in addition. */
void cc__platform_memory(cc__os_memory_t *memory);

#endif
