/* alloc/statistics.c: adds up the threads' counters. counting.h counts. */
#include <string.h>

#include "../base/fork.h"
#include "alloc_internal.h"

cc__alloc_counters_t cc__alloc_shared_counters;

static cc__mutex_t baseline_lock;
static cc_alloc_snapshot_t baseline;

/* The unsized ones first: they are part of all. */
#define ADD_FREES(from) \
    (sum.unsized_free_count += cc__load_acquire(&(from)->unsized_free_count), \
     sum.free_count += cc__load_acquire(&(from)->free_count), \
     sum.free_bytes += cc__load_acquire(&(from)->free_bytes), \
     sum.free_block_bytes += cc__load_acquire(&(from)->free_block_bytes))
#define ADD_ALLOCATIONS(from) \
    (sum.alloc_count += cc__load_relaxed(&(from)->alloc_count), \
     sum.alloc_bytes += cc__load_relaxed(&(from)->alloc_bytes), \
     sum.alloc_block_bytes += cc__load_relaxed(&(from)->alloc_block_bytes), \
     sum.failed_count += cc__load_relaxed(&(from)->failed_count))

/* All frees first, with acquire (pairs with the release stores of cc__own_add_release): an allocation happens before
 * its free, so the second pass sees at least the allocations of the frees that the first pass saw. */
static cc_alloc_snapshot_t total(void) {
    cc_alloc_snapshot_t sum;
    memset(&sum, 0, sizeof sum);
    ADD_FREES(&cc__alloc_shared_counters);
    for (cc__thread_t *thread = cc__thread_first(); thread != NULL; thread = thread->next) {
        ADD_FREES(&thread->counters);
        /* Its owner zeroes it, then adds it, then frees the next block: read in the other order, a block may be missed
         * for an instant, but is never counted twice. */
        sum.free_block_bytes += __atomic_load_n(&thread->last_freed, __ATOMIC_RELAXED);
    }
    ADD_ALLOCATIONS(&cc__alloc_shared_counters);
    for (cc__thread_t *thread = cc__thread_first(); thread != NULL; thread = thread->next)
        ADD_ALLOCATIONS(&thread->counters);
    return sum;
}

static uint64_t difference(uint64_t more, uint64_t less) {
    return more > less ? more - less : 0;
}

cc_alloc_snapshot_t cc_alloc_stats_snapshot(void) {
    cc__mutex_lock(&baseline_lock);
    cc_alloc_snapshot_t sum = total();
    /* Each sum only grows, but for the block that total() may miss. */
#define REBASE(name) sum.name = difference(sum.name, baseline.name);
    CC__ALLOC_COUNTERS(REBASE)
#undef REBASE
    cc__mutex_unlock(&baseline_lock);
    sum.current_allocated = difference(sum.alloc_bytes, sum.free_bytes);
    sum.current_block_bytes = difference(sum.alloc_block_bytes, sum.free_block_bytes);
    cc__thread_lock();
    for (cc__thread_t *thread = cc__thread_first(); thread != NULL; thread = thread->next)
        sum.thread_count += thread->alive;
    cc__thread_unlock();
    return sum;
}

void cc_alloc_stats_reset(void) {
    cc__mutex_lock(&baseline_lock);
    baseline = total();
    cc__mutex_unlock(&baseline_lock);
}

CC__HOLD_OVER_FORK(CC__FORK_STATISTICS, baseline_lock);
