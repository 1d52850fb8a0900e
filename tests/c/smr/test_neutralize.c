/* test_neutralize.c: DEBRA+'s signals: a stalled search is interrupted and begins anew, what is not a search is
 * waited for, and a signal that is blocked, ignored or handled by others is noticed. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cc/smr.h"

#include "../check.h"

static cc_smr_t *domain;
static atomic_uint_fast64_t freed, chained;

static void count_free(void *node, size_t size) {
    atomic_fetch_add(&freed, 1);
    cc_smr_free_node(node, size);
}

static void retire_one(cc_smr_thread_t *self) {
    void *node = cc_smr_alloc_node(self, 24);
    CHECK(node != NULL);
    cc_smr_retire(self, node, 24, count_free);
}

static cc_smr_stats_t stats_now(void) {
    cc_smr_stats_t stats;
    CHECK_EQUAL(cc_smr_stats(cc_smr_id(domain), &stats), CC_OK);
    return stats;
}

/* A reader that stays inside until told to leave. */
typedef struct {
    atomic_bool inside, leave;
    bool searches, blocks;
    atomic_uint begun; /* searches */
    check_thread_t thread;
} reader_t;

static void stay(reader_t *reader, cc_smr_thread_t *self) {
    cc_smr_enter(self);
    if (reader->searches) CC_SMR_SEARCH(self);
    atomic_fetch_add(&reader->begun, 1);
    atomic_store(&reader->inside, true); /* no barrier: a wait that is cut short would leave it broken */
    while (!atomic_load(&reader->leave)) usleep(500);
    if (reader->searches) cc_smr_search_end(self);
    cc_smr_exit(self);
}

static void read_inside(size_t index, void *argument) {
    (void)index;
    reader_t *reader = (reader_t *)argument;
    sigset_t urgent;
    sigemptyset(&urgent);
    sigaddset(&urgent, SIGURG);
    if (reader->blocks) CHECK(pthread_sigmask(SIG_BLOCK, &urgent, NULL) == 0);
    cc_smr_thread_t *self = cc_smr_self(domain);
    CHECK(self != NULL);
    stay(reader, self);
    CHECK_EQUAL(self->lower, CC_SMR_IDLE);
    CHECK_EQUAL(self->searching, 0);
    if (reader->blocks) {
        CHECK(pthread_sigmask(SIG_UNBLOCK, &urgent, NULL) == 0); /* it comes now, to no harm */
        return;
    }
    sigset_t mask;
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
    CHECK_EQUAL(sigismember(&mask, SIGURG), 0); /* the jump out of the handler left nothing blocked */
}

static cc_smr_thread_t *begin(reader_t *reader) {
    cc_smr_options_t options = cc_smr_options();
    options.stall_threshold = 3;
    atomic_store(&freed, 0);
    domain = cc_smr_create(CC_SMR_DEBRA, &options);
    CHECK(domain != NULL);
    cc_smr_thread_t *self = cc_smr_self(domain);
    check_start(&reader->thread, read_inside, reader);
    while (!atomic_load(&reader->inside)) usleep(100);
    retire_one(self);
    return self;
}

static void finish(reader_t *reader, cc_smr_thread_t *self) {
    atomic_store(&reader->leave, true);
    check_join(&reader->thread);
    CHECK_EQUAL(cc_smr_drain(self, 0), CC_OK);
    CHECK_EQUAL(freed, 1);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
}

static const uint64_t LONG = UINT64_C(60000000000);

/* Drains in vain until the reader counts as stalled and was dealt with. */
static void drain_in_vain(cc_smr_thread_t *self) {
    for (int i = 0; i < 10; i++) CHECK_EQUAL(cc_smr_drain(self, 0), CC_ERROR_LIMIT); /* each advances the epoch */
    CHECK_EQUAL(freed, 0);
}

static void test_a_stalled_search_begins_anew(void) {
    reader_t reader = {.searches = true};
    cc_smr_thread_t *self = begin(&reader);
    CHECK_EQUAL(cc_smr_drain(self, LONG), CC_OK); /* though it searches to this day, in a new section */
    CHECK_EQUAL(freed, 1);
    atomic_store(&reader.leave, true);
    check_join(&reader.thread);
    cc_smr_stats_t stats = stats_now();
    CHECK(stats.neutralizations >= 1);
    CHECK_EQUAL(atomic_load(&reader.begun), 1 + stats.neutralizations);
    CHECK(stats.signals >= stats.neutralizations);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
}

static void test_other_parts_of_a_section_are_waited_for(void) {
    reader_t reader = {.searches = false};
    cc_smr_thread_t *self = begin(&reader);
    drain_in_vain(self);
    cc_smr_stats_t stats = stats_now();
    CHECK_EQUAL(stats.neutralizations, 0);
    CHECK_EQUAL(stats.stalled_threads, 1);
    CHECK(stats.fallbacks >= 1);
    finish(&reader, self);
    CHECK_EQUAL(atomic_load(&reader.begun), 1);
}

static void test_a_blocked_signal_is_noticed(void) {
    reader_t reader = {.searches = true, .blocks = true};
    cc_smr_thread_t *self = begin(&reader);
    drain_in_vain(self);
    cc_smr_stats_t stats = stats_now();
    CHECK_EQUAL(stats.fallbacks, 1);
    CHECK_EQUAL(stats.signals, 1);
    cc_smr_thread_stats_t rows[2];
    CHECK_EQUAL(cc_smr_thread_stats(cc_smr_id(domain), rows, 2), 2);
    CHECK_EQUAL(rows[0].deaf + rows[1].deaf, 1);
    CHECK_EQUAL(rows[0].stalled + rows[1].stalled, 1);
    drain_in_vain(self);
    CHECK_EQUAL(stats_now().signals, 1); /* no more are sent to the deaf */
    finish(&reader, self);
    CHECK_EQUAL(atomic_load(&reader.begun), 1);
}

