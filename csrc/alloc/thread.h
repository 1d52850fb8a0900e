/* alloc/thread.h: the registry of threads that use libcc, with opaque slots for upper layers: one of the two joints of
 * alloc/ that they may hook into (the other is observer.h). */
#ifndef CC_ALLOC_THREAD_H
#define CC_ALLOC_THREAD_H

#include "cc/base.h"

#include "../base/atomics.h"
#include "../base/os.h"

/* Upper layers' private pointers in a thread record. */
enum cc__thread_slot { CC__SLOT_PROFILE, CC__SLOT_SMR, CC__SLOT_REGIONS, CC__SLOT_PLATFORM, CC__SLOT_COUNT };

enum { CC__THREAD_NAME_SIZE = 64 };

/* Counters of a thread, in the order of cc_alloc_snapshot_t's sums. Single writer: the owning thread. */
#define CC__ALLOC_COUNTERS(X) \
    X(alloc_count) X(alloc_bytes) X(alloc_block_bytes) X(failed_count) \
    X(free_count) X(free_bytes) X(free_block_bytes) X(unsized_free_count)

typedef struct cc__alloc_counters {
#define CC__FIELD(name) _Atomic(uint64_t) name;
    CC__ALLOC_COUNTERS(CC__FIELD)
#undef CC__FIELD
} cc__alloc_counters_t;

/* One for each thread that used the library; the thread-local cc__thread_self points to it. Records are never given
 * back: when a thread ends, its record keeps its totals, and the next new thread goes on counting in it under a new
 * id. */
typedef struct cc__thread {
    /* For the observer, owner only: see profile/shard.h. */
    uint64_t observer_state;
    int64_t observer_countdown;
    int32_t observer_mask;
    uint32_t observer_step;
    void *slots[CC__SLOT_COUNT];

    /* Bytes of the last block freed in the counted set, not yet in counters.free_block_bytes: see total() in
     * statistics.c. It lies here because a short distance makes short instructions: counted_free in calls.c just fits
     * into a cache line, which is worth half a nanosecond. */
    size_t last_freed;

    _Alignas(CC_CACHE_LINE_SIZE) cc__alloc_counters_t counters;

    /* Under the registry's lock, but for the owner's reads. */
    _Alignas(CC_CACHE_LINE_SIZE) uint64_t id; /* of the thread, never reused; the first is 1 */
    uint64_t native_id;                       /* the system's, reused by it */
    char name[CC__THREAD_NAME_SIZE];          /* "" while unknown; UTF-8 */
    bool alive;
    struct cc__thread *next;      /* in the list of all records, newest first; immutable once linked */
    struct cc__thread *next_free; /* among the records without a thread */
} cc__thread_t;

extern __thread cc__thread_t *cc__thread_self CC_STATIC_THREAD_LOCAL;

/* Gives the calling thread a record. NULL when there is no memory for one; the next call tries again. NULL also in the
 * last moments of a thread whose destructors go on using the library when it has been ended again and again. */
cc__thread_t *cc__thread_attach(void);

/* The calling thread's record; NULL only where cc__thread_attach gives none. */
static inline cc__thread_t *cc__thread_get(void) {
    cc__thread_t *self = cc__thread_self;
    return CC_LIKELY(self != NULL) ? self : cc__thread_attach();
}

/* The newest record; follow ->next. Safe without the lock: records are only ever added. */
cc__thread_t *cc__thread_first(void);

/* The lock over identity fields (id, native_id, name, alive) of all records. Taken after any lock of an upper layer. */
void cc__thread_lock(void);
void cc__thread_unlock(void);

/* Has `function` called in each ending thread with a record whose slot is not NULL, while the thread still owns it. */
void cc__thread_at_exit(enum cc__thread_slot slot, void (*function)(cc__thread_t *thread));

/* Sets the name of the living thread with this native id; texts longer than the field are cut at a UTF-8 boundary.
 * False when no such thread has a record. */
bool cc__thread_set_name(uint64_t native_id, const char *name);

#endif
