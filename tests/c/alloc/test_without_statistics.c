/* test_without_statistics.c: a library built with CC_ALLOC_STATS=0 allocates, counts nothing and says so.
 * variants: nostats */
#include "cc/alloc.h"

#include "../check.h"

static void test_enabling_does_nothing(void) {
    CHECK(!cc_alloc_stats_enabled());
    cc_alloc_stats_enable(true);
    CHECK(!cc_alloc_stats_enabled());
}

static void test_nothing_is_counted(void) {
    static const cc_alloc_snapshot_t zero;
    cc_free(cc_alloc(100), 100);
    cc_free_unsized(cc_alloc_node(100));
    CHECK(cc_realloc(cc_alloc(5), 5, 0) == NULL);
    CHECK(cc_alloc(0) == NULL);
    cc_alloc_stats_reset();
    cc_alloc_snapshot_t found = cc_alloc_stats_snapshot();
    CHECK(memcmp(&found, &zero, sizeof zero) == 0);
}

int main(void) {
    RUN(test_enabling_does_nothing);
    RUN(test_nothing_is_counted);
    return 0;
}
