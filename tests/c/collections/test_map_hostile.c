/* test_map_hostile.c: comparisons that fail, that use the map they are called by, that change their mind, that take
 * for ever. */
#include <unistd.h>

#include "map_objects.h"

enum { RANGE = 400, BROKEN = -99 };

static cc_map_t *map;
static uint64_t random_state = 7;
static atomic_int countdown; /* comparisons until the next one fails; 0: none fails */

static cc_map_key_t fresh_key(int64_t number) {
    return key_for(NONE, number, new_object(number));
}

static int put(int64_t number) {
    cc_map_key_t key = fresh_key(number);
    int status = cc_map_put(map, &key, key.object, CC_MAP_ALWAYS, NULL, NULL);
    release_object((object_t *)key.object);
    return status;
}

/* One operation of any kind on a key. */
static int do_something(int64_t number) {
    cc_map_key_t key = fresh_key(number);
    cc_map_entry_t entries[16];
    void *value = NULL;
    int status = 0;
    switch (check_random(&random_state) % 8) {
    case 0:
    case 1: status = cc_map_put(map, &key, key.object, CC_MAP_ALWAYS, NULL, NULL); break;
    case 2: status = cc_map_remove(map, &key, NULL); break;
    case 3:
        status = cc_map_remove(map, &key, entries);
        if (status == 1) release_entry(entries);
        break;
    case 4:
        status = cc_map_get(map, &key, &value);
        if (status == 1) release_object((object_t *)value);
        break;
    case 5:
        status = cc_map_find(map, (cc_map_place_t)(check_random(&random_state) % 6), &key, entries);
        if (status == 1) release_entry(entries);
        break;
    case 6:
        status = cc_map_pop(map, CC_MAP_LAST, entries);
        if (status == 1) release_entry(entries);
        break;
    default: {
        cc_map_cursor_t cursor;
        cc_map_cursor_begin(&cursor, map, &key, NULL, check_random(&random_state) % 16);
        for (int i = 0; i < 3 && (status = cc_map_scan(&cursor, entries, 16)) > 0; i++)
            for (int j = 0; j < status; j++) release_entry(&entries[j]);
        cc_map_cursor_end(&cursor);
    }
    }
    release_object((object_t *)key.object);
    return status;
}

static size_t count_by_scan(void) {
    size_t count = 0;
    cc_map_entry_t entries[16];
    cc_map_cursor_t cursor;
    cc_map_cursor_begin(&cursor, map, NULL, NULL, 0);
    for (int got; (got = cc_map_scan(&cursor, entries, 16)) > 0;) {
        for (int i = 0; i < got; i++) release_entry(&entries[i]);
        count += (size_t)got;
    }
    cc_map_cursor_end(&cursor);
    return count;
}

static void finish(void) {
    cc_map_destroy(map);
    CHECK_EQUAL(atomic_load(&objects_alive), 0);
}

/* ---- failing ---------------------------------------------------------------------------------------------------- */

static int failing(void *context, void *stored, void *wanted, int *order) {
    CHECK(context == &countdown);
    *order = order_of(stored, wanted);
    if (atomic_load(&countdown) == 0 || atomic_fetch_sub(&countdown, 1) != 1) return 0;
    return BROKEN;
}

static void test_failing(bool deferred) {
    static cc_map_type_t types[2] = {{COUNTING, .compare = failing}, {COUNTING, .compare = failing, .deferred = true}};
    map = cc_map_create(&types[deferred], &countdown, NULL);
    for (int64_t number = 0; number < RANGE; number += 2) CHECK_EQUAL(put(number), CC_MAP_STORED);
    size_t failures = 0;
    for (size_t i = 0; i < SCALED(20000); i++) {
        size_t before = cc_map_count(map);
        atomic_store(&countdown, check_random(&random_state) % 16);
        int status = do_something(check_random(&random_state) % RANGE);
        atomic_store(&countdown, 0);
        CHECK(status >= 0 || status == BROKEN);
        failures += status == BROKEN;
        if (status == BROKEN) CHECK_EQUAL(cc_map_count(map), before);
    }
    CHECK(failures > SCALED(20000) / 10);
    CHECK_EQUAL(count_by_scan(), cc_map_count(map));
    finish();
}

