/* python/queue_wait.c: waiting for an item, for room, or until all items are done. A waiting thread is detached, is
 * interrupted by signals, and takes its turn. */
#include "queue.h"

#include <time.h>

/* Sleeps in vain after which a waiting thread has those that do not insist stand back. */
enum { PATIENCE = 4 };

uint64_t cc_python_now(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Python runs signals' handlers in one thread. A signal that comes after its last look for signals and before its
 * sleep does not end that sleep, so it sleeps in slices, each twice as long as the one before up to a limit, and
 * looks after each. */
typedef struct {
    uint64_t ns; /* UINT64_MAX: this thread runs no handlers and sleeps as long as it likes */
} slice_t;
static const uint64_t first_slice_ns = 50000000, last_slice_ns = 800000000;

/* pre: attached. */
static slice_t first_slice(void) {
    return (slice_t){cc_python_handles_signals() ? first_slice_ns : UINT64_MAX};
}

/* Sleeps until something may have changed: 0, -CC_ERROR_LIMIT after the deadline, or -CC_ERROR_STATE when signals
 * are to be looked for. Detached it touches no container: a garbage collector may be walking through it. */
static int sleep_until(cc_event_t *event, uint32_t ticket, uint64_t deadline, slice_t *slice) {
    int result = -CC_ERROR_LIMIT;
    Py_BEGIN_ALLOW_THREADS uint64_t left = UINT64_MAX, now;
    if (deadline != UINT64_MAX) left = (now = cc_python_now()) < deadline ? deadline - now : 0;
    if (left > 0) result = cc_event_wait(event, ticket, left < slice->ns ? left : slice->ns);
    if (result == -CC_ERROR_LIMIT && left > slice->ns) {
        result = -CC_ERROR_STATE;
        slice->ns = slice->ns < last_slice_ns ? 2 * slice->ns : last_slice_ns;
    }
    Py_END_ALLOW_THREADS return result;
}

static int attempt(queue_object_t *self, PyObject **item, bool put) {
    return put ? cc_python_queue_put(self, *item) : cc_python_queue_get(self, item);
}

/* The slow half of transfer. */
static int wait_for_transfer(queue_object_t *self, PyObject **item, bool put, uint64_t deadline) {
    cc_event_t *event = put ? &self->room : &self->items;
    int result = 0, slept = 0;
    unsigned in_vain = 0;
    bool insists = false;
    slice_t slice = first_slice();
    while (result == 0 && slept != -CC_ERROR_LIMIT) {
        slept = 0;
        uint32_t ticket = cc_event_begin(event);
        if (insists || !cc_event_insisted(event)) result = attempt(self, item, put);
        if (result == 0) slept = sleep_until(event, ticket, deadline, &slice);
        cc_event_end(event);
        if (result != 0) break;
        /* A slice that ends counts, too: after each a thread lies down behind the others. */
        if (slept != -CC_ERROR_LIMIT && ++in_vain == PATIENCE) {
            insists = true;
            cc_event_insist(event);
        } else if (slept == 0 && !insists && cc_event_insisted(event)) {
            cc_event_signal(event); /* it was for another */
        }
        if (slept == -CC_ERROR_STATE && PyErr_CheckSignals() != 0) result = CC_PYTHON_INTERRUPTED;
    }
    if (result == 0) result = attempt(self, item, put);
    if (insists) cc_event_relent(event);
    /* What woke it may have been another's. */
    if (result == 0 || result == CC_PYTHON_INTERRUPTED) cc_event_signal(event);
    return result;
}

int cc_python_queue_transfer(queue_object_t *self, PyObject **item, bool put, uint64_t deadline) {
    int result = 0;
    if (deadline == 0 || !cc_event_insisted(put ? &self->room : &self->items)) result = attempt(self, item, put);
    if (result == 0 && deadline != 0) result = wait_for_transfer(self, item, put, deadline);
    if (result == 1 && put) cc_event_signal(&self->items);
    if (result == 1 && !put && self->is_bounded) cc_event_signal(&self->room);
    return result;
}

int cc_python_queue_join(queue_object_t *self, cc_smr_thread_t *thread) {
    slice_t slice = first_slice();
    while (cc_python_queue_unfinished(self, thread) != 0) {
        uint32_t ticket = cc_event_begin(&self->finished);
        int slept = 0;
        if (cc_python_queue_unfinished(self, thread) != 0)
            slept = sleep_until(&self->finished, ticket, UINT64_MAX, &slice);
        cc_event_end(&self->finished);
        if (slept == -CC_ERROR_STATE && PyErr_CheckSignals() != 0) return -1;
    }
    return 0;
}