static void ignore(int number) {
    (void)number;
}

static void test_a_replaced_handler_is_noticed(void) {
    struct sigaction other = {.sa_handler = ignore}, ours;
    CHECK(sigaction(SIGURG, &other, &ours) == 0);
    reader_t reader = {.searches = true};
    cc_smr_thread_t *self = begin(&reader);
    drain_in_vain(self);
    CHECK(stats_now().fallbacks >= 1);
    CHECK_EQUAL(stats_now().signals, 0);
    CHECK(sigaction(SIGURG, &ours, NULL) == 0);
    CHECK_EQUAL(cc_smr_drain(self, LONG), CC_OK); /* and back in force */
    atomic_store(&reader.leave, true);
    check_join(&reader.thread);
    CHECK(stats_now().neutralizations >= 1);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
}

static void count_chained(int number, siginfo_t *information, void *context) {
    CHECK_EQUAL(number, SIGURG);
    CHECK(information != NULL && context != NULL);
    atomic_fetch_add(&chained, 1);
}

static void test_the_previous_handler_is_called(void) {
    CHECK(raise(SIGURG) == 0); /* a foreign signal does nothing to us */
    CHECK(atomic_load(&chained) > 0);
}

/* No search can be interrupted twice in a row without having gone on in between; all are in the end. */
typedef struct {
    atomic_bool done;
    atomic_uint_fast64_t searches;
    _Atomic(void *) slot;
} storm_t;

static void search_often(cc_smr_thread_t *self, storm_t *storm) {
    cc_smr_enter(self);
    CC_SMR_SEARCH(self);
    uint64_t *node = (uint64_t *)cc_smr_protect(self, &storm->slot);
    for (int i = 0; i < 50; i++) {
        if (__atomic_load_n(node, __ATOMIC_RELAXED) != 42) abort(); /* a freed node's value is another */
        if (i == 25) usleep(20);
    }
    cc_smr_search_end(self);
    cc_smr_exit(self);
}

static void search_storm(size_t index, void *argument) {
    storm_t *storm = (storm_t *)argument;
    cc_smr_thread_t *self = cc_smr_self(domain);
    if (index < 3) {
        while (!atomic_load(&storm->done)) {
            search_often(self, storm);
            atomic_fetch_add(&storm->searches, 1);
        }
        return;
    }
    while (stats_now().neutralizations < SCALED(200)) {
        uint64_t *node = (uint64_t *)cc_smr_alloc_node(self, sizeof *node), *old;
        CHECK(node != NULL);
        *node = 42;
        old = (uint64_t *)atomic_exchange(&storm->slot, node);
        cc_smr_retire(self, old, sizeof *old, NULL);
    }
    while (atomic_load(&storm->searches) < 100) usleep(100); /* they all come to an end */
    atomic_store(&storm->done, true);
}

static void test_storm(void) {
    cc_smr_options_t options = cc_smr_options();
    options.batch_nodes = 16;
    options.retire_threshold = 16;
    options.stall_threshold = 1;
    domain = cc_smr_create(CC_SMR_DEBRA, &options);
    storm_t storm = {0};
    uint64_t *first = (uint64_t *)cc_smr_alloc_node(cc_smr_self(domain), sizeof *first);
    *first = 42;
    storm.slot = first;
    check_threads(4, search_storm, &storm);
    CHECK(stats_now().neutralizations >= SCALED(200));
    cc_smr_free_node(storm.slot, sizeof *first);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
}

#if !defined(CHECK_VALGRIND)
/* A child that does in a search phase what debug builds forbid. */
static void forbidden(int which, cc_smr_thread_t *self) {
    cc_smr_enter(self);
    CC_SMR_SEARCH(self);
    switch (which) {
    case 0: cc_free(cc_alloc(10), 10); break;
    case 1: (void)cc_smr_options(); break; /* takes a lock */
    default: cc_smr_may_block("a call of Python");
    }
    cc_smr_search_end(self);
    cc_smr_exit(self);
}

static void test_debug_builds_stop_what_is_forbidden(void) {
    cc_smr_t *own = cc_smr_create(CC_SMR_DEBRA, NULL);
    cc_smr_thread_t *self = cc_smr_self(own);
    CHECK(self != NULL);
    cc_smr_may_block("outside a search phase anything");
    for (int which = 0; which < 3; which++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            (void)freopen("/dev/null", "w", stderr);
            forbidden(which, self);
            _exit(0);
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child);
#if defined(CC_DEBUG)
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
#else
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
#endif
    }
    CHECK_EQUAL(cc_smr_destroy(own), CC_OK);
}
#endif

int main(void) {
    struct sigaction action = {.sa_sigaction = count_chained, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGURG, &action, NULL) == 0); /* before the first domain */
    RUN(test_a_stalled_search_begins_anew);
    RUN(test_the_previous_handler_is_called);
    RUN(test_other_parts_of_a_section_are_waited_for);
    RUN(test_a_blocked_signal_is_noticed);
    RUN(test_a_replaced_handler_is_noticed);
    RUN(test_storm);
#if !defined(CHECK_VALGRIND)
    RUN(test_debug_builds_stop_what_is_forbidden);
#endif
    return 0;
}
