/* cc/collections.h: concurrent containers. Every function may be called from any thread, also concurrently with every other, unless
 * it says otherwise. Results are int: what the function tells if it is 0 or more; below 0 an error: the negative of a
 * cc_status_t. */
#ifndef CC_COLLECTIONS_H
#define CC_COLLECTIONS_H

#include "cc/smr.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- queue ------------------------------------------------------------------------------------------------------ */

/* A queue of pointers: first in, first out; linearizable and lock-free (a thread that stops in the middle of a call holds nobody
 * back). The values are the caller's; the queue never follows them. `self` is the calling thread's handle of the queue's domain:
 * a thread keeps it, or gets it for each call by cc_smr_self(cc_queue_domain(queue)).
 *
 *     cc_queue_t *queue = cc_queue_create(NULL, 0);
 *     cc_smr_thread_t *self = cc_smr_self(cc_queue_domain(queue));
 *     cc_queue_put(queue, self, value);
 *     if (cc_queue_get(queue, self, &value) == 1) ... */
typedef struct cc_queue cc_queue_t;

/* An empty queue, which holds at most `capacity` values (0: as many as there is memory for). domain NULL: the one that queues and
 * stacks have in common, of the default scheme, called "queues"; it comes with the first of them and goes with the last. NULL when
 * there is no memory. The caller destroys it, before a domain that he gave. */
CC_API cc_queue_t *cc_queue_create(cc_smr_t *domain, uint64_t capacity) CC_ATTRIBUTE((warn_unused_result));

/* Frees the queue; NULL is ignored. What is still in it stays the caller's: see cc_queue_visit. pre: no other thread uses the queue; with
 * the common domain: the calling thread is not inside a section. */
CC_API void cc_queue_destroy(cc_queue_t *queue);

/* The domain that its calls want a handle of. */
CC_API cc_smr_t *cc_queue_domain(const cc_queue_t *queue);

/* Puts a value at the end: 1; 0: the queue is full. -CC_ERROR_STATE: it is closed; -CC_ERROR_MEMORY (once in many calls a segment is
 * allocated); -CC_ERROR_ARGUMENT: NULL and the last two addresses (UINTPTR_MAX, UINTPTR_MAX - 1) are no values. */
CC_API int cc_queue_put(cc_queue_t *queue, cc_smr_thread_t *self, void *value);

/* Takes the first value: 1 and *value; 0: the queue is empty. -CC_ERROR_STATE: it is empty and closed. */
CC_API int cc_queue_get(cc_queue_t *queue, cc_smr_thread_t *self, void **value);

/* From now on nothing can be put; what is in it can be got. Needs no memory, and may be called again. */
CC_API void cc_queue_close(cc_queue_t *queue, cc_smr_thread_t *self);

/* How many values are in it; how many have been put since it was made. Exact when nobody puts or gets meanwhile, and the second
 * in any case. */
CC_API uint64_t cc_queue_count(cc_queue_t *queue, cc_smr_thread_t *self);
CC_API uint64_t cc_queue_total(cc_queue_t *queue, cc_smr_thread_t *self);

/* Bytes of memory that it holds. What waits to be freed is the domain's. */
CC_API size_t cc_queue_memory_usage(cc_queue_t *queue, cc_smr_thread_t *self);

/* Calls visit(value, context) for each value, first to last, until one returns other than 0, and returns that. pre: no other thread
 * uses the queue meanwhile; `visit` does not, either. */
CC_API int cc_queue_visit(cc_queue_t *queue, int (*visit)(void *value, void *context), void *context);

/* ---- stack ------------------------------------------------------------------------------------------------------ */

/* A stack: last in, first out; linearizable and lock-free. The same calls, and the same results, as the queue's. */
typedef struct cc_stack cc_stack_t;

CC_API cc_stack_t *cc_stack_create(cc_smr_t *domain, uint64_t capacity) CC_ATTRIBUTE((warn_unused_result));
CC_API void cc_stack_destroy(cc_stack_t *stack);
CC_API cc_smr_t *cc_stack_domain(const cc_stack_t *stack);

