/* test_table.c: base/table.h: a table grows with what it holds, is found whole by a signal handler, and goes. */
#include "base/table.h"

#include <signal.h>

#include "../check.h"

static int things[100];

static void test_a_table_grows_and_keeps_its_entries(void) {
    void *slot = NULL;
    int filler;
    CHECK(cc__table_at(slot, 0) == NULL);
    for (size_t i = 0; i < 100; i++) {
        cc__table_t *table = cc__table_with_room(&slot, i, &filler);
        CHECK(table != NULL && table == slot && table->capacity > i);
        CHECK(cc__table_at(table, i) == &filler);
        CHECK(cc__table_at(table, table->capacity) == NULL);
        cc__table_set(table, i, &things[i]);
        for (size_t j = 0; j < table->capacity; j++)
            CHECK(cc__table_at(table, j) == (j <= i ? (void *)&things[j] : (void *)&filler));
    }
    cc__table_drop(&slot);
    CHECK(slot == NULL);
    cc__table_drop(&slot);
}

static void test_a_far_place_comes_at_once(void) {
    void *slot = NULL, *other = NULL;
    cc__table_t *table = cc__table_with_room(&slot, 1000, NULL);
    CHECK(table != NULL && table->capacity > 1000 && cc__table_at(table, 1000) == NULL);
    CHECK(cc__table_with_room(&slot, 1000, NULL) == table);
    CHECK(cc__table_with_room(&other, 0, NULL) != NULL);
    cc__table_drop(&slot); /* not the newest of the list, then the last */
    CHECK(cc__table_at(other, 0) == NULL);
    cc__table_drop(&other);
}

static void *own;
static volatile sig_atomic_t looks;

static void look(int number) {
    (void)number;
    const cc__table_t *table = own;
    for (size_t i = 0; table != NULL && i < table->capacity; i++) {
        void *entry = cc__table_at(table, i);
        CHECK(entry == NULL || entry == &things[i % 100]);
    }
    looks++;
}

static void test_a_signal_handler_finds_a_whole_table(void) {
    struct sigaction action = {.sa_handler = look}, before;
    CHECK_EQUAL(sigaction(SIGALRM, &action, &before), 0);
    timer_t timer;
    CHECK_EQUAL(timer_create(CLOCK_MONOTONIC, NULL, &timer), 0);
    struct itimerspec often = {.it_interval = {0, 50000}, .it_value = {0, 50000}};
    CHECK_EQUAL(timer_settime(timer, 0, &often, NULL), 0);
    while (looks < 200) {
        for (size_t i = 0; i < 400; i++) {
            cc__table_t *table = cc__table_with_room(&own, i, NULL);
            CHECK(table != NULL);
            cc__table_set(table, i, &things[i % 100]);
        }
        cc__table_drop(&own);
    }
    CHECK_EQUAL(timer_delete(timer), 0);
    CHECK_EQUAL(sigaction(SIGALRM, &before, NULL), 0);
}

int main(void) {
    RUN(test_a_table_grows_and_keeps_its_entries);
    RUN(test_a_far_place_comes_at_once);
    RUN(test_a_signal_handler_finds_a_whole_table);
    return 0;
}
