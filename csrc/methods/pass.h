/* methods/pass.h: what the backends share that only pass on to another allocator. Sizes are rounded up to 8, as
 * roundup() says; so tools that watch every byte see the same sizes. */
#ifndef CC_METHODS_PASS_H
#define CC_METHODS_PASS_H

#include "../alloc/backend.h"
#include "backend.h"

/* The size rounded up; 0 when it is too large. */
static inline size_t cc__pass_whole(size_t size) {
    return size <= PTRDIFF_MAX - 7 ? (size + 7) & ~(size_t)7 : 0;
}

static inline size_t cc__pass_roundup(size_t size, void *context) {
    (void)context;
    return cc__pass_whole(size);
}

static inline int cc__pass_init(void *context) {
    (void)context;
    return CC_OK;
}

static inline void cc__pass_shutdown(void *context) {
    (void)context;
}

#endif
