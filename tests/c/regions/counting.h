/* counting.h: an allocator that counts, over the process's malloc. */
#ifndef COUNTING_H
#define COUNTING_H

#include "cc/methods.h"

#include <stdatomic.h>

typedef struct counting {
    cc_mem_methods_t methods; /* the context is `counts` */
    atomic_size_t live, requests;
} counting_t;

static atomic_size_t *counting_live, *counting_requests; /* of the one in use */

static inline void *counting_malloc(size_t size, void *context) {
    (void)context;
    void *pointer = malloc(size);
    if (pointer == NULL) return NULL;
    ++*counting_requests;
    ++*counting_live;
    return pointer;
}

static inline void counting_free(void *pointer, void *context) {
    (void)context;
    if (pointer != NULL) --*counting_live;
    free(pointer);
}

/* For the time that the result stays where the macro puts it. One at a time. */
#define counting_begin() \
    {.methods = {.malloc = counting_malloc, .free = counting_free}}; \
    counting_live = &counting.live, counting_requests = &counting.requests
#endif
