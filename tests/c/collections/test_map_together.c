/* test_map_together.c: what threads do to one map together is exact: counting, popping, clearing. */
#include "map_shared.h"

/* ---- a counter by compare and swap, and a queue by popping ------------------------------------------------------- */

enum { COUNTERS = 3 };

static void count_up(size_t index, void *argument) {
    shared_t *all = (shared_t *)argument;
    uint64_t random = seed_of(index);
    for (size_t i = 0; i < all->rounds; i++) {
        int64_t number = check_random(&random) % COUNTERS;
        object_t *object = new_object(number);
        cc_map_key_t key = key_for(COARSE, number, object);
        for (bool done = false; !done;) {
            void *before = NULL;
            if (cc_map_get(all->map, &key, &before) == 0)
                continue; /* another thread has taken it out, and will put it back */
            object_t *after = new_object(((object_t *)before)->number + 1);
            if (check_random(&random) % 4 == 0) {
                cc_map_entry_t entry;
                done = cc_map_remove_if(all->map, &key, before, &entry) == 1;
                if (done) CHECK(entry.value == before);
                if (done) release_entry(&entry);
                if (done) CHECK_EQUAL(cc_map_put(all->map, &key, after, CC_MAP_IF_ABSENT, NULL, NULL), CC_MAP_STORED);
            } else {
                done =
                    cc_map_put(all->map, &key, after, CC_MAP_IF_VALUE, before, NULL) == (CC_MAP_FOUND | CC_MAP_STORED);
            }
            release_object((object_t *)before);
            release_object(after);
        }
        release_object(object);
    }
}

static void test_compare_and_swap(void) {
    shared.map = cc_map_create(&quick_type, NULL, NULL);
    shared.keying = COARSE;
    shared.rounds = SCALED(20000);
    for (int64_t number = 0; number < COUNTERS; number++)
        CHECK_EQUAL(put_number(&shared, number, 0, CC_MAP_IF_ABSENT), CC_MAP_STORED);
    check_threads(THREADS, count_up, &shared);
    int64_t sum = 0;
    for (int64_t number = 0; number < COUNTERS; number++) {
        object_t *value = get_number(&shared, number);
        sum += value->number;
        release_object(value);
    }
    CHECK_EQUAL(sum, THREADS * shared.rounds);
    cc_map_destroy(shared.map);
    CHECK_EQUAL(atomic_load(&objects_alive), 0);
}

static void pass_through(size_t index, void *argument) {
    shared_t *all = (shared_t *)argument;
    for (size_t i = 0; i < all->rounds; i++) {
        if (index % 2 == 0) {
            int64_t number = (int64_t)(i * THREADS + index);
            CHECK_EQUAL(put_number(all, number, number, CC_MAP_IF_ABSENT), CC_MAP_STORED);
            continue;
        }
        cc_map_entry_t entry;
        if (cc_map_pop(all->map, index % 4 == 1 ? CC_MAP_FIRST : CC_MAP_LAST, &entry) != 1) continue;
        atomic_fetch_add(&all->total, ((object_t *)entry.key)->number + 1);
        release_entry(&entry);
    }
}

static void test_popping(void) {
    shared.map = cc_map_create(&quick_type, NULL, NULL);
    shared.keying = EXACT;
    shared.rounds = SCALED(30000);
    atomic_store(&shared.total, 0);
    check_threads(THREADS, pass_through, &shared);
    cc_map_entry_t entry;
    while (cc_map_pop(shared.map, CC_MAP_FIRST, &entry) == 1) {
        atomic_fetch_add(&shared.total, ((object_t *)entry.key)->number + 1);
        release_entry(&entry);
    }
    int64_t expected = 0;
    for (int64_t i = 0; i < (int64_t)shared.rounds; i++)
        for (int64_t index = 0; index < THREADS; index += 2) expected += i * THREADS + index + 1;
    CHECK_EQUAL(atomic_load(&shared.total), expected); /* each once */
    cc_map_destroy(shared.map);
    CHECK_EQUAL(atomic_load(&objects_alive), 0);
}

/* ---- clearing --------------------------------------------------------------------------------------------------- */

static void write_and_clear(size_t index, void *argument) {
    shared_t *all = (shared_t *)argument;
    uint64_t random = seed_of(index);
    for (size_t i = 0; i < all->rounds; i++) {
        int64_t number = check_random(&random) % RANGE;
        if (index == 0 && i % 64 == 0) {
            CHECK_EQUAL(cc_map_clear(all->map), 0);
        } else if (index < 2) {
            (void)scan_numbers(all, &random, NULL, 0);
            i += 7;
        } else {
            (void)put_number(all, number, number, CC_MAP_ALWAYS);
            /* this thread's put is before its get; only a clear may come between */
            object_t *value = get_number(all, number);
            if (value != NULL) release_object(value);
        }
    }
}

static void test_clear(void) {
    for (int keying = EXACT; keying <= MIXING; keying++) {
        shared.map = cc_map_create(&foreign_type, NULL, NULL);
        shared.keying = (keying_t)keying;
        shared.rounds = SCALED(10000);
        check_threads(THREADS, write_and_clear, &shared);
        CHECK_EQUAL(cc_map_clear(shared.map), 0);
        CHECK_EQUAL(cc_map_count(shared.map), 0);
        CHECK_EQUAL(cc_map_drain(shared.map, UINT64_C(60000000000)), CC_OK);
        CHECK_EQUAL(atomic_load(&objects_alive), 0);
        cc_map_destroy(shared.map);
    }
}

/* After a clear, nothing of a put that was over before it began. */
static void put_before_clear(size_t index, void *argument) {
    shared_t *all = (shared_t *)argument;
    if (index != 0) {
        while (!atomic_load(&all->stop))
            for (int64_t number = 1; number < RANGE; number++) (void)put_number(all, number, number, CC_MAP_ALWAYS);
        return;
    }
    for (size_t i = 0; i < all->rounds; i++) {
        CHECK_EQUAL(put_number(all, 0, 0, CC_MAP_ALWAYS), CC_MAP_STORED);
        CHECK_EQUAL(cc_map_clear(all->map), 0);
        CHECK(get_number(all, 0) == NULL);
    }
    atomic_store(&all->stop, true);
}

static void test_clear_is_complete(void) {
    shared.map = cc_map_create(&quick_type, NULL, NULL);
    shared.keying = EXACT;
    shared.rounds = SCALED(2000);
    atomic_store(&shared.stop, false);
    check_threads(THREADS, put_before_clear, &shared);
    cc_map_destroy(shared.map);
    CHECK_EQUAL(atomic_load(&objects_alive), 0);
}

int main(void) {
    RUN(test_compare_and_swap);
    RUN(test_popping);
    RUN(test_clear);
    RUN(test_clear_is_complete);
    return 0;
}
