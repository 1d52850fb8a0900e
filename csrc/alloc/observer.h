/* alloc/observer.h: how an upper layer gets to see the runtime's allocations; alloc/ knows nothing of it. */
#ifndef CC_ALLOC_OBSERVER_H
#define CC_ALLOC_OBSERVER_H

#include "cc/base.h"

/* Replaces the calls below while installed; each calls the cc__base_ function of the same purpose. `size` is what the
 * caller asked for, `bytes` what is to be taken for it. */
typedef struct cc__alloc_observer {
    void *(*allocate)(size_t size, size_t bytes, size_t alignment, bool zero);
    void *(*reallocate)(void *pointer, size_t size);
    void (*release)(void *pointer);
} cc__alloc_observer_t;

/* Installs or (NULL) removes it. The observer must be static: calls may be in flight for ever. */
void cc__alloc_observe(const cc__alloc_observer_t *observer);

void *cc__base_allocate(size_t size, size_t alignment, bool zero);
void *cc__base_reallocate(void *pointer, size_t size);
void cc__base_release(void *pointer);

/* The usable bytes that the allocator below gives to a request of `size` bytes, by its size classes. */
size_t cc__base_good_size(size_t size);

#endif
