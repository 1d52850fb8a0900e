/* test_observer.c: the observer of alloc/observer.h sees every call, with the caller's sizes, and steps aside. */
#include "alloc/alloc_internal.h"

#include <stdatomic.h>

#include "../check.h"

static struct {
    atomic_uint_fast64_t allocations, reallocations, releases, size, bytes, alignment, zero;
} seen;
static atomic_bool refuse;

static void *see_allocate(const cc__allocator_t *below, cc__request_t *request) {
    CHECK(below == NULL);
    atomic_fetch_add(&seen.allocations, 1);
    atomic_store(&seen.size, request->size);
    atomic_store(&seen.bytes, request->bytes);
    atomic_store(&seen.alignment, request->alignment);
    atomic_store(&seen.zero, request->zero);
    return atomic_load(&refuse) ? NULL : cc__base_allocate(request);
}

static void *see_reallocate(const cc__allocator_t *below, cc__request_t *request) {
    CHECK(below == NULL && request->pointer != NULL);
    atomic_fetch_add(&seen.reallocations, 1);
    atomic_store(&seen.size, request->size);
    return atomic_load(&refuse) ? NULL : cc__base_reallocate(request);
}

static void see_release(const cc__allocator_t *below, cc__request_t *request) {
    CHECK(below == NULL && request->pointer != NULL);
    atomic_fetch_add(&seen.releases, 1);
    cc__base_release(request);
}

static const cc__allocator_t watcher = {see_allocate, see_reallocate, see_release, NULL};

static void check_seen(uint64_t allocations, uint64_t reallocations, uint64_t releases) {
    CHECK_EQUAL(atomic_load(&seen.allocations), allocations);
    CHECK_EQUAL(atomic_load(&seen.reallocations), reallocations);
    CHECK_EQUAL(atomic_load(&seen.releases), releases);
}

static void check_request(size_t size, size_t bytes, size_t alignment, bool zero) {
    CHECK_EQUAL(atomic_load(&seen.size), size);
    CHECK_EQUAL(atomic_load(&seen.bytes), bytes);
    CHECK_EQUAL(atomic_load(&seen.alignment), alignment);
    CHECK_EQUAL(atomic_load(&seen.zero), zero);
}

static void forget(void) {
    memset(&seen, 0, sizeof seen);
}

static void test_every_call_is_seen(void) {
    forget();
    cc__alloc_observe(&watcher);
    void *one = cc_alloc(100);
    check_request(100, 100, 1, false);
    void *two = cc_calloc(3, 7);
    check_request(21, 21, 1, true);
    void *three = cc_alloc_aligned(100, 256);
    check_request(100, 100, 256, false);
    void *four = cc_alloc_node(24);
    check_request(24, CC_CACHE_LINE_SIZE, CC_CACHE_LINE_SIZE, false);
    void *five = (cc_alloc)(5);
    void *six = (cc_alloc_node)(CC_CACHE_LINE_SIZE + 1);
    check_request(CC_CACHE_LINE_SIZE + 1, 2 * CC_CACHE_LINE_SIZE, CC_CACHE_LINE_SIZE, false);
    check_seen(6, 0, 0);
    CHECK(one != NULL && two != NULL && three != NULL && four != NULL && five != NULL && six != NULL);
    one = cc_realloc(one, 100, 5000);
    CHECK(one != NULL);
    check_seen(6, 1, 0);
    CHECK_EQUAL(atomic_load(&seen.size), 5000);
    CHECK(cc_realloc(one, 5000, 0) == NULL); /* a free */
    check_seen(6, 1, 1);
    cc_free(two, 21);
    cc_free_unsized(three);
    (cc_free)(four, 24);
    cc_free(NULL, 8);
    cc_free(five, 5);
    cc_free(six, CC_CACHE_LINE_SIZE + 1);
    check_seen(6, 1, 6);
    one = cc_realloc(NULL, 0, 9); /* an allocation */
    check_seen(7, 1, 6);
    cc__alloc_observe(NULL);
    cc_free(one, 9);
    cc_free(cc_alloc(8), 8);
    check_seen(7, 1, 6);
}

static void test_bad_arguments_are_not_passed_on(void) {
    forget();
    cc__alloc_observe(&watcher);
    CHECK(cc_alloc(0) == NULL);
    CHECK(cc_calloc(check_hide(SIZE_MAX), 2) == NULL);
    CHECK(cc_alloc_aligned(8, 3) == NULL);
    CHECK(cc_alloc_node(check_hide(SIZE_MAX)) == NULL);
    check_seen(0, 0, 0);
    cc__alloc_observe(NULL);
}

