/* test_map.c: the ordered map against a model, one thread: all operations, all ways to tell keys, prompt and
 * deferred. */
#include "map_objects.h"

enum { RANGE = 1500 };

typedef struct model {
    cc_map_t *map;
    keying_t keying;
    size_t count;
    object_t *values[RANGE]; /* not held; NULL: not there */
} model_t;

static int64_t next_at(const model_t *model, int64_t number, int step) {
    for (; number >= 0 && number < RANGE; number += step)
        if (model->values[number] != NULL) return number;
    return -1;
}

static void check_entry(const model_t *model, int status, const cc_map_entry_t *entry, int64_t expected) {
    CHECK_EQUAL(status, expected >= 0);
    if (expected < 0) return;
    CHECK_EQUAL(((object_t *)entry->key)->number, expected);
    CHECK(entry->value == model->values[expected]);
    release_entry(entry);
}

static void do_put(model_t *model, int64_t number, uint64_t *random) {
    object_t *key_object = new_object(number), *value = new_object(number), *before = model->values[number];
    cc_map_key_t key = key_for(model->keying, number, key_object);
    cc_map_mode_t mode = (cc_map_mode_t)(check_random(random) % 4);
    bool right = check_random(random) % 2 == 0, wanted = check_random(random) % 2 == 0;
    void *old = NULL;
    int status = cc_map_put(model->map, &key, value, mode, right ? before : value, wanted ? &old : NULL);
    bool store = mode == CC_MAP_ALWAYS || (mode == CC_MAP_IF_ABSENT && before == NULL) ||
                 (mode == CC_MAP_IF_PRESENT && before != NULL) || (mode == CC_MAP_IF_VALUE && before != NULL && right);
    CHECK_EQUAL(status, (store ? CC_MAP_STORED : 0) | (before != NULL ? CC_MAP_FOUND : 0));
    CHECK(old == (wanted ? (void *)before : NULL));
    if (old != NULL) release_object(old);
    if (store) {
        model->count += before == NULL;
        model->values[number] = value;
    }
    release_object(value);
    release_object(key_object);
}

static void do_remove(model_t *model, int64_t number, uint64_t *random) {
    object_t *key_object = new_object(number), *before = model->values[number];
    cc_map_key_t key = key_for(model->keying, number, key_object);
    cc_map_entry_t entry;
    uint32_t how = check_random(random) % 4;
    int status = how == 0   ? cc_map_remove(model->map, &key, NULL)
                 : how == 1 ? cc_map_remove_if(model->map, &key, before, &entry)
                 : how == 2 ? cc_map_remove_if(model->map, &key, key_object, &entry)
                            : cc_map_remove(model->map, &key, &entry);
    bool removed = before != NULL && how != 2;
    if (how != 0 && removed)
        check_entry(model, status, &entry, number);
    else
        CHECK_EQUAL(status, removed);
    if (removed) {
        model->values[number] = NULL;
        model->count--;
    }
    release_object(key_object);
}

static void do_find(model_t *model, int64_t number) {
    object_t *key_object = new_object(number);
    cc_map_key_t key = key_for(model->keying, number, key_object);
    cc_map_entry_t entry;
    void *value = NULL;
    int status = cc_map_get(model->map, &key, &value);
    CHECK_EQUAL(status, model->values[number] != NULL);
    CHECK(value == model->values[number]);
    if (value != NULL) release_object(value);
    CHECK_EQUAL(cc_map_get(model->map, &key, NULL), status);
    object_t *other = new_object(-1);
    void *chosen = NULL;
    CHECK_EQUAL(cc_map_get_or(model->map, &key, other, &chosen), status);
    CHECK(chosen == (value != NULL ? value : (void *)other));
    release_object(chosen); /* held for us, whichever it is */
    chosen = NULL;
    CHECK_EQUAL(cc_map_get_exclusive(model->map, &key, other, &chosen), status);
    CHECK(chosen == (value != NULL ? value : (void *)other));
    release_object(chosen);
    CHECK_EQUAL(cc_map_get_exclusive(model->map, &key, NULL, NULL), status);
    release_object(other);
    check_entry(model, cc_map_find(model->map, CC_MAP_FIRST, NULL, &entry), &entry, next_at(model, 0, 1));
    check_entry(model, cc_map_find(model->map, CC_MAP_LAST, NULL, &entry), &entry, next_at(model, RANGE - 1, -1));
    check_entry(model, cc_map_find(model->map, CC_MAP_LOWER, &key, &entry), &entry, next_at(model, number - 1, -1));
    check_entry(model, cc_map_find(model->map, CC_MAP_FLOOR, &key, &entry), &entry, next_at(model, number, -1));
    check_entry(model, cc_map_find(model->map, CC_MAP_CEILING, &key, &entry), &entry, next_at(model, number, 1));
    check_entry(model, cc_map_find(model->map, CC_MAP_HIGHER, &key, &entry), &entry, next_at(model, number + 1, 1));
    release_object(key_object);
}

