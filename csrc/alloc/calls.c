/* alloc/calls.c: the hot three calls of cc/alloc.h, and the table that holds the set of them in force. There are three
 * sets: plain (the allocator's own functions), counted (only the statistics are on), and watched (everything else).
 * Below them the switches, which choose the set. */
#include <string.h>

#include "../base/fork.h"
#include "backend.h"
#include "counting.h"

static cc__mutex_t mode_lock;

#if defined(CC_DEBUG)
enum { ALWAYS_WATCHED = 1 }; /* blocks are filled, and threads that may not block are found */
#define FIRST_CALLS WATCHED_CALLS
#else
enum { ALWAYS_WATCHED = 0 };
#define FIRST_CALLS PLAIN_CALLS
#endif

_Static_assert((int)CC_SMALL_NODE <= (int)CC__MAIN_SMALL_MAX,
               "what is small for the header must be so for the allocator");

/* Whole cache lines; near SIZE_MAX the sum wraps to less than `size`, which cc__alloc_watched refuses. */
static inline size_t whole_lines(size_t size) {
    return (size + (CC_CACHE_LINE_SIZE - 1)) & ~(size_t)(CC_CACHE_LINE_SIZE - 1);
}

/* ---- the plain and the watched set ------------------------------------------------------------------------------ */

#define PLAIN_CALLS {cc__main_allocate, cc__main_allocate_lines, cc__main_release}
static const struct cc_alloc_calls plain_calls = PLAIN_CALLS;

static void *watched_alloc(size_t size) {
    return cc__alloc_watched(size, size, 1, false);
}

static void *watched_alloc_node(size_t size) {
    return cc__alloc_watched(size, whole_lines(size), CC_CACHE_LINE_SIZE, false);
}

static void *watched_alloc_lines(size_t bytes, size_t size) {
    (void)bytes;
    return watched_alloc_node(size);
}

static void watched_free(void *pointer, size_t size) {
    cc__free_watched(pointer, size, true);
}

#define WATCHED_CALLS {watched_alloc, watched_alloc_lines, watched_free}
static const struct cc_alloc_calls watched_calls = WATCHED_CALLS;

struct cc_alloc_calls cc_alloc_calls = FIRST_CALLS;

/* ---- the counted set -------------------------------------------------------------------------------------------- */

/* It ends in jumps: a call and a return more would cost as much as all the counting. So an allocation is counted before
 * it is known to succeed, and one that fails is taken back by cc_alloc_refused, which the caller's inline then
 * calls. */

/* Each in cache lines of its own: where the linker happens to put them decides about a fifth of a nanosecond. */
#define HOT __attribute__((aligned(64)))

/* Bytes of a block by the bytes asked for, in steps of 8. */
static uint16_t good_sizes[CC__MAIN_SMALL_MAX / 8 + 1];

static inline size_t good_size(size_t size) {
    return good_sizes[(size + 7) / 8];
}

/* Fills the table. False when the allocator's blocks are not of its good sizes: then the set would count wrong. pre:
 * mode_lock is held. */
static bool counted_set_is_right(void) {
    static bool right;
    if (right || !cc__main_keeps_good_sizes()) return right;
    for (size_t step = 1; step <= CC__MAIN_SMALL_MAX / 8; step++)
        good_sizes[step] = (uint16_t)cc__main_good_size(step * 8);
    return right = true;
}

/* The rest of the set's calls, apart so that they save no registers. A thread without a record is given one first:
 * cc_alloc_refused takes it that every small size was counted. */
static __attribute__((noinline)) void *counted_alloc_rarely(size_t size) {
    if (size > CC__MAIN_SMALL_MAX) return watched_alloc(size);
    cc__count_allocation(cc__thread_get(), size, good_size(size));
    return cc__main_allocate_small(size);
}

static __attribute__((noinline)) void *counted_alloc_lines_rarely(size_t bytes, size_t size) {
    cc__count_allocation(cc__thread_get(), size, good_size(bytes));
    return cc__main_allocate_small(bytes);
}

static HOT void *counted_alloc(size_t size) {
    cc__thread_t *thread = cc__thread_self;
    if (CC_UNLIKELY(thread == NULL || size > CC__MAIN_SMALL_MAX)) return counted_alloc_rarely(size);
    cc__count_allocation(thread, size, good_size(size));
    return cc__main_allocate_small(size);
}

static HOT void *counted_alloc_lines(size_t bytes, size_t size) {
    cc__thread_t *thread = cc__thread_self;
    if (CC_UNLIKELY(thread == NULL)) return counted_alloc_lines_rarely(bytes, size);
    cc__count_allocation(thread, size, good_size(bytes));
    return cc__main_allocate_small(bytes);
}

/* The allocator writes the block's bytes, too; adding them to the sum is left to this thread's next free. */
static HOT void counted_free(void *pointer, size_t size) {
    cc__thread_t *thread = cc__thread_self;
    if (CC_UNLIKELY(pointer == NULL || thread == NULL)) {
        watched_free(pointer, size);
        return;
    }
    size_t block = __atomic_load_n(&thread->last_freed, __ATOMIC_RELAXED);
    __atomic_store_n(&thread->last_freed, 0, __ATOMIC_RELAXED); /* before it is added: see total() in statistics.c */
    cc__count_free(thread, size, block, true);
    cc__main_release_block(pointer, &thread->last_freed);
}

