/* test_fault.c: every public function that takes memory, with its n-th request failing, for all n: NULL or success,
 * counters right, nothing lost.
 * variants: fault fault-libc */
#include "alloc/alloc_internal.h"
#include "base/fault.h"

#include "../check.h"

static uint64_t nulls;

/* Notes a result; a block is written to and given back in one of the ways. */
static void *note(void *pointer, size_t size) {
    if (pointer == NULL)
        nulls++;
    else
        memset(pointer, 0x5A, size);
    return pointer;
}

static void use_everything(void) {
    cc_free(note(cc_alloc(100), 100), 100);
    cc_free(note((cc_alloc)(2000), 2000), 2000);
    cc_free_unsized(note(cc_calloc(10, 30), 300));
    cc_free(note(cc_alloc_aligned(100, 1024), 100), 100);
    cc_free(note(cc_alloc_node(24), 24), 24);
    cc_free_unsized(note((cc_alloc_node)(3000), 3000));
    cc_free(note(cc_realloc(NULL, 0, 10), 10), 10);

    unsigned char *block = note(cc_alloc(50), 50);
    if (block != NULL) {
        unsigned char *moved = cc_realloc(block, 50, 5000);
        if (moved == NULL) {
            nulls++;
            for (size_t i = 0; i < 50; i++) CHECK_EQUAL(block[i], 0x5A); /* the old block is as it was */
            cc_free(block, 50);
        } else {
            for (size_t i = 0; i < 50; i++) CHECK_EQUAL(moved[i], 0x5A);
            cc_free(moved, 5000);
        }
    }
    cc_alloc_stats_enable(true);
    (void)cc_alloc_stats_snapshot();
    CHECK(cc_realloc(note(cc_alloc(7), 7), 7, 0) == NULL);
}

static void sweep(bool persistent) {
    uint64_t number = 0, requests = 0;
    do {
        number++;
        cc_alloc_snapshot_t before = cc_alloc_stats_snapshot();
        nulls = 0;
        cc_fault_arm(number, persistent);
        use_everything();
        requests = cc_fault_requests();
        cc_fault_arm(0, false);
        cc_alloc_snapshot_t after = cc_alloc_stats_snapshot();
        if (number <= requests) CHECK(nulls > 0);
        if (!persistent && number <= requests) CHECK_EQUAL(nulls, 1);
        /* cc_realloc(NULL, 7, 0), which use_everything() ends with after a failure, is a failure of its own */
        uint64_t failed = after.failed_count - before.failed_count;
        CHECK(failed == nulls || failed == nulls + 1);
        CHECK_EQUAL(after.alloc_count - before.alloc_count, after.free_count - before.free_count);
        CHECK_EQUAL(after.current_block_bytes, before.current_block_bytes);
    } while (number <= requests);
    CHECK(requests >= 10); /* each function asked at least once */
}

static void test_every_request_fails_once(void) {
    sweep(false);
}

static void test_every_request_and_all_after_it_fail(void) {
    sweep(true);
}

static void *see_allocate(const cc__allocator_t *below, cc__request_t *request) {
    (void)below;
    return cc__base_allocate(request);
}

static void *see_reallocate(const cc__allocator_t *below, cc__request_t *request) {
    (void)below;
    return cc__base_reallocate(request);
}

static void see_release(const cc__allocator_t *below, cc__request_t *request) {
    (void)below;
    cc__base_release(request);
}

static const cc__allocator_t watcher = {see_allocate, see_reallocate, see_release, NULL};

static void test_the_sweep_under_an_observer(void) {
    cc__alloc_observe(&watcher);
    sweep(false);
    sweep(true);
    cc__alloc_observe(NULL);
}

static void test_the_sweep_with_both_allocators(void) {
    CHECK_EQUAL(cc_alloc_select("libc"), CC_OK);
    sweep(false);
    sweep(true);
    (void)cc_alloc_select("mimalloc");
    sweep(false);
}

static void test_the_sweep_without_statistics(void) {
    cc_alloc_stats_enable(false);
    for (uint64_t number = 1, requests = number; number <= requests; number++) {
        nulls = 0;
        cc_fault_arm(number, false);
        cc_free(note(cc_alloc(100), 100), 100);
        cc_free(note(cc_alloc_node(100), 100), 100);
        cc_free(note(cc_calloc(1, 100), 100), 100);
        requests = cc_fault_requests();
        cc_fault_arm(0, false);
        CHECK_EQUAL(nulls, number <= requests);
    }
    cc_alloc_stats_enable(true);
}

