/* cc/regions.h: memory that is freed together or shared: arenas, heaps with checkpoints, pools, reference counts, slices,
 * mapped files.
 *
 * Units are bytes. Every region draws from an allocator of cc/methods.h, or from cc_alloc where NULL is given; the table must
 * outlive the region and be initialized. Requests of 0 bytes, and those that cannot be met, give NULL and leave the region as
 * it was. An arena, a heap or a pool that is not `shared` belongs to one thread at a time; it may pass to another one like any
 * data, with a lock or a join between. Builds for the address sanitizer and valgrind report the use of what a region has taken
 * back, and of the gaps that they leave between blocks. */
#ifndef CC_REGIONS_H
#define CC_REGIONS_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cc/alloc.h"
#include "cc/methods.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- arena: blocks that are forgotten together ------------------------------------------------------------------- */

/* The fields are for the inlines below: the free rest of the block in use (empty in builds that watch every allocation). */
typedef struct cc_arena {
    char *next, *end;
} cc_arena_t;

/* An arena; the caller destroys it. start_size: bytes of the first block, 0: 4096; each further one is twice as large, up to
 * 1 MiB, or as large as a request needs. NULL without memory. */
CC_API cc_arena_t *cc_arena_create(size_t start_size, const cc_mem_methods_t *allocator) CC_ATTRIBUTE((warn_unused_result));

/* An arena inside the caller's buffer, which must outlive it: nothing else is ever allocated, and a request that does not
 * fit is NULL. Its bookkeeping takes about 150 bytes. NULL when the buffer is too small for that. */
CC_API cc_arena_t *cc_arena_create_in(void *buffer, size_t size) CC_ATTRIBUTE((warn_unused_result));

/* Runs what was deferred and gives all memory back. NULL is ignored. */
CC_API void cc_arena_destroy(cc_arena_t *arena);

/* For the inlines: what does not fit into the rest of the block, or is to be watched. */
CC_API void *cc_arena_alloc_slowly(cc_arena_t *arena, size_t size, size_t alignment);

/* `size` bytes until the next rewind, reset or destroy; `alignment` is a power of two (any other: NULL), 1 to pack. */
static inline CC_ATTRIBUTE((alloc_size(2), warn_unused_result)) void *cc_arena_alloc_aligned(cc_arena_t *arena, size_t size,
                                                                                            size_t alignment) {
    size_t gap = (size_t)-(intptr_t)arena->next & (alignment - 1), room = (size_t)(arena->end - arena->next);
    if (CC_LIKELY(gap <= room && size - 1 < room - gap && (alignment & (alignment - 1)) == 0)) {
        char *pointer = arena->next + gap;
        arena->next = pointer + size;
        return pointer;
    }
    return cc_arena_alloc_slowly(arena, size, alignment);
}

/* The same, aligned to 16 as cc_alloc's. */
static inline CC_ATTRIBUTE((alloc_size(2), warn_unused_result)) void *cc_arena_alloc(cc_arena_t *arena, size_t size) {
    return cc_arena_alloc_aligned(arena, size, 16);
}

/* count * size zeroed bytes; NULL also when the product overflows. */
CC_API void *cc_arena_calloc(cc_arena_t *arena, size_t count, size_t size) CC_ATTRIBUTE((warn_unused_result));

/* A copy of `size` bytes; of a text with its end. */
CC_API void *cc_arena_dup(cc_arena_t *arena, const void *data, size_t size) CC_ATTRIBUTE((warn_unused_result));
CC_API char *cc_arena_strdup(cc_arena_t *arena, const char *text) CC_ATTRIBUTE((warn_unused_result));

/* Has function(argument) called when the arena is rewound to before this call, reset or destroyed: the latest first, before
 * any memory is taken back. CC_ERROR_MEMORY, then nothing will be called; CC_ERROR_ARGUMENT for NULL. */
CC_API int cc_arena_defer(cc_arena_t *arena, void (*function)(void *argument), void *argument);

/* A point in an arena's life. The fields are the library's. */
typedef struct cc_arena_mark_t {
    void *block;
    char *next;
    void *deferred;
} cc_arena_mark_t;

CC_API cc_arena_mark_t cc_arena_mark(const cc_arena_t *arena);

