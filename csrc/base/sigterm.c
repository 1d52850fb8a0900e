/* base/sigterm.c: SIGTERM as a byte in a pipe, for a program that has something to write before it dies.
 *
 * Python has two ways that don't serve. signal.signal runs its handler only when the main thread comes back to Python, and the
 * program could see it; faulthandler's handler stays silent in a thread that has no thread state yet: that SIGTERM is lost. */
#include "cc/base.h"

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
        /* full: there is enough to read; closed: nobody reads any more */
    }
    errno = saved;
}

static bool is_ours(void) {
    struct sigaction now;
    return sigaction(SIGTERM, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == tell;
}

int cc_sigterm_catch(int descriptor) {
    if (descriptor < 0) return CC_ERROR_ARGUMENT;
    pipe_end = descriptor;
    if (is_ours()) return CC_OK;
    struct sigaction action = {.sa_handler = tell, .sa_flags = SA_RESTART | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    return sigaction(SIGTERM, &action, &before) == 0 ? CC_OK : CC_ERROR_SUPPORT;
}

int cc_sigterm_release(void) {
    if (!is_ours()) return CC_ERROR_STATE;
    return sigaction(SIGTERM, &before, NULL) == 0 ? CC_OK : CC_ERROR_SUPPORT;
}
