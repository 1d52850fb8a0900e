/* alloc/counting.h: how an event is counted: in the thread's own record, else in the shared one. Adding up is
 * statistics.c's. */
#ifndef CC_ALLOC_COUNTING_H
#define CC_ALLOC_COUNTING_H

#include "alloc_internal.h"

static inline bool cc__counting(unsigned mode) {
    return CC_ALLOC_STATS && (mode & CC__MODE_STATISTICS) != 0;
}

static inline void cc__count_allocations(cc__thread_t *thread, uint64_t count, uint64_t bytes, uint64_t block_bytes) {
    if (CC_UNLIKELY(thread == NULL)) {
        cc__add_relaxed(&cc__alloc_shared_counters.alloc_count, count);
        cc__add_relaxed(&cc__alloc_shared_counters.alloc_bytes, bytes);
        cc__add_relaxed(&cc__alloc_shared_counters.alloc_block_bytes, block_bytes);
        return;
    }
    cc__own_add(&thread->counters.alloc_count, count);
    cc__own_add(&thread->counters.alloc_bytes, bytes);
    cc__own_add(&thread->counters.alloc_block_bytes, block_bytes);
}

static inline void cc__count_allocation(cc__thread_t *thread, size_t size, size_t block) {
    cc__count_allocations(thread, 1, size, block);
}

static inline void cc__count_free(cc__thread_t *thread, size_t size, size_t block, bool sized) {
    if (CC_UNLIKELY(thread == NULL)) {
        /* release pairs with the acquire loads of a snapshot, as in cc__own_add_release */
        cc__add_release(&cc__alloc_shared_counters.free_count, 1);
        cc__add_release(&cc__alloc_shared_counters.free_bytes, size);
        cc__add_release(&cc__alloc_shared_counters.free_block_bytes, block);
        if (!sized) cc__add_release(&cc__alloc_shared_counters.unsized_free_count, 1);
        return;
    }
    cc__own_add_release(&thread->counters.free_count, 1);
    cc__own_add_release(&thread->counters.free_bytes, size);
    cc__own_add_release(&thread->counters.free_block_bytes, block);
    if (!sized) cc__own_add_release(&thread->counters.unsized_free_count, 1);
}

/* NULL, for the caller to return. */
static inline void *cc__count_failure(unsigned mode) {
    if (cc__counting(mode)) {
        cc__thread_t *thread = cc__thread_get();
        if (thread != NULL)
            cc__own_add(&thread->counters.failed_count, 1);
        else
            cc__add_relaxed(&cc__alloc_shared_counters.failed_count, 1);
    }
    return NULL;
}

#endif