/* Takes back all that was allocated since the mark; the memory stays the arena's, for its next allocations. Marks are
 * nested: CC_ERROR_STATE, and nothing is done, for one that an earlier rewind or reset has taken back, unless what was allocated
 * since hides that. */
CC_API int cc_arena_rewind(cc_arena_t *arena, cc_arena_mark_t mark);

/* Takes everything back and keeps the memory. */
CC_API void cc_arena_reset(cc_arena_t *arena);

/* Gives back blocks that nothing lies in (as after a reset). */
CC_API void cc_arena_trim(cc_arena_t *arena);

/* used: bytes up to the present end of each block in use, gaps included; reserved: of all blocks with the bookkeeping. */
typedef struct cc_arena_status_t {
    size_t used, reserved, blocks;
} cc_arena_status_t;

CC_API cc_arena_status_t cc_arena_status(const cc_arena_t *arena);

/* ---- pool: blocks of one size ------------------------------------------------------------------------------------ */

/* The fields are for the inlines below: free blocks, linked by their first words (none in pools that are shared, checked or
 * watched). */
typedef struct cc_pool {
    void *free;
    bool direct;
} cc_pool_t;

/* Zero stands for the default of each; block_size has none. */
typedef struct cc_pool_options {
    size_t block_size;
    size_t alignment;    /* of blocks, a power of two up to 4096; 0: 16, or 8 for sizes up to 8 */
    size_t blocks;       /* fixed: how many there are; else how many the first chunk has. 0: 4 KiB of them, one at least */
    bool fixed;          /* never more blocks than that; all memory is taken at once */
    bool shared;         /* for any number of threads at a time */
    bool checked;        /* each free is checked (always so in debug builds) */
    bool cached;         /* fixed and shared: see below */
    const cc_mem_methods_t *allocator;
    void *buffer; /* fixed, wholly inside this buffer, which must outlive the pool; `blocks` 0: as many as fit */
    size_t buffer_bytes;
} cc_pool_options_t;

/* A pool; the caller destroys it. NULL without memory, or when an option is out of its range or the buffer too small.
 *
 * Shared pools are lock-free but for growing and for a thread's first call. Each thread keeps up to 64 free blocks (fewer large
 * ones) for itself; a thread that ends leaves them to the others. A fixed shared pool does that only when `cached`, because what
 * one thread keeps another cannot have: without, a request fails only when all blocks are in use. */
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

/* Takes a block back. NULL is ignored. CC_OK; checked pools say CC_ERROR_ARGUMENT of a pointer that is no block's beginning,
 * CC_ERROR_STATE of a block that is not live, and do nothing. Debug builds write it to stderr, too. */
static inline int cc_pool_free(cc_pool_t *pool, void *block) {
    if (CC_UNLIKELY(!pool->direct || block == NULL)) return cc_pool_free_slowly(pool, block);
    memcpy(block, &pool->free, sizeof pool->free);
    pool->free = block;
    return CC_OK;
}

/* Calls visit(block, context) for each live block, chunk by chunk, in order of address within each. visit may free that
 * block. Also for shared pools: nobody else may use the pool meanwhile. */
CC_API void cc_pool_each(cc_pool_t *pool, void (*visit)(void *block, void *context), void *context);

typedef struct cc_pool_status_t {
    size_t block_size; /* as asked for */
    size_t stride;     /* bytes from one block to the next */
    size_t blocks;     /* that there are */
    size_t live;       /* of them, allocated; exact while nobody else uses the pool */
    size_t chunks;
    size_t reserved;   /* bytes of all chunks with the bookkeeping */
} cc_pool_status_t;

/* Takes time in proportion to the blocks. Nobody else may use the pool meanwhile. */
CC_API cc_pool_status_t cc_pool_status(cc_pool_t *pool);

/* ---- heap: a stack of allocations with checkpoints --------------------------------------------------------------- */

/* In the manner of InnoDB's mem_heap_t. Allocations lie one behind the other, each followed by its header: one word with its
 * size, so that the latest can be looked at and taken back. */
typedef struct cc_heap cc_heap_t;

