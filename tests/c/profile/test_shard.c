/* test_shard.c: the shards of threads that have ended are used again.
 * variants: release asan tsan valgrind */
#include "short_threads.h"

static long mapped_pages(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%ld", &pages) == 1);
    fclose(file);
    return pages;
}

static void test_thread_churn(void) {
    enum { COUNT = SCALED(2000) / 8 * 8 };
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    run_threads(8);
    long before = mapped_pages();
    run_threads(COUNT);
    CHECK(mapped_pages() - before < 20000); /* shards are used again: one is about 300 KB */
    cc_profile_snapshot_t *snapshot = read_now(profile);
    check_quiet_sums(snapshot); /* no two rows with one id */
    CHECK_EQUAL(snapshot->thread_count, COUNT + 8 + 1);
    CHECK_DOUBLE(snapshot->alloc_count, 2 * (COUNT + 8));
    CHECK_DOUBLE(snapshot->cross_thread_frees, COUNT + 8);
    CHECK_DOUBLE(snapshot->current, 0);
    CHECK(snapshot->peak_error < 4e6); /* does not grow with threads that are gone */
    for (size_t i = 0; i < snapshot->thread_count; i++) {
        const cc_profile_thread_t *row = &snapshot->threads[i];
        if (row->alive) continue;
        CHECK_DOUBLE(row->alloc_count, 2);
        CHECK_DOUBLE(row->alloc_bytes, 150);
        CHECK_DOUBLE(row->free_count, 1);
        CHECK_DOUBLE(row->sent, 1);
    }
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
}

int main(void) {
    RUN(test_thread_churn);
    return 0;
}
