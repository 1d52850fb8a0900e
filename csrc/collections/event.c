/* collections/event.c: cc_event_t, an event count on the system's wait for a word.
 *
 * Counts of threads are kept with the number of forks before them: in a forked child those that waited in its parent
 * are gone. */
#include "cc/event.h"

#include "../base/atomics.h"
#include "../base/fork.h"

#define WORD(field) ((_Atomic(uint32_t) *)(uintptr_t)&(field))

/* A count: forks in the high bits, threads in the low ones. */
enum { THREAD_BITS = 20, THREADS = (1 << THREAD_BITS) - 1 };
static _Atomic(uint32_t) era; /* forks << THREAD_BITS */

static void begin_era(void) {
    (void)cc__add_relaxed(&era, 1u << THREAD_BITS);
}

CC__AT_FORK(CC__FORK_EVENT, .in_child = begin_era);

static uint32_t threads_of(uint32_t count) {
    return (count & ~(uint32_t)THREADS) == cc__load_relaxed(&era) ? count & THREADS : 0;
}

/* seq_cst pairs with cc_event_signal: either that sees the waiter, or the waiter's next look sees the change before
 * it. */
static void add(_Atomic(uint32_t) *count, int change) {
    uint32_t seen = cc__load_relaxed(count), threads;
    do {
        threads = threads_of(seen);
        if (change < 0 && threads == 0) return; /* it was added before a fork */
        threads += (uint32_t)change;
    } while (!cc__swap_if_seq_cst(count, &seen, threads > 0 ? cc__load_relaxed(&era) | threads : 0));
}

uint32_t cc_event_begin(cc_event_t *event) {
    add(WORD(event->waiters), 1);
    return cc__load_seq_cst(WORD(event->sequence));
}

int cc_event_wait(cc_event_t *event, uint32_t ticket, uint64_t timeout_ns) {
    return -cc__os_wait(WORD(event->sequence), ticket, timeout_ns);
}

void cc_event_end(cc_event_t *event) {
    add(WORD(event->waiters), -1);
}

void cc_event_wake(cc_event_t *event, bool all) {
    uint32_t waiters = cc__load_relaxed(WORD(event->waiters));
    if (threads_of(waiters) == 0) {
        /* Left over from before a fork: so that the inlines need not come here again. */
        (void)cc__swap_if_seq_cst(WORD(event->waiters), &waiters, 0);
        return;
    }
    (void)cc__add_seq_cst(WORD(event->sequence), 1); /* who has its ticket and does not sleep yet will not */
    cc__os_wake(WORD(event->sequence), all);
}

void cc_event_insist(cc_event_t *event) {
    add(WORD(event->insisting), 1);
}

void cc_event_relent(cc_event_t *event) {
    add(WORD(event->insisting), -1);
    cc_event_signal_all(event); /* those that have stood back look again */
}

bool cc_event_stand_back(const cc_event_t *event) {
    return threads_of(cc__load_relaxed(WORD(event->insisting))) != 0;
}
