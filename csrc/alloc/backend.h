/* alloc/backend.h: the seam between libcc and the allocators below it: mimalloc, and libc's malloc for debugging tools.
 * Everything that libcc gets from an allocator passes here, so that test builds can make the n-th request fail.
 * Builds with CC_BACKEND_LIBC (sanitizers, valgrind) have libc alone: mimalloc's archive carries no hooks for them.
 *
 * pre (all): 0 < size <= PTRDIFF_MAX unless said otherwise; alignment a power of two; pointers are live blocks of that
 * allocator. *block gets the bytes of the whole block on success. */
#ifndef CC_ALLOC_BACKEND_H
#define CC_ALLOC_BACKEND_H

#include <stdlib.h>
#if defined(__APPLE__)
#include <malloc/malloc.h>
#define cc__libc_usable_size(pointer) malloc_size(pointer)
#else
#include <malloc.h>
#define cc__libc_usable_size(pointer) malloc_usable_size(pointer)
#endif

#include "../base/fault.h"

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

/* glibc: blocks of 16 n + 8 bytes, 24 at least. */
static inline size_t cc__libc_good_size(size_t size) {
    return size <= 24 ? 24 : ((size + 8 + 15) & ~(size_t)15) - 8;
}

/* The hot requests of the glue while libc has never been selected: cc__main_allocate, the same for at most CC__MAIN_SMALL_MAX
 * bytes, and cc__main_release. Without fault injection they are mimalloc's own functions and nothing else; mi_free_size
 * differs from mi_free by an assertion. */
#if defined(CC_BACKEND_LIBC)
static inline void *cc__main_allocate(size_t size) {
    return cc__libc_allocate(size, 1, false);
}

static inline void cc__main_release(void *pointer, size_t size) {
    (void)size;
    free(pointer);
}

enum { CC__MAIN_SMALL_MAX = 1024 };
#define cc__main_allocate_small cc__main_allocate

#define cc__main_good_size(size) cc__libc_good_size(size)
#define cc__main_usable_size(pointer) cc__libc_usable_size(pointer)
#define cc__main_reallocate cc__libc_reallocate

#else
#include <mimalloc.h>

#define cc__main_release mi_free_size
enum { CC__MAIN_SMALL_MAX = MI_SMALL_SIZE_MAX };
#if defined(CC_FAULT_INJECTION)
static inline void *cc__main_allocate(size_t size) {
    return cc__fault_due() ? NULL : mi_malloc(size);
}
#define cc__main_allocate_small cc__main_allocate
#else
#define cc__main_allocate mi_malloc
#define cc__main_allocate_small mi_malloc_small
#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
/* mi_malloc_small by a declaration with one argument more: it stands in a register that the callee does not look at. */
#define CC__MAIN_ALLOCATES_LINES
void *cc__main_allocate_lines(size_t bytes, size_t size) __asm__("mi_malloc_small");
#endif
#endif

#define cc__main_good_size(size) mi_good_size(size)
#define cc__main_usable_size(pointer) mi_usable_size(pointer)

static inline void *cc__main_allocate_any(size_t size, size_t alignment, bool zero, size_t *block) {
    if (cc__fault_due()) return NULL;
    if (alignment > 1)
        return zero ? mi_uzalloc_aligned(size, alignment, block) : mi_umalloc_aligned(size, alignment, block);
    return zero ? mi_ucalloc(1, size, block) : mi_umalloc(size, block);
}

static inline void *cc__main_reallocate(void *pointer, size_t size, size_t *old_block, size_t *block) {
    return cc__fault_due() ? NULL : mi_urealloc(pointer, size, old_block, block);
}

/* Writes *block, a word that others may read at the same time. */
static inline void cc__main_release_block(void *pointer, size_t *block) {
    mi_ufree(pointer, block);
}
#endif

#endif
