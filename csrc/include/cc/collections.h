/* cc/collections.h: concurrent containers. Every function may be called from any thread, also concurrently with every other, unless
 * it says otherwise. Results are int: what the function tells if it is 0 or more; below 0 an error: the negative of a
 * cc_status_t, or what a hook of the caller's returned. */
#ifndef CC_COLLECTIONS_H
#define CC_COLLECTIONS_H

#include "cc/smr.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the ordered map -------------------------------------------------------------------------------------------- */

/* An ordered map from keys to values. Reading takes no lock and writes nothing that is shared; a writer locks the few nodes that
 * it changes for some ten instructions, and calls no hook but `hold` meanwhile. In a forked child a map that another thread was changing
 * may be locked for ever: fork while nobody changes it, or use it in the child no more.
 *
 * Keys. A key is a prefix, 64 bits whose order agrees with the order of the keys (a < b implies prefix(a) <= prefix(b)), and an
 * object. Where the prefixes of two keys differ they decide; where they are equal, and the wanted key is not `exact`, the hooks
 * are asked. Prefixes can be compared within one *kind* (a number that the caller chooses). When a key of another kind, or one without
 * a prefix, is put into the map, all later comparisons ask the hooks, until cc_map_clear.
 *
 *     cc_map_t *map = cc_map_create(NULL, NULL, NULL);            // 64-bit keys, values that nobody counts
 *     cc_map_key_t key = cc_map_integer(-5);
 *     if (cc_map_put(map, &key, value, CC_MAP_ALWAYS, NULL, NULL) < 0) ...   // no memory
 *     if (cc_map_get(map, &key, &value) == 1) ... */
typedef struct cc_map cc_map_t;

enum { CC_MAP_NO_PREFIX = 0 }; /* the kind of keys whose prefix says nothing */

/* What to look for. The map reads it during the call only; it is changed by nobody. */
typedef struct cc_map_key {
    uint64_t prefix;
    void *object; /* what the hooks get; ignored by maps without hooks */
    uint8_t kind; /* CC_MAP_NO_PREFIX, or 1 to 255 */
    bool exact;   /* a key of this kind with the same prefix is this key: the hooks need not be asked */
} cc_map_key_t;

/* A key that is its prefix. */
static inline cc_map_key_t cc_map_unsigned(uint64_t value) {
    cc_map_key_t key = {value, NULL, 1, true};
    return key;
}
static inline cc_map_key_t cc_map_integer(int64_t value) {
    cc_map_key_t key = {(uint64_t)value ^ (UINT64_C(1) << 63), NULL, 1, true};
    return key;
}
/* The integer back. */
static inline int64_t cc_map_integer_of(uint64_t prefix) {
    return (int64_t)(prefix ^ (UINT64_C(1) << 63));
}

typedef struct cc_map_entry {
    uint64_t prefix;
    void *key; /* the object */
    void *value;
} cc_map_entry_t;

/* How keys and values are compared and counted. Every hook may be NULL. The struct is the caller's; it and the hooks must stay as long
 * as any domain that a map of this type was made with.
 *
 * quick_compare: orders two objects of which neither kind nor prefix could tell; true when it can, false to have `compare` called. It
 * is called inside a section: it runs no foreign code, takes no lock, uses no map. (Without `deferred`: nor anything that could
 * let another thread go on with this map.)
 * compare: the same for whatever it takes to know. Called outside the sections and locks of the map, with `stored` held: it may
 * block, use the same map, and fail: any number below -15 ends the operation, which then returns it and has changed nothing.
 * *order: below 0: stored < wanted; 0: the same key; above 0: stored > wanted. An order that contradicts itself misplaces keys and
 * does no other harm.
 *
 * hold_…: one more reference to an object or value, NULL is never given. Called inside sections and under locks: it does
 * nothing but count. release_…: one less. Called outside of locks of the map and, in the calling thread, of its sections; with
 * `deferred` also where a domain frees (cc_smr_free_function_t): then it does what is allowed there only.
 *
 * deferred: true: what leaves the map is released when no section can still read it. False: at the end of the operation; for callers
 * whose operations do not overlap but where `compare` runs (a global interpreter lock). */
