/* alloc/heap.h: private heaps: blocks that can be freed one by one, and all at once with their heap. They are mimalloc's heaps:
 * neither the statistics nor the observer of cc_alloc sees them, and cc_alloc_select does not change them.
 *
 * Any thread may call anything at any time, but cc__heap_destroy, which nobody else may be inside of the heap for. */
#ifndef CC_ALLOC_HEAP_H
#define CC_ALLOC_HEAP_H

#include "cc/base.h"

#include "backend.h"

#if !defined(CC_BACKEND_LIBC)

typedef mi_heap_t cc__heap_t;

/* NULL when there is no memory. */
static inline cc__heap_t *cc__heap_create(void) {
    return cc__fault_due() ? NULL : mi_heap_new();
}

/* Frees the heap's blocks, in time that does not depend on how many of them a page holds. */
static inline void cc__heap_destroy(cc__heap_t *heap) {
    mi_heap_destroy(heap);
}

/* pre: 0 < size <= PTRDIFF_MAX. Aligned to 16. */
static inline void *cc__heap_alloc(cc__heap_t *heap, size_t size, bool zero) {
    if (cc__fault_due()) return NULL;
    return zero ? mi_heap_zalloc(heap, size) : mi_heap_malloc(heap, size);
}

/* The block resized, or NULL and the old one intact. What is new is not zeroed. */
static inline void *cc__heap_realloc(cc__heap_t *heap, void *pointer, size_t size) {
    return cc__fault_due() ? NULL : mi_heap_realloc(heap, pointer, size);
}

/* The same without moving it. */
static inline bool cc__heap_expand(cc__heap_t *heap, void *pointer, size_t size) {
    (void)heap;
    return mi_expand(pointer, size) != NULL;
}

/* pre: a live block of the heap. */
static inline void cc__heap_free(cc__heap_t *heap, void *pointer) {
    (void)heap;
    mi_free(pointer);
}

#else

/* For sanitizers and valgrind: the process's malloc, and a list of the blocks. See heap.c. */
typedef struct cc__heap cc__heap_t;
cc__heap_t *cc__heap_create(void);
void cc__heap_destroy(cc__heap_t *heap);
void *cc__heap_alloc(cc__heap_t *heap, size_t size, bool zero);
void *cc__heap_realloc(cc__heap_t *heap, void *pointer, size_t size);
bool cc__heap_expand(cc__heap_t *heap, void *pointer, size_t size);
void cc__heap_free(cc__heap_t *heap, void *pointer);

#endif

#endif
