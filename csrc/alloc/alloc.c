/* alloc/alloc.c: the calls of cc/alloc.h. The hot three come in three sets: plain (the allocator's own work and nothing
 * else), counted (statistics alone are on), and watched (everything else). cc_alloc_calls holds the set in force. */
#include <string.h>

#include "../base/blocking.h"
#include "../base/round.h"
#include "alloc_internal.h"
#include "backend.h"
#if !defined(CC_BACKEND_LIBC)
#include <mimalloc-stats.h>
#endif

_Atomic(unsigned) cc__alloc_mode;
static cc__mutex_t mode_lock;
static _Atomic(const cc__allocator_t *) observer;
_Atomic(const cc__allocator_t *) cc__plugged_observer;
_Atomic(const cc__allocator_t *) cc__plugged_last;
static _Atomic(bool) libc_selected;

#if defined(CC_DEBUG)
enum { FILL_FRESH = 0x55, FILL_FREED = 0xDD };
#endif

/* ---- below the statistics and the observer ---------------------------------------------------------------------- */

#if defined(CC_BACKEND_LIBC)
#define IS_LIBC(pointer) ((void)(pointer), true)
#else
/* Once libc was selected, blocks of both allocators live side by side. */
#define IS_LIBC(pointer) \
    ((cc__load_relaxed(&cc__alloc_mode) & CC__MODE_MIXED) != 0 && !mi_is_in_heap_region(pointer))
#endif

void *cc__base_allocate(cc__request_t *request) {
    size_t bytes = request->bytes, alignment = request->alignment;
#if !defined(CC_BACKEND_LIBC)
    /* acquire pairs with cc_alloc_select: whoever takes a block of libc's also finds the mixed mode when it frees it */
    if (!cc__load_acquire(&libc_selected))
        return cc__main_allocate_any(bytes, alignment, request->zero, &request->taken);
#endif
    return cc__libc_allocate_any(bytes, alignment, request->zero, &request->taken);
}

void *cc__base_reallocate(cc__request_t *request) {
    void *pointer = request->pointer;
#if !defined(CC_BACKEND_LIBC)
    if (!IS_LIBC(pointer)) return cc__main_reallocate(pointer, request->bytes, &request->released, &request->taken);
#endif
    return cc__libc_reallocate(pointer, request->bytes, &request->released, &request->taken);
}

void cc__base_release(cc__request_t *request) {
#if !defined(CC_BACKEND_LIBC)
    if (!IS_LIBC(request->pointer)) {
        cc__main_release_block(request->pointer, &request->released);
        return;
    }
#endif
    cc__libc_release_block(request->pointer, &request->released);
}

size_t cc_usable_size(const void *pointer) {
    if (pointer == NULL) return 0;
#if !defined(CC_BACKEND_LIBC)
    if (!IS_LIBC(pointer)) return mi_usable_size(pointer);
#endif
    return cc__libc_usable_size((void *)(uintptr_t)pointer);
}

size_t cc__base_good_size(size_t size) {
    return cc__load_relaxed(&libc_selected) ? cc__libc_good_size(size) : cc__main_good_size(size);
}

/* The observer, when it is to be called. pre: `mode` was read with acquire. */
static const cc__allocator_t *observed(unsigned mode) {
    if ((mode & CC__MODE_OBSERVED) == 0) return NULL;
    return cc__load_acquire(&observer); /* pairs with the release store in cc__alloc_observe */
}

/* ---- counting --------------------------------------------------------------------------------------------------- */

#if CC_ALLOC_STATS
static inline bool counting(unsigned mode) {
    return (mode & CC__MODE_STATISTICS) != 0;
}
#else
#define counting(mode) ((void)(mode), false)
#endif

