/* test_os.c: base/os.h. */
#define _GNU_SOURCE
#include "base/os.h"

#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"
#include "base/atomics.h"

static void test_map_is_zeroed_writable_and_page_aligned(void) {
    static const size_t sizes[] = {1, 100, 4096, 4097, 1 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *bytes = cc__os_map(sizes[i]);
        CHECK(bytes != NULL);
        CHECK_EQUAL((uintptr_t)bytes % 4096, 0);
        for (size_t at = 0; at < sizes[i]; at++) CHECK_EQUAL(bytes[at], 0);
        memset(bytes, 0xA5, sizes[i]);
        cc__os_unmap(bytes, sizes[i]);
    }
}

static void test_map_takes_no_memory_until_it_is_touched(void) {
#if defined(__SANITIZE_THREAD__) || defined(CHECK_VALGRIND) || defined(CHECK_EMULATED)
    size_t size = (size_t)1 << 30; /* their own address space is smaller; an emulator notes each page */
#else
    size_t size = (size_t)1 << 40;
#endif
    unsigned char *bytes = cc__os_map(size);
    CHECK(bytes != NULL);
    bytes[0] = bytes[size - 1] = 1;
    cc__os_unmap(bytes, size);
}

static void test_map_without_room_is_null(void) {
    CHECK(cc__os_map(check_hide(SIZE_MAX / 2)) == NULL);
}

static void test_discarded_memory_reads_as_zeros(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *bytes = cc__os_map(3 * page);
    CHECK(bytes != NULL);
    memset(bytes, 0xA5, 3 * page);
    cc__os_discard(bytes + page, page);
    for (size_t at = 0; at < 3 * page; at++) CHECK_EQUAL(bytes[at], at / page == 1 ? 0 : 0xA5);
    bytes[page] = 1; /* still writable */
    cc__os_unmap(bytes, 3 * page);
}

static void test_reserved_pages(void) {
    enum { ALIGNMENT = 65536 };
    size_t page = cc__os_page_size(), size = 5 * page;
    CHECK_EQUAL(page, sysconf(_SC_PAGESIZE));
    for (int i = 0; i < 20; i++) {
        unsigned char *bytes = cc__os_reserve(NULL, size, ALIGNMENT);
        CHECK(bytes != NULL);
        CHECK_EQUAL((uintptr_t)bytes % ALIGNMENT, 0);
        CHECK(cc__os_reserve(bytes, size, ALIGNMENT) == NULL); /* it is taken */
        CHECK_EQUAL(cc__os_protect(bytes + page, 2 * page, CC__OS_READ | CC__OS_WRITE), CC_OK);
        CHECK(bytes[page] == 0 && bytes[3 * page - 1] == 0);
        memset(bytes + page, 7, 2 * page);
        CHECK_EQUAL(cc__os_protect(bytes + page, page, CC__OS_READ), CC_OK);
        CHECK_EQUAL(bytes[page], 7);
        CHECK_EQUAL(cc__os_decommit(bytes + page, page), CC_OK);
        CHECK_EQUAL(cc__os_protect(bytes + page, page, CC__OS_READ | CC__OS_WRITE), CC_OK);
        CHECK(bytes[page] == 0 && bytes[2 * page] == 7);
        cc__os_reset(bytes + page, 2 * page);
        bytes[page] = 8;
        CHECK_EQUAL(bytes[page], 8);
        cc__os_unmap(bytes, size);
        CHECK(cc__os_reserve(bytes, size, ALIGNMENT) == bytes); /* where it was asked for */
        cc__os_unmap(bytes, size);
    }
    CHECK(cc__os_reserve(NULL, check_hide(SIZE_MAX / 2) & ~(page - 1), ALIGNMENT) == NULL);
}

static void test_locked_pages(void) {
    size_t page = cc__os_page_size();
    void *bytes = cc__os_map(page);
    CHECK_EQUAL(cc__os_lock(bytes, page), CC_OK);
    cc__os_unlock(bytes, page);
    cc__os_unmap(bytes, page);
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(CHECK_VALGRIND)                                  /* where it does nothing */
    CHECK_EQUAL(cc__os_lock(bytes, page), CC_ERROR_ARGUMENT); /* nothing is there */
#endif
}

static void test_clocks(void) {
    uint64_t last = cc__os_monotonic_ns(), coarse = cc__os_coarse_ns();
    CHECK(last > 0);
    CHECK(coarse > 0);
    for (int i = 0; i < 1000; i++) {
        uint64_t now = cc__os_monotonic_ns();
        CHECK(now >= last);
        CHECK(cc__os_coarse_ns() <= cc__os_monotonic_ns());
        CHECK(cc__os_coarse_ns() >= coarse);
        last = now;
    }
    CHECK(cc__os_wall_ns() > 1600000000u * (uint64_t)1000000000u); /* after 2020 */
}

static void note_thread_id(size_t index, void *ids) {
    ((uint64_t *)ids)[index] = cc__os_thread_id();
    CHECK_EQUAL(cc__os_thread_id(), ((uint64_t *)ids)[index]);
}

static void test_thread_ids(void) {
    uint64_t id = 0;
    check_threads(1, note_thread_id, &id);
    CHECK(id != cc__os_thread_id());
#if defined(__linux__)
    CHECK_EQUAL(cc__os_thread_id(), (uint64_t)getpid());
#endif
}