typedef enum cc_heap_type {
    CC_HEAP_DYNAMIC = 0, /* blocks from the allocator */
    CC_HEAP_BUFFER = 1,  /* blocks from a pool: as many as needed, none larger than the pool's. While the heap's blocks are
                          * smaller than half of one of the pool's they come from the allocator. */
    CC_HEAP_SEARCH = 2   /* an allocation never asks for a block: it fails, and may be tried again after cc_heap_add_spare.
                          * For callers that may not wait inside an allocation. */
} cc_heap_type_t;

enum { CC_HEAP_START_SIZE = 64, CC_HEAP_STANDARD_SIZE = 8192 };

/* Zero stands for the default of each. */
typedef struct cc_heap_options {
    cc_heap_type_t type;
    size_t start_size;    /* bytes that the first block has room for; 0: CC_HEAP_START_SIZE */
    size_t standard_size; /* each further block is twice as large as the last, up to this; 0: CC_HEAP_STANDARD_SIZE */
    const cc_mem_methods_t *allocator;
    cc_pool_t *pool; /* for CC_HEAP_BUFFER, and for the spare blocks of CC_HEAP_SEARCH; must outlive the heap */
} cc_heap_options_t;

/* A heap; the caller destroys it. NULL options: all defaults. NULL without memory, or for CC_HEAP_BUFFER without a pool, or
 * one whose blocks are below 256 bytes. */
CC_API cc_heap_t *cc_heap_create(const cc_heap_options_t *options) CC_ATTRIBUTE((warn_unused_result));

/* Gives all blocks back. NULL is ignored. */
CC_API void cc_heap_destroy(cc_heap_t *heap);

/* `size` bytes, aligned to a pointer's size. A request beyond the next block's size gets a block of its own. */
CC_API void *cc_heap_alloc(cc_heap_t *heap, size_t size) CC_ATTRIBUTE((alloc_size(2), warn_unused_result));
/* `alignment`: a power of two (any other: NULL). */
CC_API void *cc_heap_alloc_aligned(cc_heap_t *heap, size_t size, size_t alignment)
    CC_ATTRIBUTE((alloc_size(2), warn_unused_result));
CC_API void *cc_heap_zalloc(cc_heap_t *heap, size_t size) CC_ATTRIBUTE((alloc_size(2), warn_unused_result));
/* A copy of `size` bytes; of a text with its end; of the first `length` bytes of a text, and an end. */
CC_API void *cc_heap_dup(cc_heap_t *heap, const void *data, size_t size) CC_ATTRIBUTE((warn_unused_result));
CC_API char *cc_heap_strdup(cc_heap_t *heap, const char *text) CC_ATTRIBUTE((warn_unused_result));
CC_API char *cc_heap_strdupl(cc_heap_t *heap, const char *text, size_t length) CC_ATTRIBUTE((warn_unused_result));
/* Two texts, one behind the other. */
CC_API char *cc_heap_strcat(cc_heap_t *heap, const char *first, const char *second) CC_ATTRIBUTE((warn_unused_result));
/* As snprintf; NULL also for a format that it refuses. */
CC_API char *cc_heap_printf(cc_heap_t *heap, const char *format, ...) CC_ATTRIBUTE((format(printf, 2, 3)));
CC_API char *cc_heap_vprintf(cc_heap_t *heap, const char *format, va_list arguments) CC_ATTRIBUTE((format(printf, 2, 0)));

/* The latest allocation that is still there, and its size (`size` may be NULL); NULL when there is none. */
CC_API void *cc_heap_get_top(const cc_heap_t *heap, size_t *size);

/* Takes the latest allocation back. CC_ERROR_STATE when there is none. */
CC_API int cc_heap_free_top(cc_heap_t *heap);

/* A point in a heap's life. The fields are the library's. */
typedef struct cc_heap_checkpoint_t {
    void *block;
    char *top;
} cc_heap_checkpoint_t;

CC_API cc_heap_checkpoint_t cc_heap_checkpoint(const cc_heap_t *heap);

/* Takes back all that was allocated since, block by block, and gives the blocks back. As with marks
 * of arenas, CC_ERROR_STATE for a checkpoint that was taken back itself, where that can be seen. */
CC_API int cc_heap_release(cc_heap_t *heap, cc_heap_checkpoint_t checkpoint);

/* Takes everything back and keeps the first block. */
CC_API void cc_heap_empty(cc_heap_t *heap);

