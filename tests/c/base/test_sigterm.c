/* test_sigterm.c: cc_sigterm_catch and cc_sigterm_release of cc/base.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"
#include "cc/base.h"

static int ends[2];

static size_t bytes_in_pipe(void) {
    char bytes[16];
    ssize_t count = read(ends[0], bytes, sizeof bytes);
    return count < 0 ? 0 : (size_t)count;
}

static void test_each_signal_is_a_byte(void) {
    CHECK_EQUAL(cc_sigterm_catch(ends[1]), CC_OK);
    CHECK_EQUAL(bytes_in_pipe(), 0);
    errno = EDOM;
    raise(SIGTERM);
    raise(SIGTERM);
    CHECK_EQUAL(errno, EDOM);
    CHECK_EQUAL(bytes_in_pipe(), 2);
    CHECK_EQUAL(cc_sigterm_release(), CC_OK);
}

static void *take_the_signal(void *unused) {
    (void)unused;
    raise(SIGTERM);
    return NULL;
}

static void test_any_thread_may_take_it(void) {
    pthread_t thread;
    CHECK_EQUAL(cc_sigterm_catch(ends[1]), CC_OK);
    CHECK_EQUAL(pthread_create(&thread, NULL, take_the_signal, NULL), 0);
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
    CHECK_EQUAL(bytes_in_pipe(), 1);
    CHECK_EQUAL(cc_sigterm_release(), CC_OK);
}

static void test_full_pipe_is_no_error(void) {
    char bytes[4096] = {0};
    CHECK_EQUAL(cc_sigterm_catch(ends[1]), CC_OK);
    while (write(ends[1], bytes, sizeof bytes) > 0) continue;
    while (write(ends[1], bytes, 1) > 0) continue;
    errno = EDOM;
    raise(SIGTERM);
    CHECK_EQUAL(errno, EDOM);
    while (read(ends[0], bytes, sizeof bytes) > 0) continue;
    CHECK_EQUAL(cc_sigterm_release(), CC_OK);
}

static void test_released_it_kills(void) {
    CHECK_EQUAL(cc_sigterm_catch(ends[1]), CC_OK);
    CHECK_EQUAL(cc_sigterm_catch(ends[1]), CC_OK);
    CHECK_EQUAL(cc_sigterm_release(), CC_OK);
    pid_t child = fork();
    if (child == 0) {
        raise(SIGTERM);
        _exit(0);
    }
    int status;
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void other(int number) {
    (void)number;
}

static void test_release_without_catch_or_under_another_handler_is_a_state_error(void) {
    CHECK_EQUAL(cc_sigterm_release(), CC_ERROR_STATE);
    CHECK_EQUAL(cc_sigterm_catch(ends[1]), CC_OK);
    CHECK(signal(SIGTERM, other) != SIG_ERR);
    CHECK_EQUAL(cc_sigterm_release(), CC_ERROR_STATE);
    CHECK(signal(SIGTERM, SIG_DFL) == other);
}

static void test_negative_descriptor_is_an_argument_error(void) {
    CHECK_EQUAL(cc_sigterm_catch(-1), CC_ERROR_ARGUMENT);
    CHECK(signal(SIGTERM, SIG_DFL) == SIG_DFL);
}

int main(void) {
    CHECK_EQUAL(pipe(ends), 0);
    CHECK_EQUAL(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    CHECK_EQUAL(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    RUN(test_each_signal_is_a_byte);
    RUN(test_any_thread_may_take_it);
    RUN(test_full_pipe_is_no_error);
    RUN(test_released_it_kills);
    RUN(test_release_without_catch_or_under_another_handler_is_a_state_error);
    RUN(test_negative_descriptor_is_an_argument_error);
    return 0;
}
