/* test_fork.c: a child of a process whose other threads allocate all the time. */
#define _GNU_SOURCE
#include "cc/alloc.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"

enum { THREADS = 4 };

static atomic_bool done;
static atomic_uint_fast64_t work_done;

/* Allocates, frees and takes part in everything that has a lock. */
static void storm(size_t index, void *unused) {
    (void)unused;
    uint64_t state = 0x9E3779B97F4A7C15u + index;
    void *blocks[64] = {NULL};
    size_t sizes[64] = {0};
    while (!atomic_load(&done)) {
        size_t at = check_random(&state) % 64;
        cc_free(blocks[at], sizes[at]);
        sizes[at] = 1 + check_random(&state) % 1000;
        blocks[at] = sizes[at] % 2 == 0 ? cc_alloc(sizes[at]) : cc_alloc_node(sizes[at]);
        CHECK(blocks[at] != NULL);
        if (check_random(&state) % 16 == 0) (void)cc_alloc_stats_snapshot();
        if (check_random(&state) % 16 == 0) cc_alloc_stats_enable(true);
        atomic_fetch_add(&work_done, 1);
    }
    for (size_t at = 0; at < 64; at++) cc_free(blocks[at], sizes[at]);
}

static void nothing(size_t index, void *unused) {
    (void)index, (void)unused;
    cc_free(cc_alloc(10), 10);
}

/* Threads begin and end: the registry's lock is taken often. */
static void spawn(size_t index, void *unused) {
    (void)index, (void)unused;
    while (!atomic_load(&done)) {
        check_thread_t thread;
        check_start(&thread, nothing, NULL);
        check_join(&thread);
    }
}

static int use_all_in_child(void *kept) {
    cc_alloc_snapshot_t first = cc_alloc_stats_snapshot();
    if (cc_alloc_stats_enabled() && first.thread_count != 1) return 2; /* the others are not here */
    for (int i = 0; i < 200; i++) {
        void *block = cc_alloc(100), *node = cc_alloc_node(24), *zeroed = cc_calloc(3, 100);
        if (block == NULL || node == NULL || zeroed == NULL) return 3;
        memset(block, 1, 100);
        block = cc_realloc(block, 100, 300);
        if (block == NULL) return 4;
        cc_free(block, 300);
        cc_free_unsized(node);
        cc_free(zeroed, 300);
    }
    cc_free(kept, 77); /* a block of the parent, which the child has a copy of */
    cc_alloc_snapshot_t last = cc_alloc_stats_snapshot();
    if (cc_alloc_stats_enabled() && last.alloc_count != first.alloc_count + 800) return 5;
    if (cc_alloc_stats_enabled() && last.free_count != first.free_count + 801) return 6;
    cc_alloc_stats_enable(false);
    cc_alloc_stats_reset();
    cc_alloc_stats_enable(true);
    if (cc_alloc_select("libc") != CC_OK) return 7;
    cc_free(cc_alloc(50), 50);
    (void)cc_alloc_select("mimalloc");
    return 0;
}

/* How a child ends well. Valgrind would report as lost what only the other threads' stacks lead to. */
static void leave_child(int status) {
#if defined(CHECK_VALGRIND)
    if (status == 0) kill(getpid(), SIGKILL);
#endif
    _exit(status);
}

/* A child that does not come back is killed by its own alarm, which shows as a signal. */
static void check_child(pid_t child) {
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
#if defined(CHECK_VALGRIND)
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return;
#endif
    CHECK_EQUAL(status, 0);
}

static void fork_often(int forks) {
    void *kept = cc_alloc(77);
    CHECK(kept != NULL);
    memset(kept, 0x33, 77);
    uint64_t last_work = 0;
    for (int i = 0; i < forks; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            alarm(60);
            leave_child(use_all_in_child(kept));
        }
        check_child(child);
        for (size_t at = 0; at < 77; at++) CHECK_EQUAL(((unsigned char *)kept)[at], 0x33); /* ours is unharmed */
        while (!atomic_load(&done) && atomic_load(&work_done) == last_work) usleep(100);   /* the parent goes on */
        last_work = atomic_load(&work_done);
    }
    cc_free(kept, 77);
}

static void test_a_child_of_a_single_thread(void) {
    atomic_store(&done, true);
    fork_often(5);
}

static void run_storm(int forks, void (*beside)(size_t, void *)) {
    check_thread_t threads[THREADS];
    cc_alloc_stats_reset();
    cc_alloc_snapshot_t before = cc_alloc_stats_snapshot();
    atomic_store(&done, false);
    for (size_t i = 0; i < THREADS; i++) check_start(&threads[i], i == 0 ? beside : storm, NULL);
    fork_often(forks);
    atomic_store(&done, true);
    for (size_t i = 0; i < THREADS; i++) check_join(&threads[i]);
    cc_alloc_snapshot_t after = cc_alloc_stats_snapshot(); /* nothing of the children shows here */
    CHECK_EQUAL(after.alloc_count, after.free_count);
    CHECK_EQUAL(after.alloc_bytes, after.free_bytes);
    CHECK_EQUAL(after.current_block_bytes, 0);
    CHECK_EQUAL(after.thread_count, before.thread_count);
}

static void test_children_of_a_storm(void) {
    run_storm(SCALED(200), storm);
}

static void test_children_while_threads_begin_and_end(void) {
    run_storm(SCALED(200), spawn);
}

static void test_a_child_may_start_threads(void) {
    cc_alloc_snapshot_t before = cc_alloc_stats_snapshot();
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(60);
        check_threads(4, nothing, NULL);
        cc_alloc_snapshot_t after = cc_alloc_stats_snapshot();
        CHECK_EQUAL(after.alloc_count, before.alloc_count + (cc_alloc_stats_enabled() ? 4 : 0));
        CHECK_EQUAL(after.thread_count, before.thread_count);
        leave_child(0);
    }
    check_child(child);
}

int main(void) {
    cc_alloc_stats_enable(true);
    cc_free(cc_alloc(1), 1);
    RUN(test_a_child_may_start_threads);
    RUN(test_a_child_of_a_single_thread);
#if !defined(__SANITIZE_ADDRESS__) /* gcc 12's address sanitizer itself takes locks that a fork does not quiesce */
    RUN(test_children_of_a_storm);
    RUN(test_children_while_threads_begin_and_end);
#else
    (void)test_children_of_a_storm, (void)test_children_while_threads_begin_and_end;
#endif
    return 0;
}
