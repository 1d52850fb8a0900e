/* test_atomics.c: what base/atomics.h adds to the operations of C: raising to a maximum, adding as the only writer. */
#include "base/atomics.h"

#include "../check.h"

static void test_raising(void) {
    _Atomic(uint64_t) high = 5;
    cc__raise_relaxed(&high, 4);
    CHECK_EQUAL(cc__load_relaxed(&high), 5);
    cc__raise_relaxed(&high, UINT64_MAX);
    CHECK_EQUAL(cc__load_relaxed(&high), UINT64_MAX);
    _Atomic(int64_t) low = INT64_MIN;
    cc__raise_relaxed(&low, -7);
    CHECK_EQUAL(cc__load_relaxed(&low), -7);
    cc__raise_relaxed(&low, -8);
    CHECK_EQUAL(cc__load_relaxed(&low), -7);
}

enum { THREADS = 4 };
static _Atomic(int64_t) peak;
static _Atomic(uint64_t) own[THREADS];

static void *raise_it(void *number) {
    int64_t first = (int64_t)(intptr_t)number;
    for (int64_t i = 0; i < SCALED(100000); i++) {
        int64_t value = i * THREADS + first;
        cc__raise_relaxed(&peak, value);
        CHECK(cc__load_relaxed(&peak) >= value);
        cc__own_add(&own[first], 2);
        cc__own_add_release(&own[first], 1);
    }
    return NULL;
}

static void test_many_raise_and_each_adds_to_its_own(void) {
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_create(&threads[i], NULL, raise_it, (void *)i), 0);
    for (int i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
    CHECK_EQUAL(cc__load_relaxed(&peak), SCALED(100000) * THREADS - 1);
    for (int i = 0; i < THREADS; i++) CHECK_EQUAL(cc__load_relaxed(&own[i]), 3 * SCALED(100000));
}

int main(void) {
    RUN(test_raising);
    RUN(test_many_raise_and_each_adds_to_its_own);
    return 0;
}
