/* methods/locks.c: all locks of this layer in one row, so that a fork finds every allocator in order, also those in
 * buffers of callers: what a program does with its buffers is unknown here. */
#include "../base/fork.h"
#include "methods_internal.h"

enum { LOCKS = 64 };

static struct {
    _Alignas(CC_CACHE_LINE_SIZE) cc__mutex_t mutex;
} locks[LOCKS];
static _Atomic(unsigned) given;

cc__mutex_t *cc__mem_lock(enum cc__mem_lock name) {
    return &locks[name].mutex;
}

cc__mutex_t *cc__mem_instance_lock(void) {
    return &locks[CC__LOCK_NAMED + cc__add_relaxed(&given, 1u) % (LOCKS - CC__LOCK_NAMED)].mutex;
}

CC__AT_FORK(CC__FORK_METHODS, .locks = &locks[0].mutex, .count = LOCKS, .stride = sizeof *locks);
