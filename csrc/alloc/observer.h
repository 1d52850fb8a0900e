/* alloc/observer.h: how an upper layer gets to see the requests to an allocator: to the runtime's own (cc_alloc and its
 * kin), and to those that libcc plugs into other libraries. alloc/ knows nothing of who looks. */
#ifndef CC_ALLOC_OBSERVER_H
#define CC_ALLOC_OBSERVER_H

#include "cc/base.h"

#include "../base/atomics.h"

/* One call of an allocator. */
typedef struct cc__request {
    void *pointer;    /* reallocate, release: the block; not NULL */
    size_t size;      /* allocate, reallocate: the bytes that the caller asked for; not 0 */
    size_t bytes;     /* the bytes to take for them, at least `size`; an observer may raise it */
    size_t alignment; /* allocate: a power of two; 1: none asked for */
    bool zero;        /* allocate: the bytes are to be 0 */
    /* What the runtime's own allocator answers, in bytes of whole blocks. They are the same at both ends of a block's
     * life, which usable bytes are not: a pointer that was aligned may lie inside its block. Other allocators leave
     * them alone. */
    size_t taken;    /* the block that was taken; unchanged when there was no memory */
    size_t released; /* the block that was given back */
} cc__request_t;

/* An allocator, or an observer of one. An observer has the same functions; each is called with the allocator below, not
 * with the observer, as its first argument, and passes the call on to the function of `below` that has the same
 * purpose. */
typedef struct cc__allocator cc__allocator_t;
struct cc__allocator {
    void *(*allocate)(const cc__allocator_t *below, cc__request_t *request);
    void *(*reallocate)(const cc__allocator_t *below, cc__request_t *request);
    void (*release)(const cc__allocator_t *below, cc__request_t *request);
    /* The usable bytes of a block for a request of `size`. NULL in an observer. */
    size_t (*good_size)(const cc__allocator_t *below, size_t size);
};

/* ---- the runtime's own allocator -------------------------------------------------------------------------------- */

/* Installs its observer, or (NULL) removes it. The observer is static, because calls may be in flight for ever. The
 * first argument of its functions is NULL: they pass on to the three calls below. */
void cc__alloc_observe(const cc__allocator_t *observer);

void *cc__base_allocate(cc__request_t *request);
void *cc__base_reallocate(cc__request_t *request);
void cc__base_release(cc__request_t *request);

/* The usable bytes that the runtime's allocator gives to a request of `size` bytes, by its size classes. */
size_t cc__base_good_size(size_t size);

/* ---- plugged allocators ---------------------------------------------------------------------------------------- */

/* The observer (static) of the allocators that other libraries use in the place of their own; NULL for none. Who plugs
 * one in looks here in each call and, when there is an observer, goes through it. Release stores by who installs it
 * pair with acquire loads in each call. */
extern _Atomic(const cc__allocator_t *) cc__plugged_observer;

/* The allocator that was plugged in last, NULL for none: for its good_size. A release store by who plugs it in pairs
 * with the acquire loads of readers. */
extern _Atomic(const cc__allocator_t *) cc__plugged_last;

#endif
