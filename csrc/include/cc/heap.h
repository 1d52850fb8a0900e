/* cc/heap.h: a heap: a stack of allocations with checkpoints.
 *
 * Units are bytes. It draws from an allocator of cc/methods.h, or from cc_alloc where NULL is given; the table must
 * outlive the heap and be initialized. Requests of 0 bytes, and those that cannot be met, give NULL and leave the heap
 * as it was. A heap belongs to one thread at a time; it may pass to another one like any data, with a lock or a join
 * between. Builds for the address sanitizer and valgrind report the use of what a heap has taken back, and of the gaps
 * that it leaves between blocks. */
#ifndef CC_HEAP_H
#define CC_HEAP_H

#include <stdarg.h>
#include <stdio.h>

#include "cc/methods.h"
#include "cc/pool.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In the manner of InnoDB's mem_heap_t. Allocations lie one behind the other, each followed by its header: one word
 * with its size, so that the latest can be looked at and taken back. */
typedef struct cc_heap cc_heap_t;

typedef enum cc_heap_type {
    /* Blocks come from the allocator. */
    CC_HEAP_DYNAMIC = 0,
    /* Blocks come from a pool: as many as are needed, none larger than the pool's. While the heap's blocks are smaller
     * than half of one of the pool's, they come from the allocator. */
    CC_HEAP_BUFFER = 1,
    /* An allocation never asks for a block: it fails, and may be tried again after cc_heap_add_spare. For callers that
     * may not wait inside an allocation. */
    CC_HEAP_SEARCH = 2
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

/* A heap; the caller destroys it. NULL options: all defaults. NULL without memory, or for CC_HEAP_BUFFER without a
 * pool, or one whose blocks are below 256 bytes. */
CC_API cc_heap_t *cc_heap_create(const cc_heap_options_t *options) CC_ATTRIBUTE((warn_unused_result));

/* Gives all blocks back. NULL is ignored. */
CC_API void cc_heap_destroy(cc_heap_t *heap);

/* `size` bytes, aligned to a pointer's size. A request beyond the next block's size gets a block of its own. */
CC_API void *cc_heap_alloc(cc_heap_t *heap, size_t size) CC_ATTRIBUTE((alloc_size(2), warn_unused_result));
/* `alignment`: a power of two (any other: NULL). */
CC_API void *cc_heap_alloc_aligned(cc_heap_t *heap, size_t size, size_t alignment)
    CC_ATTRIBUTE((alloc_size(2), warn_unused_result));
CC_API void *cc_heap_zalloc(cc_heap_t *heap, size_t size) CC_ATTRIBUTE((alloc_size(2), warn_unused_result));
/* A copy of `size` bytes; of a text with its end; of the first `length` bytes of a text, and an end. NULL also for
 * NULL. */
CC_API void *cc_heap_dup(cc_heap_t *heap, const void *data, size_t size) CC_ATTRIBUTE((warn_unused_result));
CC_API char *cc_heap_strdup(cc_heap_t *heap, const char *text) CC_ATTRIBUTE((warn_unused_result));
CC_API char *cc_heap_strdupl(cc_heap_t *heap, const char *text, size_t length) CC_ATTRIBUTE((warn_unused_result));
/* Two texts, one behind the other. NULL also where one is NULL. */
CC_API char *cc_heap_strcat(cc_heap_t *heap, const char *first, const char *second) CC_ATTRIBUTE((warn_unused_result));
/* As snprintf; NULL also for a format that it refuses. */
CC_API char *cc_heap_printf(cc_heap_t *heap, const char *format, ...) CC_ATTRIBUTE((format(printf, 2, 3)));
CC_API char *cc_heap_vprintf(cc_heap_t *heap, const char *format, va_list arguments)
    CC_ATTRIBUTE((format(printf, 2, 0)));

/* The latest allocation that was not taken back, and its size (`size` may be NULL). NULL when there is none. */
CC_API void *cc_heap_get_top(const cc_heap_t *heap, size_t *size);

/* Takes the latest allocation back. CC_ERROR_STATE when there is none. */
CC_API int cc_heap_free_top(cc_heap_t *heap);

/* A point in a heap's life. The fields are the library's. */
typedef struct cc_heap_checkpoint_t {
    void *block;
    char *top;
} cc_heap_checkpoint_t;

CC_API cc_heap_checkpoint_t cc_heap_checkpoint(const cc_heap_t *heap);

/* Takes back all that was allocated since the checkpoint, and gives the blocks that it lay in back. CC_ERROR_STATE for
 * a checkpoint that an earlier release has taken back, unless what was allocated since hides that. */
CC_API int cc_heap_release(cc_heap_t *heap, cc_heap_checkpoint_t checkpoint);

/* Takes everything back and keeps the first block. */
CC_API void cc_heap_empty(cc_heap_t *heap);

/* CC_HEAP_SEARCH: makes sure that a block is at hand in which the next allocation of up to `size` bytes will fit.
 * CC_ERROR_MEMORY; CC_ERROR_LIMIT when a block of the pool is too small for that; CC_ERROR_STATE for another type. */
CC_API int cc_heap_add_spare(cc_heap_t *heap, size_t size);

/* The heap as an allocator of cc/methods.h, for libraries that want one: valid as long as the heap, in its thread.
 * Blocks are aligned to 16 and preceded by 16 bytes, which tell their size. free takes back the latest allocation only;
 * all others go with a release, or with the heap. realloc moves a block that becomes larger. Do not free such a block
 * after a checkpoint that was taken since it was allocated: the checkpoint would be lost. */
CC_API cc_mem_methods_t cc_heap_methods(cc_heap_t *heap);

/* Bytes of all blocks with the bookkeeping, and their number; neither counts a spare block. */
CC_API size_t cc_heap_total_size(const cc_heap_t *heap);
CC_API size_t cc_heap_block_count(const cc_heap_t *heap);

/* Whether all headers and sums fit each other, and in debug builds whether nothing was written behind an allocation.
 * Takes time in proportion to the allocations. (Debug builds also check what they take back, and abort with a message
 * where it is damaged.) */
CC_API bool cc_heap_validate(const cc_heap_t *heap);

/* Writes a line for the heap and one for each block. */
CC_API void cc_heap_print(const cc_heap_t *heap, FILE *stream);

/* For CC_CLEANUP. */
static inline void cc_heap_cleanup(cc_heap_t **heap) {
    cc_heap_destroy(*heap);
}

#ifdef __cplusplus
}
#endif
#endif