/* CC_HEAP_SEARCH: makes sure that a block is at hand in which the next allocation of up to `size` bytes will fit. CC_ERROR_MEMORY;
 * CC_ERROR_LIMIT when a block of the pool is too small for that; CC_ERROR_STATE for another type. */
CC_API int cc_heap_add_spare(cc_heap_t *heap, size_t size);

CC_API size_t cc_heap_total_size(const cc_heap_t *heap);  /* of all blocks with the bookkeeping, but for a spare one */
CC_API size_t cc_heap_block_count(const cc_heap_t *heap); /* without a spare one */

/* Whether all headers and sums fit each other; in debug builds also whether nothing was written behind an allocation. Those
 * builds look at what they take back in the same way, and abort with a message where it is damaged. Takes time in
 * proportion to the allocations. */
CC_API bool cc_heap_validate(const cc_heap_t *heap);

/* Writes a line for the heap and one for each block. */
CC_API void cc_heap_print(const cc_heap_t *heap, FILE *stream);

/* One block that knows its size: freed without being told it. cc_sized_size: what was asked for, 0 for NULL. For any thread. */
CC_API void *cc_sized_alloc(size_t size) CC_ATTRIBUTE((malloc, alloc_size(1), warn_unused_result));
CC_API void cc_sized_free(void *pointer);
CC_API size_t cc_sized_size(const void *pointer);

/* ---- slice: a part of somebody's bytes --------------------------------------------------------------------------- */

/* `length` bytes that begin at `data` and belong to somebody else, who must keep them; any bytes, no end is marked. The
 * functions never look beyond them and copy nothing; they may be called from any thread. */
typedef struct cc_slice_t {
    const char *data;
    size_t length;
} cc_slice_t;

#define CC_SLICE_NONE SIZE_MAX /* what the searches give when there is nothing */

static inline cc_slice_t cc_slice(const void *data, size_t length) {
    cc_slice_t slice;
    slice.data = (const char *)data;
    slice.length = length;
    return slice;
}

