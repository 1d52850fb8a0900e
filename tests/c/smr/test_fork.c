/* test_fork.c: a child of a process whose threads retire, scan, come and go. (The sanitizers take locks of their own
 * that a fork does not quiesce.)
 * variants: release debug nostats valgrind */
#define _GNU_SOURCE
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stress.h"

enum { THREADS = 3, FORKS = 60 };

static cc_smr_t *domains[CC_SMR_NONE + 1];
static atomic_bool done;

static void storm(size_t index, void *unused) {
    (void)unused;
    uint64_t state = 0x9E3779B97F4A7C15u + index;
    while (!atomic_load(&done)) {
        cc_smr_thread_t *self = cc_smr_self(domains[CC_SMR_IBR + check_random(&state) % 3]);
        CHECK(self != NULL);
        cc_smr_enter(self);
        for (int i = 0; i < 20; i++) give_up(self, make_node(self, 1));
        cc_smr_exit(self);
        if (check_random(&state) % 64 == 0) cc_smr_detach(self);
    }
}

static int use_all_in_child(bool inside) {
    for (int scheme = CC_SMR_IBR; scheme <= CC_SMR_EPOCH; scheme++) {
        cc_smr_thread_t *self = cc_smr_self(domains[scheme]);
        if (self == NULL) return 2;
        if (inside && self->lower == CC_SMR_IDLE) return 3; /* the forking thread's section goes on */
        if (inside) cc_smr_exit(self);
        cc_smr_stats_t stats;
        if (cc_smr_stats(cc_smr_id(domains[scheme]), &stats) != CC_OK) return 4;
        if (stats.threads != 1) return 5; /* the others are not here */
        if (stats.oldest_epoch != stats.epoch) return 6;
        uint64_t before = atomic_load(&nodes_freed);
        for (int i = 0; i < 1000; i++) give_up(self, make_node(self, 1));
        if (cc_smr_drain(self, 0) != CC_OK) return 7; /* and hold nothing back */
        if (atomic_load(&nodes_freed) < before + 1000) return 8;
        if (cc_smr_destroy(domains[scheme]) != CC_OK) return 9;
    }
    run_stress(CC_SMR_IBR, NULL, 2, 500);
    return 0;
}

/* How a child ends well. Valgrind would report as lost what the other threads were just changing. */
static void leave_child(int status) {
    if (status == 0) kill(getpid(), SIGKILL);
    _exit(status);
}

static void *fork_often(void *unused) {
    (void)unused;
    cc_smr_thread_t *self[CC_SMR_NONE + 1];
    for (int scheme = CC_SMR_IBR; scheme <= CC_SMR_EPOCH; scheme++)
        CHECK((self[scheme] = cc_smr_self(domains[scheme])) != NULL);
    for (int i = 0; i < SCALED(FORKS); i++) {
        bool inside = i % 2 == 1;
        for (int scheme = CC_SMR_IBR; inside && scheme <= CC_SMR_EPOCH; scheme++) cc_smr_enter(self[scheme]);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) leave_child(use_all_in_child(inside));
        for (int scheme = CC_SMR_IBR; inside && scheme <= CC_SMR_EPOCH; scheme++) cc_smr_exit(self[scheme]);
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
            fprintf(stderr, "child %d: status %#x\n", i, (unsigned)status);
            _Exit(1);
        }
    }
    atomic_store(&done, true);
    return NULL;
}

static void test_fork(void) {
    /* A child relies on no lock of mimalloc's being held at the fork; glibc's malloc is sure of it. */
    (void)cc_alloc_select("libc");
    for (int scheme = CC_SMR_IBR; scheme <= CC_SMR_EPOCH; scheme++) {
        cc_smr_options_t options = cc_smr_options();
        options.batch_nodes = 50;
        CHECK((domains[scheme] = cc_smr_create((cc_smr_scheme_t)scheme, &options)) != NULL);
    }
    pthread_t forker;
    CHECK(pthread_create(&forker, NULL, fork_often, NULL) == 0);
    check_threads(THREADS, storm, NULL);
    CHECK(pthread_join(forker, NULL) == 0);
    for (int scheme = CC_SMR_IBR; scheme <= CC_SMR_EPOCH; scheme++) CHECK_EQUAL(cc_smr_destroy(domains[scheme]), CC_OK);
}

int main(void) {
    RUN(test_fork);
    return 0;
}
