/* test_source_plugged.c: allocators that are plugged into another library: whoever makes a call finds the observer, and
 * each call counts once, with what that library asked for.
 * variants: release debug asan tsan valgrind */
#include "alloc/observer.h"

#include "fake_allocators.h"

static size_t asked, calls;
static bool refuse;

static void *plugged_allocate(const cc__allocator_t *self, cc__request_t *request) {
    CHECK(self->good_size != NULL && request->alignment == 1 && !request->zero);
    calls++;
    asked = request->bytes;
    return refuse ? NULL : malloc(request->bytes);
}

static void *plugged_reallocate(const cc__allocator_t *self, cc__request_t *request) {
    CHECK(self->good_size != NULL);
    calls++;
    asked = request->bytes;
    return refuse ? NULL : realloc(request->pointer, request->bytes);
}

static void plugged_release(const cc__allocator_t *self, cc__request_t *request) {
    CHECK(self->good_size != NULL);
    calls++;
    free(request->pointer);
}

static size_t hundreds(const cc__allocator_t *self, size_t size) {
    (void)self;
    return (size + 99) / 100 * 100;
}

static const cc__allocator_t plugged = {plugged_allocate, plugged_reallocate, plugged_release, hundreds};

/* What a library does that uses `plugged`. */
static void *take(size_t size) {
    const cc__allocator_t *observer = cc__load_acquire(&cc__plugged_observer);
    cc__request_t request = {.size = size, .bytes = size, .alignment = 1};
    return (observer != NULL ? observer : &plugged)->allocate(&plugged, &request);
}

static void *move(void *pointer, size_t size) {
    const cc__allocator_t *observer = cc__load_acquire(&cc__plugged_observer);
    cc__request_t request = {.pointer = pointer, .size = size, .bytes = size};
    return (observer != NULL ? observer : &plugged)->reallocate(&plugged, &request);
}

static void give(void *pointer) {
    const cc__allocator_t *observer = cc__load_acquire(&cc__plugged_observer);
    cc__request_t request = {.pointer = pointer};
    (observer != NULL ? observer : &plugged)->release(&plugged, &request);
}

static void test_the_observer_is_there_while_a_profile_looks(void) {
    CHECK(cc__load_acquire(&cc__plugged_observer) == NULL);
    cc_profile_t *other = start_exact(BIT_RUNTIME);
    CHECK(cc__load_acquire(&cc__plugged_observer) == NULL);
    cc_profile_t *profile = start_exact(BIT_SQLITE);
    CHECK(cc__load_acquire(&cc__plugged_observer) != NULL);
    cc_profile_free(profile);
    cc_profile_free(other);
    CHECK(cc__load_acquire(&cc__plugged_observer) == NULL);
}

static void test_each_call_counts_once(void) {
    cc_profile_t *profile = start_exact(BIT_ALL);
    calls = 0;
    void *small = take(3), *large = take(70000);
    CHECK_EQUAL(asked, 70000);
    void *tiny = take(5);
    CHECK_EQUAL(asked, 9); /* so that no two blocks share a granule */
    large = move(large, 80000);
    refuse = true;
    CHECK(take(10) == NULL && move(large, 90000) == NULL);
    refuse = false;
    give(small);
    CHECK_EQUAL(calls, 7);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    const cc_profile_domain_t *domain = &snapshot->domains[CC_PROFILE_SQLITE];
    CHECK_DOUBLE(snapshot->alloc_count, 4);
    CHECK_DOUBLE(snapshot->free_count, 2);
    CHECK_DOUBLE(snapshot->failed, 2);
    CHECK_DOUBLE(domain->alloc_bytes, 3 + 70000 + 5 + 80000);
    CHECK_DOUBLE(domain->free_bytes, 3 + 70000);
    cc_profile_snapshot_free(snapshot);
    give(tiny);
    give(large);
    cc_profile_free(profile);
}

static void test_block_bytes_are_by_the_allocator_that_was_plugged_in_last(void) {
    const cc__allocator_t *before = cc__load_acquire(&cc__plugged_last);
    cc_profile_t *profile = start_exact(BIT_SQLITE);
    void *blocks[] = {take(1), take(40), take(104), take(500)};
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    if (before == NULL) CHECK_DOUBLE(snapshot->domains[CC_PROFILE_SQLITE].alloc_block_bytes, 8 + 40 + 104 + 504);
    cc_profile_snapshot_free(snapshot);
    cc__store_release(&cc__plugged_last, &plugged);
    snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->domains[CC_PROFILE_SQLITE].alloc_block_bytes, 100 + 100 + 200 + 600);
    cc_profile_snapshot_free(snapshot);
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) give(blocks[i]);
    cc_profile_free(profile);
    cc__store_release(&cc__plugged_last, before);
}

int main(void) {
    RUN(test_the_observer_is_there_while_a_profile_looks);
    RUN(test_each_call_counts_once);
    RUN(test_block_bytes_are_by_the_allocator_that_was_plugged_in_last);
    return 0;
}
