/* test_map_language.cpp: the header from C++: every function links, and hooks may be C++ functions. */
#include <cstdint>

#include "cc/collections.h"

#include "../check.h"

static bool by_number(void *, void *stored, void *wanted, int *order) {
    int one = *static_cast<int *>(stored), other = *static_cast<int *>(wanted);
    *order = (one > other) - (one < other);
    return true;
}

static int count(void *, void *argument) {
    ++*static_cast<int *>(argument);
    return 0;
}

static void test_every_function() {
    cc_map_type_t type = {};
    type.quick_compare = by_number;
    static cc_map_type_t kept = type; /* it must outlive the map's domain */
    cc_map_t *map = cc_map_create(&kept, nullptr, nullptr);
    CHECK(map != nullptr);
    int numbers[3] = {1, 2, 3}, seen = 0;
    cc_map_key_t keys[3] = {};
    for (int i = 0; i < 3; i++) {
        keys[i].object = &numbers[i];
        CHECK_EQUAL(cc_map_put(map, &keys[i], &numbers[i], CC_MAP_IF_ABSENT, nullptr, nullptr), CC_MAP_STORED);
    }
    void *value = nullptr;
    CHECK_EQUAL(cc_map_get(map, &keys[1], &value), 1);
    CHECK(value == &numbers[1]);
    cc_map_entry_t entries[3];
    CHECK_EQUAL(cc_map_find(map, CC_MAP_LAST, nullptr, entries), 1);
    CHECK(entries[0].value == &numbers[2]);
    cc_map_cursor_t cursor;
    cc_map_cursor_begin(&cursor, map, &keys[1], nullptr, CC_MAP_OPEN_LOW);
    CHECK_EQUAL(cc_map_scan(&cursor, entries, 3), 1);
    cc_map_cursor_end(&cursor);
    CHECK_EQUAL(cc_map_remove_if(map, &keys[0], &numbers[1], nullptr), 0);
    CHECK_EQUAL(cc_map_remove(map, &keys[0], entries), 1);
    CHECK_EQUAL(cc_map_visit(map, count, &seen), 0);
    CHECK_EQUAL(seen, 4);
    CHECK_EQUAL(cc_map_pop(map, CC_MAP_FIRST, entries), 1);
    CHECK_EQUAL(cc_map_count(map), 1);
    CHECK(cc_map_memory_usage(map) > 0);
    CHECK_EQUAL(cc_map_clear(map), 0);
    CHECK_EQUAL(cc_map_drain(map, 0), 0);
    CHECK_EQUAL(cc_map_integer_of(cc_map_integer(-7).prefix), -7);
    CHECK_EQUAL(cc_map_unsigned(7).prefix, 7);
    cc_map_destroy(map);
}

int main() {
    RUN(test_every_function);
    return 0;
}