static inline void count_allocations(cc__thread_t *thread, uint64_t count, uint64_t bytes, uint64_t block_bytes) {
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

static inline void count_allocation(cc__thread_t *thread, size_t size, size_t block) {
    count_allocations(thread, 1, size, block);
}


static inline void count_free(cc__thread_t *thread, size_t size, size_t usable, bool sized) {
    if (CC_UNLIKELY(thread == NULL)) {
        /* release pairs with the acquire loads of a snapshot, as in cc__own_add_release */
        atomic_fetch_add_explicit(&cc__alloc_shared_counters.free_count, 1, memory_order_release);
        atomic_fetch_add_explicit(&cc__alloc_shared_counters.free_bytes, size, memory_order_release);
        atomic_fetch_add_explicit(&cc__alloc_shared_counters.free_block_bytes, usable, memory_order_release);
        if (!sized)
            atomic_fetch_add_explicit(&cc__alloc_shared_counters.unsized_free_count, 1, memory_order_release);
        return;
    }
    cc__own_add_release(&thread->counters.free_count, 1);
    cc__own_add_release(&thread->counters.free_bytes, size);
    cc__own_add_release(&thread->counters.free_block_bytes, usable);
    if (!sized) cc__own_add_release(&thread->counters.unsized_free_count, 1);
}

static void *count_failure(unsigned mode) {
    if (counting(mode)) {
        cc__thread_t *thread = cc__thread_get();
        if (thread != NULL)
            cc__own_add(&thread->counters.failed_count, 1);
        else
            cc__add_relaxed(&cc__alloc_shared_counters.failed_count, 1);
    }
    return NULL;
}

/* ---- allocation ------------------------------------------------------------------------------------------------- */

/* Whatever is not the fast path. `size` is what the caller asked for and is counted, `bytes` >= size what is taken;
 * alignment 1: none asked for. */
static __attribute__((noinline)) void *allocate(size_t size, size_t bytes, size_t alignment, bool zero) {
    cc__may_block("an allocation");
    unsigned mode = cc__load_acquire(&cc__alloc_mode); /* pairs with cc__alloc_observe: the observer is installed */
    if (size == 0 || bytes < size || bytes > PTRDIFF_MAX || !cc__is_power_of_two(alignment))
        return count_failure(mode);
    cc__request_t request = {.size = size, .bytes = bytes, .alignment = alignment, .zero = zero};
    const cc__allocator_t *watcher = observed(mode);
    void *pointer = watcher != NULL ? watcher->allocate(NULL, &request) : cc__base_allocate(&request);
    if (pointer == NULL) return count_failure(mode);
#if defined(CC_DEBUG)
    if (!zero) memset(pointer, FILL_FRESH, size);
#endif
    if (counting(mode)) count_allocation(cc__thread_get(), size, request.taken);
    return pointer;
}

void *cc_calloc(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) bytes = 0;
    return allocate(bytes, bytes, 1, true);
}

void *cc_alloc_aligned(size_t size, size_t alignment) {
    return allocate(size, size, alignment, false);
}

/* ---- freeing ---------------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) void release(void *pointer, size_t size, bool sized) {
    if (pointer == NULL) return;
    cc__may_block("a free");
    unsigned mode = cc__load_acquire(&cc__alloc_mode); /* pairs with cc__alloc_observe */
    if (!sized) size = cc_usable_size(pointer);
#if defined(CC_DEBUG)
    memset(pointer, FILL_FREED, cc_usable_size(pointer));
#endif
    cc__request_t request = {.pointer = pointer};
    const cc__allocator_t *watcher = observed(mode);
    if (watcher != NULL)
        watcher->release(NULL, &request);
    else
        cc__base_release(&request);
    if (counting(mode)) count_free(cc__thread_get(), size, request.released, sized);
}

void cc_free_unsized(void *pointer) {
    release(pointer, 0, false);
}

void *cc_realloc(void *pointer, size_t old_size, size_t new_size) {
    if (pointer == NULL) return cc_alloc(new_size);
    if (new_size == 0) {
        cc_free(pointer, old_size);
        return NULL;
    }
    cc__may_block("an allocation");
    unsigned mode = cc__load_acquire(&cc__alloc_mode); /* pairs with cc__alloc_observe */
    if (new_size > PTRDIFF_MAX) return count_failure(mode);
    cc__request_t request = {.pointer = pointer, .size = new_size, .bytes = new_size};
    const cc__allocator_t *watcher = observed(mode);
    void *moved = watcher != NULL ? watcher->reallocate(NULL, &request) : cc__base_reallocate(&request);
    if (moved == NULL) return count_failure(mode);
#if defined(CC_DEBUG)
    if (new_size > old_size) memset((char *)moved + old_size, FILL_FRESH, new_size - old_size);
#endif
    if (counting(mode)) {
        cc__thread_t *thread = cc__thread_get();
        /* The allocation first: a snapshot between the two must not find more freed than allocated. */
        count_allocation(thread, new_size, request.taken);
        count_free(thread, old_size, request.released, true);
    }
    return moved;
}

/* ---- the hot three, in three sets ------------------------------------------------------------------------------- */

/* Whole cache lines; near SIZE_MAX the sum wraps to less than `size`, which allocate() refuses. */
static inline size_t whole_lines(size_t size) {
    return (size + (CC_CACHE_LINE_SIZE - 1)) & ~(size_t)(CC_CACHE_LINE_SIZE - 1);
}

static void *watched_alloc(size_t size) {
    return allocate(size, size, 1, false);
}

static void *watched_alloc_node(size_t size) {
    return allocate(size, whole_lines(size), CC_CACHE_LINE_SIZE, false);
}

static void watched_free(void *pointer, size_t size) {
    release(pointer, size, true);
}

