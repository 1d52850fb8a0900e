/* test_rows.c: more threads than there are rows.
 * variants: release asan tsan valgrind */
#include "short_threads.h"

/* The 16,384th thread of a session and all later ones share a row, whose id is 0. */
static void test_more_threads_than_slots(void) {
#if CHECK_DIVISOR == 1
    enum { SLOTS = 16383, COUNT = SLOTS / 8 * 8 + 64 };
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    cc_free(cc_alloc(10), 10);
    run_threads(COUNT);
    cc_profile_snapshot_t *snapshot = read_now(profile);
    CHECK_EQUAL(snapshot->thread_count, SLOTS + 1);
    double sum = 0, sent = 0, received = 0, flows = 0;
    for (size_t i = 0; i < snapshot->thread_count; i++) {
        sum += snapshot->threads[i].alloc_count;
        sent += snapshot->threads[i].sent;
        received += snapshot->threads[i].received;
    }
    for (size_t i = 0; i < snapshot->flow_count; i++) flows += snapshot->flows[i].count;
    CHECK_DOUBLE(sum, 2 * COUNT + 1);
    CHECK_DOUBLE(snapshot->alloc_count, 2 * COUNT + 1);
    CHECK_DOUBLE(sent, COUNT);
    CHECK_DOUBLE(received, COUNT);
    CHECK_DOUBLE(flows, COUNT);
    const cc_profile_thread_t *rest = find_row(snapshot, 0);
    CHECK(rest != NULL);
    CHECK_DOUBLE(rest->alloc_count, 2 * (COUNT + 1 - SLOTS));
    CHECK_DOUBLE(rest->alloc_bytes, 150 * (COUNT + 1 - SLOTS));
    CHECK_DOUBLE(rest->sent, COUNT + 1 - SLOTS);
    CHECK(rest->native_id == 0 && rest->name[0] == 0);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
#endif
}

int main(void) {
    RUN(test_more_threads_than_slots);
    return 0;
}
