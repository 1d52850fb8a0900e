/* map_shared.h: a map that threads share, and calls that check what they are told about it. */
#ifndef MAP_SHARED_H
#define MAP_SHARED_H

#include "map_objects.h"

enum { THREADS = 4, RANGE = 600 };

typedef struct shared {
    cc_map_t *map;
    keying_t keying;
    size_t rounds;
    atomic_int_fast64_t balance, total;
    atomic_bool stop;
} shared_t;

static shared_t shared;

static inline uint64_t seed_of(size_t index) {
    return 0x9E3779B97F4A7C15u * (index + 1);
}

static inline int put_number(shared_t *all, int64_t number, int64_t value_number, cc_map_mode_t mode) {
    object_t *object = new_object(number), *value = new_object(value_number);
    cc_map_key_t key = key_for(all->keying, number, object);
    int status = cc_map_put(all->map, &key, value, mode, NULL, NULL);
    release_object(value);
    release_object(object);
    CHECK(status >= 0);
    return status;
}

static inline int remove_number(shared_t *all, int64_t number, cc_map_entry_t *entry) {
    object_t *object = new_object(number);
    cc_map_key_t key = key_for(all->keying, number, object);
    int status = cc_map_remove(all->map, &key, entry);
    release_object(object);
    CHECK(status >= 0);
    return status;
}

static inline object_t *get_number(shared_t *all, int64_t number) {
    object_t *object = new_object(number);
    cc_map_key_t key = key_for(all->keying, number, object);
    void *value = NULL;
    int status = cc_map_get(all->map, &key, &value);
    release_object(object);
    CHECK_EQUAL(status, value != NULL);
    return (object_t *)value;
}

/* Scans in some direction from some key; returns how many entries it saw. Numbers must rise, or fall. */
static inline size_t scan_numbers(shared_t *all, uint64_t *random, const bool *present, size_t present_step) {
    bool reverse = check_random(random) % 2 == 0;
    size_t capacity = 1 + check_random(random) % 50, seen = 0;
    int64_t last = reverse ? RANGE : -1;
    cc_map_cursor_t cursor;
    cc_map_cursor_begin(&cursor, all->map, NULL, NULL, reverse ? CC_MAP_REVERSE : 0);
    cc_map_entry_t entries[50];
    int count;
    while ((count = cc_map_scan(&cursor, entries, capacity)) > 0) {
        for (int i = 0; i < count; i++) {
            int64_t number = ((object_t *)entries[i].key)->number;
            CHECK_EQUAL(((object_t *)entries[i].value)->number, number);
            CHECK(reverse ? number < last : number > last);
            /* what is there all the time is seen */
            for (int64_t skipped = reverse ? number + 1 : last + 1;
                 present != NULL && skipped < (reverse ? last : number); skipped++)
                CHECK(!present[(size_t)skipped] || (size_t)skipped % THREADS != present_step);
            last = number;
            seen++;
            release_entry(&entries[i]);
        }
    }
    CHECK_EQUAL(count, 0);
    cc_map_cursor_end(&cursor);
    return seen;
}

#endif
