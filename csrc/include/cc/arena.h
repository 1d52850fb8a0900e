/* cc/arena.h: an arena: blocks that are forgotten together.
 *
 * Units are bytes. It draws from an allocator of cc/methods.h, or from cc_alloc where NULL is given; the table must
 * outlive the arena and be initialized. Requests of 0 bytes, and those that cannot be met, give NULL and leave the
 * arena as it was. An arena belongs to one thread at a time; it may pass to another one like any data, with a lock or a
 * join between. Builds for the address sanitizer and valgrind report the use of what an arena has taken back, and of
 * the gaps that it leaves between blocks. */
#ifndef CC_ARENA_H
#define CC_ARENA_H

#include "cc/methods.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The fields are for the inlines below: the free rest of the block in use (empty in builds that watch every
 * allocation). */
typedef struct cc_arena {
    char *next, *end;
} cc_arena_t;

/* An arena; the caller destroys it. start_size: bytes of the first block, 0: 4096; each further one is twice as large,
 * up to 1 MiB, or as large as a request needs. NULL without memory. */
CC_API cc_arena_t *cc_arena_create(size_t start_size, const cc_mem_methods_t *allocator)
    CC_ATTRIBUTE((warn_unused_result));

/* An arena inside the caller's buffer, which must outlive it: nothing else is ever allocated, and a request that does
 * not fit is NULL. Its bookkeeping takes about 150 bytes. NULL when the buffer is too small for that. */
CC_API cc_arena_t *cc_arena_create_in(void *buffer, size_t size) CC_ATTRIBUTE((warn_unused_result));

/* Runs what was deferred and gives all memory back. NULL is ignored. */
CC_API void cc_arena_destroy(cc_arena_t *arena);

/* For the inlines: what does not fit into the rest of the block, or is to be watched. */
CC_API void *cc_arena_alloc_slowly(cc_arena_t *arena, size_t size, size_t alignment);

/* `size` bytes until the next rewind, reset or destroy; `alignment` is a power of two (any other: NULL), 1 to pack. */
static inline CC_ATTRIBUTE((alloc_size(2), warn_unused_result)) void *cc_arena_alloc_aligned(cc_arena_t *arena,
                                                                                             size_t size,
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

/* A copy of `size` bytes; of a text with its end. NULL also for NULL. */
CC_API void *cc_arena_dup(cc_arena_t *arena, const void *data, size_t size) CC_ATTRIBUTE((warn_unused_result));
CC_API char *cc_arena_strdup(cc_arena_t *arena, const char *text) CC_ATTRIBUTE((warn_unused_result));

/* Has function(argument) called when the arena is rewound to before this call, reset or destroyed: the latest first,
 * before any memory is taken back. CC_ERROR_MEMORY, then nothing will be called; CC_ERROR_ARGUMENT for NULL. */
CC_API int cc_arena_defer(cc_arena_t *arena, void (*function)(void *argument), void *argument);

/* A point in an arena's life. The fields are the library's. */
typedef struct cc_arena_mark_t {
    void *block;
    char *next;
    void *deferred;
} cc_arena_mark_t;

CC_API cc_arena_mark_t cc_arena_mark(const cc_arena_t *arena);

/* Takes back all that was allocated since the mark; the memory stays the arena's, for its next allocations. Marks are
 * nested. A mark that an earlier rewind or reset has taken back does nothing and gives CC_ERROR_STATE, unless what was
 * allocated since hides that. */
CC_API int cc_arena_rewind(cc_arena_t *arena, cc_arena_mark_t mark);

/* Takes everything back and keeps the memory. */
CC_API void cc_arena_reset(cc_arena_t *arena);

/* Gives back blocks that nothing lies in (as after a reset). */
CC_API void cc_arena_trim(cc_arena_t *arena);

typedef struct cc_arena_status_t {
    size_t used;     /* bytes up to the present end of each block in use, gaps included */
    size_t reserved; /* bytes of all blocks with the bookkeeping */
    size_t blocks;
} cc_arena_status_t;

CC_API cc_arena_status_t cc_arena_status(const cc_arena_t *arena);

/* The arena as an allocator of cc/methods.h, for libraries that want one: valid as long as the arena, in its thread.
 * Blocks are aligned to 16 and preceded by 16 bytes, which tell their size. free and realloc take back or resize the
 * latest allocation where it lies; free ignores all others, which go with a rewind or with the arena. Do not free such
 * a block after a mark that was taken since it was allocated: the mark would be lost. */
CC_API cc_mem_methods_t cc_arena_methods(cc_arena_t *arena);

/* For CC_CLEANUP. */
static inline void cc_arena_cleanup(cc_arena_t **arena) {
    cc_arena_destroy(*arena);
}

#ifdef __cplusplus
}
#endif
#endif
