/* base/fork.h: what libcc does around a fork. All of its locks are held, so that in the child they are free and what
 * they guard is whole. */
#ifndef CC_BASE_FORK_H
#define CC_BASE_FORK_H

#include "os.h"

/* One rank for each part of libcc that a fork concerns. The order is the order in which one thread takes locks: a
 * thread that holds a lock may take those of later ranks. So a fork takes them in this order and releases them from the
 * end. */
enum cc__fork_rank {
    CC__FORK_RECORDER, /* profile/ */
    CC__FORK_SITES,
    CC__FORK_EVENT, /* collections/ */
    CC__FORK_COLLECTIONS,
    CC__FORK_SMR, /* smr/: the registry's lock, then those of the domains */
    CC__FORK_SMR_OPTIONS,
    CC__FORK_PLATFORM, /* platform/ */
    CC__FORK_PLATFORM_HEAPS,
    CC__FORK_POOL_CACHES, /* regions/ */
    CC__FORK_POOL_GROWTH,
    CC__FORK_DEBUG_MALLOC, /* methods/ */
    CC__FORK_BACKENDS,
    CC__FORK_PRESSURE,
    CC__FORK_METHODS,
    CC__FORK_THREADS, /* alloc/ */
    CC__FORK_STATISTICS,
    CC__FORK_ALLOC_MODE,
    CC__FORK_HEAPS,
    CC__FORK_SIZES,
    CC__FORK_INTERRUPT, /* base/ */
    CC__FORK_FILES,
    CC__FORK_CYCLES,
    CC__FORK_TABLES,
    CC__FORK_RANKS
};

/* Every field may be left out. */
typedef struct cc__fork_part {
    cc__mutex_t *locks; /* the first of `count`, which lie `stride` bytes apart; taken in this order */
    size_t count, stride;
    void (*before)(void);   /* called after they were taken: takes more */
    void (*in_child)(void); /* called in the child, before `after` */
    void (*after)(void);    /* called before they are released, in parent and child */
} cc__fork_part_t;

/* pre: before main; once for each rank. */
void cc__fork_register(enum cc__fork_rank rank, const cc__fork_part_t *part);

/* What was registered, for tests; NULL: nothing. */
const cc__fork_part_t *cc__fork_part(enum cc__fork_rank rank);

/* Registers a part when the library is loaded; what follows the rank initializes the part's fields. */
#define CC__AT_FORK(rank, ...) \
    __attribute__((constructor)) static void register_##rank(void) { \
        static const cc__fork_part_t part = {__VA_ARGS__}; \
        cc__fork_register(rank, &part); \
    } \
    _Static_assert(true, "a semicolon follows")

/* Holds one lock over each fork. */
#define CC__HOLD_OVER_FORK(rank, lock) CC__AT_FORK(rank, .locks = &(lock), .count = 1)

#endif
