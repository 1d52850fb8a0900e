/* python/sigterm.c: SIGTERM as a byte in a pipe, for the command line's watcher (concurrent_collections/_cli_sigterm.py).
 *
 * Not signal.signal: a program could see that, and it runs only when the main thread comes back to Python. Not faulthandler:
 * it stays silent in a thread that has no thread state yet, and the signal would be lost. */
#include "core.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t pipe_end = -1;
static struct sigaction before;

static void tell(int signal_number) {
    (void)signal_number;
    int saved = errno;
    char byte = 0;
    if (write(pipe_end, &byte, 1) < 0) {
        /* full: the watcher has enough to read; closed: it stopped watching just now */
    }
    errno = saved;
}

static int is_ours(void) {
    struct sigaction now;
    return sigaction(SIGTERM, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == tell;
}

/* pre: the GIL, or the watcher alone calls; descriptor is a non-blocking pipe's. */
PyObject *cc_python_catch_sigterm(PyObject *module, PyObject *descriptor) {
    (void)module;
    int end = PyObject_AsFileDescriptor(descriptor);
    if (end < 0) return NULL;
    pipe_end = end;
    if (!is_ours()) {
        struct sigaction action = {.sa_handler = tell, .sa_flags = SA_RESTART | SA_ONSTACK};
        sigemptyset(&action.sa_mask);
        if (sigaction(SIGTERM, &action, &before) != 0) return PyErr_SetFromErrno(PyExc_OSError);
    }
    Py_RETURN_NONE;
}

PyObject *cc_python_release_sigterm(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    if (!is_ours()) Py_RETURN_FALSE;
    if (sigaction(SIGTERM, &before, NULL) != 0) return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_TRUE;
}