static void test_resident_bytes(void) {
    size_t current = 0, peak = 0;
    int status = cc_resident_bytes(&current, &peak);
#if defined(__linux__)
    CHECK_EQUAL(status, CC_OK);
    CHECK(current > 0 && current <= peak);
    enum { TOUCHED = 32 << 20 };
    unsigned char *bytes = cc__os_map(TOUCHED);
    CHECK(bytes != NULL);
    memset(bytes, 1, TOUCHED);
    size_t grown = 0;
    CHECK_EQUAL(cc_resident_bytes(&grown, &peak), CC_OK);
    CHECK(grown >= current + TOUCHED / 2 && peak >= grown);
    cc__os_unmap(bytes, TOUCHED);
#else
    CHECK(status == CC_OK || status == CC_ERROR_SUPPORT);
#endif
}

static cc__mutex_t mutex;
static uint64_t guarded;

static void add_under_mutex(size_t index, void *unused) {
    (void)unused;
    for (int i = 0; i < SCALED(100000); i++) {
        if (index % 2 == 0) {
            cc__mutex_lock(&mutex);
        } else {
            while (!cc__mutex_try_lock(&mutex)) sched_yield();
        }
        guarded++;
        cc__mutex_unlock(&mutex);
    }
}

static void test_mutex_excludes(void) {
    check_threads(4, add_under_mutex, NULL);
    CHECK_EQUAL(guarded, 4 * (uint64_t)SCALED(100000));
}

static void test_try_lock_tells(void) {
    cc__mutex_t one;
    memset(&one, 0, sizeof one);
    CHECK(cc__mutex_try_lock(&one));
    CHECK(!cc__mutex_try_lock(&one));
    CHECK(!cc__mutex_try_lock(&one));
    cc__mutex_unlock(&one);
    CHECK(cc__mutex_try_lock(&one));
    cc__mutex_unlock(&one);
    cc__mutex_lock(&one);
    cc__mutex_unlock(&one);
}

static _Atomic(int) exits;

static void count_exit(void *value) {
    int *again = value;
    (void)cc__add_relaxed(&exits, 1);
    if ((*again)-- > 0) CHECK_EQUAL(cc__os_at_thread_exit(count_exit, again), CC_OK);
}

static void ask_for_exit(size_t index, void *values) {
    CHECK_EQUAL(cc__os_at_thread_exit(count_exit, (int *)values + index), CC_OK);
}

static void test_thread_exit_function_runs_and_may_ask_again(void) {
    int again[4] = {0, 1, 2, 0};
    check_threads(4, ask_for_exit, again);
    CHECK_EQUAL(exits, 4 + 1 + 2);
}

static char order[8];

static void note(char what) {
    order[strlen(order)] = what;
}

static void before_fork(void) {
    note('b');
}

static void in_parent(void) {
    note('p');
}

static void in_child(void) {
    note('c');
}

static void test_fork_handlers(void) {
    CHECK_EQUAL(cc__os_at_fork(before_fork, in_parent, in_child), CC_OK);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) _exit(strcmp(order, "bc") == 0 ? 0 : 1);
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQUAL(status, 0);
    CHECK(strcmp(order, "bp") == 0);
}

static _Atomic(uint32_t) word;

static void sleep_on_word(size_t index, void *unused) {
    (void)index, (void)unused;
    while (cc__load_acquire(&word) == 1) CHECK_EQUAL(cc__os_wait(&word, 1, UINT64_MAX), CC_OK);
}

static void test_waiting_for_a_word(void) {
    CHECK_EQUAL(cc__os_wait(&word, 7, UINT64_MAX), CC_OK); /* it is not 7 */
    uint64_t began = cc__os_monotonic_ns();
    int status;
    while ((status = cc__os_wait(&word, 0, 5000000)) == CC_OK) {} /* it may wake without a reason */
    CHECK_EQUAL(status, CC_ERROR_LIMIT);
    CHECK(cc__os_monotonic_ns() - began >= 4900000);
    cc__store_release(&word, 1);
    check_thread_t threads[3];
    for (int i = 0; i < 3; i++) check_start(&threads[i], sleep_on_word, NULL);
    cc__os_sleep(1000000); /* most often they sleep by then */
    cc__os_wake(&word, false);
    cc__store_release(&word, 2);
    cc__os_wake(&word, true);
    for (int i = 0; i < 3; i++) check_join(&threads[i]);
}

int main(void) {
    RUN(test_map_is_zeroed_writable_and_page_aligned);
    RUN(test_map_takes_no_memory_until_it_is_touched);
    RUN(test_map_without_room_is_null);
    RUN(test_discarded_memory_reads_as_zeros);
    RUN(test_reserved_pages);
    RUN(test_locked_pages);
    RUN(test_clocks);
    RUN(test_thread_ids);
    RUN(test_resident_bytes);
    RUN(test_mutex_excludes);
    RUN(test_try_lock_tells);
    RUN(test_thread_exit_function_runs_and_may_ask_again);
    RUN(test_fork_handlers);
    RUN(test_waiting_for_a_word);
    return 0;
}
