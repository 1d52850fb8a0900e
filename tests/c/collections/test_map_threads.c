/* test_map_threads.c: the ordered map under threads: what each call tells is true, whatever the others do, and every
 * reference is given back once. */
#include "map_shared.h"

/* ---- all operations on all keys --------------------------------------------------------------------------------- */

static void everything(size_t index, void *argument) {
    shared_t *all = (shared_t *)argument;
    uint64_t random = seed_of(index);
    int64_t balance = 0;
    for (size_t i = 0; i < all->rounds; i++) {
        int64_t number = check_random(&random) % RANGE;
        cc_map_entry_t entry;
        uint32_t choice = check_random(&random) % 32;
        if (choice < 10) {
            balance += put_number(all, number, number, choice < 5 ? CC_MAP_ALWAYS : CC_MAP_IF_ABSENT) == CC_MAP_STORED;
        } else if (choice < 20) {
            bool wanted = choice < 15;
            if (remove_number(all, number, wanted ? &entry : NULL) != 1) continue;
            balance--;
            if (wanted) CHECK_EQUAL(((object_t *)entry.value)->number, number);
            if (wanted) release_entry(&entry);
        } else if (choice < 27) {
            object_t *value = get_number(all, number);
            if (value == NULL) continue;
            CHECK_EQUAL(value->number, number);
            release_object(value);
        } else if (choice < 30) {
            object_t *object = new_object(number);
            cc_map_key_t key = key_for(all->keying, number, object);
            cc_map_place_t place = (cc_map_place_t)(check_random(&random) % 6);
            int status = cc_map_find(all->map, place, &key, &entry);
            release_object(object);
            CHECK(status >= 0);
            if (status == 0) continue;
            int64_t found = ((object_t *)entry.key)->number;
            CHECK_EQUAL(((object_t *)entry.value)->number, found);
            if (place == CC_MAP_LOWER) CHECK(found < number);
            if (place == CC_MAP_FLOOR) CHECK(found <= number);
            if (place == CC_MAP_CEILING) CHECK(found >= number);
            if (place == CC_MAP_HIGHER) CHECK(found > number);
            release_entry(&entry);
        } else if (choice == 30) {
            if (cc_map_pop(all->map, i % 2 == 0 ? CC_MAP_FIRST : CC_MAP_LAST, &entry) != 1) continue;
            balance--;
            release_entry(&entry);
        } else if (check_random(&random) % 16 == 0) {
            (void)scan_numbers(all, &random, NULL, 0);
        }
    }
    atomic_fetch_add(&all->balance, balance);
}

static void run_everything(const cc_map_type_t *type, keying_t keying, cc_smr_t *domain, size_t threads) {
    atomic_store(&shared.balance, 0);
    shared.map = cc_map_create(type, NULL, domain);
    shared.keying = keying;
    shared.rounds = SCALED(100000) / threads;
    check_threads(threads, everything, &shared);
    CHECK_EQUAL(cc_map_count(shared.map), atomic_load(&shared.balance));
    uint64_t random = 5;
    CHECK_EQUAL(scan_numbers(&shared, &random, NULL, 0), atomic_load(&shared.balance));
    cc_map_destroy(shared.map);
}

static void test_everything(void) {
    cc_smr_options_t options = cc_smr_options();
    options.plain_fence = 1;
    cc_smr_t *small = cc_smr_create(CC_SMR_IBR, &options), *epoch = cc_smr_create(CC_SMR_EPOCH, NULL);
    for (int keying = EXACT; keying <= MIXING; keying++) {
        run_everything(&quick_type, (keying_t)keying, NULL, THREADS);
        run_everything(&foreign_type, (keying_t)keying, small, THREADS);
    }
    run_everything(&counted_type, EXACT, small, 8);
    run_everything(&foreign_type, COARSE, epoch, 8);
    CHECK_EQUAL(cc_smr_destroy(small), CC_OK);
    CHECK_EQUAL(cc_smr_destroy(epoch), CC_OK);
    CHECK_EQUAL(atomic_load(&objects_alive), 0);
}

/* ---- keys of one thread's own: it knows what must be there ------------------------------------------------------- */

static void own_keys(size_t index, void *argument) {
    shared_t *all = (shared_t *)argument;
    uint64_t random = seed_of(index);
    bool present[RANGE] = {false};
    for (size_t i = 0; i < all->rounds; i++) {
        size_t number = check_random(&random) % (RANGE / THREADS) * THREADS + index;
        switch (check_random(&random) % 5) {
        case 0:
        case 1:
            CHECK_EQUAL(put_number(all, (int64_t)number, (int64_t)number, CC_MAP_ALWAYS),
                        CC_MAP_STORED | (present[number] ? CC_MAP_FOUND : 0));
            present[number] = true;
            break;
        case 2:
        case 3:
            CHECK_EQUAL(remove_number(all, (int64_t)number, NULL), present[number]);
            present[number] = false;
            break;
        default: {
            object_t *value = get_number(all, (int64_t)number);
            CHECK_EQUAL(value != NULL, present[number]);
            if (value != NULL) release_object(value);
        }
        }
        if (i % 256 == 0) (void)scan_numbers(all, &random, present, index);
    }
}