static void do_pop(model_t *model, bool first) {
    int64_t expected = first ? next_at(model, 0, 1) : next_at(model, RANGE - 1, -1);
    cc_map_entry_t entry;
    check_entry(model, cc_map_pop(model->map, first ? CC_MAP_FIRST : CC_MAP_LAST, &entry), &entry, expected);
    if (expected >= 0) {
        model->values[expected] = NULL;
        model->count--;
    }
}

/* A whole scan; meanwhile, keys that it has passed and that it stands on are removed and put back. */
static void do_scan(model_t *model, uint64_t *random) {
    int64_t bounds[2] = {check_random(random) % RANGE, check_random(random) % RANGE};
    object_t *objects[2] = {new_object(bounds[0]), new_object(bounds[1])};
    cc_map_key_t low = key_for(model->keying, bounds[0], objects[0]),
                 high = key_for(model->keying, bounds[1], objects[1]);
    unsigned flags = check_random(random) % 16;
    bool has_low = check_random(random) % 4 != 0, has_high = check_random(random) % 4 != 0,
         reverse = (flags & CC_MAP_REVERSE) != 0;
    bool change = check_random(random) % 2 == 0;
    int64_t from = !has_low ? 0 : bounds[0] + ((flags & CC_MAP_OPEN_LOW) != 0);
    int64_t to = !has_high ? RANGE - 1 : bounds[1] - ((flags & CC_MAP_CLOSED_HIGH) == 0);
    cc_map_cursor_t cursor;
    cc_map_cursor_begin(&cursor, model->map, has_low ? &low : NULL, has_high ? &high : NULL, flags);
    release_object(objects[0]);
    release_object(objects[1]);
    int64_t expected = next_at(model, reverse ? to : from, reverse ? -1 : 1);
    for (;;) {
        cc_map_entry_t entries[64];
        size_t capacity = 1 + check_random(random) % 64;
        int count = cc_map_scan(&cursor, entries, capacity);
        CHECK(count >= 0 && (size_t)count <= capacity);
        for (int i = 0; i < count; i++) {
            CHECK(expected >= from && expected <= to);
            CHECK_EQUAL(((object_t *)entries[i].key)->number, expected);
            CHECK(entries[i].value == ((flags & CC_MAP_NO_VALUES) != 0 ? NULL : model->values[expected]));
            release_entry(&entries[i]);
            int64_t passed = expected;
            expected = next_at(model, expected + (reverse ? -1 : 1), reverse ? -1 : 1);
            if (change && i == count - 1) {
                do_remove(model, passed, random);
                if (check_random(random) % 2 == 0) do_put(model, passed, random);
            }
        }
        if (count == 0) break;
    }
    CHECK(expected < from || expected > to || expected == -1);
    cc_map_entry_t none;
    CHECK_EQUAL(cc_map_scan(&cursor, &none, 1), 0);
    cc_map_cursor_end(&cursor);
    cc_map_cursor_end(&cursor);
}

static size_t references_seen;
static int count_reference(void *reference, void *argument) {
    CHECK(atomic_load(&((object_t *)reference)->living) == LIVING);
    references_seen++;
    return argument != NULL && references_seen == *(size_t *)argument ? 77 : 0;
}

static void check_whole(model_t *model) {
    CHECK_EQUAL(cc_map_count(model->map), model->count);
    CHECK(cc_map_memory_usage(model->map) > 0 && cc_map_memory_usage(model->map) > model->count * 24);
    references_seen = 0;
    CHECK_EQUAL(cc_map_visit(model->map, count_reference, NULL), 0);
    CHECK(references_seen >= 2 * model->count);
    size_t stop = model->count;
    references_seen = 0;
    if (stop > 0) CHECK_EQUAL(cc_map_visit(model->map, count_reference, &stop), 77);
}

