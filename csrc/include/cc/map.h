/* cc/map.h: the concurrent ordered map.
 *
 * Every function may be called from any thread, also concurrently with every other, unless it says otherwise. Results
 * are int: 0 or more is the answer; below 0 is an error: the negative of a cc_status_t, or what a hook of the caller's
 * returned. */
#ifndef CC_MAP_H
#define CC_MAP_H

#include "cc/smr.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An ordered map from keys to values. Reading takes no lock and writes nothing that is shared; a writer locks the few
 * nodes that it changes for some ten instructions, and calls no hook but `hold` meanwhile. In a forked child a map that
 * another thread was changing may be locked for ever: fork while nobody changes it, or use it in the child no more.
 *
 * Keys. A key is a prefix, 64 bits whose order agrees with the order of the keys (a < b implies prefix(a) <=
 * prefix(b)), and an object. Where the prefixes of two keys differ they decide; where they are equal, and the wanted
 * key is not `exact`, the hooks are asked. Prefixes can be compared within one *kind* (a number that the caller
 * chooses). When a key of another kind, or one without a prefix, is put into the map, all later comparisons ask the
 * hooks, until cc_map_clear.
 *
 *     cc_map_t *map = cc_map_create(NULL, NULL, NULL);            // 64-bit keys, values that nobody counts
 *     cc_map_key_t key = cc_map_integer(-5);
 *     if (cc_map_put(map, &key, value, CC_MAP_ALWAYS, NULL, NULL) < 0) ...   // no memory
 *     if (cc_map_get(map, &key, &value) == 1) ... */
typedef struct cc_map cc_map_t;

enum { CC_MAP_NO_PREFIX = 0 }; /* the kind of keys whose prefix says nothing */

/* What to look for. The map reads it during the call only, and nobody changes it. */
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

/* How keys and values are compared and counted. Every hook may be NULL. The struct is the caller's; it and the hooks
 * must stay as long as any domain that a map of this type was made with.
 *
 * quick_compare  Orders two objects that neither kind nor prefix could tell apart: true and *order, or false to have
 *                `compare` called. It is called inside a section, so it runs no foreign code, takes no lock and uses no
 *                map. Without `deferred` it also does nothing that could let another thread go on with this map.
 * compare        Orders them, whatever it takes. It is called outside the sections and locks of the map, with `stored`
 *                held. It may block, use the same map, and fail: any result below -15 ends the operation, which returns
 *                it and has changed nothing. A key without a prefix that comes into an empty map is compared with
 *                itself, so that the hook can refuse a key that has no order.
 * *order         Below 0: stored < wanted. 0: the same key. Above 0: stored > wanted. An order that contradicts itself
 *                misplaces keys and does no other harm.
 * hold_…         One more reference to an object or a value, which is never NULL. It is called inside sections and
 *                under locks, so it does nothing but count.
 * release_…      One reference less. It is called outside the locks of the map and outside the calling thread's
 *                sections of it. With `deferred` it is also called where a domain frees nodes, and then does only what
 *                a cc_smr_free_function_t may do.
 * deferred       True: what leaves the map is released when no section can still read it. False: it is released at the
 *                end of the operation; this is for callers whose operations do not overlap, except while `compare`
 *                runs (as under a global interpreter lock). */
typedef struct cc_map_type {
    bool (*quick_compare)(void *context, void *stored, void *wanted, int *order);
    int (*compare)(void *context, void *stored, void *wanted, int *order);
    void (*hold_key)(void *object);
    void (*release_key)(void *object);
    void (*hold_value)(void *value);
    void (*release_value)(void *value);
    bool deferred;
} cc_map_type_t;

/* A new map. type NULL: no hooks at all: a key is its prefix, values are any pointers. `context` is passed to the
 * compare hooks. domain NULL: one of the map's own, with IBR. A domain that is given must outlive the map, and may
 * serve many maps. NULL when there is no memory. The caller destroys the map. */
CC_API cc_map_t *cc_map_create(const cc_map_type_t *type, void *context, cc_smr_t *domain)
    CC_ATTRIBUTE((warn_unused_result));

/* Releases everything and frees the map; NULL is ignored. No other thread may be using it. With a domain
 * of its own, all is freed and released before this returns; with one of the caller's, when that domain gets to it. */
CC_API void cc_map_destroy(cc_map_t *map);

/* Finds the value of a key: 1 and *value, held for the caller; 0 and *value NULL: there is no such key. value may
 * be NULL. -CC_ERROR_MEMORY (no handle could be made for the thread) or the hook's error. */
CC_API int cc_map_get(cc_map_t *map, const cc_map_key_t *key, void **value);

