/* test_map_fault.c: each request for memory fails once, for every n: the operation says so and has changed nothing.
 * variants: fault fault-libc */
#include "base/fault.h"

#include "map_objects.h"

enum { COUNT = 300 };

static size_t failures;

static int note(int status) {
    CHECK(status >= 0 || status == -CC_ERROR_MEMORY);
    failures += status < 0;
    return status;
}

static void drop_entries(const cc_map_entry_t *entries, int count) {
    for (int i = 0; i < count; i++) release_entry(&entries[i]);
}

/* Every operation, in a map of some levels; after a failure the model says what must be there. */
static void use_everything(size_t index, void *argument) {
    (void)index;
    const cc_map_type_t *type = (const cc_map_type_t *)argument;
    bool present[COUNT] = {false};
    size_t count = 0;
    cc_map_t *map = cc_map_create(type, NULL, NULL);
    if (map == NULL) {
        failures++;
        return;
    }
    cc_map_entry_t entries[16];
    for (int64_t i = 0; i < COUNT * 4; i++) {
        int64_t number = i * 37 % COUNT;
        object_t *object = new_object(number);
        cc_map_key_t key = key_for(NONE, number, object);
        int status = note(cc_map_put(map, &key, object, CC_MAP_ALWAYS, NULL, NULL));
        if (status >= 0) CHECK_EQUAL(status, CC_MAP_STORED | (present[number] ? CC_MAP_FOUND : 0));
        count += status == CC_MAP_STORED;
        present[number] |= status >= 0;
        if (i >= COUNT) {
            status = note(cc_map_remove(map, &key, i % 2 == 0 ? entries : NULL));
            if (status >= 0) CHECK_EQUAL(status, present[number]);
            if (status == 1 && i % 2 == 0) release_entry(entries);
            count -= status == 1;
            if (status == 1) present[number] = false;
        }
        if (i % 64 == 0) {
            status = note(cc_map_pop(map, CC_MAP_LAST, entries));
            if (status == 1) present[((object_t *)entries[0].key)->number] = false;
            count -= status == 1;
            drop_entries(entries, status == 1);
            cc_map_cursor_t cursor;
            cc_map_cursor_begin(&cursor, map, &key, NULL, 0);
            while ((status = note(cc_map_scan(&cursor, entries, 16))) > 0) drop_entries(entries, status);
            cc_map_cursor_end(&cursor);
            status = note(cc_map_find(map, CC_MAP_FLOOR, &key, entries));
            drop_entries(entries, status == 1);
        }
        release_object(object);
        CHECK_EQUAL(cc_map_count(map), count);
    }
    if (note(cc_map_clear(map)) == 0) count = 0;
    CHECK_EQUAL(cc_map_count(map), count);
    cc_map_destroy(map);
}

static void sweep(const cc_map_type_t *type) {
    uint64_t number = 0, requests = 0;
    do {
        number += 1 + number / 40;
        failures = 0;
        cc_fault_arm(number, false);
        check_threads(1, use_everything, (void *)(uintptr_t)type);
        requests = cc_fault_requests();
        cc_fault_arm(0, false);
        CHECK_EQUAL(atomic_load(&objects_alive), 0);
    } while (number <= requests);
    CHECK(requests > 15);
}

static void test_each_request_fails_once(void) {
    sweep(&foreign_type);
    sweep(&prompt_type);
}

static void test_all_later_requests_fail(void) {
    for (uint64_t number = 1; number < 200; number += 3) {
        failures = 0;
        cc_fault_arm(number, true);
        check_threads(1, use_everything, (void *)(uintptr_t)&foreign_type);
        cc_fault_arm(0, false);
        CHECK(failures > 0);
        CHECK_EQUAL(atomic_load(&objects_alive), 0);
    }
}

int main(void) {
    RUN(test_each_request_fails_once);
    RUN(test_all_later_requests_fail);
    return 0;
}