/* Of a text without its end; NULL: empty. */
static inline cc_slice_t cc_slice_text(const char *text) {
    return cc_slice(text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

/* At most `length` bytes from `start` on; empty from beyond the end. */
static inline cc_slice_t cc_slice_sub(cc_slice_t slice, size_t start, size_t length) {
    if (start > slice.length) start = slice.length;
    if (length > slice.length - start) length = slice.length - start;
    return cc_slice(slice.data + start, length);
}

static inline bool cc_slice_equal(cc_slice_t one, cc_slice_t other) {
    return one.length == other.length && (one.length == 0 || memcmp(one.data, other.data, one.length) == 0);
}

/* Below, at or above 0, by bytes; a beginning of the other comes before it. */
CC_API int cc_slice_compare(cc_slice_t one, cc_slice_t other);
/* The same where the letters A to Z and a to z are equal. */
CC_API int cc_slice_compare_caseless(cc_slice_t one, cc_slice_t other);

CC_API bool cc_slice_starts_with(cc_slice_t slice, cc_slice_t beginning);
CC_API bool cc_slice_ends_with(cc_slice_t slice, cc_slice_t ending);

/* Where `part` first (last) lies in the slice at or behind `start`; CC_SLICE_NONE if it does not. An empty part lies
 * everywhere up to the end. */
CC_API size_t cc_slice_find(cc_slice_t slice, cc_slice_t part, size_t start);
CC_API size_t cc_slice_rfind(cc_slice_t slice, cc_slice_t part, size_t start);

/* The same of one byte. */
static inline size_t cc_slice_find_byte(cc_slice_t slice, char byte, size_t start) {
    if (start >= slice.length) return CC_SLICE_NONE;
    const char *found = (const char *)memchr(slice.data + start, byte, slice.length - start);
    return found != NULL ? (size_t)(found - slice.data) : CC_SLICE_NONE;
}

/* Without spaces, tabs, line ends, vertical tabs and form feeds at both ends. */
CC_API cc_slice_t cc_slice_trim(cc_slice_t slice);

/* The next part of *rest up to a separator (not empty), in *part; *rest becomes what is behind it. False when nothing is left:
 * then rest->data is NULL. A slice with n separators has n + 1 parts, an empty one has one:
 *     for (cc_slice_t part, rest = line; cc_slice_split(&rest, separator, &part);) … */
CC_API bool cc_slice_split(cc_slice_t *rest, cc_slice_t separator, cc_slice_t *part);
static inline bool cc_slice_split_byte(cc_slice_t *rest, char separator, cc_slice_t *part) {
    if (rest->data == NULL) return false;
    size_t at = cc_slice_find_byte(*rest, separator, 0);
    *part = cc_slice_sub(*rest, 0, at);
    *rest = at != CC_SLICE_NONE ? cc_slice_sub(*rest, at + 1, SIZE_MAX) : cc_slice(NULL, 0);
    return true;
}

/* The longest beginning of at most `most` bytes that does not end inside a UTF-8 character. Bytes that are no UTF-8 count as a
 * character each. */
CC_API cc_slice_t cc_slice_utf8_sub(cc_slice_t slice, size_t most);
/* Takes the first character off *rest: its code point, 0xFFFD for a byte that is no UTF-8, -1 when nothing is left. */
CC_API int32_t cc_slice_utf8_next(cc_slice_t *rest);
/* Whether all of it is UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF). */
CC_API bool cc_slice_utf8_valid(cc_slice_t slice);

/* The number that all of the slice is, in decimal with an optional sign: no spaces. CC_ERROR_ARGUMENT when it is none,
 * CC_ERROR_LIMIT when it does not fit; then nothing is written. */
CC_API int cc_slice_to_int64(cc_slice_t slice, int64_t *number);
/* The same, as strtod reads in the C locale: fractions and exponents too, also nan and inf. At most 127 bytes. */
CC_API int cc_slice_to_double(cc_slice_t slice, double *number);

/* ---- buffer: bytes with a reference count ------------------------------------------------------------------------ */

/* Bytes that several owners hold, also in several threads; the last release frees them. */
typedef struct cc_buffer cc_buffer_t;

/* A buffer with one reference. NULL without memory, or for size 0.
 *   create  `size` bytes of its own, to be written before the buffer is shared
 *   copy    the same, filled from `data`
 *   take    takes `data` over: release(data, size, context) is called at the end, NULL: cc_free. On failure it stays the caller's.
 *   view    shows `data`, which stays the caller's and must outlive the buffer */
CC_API cc_buffer_t *cc_buffer_create(size_t size, const cc_mem_methods_t *allocator) CC_ATTRIBUTE((warn_unused_result));
CC_API cc_buffer_t *cc_buffer_copy(const void *data, size_t size, const cc_mem_methods_t *allocator)
    CC_ATTRIBUTE((warn_unused_result));
CC_API cc_buffer_t *cc_buffer_take(void *data, size_t size, void (*release)(void *data, size_t size, void *context),
                                   void *context, const cc_mem_methods_t *allocator) CC_ATTRIBUTE((warn_unused_result));
CC_API cc_buffer_t *cc_buffer_view(const void *data, size_t size, const cc_mem_methods_t *allocator)
    CC_ATTRIBUTE((warn_unused_result));

/* One reference more, for another owner; returns the buffer. */
CC_API cc_buffer_t *cc_buffer_retain(cc_buffer_t *buffer);
/* One reference less; the last one frees. NULL is ignored. */
CC_API void cc_buffer_release(cc_buffer_t *buffer);
/* How many references there are; only 1 says something that lasts. */
CC_API size_t cc_buffer_references(const cc_buffer_t *buffer);

/* The bytes, as long as the caller holds its reference. */
CC_API cc_slice_t cc_buffer_slice(const cc_buffer_t *buffer);

/* Copy on write: the bytes to write to. If *buffer has other owners or is a view, the caller's reference is exchanged for one to
 * a copy. NULL without memory: then nothing has changed. */
CC_API char *cc_buffer_write(cc_buffer_t **buffer) CC_ATTRIBUTE((warn_unused_result));

/* ---- mapped files ------------------------------------------------------------------------------------------------ */

/* A file's bytes as memory. Any thread may read them. */
typedef struct cc_map cc_map_t;

enum {
    CC_MAP_COPY_ON_WRITE = 1, /* may be written; what is written is seen through this map only and never reaches the file */
    CC_MAP_GUARDED = 2        /* see cc_map_truncated */
};

/* Maps a whole file and gives it in *map; the caller unmaps it. The map shows the size that the file has now. CC_ERROR_MISSING (no
 * such file), CC_ERROR_ACCESS, CC_ERROR_DIRECTORY, CC_ERROR_EMPTY, CC_ERROR_KIND (no regular file), CC_ERROR_MEMORY,
 * CC_ERROR_LIMIT (too many open files, or more guarded maps than 1024), CC_ERROR_ARGUMENT; then *map is NULL. */
CC_API int cc_map_file(const char *path, unsigned flags, cc_map_t **map);
/* NULL is ignored. */
CC_API void cc_unmap(cc_map_t *map);

/* The bytes, until cc_unmap. With CC_MAP_COPY_ON_WRITE they may be written through a cast. */
CC_API cc_slice_t cc_map_slice(const cc_map_t *map);

/* What the system may expect of a range (cut to the map): a hint that may be ignored. */
typedef enum cc_map_advice {
    CC_MAP_NORMAL = 0,
    CC_MAP_SEQUENTIAL = 1,
    CC_MAP_RANDOM = 2,
    CC_MAP_WILL_NEED = 3,
    CC_MAP_DONT_NEED = 4 /* drops the pages; what was written with CC_MAP_COPY_ON_WRITE is lost */
} cc_map_advice_t;
CC_API int cc_map_advise(cc_map_t *map, size_t start, size_t length, cc_map_advice_t advice);

/* Copies `length` bytes from `start` on out of the file itself, not the memory: safe whatever has become of it. CC_ERROR_ARGUMENT for
 * a range that is not inside the map; CC_ERROR_TRUNCATED when the file ends before; CC_ERROR_SYSTEM when it cannot be read. */
CC_API int cc_map_read(const cc_map_t *map, size_t start, void *target, size_t length);

/* If a file becomes shorter while it is mapped, reading memory behind its new end raises SIGBUS, which kills the process. A guarded
 * map survives that: a message goes to stderr once for the map, the missing pages read as zeros from then on, and this
 * function says so. It also looks at the file's size. The guard is one handler of SIGBUS for the process, set up by the first
 * guarded map; a SIGBUS elsewhere goes to the handler that was there before, and who sets another one later
 * is in charge. */
CC_API bool cc_map_truncated(const cc_map_t *map);

/* ---- small helpers ----------------------------------------------------------------------------------------------- */

/* Frees what cc_alloc and its relatives returned and makes the pointer NULL. */
#define CC_SAFE_FREE(pointer) \
    do { \
        cc_free_unsized(pointer); \
        (pointer) = NULL; \
    } while (0)

/* count * size bytes, not zeroed; NULL when the product overflows. Freed with cc_free(pointer, count * size). */
static inline CC_ATTRIBUTE((malloc, alloc_size(1, 2), warn_unused_result)) void *cc_alloc_array(size_t count, size_t size) {
    return cc_alloc(size != 0 && count > SIZE_MAX / size ? SIZE_MAX : count * size);
}

/* Before a variable's declaration: function(&variable) is called when its scope is left. The functions below fit; each ignores
 * NULL.
 *     CC_CLEANUP(cc_arena_cleanup) cc_arena_t *arena = cc_arena_create(0, NULL); */
#if defined(__GNUC__)
#define CC_CLEANUP(function) __attribute__((cleanup(function)))
#endif

static inline void cc_arena_cleanup(cc_arena_t **arena) {
    cc_arena_destroy(*arena);
}
static inline void cc_pool_cleanup(cc_pool_t **pool) {
    cc_pool_destroy(*pool);
}
static inline void cc_heap_cleanup(cc_heap_t **heap) {
    cc_heap_destroy(*heap);
}
static inline void cc_buffer_cleanup(cc_buffer_t **buffer) {
    cc_buffer_release(*buffer);
}
static inline void cc_map_cleanup(cc_map_t **map) {
    cc_unmap(*map);
}
/* For a variable of any pointer type. */
static inline void cc_alloc_cleanup(void *variable) {
    void *pointer;
    memcpy(&pointer, variable, sizeof pointer);
    cc_free_unsized(pointer);
}

#ifdef __cplusplus
}
#endif
#endif
