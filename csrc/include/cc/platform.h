/* cc/platform.h: the memory layer of a game platform: allocation with flags, exact statistics, leaks by file and line.
 * Usable from C99 and C++98 on. PLATFORM_NO_INLINE, defined before, leaves out the inlines at the end.
 * compat/memory_wrapper.h puts the Win32 calls on top of it.
 *
 * Units are bytes. Every function may be called from any thread, also concurrently; a block may be freed by another
 * thread than the one that allocated it. A block belongs to the caller until it is given to Platform_Free or
 * Platform_Realloc, and to nothing else. A function that fails gives NULL and leaves the reason with GetLastError of
 * compat/memory_wrapper.h. */
#ifndef CC_PLATFORM_H
#define CC_PLATFORM_H

#include "cc/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

/* Flags of an allocation; they may be combined, any other bit is an error. */
#define MEM_NORMAL 0x0000
#define MEM_TEMP 0x0001  /* short-lived: counted apart as well */
#define MEM_LOCK 0x0002  /* ignored, unless Platform_Mem_EnableLocking: then in pages of its own that stay in memory */
#define MEM_CLEAR 0x0004 /* all zeros */

/* A block of `size` bytes, aligned to 16. NULL when size is 0 or flags has an unknown bit (ERROR_INVALID_PARAMETER),
 * when there is no memory (ERROR_NOT_ENOUGH_MEMORY), or when it cannot be locked (ERROR_WORKING_SET_QUOTA). */
CC_API void *Platform_Alloc(size_t size, uint32_t flags) CC_ATTRIBUTE((warn_unused_result));

/* The same, with the place that a leak report names. `file` is copied when tracking is on and not kept otherwise; NULL:
 * the place is unknown. */
CC_API void *Platform_AllocEx(size_t size, uint32_t flags, const char *file, int line)
    CC_ATTRIBUTE((warn_unused_result));

/* Frees a block. NULL is ignored. `size`: what was asked for, or 0; the statistics are exact either way. A debug build,
 * and any build while leaks are tracked, reports another size on stderr. A pointer that is not a live block (a second
 * free) is reported and left alone as far as it can be told (its header is looked at). */
CC_API void Platform_Free(void *pointer, size_t size);

/* Resizes a block; its flags and its place stay. NULL: Platform_Alloc(new_size, MEM_NORMAL). new_size 0: frees, and
 * gives NULL. On failure NULL, and the block is as it was. `old_size` as in Platform_Free. New bytes are not cleared.
 */
CC_API void *Platform_Realloc(void *pointer, size_t old_size, size_t new_size) CC_ATTRIBUTE((warn_unused_result));

/* Whether MEM_LOCK locks (mlock) what is allocated from now on; off at first. */
CC_API void Platform_Mem_EnableLocking(bool enable);

/* ---- memory of the machine --------------------------------------------------------------------------------------- */

/* Free and total memory of the machine, or of the control group (cgroup, v1 or v2) that limits the process, whichever
 * is less. */
CC_API size_t Platform_Ram_Free(void);
CC_API size_t Platform_Total_Ram_Free(void);

/* From now on the two above (and GlobalMemoryStatus) tell these, for code that overflows on more; 0: the machine's
 * again. */
CC_API void Platform_Ram_Override(size_t free_bytes, size_t total_bytes);

/* A preset for it: 256 MiB free of 512. */
#define PLATFORM_RAM_FREE_PRESET ((size_t)256 << 20)
#define PLATFORM_RAM_TOTAL_PRESET ((size_t)512 << 20)

/* ---- statistics -------------------------------------------------------------------------------------------------- */

/* Bytes asked for in live blocks; how many live blocks; the same of those with MEM_TEMP alone. Each thread counts for
 * itself: the sums are exact when no other thread is inside a call of this header, never negative otherwise. */
CC_API size_t Platform_Mem_GetAllocated(void);
CC_API size_t Platform_Mem_GetCount(void);
CC_API size_t Platform_Mem_GetTempAllocated(void);
CC_API size_t Platform_Mem_GetTempCount(void);

/* The most that Platform_Mem_GetAllocated was. Exact while one thread allocates; else to within PLATFORM_PEAK_ERROR for
 * each thread. */
CC_API size_t Platform_Mem_GetPeak(void);
#define PLATFORM_PEAK_ERROR 16384

/* ---- leaks ------------------------------------------------------------------------------------------------------- */

/* Whether blocks that are allocated from now on are tracked by place; off at first. */
CC_API void Platform_Mem_TrackLeaks(bool enable);

/* Live blocks that were allocated at one place while leaks were tracked. */
typedef struct Platform_Leak {
    const char *file; /* its last 103 bytes; "?" when unknown; valid for the life of the process */
    int line;
    size_t count; /* blocks */
    size_t bytes; /* asked for */
} Platform_Leak;

/* Called for each place with live blocks, by the calling thread, without a lock. */
typedef void (*Platform_LeakCallback)(const Platform_Leak *leak, void *context);

/* Tells `callback` the places, the one with most bytes first; returns how many there are. NULL: prints them to stderr.
 */
CC_API size_t Platform_Mem_DumpLeaksTo(Platform_LeakCallback callback, void *context);

/* Prints them to stderr. */
CC_API void Platform_Mem_DumpLeaks(void);

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

/* memcpy, memmove, memset, memcmp; with a NULL pointer, or count 0, they do nothing. Platform_MemCopy allows
 * overlapping. */