static uint64_t fails_at;

/* In a new thread, whose record is one of the requests. */
static void count_without_record(size_t index, void *unused) {
    (void)index, (void)unused;
    cc_fault_arm(fails_at, false);
    void *block = cc_alloc(100); /* asks for a record, too */
    cc_fault_arm(1, true);
    if (cc__thread_self == NULL) CHECK(cc__thread_get() == NULL);
    cc_fault_arm(0, false);
    if (block == NULL) nulls++;
    cc_free(block, 100);
}

/* Without memory for a thread's record, its events are counted all the same. */
static void test_threads_without_a_record_count_too(void) {
    cc_alloc_stats_reset();
    nulls = 0;
    for (fails_at = 1; fails_at <= 4; fails_at++) check_threads(1, count_without_record, NULL);
    cc_alloc_snapshot_t found = cc_alloc_stats_snapshot();
    CHECK_EQUAL(nulls, 1); /* the block itself was refused only once */
    CHECK_EQUAL(found.failed_count, 1);
    CHECK_EQUAL(found.alloc_count, 3);
    CHECK_EQUAL(found.alloc_bytes, 300);
    CHECK_EQUAL(found.free_count, 3);
    CHECK_EQUAL(found.current_allocated, 0);
    CHECK_EQUAL(found.current_block_bytes, 0);
    CHECK_EQUAL(found.thread_count, cc__thread_self != NULL);
}

/* A thread may fail to get a record as often as it will: with memory it gets one. */
static void fail_to_attach_often(size_t index, void *unused) {
    (void)index, (void)unused;
    for (int i = 0; i < 10; i++) {
        cc_fault_arm(1, true);
        CHECK(cc__thread_get() == NULL);
    }
    cc_fault_arm(0, false);
    CHECK(cc__thread_get() != NULL);
}

static void test_a_record_is_asked_for_again(void) {
    check_threads(1, fail_to_attach_often, NULL);
    CHECK_EQUAL(cc_alloc_stats_snapshot().thread_count, cc__thread_self != NULL);
}

static void test_everything_without_any_record(void) {
    CHECK(cc__thread_self == NULL);
    cc_alloc_stats_enable(true);
    cc_alloc_stats_reset();
#if defined(CC_BACKEND_LIBC)
    cc_fault_arm(2, true); /* the first request is the block, the second the record */
#else
    cc_fault_arm(1, false); /* the other way round */
#endif
    void *block = cc_alloc(100);
    CHECK(block != NULL);
    cc_fault_arm(1, true); /* from now on there is nothing left */
    CHECK(cc__thread_self == NULL);
    CHECK(cc_alloc(10) == NULL && cc_alloc_node(10) == NULL && cc_calloc(1, 1) == NULL);
    CHECK(cc_realloc(block, 100, 10000) == NULL);
    cc_free(block, 100);
    cc_alloc_snapshot_t found = cc_alloc_stats_snapshot();
    cc_fault_arm(0, false);
    CHECK_EQUAL(found.alloc_count, 1);
    CHECK_EQUAL(found.alloc_bytes, 100);
    CHECK_EQUAL(found.free_count, 1);
    CHECK_EQUAL(found.free_bytes, 100);
    CHECK_EQUAL(found.failed_count, 4);
    CHECK_EQUAL(found.current_block_bytes, 0);
    CHECK_EQUAL(found.thread_count, 0);
    block = cc_alloc(100); /* the next call tries again */
    CHECK(cc__thread_self != NULL);
    cc_free_unsized(block);
}

int main(void) {
    RUN(test_everything_without_any_record); /* first: no thread has a record yet */
    RUN(test_threads_without_a_record_count_too);
    RUN(test_a_record_is_asked_for_again);
    RUN(test_every_request_fails_once);
    RUN(test_every_request_and_all_after_it_fail);
    RUN(test_the_sweep_under_an_observer);
    RUN(test_the_sweep_without_statistics);
    RUN(test_the_sweep_with_both_allocators);
    return 0;
}
