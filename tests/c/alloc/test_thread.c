/* test_thread.c: the thread registry of alloc/alloc_internal.h: identity, exit, reuse, names. */
#include "alloc/alloc_internal.h"

#include <stdatomic.h>

#include "../check.h"

static size_t count_records(void) {
    size_t count = 0;
    for (cc__thread_t *thread = cc__thread_first(); thread != NULL; thread = thread->next) count++;
    return count;
}

static size_t count_living(void) {
    return (size_t)cc_alloc_stats_snapshot().thread_count;
}

static void test_a_record_belongs_to_its_thread(void) {
    CHECK(cc__thread_self == NULL);
    CHECK_EQUAL(count_living(), 0);
    cc__thread_t *self = cc__thread_get();
    CHECK(self != NULL && self == cc__thread_self && self == cc__thread_get());
    CHECK_EQUAL(self->id, 1); /* the first */
    CHECK_EQUAL(self->native_id, cc__os_thread_id());
    CHECK(self->alive);
    CHECK(self->name[0] == 0);
    for (int slot = 0; slot < CC__SLOT_COUNT; slot++) CHECK(self->slots[slot] == NULL);
    CHECK_EQUAL((uintptr_t)&self->counters % CC_CACHE_LINE_SIZE, 0);
    CHECK_EQUAL(sizeof *self % CC_CACHE_LINE_SIZE, 0); /* records share no line */
    CHECK_EQUAL(count_living(), 1);
}

typedef struct seen {
    cc__thread_t *record;
    uint64_t id;
} seen_t;

static void note_record(size_t index, void *argument) {
    seen_t *seen = (seen_t *)argument + index;
    seen->record = cc__thread_get();
    CHECK(seen->record != NULL);
    seen->id = seen->record->id;
    CHECK(seen->record->alive);
    CHECK_EQUAL(seen->record->native_id, cc__os_thread_id());
    CHECK(seen->record->slots[CC__SLOT_SMR] == NULL && seen->record->observer_state == 0);
    CHECK(seen->record->name[0] == 0);
    seen->record->observer_state = 77; /* must not reach the next owner */
    CHECK(cc__thread_set_name(cc__os_thread_id(), "somebody"));
}

static void test_records_are_reused_and_ids_never(void) {
    uint64_t last_id = cc__thread_get()->id;
    size_t records = count_records();
    for (int round = 0; round < 50; round++) {
        seen_t seen = {NULL, 0};
        check_threads(1, note_record, &seen);
        CHECK(seen.id > last_id);
        last_id = seen.id;
        CHECK_EQUAL(count_living(), 1);
    }
    CHECK(count_records() <= records + 1);
}

static void test_threads_at_once_have_records_of_their_own(void) {
    seen_t seen[100];
    check_threads(100, note_record, seen);
    for (size_t i = 0; i < 100; i++)
        for (size_t j = 0; j < i; j++) CHECK(seen[i].id != seen[j].id);
    CHECK_EQUAL(count_living(), 1);
}

static pthread_barrier_t all_attached;

static void attach_and_wait(size_t index, void *argument) {
    note_record(index, argument);
    (void)pthread_barrier_wait(&all_attached);
    if (index == 0) CHECK_EQUAL(count_living(), 101);
    (void)pthread_barrier_wait(&all_attached);
}

static void test_a_hundred_living_threads(void) {
    static seen_t seen[100];
    for (int round = 0; round < 2; round++) {
        CHECK(pthread_barrier_init(&all_attached, NULL, 100) == 0);
        check_threads(100, attach_and_wait, seen);
        pthread_barrier_destroy(&all_attached);
        for (size_t i = 0; i < 100; i++)
            for (size_t j = 0; j < i; j++) CHECK(seen[i].record != seen[j].record);
    }
    CHECK_EQUAL(count_living(), 1);
    CHECK(count_records() <= 101);
}

static atomic_int exits_seen;

static void at_exit(cc__thread_t *thread) {
    CHECK(thread == cc__thread_self); /* while the thread still owns it */
    CHECK(thread->alive);
    CHECK(thread->slots[CC__SLOT_SMR] == (void *)&exits_seen);
    cc_free(cc_alloc(10), 10); /* and may still use the library */
    atomic_fetch_add(&exits_seen, 1);
}

static void use_slot(size_t index, void *unused) {
    (void)unused;
    cc__thread_t *thread = cc__thread_get();
    CHECK(thread != NULL);
    if (index % 2 == 0) thread->slots[CC__SLOT_SMR] = &exits_seen;
}

static void test_exit_functions_run_where_the_slot_is_used(void) {
    cc__thread_at_exit(CC__SLOT_SMR, at_exit);
    check_threads(6, use_slot, NULL);
    CHECK_EQUAL(atomic_load(&exits_seen), 3);
}

static pthread_key_t later_key;
static atomic_int late_calls;
static int late_rounds;

/* A destructor of a key made after the library's: it runs when the library has let the thread go. */
static void allocate_late(void *value) {
    size_t round = (size_t)(uintptr_t)value;
    atomic_fetch_add(&late_calls, 1);
    void *block = cc_alloc(100);
    void *node = cc_alloc_node(24);
    CHECK(block != NULL && node != NULL);
    memset(block, 1, 100);
    cc_free(node, 24);
    cc_free(block, 100);
    if (round < (size_t)late_rounds) CHECK(pthread_setspecific(later_key, (void *)(uintptr_t)(round + 1)) == 0);
}

static void end_late(size_t index, void *unused) {
    (void)index, (void)unused;
    cc_free(cc_alloc(50), 50);
    CHECK(pthread_setspecific(later_key, (void *)1) == 0);
}