static void test_own_keys(void) {
    for (int keying = EXACT; keying <= MIXING; keying++) {
        shared.map = cc_map_create(&quick_type, NULL, NULL);
        shared.keying = (keying_t)keying;
        shared.rounds = SCALED(30000);
        check_threads(THREADS, own_keys, &shared);
        cc_map_destroy(shared.map);
        CHECK_EQUAL(atomic_load(&objects_alive), 0);
    }
}

/* ---- even keys stay, odd ones come and go: neighbours are exact -------------------------------------------------- */

static void churn_odd(size_t index, void *argument) {
    shared_t *all = (shared_t *)argument;
    uint64_t random = seed_of(index);
    for (size_t i = 0; i < all->rounds; i++) {
        if (index % 2 == 0) { /* whole stretches, so that leaves split and are joined */
            int64_t first = check_random(&random) % (RANGE * 8);
            bool put = check_random(&random) % 2 == 0;
            for (int64_t number = first | 1; number < first + 100; number += 2) {
                cc_map_key_t key = cc_map_integer(number);
                CHECK((put ? cc_map_put(all->map, &key, all, CC_MAP_ALWAYS, NULL, NULL)
                           : cc_map_remove(all->map, &key, NULL)) >= 0);
            }
            continue;
        }
        int64_t number = check_random(&random) % (RANGE * 8);
        cc_map_key_t key = cc_map_integer(number);
        cc_map_entry_t entry;
        int64_t even = number & ~INT64_C(15);
        if (number == even) CHECK_EQUAL(cc_map_get(all->map, &key, NULL), 1);
        CHECK_EQUAL(cc_map_find(all->map, CC_MAP_FLOOR, &key, &entry), 1);
        CHECK(cc_map_integer_of(entry.prefix) >= even && cc_map_integer_of(entry.prefix) <= number);
        CHECK_EQUAL(cc_map_find(all->map, CC_MAP_HIGHER, &key, &entry), 1);
        CHECK(cc_map_integer_of(entry.prefix) <= even + 16 && cc_map_integer_of(entry.prefix) > number);
        CHECK_EQUAL(cc_map_find(all->map, CC_MAP_FIRST, NULL, &entry), 1);
        CHECK_EQUAL(cc_map_integer_of(entry.prefix), 0);
    }
}

static void test_neighbours(void) {
    shared.map = cc_map_create(NULL, NULL, NULL);
    for (int64_t number = 0; number <= RANGE * 8 + 16; number += 16) {
        cc_map_key_t key = cc_map_integer(number);
        CHECK(cc_map_put(shared.map, &key, NULL, CC_MAP_ALWAYS, NULL, NULL) >= 0);
    }
    shared.rounds = SCALED(20000);
    check_threads(THREADS, churn_odd, &shared);
    cc_map_destroy(shared.map);
}

/* Of each ten, 0 is there always, and 5 only while 4 is: who asks for what follows 0 never gets 5, though 4 and 5
 * may lie in two leaves. */
enum { TENS = 24 };

static void write_pairs(shared_t *all, uint64_t *random) {
    for (size_t i = 0; i < all->rounds; i++) {
        atomic_store(&all->total, (int_fast64_t)(i * (TENS / 4) / all->rounds)); /* all are about the same four tens */
        int64_t number = (atomic_load(&all->total) * 4 + check_random(random) % 4) * 10;
        cc_map_key_t four = cc_map_integer(number + 4), five = cc_map_integer(number + 5);
        CHECK_EQUAL(cc_map_remove(all->map, &five, NULL), 1);
        CHECK_EQUAL(cc_map_remove(all->map, &four, NULL), 1);
        CHECK_EQUAL(cc_map_put(all->map, &four, NULL, CC_MAP_ALWAYS, NULL, NULL), CC_MAP_STORED);
        CHECK_EQUAL(cc_map_put(all->map, &five, NULL, CC_MAP_ALWAYS, NULL, NULL), CC_MAP_STORED);
    }
    atomic_store(&all->stop, true);
}

static void churn_pairs(size_t index, void *argument) {
    shared_t *all = (shared_t *)argument;
    uint64_t random = seed_of(index);
    if (index == 0) write_pairs(all, &random);
    while (!atomic_load(&all->stop)) {
        int64_t number = (atomic_load(&all->total) * 4 + check_random(&random) % 4) * 10;
        cc_map_key_t key = cc_map_integer(number);
        cc_map_entry_t entry;
        CHECK_EQUAL(cc_map_find(all->map, CC_MAP_HIGHER, &key, &entry), 1);
        CHECK(cc_map_integer_of(entry.prefix) == number + 4 || cc_map_integer_of(entry.prefix) == number + 10);
    }
}

