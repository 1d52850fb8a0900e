/* alloc/observer.h: how an upper layer gets to see the runtime's allocations, and those of allocators that libcc plugs into
 * other libraries; alloc/ knows nothing of it. */
#ifndef CC_ALLOC_OBSERVER_H
#define CC_ALLOC_OBSERVER_H

#include "cc/base.h"

#include "../base/atomics.h"

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

/* ---- plugged allocators ---------------------------------------------------------------------------------------- */

/* An allocator that another library uses in the place of its own. Who implements one looks at cc__plugged_observer in each
 * call and, when there is one, goes through it. Sizes are not 0; reallocate and release get live blocks. */
typedef struct cc__plugged cc__plugged_t;
struct cc__plugged {
    void *(*allocate)(const cc__plugged_t *self, size_t size);
    void *(*reallocate)(const cc__plugged_t *self, void *pointer, size_t size);
    void (*release)(const cc__plugged_t *self, void *pointer);
    size_t (*good_size)(const cc__plugged_t *self, size_t size); /* usable bytes of a block of `size` */
};

/* Each function calls the one of `below` that has the same purpose. It may ask it for more than `size` bytes. */
typedef struct cc__plugged_observer {
    void *(*allocate)(const cc__plugged_t *below, size_t size);
    void *(*reallocate)(const cc__plugged_t *below, void *pointer, size_t size);
    void (*release)(const cc__plugged_t *below, void *pointer);
} cc__plugged_observer_t;

/* The observer (static), NULL for none. Release stores by who installs it pair with acquire loads in each call. */
extern _Atomic(const cc__plugged_observer_t *) cc__plugged_observer;

/* The allocator that was plugged in last, NULL for none; for the rounding of sizes. Release and acquire: what it refers to. */
extern _Atomic(const cc__plugged_t *) cc__plugged_last;

#endif