typedef struct cc_map_type {
    bool (*quick_compare)(void *context, void *stored, void *wanted, int *order);
    int (*compare)(void *context, void *stored, void *wanted, int *order);
    void (*hold_key)(void *object);
    void (*release_key)(void *object);
    void (*hold_value)(void *value);
    void (*release_value)(void *value);
    bool deferred;
} cc_map_type_t;

/* A new map. type NULL: no hooks at all: a key is its prefix, values are any pointers. `context` is passed to the compare hooks.
 * domain NULL: one of the map's own (IBR); else it must outlive the map, and may serve many. NULL when there is no memory. The
 * caller destroys it. */
CC_API cc_map_t *cc_map_create(const cc_map_type_t *type, void *context, cc_smr_t *domain) CC_ATTRIBUTE((warn_unused_result));

/* Releases everything and frees the map; NULL is ignored. No other thread may be using it. With a domain of the caller's, some of it
 * is freed and released only when that domain gets to it, with one of its own before this returns. */
CC_API void cc_map_destroy(cc_map_t *map);

/* Finds the value of a key: 1 and *value, held for the caller; 0 and *value NULL: there is no such key. value NULL: only tells.
 * -CC_ERROR_MEMORY (no handle could be made for the thread) or the hook's error. */
CC_API int cc_map_get(cc_map_t *map, const cc_map_key_t *key, void **value);

/* The same, with `other` instead of NULL, held for the caller like a value of the map. Keys that are there as often as not are no
 * harder for it: nothing in it branches on whether they are. */
CC_API int cc_map_get_or(cc_map_t *map, const cc_map_key_t *key, void *other, void **value);

/* The same for callers who exclude all others from the map meanwhile, by a lock that orders them (an interpreter's global lock, which
 * only `compare` may let go of). */
CC_API int cc_map_get_exclusive(cc_map_t *map, const cc_map_key_t *key, void *other, void **value);

/* When cc_map_put stores. */
typedef enum cc_map_mode {
    CC_MAP_ALWAYS = 0,
    CC_MAP_IF_ABSENT = 1,
    CC_MAP_IF_PRESENT = 2,
    CC_MAP_IF_VALUE = 3 /* the key is there and its value is `expected`, the same pointer */
} cc_map_mode_t;

/* What cc_map_put returns: a sum. */
enum { CC_MAP_STORED = 1, CC_MAP_FOUND = 2 };

/* Stores a value, in one step with looking at what is there. The map holds the value, and the key's object when the key is new (a key
 * that is there keeps its object); the caller's own references stay its own. `old` may be NULL; else it gets the value that was
 * there, held for the caller, and is not written where no CC_MAP_FOUND is returned. -CC_ERROR_MEMORY, -CC_ERROR_LIMIT (the
 * tree would be too high: more keys than there is memory for) or the hook's error: nothing has changed. */
CC_API int cc_map_put(cc_map_t *map, const cc_map_key_t *key, void *value, cc_map_mode_t mode, const void *expected, void **old);

/* Removes a key: 1 and *entry (which may be NULL), held for the caller; 0: it was not there. -CC_ERROR_MEMORY only with `deferred`. */
CC_API int cc_map_remove(cc_map_t *map, const cc_map_key_t *key, cc_map_entry_t *entry);

/* The same if the value is `expected`, the same pointer. */
CC_API int cc_map_remove_if(cc_map_t *map, const cc_map_key_t *key, const void *expected, cc_map_entry_t *entry);

