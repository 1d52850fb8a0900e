/* alloc/libc.h: the process's own malloc, which every build can select.
 *
 * pre (all): 0 < size <= PTRDIFF_MAX unless said otherwise; alignment a power of two; pointers are live blocks of
 * malloc's. *block gets the bytes of the whole block on success. */
#ifndef CC_ALLOC_LIBC_H
#define CC_ALLOC_LIBC_H

#include <stdlib.h>
#if defined(__APPLE__)
#include <malloc/malloc.h>
#define cc__libc_usable_size(pointer) malloc_size(pointer)
#else
#include <malloc.h>
#define cc__libc_usable_size(pointer) malloc_usable_size(pointer)
#endif

#include "../base/fault.h"

/* Any size: NULL for one that is too large. */
static inline void *cc__libc_allocate(size_t size, size_t alignment, bool zero) {
    if (cc__fault_due()) return NULL;
    /* The tools complain of such requests, or die from them. */
    if (size > PTRDIFF_MAX || alignment > PTRDIFF_MAX - size) return NULL;
    if (alignment <= 16) return zero ? calloc(1, size) : malloc(size);
    void *pointer = NULL;
    if (posix_memalign(&pointer, alignment, size) != 0) return NULL;
    if (zero) __builtin_memset(pointer, 0, size);
    return pointer;
}

static inline void *cc__libc_allocate_any(size_t size, size_t alignment, bool zero, size_t *block) {
    void *pointer = cc__libc_allocate(size, alignment, zero);
    if (pointer != NULL) *block = cc__libc_usable_size(pointer);
    return pointer;
}

static inline void *cc__libc_reallocate(void *pointer, size_t size, size_t *old_block, size_t *block) {
    if (cc__fault_due()) return NULL;
    *old_block = cc__libc_usable_size(pointer);
    void *moved = realloc(pointer, size);
    if (moved != NULL) *block = cc__libc_usable_size(moved);
    return moved;
}

static inline void cc__libc_release_block(void *pointer, size_t *block) {
    *block = cc__libc_usable_size(pointer);
    free(pointer);
}

/* glibc: blocks of 16 n + 8 bytes, 24 at least. musl lets nobody use more than was asked for. */
static inline size_t cc__libc_good_size(size_t size) {
#if defined(__GLIBC__)
    return size <= 24 ? 24 : ((size + 8 + 15) & ~(size_t)15) - 8;
#else
    return size;
#endif
}

#endif