static void *watched_alloc_lines(size_t bytes, size_t size) {
    (void)bytes;
    return watched_alloc_node(size);
}

#define WATCHED_CALLS {watched_alloc, watched_alloc_lines, watched_free}
static const struct cc_alloc_calls watched_calls = WATCHED_CALLS;

/* Each in cache lines of its own: where the linker happens to put them decides about a fifth of a nanosecond. */
#define HOT __attribute__((aligned(64)))

#if !defined(CC_DEBUG)
#if !defined(CC__MAIN_ALLOCATES_LINES)
static void *cc__main_allocate_lines(size_t bytes, size_t size) {
    (void)size;
    return cc__main_allocate_small(bytes);
}
#endif

_Static_assert((int)CC_SMALL_NODE <= (int)CC__MAIN_SMALL_MAX, "what is small for the header must be so for the allocator");

#define PLAIN_CALLS {cc__main_allocate, cc__main_allocate_lines, cc__main_release}
static const struct cc_alloc_calls plain_calls = PLAIN_CALLS;
struct cc_alloc_calls cc_alloc_calls = PLAIN_CALLS;
#else
struct cc_alloc_calls cc_alloc_calls = WATCHED_CALLS;
#endif

/* The counted set ends in jumps: a call and a return more would cost as much as all the counting. So an allocation is
 * counted before it is known to succeed, and what cannot be is taken back by the caller's cc_alloc_refused. */
#if !defined(CC_DEBUG) && CC_ALLOC_STATS && !defined(CC_BACKEND_LIBC)
/* Bytes of a block by the bytes asked for, in steps of 8. */
static uint16_t good_sizes[CC__MAIN_SMALL_MAX / 8 + 1];

static inline size_t good_size(size_t size) {
    return good_sizes[(size + 7) / 8];
}

/* Fills the table. False when this mimalloc's blocks are not of its good sizes (debug builds pad them), or when there is no
 * memory to find out; then the counted set would count wrong. pre: mode_lock is held. */
static bool counted_set_is_right(void) {
    static const size_t samples[] = {1, 8, 100, CC__MAIN_SMALL_MAX - 1};
    static bool right;
    if (right) return true;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        size_t block = 0;
        void *pointer = mi_umalloc(samples[i], &block);
        bool good = block == mi_good_size(samples[i]);
        mi_free(pointer);
        if (!good) return false;
    }
    for (size_t step = 1; step <= CC__MAIN_SMALL_MAX / 8; step++) good_sizes[step] = (uint16_t)mi_good_size(step * 8);
    return right = true;
}

/* What is left of the counted set's calls, so that they save no registers. Without a record the thread is given one first:
 * cc_alloc_refused takes it that every small size was counted. */
static __attribute__((noinline)) void *counted_alloc_rarely(size_t size) {
    if (size > CC__MAIN_SMALL_MAX) return watched_alloc(size);
    count_allocation(cc__thread_get(), size, good_size(size));
    return cc__main_allocate_small(size);
}

static __attribute__((noinline)) void *counted_alloc_lines_rarely(size_t bytes, size_t size) {
    count_allocation(cc__thread_get(), size, good_size(bytes));
    return cc__main_allocate_small(bytes);
}

static HOT void *counted_alloc(size_t size) {
    cc__thread_t *thread = cc__thread_self;
    if (CC_UNLIKELY(thread == NULL || size > CC__MAIN_SMALL_MAX)) return counted_alloc_rarely(size);
    count_allocation(thread, size, good_size(size));
    return cc__main_allocate_small(size);
}

static HOT void *counted_alloc_lines(size_t bytes, size_t size) {
    cc__thread_t *thread = cc__thread_self;
    if (CC_UNLIKELY(thread == NULL)) return counted_alloc_lines_rarely(bytes, size);
    count_allocation(thread, size, good_size(bytes));
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
    __atomic_store_n(&thread->last_freed, 0, __ATOMIC_RELAXED); /* before it is added: see total() */
    cc__own_add_release(&thread->counters.free_count, 1);
    cc__own_add_release(&thread->counters.free_bytes, size);
    cc__own_add_release(&thread->counters.free_block_bytes, block);
    cc__main_release_block(pointer, &thread->last_freed);
}

static const struct cc_alloc_calls counted_calls = {counted_alloc, counted_alloc_lines, counted_free};
#endif

