/* collections/contention.h: what threads do that fight for cache lines.
 *
 * Two threads that fight for the same lines spend 100 ns and more on each operation, most of it waiting for the line.
 * One alone does ten and more operations in that time. So the loser stands back for as long as some dozens of them
 * take, and the winner works in a burst with the lines in its cache; then they change places, most often. Nobody waits
 * for anybody: after the time the loser tries again whatever the winner does. Turns do the same for threads that lose
 * no race. */
#ifndef CC_COLLECTIONS_CONTENTION_H
#define CC_COLLECTIONS_CONTENTION_H

#include "../base/os.h"

enum { CC__CONTENTION_FIRST_NS = 2000, CC__CONTENTION_MOST_NS = 8000, CC__CONTENTION_TURN_NS = 4000 };

static inline void cc__contention_wait(uint64_t ns) {
    uint64_t end = cc__os_monotonic_ns() + ns;
    do cc__os_pause();
    while (cc__os_monotonic_ns() < end);
}

/* How long to stand back after so many races lost in a row, 1 or more. */
static inline uint64_t cc__contention_ns(unsigned lost) {
    uint64_t ns = (uint64_t)CC__CONTENTION_FIRST_NS << (lost < 8 ? lost - 1 : 7);
    return ns < CC__CONTENTION_MOST_NS ? ns : CC__CONTENTION_MOST_NS;
}

static inline void cc__contention_stand_back(unsigned lost) {
    cc__contention_wait(cc__contention_ns(lost));
}

/* Whose turn it is. Threads with some work between their operations lose no races and pay for the line each time all
 * the same: who finds that another has taken it over within the last 4 us leaves it to that one for the rest of
 * them. */
typedef struct cc__turn {
    _Atomic(const void *) owner; /* who worked here last: anything that tells threads apart */
    _Atomic(uint64_t) since;     /* ns */
} cc__turn_t;

static __attribute__((noinline)) void cc__contention_change_turns(cc__turn_t *turn, const void *self) {
    uint64_t now = cc__os_monotonic_ns(), passed = now - cc__load_relaxed(&turn->since);
    if (passed < CC__CONTENTION_TURN_NS) {
        cc__contention_wait(CC__CONTENTION_TURN_NS - passed);
        now = cc__os_monotonic_ns();
    }
    cc__store_relaxed(&turn->since, now); /* relaxed: a turn is but a habit */
    cc__store_relaxed(&turn->owner, self);
}

static inline void cc__contention_take_turn(cc__turn_t *turn, const void *self) {
    if (CC_UNLIKELY(cc__load_relaxed(&turn->owner) != self)) cc__contention_change_turns(turn, self);
}

#endif
