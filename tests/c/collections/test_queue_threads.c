/* test_queue_threads.c: queue and stack between threads: nothing is lost, nothing comes twice, each producer's order
 * is kept, bounds hold, closing is final; and short histories of a queue are linearizable. */
#include <sched.h>
#include <stdatomic.h>

#include "queues.h"

enum { PRODUCERS = 3, CONSUMERS = 3, TAG_SHIFT = 40 };

typedef struct {
    box_t box;
    uint64_t each, capacity;
    atomic_int producing;
    atomic_uint_fast64_t put, got, put_sum, got_sum;
    bool until_closed;
} storm_t;

static void produce(storm_t *storm, size_t index) {
    cc_smr_thread_t *self = box_self(&storm->box);
    uint64_t sum = 0, sent = 0;
    while (sent < storm->each) {
        uint64_t value = (uint64_t)index << TAG_SHIFT | (sent + 1);
        int result = box_put(&storm->box, self, value);
        if (result == -CC_ERROR_STATE && storm->until_closed) break;
        if (result == 1) {
            sum += value;
            sent++;
        } else {
            CHECK_EQUAL(result, 0);
            sched_yield();
        }
    }
    atomic_fetch_add(&storm->put, sent);
    atomic_fetch_add(&storm->put_sum, sum);
    atomic_fetch_sub(&storm->producing, 1);
}

static void consume(storm_t *storm) {
    cc_smr_thread_t *self = box_self(&storm->box);
    uint64_t sum = 0, got = 0, last[PRODUCERS] = {0}, value = 0;
    for (;;) {
        bool ended = atomic_load(&storm->producing) == 0;
        int result = box_get(&storm->box, self, &value);
        if (result == -CC_ERROR_STATE) {
            CHECK(storm->until_closed);
            break;
        }
        if (result == 0) {
            if (ended && !storm->until_closed) break;
            sched_yield();
            continue;
        }
        uint64_t producer = value >> TAG_SHIFT, number = value & ((UINT64_C(1) << TAG_SHIFT) - 1);
        CHECK(producer < PRODUCERS && number >= 1 && number <= storm->each);
        if (storm->box.queue != NULL) CHECK(number > last[producer]);
        last[producer] = number;
        sum += value;
        got++;
        if (storm->capacity != 0 && got % 64 == 0) CHECK(box_count(&storm->box, self) <= storm->capacity);
    }
    atomic_fetch_add(&storm->got, got);
    atomic_fetch_add(&storm->got_sum, sum);
}

static void storm_thread(size_t index, void *argument) {
    storm_t *storm = (storm_t *)argument;
    if (index < PRODUCERS) {
        produce(storm, index);
    } else if (index < PRODUCERS + CONSUMERS) {
        consume(storm);
    } else { /* closes when a part has gone through */
        cc_smr_thread_t *self = box_self(&storm->box);
        while (storm->box.queue != NULL && cc_queue_total(storm->box.queue, self) < storm->each / 2) sched_yield();
        box_close(&storm->box, self);
        CHECK_EQUAL(box_put(&storm->box, self, 1), -CC_ERROR_STATE);
    }
}

static void run_storm(bool stack, bool locked, cc_smr_scheme_t scheme, uint64_t capacity, bool close) {
    static storm_t storm;
    memset(&storm, 0, sizeof storm);
    cc_smr_options_t options = cc_smr_options();
    options.batch_bytes = 32 * 1024;
    cc_smr_t *domain = cc_smr_create(scheme, &options);
    storm.box = box_create(stack, domain, capacity);
    storm.box.locked = locked;
    storm.each = SCALED(30000);
    storm.capacity = capacity;
    storm.until_closed = close;
    atomic_store(&storm.producing, PRODUCERS);
    check_threads(PRODUCERS + CONSUMERS + close, storm_thread, &storm);
    CHECK_EQUAL(storm.got, storm.put);
    CHECK_EQUAL(storm.got_sum, storm.put_sum);
    cc_smr_thread_t *self = box_self(&storm.box);
    if (!stack) CHECK_EQUAL(cc_queue_total(storm.box.queue, self), storm.put);
    CHECK_EQUAL(box_count(&storm.box, self), 0);
    box_destroy(&storm.box);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
}

static void test_storm(void) {
    for (int kind = 0; kind < 3; kind++)
        for (uint64_t capacity = 0; capacity < 100; capacity = capacity * 9 + 1)
            run_storm(kind == 0, kind == 1, CC_SMR_IBR, capacity, false);
}

static void test_storm_of_other_schemes(void) {
    for (int stack = 0; stack < 2; stack++)
        for (int scheme = CC_SMR_DEBRA; scheme <= CC_SMR_NONE; scheme++)
            run_storm(stack != 0, false, (cc_smr_scheme_t)scheme, 0, false);
}

