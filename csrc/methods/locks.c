/* methods/locks.c: all locks of this layer in one row, so that a fork finds every allocator in order, also those in buffers of
 * callers: what a program does with its buffers is unknown here. */
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

static void before_fork(void) {
    for (unsigned i = 0; i < LOCKS; i++) cc__mutex_lock(&locks[i].mutex);
}

static void after_fork(void) {
    for (unsigned i = LOCKS; i-- > 0;) cc__mutex_unlock(&locks[i].mutex);
}

__attribute__((constructor)) static void set_fork_handlers(void) {
    (void)cc__os_at_fork(before_fork, after_fork, after_fork);
}