static void run_model(const cc_map_type_t *type, keying_t keying, cc_smr_t *domain, uint64_t seed, size_t rounds) {
    static model_t model;
    memset(&model, 0, sizeof model);
    model.map = cc_map_create(type, NULL, domain);
    model.keying = keying;
    CHECK(model.map != NULL);
    uint64_t random = seed;
    for (size_t i = 0; i < rounds; i++) {
        /* waves: the map grows, then shrinks */
        bool growing = i / (rounds / 8 + 1) % 2 == 0;
        int64_t number = check_random(&random) % RANGE;
        uint32_t choice = check_random(&random) % 64;
        if (choice < (growing ? 36u : 18u))
            do_put(&model, number, &random);
        else if (choice < 54)
            do_remove(&model, number, &random);
        else if (choice < 58)
            do_find(&model, number);
        else if (choice < 60)
            do_pop(&model, choice == 58);
        else if (choice < 62 && i % 16 == 0)
            do_scan(&model, &random);
        else if (choice == 62 && i % 64 == 0)
            check_whole(&model);
        else if (choice == 63 && check_random(&random) % 256 == 0) {
            CHECK_EQUAL(cc_map_clear(model.map), 0);
            memset(model.values, 0, sizeof model.values);
            model.count = 0;
            check_whole(&model);
        }
        if (i % 512 == 0 && domain != NULL && type->deferred) CHECK_EQUAL(cc_map_drain(model.map, 0), 0);
    }
    check_whole(&model);
    cc_map_destroy(model.map);
}

static void test_model(void) {
    cc_smr_options_t options = cc_smr_options();
    options.plain_fence = 1;
    for (int scheme = CC_SMR_IBR; scheme <= CC_SMR_EPOCH; scheme++) {
        cc_smr_t *domain = cc_smr_create((cc_smr_scheme_t)scheme, scheme == CC_SMR_IBR ? &options : NULL);
        CHECK(domain != NULL);
        for (int keying = EXACT; keying <= MIXING; keying++) {
            run_model(&quick_type, (keying_t)keying, domain, 11u + (unsigned)keying, SCALED(40000));
            run_model(&foreign_type, (keying_t)keying, domain, 21u + (unsigned)keying, SCALED(40000));
            run_model(&prompt_type, (keying_t)keying, domain, 31u + (unsigned)keying, SCALED(40000));
        }
        run_model(&counted_type, EXACT, domain, 5, SCALED(40000));
        CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
        CHECK_EQUAL(atomic_load(&objects_alive), 0);
    }
    run_model(&foreign_type, MIXING, NULL, 3, SCALED(40000));
    CHECK_EQUAL(atomic_load(&objects_alive), 0);
}

/* Prompt maps release at once. */
static void test_prompt(void) {
    cc_map_t *map = cc_map_create(&prompt_type, NULL, NULL);
    for (int64_t number = 0; number < 1000; number++) {
        object_t *object = new_object(number);
        cc_map_key_t key = key_for(EXACT, number, object);
        CHECK_EQUAL(cc_map_put(map, &key, object, CC_MAP_ALWAYS, NULL, NULL), CC_MAP_STORED);
        release_object(object);
    }
    for (int64_t number = 0; number < 1000; number++) {
        cc_map_key_t key = key_for(EXACT, number, NULL);
        CHECK_EQUAL(cc_map_remove(map, &key, NULL), 1);
        CHECK(atomic_load(&objects_alive) <= 1000 - number + 40); /* separators may stay for a while */
    }
    CHECK_EQUAL(atomic_load(&objects_alive), 0);
    for (int64_t number = 0; number < 100; number++) {
        object_t *object = new_object(number);
        cc_map_key_t key = key_for(EXACT, number, object);
        CHECK_EQUAL(cc_map_put(map, &key, object, CC_MAP_ALWAYS, NULL, NULL), CC_MAP_STORED);
        release_object(object);
    }
    CHECK_EQUAL(cc_map_clear(map), 0);
    CHECK_EQUAL(atomic_load(&objects_alive), 0);
    cc_map_destroy(map);
}

