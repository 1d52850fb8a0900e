/* base/sigterm.c: something to do before SIGTERM kills, even while every thread of the program is in C code or waits
 * for ever.
 *
 * Python's own handlers don't serve: they run only when the main thread comes back to Python, and the program could see
 * them. Here a thread sleeps on a word that the handler changes; neither has a descriptor that the program could
 * close. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "cc/base.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "os.h"

enum { IDLE, WATCHING, CAME, ENDING };

static _Atomic(uint32_t) state; /* the word on which the thread sleeps */
static pid_t process;           /* that has the thread; a child that was forked from it has none */
static pthread_t thread;
static void (*act)(void *);
static void *act_context;

static void handle(int signal_number);

static bool is_ours(void) {
    struct sigaction now;
    return sigaction(SIGTERM, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == handle;
}

static bool is_default(void) {
    struct sigaction now;
    return sigaction(SIGTERM, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL;
}

static void set(void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGTERM, &action, NULL);
}

/* Only calls that a signal handler may make. */
static void handle(int signal_number) {
    int saved = errno;
    uint32_t expected = WATCHING;
    /* acquire: pairs with cc_sigterm_watch's release of WATCHING, which made `process` */
    if (atomic_load_explicit(&state, memory_order_acquire) != IDLE && getpid() == process &&
        (atomic_compare_exchange_strong_explicit(&state, &expected, CAME, memory_order_acq_rel, memory_order_acquire) ||
         expected == CAME)) {
        cc__os_wake(&state, true);
    } else { /* a forked child, or nobody watches any more: as without a handler, it comes when this one returns */
        if (is_ours()) set(SIG_DFL);
        (void)raise(signal_number);
    }
    errno = saved;
}

static void *watch(void *unused) {
    (void)unused;
    uint32_t now;
    /* acquire: pairs with the handler's exchange and with cc_sigterm_unwatch's */
    while ((now = atomic_load_explicit(&state, memory_order_acquire)) == WATCHING)
        (void)cc__os_wait(&state, WATCHING, UINT64_MAX);
    if (now != CAME) return NULL;
    if (is_ours()) act(act_context);
    if (is_ours()) set(SIG_DFL);
    (void)kill(process, SIGTERM);
    return NULL;
}

int cc_sigterm_watch(void (*function)(void *), void *context) {
    if (function == NULL) return CC_ERROR_ARGUMENT;
    if (!is_default() || atomic_load_explicit(&state, memory_order_relaxed) != IDLE) return CC_ERROR_STATE;
    act = function, act_context = context;
    process = getpid();
    /* release: pairs with the acquire loads of the handler and of the thread */
    atomic_store_explicit(&state, WATCHING, memory_order_release);
    sigset_t all, before; /* signals are for the program's threads */
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, NULL, watch, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        atomic_store_explicit(&state, IDLE, memory_order_relaxed);
        return CC_ERROR_MEMORY;
    }
    set(handle);
    return CC_OK;
}

void cc_sigterm_rearm(void) {
    if (atomic_load_explicit(&state, memory_order_relaxed) == WATCHING && getpid() == process && is_default())
        set(handle);
}

void cc_sigterm_unwatch(void) {
    if (is_ours()) set(SIG_DFL);
    if (atomic_load_explicit(&state, memory_order_relaxed) == IDLE) return;
    uint32_t expected = WATCHING;
    /* release: pairs with the thread's acquire. CAME: it has the signal, and the process dies while this waits. */
    (void)atomic_compare_exchange_strong_explicit(&state, &expected, ENDING, memory_order_release,
                                                  memory_order_relaxed);
    if (getpid() == process) {
        cc__os_wake(&state, true);
        (void)pthread_join(thread, NULL);
    }
    atomic_store_explicit(&state, IDLE, memory_order_relaxed);
}

void cc_die_interrupted(void) {
    (void)signal(SIGINT, SIG_DFL);
    (void)kill(getpid(), SIGINT);
    exit(128 + SIGINT); /* SIGINT is blocked */
}