static void test_destructors_after_ours_may_allocate(void) {
    cc_alloc_stats_enable(true);
    CHECK(pthread_key_create(&later_key, allocate_late) == 0);
    size_t records = 0;
#if defined(__SANITIZE_THREAD__)
    int most = 2; /* the sanitizer itself does not survive the last round of destructors */
#else
    int most = 6; /* beyond PTHREAD_DESTRUCTOR_ITERATIONS, which is 4 */
#endif
    for (late_rounds = 1; late_rounds <= most; late_rounds++) {
        atomic_store(&late_calls, 0);
        cc_alloc_stats_reset();
        for (int round = 0; round < 20; round++) check_threads(4, end_late, NULL);
        cc_alloc_snapshot_t found = cc_alloc_stats_snapshot();
        if (cc_alloc_stats_enabled()) {
            CHECK_EQUAL(found.alloc_count, 80 + 2 * (uint64_t)late_calls);
            CHECK_EQUAL(found.alloc_bytes, 80 * 50 + 124 * (uint64_t)late_calls);
        }
        CHECK_EQUAL(found.free_count, found.alloc_count);
        CHECK_EQUAL(found.current_allocated, 0);
        CHECK_EQUAL(found.current_block_bytes, 0);
        CHECK_EQUAL(found.thread_count, 1); /* none of them is left behind */
        if (late_rounds == 1) records = count_records();
        CHECK(count_records() <= records);
    }
    CHECK(pthread_key_delete(later_key) == 0);
}

static void allocate_once(size_t index, void *unused) {
    (void)index, (void)unused;
    cc_free(cc_alloc(50), 50);
}

static void test_totals_outlive_their_threads(void) {
    seen_t seen = {NULL, 0};
    cc_alloc_stats_enable(true);
    if (!cc_alloc_stats_enabled()) return;
    cc_alloc_stats_reset();
    check_threads(1, note_record, &seen);
    uint64_t before = cc__load_relaxed(&seen.record->counters.alloc_count);
    check_threads(1, allocate_once, NULL);
    CHECK_EQUAL(cc__load_relaxed(&seen.record->counters.alloc_count),
                before + 1); /* it goes on counting in the same record */
    CHECK_EQUAL(cc_alloc_stats_snapshot().alloc_count, 1);
}

static void wait_named(size_t index, void *native_id) {
    (void)index;
    CHECK(cc__thread_get() != NULL);
    atomic_store((_Atomic(uint64_t) *)native_id, cc__os_thread_id());
    (void)pthread_barrier_wait(&all_attached);
    (void)pthread_barrier_wait(&all_attached);
}

static const char *name_of(uint64_t native_id) {
    for (cc__thread_t *thread = cc__thread_first(); thread != NULL; thread = thread->next)
        if (thread->alive && thread->native_id == native_id) return thread->name;
    return NULL;
}

static void test_names(void) {
    char text[3 * CC__THREAD_NAME_SIZE];
    uint64_t own = cc__os_thread_id();
    CHECK(cc__thread_set_name(own, "main"));
    CHECK(strcmp(cc__thread_get()->name, "main") == 0);
    CHECK(cc__thread_set_name(own, ""));
    CHECK(cc__thread_get()->name[0] == 0);
    CHECK(!cc__thread_set_name(UINT64_MAX, "nobody"));

    memset(text, 'x', sizeof text);
    text[CC__THREAD_NAME_SIZE - 1] = 0; /* the longest that fits */
    CHECK(cc__thread_set_name(own, text));
    CHECK(strcmp(cc__thread_get()->name, text) == 0);
    text[CC__THREAD_NAME_SIZE - 1] = 'x';
    text[CC__THREAD_NAME_SIZE] = 0; /* one too many */
    CHECK(cc__thread_set_name(own, text));
    CHECK_EQUAL(strlen(cc__thread_get()->name), CC__THREAD_NAME_SIZE - 1);

    static const char *const letters[] = {"\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"}; /* of two to four bytes */
    for (size_t i = 0; i < 3; i++) {
        for (size_t shift = 0; shift < 4; shift++) {
            size_t length = strlen(letters[i]);
            memset(text, 'y', shift);
            for (size_t at = shift; at < 2 * CC__THREAD_NAME_SIZE; at += length)
                memcpy(text + at, letters[i], length + 1);
            CHECK(cc__thread_set_name(own, text));
            size_t kept = strlen(cc__thread_get()->name);
            CHECK(kept < CC__THREAD_NAME_SIZE && kept + length >= CC__THREAD_NAME_SIZE);
            CHECK_EQUAL((kept - shift) % length, 0); /* whole letters */
            CHECK(memcmp(cc__thread_get()->name, text, kept) == 0);
        }
    }

    _Atomic(uint64_t) other = 0;
    check_thread_t thread;
    CHECK(pthread_barrier_init(&all_attached, NULL, 2) == 0);
    check_start(&thread, wait_named, &other);
    (void)pthread_barrier_wait(&all_attached);
    CHECK(cc__thread_set_name(atomic_load(&other), "worker"));
    CHECK(strcmp(name_of(atomic_load(&other)), "worker") == 0);
    (void)pthread_barrier_wait(&all_attached);
    check_join(&thread);
    pthread_barrier_destroy(&all_attached);
    CHECK(!cc__thread_set_name(atomic_load(&other), "gone"));
}

int main(void) {
    RUN(test_a_record_belongs_to_its_thread);
    RUN(test_records_are_reused_and_ids_never);
    RUN(test_threads_at_once_have_records_of_their_own);
    RUN(test_a_hundred_living_threads);
    RUN(test_exit_functions_run_where_the_slot_is_used);
    RUN(test_destructors_after_ours_may_allocate);
    RUN(test_totals_outlive_their_threads);
    RUN(test_names);
    return 0;
}
