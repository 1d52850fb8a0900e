/* map.c: cc_map, with 64-bit keys and values that are not counted: see map_load.h. */
#include "load.h"

#include "cc/map.h"

#define MAP_NAME "cc_map"

static cc_map_t *map;

static void map_create(uint64_t keys) {
    (void)keys;
    map = cc_map_create(NULL, NULL, NULL);
    if (map == NULL) load_die("no memory");
}
static void map_attach(void) {}
static void map_detach(void) {}

static inline bool map_get(uint64_t number, uint64_t *value) {
    cc_map_key_t key = cc_map_unsigned(number);
    void *found = NULL;
    if (cc_map_get(map, &key, &found) != 1) return false;
    *value = (uint64_t)(uintptr_t)found;
    return true;
}
static inline bool map_put(uint64_t number, uint64_t value) {
    cc_map_key_t key = cc_map_unsigned(number);
    return cc_map_put(map, &key, (void *)(uintptr_t)value, CC_MAP_IF_ABSENT, NULL, NULL) == CC_MAP_STORED;
}
static inline bool map_remove(uint64_t number) {
    cc_map_key_t key = cc_map_unsigned(number);
    return cc_map_remove(map, &key, NULL) == 1;
}
static inline uint64_t map_scan(uint64_t number, unsigned count) {
    cc_map_key_t key = cc_map_unsigned(number);
    cc_map_cursor_t cursor;
    cc_map_entry_t entries[100];
    uint64_t sum = 0;
    cc_map_cursor_begin(&cursor, map, &key, NULL, 0);
    while (count > 0) {
        int got = cc_map_scan(&cursor, entries, count < 100 ? count : 100);
        if (got <= 0) break;
        for (int i = 0; i < got; i++) sum += (uint64_t)(uintptr_t)entries[i].value;
        count -= (unsigned)got;
    }
    cc_map_cursor_end(&cursor);
    return sum;
}

#include "map_load.h"
