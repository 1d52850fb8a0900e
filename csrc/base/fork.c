/* base/fork.c: see fork.h. */
#include "fork.h"

static const cc__fork_part_t *parts[CC__FORK_RANKS];

void cc__fork_register(enum cc__fork_rank rank, const cc__fork_part_t *part) {
    parts[rank] = part;
}

const cc__fork_part_t *cc__fork_part(enum cc__fork_rank rank) {
    return parts[rank];
}

static cc__mutex_t *lock_of(const cc__fork_part_t *part, size_t i) {
    return (cc__mutex_t *)(void *)((char *)part->locks + i * part->stride);
}

static void before_fork(void) {
    for (int rank = 0; rank < CC__FORK_RANKS; rank++) {
        const cc__fork_part_t *part = parts[rank];
        if (part == NULL) continue;
        for (size_t i = 0; i < part->count; i++) cc__mutex_lock(lock_of(part, i));
        if (part->before != NULL) part->before();
    }
}

/* Each part's hooks run while its locks are held and those of later ranks are free. */
static void release(bool child) {
    for (int rank = CC__FORK_RANKS; rank-- > 0;) {
        const cc__fork_part_t *part = parts[rank];
        if (part == NULL) continue;
        if (child && part->in_child != NULL) part->in_child();
        if (part->after != NULL) part->after();
        for (size_t i = part->count; i-- > 0;) cc__mutex_unlock(lock_of(part, i));
    }
}

static void after_fork_in_parent(void) {
    release(false);
}

static void after_fork_in_child(void) {
    release(true);
}

__attribute__((constructor)) static void set_handlers(void) {
    /* It fails only when there is no memory for anything, before main. */
    (void)cc__os_at_fork(before_fork, after_fork_in_parent, after_fork_in_child);
}