typedef enum cc_map_place {
    CC_MAP_FIRST = 0, /* these two need no key */
    CC_MAP_LAST = 1,
    CC_MAP_LOWER = 2,   /* the greatest key <  the given one */
    CC_MAP_FLOOR = 3,   /* the greatest key <= */
    CC_MAP_CEILING = 4, /* the least key    >= */
    CC_MAP_HIGHER = 5   /* the least key    >  */
} cc_map_place_t;

/* Finds the entry at a place, as of one moment: 1 and *entry, key and value held for the caller; 0: there is none. -CC_ERROR_MEMORY (also
 * where many removals have found no memory to tidy up with, so that there is too much to pass) or the hook's error. */
CC_API int cc_map_find(cc_map_t *map, cc_map_place_t place, const cc_map_key_t *key, cc_map_entry_t *entry);

/* Removes the entry at CC_MAP_FIRST or CC_MAP_LAST: 1 and *entry (not NULL), held for the caller; 0: the map is empty. -CC_ERROR_MEMORY
 * as cc_map_find, and with `deferred`; -CC_ERROR_ARGUMENT: another place. */
CC_API int cc_map_pop(cc_map_t *map, cc_map_place_t place, cc_map_entry_t *entry);

/* ---- scans ------------------------------------------------------------------------------------------------------ */

/* A position in a map and where to stop; one thread at a time uses it, and no hook that its scan calls. The objects of low, high and at are
 * held by it (for garbage collectors that must see every reference); the rest is private. */
typedef struct cc_map_cursor {
    cc_map_t *map;
    cc_map_key_t low, high, at;
    unsigned flags;
    struct cc_map_trail *trail; /* the way to `at`; NULL: none was remembered */
} cc_map_cursor_t;

/* Flags of a cursor: a sum. By default low is part of the range and high is not, and the scan goes up. */
enum {
    CC_MAP_OPEN_LOW = 1,    /* low is not part of the range */
    CC_MAP_CLOSED_HIGH = 2, /* high is */
    CC_MAP_REVERSE = 4,     /* from high down to low */
    CC_MAP_NO_VALUES = 8    /* entries get no values (NULL, nothing held) */
};

/* Begins a scan of the range from low to high (NULL: no bound; both are held). The map must stay until cc_map_cursor_end. Never fails. */
CC_API void cc_map_cursor_begin(cc_map_cursor_t *cursor, cc_map_t *map, const cc_map_key_t *low, const cc_map_key_t *high,
                                unsigned flags);

/* Writes the next entries, 1 to `capacity` (> 0), keys and values held for the caller; returns how many, 0 at the end (and again when
 * called again). Fewer than `capacity` only at the end, or when others have changed the map meanwhile. Weakly consistent: keys come in
 * order, each at most once; a key that is there all the time comes, one that comes or goes meanwhile may. The keys of one call that lie
 * in one node are as of one moment, each value as of some moment of the call. Errors: -CC_ERROR_MEMORY (no handle could be made for the
 * thread) or the hook's; after one the scan may go on. */
CC_API int cc_map_scan(cc_map_cursor_t *cursor, cc_map_entry_t *entries, size_t capacity);

/* Ends it: releases what the cursor holds. Again: nothing. */
CC_API void cc_map_cursor_end(cc_map_cursor_t *cursor);

/* ---- the whole -------------------------------------------------------------------------------------------------- */

/* Removes everything, in one step; takes time in proportion. 0 or -CC_ERROR_MEMORY (nothing has changed). */
CC_API int cc_map_clear(cc_map_t *map);

/* How many keys there are: exact when nobody is changing the map, otherwise a number that was right but for changes in flight. (This and the
 * next: 0 in a thread that there is no memory to make a handle for.) */
CC_API size_t cc_map_count(const cc_map_t *map);

/* Bytes that the map takes: its nodes and itself, without what it refers to and what waits to be freed. */
CC_API size_t cc_map_memory_usage(const cc_map_t *map);

/* Frees and releases what this thread's operations have left to wait, as cc_smr_drain. */
CC_API int cc_map_drain(cc_map_t *map, uint64_t timeout_ns);

