/* alloc/backend_mimalloc.h: mimalloc as alloc/backend.h. */
#ifndef CC_ALLOC_BACKEND_MIMALLOC_H
#define CC_ALLOC_BACKEND_MIMALLOC_H

#include <mimalloc.h>

#include "cc/base.h"

#include "../base/fault.h"

#define CC__MAIN_NAME "mimalloc"
enum { CC__MAIN_SMALL_MAX = MI_SMALL_SIZE_MAX };

#if defined(CC_FAULT_INJECTION)
static inline void *cc__main_allocate(size_t size) {
    return cc__fault_due() ? NULL : mi_malloc(size);
}
#define cc__main_allocate_small cc__main_allocate
#else
#define cc__main_allocate mi_malloc
#define cc__main_allocate_small mi_malloc_small
#endif

#if !defined(CC_FAULT_INJECTION) && defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
/* mi_malloc_small by a declaration with one argument more: it stands in a register that the callee does not look at. */
void *cc__main_allocate_lines(size_t bytes, size_t size) __asm__("mi_malloc_small");
#else
static inline void *cc__main_allocate_lines(size_t bytes, size_t size) {
    (void)size;
    return cc__main_allocate_small(bytes);
}
#endif

#define cc__main_release mi_free_size /* which differs from mi_free by an assertion */
#define cc__main_usable_size(pointer) mi_usable_size(pointer)
#define cc__main_good_size(size) mi_good_size(size)
#define cc__main_owns(pointer) mi_is_in_heap_region(pointer)

static inline void *cc__main_allocate_any(size_t size, size_t alignment, bool zero, size_t *block) {
    if (cc__fault_due()) return NULL;
    if (alignment > 1)
        return zero ? mi_uzalloc_aligned(size, alignment, block) : mi_umalloc_aligned(size, alignment, block);
    return zero ? mi_ucalloc(1, size, block) : mi_umalloc(size, block);
}

static inline void *cc__main_reallocate(void *pointer, size_t size, size_t *old_block, size_t *block) {
    return cc__fault_due() ? NULL : mi_urealloc(pointer, size, old_block, block);
}

static inline void cc__main_release_block(void *pointer, size_t *block) {
    mi_ufree(pointer, block);
}

bool cc__main_keeps_good_sizes(void);
int cc__main_heap_bytes(size_t *committed, size_t *reserved);

#define cc__main_contains(address) mi_is_in_heap_region(address)

typedef mi_heap_t cc__heap_t;

static inline cc__heap_t *cc__heap_create(void) {
    return cc__fault_due() ? NULL : mi_heap_new();
}

/* Its time does not depend on how many blocks a page holds. */
static inline void cc__heap_destroy(cc__heap_t *heap) {
    mi_heap_destroy(heap);
}

static inline void *cc__heap_alloc(cc__heap_t *heap, size_t size, bool zero) {
    if (cc__fault_due()) return NULL;
    return zero ? mi_heap_zalloc(heap, size) : mi_heap_malloc(heap, size);
}

static inline void *cc__heap_realloc(cc__heap_t *heap, void *pointer, size_t size) {
    return cc__fault_due() ? NULL : mi_heap_realloc(heap, pointer, size);
}

static inline bool cc__heap_expand(cc__heap_t *heap, void *pointer, size_t size) {
    (void)heap;
    return mi_expand(pointer, size) != NULL;
}

static inline void cc__heap_free(cc__heap_t *heap, void *pointer) {
    (void)heap;
    mi_free(pointer);
}

static inline void cc__heap_collect(cc__heap_t *heap) {
    mi_heap_collect(heap, true);
}

void cc__heap_visit(cc__heap_t *heap, void (*visit)(void *block, size_t size, void *context), void *context);

#endif