/* The same, but *value is `other` where there is no such key; it is held for the caller, as a value of the map would
 * be. Nothing in it branches on whether the key is there, so it is as fast where that is hard to predict. */
CC_API int cc_map_get_or(cc_map_t *map, const cc_map_key_t *key, void *other, void **value);

/* The same for callers who exclude all others from the map meanwhile, by a lock that orders them (an interpreter's
 * global lock, which only `compare` may let go of). */
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

/* Looks at what is there and stores a value, in one step. The map holds the value, and the key's object when the key
 * is new (a key that is there keeps its object); the caller's own references stay its own. `old` may be NULL; else,
 * where CC_MAP_FOUND is returned, it gets the value that was there, held for the caller.
 * -CC_ERROR_MEMORY, -CC_ERROR_LIMIT (the tree would be too high: more keys than there is memory for) or the hook's
 * error: nothing has changed. */
CC_API int cc_map_put(cc_map_t *map, const cc_map_key_t *key, void *value, cc_map_mode_t mode, const void *expected,
                      void **old);

/* Removes a key: 1 and *entry (which may be NULL), held for the caller; 0: it was not there. -CC_ERROR_MEMORY only with
 * `deferred`. */
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

/* Finds the entry at a place, as of one moment: 1 and *entry, key and value held for the caller; 0: there is none.
 * -CC_ERROR_MEMORY (also where removals found no memory to tidy up with so often that there are too many empty nodes to
 * pass) or the hook's error. */
CC_API int cc_map_find(cc_map_t *map, cc_map_place_t place, const cc_map_key_t *key, cc_map_entry_t *entry);

/* Removes the entry at CC_MAP_FIRST or CC_MAP_LAST: 1 and *entry (not NULL), held for the caller; 0: the map is empty.
 * -CC_ERROR_MEMORY as cc_map_find, and with `deferred`; -CC_ERROR_ARGUMENT: another place. */
CC_API int cc_map_pop(cc_map_t *map, cc_map_place_t place, cc_map_entry_t *entry);

/* ---- scans ------------------------------------------------------------------------------------------------------- */

/* A position in a map, and where to stop. One thread at a time uses it; the hooks that its scan calls do not. It holds
 * the objects of low, high and at, which garbage collectors may need to see; the rest is private. */
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

/* Begins a scan of the range from low to high (NULL: no bound; both are held). The map must stay until
 * cc_map_cursor_end. Never fails. */
CC_API void cc_map_cursor_begin(cc_map_cursor_t *cursor, cc_map_t *map, const cc_map_key_t *low,
                                const cc_map_key_t *high, unsigned flags);

/* Writes the next entries, 1 to `capacity` (> 0), keys and values held for the caller; returns how many, 0 at the end
 * (and again when called again). Fewer than `capacity` only at the end, or when others have changed the map meanwhile.
 * Weakly consistent: keys come in order, each at most once. A key that is in the map all the time comes; one that is
 * added or removed meanwhile may come or not. The keys of one call that lie in one node are as of one moment, each
 * value as of some moment of the call. Errors: -CC_ERROR_MEMORY (no handle could be made for the thread) or the hook's;
 * after one the scan may go on. */
CC_API int cc_map_scan(cc_map_cursor_t *cursor, cc_map_entry_t *entries, size_t capacity);

/* Ends it: releases what the cursor holds. Again: nothing. */
CC_API void cc_map_cursor_end(cc_map_cursor_t *cursor);

/* ---- the whole --------------------------------------------------------------------------------------------------- */

/* Removes everything, in one step; takes time in proportion. 0 or -CC_ERROR_MEMORY (nothing has changed). */
CC_API int cc_map_clear(cc_map_t *map);

/* How many keys there are: exact when nobody is changing the map, otherwise right but for changes in flight. This and
 * the next give 0 where there is no memory to make a handle for the thread. */
CC_API size_t cc_map_count(const cc_map_t *map);

/* Bytes that the map takes: its nodes and itself, without what it refers to and what waits to be freed. */
CC_API size_t cc_map_memory_usage(const cc_map_t *map);

/* Frees and releases what this thread's operations have retired, as cc_smr_drain does. */
CC_API int cc_map_drain(cc_map_t *map, uint64_t timeout_ns);

/* Calls `visit` for each reference that the map holds to an object or value (an object may have several), until it
 * returns something other than 0, which is returned. Holds and compares nothing; nobody may be changing the map. For
 * garbage collectors. */
CC_API int cc_map_visit(cc_map_t *map, int (*visit)(void *reference, void *argument), void *argument);

/* For CC_CLEANUP. */
static inline void cc_map_cleanup(cc_map_t **map) {
    cc_map_destroy(*map);
}

#ifdef __cplusplus
}
#endif
#endif