/* Calls `visit` for each reference that the map holds to an object or value (an object may have several), until it returns something
 * other than 0, which is returned. Holds and compares nothing; nobody may be changing the map. For garbage collectors. */
CC_API int cc_map_visit(cc_map_t *map, int (*visit)(void *reference, void *argument), void *argument);

/* ---- queue ------------------------------------------------------------------------------------------------------ */

/* A queue of pointers: first in, first out; linearizable and lock-free (a thread that stops in the middle of a call holds nobody
 * back). The values are the caller's; the queue never follows them. `self` is the calling thread's handle of the queue's domain:
 * a thread keeps it, or gets it for each call by cc_smr_self(cc_queue_domain(queue)).
 *
 *     cc_queue_t *queue = cc_queue_create(NULL, 0);
 *     cc_smr_thread_t *self = cc_smr_self(cc_queue_domain(queue));
 *     cc_queue_put(queue, self, value);
 *     if (cc_queue_get(queue, self, &value) == 1) ... */
typedef struct cc_queue cc_queue_t;

/* An empty queue, which holds at most `capacity` values (0: as many as there is memory for). domain NULL: the one that queues and
 * stacks have in common, of the default scheme, called "queues"; it comes with the first of them and goes with the last. NULL when
 * there is no memory. The caller destroys it, before a domain that he gave. */
CC_API cc_queue_t *cc_queue_create(cc_smr_t *domain, uint64_t capacity) CC_ATTRIBUTE((warn_unused_result));

/* Frees the queue; NULL is ignored. What is still in it stays the caller's: see cc_queue_visit. pre: no other thread uses the queue; with
 * the common domain: the calling thread is not inside a section. */
CC_API void cc_queue_destroy(cc_queue_t *queue);

/* Sets how many values it holds at most (0: as many as there is memory for). pre: nothing was put yet, and no other thread uses it. */
CC_API void cc_queue_set_capacity(cc_queue_t *queue, uint64_t capacity);

/* The domain that its calls want a handle of. */
CC_API cc_smr_t *cc_queue_domain(const cc_queue_t *queue);

/* Puts a value at the end: 1; 0: the queue is full. -CC_ERROR_STATE: it is closed; -CC_ERROR_MEMORY (once in many calls a segment is
 * allocated); -CC_ERROR_ARGUMENT: NULL and the last two addresses (UINTPTR_MAX, UINTPTR_MAX - 1) are no values. */
CC_API int cc_queue_put(cc_queue_t *queue, cc_smr_thread_t *self, void *value);

/* Takes the first value: 1 and *value; 0: the queue is empty. -CC_ERROR_STATE: it is empty and closed. */
CC_API int cc_queue_get(cc_queue_t *queue, cc_smr_thread_t *self, void **value);

/* The same for callers who exclude all others from the queue meanwhile, by a lock that orders them (an interpreter's global lock, say):
 * without atomic instructions, and without a handle. Calls of both kinds may take turns. -CC_ERROR_MEMORY from get, too: a
 * thread's handle could not be made. */
CC_API int cc_queue_put_exclusive(cc_queue_t *queue, void *value);
CC_API int cc_queue_get_exclusive(cc_queue_t *queue, void **value);

/* From now on nothing can be put; what is in it can be got. Needs no memory, and may be called again. */
CC_API void cc_queue_close(cc_queue_t *queue, cc_smr_thread_t *self);

/* How many values are in it; how many have been put since it was made. Exact when nobody puts or gets meanwhile, and the second
 * in any case. */
CC_API uint64_t cc_queue_count(cc_queue_t *queue, cc_smr_thread_t *self);
CC_API uint64_t cc_queue_total(cc_queue_t *queue, cc_smr_thread_t *self);

/* Bytes of memory that it holds. What waits to be freed is the domain's. */
CC_API size_t cc_queue_memory_usage(cc_queue_t *queue, cc_smr_thread_t *self);

