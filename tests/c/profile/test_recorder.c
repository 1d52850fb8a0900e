/* test_recorder.c: a child of a profiled process with threads reads, stops and frees; the parent does not notice.
 * variants: release debug asan */
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_allocators.h"

enum { THREADS = 3 };
static atomic_bool done;
static cc_profile_t *profile;

/* RAW is libc's malloc, which is safe in a child; so is nothing else with other threads inside. */
static void keep_allocating(size_t index, void *unused) {
    (void)unused;
    void *blocks[64] = {NULL};
    uint64_t state = index + 1;
    while (!atomic_load(&done)) {
        unsigned at = check_random(&state) % 64;
        if (blocks[at] != NULL) domain_free(CC_PROFILE_RAW, blocks[at], 0);
        blocks[at] = domain_alloc(CC_PROFILE_RAW, 1 + check_random(&state) % 1000);
        if (check_random(&state) % 64 == 0) (void)usleep(50);
        if (check_random(&state) % 20000 == 0) cc_profile_free(start_exact(BIT_RAW)); /* takes all locks */
        if (check_random(&state) % 1000 == 0) (void)cc_profile_wrap(CC_PROFILE_RAW, &fakes[1].below, 0, &fakes[0].top);
    }
    for (unsigned at = 0; at < 64; at++)
        if (blocks[at] != NULL) domain_free(CC_PROFILE_RAW, blocks[at], 0);
}

static void be_a_child(void *block) {
    domain_free(CC_PROFILE_RAW, block, 100);
    void *own = domain_alloc(CC_PROFILE_RAW, 3000);
    cc_profile_snapshot_t *snapshot = read_now(profile);
    size_t alive = 0;
    for (size_t i = 0; i < snapshot->thread_count; i++) {
        alive += snapshot->threads[i].alive;
        if (snapshot->threads[i].alive) CHECK_EQUAL(snapshot->threads[i].native_id, getpid());
    }
    CHECK_EQUAL(alive, 1);
    CHECK(snapshot->current >= 3000);
    cc_profile_snapshot_free(snapshot);
    CHECK_EQUAL(cc_profile_reset(profile), CC_OK);
    domain_free(CC_PROFILE_RAW, own, 3000);
    domain_free(CC_PROFILE_RAW, domain_alloc(CC_PROFILE_RAW, 10), 10);
    snapshot = read_now(profile);
    CHECK_DOUBLE(snapshot->alloc_count, 1);
    CHECK_DOUBLE(snapshot->untracked_frees, 1);
    CHECK_DOUBLE(snapshot->current, 0);
    cc_profile_snapshot_free(snapshot);
    cc_profile_t *inner = start_exact(BIT_ALL);
    cc_profile_free(inner);
    CHECK_EQUAL(cc_profile_wrap(CC_PROFILE_RAW, &fakes[1].below, 0, &fakes[0].top), CC_OK);
    CHECK_EQUAL(cc_profile_stop(profile), CC_OK);
    cc_profile_free(profile);
    profile = start_exact(BIT_RAW);
    domain_free(CC_PROFILE_RAW, domain_alloc(CC_PROFILE_RAW, 10), 10);
    cc_profile_free(profile);
    _exit(0);
}

static void fork_children(size_t index, void *unused) {
    if (index > 0) {
        keep_allocating(index, unused);
        return;
    }
    for (int i = 0; i < (CHECK_DIVISOR > 1 ? 8 : 60); i++) {
        void *block = domain_alloc(CC_PROFILE_RAW, 100);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            (void)alarm(60); /* a deadlock ends as a failure */
            be_a_child(block);
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        domain_free(CC_PROFILE_RAW, block, 100);
    }
    atomic_store(&done, true);
}

static void test_a_storm_of_forks(void) {
    profile = start_exact(BIT_RAW);
    check_threads(THREADS + 1, fork_children, NULL);
    cc_profile_snapshot_t *snapshot = read_now(profile);
    cc_profile_live_t *live = live_now(profile, 1);
    CHECK_DOUBLE(live->count, 0);
    CHECK_EQUAL(snapshot->thread_count, THREADS + 1); /* the children's doings are not here */
    cc_profile_live_free(live);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
}

static void test_the_child_of_a_quiet_process_goes_on(void) {
    profile = start_exact(BIT_RAW);
    void *block = domain_alloc(CC_PROFILE_RAW, 100), *mine = domain_alloc(CC_PROFILE_RAW, 7);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        domain_free(CC_PROFILE_RAW, block, 100);
        cc_profile_snapshot_t *snapshot = read_checked(profile);
        CHECK_DOUBLE(snapshot->alloc_count, 2);
        CHECK_DOUBLE(snapshot->current, 7);
        cc_profile_snapshot_free(snapshot);
        cc_profile_free(profile);
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->current, 107);
    cc_profile_snapshot_free(snapshot);
    domain_free(CC_PROFILE_RAW, block, 100);
    domain_free(CC_PROFILE_RAW, mine, 7);
    cc_profile_free(profile);
}

int main(void) {
    wrap_all();
    RUN(test_the_child_of_a_quiet_process_goes_on);
#if !defined(__SANITIZE_ADDRESS__) /* gcc 12's address sanitizer itself takes locks that a fork does not quiesce */
    RUN(test_a_storm_of_forks);
#else
    (void)test_a_storm_of_forks;
#endif
    return 0;
}
