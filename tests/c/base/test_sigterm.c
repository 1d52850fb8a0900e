/* test_sigterm.c: cc_sigterm_watch, cc_sigterm_rearm and cc_sigterm_unwatch of cc/base.h. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"
#include "cc/base.h"

static int ends[2]; /* what is done before the end is a byte in this pipe */

static void say(void *context) {
    char byte = *(const char *)context;
    if (write(ends[1], &byte, 1) != 1) abort();
}

static char what_was_said(void) {
    char byte = 0;
    return read(ends[0], &byte, 1) == 1 ? byte : 0;
}

/* How a child ends that runs `function`: the signal's number, or 0. */
static int end_of(void (*function)(void)) {
    pid_t child = fork();
    if (child == 0) {
        function();
        _exit(0);
    }
    int status;
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void watch(void) {
    CHECK_EQUAL(cc_sigterm_watch(say, "x"), CC_OK);
}

static void *take_the_signal(void *unused) {
    (void)raise(SIGTERM);
    for (;;) pause();
    return unused;
}

static void die_watched(void) {
    watch();
    (void)take_the_signal(NULL);
}

static void die_in_a_thread(void) {
    pthread_t thread;
    watch();
    CHECK_EQUAL(pthread_create(&thread, NULL, take_the_signal, NULL), 0);
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
}

static void die_twice_signalled(void) {
    watch();
    (void)raise(SIGTERM);
    (void)raise(SIGTERM);
    for (;;) pause();
}

static void test_it_acts_and_then_dies(void) {
    void (*const ways[])(void) = {die_watched, die_in_a_thread, die_twice_signalled};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        CHECK_EQUAL(end_of(ways[i]), SIGTERM);
        CHECK_EQUAL(what_was_said(), 'x');
        CHECK_EQUAL(what_was_said(), 0);
    }
}

static void die_unwatched(void) {
    watch();
    cc_sigterm_unwatch();
    (void)raise(SIGTERM);
}

static void test_unwatched_it_kills(void) {
    CHECK_EQUAL(end_of(die_unwatched), SIGTERM);
    CHECK_EQUAL(what_was_said(), 0);
    cc_sigterm_unwatch();
}

/* The thread sanitizer delivers no signal in a child that was forked while there were threads. */
#if !defined(__SANITIZE_THREAD__)
static void die_in_a_forked_child(void) {
    watch();
    pid_t child = fork();
    if (child == 0) (void)take_the_signal(NULL);
    int status;
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void test_a_forked_child_dies_and_its_parent_does_not(void) {
    CHECK_EQUAL(end_of(die_in_a_forked_child), 0);
    CHECK_EQUAL(what_was_said(), 0);
}

static void watch_anew_in_a_forked_child(void) {
    watch();
    pid_t child = fork();
    if (child == 0) {
        cc_sigterm_unwatch(); /* there is no thread to wait for */
        die_watched();
    }
    int status;
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void test_a_forked_child_may_watch_anew(void) {
    CHECK_EQUAL(end_of(watch_anew_in_a_forked_child), 0);
    CHECK_EQUAL(what_was_said(), 'x');
    CHECK_EQUAL(what_was_said(), 0);
}

#endif

static void other(int number) {
    (void)number;
}

static void test_another_disposition_is_left_alone(void) {
    CHECK(signal(SIGTERM, other) != SIG_ERR);
    CHECK_EQUAL(cc_sigterm_watch(say, "x"), CC_ERROR_STATE);
    CHECK(signal(SIGTERM, SIG_IGN) == other);
    CHECK_EQUAL(cc_sigterm_watch(say, "x"), CC_ERROR_STATE);
    CHECK(signal(SIGTERM, SIG_DFL) == SIG_IGN);
    watch();
    CHECK_EQUAL(cc_sigterm_watch(say, "x"), CC_ERROR_STATE);
    CHECK(signal(SIGTERM, other) != SIG_DFL);
    cc_sigterm_rearm();
    cc_sigterm_unwatch();
    CHECK(signal(SIGTERM, SIG_DFL) == other);
    CHECK_EQUAL(cc_sigterm_watch(NULL, NULL), CC_ERROR_ARGUMENT);
}

static void die_rearmed(void) {
    watch();
    (void)signal(SIGTERM, other);
    (void)raise(SIGTERM);
    (void)signal(SIGTERM, SIG_DFL);
    cc_sigterm_rearm();
    (void)take_the_signal(NULL);
}

static void test_it_watches_on_when_the_default_is_back(void) {
    CHECK_EQUAL(end_of(die_rearmed), SIGTERM);
    CHECK_EQUAL(what_was_said(), 'x');
    cc_sigterm_rearm();
    CHECK(signal(SIGTERM, SIG_DFL) == SIG_DFL);
}

static void test_interrupted_is_killed_by_sigint(void) {
    CHECK_EQUAL(end_of(cc_die_interrupted), SIGINT);
}

int main(void) {
    CHECK_EQUAL(pipe(ends), 0);
    CHECK_EQUAL(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    RUN(test_it_acts_and_then_dies);
    RUN(test_unwatched_it_kills);
#if !defined(__SANITIZE_THREAD__)
    RUN(test_a_forked_child_dies_and_its_parent_does_not);
    RUN(test_a_forked_child_may_watch_anew);
#endif
    RUN(test_another_disposition_is_left_alone);
    RUN(test_it_watches_on_when_the_default_is_back);
    RUN(test_interrupted_is_killed_by_sigint);
    return 0;
}