static void test_neighbours_in_two_leaves(void) {
    shared.map = cc_map_create(NULL, NULL, NULL);
    for (int64_t number = 0; number <= TENS * 10; number++) {
        cc_map_key_t key = cc_map_integer(number);
        if (number % 10 == 0 || number % 10 == 4 || number % 10 == 5)
            CHECK_EQUAL(cc_map_put(shared.map, &key, NULL, CC_MAP_ALWAYS, NULL, NULL), CC_MAP_STORED);
    }
    shared.rounds = SCALED(40000);
    atomic_store(&shared.stop, false);
    check_threads(THREADS, churn_pairs, &shared);
    cc_map_destroy(shared.map);
}

/* ---- a key of another kind comes in ------------------------------------------------------------------------------ */

enum { FIRST = 10, END = 22, FOREIGN = 102 /* behind the others, its prefix before theirs */ };

static void meet_foreign_key(size_t index, void *argument) {
    shared_t *all = (shared_t *)argument;
    if (index == 0) {
        for (size_t i = all->rounds * 37 % 4096; i > 0; i--) (void)atomic_load(&all->stop);
        CHECK_EQUAL(put_number(all, FOREIGN, FOREIGN, CC_MAP_IF_ABSENT), CC_MAP_STORED);
        atomic_store(&all->stop, true);
        return;
    }
    while (!atomic_load(&all->stop)) {
        for (int64_t number = FIRST; number < END; number++) {
            object_t *value = get_number(all, number);
            CHECK(value != NULL);
            release_object(value);
            if (index == 2) CHECK_EQUAL(put_number(all, number, number, CC_MAP_IF_ABSENT), CC_MAP_FOUND);
        }
    }
}

/* While the map goes over to comparing by the hooks, searches by prefixes alone are at work. */
static void test_a_foreign_key(void) {
    shared.keying = MIXING;
    for (size_t i = 0; i < SCALED(2000); i++) {
        shared.map = cc_map_create(&quick_type, NULL, NULL);
        shared.rounds = i;
        atomic_store(&shared.stop, false);
        for (int64_t number = FIRST; number < END; number++)
            CHECK_EQUAL(put_number(&shared, number, number, CC_MAP_ALWAYS), CC_MAP_STORED);
        check_threads(3, meet_foreign_key, &shared);
        cc_map_destroy(shared.map);
    }
    CHECK_EQUAL(atomic_load(&objects_alive), 0);
}

/* ---- threads that end; a lock that `compare` gives up ------------------------------------------------------------ */

static void test_thread_churn(void) {
    cc_smr_t *domain = cc_smr_create(CC_SMR_IBR, NULL);
    shared.map = cc_map_create(&quick_type, NULL, domain);
    shared.keying = COARSE;
    shared.rounds = 50;
    atomic_store(&shared.balance, 0);
    for (size_t i = 0; i < SCALED(400); i++) check_threads(THREADS, everything, &shared);
    CHECK_EQUAL(cc_map_count(shared.map), atomic_load(&shared.balance));
    cc_map_destroy(shared.map);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
    CHECK_EQUAL(atomic_load(&objects_alive), 0);
}

static pthread_mutex_t global_lock = PTHREAD_MUTEX_INITIALIZER;

static int order_without_lock(void *context, void *stored, void *wanted, int *order) {
    (void)context;
    CHECK(pthread_mutex_unlock(&global_lock) == 0);
    *order = order_of(stored, wanted);
    CHECK(pthread_mutex_lock(&global_lock) == 0);
    return 0;
}

static void everything_locked(size_t index, void *argument) {
    shared_t *all = (shared_t *)argument, one = {.map = all->map, .keying = all->keying, .rounds = 1};
    uint64_t random = seed_of(index);
    for (size_t i = 0; i < all->rounds; i++) {
        CHECK(pthread_mutex_lock(&global_lock) == 0);
        one.rounds = 1 + check_random(&random) % 4;
        everything(index + i * THREADS, &one);
        CHECK(pthread_mutex_unlock(&global_lock) == 0);
    }
    atomic_fetch_add(&all->balance, atomic_load(&one.balance));
}

static void test_prompt_release_under_a_lock(void) {
    static const cc_map_type_t type = {COUNTING, .compare = order_without_lock};
    for (int keying = COARSE; keying <= NONE; keying++) {
        shared.map = cc_map_create(&type, NULL, NULL);
        shared.keying = (keying_t)keying;
        shared.rounds = SCALED(20000);
        atomic_store(&shared.balance, 0);
        check_threads(THREADS, everything_locked, &shared);
        CHECK_EQUAL(cc_map_count(shared.map), atomic_load(&shared.balance));
        CHECK(pthread_mutex_lock(&global_lock) == 0);
        CHECK_EQUAL(cc_map_clear(shared.map), 0);
        CHECK(pthread_mutex_unlock(&global_lock) == 0);
        CHECK_EQUAL(atomic_load(&objects_alive), 0);
        cc_map_destroy(shared.map);
    }
}

int main(void) {
    RUN(test_everything);
    RUN(test_own_keys);
    RUN(test_neighbours);
    RUN(test_neighbours_in_two_leaves);
    RUN(test_a_foreign_key);
    RUN(test_thread_churn);
    RUN(test_prompt_release_under_a_lock);
    return 0;
}
