/* regions/regions_internal.h: what the files of regions/ share with each other alone. */
#ifndef CC_REGIONS_INTERNAL_H
#define CC_REGIONS_INTERNAL_H

#include <string.h>

#include "cc/alloc.h"
#include "cc/methods.h"

#include "../base/fill.h"
#include "../base/poison.h"
#include "../base/round.h"

/* Builds that watch each allocation: the header's inlines find nothing and everything comes through the library, which
 * leaves a gap behind each block (and poisons it, where somebody listens). */
#if CC__POISON || defined(CC_DEBUG)
enum { CC__WATCHED = 1, CC__GAP = 16 };
#else
enum { CC__WATCHED = 0, CC__GAP = 0 };
#endif

enum { CC__ALIGNMENT = 16 };

/* No region and no request is larger, so sums of a few of them do not wrap. */
#define CC__MOST ((size_t)PTRDIFF_MAX / 4)

/* Bytes to the next multiple of `alignment`. */
static inline size_t cc__gap(const char *address, size_t alignment) {
    return (size_t)-(intptr_t)address & (alignment - 1);
}

/* Memory from the region's allocator, aligned to 16; back to it. */
static inline void *cc__region_take(const cc_mem_methods_t *allocator, size_t size) {
    if (size > CC__MOST) return NULL;
    return allocator != NULL ? (allocator->malloc)(size, allocator->context) : cc_alloc(size);
}

static inline void cc__region_give(const cc_mem_methods_t *allocator, void *pointer, size_t size) {
    cc__unpoison(pointer, size);
    if (allocator != NULL)
        (allocator->free)(pointer, allocator->context);
    else
        cc_free(pointer, size);
}

/* A range of a region is given to the user, or taken back. */
static inline void cc__region_open(void *pointer, size_t size) {
    cc__unpoison(pointer, size);
    cc__debug_fill(pointer, CC__FILL_FRESH, size);
    cc__unpoison(pointer, size); /* for valgrind the fill is no content */
}

static inline void cc__region_close(void *pointer, size_t size) {
    cc__unpoison(pointer, size);
    cc__debug_fill(pointer, CC__FILL_FREED, size);
    cc__poison(pointer, size);
}

#endif
