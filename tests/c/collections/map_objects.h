/* map_objects.h: keys and values whose references are counted, and types of maps that use them. */
#ifndef MAP_OBJECTS_H
#define MAP_OBJECTS_H

#include <stdatomic.h>

#include "cc/collections.h"
#include "../check.h"

/* An object: a key or a value. */
typedef struct object {
    _Atomic(uint64_t) living;
    _Atomic(int64_t) references;
    int64_t number;
} object_t;

static const uint64_t LIVING = 0x1D1D1D1D5A5A5A5Au;
static atomic_int_fast64_t objects_alive, calls_of_compare;

static inline object_t *new_object(int64_t number) {
    object_t *object = (object_t *)malloc(sizeof *object);
    CHECK(object != NULL);
    atomic_init(&object->living, LIVING);
    atomic_init(&object->references, 1);
    object->number = number;
    atomic_fetch_add(&objects_alive, 1);
    return object;
}

/* Lets others in now and then. */
static inline void dawdle(void) {
    static atomic_uint turns;
    if (atomic_fetch_add_explicit(&turns, 1, memory_order_relaxed) % 61 == 0) check_yield();
}

static inline void hold_object(void *value) {
    object_t *object = (object_t *)value;
    dawdle(); /* between finding and holding */
    CHECK(atomic_load(&object->living) == LIVING);
    CHECK(atomic_fetch_add(&object->references, 1) > 0);
}

static inline void release_object(void *value) {
    object_t *object = (object_t *)value;
    CHECK(atomic_load(&object->living) == LIVING);
    int64_t before = atomic_fetch_sub(&object->references, 1);
    CHECK(before > 0);
    if (before > 1) return;
    atomic_store(&object->living, 0);
    atomic_fetch_sub(&objects_alive, 1);
    free(object);
}

static inline int order_of(void *stored, void *wanted) {
    const object_t *one = (const object_t *)stored, *other = (const object_t *)wanted;
    CHECK(atomic_load(&one->living) == LIVING && atomic_load(&other->living) == LIVING);
    atomic_fetch_add_explicit(&calls_of_compare, 1, memory_order_relaxed);
    return (one->number > other->number) - (one->number < other->number);
}

static inline bool quick_order(void *context, void *stored, void *wanted, int *order) {
    (void)context;
    dawdle();
    *order = order_of(stored, wanted);
    return true;
}

static inline int foreign_order(void *context, void *stored, void *wanted, int *order) {
    (void)context;
    *order = order_of(stored, wanted);
    return 0;
}

#define COUNTING \
    .hold_key = hold_object, .release_key = release_object, .hold_value = hold_object, .release_value = release_object

static const cc_map_type_t quick_type = {COUNTING, .quick_compare = quick_order, .deferred = true};
static const cc_map_type_t foreign_type = {COUNTING, .compare = foreign_order, .deferred = true};
static const cc_map_type_t prompt_type = {COUNTING, .compare = foreign_order};
static const cc_map_type_t counted_type = {COUNTING, .deferred = true}; /* prefixes alone decide */

/* How the keys of a test are told to the map. */
typedef enum keying {
    EXACT,  /* the prefix is the number */
    COARSE, /* 16 numbers share a prefix */
    NONE,   /* no prefix */
    MIXING  /* exact ones, but some numbers are of another kind or have no prefix */
} keying_t;

static inline cc_map_key_t key_for(keying_t keying, int64_t number, object_t *object) {
    cc_map_key_t key = cc_map_integer(number);
    key.object = object;
    if (keying == COARSE) {
        key.prefix = cc_map_integer(number >> 4).prefix;
        key.exact = false;
    }
    if (keying == NONE || (keying == MIXING && number % 101 == 7)) {
        key.prefix = 0;
        key.kind = CC_MAP_NO_PREFIX;
        key.exact = false;
    }
    if (keying == MIXING && number % 97 == 5) {
        key.prefix = cc_map_integer(-number).prefix; /* of this kind, the other way round */
        key.kind = 2;
    }
    return key;
}

static inline void release_entry(const cc_map_entry_t *entry) {
    if (entry->key != NULL) release_object(entry->key);
    if (entry->value != NULL) release_object(entry->value);
}

#endif
