/* cc/alloc.h: allocation over mimalloc, with statistics that cost next to nothing.
 *
 * Units are bytes. Every function may be called from any thread, also concurrently; a block may be freed by another
 * thread than the one that allocated it. Blocks are owned by the caller until it frees them here: a block of cc_* goes
 * to cc_free, cc_free_unsized or cc_realloc and to nothing else (not to free(3)). Freeing a block twice, or a pointer
 * that is not a live block, is undefined behaviour (the sanitizer builds report it).
 *
 * fork(): libcc's own locks are held across it, so a child may call everything here, and its statistics go on from the
 * parent's, with the forking thread alone alive; what other threads were counting at that instant may be missing.
 * mimalloc has locks too (taken when a thread begins or ends and when fresh pages are needed) and no fork handler: a
 * child forked from a process with several threads relies on none of them being held by another thread at that moment.
 * That is likely and cannot be promised; such a child should do little before exec. After cc_alloc_select("libc"), new
 * blocks are as safe as the process's own malloc in a child (glibc's is). A pthread_atfork handler that runs between
 * libcc's and the fork (registered before the library was loaded) must call nothing of libcc. */
#ifndef CC_ALLOC_H
#define CC_ALLOC_H

#include <string.h>

#include "cc/base.h"

/* 0 removes the statistics' code from the library; 1 compiles them in, switched off until
 * cc_alloc_stats_enable(true). */
#ifndef CC_ALLOC_STATS
#define CC_ALLOC_STATS 1
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The three hot calls go through this table, which the library re-points when something is switched on; with everything
 * off, `alloc` and `free` are the allocator's own functions, so that a call through the inlines below costs what a call
 * of mi_malloc costs. Read it only through them: they also check what its functions leave unchecked. */
struct cc_alloc_calls {
    void *(*alloc)(size_t size);
    /* whole cache lines for a node of `size` bytes, CC_SMALL_NODE at most */
    void *(*alloc_lines)(size_t bytes, size_t size);
    void (*free)(void *pointer, size_t size);
};
extern CC_API struct cc_alloc_calls cc_alloc_calls;
enum { CC_SMALL_NODE = 1024 };

/* Frees what any allocation function below returned. NULL is ignored. `size` is the size that was asked for (for
 * cc_alloc_node: the caller's size, not the rounded one); it is credited to the statistics. Debug builds (CC_DEBUG)
 * end the process with a report when it is another one; release builds do not look. */
CC_API void cc_free(void *pointer, size_t size);

/* The same where the size is not known: the statistics credit the block's usable size and count it apart. */
CC_API void cc_free_unsized(void *pointer);

/* A block of at least `size` bytes, aligned to 16 (8 for sizes up to 8). NULL when size is 0, when it cannot be
 * represented, or when there is no memory; each is counted as a failure. */
CC_API void *cc_alloc(size_t size) CC_ATTRIBUTE((malloc, alloc_size(1), warn_unused_result));

/* count * size zeroed bytes; NULL also when the product overflows. The size to free it with is the product. */
CC_API void *cc_calloc(size_t count, size_t size) CC_ATTRIBUTE((malloc, alloc_size(1, 2), warn_unused_result));

/* A block aligned to `alignment`, a power of two (any other: NULL). cc_realloc does not keep the alignment. */
CC_API void *cc_alloc_aligned(size_t size, size_t alignment) CC_ATTRIBUTE((malloc, alloc_size(1), warn_unused_result));

/* A block that begins at a cache line and shares none with another block: `size` is rounded up to whole lines. */
CC_API void *cc_alloc_node(size_t size) CC_ATTRIBUTE((malloc, alloc_size(1), warn_unused_result));

/* Moves or resizes a block of old_size bytes. NULL pointer: cc_alloc(new_size). new_size 0: frees and returns NULL. On
 * failure returns NULL and leaves the old block as it was. In the statistics it is one free and one allocation. */
CC_API void *cc_realloc(void *pointer, size_t old_size, size_t new_size) CC_ATTRIBUTE((warn_unused_result));

/* Bytes that may be used of a live block (at least the size asked for); 0 for NULL. */
CC_API size_t cc_usable_size(const void *pointer);

/* For the inlines below alone: what to do when a function of the table gave NULL, was not to be called (size 0, a large
 * node), or gave a node that does not begin at a line. They return what the caller gets. */
CC_API void *cc_alloc_refused(void *(*call)(size_t size), size_t size);
CC_API void *cc_alloc_node_refused(void *(*call)(size_t bytes, size_t size), size_t size, void *pointer);

#if defined(__GNUC__)
/* The same three without the jump through the linker's table. Relaxed loads: each of the table's functions is right at
 * any time. */