/* Puts a value on top. Each call allocates a node. Any pointer is a value. */
CC_API int cc_stack_put(cc_stack_t *stack, cc_smr_thread_t *self, void *value);

/* Takes the value on top. */
CC_API int cc_stack_get(cc_stack_t *stack, cc_smr_thread_t *self, void **value);

CC_API void cc_stack_close(cc_stack_t *stack, cc_smr_thread_t *self);

/* Always exact. */
CC_API uint64_t cc_stack_count(cc_stack_t *stack, cc_smr_thread_t *self);
CC_API size_t cc_stack_memory_usage(cc_stack_t *stack, cc_smr_thread_t *self);

/* From the top down; pre: as for the queue. */
CC_API int cc_stack_visit(cc_stack_t *stack, int (*visit)(void *value, void *context), void *context);

/* ---- waiting ---------------------------------------------------------------------------------------------------- */

/* An event lets threads sleep until another one has changed something, without a lock around the change. All zero: a new one; it
 * needs no destruction. Who changes something tells the event after the change, in one load when nobody waits:
 *
 *     cc_queue_put(queue, self, value);
 *     cc_event_signal(&not_empty);
 *
 * and who waits for it looks once more between cc_event_begin and cc_event_wait:
 *
 *     while ((result = cc_queue_get(queue, self, &value)) == 0) {
 *         uint32_t ticket = cc_event_begin(&not_empty);
 *         if ((result = cc_queue_get(queue, self, &value)) == 0) cc_event_wait(&not_empty, ticket, UINT64_MAX);
 *         cc_event_end(&not_empty);
 *         if (result != 0) break;
 *     }
 *
 * No change is missed that is made by an operation of this header, or by any sequentially consistent one: of the two sides one comes
 * first, and the other sees it. Who gives up waiting signals once more: the signal that woke it may have been another's.
 * In a forked child nobody waits: events need no care. */
typedef struct cc_event {
    uint32_t sequence; /* of signals; private, like the rest */
    uint32_t waiters;
    uint32_t insisting;
} cc_event_t;

/* Announces that the calling thread is going to wait. Each call is followed by one of cc_event_end. */
CC_API uint32_t cc_event_begin(cc_event_t *event);

/* Sleeps until a signal that comes after cc_event_begin gave `ticket`; may wake without one. 0; -CC_ERROR_LIMIT after timeout_ns
 * (UINT64_MAX: never); -CC_ERROR_STATE when a signal of the system interrupts it. pre: outside any section. */
CC_API int cc_event_wait(cc_event_t *event, uint32_t ticket, uint64_t timeout_ns);

CC_API void cc_event_end(cc_event_t *event);

/* Wakes a thread, or all threads, if any wait: those first that have waited longest. */
CC_API void cc_event_wake(cc_event_t *event, bool all); /* for the inlines */

/* Whoever is woken may find that a thread that did not sleep was quicker, again and again. One that has had enough of that insists: until
 * it relents, those that come new and those that do not insist should stand back (and wait themselves). */
CC_API void cc_event_insist(cc_event_t *event);
CC_API void cc_event_relent(cc_event_t *event);
CC_API bool cc_event_stand_back(const cc_event_t *event); /* for the inlines */

#if defined(__GNUC__)
static inline void cc_event_signal(cc_event_t *event) { /* seq_cst pairs with cc_event_begin */
    if (CC_UNLIKELY(__atomic_load_n(&event->waiters, __ATOMIC_SEQ_CST) != 0)) cc_event_wake(event, false);
}
static inline void cc_event_signal_all(cc_event_t *event) {
    if (CC_UNLIKELY(__atomic_load_n(&event->waiters, __ATOMIC_SEQ_CST) != 0)) cc_event_wake(event, true);
}
static inline bool cc_event_insisted(const cc_event_t *event) {
    return CC_UNLIKELY(__atomic_load_n(&event->insisting, __ATOMIC_RELAXED) != 0) && cc_event_stand_back(event);
}
#endif

#ifdef __cplusplus
}
#endif
#endif