static const struct cc_alloc_calls counted_calls = {counted_alloc, counted_alloc_lines, counted_free};

/* ---- the choice ------------------------------------------------------------------------------------------------- */

/* pre: mode_lock is held. */
static const struct cc_alloc_calls *calls_for(unsigned mode) {
    if (ALWAYS_WATCHED) return &watched_calls;
    if (mode == 0) return &plain_calls;
    if (CC_ALLOC_STATS && mode == CC__MODE_STATISTICS && counted_set_is_right()) return &counted_calls;
    return &watched_calls;
}

static void set_mode(unsigned flag, bool on) {
    cc__mutex_lock(&mode_lock);
    unsigned mode = cc__load_relaxed(&cc__alloc_mode); /* only changed under the lock */
    mode = on ? mode | flag : mode & ~flag;
    cc__store_release(&cc__alloc_mode, mode); /* pairs with the acquire loads of the mode in alloc.c */
    const struct cc_alloc_calls *calls = calls_for(mode);
    /* Relaxed: each function of each set is right at any time. */
    __atomic_store_n(&cc_alloc_calls.alloc, calls->alloc, __ATOMIC_RELAXED);
    __atomic_store_n(&cc_alloc_calls.alloc_lines, calls->alloc_lines, __ATOMIC_RELAXED);
    __atomic_store_n(&cc_alloc_calls.free, calls->free, __ATOMIC_RELAXED);
    cc__mutex_unlock(&mode_lock);
}

CC__HOLD_OVER_FORK(CC__FORK_ALLOC_MODE, mode_lock);

/* ---- what the header's inlines call ------------------------------------------------------------------------------ */

/* Takes back a small allocation that the counted set has counted. */
static void uncount(size_t size, size_t bytes) {
    cc__count_allocations(cc__thread_get(), (uint64_t)-1, -(uint64_t)size, -(uint64_t)good_size(bytes));
}

void *cc_alloc_refused(void *(*call)(size_t size), size_t size) {
    if (size == 0) return cc__count_failure(cc__load_relaxed(&cc__alloc_mode));
    if (CC_ALLOC_STATS && call == counted_alloc && size <= CC__MAIN_SMALL_MAX) {
        uncount(size, size);
        return cc__count_failure(CC__MODE_STATISTICS);
    }
    return NULL; /* a failure that was counted where it happened, if at all */
}

void *cc_alloc_node_refused(void *(*call)(size_t bytes, size_t size), size_t size, void *pointer) {
    if (size - 1 >= CC_SMALL_NODE) return watched_alloc_node(size); /* it was not called */
    if (CC_ALLOC_STATS && call == counted_alloc_lines) {
        uncount(size, whole_lines(size));
        if (pointer == NULL) return cc__count_failure(CC__MODE_STATISTICS);
    }
    if (pointer == NULL) return NULL;
    cc__main_release(pointer, size); /* only the plain and counted sets give blocks that do not begin at a line */
    return watched_alloc_node(size);
}

void *(cc_alloc)(size_t size) {
    return cc_alloc_inline(size);
}

void *(cc_alloc_node)(size_t size) {
    return cc_alloc_node_inline(size);
}

void(cc_free)(void *pointer, size_t size) {
    cc_free_inline(pointer, size);
}

/* ---- switches --------------------------------------------------------------------------------------------------- */

void cc__alloc_observe(const cc__allocator_t *installed) {
    /* Removed, the pointer stays: a call that read the mode before still goes through the observer, which passes it
     * on. */
    if (installed != NULL)
        cc__store_release(&cc__alloc_observer, installed); /* pairs with the acquire load in alloc.c */
    set_mode(CC__MODE_OBSERVED, installed != NULL);
}

void cc_alloc_stats_enable(bool enable) {
    if (CC_ALLOC_STATS) set_mode(CC__MODE_STATISTICS, enable);
}

bool cc_alloc_stats_enabled(void) {
    return cc__counting(cc__load_relaxed(&cc__alloc_mode));
}

int cc_alloc_select(const char *name) {
    if (name == NULL) return CC_ERROR_ARGUMENT;
    bool main = strcmp(name, CC__MAIN_NAME) == 0;
    if (!main && strcmp(name, "libc") != 0) return strcmp(name, "mimalloc") == 0 ? CC_ERROR_SUPPORT : CC_ERROR_ARGUMENT;
    if (!main) set_mode(CC__MODE_MIXED, true);    /* for good: libc's blocks may live as long as the process */
    cc__store_release(&cc__libc_selected, !main); /* pairs with the acquire load in cc__base_allocate */
    return CC_OK;
}

const char *cc_alloc_selected(void) {
    return cc__load_relaxed(&cc__libc_selected) ? "libc" : CC__MAIN_NAME;
}

int cc_alloc_heap_bytes(size_t *committed, size_t *reserved) {
    return cc__load_relaxed(&cc__libc_selected) ? CC_ERROR_SUPPORT : cc__main_heap_bytes(committed, reserved);
}
