/* cc/event.h: waiting until another thread has changed something. Every function may be called from any thread. */
#ifndef CC_EVENT_H
#define CC_EVENT_H

#include "cc/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An event lets threads sleep until another one has changed something, without a lock around the change. All zero: a
 * new one; it needs no destruction. A thread that changes something tells the event after the change; that is one load
 * when nobody waits:
 *
 *     cc_queue_put(queue, self, value);
 *     cc_event_signal(&not_empty);
 *
 * and a thread that waits for it looks once more between cc_event_begin and cc_event_wait:
 *
 *     while ((result = cc_queue_get(queue, self, &value)) == 0) {
 *         uint32_t ticket = cc_event_begin(&not_empty);
 *         if ((result = cc_queue_get(queue, self, &value)) == 0) cc_event_wait(&not_empty, ticket, UINT64_MAX);
 *         cc_event_end(&not_empty);
 *         if (result != 0) break;
 *     }
 *
 * No change is missed that is made by an operation of cc/queue.h or cc/stack.h, or by any sequentially consistent one:
 * of the change and the last look one comes first, and the other sees it. A thread that gives up waiting signals once
 * more, because the signal that woke it may have been meant for another. In a forked child nobody waits: events need no
 * care. */
typedef struct cc_event {
    uint32_t sequence; /* of signals; private, like the rest */
    uint32_t waiters;
    uint32_t insisting;
} cc_event_t;

/* Announces that the calling thread is going to wait. Each call is followed by one of cc_event_end. */
CC_API uint32_t cc_event_begin(cc_event_t *event);

/* Sleeps until a signal that comes after cc_event_begin gave `ticket`; may wake without one. 0; -CC_ERROR_LIMIT after
 * timeout_ns (UINT64_MAX: never); -CC_ERROR_STATE when a signal of the system interrupts it. pre: outside any
 * section. */
CC_API int cc_event_wait(cc_event_t *event, uint32_t ticket, uint64_t timeout_ns);

CC_API void cc_event_end(cc_event_t *event);

/* Wakes a thread, or all threads, if any wait: those first that have waited longest. */
CC_API void cc_event_wake(cc_event_t *event, bool all); /* for the inlines */

/* A thread that was woken may find, again and again, that one that did not sleep was quicker. Then it may insist: until
 * it relents, threads that do not insist should stand back and wait, too. */
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