CC_API void Platform_MemCopy(void *destination, const void *source, size_t count);
CC_API void Platform_MemMove(void *destination, const void *source, size_t count);
CC_API void Platform_MemSet(void *destination, int value, size_t count);
CC_API void Platform_ZeroMemory(void *destination, size_t count);

/* The difference of the first two bytes that differ; 0 when none does, and on NULL. */
CC_API int Platform_MemCmp(const void *one, const void *other, size_t count);

#ifdef __cplusplus
}
#endif

/* ---- inlines ----------------------------------------------------------------------------------------------------- */

#if defined(__GNUC__) && !defined(PLATFORM_NO_INLINE)
#include "cc/alloc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* For the inlines below alone. A block's header: 16 bits of mark, another when there is more to do for a free; whether
 * it is MEM_TEMP; 47 bits of size. `more` is set with the other mark only. */
struct cc_platform_header {
    uint64_t word, more;
};
#define CC_PLATFORM_MARK ((uint64_t)0xCCB1)
#define CC_PLATFORM_TEMP ((uint64_t)1 << 47)
#define CC_PLATFORM_SIZE_LIMIT (CC_PLATFORM_TEMP - sizeof(struct cc_platform_header))

/* What the calling thread allocated less what it freed, and between which bytes that is so without more to do. Only its
 * thread writes it. NULL: the thread has none yet. */
struct cc_platform_shard {
    int64_t bytes, count, top, low, temp_bytes, temp_count;
};
extern CC_API __thread struct cc_platform_shard *cc_platform_shard CC_STATIC_THREAD_LOCAL;
CC_API void cc_platform_risen(int64_t bytes);
CC_API void cc_platform_fallen(int64_t bytes);
CC_API void *cc_platform_no_memory(void);
CC_API void cc_platform_free_rarely(void *pointer, size_t size);

/* 0 while nothing is switched on. */
extern CC_API uint32_t cc_platform_mode;

#ifdef __cplusplus
}
#endif

/* Relaxed atomics: other threads read a shard's sums, and the mode may change at any time. */
static inline int64_t cc_platform_add(int64_t *sum, int64_t value) {
    int64_t result = __atomic_load_n(sum, __ATOMIC_RELAXED) + value;
    __atomic_store_n(sum, result, __ATOMIC_RELAXED);
    return result;
}

/* Without the attributes malloc and alloc_size: the header lies before what they would promise. */
static inline void *cc_platform_alloc_inline(size_t size, uint32_t flags, const char *file, int line) {
    struct cc_platform_shard *shard = cc_platform_shard;
    uint32_t known = MEM_TEMP | MEM_LOCK | MEM_CLEAR;
    uint32_t special = (flags & ~known) | __atomic_load_n(&cc_platform_mode, __ATOMIC_RELAXED);
    if (CC_UNLIKELY(special != 0 || size - 1 >= CC_PLATFORM_SIZE_LIMIT || shard == NULL))
        return Platform_AllocEx(size, flags, file, line);
    struct cc_platform_header *header =
        (struct cc_platform_header *)((flags & MEM_CLEAR) != 0 ? cc_calloc(1, sizeof *header + size)
                                                               : cc_alloc_inline(sizeof *header + size));
    if (CC_UNLIKELY(header == NULL)) return cc_platform_no_memory();
    header->word = CC_PLATFORM_MARK << 48 | size;
    if ((flags & MEM_TEMP) != 0) {
        header->word |= CC_PLATFORM_TEMP;
        (void)cc_platform_add(&shard->temp_bytes, (int64_t)size);
        (void)cc_platform_add(&shard->temp_count, 1);
    }
    (void)cc_platform_add(&shard->count, 1);
    int64_t bytes = cc_platform_add(&shard->bytes, (int64_t)size);
    if (CC_UNLIKELY(bytes > shard->top)) cc_platform_risen(bytes);
    return header + 1;
}

static inline void cc_platform_free_inline(void *pointer, size_t size) {
    struct cc_platform_shard *shard = cc_platform_shard;
    if (CC_UNLIKELY(pointer == NULL)) return;
    struct cc_platform_header *header = (struct cc_platform_header *)pointer - 1;
    uint64_t word = header->word;
    if (CC_UNLIKELY(shard == NULL || word >> 48 != CC_PLATFORM_MARK)) {
        cc_platform_free_rarely(pointer, size);
        return;
    }
    size = (size_t)(word & (CC_PLATFORM_TEMP - 1));
    if ((word & CC_PLATFORM_TEMP) != 0) {
        (void)cc_platform_add(&shard->temp_bytes, -(int64_t)size);
        (void)cc_platform_add(&shard->temp_count, -1);
    }
    (void)cc_platform_add(&shard->count, -1);
    int64_t bytes = cc_platform_add(&shard->bytes, -(int64_t)size);
    if (CC_UNLIKELY(bytes < shard->low)) cc_platform_fallen(bytes);
    header->word = 0; /* a second free meets no mark, whatever the allocator leaves in freed memory */
    cc_free_inline(header, sizeof *header + size);
}

/* Function-like macros: `&Platform_Alloc` is still the exported function. */
#define Platform_Alloc(size, flags) cc_platform_alloc_inline((size), (flags), __FILE__, __LINE__)
#define Platform_Free(pointer, size) cc_platform_free_inline((pointer), (size))
#endif

#endif