/* Points the table to the set that the mode asks for. pre: mode_lock is held. */
static void choose_calls(void) {
    const struct cc_alloc_calls *calls = &watched_calls;
#if !defined(CC_DEBUG)
    unsigned mode = cc__load_relaxed(&cc__alloc_mode);
    if (mode == 0) calls = &plain_calls;
#if CC_ALLOC_STATS && !defined(CC_BACKEND_LIBC)
    if (mode == CC__MODE_STATISTICS && counted_set_is_right()) calls = &counted_calls;
#endif
#endif
    __atomic_store_n(&cc_alloc_calls.alloc, calls->alloc, __ATOMIC_RELAXED);
    __atomic_store_n(&cc_alloc_calls.alloc_lines, calls->alloc_lines, __ATOMIC_RELAXED);
    __atomic_store_n(&cc_alloc_calls.free, calls->free, __ATOMIC_RELAXED);
}

void *cc_alloc_refused(void *(*call)(size_t size), size_t size) {
    if (size == 0) return count_failure(cc__load_relaxed(&cc__alloc_mode));
#if !defined(CC_DEBUG) && CC_ALLOC_STATS && !defined(CC_BACKEND_LIBC)
    if (call == counted_alloc && size <= CC__MAIN_SMALL_MAX) {
        count_allocations(cc__thread_get(), (uint64_t)-1, -(uint64_t)size, -(uint64_t)good_size(size));
        return count_failure(CC__MODE_STATISTICS);
    }
#else
    (void)call;
#endif
    return NULL; /* a failure that was counted where it happened, if at all */
}

void *cc_alloc_node_refused(void *(*call)(size_t bytes, size_t size), size_t size, void *pointer) {
    if (size - 1 >= CC_SMALL_NODE) return watched_alloc_node(size); /* it was not called */
#if !defined(CC_DEBUG) && CC_ALLOC_STATS && !defined(CC_BACKEND_LIBC)
    if (call == counted_alloc_lines) {
        count_allocations(cc__thread_get(), (uint64_t)-1, -(uint64_t)size, -(uint64_t)good_size(whole_lines(size)));
        if (pointer == NULL) return count_failure(CC__MODE_STATISTICS);
    }
#else
    (void)call;
#endif
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

void (cc_free)(void *pointer, size_t size) {
    cc_free_inline(pointer, size);
}

/* ---- switches --------------------------------------------------------------------------------------------------- */

static void set_mode(unsigned flag, bool on) {
    cc__mutex_lock(&mode_lock);
    unsigned mode = cc__load_relaxed(&cc__alloc_mode); /* only changed under the lock */
    /* release pairs with the acquire loads of the mode: whoever sees the flag sees what it stands for */
    cc__store_release(&cc__alloc_mode, on ? mode | flag : mode & ~flag);
    choose_calls();
    cc__mutex_unlock(&mode_lock);
}

CC__HOLD_OVER_FORK(mode_lock);

void cc__alloc_observe(const cc__allocator_t *installed) {
    /* Removed, the pointer stays: a call that read the mode before still goes through the observer, which passes it on. */
    if (installed != NULL) cc__store_release(&observer, installed); /* pairs with the acquire load in observed() */
    set_mode(CC__MODE_OBSERVED, installed != NULL);
}

void cc_alloc_stats_enable(bool enable) {
#if CC_ALLOC_STATS
    set_mode(CC__MODE_STATISTICS, enable);
#else
    (void)enable;
#endif
}

bool cc_alloc_stats_enabled(void) {
    return counting(cc__load_relaxed(&cc__alloc_mode));
}

int cc_alloc_select(const char *name) {
    if (name == NULL || (strcmp(name, "mimalloc") != 0 && strcmp(name, "libc") != 0)) return CC_ERROR_ARGUMENT;
    bool libc = name[0] == 'l';
#if defined(CC_BACKEND_LIBC)
    return libc ? CC_OK : CC_ERROR_SUPPORT;
#else
    if (libc) set_mode(CC__MODE_MIXED, true); /* for good: its blocks may live as long as the process */
    cc__store_release(&libc_selected, libc); /* pairs with the acquire load in cc__base_allocate */
    return CC_OK;
#endif
}

const char *cc_alloc_selected(void) {
#if defined(CC_BACKEND_LIBC)
    return "libc";
#else
    return cc__load_relaxed(&libc_selected) ? "libc" : "mimalloc";
#endif
}

int cc_alloc_heap_bytes(size_t *committed, size_t *reserved) {
#if !defined(CC_BACKEND_LIBC)
    if (!cc__load_relaxed(&libc_selected)) {
        mi_stats_t_decl(figures);
        if (!mi_stats_get(&figures)) return CC_ERROR_SUPPORT;
        *committed = figures.committed.current > 0 ? (size_t)figures.committed.current : 0;
        *reserved = figures.reserved.current > 0 ? (size_t)figures.reserved.current : 0;
        return CC_OK;
    }
#endif
    (void)committed;
    (void)reserved;
    return CC_ERROR_SUPPORT;
}