static void test_closing_in_a_storm(void) {
    for (int round = 0; round < SCALED(20); round++)
        for (int stack = 0; stack < 2; stack++) run_storm(stack != 0, false, CC_SMR_IBR, round % 3 == 0 ? 10 : 0, true);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

enum { TAKERS = 3 };

typedef struct {
    box_t box;
    uint64_t each;
    bool puts;
} rush_t;

static void rush(size_t index, void *argument) {
    rush_t *all = (rush_t *)argument;
    cc_smr_thread_t *self = box_self(&all->box);
    uint64_t value = index + 1;
    for (uint64_t i = 0; i < all->each; i++)
        CHECK_EQUAL(all->puts ? box_put(&all->box, self, value) : box_get(&all->box, self, &value), 1);
}

/* While there is room for all, or something for all, nobody is refused for having lost a race. */
static void test_nobody_is_refused_without_reason(void) {
    for (int round = 0; round < 3; round++) {
        for (int stack = 0; stack < 2; stack++) {
            rush_t all = {.each = SCALED(500000), .puts = true}; /* for longer than a thread's turn */
            all.box = box_create(stack != 0, NULL, TAKERS * all.each);
            check_threads(TAKERS, rush, &all);
            uint64_t value = 0;
            CHECK_EQUAL(box_put(&all.box, box_self(&all.box), 1), 0);
            all.puts = false;
            check_threads(TAKERS, rush, &all);
            CHECK_EQUAL(box_get(&all.box, box_self(&all.box), &value), 0);
            box_destroy(&all.box);
        }
    }
}

/* ---- linearizability --------------------------------------------------------------------------------------------- */

/* With distinct values a history of a queue is linearizable unless it shows one of four patterns (Henzinger, Sezgin
 * & Vafeiadis, CONCUR 2013): a value got that was not put, or got before; one got twice; two got (or one got and one
 * left) against the order in which they were put; an empty answer while there was a value all the time. */
enum { ACTORS = 3, CALLS = 8, HISTORIES = 8000 };

typedef struct {
    uint64_t began, ended, value; /* value 0: a get that found it empty */
    bool put;
} call_t;

typedef struct {
    _Alignas(64) box_t box;
    pthread_barrier_t barrier;
    atomic_uint_fast64_t time;
    call_t calls[ACTORS][CALLS];
    uint64_t empties;
} history_t;

static void act(size_t index, void *argument) {
    history_t *history = (history_t *)argument;
    uint64_t state = 0x9E3779B97F4A7C15u * (index + 1);
    for (int round = 0; round < SCALED(HISTORIES); round++) {
        (void)pthread_barrier_wait(&history->barrier); /* there is a new queue */
        cc_smr_thread_t *self = box_self(&history->box);
        for (size_t i = 0; i < CALLS; i++) {
            call_t call = {.put = check_random(&state) % 2 == 0, .value = index * CALLS + i + 1};
            call.began = atomic_fetch_add(&history->time, 1);
            if (call.put)
                CHECK_EQUAL(box_put(&history->box, self, call.value), 1);
            else if (box_get(&history->box, self, &call.value) == 0)
                call.value = 0;
            call.ended = atomic_fetch_add(&history->time, 1);
            history->calls[index][i] = call;
            if (check_random(&state) % 64 == 0) check_yield();
        }
        (void)pthread_barrier_wait(&history->barrier); /* the judge looks at it */
    }
}

static void judge(history_t *history, const call_t *calls) {
    enum { TOTAL = ACTORS * CALLS };
    const call_t *puts[TOTAL + 1] = {NULL}, *gets[TOTAL + 1] = {NULL};
    for (size_t i = 0; i < TOTAL; i++) {
        if (calls[i].put) puts[calls[i].value] = &calls[i];
    }
    for (size_t i = 0; i < TOTAL; i++) {
        const call_t *get = &calls[i];
        if (get->put || get->value == 0) continue;
        CHECK(get->value <= TOTAL && puts[get->value] != NULL && puts[get->value]->began < get->ended);
        CHECK(gets[get->value] == NULL);
        gets[get->value] = get;
    }
    for (size_t a = 1; a <= TOTAL; a++) {
        for (size_t b = 1; b <= TOTAL; b++) {
            if (puts[a] == NULL || puts[b] == NULL || gets[b] == NULL || puts[a]->ended >= puts[b]->began) continue;
            CHECK(gets[a] != NULL && gets[a]->began < gets[b]->ended);
        }
    }
    for (size_t i = 0; i < TOTAL; i++) {
        const call_t *get = &calls[i];
        if (get->put || get->value != 0) continue;
        history->empties++;
        /* Some moment of the call is within no value's certain stay, from the end of its put to the beginning of its
         * get: it is enough to try the beginning and where a stay ends. */
        bool possible = false;
        for (size_t v = 0; v <= TOTAL && !possible; v++) {
            if (v > 0 && gets[v] == NULL) continue;
            uint64_t moment = v == 0 ? get->began : gets[v]->began;
            possible = moment >= get->began && moment < get->ended;
            for (size_t w = 1; w <= TOTAL && possible; w++)
                possible = puts[w] == NULL || moment < puts[w]->ended || (gets[w] != NULL && moment >= gets[w]->began);
        }
        CHECK(possible);
    }
}

static void test_short_histories(void) {
    static history_t history;
    check_thread_t threads[ACTORS];
    CHECK(pthread_barrier_init(&history.barrier, NULL, ACTORS + 1) == 0);
    for (size_t i = 0; i < ACTORS; i++) {
        check_thread_t one = {act, i, &history, NULL, 0};
        threads[i] = one;
        CHECK(pthread_create(&threads[i].thread, NULL, check_thread_main, &threads[i]) == 0);
    }
    cc_smr_t *domain = cc_smr_create(CC_SMR_IBR, NULL);
    for (int round = 0; round < SCALED(HISTORIES); round++) {
        history.box = box_create(false, domain, 0);
        (void)pthread_barrier_wait(&history.barrier);
        (void)pthread_barrier_wait(&history.barrier);
        judge(&history, &history.calls[0][0]);
        box_destroy(&history.box);
    }
    for (size_t i = 0; i < ACTORS; i++) check_join(&threads[i]);
    CHECK(history.empties > 0);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
    pthread_barrier_destroy(&history.barrier);
}

int main(void) {
    RUN(test_storm);
    RUN(test_storm_of_other_schemes);
    RUN(test_closing_in_a_storm);
    RUN(test_nobody_is_refused_without_reason);
    RUN(test_short_histories);
    return 0;
}
