/* test_records.c: base/records.h: records keep what they hold while they are free, come back latest first, and all
 * go at once. */
#include "base/records.h"

#include "../check.h"

typedef struct record {
    uint64_t kept;
    struct record *next_free;
    char rest[40];
} record_t;

enum { AT_ONCE = 5, COUNT = 12 };

static void take(cc__records_t *records, record_t **taken) {
    for (int i = 0; i < COUNT; i++) {
        bool fresh = false;
        taken[i] = cc__records_take(records, &fresh);
        CHECK(fresh && taken[i] != NULL);
        CHECK_EQUAL((uintptr_t)taken[i] % _Alignof(record_t), 0);
        CHECK(taken[i]->kept == 0 && taken[i]->next_free == NULL && taken[i]->rest[39] == 0);
        memset(taken[i], 0xFF,
               sizeof **taken); /* so that overlapping ones would be seen, and links that it overwrites */
        taken[i]->kept = (uint64_t)i + 1;
    }
    for (int i = 0; i < COUNT; i++) CHECK_EQUAL(taken[i]->kept, i + 1);
}

static void test_records_come_and_go(void) {
    cc__records_t records = CC__RECORDS(record_t, next_free, AT_ONCE);
    record_t *taken[COUNT];
    take(&records, taken);
    cc__records_give(&records, taken[3]);
    cc__records_give(&records, taken[7]);
    bool fresh = true;
    record_t *again = cc__records_take(&records, &fresh);
    CHECK(again == taken[7] && !fresh && again->kept == 8);
    again = cc__records_take(&records, &fresh);
    CHECK(again == taken[3] && !fresh && again->kept == 4);
    again = cc__records_take(&records, &fresh);
    CHECK(fresh && again != NULL && again->kept == 0);
    cc__records_end(&records);
}

static void test_it_begins_anew_after_its_end(void) {
    cc__records_t records = CC__RECORDS(record_t, next_free, AT_ONCE);
    record_t *taken[COUNT];
    take(&records, taken);
    cc__records_give(&records, taken[0]);
    cc__records_end(&records);
    CHECK(records.free == NULL && records.mappings == NULL);
    take(&records, taken); /* all fresh */
    cc__records_end(&records);
    cc__records_end(&records);
}

int main(void) {
    RUN(test_records_come_and_go);
    RUN(test_it_begins_anew_after_its_end);
    return 0;
}
