/* python/queue_tasks.c: which of the items that were put are done: task_done() and what join() waits for. */
#include "queue.h"

/* While a stack refuses a put, task_done() may be called once too often and be believed: takes that back. Whether
 * there was something to take back. Of the two one comes after the other's change, and sees it: both are seq_cst. */
static bool take_back(queue_object_t *self) {
    uint64_t done = cc__load_seq_cst(&self->done);
    while (done > cc__load_seq_cst(&self->put))
        if (cc__swap_if_seq_cst(&self->done, &done, done - 1)) return true;
    return false;
}

uint64_t cc_python_queue_finish(queue_object_t *self, cc_smr_thread_t *thread, uint64_t count) {
    uint64_t done = cc__load_relaxed(&self->done);
    do {
        uint64_t open = cc_python_queue_open(self, thread, done);
        if (count > open) count = open;
        if (count == 0) return 0;
    } while (!cc__swap_if_seq_cst(&self->done, &done, done + count)); /* pairs with join's look after cc_event_begin */
    if (self->is_stack && take_back(self)) count--;
    cc_event_signal_all(&self->finished);
    return count;
}

void cc_python_queue_uncount(queue_object_t *self) {
    /* seq_cst pairs with join's look after cc_event_begin, which may have seen the item */
    (void)cc__add_seq_cst(&self->put, UINT64_MAX);
    (void)take_back(self);
    cc_event_signal_all(&self->finished);
}
