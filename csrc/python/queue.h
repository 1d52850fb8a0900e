/* python/queue.h: LockFreeQueue and LockFreeStack: what their files share. Both are a container of libcc with the
 * methods of the standard library's queue around it, and differ in the container alone. */
#ifndef CC_PYTHON_QUEUE_H
#define CC_PYTHON_QUEUE_H

#include "core.h"

#include <stdbool.h>

#include "cc/collections.h"

#include "../base/atomics.h"

typedef struct queue_object {
    PyObject_HEAD
    PyObject *weak_references;
    Py_ssize_t maxsize;
    uint64_t pad0[CC_CACHE_LINE_SIZE / 8]; /* reference counts are written by every thread that calls a method */

    union {
        cc_queue_t *queue;
        cc_stack_t *stack;
    } container; /* NULL before __new__ is done */
    cc_smr_t *domain;
    bool is_stack;
    bool is_bounded;
    _Atomic(bool) is_shutdown;
    cc_event_t items;    /* something was put */
    cc_event_t room;     /* something was taken from a bounded one */
    cc_event_t finished; /* everything that was put is done */
    uint64_t pad1[CC_CACHE_LINE_SIZE / 8];

    _Atomic(uint64_t) put; /* items, into a stack; a queue counts them itself */
    _Atomic(uint64_t) done;
} queue_object_t;

/* ---- the container, whichever it is ------------------------------------------------------------------------------ */

/* Takes back that an item was put into the stack, which has refused it. */
void cc_python_queue_uncount(queue_object_t *self);

/* Nothing in a put or get lets go of a global lock. */
static inline int cc_python_queue_put(queue_object_t *self, PyObject *item) {
    if (CC_PYTHON_EXCLUSIVE && !self->is_stack) return cc_queue_put_exclusive(self->container.queue, item);
    cc_smr_thread_t *thread = cc_smr_self(self->domain);
    if (CC_UNLIKELY(thread == NULL)) return -CC_ERROR_MEMORY;
    if (!self->is_stack) return cc_queue_put(self->container.queue, thread, item);
    (void)cc__add_relaxed(&self->put, 1); /* before the item can be seen: it is not done before it is put */
    int result = cc_stack_put(self->container.stack, thread, item);
    if (CC_UNLIKELY(result != 1)) cc_python_queue_uncount(self);
    return result;
}

static inline int cc_python_queue_get(queue_object_t *self, PyObject **item) {
    void *value = NULL;
    int result = -CC_ERROR_MEMORY;
    if (CC_PYTHON_EXCLUSIVE && !self->is_stack) {
        result = cc_queue_get_exclusive(self->container.queue, &value);
    } else {
        cc_smr_thread_t *thread = cc_smr_self(self->domain);
        if (CC_LIKELY(thread != NULL))
            result = self->is_stack ? cc_stack_get(self->container.stack, thread, &value)
                                    : cc_queue_get(self->container.queue, thread, &value);
    }
    *item = value;
    return result;
}

static inline uint64_t cc_python_queue_count(queue_object_t *self, cc_smr_thread_t *thread) {
    return self->is_stack ? cc_stack_count(self->container.stack, thread)
                          : cc_queue_count(self->container.queue, thread);
}

/* Items put so far. A stack's may be one too many for each put that it is about to refuse. */
static inline uint64_t cc_python_queue_total(queue_object_t *self, cc_smr_thread_t *thread) {
    return self->is_stack ? cc__load_seq_cst(&self->put) : cc_queue_total(self->container.queue, thread);
}

/* Those but for `done`. */
static inline uint64_t cc_python_queue_open(queue_object_t *self, cc_smr_thread_t *thread, uint64_t done) {
    uint64_t put = cc_python_queue_total(self, thread);
    return put > done ? put - done : 0;
}

/* Items put and not done. */
static inline uint64_t cc_python_queue_unfinished(queue_object_t *self, cc_smr_thread_t *thread) {
    uint64_t done = cc__load_seq_cst(&self->done); /* first: none when both are equal now; pairs with finish */
    return cc_python_queue_open(self, thread, done);
}

/* ---- queue_tasks.c: which items are done ------------------------------------------------------------------------- */

/* Counts so many items as done, at most those that are not: returns how many were. */
uint64_t cc_python_queue_finish(queue_object_t *self, cc_smr_thread_t *thread, uint64_t count);

/* ---- queue_wait.c: what may wait --------------------------------------------------------------------------------- */

/* ns of the monotonic clock. */
uint64_t cc_python_now(void);

/* Puts *item in (the container then owns the caller's reference), or takes *item out, as soon as that is possible.
 * deadline: as cc_python_now tells time; 0: at once or not at all; UINT64_MAX: never. 1; 0: not until then;
 * -CC_ERROR_…; or an exception was raised by a signal's handler. */
enum { CC_PYTHON_INTERRUPTED = -100 };
int cc_python_queue_transfer(queue_object_t *self, PyObject **item, bool put, uint64_t deadline);

/* Waits until all that was put is done: 0, or -1 with an exception. */
int cc_python_queue_join(queue_object_t *self, cc_smr_thread_t *thread);

/* queue.c: the types. */
extern PyType_Spec cc_python_queue_spec, cc_python_stack_spec;

#endif
