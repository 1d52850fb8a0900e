/* test_fork.c: base/fork.h: every rank has its part, and a child finds all locks free while other threads take them. */
#include "base/fork.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"

static bool has_part(enum cc__fork_rank rank) {
#if !defined(CC_BACKEND_LIBC)
    if (rank == CC__FORK_HEAPS) return false; /* mimalloc's heaps have no lock of libcc's */
#endif
#if !defined(CC_DEBUG)
    if (rank == CC__FORK_SIZES) return false; /* of debug builds alone */
#endif
    (void)rank;
    return true;
}

static cc__mutex_t *lock_of(const cc__fork_part_t *part, size_t i) {
    return (cc__mutex_t *)(void *)((char *)part->locks + i * part->stride);
}

static void for_each_lock(void (*call)(cc__mutex_t *lock)) {
    for (int rank = 0; rank < CC__FORK_RANKS; rank++) {
        const cc__fork_part_t *part = cc__fork_part(rank);
        for (size_t i = 0; part != NULL && i < part->count; i++) call(lock_of(part, i));
    }
}

static void test_every_rank_has_a_part(void) {
    for (int rank = 0; rank < CC__FORK_RANKS; rank++) {
        const cc__fork_part_t *part = cc__fork_part(rank);
        CHECK_EQUAL(part != NULL, has_part(rank));
        if (part == NULL) continue;
        CHECK_EQUAL(part->count > 0, part->locks != NULL);
        CHECK(part->count <= 1 || part->stride >= sizeof(cc__mutex_t));
        CHECK(part->count > 0 || part->before != NULL || part->in_child != NULL || part->after != NULL);
    }
}

static _Atomic(bool) ended;
static _Atomic(bool) inside; /* the other thread holds all locks: never so in a child */
static _Atomic(uint64_t) rounds;

static void take(cc__mutex_t *lock) {
    cc__mutex_lock(lock);
}

static void release(cc__mutex_t *lock) {
    cc__mutex_unlock(lock);
}

/* Holds all locks most of the time. */
static void *take_all(void *unused) {
    (void)unused;
    while (!cc__load_relaxed(&ended)) {
        for_each_lock(take);
        cc__store_relaxed(&inside, true);
        (void)cc__add_relaxed(&rounds, 1);
        for (int i = 0; i < 100; i++) cc__os_yield();
        cc__store_relaxed(&inside, false);
        for_each_lock(release);
        cc__os_yield();
    }
    return NULL;
}

static int not_free;

static void check_free(cc__mutex_t *lock) {
    if (!cc__mutex_try_lock(lock)) not_free++;
}

static void test_a_child_finds_all_locks_free(void) {
    pthread_t thread;
    CHECK_EQUAL(pthread_create(&thread, NULL, take_all, NULL), 0);
    for (int i = 0; i < 20; i++) {
        uint64_t seen = cc__load_relaxed(&rounds);
        while (cc__load_relaxed(&rounds) < seen + 2) cc__os_yield();
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            not_free = cc__load_relaxed(&inside);
            for_each_lock(check_free);
            _exit(not_free == 0 ? 0 : 1);
        }
        int status;
        CHECK_EQUAL(waitpid(child, &status, 0), child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    cc__store_relaxed(&ended, true);
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
    for_each_lock(check_free);
    CHECK_EQUAL(not_free, 0);
    for_each_lock(release);
}

int main(void) {
    RUN(test_every_rank_has_a_part);
    RUN(test_a_child_finds_all_locks_free);
    return 0;
}