/* Bounds are compared in each leaf: the n-th comparison fails, the call says so, and the next one goes on from where
 * it was. */
static void test_a_failing_scan(void) {
    static const cc_map_type_t type = {COUNTING, .compare = failing};
    enum { FAILS = 40, LAST = RANGE - 10 };
    map = cc_map_create(&type, &countdown, NULL);
    for (int64_t number = 0; number < RANGE; number++) CHECK_EQUAL(put(number), CC_MAP_STORED);
    for (unsigned flags = 0; flags <= CC_MAP_REVERSE; flags += CC_MAP_REVERSE) {
        size_t failures = 0;
        for (int fails = 1; fails < FAILS; fails++) {
            cc_map_entry_t entries[RANGE];
            cc_map_cursor_t cursor;
            cc_map_key_t low = fresh_key(10), high = fresh_key(LAST);
            int64_t expected = flags == 0 ? 10 : LAST - 1;
            cc_map_cursor_begin(&cursor, map, &low, &high, flags);
            atomic_store(&countdown, fails);
            for (int got; (got = cc_map_scan(&cursor, entries, RANGE)) != 0;) {
                CHECK(got > 0 || got == BROKEN);
                failures += got == BROKEN;
                for (int i = 0; i < got; i++, expected += flags == 0 ? 1 : -1) {
                    CHECK_EQUAL(((object_t *)entries[i].key)->number, expected);
                    release_entry(&entries[i]);
                }
            }
            atomic_store(&countdown, 0);
            CHECK_EQUAL(expected, flags == 0 ? LAST : 9);
            cc_map_cursor_end(&cursor);
            release_object((object_t *)low.object);
            release_object((object_t *)high.object);
        }
        CHECK(failures >= 20);
    }
    finish();
}

static void test_failing_comparisons(void) {
    test_failing(false);
    test_failing(true);
}

/* ---- re-entering ------------------------------------------------------------------------------------------------ */

static int depth;

static int reentering(void *context, void *stored, void *wanted, int *order) {
    (void)context;
    if (depth < 2 && check_random(&random_state) % 8 == 0) {
        depth++;
        if (check_random(&random_state) % 64 == 0)
            CHECK_EQUAL(cc_map_clear(map), 0);
        else
            CHECK(do_something(check_random(&random_state) % RANGE) >= 0);
        depth--;
    }
    *order = order_of(stored, wanted); /* what it was given is still alive */
    return 0;
}

static void test_reentering(bool deferred) {
    static const cc_map_type_t types[2] = {{COUNTING, .compare = reentering},
                                           {COUNTING, .compare = reentering, .deferred = true}};
    map = cc_map_create(&types[deferred], NULL, NULL);
    for (size_t i = 0; i < SCALED(20000); i++) CHECK(do_something(check_random(&random_state) % RANGE) >= 0);
    depth = 2;
    CHECK_EQUAL(count_by_scan(), cc_map_count(map));
    depth = 0;
    finish();
}

static void test_reentering_comparisons(void) {
    test_reentering(false);
    test_reentering(true);
}

/* ---- lying ------------------------------------------------------------------------------------------------------ */

static int lying(void *context, void *stored, void *wanted, int *order) {
    (void)context;
    *order = order_of(stored, wanted);
    uint32_t random = check_random(&random_state);
    if (random % 4 == 0) *order = (int)(random / 4 % 3) - 1;
    return 0;
}

static bool quickly_lying(void *context, void *stored, void *wanted, int *order) {
    return lying(context, stored, wanted, order) == 0;
}

static void test_lying(const cc_map_type_t *type) {
    map = cc_map_create(type, NULL, NULL);
    for (size_t i = 0; i < SCALED(40000); i++) {
        CHECK(do_something(check_random(&random_state) % RANGE) >= 0);
        if (i % 1024 == 0) CHECK_EQUAL(count_by_scan(), cc_map_count(map)); /* nothing is lost, and the scan ends */
    }
    finish();
}

