/* alloc/backend_libc.h: libc's malloc as alloc/backend.h. */
#ifndef CC_ALLOC_BACKEND_LIBC_H
#define CC_ALLOC_BACKEND_LIBC_H

#include "cc/base.h"

#include "libc.h"

#define CC__MAIN_NAME "libc"
enum { CC__MAIN_SMALL_MAX = 1024 };

#define cc__main_allocate_any cc__libc_allocate_any
#define cc__main_reallocate cc__libc_reallocate
#define cc__main_release_block cc__libc_release_block
#define cc__main_usable_size(pointer) cc__libc_usable_size(pointer)
#define cc__main_good_size(size) cc__libc_good_size(size)

static inline void *cc__main_allocate(size_t size) {
    return cc__libc_allocate(size, 1, false);
}
#define cc__main_allocate_small cc__main_allocate

static inline void *cc__main_allocate_lines(size_t bytes, size_t size) {
    (void)size;
    return cc__main_allocate(bytes);
}

static inline void cc__main_release(void *pointer, size_t size) {
    (void)size;
    free(pointer);
}

/* glibc gives a larger block where the rest of a chunk would be too small to be one. */
static inline bool cc__main_keeps_good_sizes(void) {
    return false;
}

static inline bool cc__main_owns(const void *pointer) {
    (void)pointer;
    return true;
}

static inline int cc__main_heap_bytes(size_t *committed, size_t *reserved) {
    (void)committed;
    (void)reserved;
    return CC_ERROR_SUPPORT;
}

static inline bool cc__main_contains(const void *address) {
    (void)address;
    return false;
}

typedef struct cc__heap cc__heap_t;
cc__heap_t *cc__heap_create(void);
void cc__heap_destroy(cc__heap_t *heap);
void *cc__heap_alloc(cc__heap_t *heap, size_t size, bool zero);
void *cc__heap_realloc(cc__heap_t *heap, void *pointer, size_t size);
bool cc__heap_expand(cc__heap_t *heap, void *pointer, size_t size);
void cc__heap_free(cc__heap_t *heap, void *pointer);
void cc__heap_visit(cc__heap_t *heap, void (*visit)(void *block, size_t size, void *context), void *context);

static inline void cc__heap_collect(cc__heap_t *heap) {
    (void)heap;
}

#endif