/* Keys without objects: the whole range of 64 bits. */
static void test_integers(void) {
    cc_map_t *map = cc_map_create(NULL, NULL, NULL);
    int64_t numbers[] = {INT64_MIN, INT64_MIN + 1, -2, -1, 0, 1, 2, INT64_MAX - 1, INT64_MAX};
    enum { COUNT = sizeof numbers / sizeof *numbers };
    int values[COUNT];
    for (int i = COUNT; i-- > 0;) {
        cc_map_key_t key = cc_map_integer(numbers[i]);
        CHECK_EQUAL(cc_map_get(map, &key, NULL), 0);
        CHECK_EQUAL(cc_map_put(map, &key, &values[i], CC_MAP_IF_ABSENT, NULL, NULL), CC_MAP_STORED);
    }
    cc_map_entry_t entries[COUNT + 1];
    cc_map_cursor_t cursor;
    cc_map_cursor_begin(&cursor, map, NULL, NULL, 0);
    CHECK_EQUAL(cc_map_scan(&cursor, entries, COUNT + 1), COUNT);
    cc_map_cursor_end(&cursor);
    for (int i = 0; i < COUNT; i++) {
        CHECK_EQUAL(cc_map_integer_of(entries[i].prefix), numbers[i]);
        CHECK(entries[i].value == &values[i]);
    }
    cc_map_key_t most = cc_map_unsigned(UINT64_MAX);
    void *value;
    CHECK_EQUAL(cc_map_get(map, &most, &value), 1);
    CHECK(value == &values[COUNT - 1]);
    CHECK_EQUAL(cc_map_find(map, CC_MAP_HIGHER, &most, entries), 0);
    CHECK_EQUAL(cc_map_remove(map, &most, NULL), 1);
    CHECK_EQUAL(cc_map_get(map, &most, NULL), 0);
    for (uint64_t number = 0; number < 5000;
         number++) { /* the greatest prefix, which unused places have, too, in a tree of some levels */
        cc_map_key_t key = cc_map_unsigned(UINT64_MAX - number % 5 * 1000 - number / 5);
        CHECK(cc_map_put(map, &key, NULL, CC_MAP_ALWAYS, NULL, NULL) >= CC_MAP_STORED);
    }
    CHECK_EQUAL(cc_map_get(map, &most, NULL), 1);
    CHECK_EQUAL(cc_map_find(map, CC_MAP_LOWER, &most, entries), 1);
    CHECK_EQUAL(entries[0].prefix, UINT64_MAX - 1);
    CHECK_EQUAL(cc_map_remove(map, &most, NULL), 1);
    CHECK_EQUAL(cc_map_find(map, CC_MAP_CEILING, &most, entries), 0);
    cc_map_destroy(map);
}

/* Numbers that are no kind of result for a hook. */
static int wrong_number(void *context, void *stored, void *wanted, int *order) {
    (void)stored, (void)wanted;
    *order = 1;
    return *(int *)context;
}

static void test_hook_with_a_wrong_result(void) {
    static const cc_map_type_t type = {.compare = wrong_number};
    int results[] = {1, 7, -1, -15}, result = 0;
    cc_map_t *map = cc_map_create(&type, &result, NULL);
    cc_map_key_t key = {0, &results[0], CC_MAP_NO_PREFIX, false}, other = {0, &results[1], CC_MAP_NO_PREFIX, false};
    CHECK_EQUAL(cc_map_put(map, &key, NULL, CC_MAP_ALWAYS, NULL, NULL), CC_MAP_STORED);
    for (int i = 0; i < 4; i++) {
        result = results[i];
        CHECK_EQUAL(cc_map_get(map, &other, NULL), -CC_ERROR_ARGUMENT);
    }
    result = -16;
    CHECK_EQUAL(cc_map_get(map, &other, NULL), -16);
    cc_map_destroy(map);
}

static size_t filled(int64_t first, int64_t step, int64_t count) {
    cc_map_t *map = cc_map_create(NULL, NULL, NULL);
    for (int64_t i = 0; i < count; i++) {
        cc_map_key_t key = cc_map_integer(first + i * step);
        CHECK_EQUAL(cc_map_put(map, &key, NULL, CC_MAP_ALWAYS, NULL, NULL), CC_MAP_STORED);
    }
    CHECK_EQUAL(cc_map_count(map), count);
    size_t bytes = cc_map_memory_usage(map);
    cc_map_destroy(map);
    return bytes;
}