static void test_statistics_go_on_beside_an_observer(void) {
    cc_alloc_stats_enable(true);
    if (!cc_alloc_stats_enabled()) return;
    cc_alloc_stats_reset();
    cc__alloc_observe(&watcher);
    void *block = cc_alloc(100);
    void *node = cc_alloc_node(24);
    CHECK(block != NULL && node != NULL);
    cc_alloc_snapshot_t found = cc_alloc_stats_snapshot();
    CHECK_EQUAL(found.alloc_count, 2);
    CHECK_EQUAL(found.alloc_bytes, 124);
    CHECK_EQUAL(found.alloc_block_bytes, cc_usable_size(block) + cc_usable_size(node));
    cc_free(block, 100);
    cc__alloc_observe(NULL); /* freed by the other set */
    cc_free(node, 24);
    found = cc_alloc_stats_snapshot();
    CHECK_EQUAL(found.current_allocated, 0);
    CHECK_EQUAL(found.current_block_bytes, 0);
    cc_alloc_stats_enable(false);
}

static void *take_more(const cc__allocator_t *below, cc__request_t *request) {
    (void)below;
    request->bytes += 1000;
    return cc__base_allocate(request);
}

static const cc__allocator_t generous = {take_more, see_reallocate, see_release, NULL};

static void test_an_observer_may_take_more_than_was_asked_for(void) {
    cc_alloc_stats_enable(true);
    cc_alloc_stats_reset();
    cc__alloc_observe(&generous);
    void *block = cc_alloc(100);
    cc__alloc_observe(NULL);
    CHECK(cc_usable_size(block) >= 1100);
    if (cc_alloc_stats_enabled()) {
        CHECK_EQUAL(cc_alloc_stats_snapshot().alloc_bytes, 100);
        CHECK_EQUAL(cc_alloc_stats_snapshot().alloc_block_bytes, cc_usable_size(block));
    }
    cc_free(block, 100);
    CHECK_EQUAL(cc_alloc_stats_snapshot().current_block_bytes, 0);
    cc_alloc_stats_enable(false);
}

static void test_an_observer_that_gives_nothing_is_a_failure(void) {
    cc_alloc_stats_enable(true);
    void *block = cc_alloc(100);
    CHECK(block != NULL);
    memset(block, 0x42, 100);
    cc_alloc_stats_reset();
    cc__alloc_observe(&watcher);
    atomic_store(&refuse, true);
    CHECK(cc_alloc(8) == NULL);
    CHECK(cc_alloc_node(8) == NULL);
    CHECK(cc_realloc(block, 100, 1000) == NULL);
    atomic_store(&refuse, false);
    cc__alloc_observe(NULL);
    if (cc_alloc_stats_enabled()) CHECK_EQUAL(cc_alloc_stats_snapshot().failed_count, 3);
    CHECK_EQUAL(cc_alloc_stats_snapshot().alloc_count, 0);
    for (size_t i = 0; i < 100; i++) CHECK_EQUAL(((unsigned char *)block)[i], 0x42);
    cc_free(block, 100);
    cc_alloc_stats_enable(false);
}

static atomic_bool done;

static void allocate_on(size_t index, void *unused) {
    (void)unused;
    uint64_t state = 0x2545F4914F6CDD1Du + index;
    while (!atomic_load(&done)) {
        size_t size = 1 + check_random(&state) % 2000;
        char *block = cc_alloc(size);
        CHECK(block != NULL);
        block[0] = block[size - 1] = 1;
        block = cc_realloc(block, size, size + 50);
        CHECK(block != NULL);
        cc_free(block, size + 50);
    }
}

static void switch_on_and_off(size_t index, void *unused) {
    if (index > 0) {
        allocate_on(index, unused);
        return;
    }
    for (int i = 0; i < SCALED(3000); i++) {
        cc__alloc_observe(&watcher);
        cc_free(cc_alloc(8), 8);
        cc__alloc_observe(NULL);
        cc_alloc_stats_enable(i % 2 == 0);
    }
    atomic_store(&done, true);
}

static void test_installing_while_others_allocate(void) {
    check_threads(4, switch_on_and_off, NULL);
    cc_alloc_stats_enable(false);
}

static void test_good_size_is_what_is_given(void) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(CHECK_VALGRIND)
    for (size_t size = 1; size < 100000; size += size < 2000 ? 1 : 997) {
        void *block = cc_alloc(size);
        CHECK(block != NULL);
        CHECK_EQUAL(cc__base_good_size(size), cc_usable_size(block));
        cc_free(block, size);
    }
#endif
}

int main(void) {
    RUN(test_every_call_is_seen);
    RUN(test_bad_arguments_are_not_passed_on);
    RUN(test_statistics_go_on_beside_an_observer);
    RUN(test_an_observer_may_take_more_than_was_asked_for);
    RUN(test_an_observer_that_gives_nothing_is_a_failure);
    RUN(test_installing_while_others_allocate);
    RUN(test_good_size_is_what_is_given);
    return 0;
}