static inline CC_ATTRIBUTE((malloc, alloc_size(1), warn_unused_result)) void *cc_alloc_inline(size_t size) {
    void *(*call)(size_t) = __atomic_load_n(&cc_alloc_calls.alloc, __ATOMIC_RELAXED);
    void *pointer = CC_LIKELY(size != 0) ? call(size) : NULL;
    return CC_LIKELY(pointer != NULL) ? pointer : cc_alloc_refused(call, size);
}
static inline CC_ATTRIBUTE((malloc, alloc_size(1), warn_unused_result)) void *cc_alloc_node_inline(size_t size) {
    void *(*call)(size_t, size_t) = __atomic_load_n(&cc_alloc_calls.alloc_lines, __ATOMIC_RELAXED);
    size_t bytes = (size + CC_CACHE_LINE_SIZE - 1) & ~(size_t)(CC_CACHE_LINE_SIZE - 1);
    void *pointer = CC_LIKELY(size - 1 < CC_SMALL_NODE) ? call(bytes, size) : NULL;
    bool good = pointer != NULL && ((uintptr_t)pointer & (CC_CACHE_LINE_SIZE - 1)) == 0;
    return CC_LIKELY(good) ? pointer : cc_alloc_node_refused(call, size, pointer);
}
static inline void cc_free_inline(void *pointer, size_t size) {
    __atomic_load_n(&cc_alloc_calls.free, __ATOMIC_RELAXED)(pointer, size);
}

/* Function-like macros: `&cc_free` is still the exported function. */
#if !defined(CC_ALLOC_NO_INLINE)
#define cc_alloc(size) cc_alloc_inline(size)
#define cc_alloc_node(size) cc_alloc_node_inline(size)
#define cc_free(pointer, size) cc_free_inline((pointer), (size))
#endif
#endif

/* Frees what cc_alloc and its relatives returned and makes the pointer NULL. */
#define CC_SAFE_FREE(pointer) \
    do { \
        cc_free_unsized(pointer); \
        (pointer) = NULL; \
    } while (0)

/* count * size bytes, not zeroed; NULL when the product overflows. Freed with cc_free(pointer, count * size). */
static inline CC_ATTRIBUTE((malloc, alloc_size(1, 2), warn_unused_result)) void *cc_alloc_array(size_t count,
                                                                                                size_t size) {
    return cc_alloc(size != 0 && count > SIZE_MAX / size ? SIZE_MAX : count * size);
}

/* For CC_CLEANUP: frees what a variable of any pointer type holds. */
static inline void cc_alloc_cleanup(void *variable) {
    void *pointer;
    memcpy(&pointer, variable, sizeof pointer);
    cc_free_unsized(pointer);
}

/* Statistics. Every thread counts in a record of its own, in relaxed atomics that only it writes; a snapshot adds the
 * records up. A snapshot that is taken while other threads allocate is never negative and is exact once they stop. */
typedef struct cc_alloc_snapshot {
    uint64_t alloc_count;        /* blocks allocated; a cc_realloc counts as one here and one free */
    uint64_t free_count;         /* blocks freed, sized and unsized */
    uint64_t alloc_bytes;        /* bytes asked for */
    uint64_t free_bytes;         /* bytes given to cc_free; usable bytes for unsized frees */
    uint64_t current_allocated;  /* alloc_bytes - free_bytes, at least 0 */
    uint64_t failed_count;       /* calls that returned NULL for want of memory or a bad argument */
    uint64_t unsized_free_count; /* of free_count, those without a size */
    /* bytes of the blocks allocated, padding included (before and behind what is usable) */
    uint64_t alloc_block_bytes;
    uint64_t free_block_bytes;    /* bytes of the blocks freed, counted the same way: these two always balance */
    uint64_t current_block_bytes; /* alloc_block_bytes - free_block_bytes, at least 0 */
    uint64_t thread_count;        /* living threads that have a record (used the library and were counted) */
    uint64_t reserved[5];         /* 0; for later versions */
} cc_alloc_snapshot_t;

/* Switches counting on or off for all threads; what was counted stays. Blocks that are allocated while it is off and
 * freed while it is on count as frees only. Without CC_ALLOC_STATS it does nothing. */
CC_API void cc_alloc_stats_enable(bool enable);

/* Whether counting is on. */
CC_API bool cc_alloc_stats_enabled(void);

/* Everything counted since the last reset (or the start of the process). */
CC_API cc_alloc_snapshot_t cc_alloc_stats_snapshot(void);

/* Makes the present totals the new zero. It writes no other thread's record, so counts that are on their way are
 * kept. */
CC_API void cc_alloc_stats_reset(void);

/* Chooses what lies below: "mimalloc" (the default) or "libc" (the process's malloc, for debugging tools). May be
 * changed at any time: blocks remember where they came from. CC_ERROR_ARGUMENT for another name, CC_ERROR_SUPPORT when
 * the build has only the other. */
CC_API int cc_alloc_select(const char *name);

/* The name of the allocator that serves new blocks; static. */
CC_API const char *cc_alloc_selected(void);

/* Bytes that the allocator below holds from the system: resident or committed, and reserved address space. mimalloc
 * merges its figures late (at collect and thread exit), so they lag. CC_ERROR_SUPPORT when it tells nothing (libc);
 * then nothing is written. */
CC_API int cc_alloc_heap_bytes(size_t *committed, size_t *reserved);

#ifdef __cplusplus
}
#endif
#endif