/* Calls visit(value, context) for each value, first to last, until one returns other than 0, and returns that. pre: no other thread
 * uses the queue meanwhile; `visit` does not, either. */
CC_API int cc_queue_visit(cc_queue_t *queue, int (*visit)(void *value, void *context), void *context);

/* ---- stack ------------------------------------------------------------------------------------------------------ */

/* A stack: last in, first out; linearizable and lock-free. The same calls, and the same results, as the queue's. */
typedef struct cc_stack cc_stack_t;

CC_API cc_stack_t *cc_stack_create(cc_smr_t *domain, uint64_t capacity) CC_ATTRIBUTE((warn_unused_result));
CC_API void cc_stack_destroy(cc_stack_t *stack);
CC_API void cc_stack_set_capacity(cc_stack_t *stack, uint64_t capacity);
CC_API cc_smr_t *cc_stack_domain(const cc_stack_t *stack);

/* Puts a value on top. Each call allocates a node. Any pointer is a value. */
CC_API int cc_stack_put(cc_stack_t *stack, cc_smr_thread_t *self, void *value);

/* Takes the value on top. */
CC_API int cc_stack_get(cc_stack_t *stack, cc_smr_thread_t *self, void **value);

CC_API void cc_stack_close(cc_stack_t *stack, cc_smr_thread_t *self);

/* Always exact. */
CC_API uint64_t cc_stack_count(cc_stack_t *stack, cc_smr_thread_t *self);
CC_API size_t cc_stack_memory_usage(cc_stack_t *stack, cc_smr_thread_t *self);

/* From the top down; pre: as for the queue. */
CC_API int cc_stack_visit(cc_stack_t *stack, int (*visit)(void *value, void *context), void *context);

/* ---- waiting ---------------------------------------------------------------------------------------------------- */

/* An event lets threads sleep until another one has changed something, without a lock around the change. All zero: a new one; it
 * needs no destruction. Who changes something tells the event after the change, in one load when nobody waits:
 *
 *     cc_queue_put(queue, self, value);
 *     cc_event_signal(&not_empty);
 *
 * and who waits for it looks once more between cc_event_begin and cc_event_wait:
 *
 *     while ((result = cc_queue_get(queue, self, &value)) == 0) {
 *         uint32_t ticket = cc_event_begin(&not_empty);
 *         if ((result = cc_queue_get(queue, self, &value)) == 0) cc_event_wait(&not_empty, ticket, UINT64_MAX);
 *         cc_event_end(&not_empty);
 *         if (result != 0) break;
 *     }
 *
 * No change is missed that is made by an operation of this header, or by any sequentially consistent one: of the two sides one comes
 * first, and the other sees it. Who gives up waiting signals once more: the signal that woke it may have been another's.
 * In a forked child nobody waits: events need no care. */
typedef struct cc_event {
    uint32_t sequence; /* of signals; private, like the rest */
    uint32_t waiters;
    uint32_t insisting;
} cc_event_t;

/* Announces that the calling thread is going to wait. Each call is followed by one of cc_event_end. */
CC_API uint32_t cc_event_begin(cc_event_t *event);

/* Sleeps until a signal that comes after cc_event_begin gave `ticket`; may wake without one. 0; -CC_ERROR_LIMIT after timeout_ns
 * (UINT64_MAX: never); -CC_ERROR_STATE when a signal of the system interrupts it. pre: outside any section. */
CC_API int cc_event_wait(cc_event_t *event, uint32_t ticket, uint64_t timeout_ns);

CC_API void cc_event_end(cc_event_t *event);

/* Wakes a thread, or all threads, if any wait: those first that have waited longest. */
CC_API void cc_event_wake(cc_event_t *event, bool all); /* for the inlines */

/* Whoever is woken may find that a thread that did not sleep was quicker, again and again. One that has had enough of that insists: until
 * it relents, those that come new and those that do not insist should stand back (and wait themselves). */
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
