/* base/interrupt.c: base/interrupt.h by pthread signals. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "interrupt.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include "fork.h"

static cc__mutex_t lock;
CC__HOLD_OVER_FORK(CC__FORK_INTERRUPT, lock);
static int caught_signal; /* 0: none yet */
static jmp_buf *(*called)(void);
static struct sigaction before;

static void handle(int signal_number, siginfo_t *information, void *context) {
    int saved = errno;
    jmp_buf *target = called();
    /* Always: when two signals become one, nobody can tell whose it was. */
    if (before.sa_flags & SA_SIGINFO)
        before.sa_sigaction(signal_number, information, context);
    else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
        before.sa_handler(signal_number);
    errno = saved;
    if (target == NULL) return;
    sigset_t mask; /* the jump restores none, so the signal would stay blocked */
    sigemptyset(&mask);
    sigaddset(&mask, signal_number);
    (void)pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
    longjmp(*target, 1);
}

static bool is_ours(void) {
    struct sigaction now;
    return sigaction(caught_signal, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) && now.sa_sigaction == handle;
}

int cc__interrupt_catch(int signal_number, jmp_buf *(*function)(void)) {
    int status = CC_OK;
    cc__mutex_lock(&lock);
    if (caught_signal == 0) {
        int number = signal_number != 0 ? signal_number : SIGURG;
        called = function;
        struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
        sigemptyset(&action.sa_mask);
        /* what was there is known before the handler can run */
        if (sigaction(number, NULL, &before) == 0 && sigaction(number, &action, NULL) == 0)
            caught_signal = number;
        else
            status = CC_ERROR_SUPPORT;
    }
    cc__mutex_unlock(&lock);
    return status;
}

bool cc__interrupt_caught(void) {
    return is_ours();
}

bool cc__interrupt_send(uint64_t native_id) {
#if defined(__linux__)
    return syscall(SYS_tgkill, getpid(), (pid_t)native_id, caught_signal) == 0;
#else
    (void)native_id;
    return false;
#endif
}