static void test_keys_that_change_their_mind(void) {
    static const cc_map_type_t types[3] = {{COUNTING, .compare = lying},
                                           {COUNTING, .compare = lying, .deferred = true},
                                           {COUNTING, .quick_compare = quickly_lying, .deferred = true}};
    for (int i = 0; i < 3; i++) test_lying(&types[i]);
}

static void lie(size_t index, void *argument) {
    (void)argument;
    uint64_t random = index + 1;
    for (size_t i = 0; i < SCALED(20000); i++) {
        cc_map_key_t key = fresh_key(check_random(&random) % RANGE);
        cc_map_entry_t entry;
        if (check_random(&random) % 2 == 0)
            CHECK(cc_map_put(map, &key, key.object, CC_MAP_ALWAYS, NULL, NULL) >= 0);
        else if (cc_map_remove(map, &key, &entry) == 1)
            release_entry(&entry);
        release_object((object_t *)key.object);
    }
}

static int lying_by_address(void *context, void *stored, void *wanted, int *order) {
    (void)context;
    *order = order_of(stored, wanted);
    if (((uintptr_t)stored >> 4 ^ (uintptr_t)wanted >> 4) % 4 == 0) *order = -*order;
    return 0;
}

static void test_lies_among_threads(void) {
    static const cc_map_type_t type = {COUNTING, .compare = lying_by_address, .deferred = true};
    map = cc_map_create(&type, NULL, NULL);
    check_threads(4, lie, NULL);
    CHECK_EQUAL(count_by_scan(), cc_map_count(map));
    finish();
}

/* ---- sleeping --------------------------------------------------------------------------------------------------- */

static atomic_bool asleep, wake;

static int sleeping(void *context, void *stored, void *wanted, int *order) {
    (void)context;
    if (((object_t *)wanted)->number == -1) {
        atomic_store(&asleep, true);
        while (!atomic_load(&wake)) usleep(100);
    }
    *order = order_of(stored, wanted);
    return 0;
}

static void sleep_inside(size_t index, void *argument) {
    (void)index, (void)argument;
    cc_map_key_t key = fresh_key(-1);
    CHECK_EQUAL(cc_map_get(map, &key, NULL), 0);
    release_object((object_t *)key.object);
}

/* A comparison that does not end holds back no writer, not even of the object that it looks at, and no memory but
 * that object's. */
static void test_a_comparison_that_sleeps(void) {
    static const cc_map_type_t type = {COUNTING, .compare = sleeping, .deferred = true};
    cc_smr_t *domain = cc_smr_create(CC_SMR_EPOCH, NULL);
    map = cc_map_create(&type, NULL, domain);
    for (int64_t number = 0; number < RANGE; number++) CHECK_EQUAL(put(number), CC_MAP_STORED);
    check_thread_t thread;
    atomic_store(&asleep, false);
    atomic_store(&wake, false);
    check_start(&thread, sleep_inside, NULL);
    while (!atomic_load(&asleep)) usleep(100);
    for (int64_t number = 0; number < RANGE; number++) {
        cc_map_key_t key = fresh_key(number);
        CHECK_EQUAL(cc_map_remove(map, &key, NULL), 1);
        release_object((object_t *)key.object);
    }
    CHECK_EQUAL(cc_map_drain(map, 0), 0);
    CHECK_EQUAL(atomic_load(&objects_alive), 2); /* the sleeper's, and the one that it compares with */
    CHECK_EQUAL(cc_map_clear(map), 0);
    for (int64_t number = 0; number < RANGE; number++) CHECK_EQUAL(put(number), CC_MAP_STORED);
    atomic_store(&wake, true);
    check_join(&thread);
    cc_map_destroy(map);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
    CHECK_EQUAL(atomic_load(&objects_alive), 0);
}

int main(void) {
    RUN(test_failing_comparisons);
    RUN(test_a_failing_scan);
    RUN(test_reentering_comparisons);
    RUN(test_keys_that_change_their_mind);
    RUN(test_lies_among_threads);
    RUN(test_a_comparison_that_sleeps);
    return 0;
}