/* Keys that come in order fill the nodes. */
static void test_nodes_get_full(void) {
    int64_t count = 100000;
    CHECK(filled(0, 1, count) < (size_t)count * 21);
    CHECK(filled(0, -1, count) < (size_t)count * 21);
    CHECK(filled(0, 7919, count) < (size_t)count * 21);
}

/* A window that moves over the keys: what it has left behind is given back. */
static void slide(int direction, bool pop) {
    cc_map_t *map = cc_map_create(&foreign_type, NULL, NULL);
    size_t most = 0;
    int64_t window = 500, end = (int64_t)SCALED(50000);
    for (int64_t i = 0; i < end + window; i++) {
        if (i < end) {
            object_t *object = new_object(i * direction);
            cc_map_key_t key = key_for(COARSE, i * direction, object);
            CHECK_EQUAL(cc_map_put(map, &key, object, CC_MAP_ALWAYS, NULL, NULL), CC_MAP_STORED);
            release_object(object);
        }
        if (i >= window) {
            object_t *object = new_object((i - window) * direction);
            cc_map_key_t key = key_for(COARSE, (i - window) * direction, object);
            cc_map_entry_t entry;
            if (pop)
                CHECK_EQUAL(cc_map_pop(map, direction > 0 ? CC_MAP_FIRST : CC_MAP_LAST, &entry), i - window < end);
            else
                CHECK_EQUAL(cc_map_remove(map, &key, &entry), i - window < end);
            if (i - window < end) release_entry(&entry);
            release_object(object);
        }
        if (i % 100 == 0) CHECK_EQUAL(cc_map_drain(map, 0), 0);
        if (cc_map_memory_usage(map) > most) most = cc_map_memory_usage(map);
    }
    CHECK_EQUAL(cc_map_count(map), 0);
    CHECK(most < 64 * 1024);
    CHECK(cc_map_memory_usage(map) < 4 * 1024);
    CHECK_EQUAL(cc_map_drain(map, 0), 0);
    CHECK(atomic_load(&objects_alive) < 4);
    cc_map_destroy(map);
    CHECK_EQUAL(atomic_load(&objects_alive), 0);
}

static void test_sliding_window(void) {
    slide(1, false);
    slide(-1, false);
    slide(1, true);
    slide(-1, true);
}

/* A scan over a map that nobody changes compares the bounds alone. */
static void test_scan_compares_little(void) {
    cc_map_t *map = cc_map_create(&foreign_type, NULL, NULL);
    for (int64_t number = 0; number < 2000; number++) {
        object_t *object = new_object(number);
        cc_map_key_t key = key_for(NONE, number, object);
        CHECK_EQUAL(cc_map_put(map, &key, object, CC_MAP_ALWAYS, NULL, NULL), CC_MAP_STORED);
        release_object(object);
    }
    atomic_store(&calls_of_compare, 0);
    cc_map_cursor_t cursor;
    cc_map_entry_t entry;
    int64_t expected = 0;
    cc_map_cursor_begin(&cursor, map, NULL, NULL, 0);
    while (cc_map_scan(&cursor, &entry, 1) == 1) {
        CHECK_EQUAL(((object_t *)entry.key)->number, expected++);
        release_entry(&entry);
    }
    cc_map_cursor_end(&cursor);
    CHECK_EQUAL(expected, 2000);
    CHECK_EQUAL(atomic_load(&calls_of_compare), 0);
    cc_map_destroy(map);
}

static void test_bad_arguments(void) {
    cc_map_t *map = cc_map_create(NULL, NULL, NULL);
    cc_map_cursor_t cursor;
    cc_map_entry_t entry;
    CHECK_EQUAL(cc_map_pop(map, CC_MAP_FLOOR, &entry), -CC_ERROR_ARGUMENT);
    cc_map_cursor_begin(&cursor, map, NULL, NULL, 0);
    CHECK_EQUAL(cc_map_scan(&cursor, &entry, 0), -CC_ERROR_ARGUMENT);
    cc_map_cursor_end(&cursor);
    cc_map_destroy(map);
    cc_map_destroy(NULL);
}

int main(void) {
    RUN(test_integers);
    RUN(test_model);
    RUN(test_prompt);
    RUN(test_nodes_get_full);
    RUN(test_sliding_window);
    RUN(test_scan_compares_little);
    RUN(test_hook_with_a_wrong_result);
    RUN(test_bad_arguments);
    return 0;
}
