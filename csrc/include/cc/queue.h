/* cc/queue.h: the concurrent queue.
 *
 * Every function may be called from any thread, also concurrently with every other, unless it says otherwise. Results
 * are int: 0 or more is the answer; below 0 is an error: the negative of a cc_status_t. */
#ifndef CC_QUEUE_H
#define CC_QUEUE_H

#include "cc/smr.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A queue of pointers: first in, first out; linearizable and lock-free (a thread that stops in the middle of a call
 * holds nobody back). The values are the caller's; the queue never follows them. `self` is the calling thread's handle
 * of the queue's domain: a thread keeps it, or gets it for each call by cc_smr_self(cc_queue_domain(queue)).
 *
 *     cc_queue_t *queue = cc_queue_create(NULL, 0);
 *     cc_smr_thread_t *self = cc_smr_self(cc_queue_domain(queue));
 *     cc_queue_put(queue, self, value);
 *     if (cc_queue_get(queue, self, &value) == 1) ... */
typedef struct cc_queue cc_queue_t;

/* An empty queue, which holds at most `capacity` values (0: as many as there is memory for). domain NULL: a domain that
 * queues and stacks share, called "queues", with the default scheme; it is made with the first of them and destroyed
 * with the last. NULL when there is no memory. The caller destroys the queue, before a domain that was given. */
CC_API cc_queue_t *cc_queue_create(cc_smr_t *domain, uint64_t capacity) CC_ATTRIBUTE((warn_unused_result));

/* Frees the queue; NULL is ignored. What is still in it stays the caller's: see cc_queue_visit. pre: no other thread
 * uses the queue; with the common domain: the calling thread is not inside a section. */
CC_API void cc_queue_destroy(cc_queue_t *queue);

/* Sets how many values it holds at most (0: as many as there is memory for). pre: nothing was put yet, and no other
 * thread uses it. */
CC_API void cc_queue_set_capacity(cc_queue_t *queue, uint64_t capacity);

/* The domain that its calls want a handle of. */
CC_API cc_smr_t *cc_queue_domain(const cc_queue_t *queue);

/* Puts a value at the end: 1; 0: the queue is full. -CC_ERROR_STATE: it is closed; -CC_ERROR_MEMORY (once in many calls
 * a segment is allocated); -CC_ERROR_ARGUMENT: NULL and the last two addresses (UINTPTR_MAX, UINTPTR_MAX - 1) are no
 * values. */
CC_API int cc_queue_put(cc_queue_t *queue, cc_smr_thread_t *self, void *value);

/* Takes the first value: 1 and *value; 0: the queue is empty. -CC_ERROR_STATE: it is empty and closed. */
CC_API int cc_queue_get(cc_queue_t *queue, cc_smr_thread_t *self, void **value);

/* The same for callers who exclude all others from the queue meanwhile, by a lock that orders them (an interpreter's
 * global lock, say): without atomic instructions, and without a handle. Calls of both kinds may take turns.
 * -CC_ERROR_MEMORY from get, too: a thread's handle could not be made. */
CC_API int cc_queue_put_exclusive(cc_queue_t *queue, void *value);
CC_API int cc_queue_get_exclusive(cc_queue_t *queue, void **value);

/* From now on nothing can be put; what is in it can be got. Needs no memory, and may be called again. */
CC_API void cc_queue_close(cc_queue_t *queue, cc_smr_thread_t *self);

/* How many values are in it, exact while nobody puts or gets; and how many have been put since it was made, always
 * exact. */
CC_API uint64_t cc_queue_count(cc_queue_t *queue, cc_smr_thread_t *self);
CC_API uint64_t cc_queue_total(cc_queue_t *queue, cc_smr_thread_t *self);

/* Bytes of memory that it holds. What waits to be freed is the domain's. */
CC_API size_t cc_queue_memory_usage(cc_queue_t *queue, cc_smr_thread_t *self);

/* Calls visit(value, context) for each value, first to last, until one returns other than 0, and returns that. pre: no
 * other thread uses the queue meanwhile; `visit` does not, either. */
CC_API int cc_queue_visit(cc_queue_t *queue, int (*visit)(void *value, void *context), void *context);

/* For CC_CLEANUP. */
static inline void cc_queue_cleanup(cc_queue_t **queue) {
    cc_queue_destroy(*queue);
}

#ifdef __cplusplus
}
#endif
#endif
