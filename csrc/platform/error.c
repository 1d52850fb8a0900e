/* platform/error.c: the error code of each thread, and the layer's locks. */
#include "platform_internal.h"

#include "compat/memory_wrapper.h"

__thread uint32_t cc__platform_last_error __attribute__((tls_model("initial-exec")));

DWORD GetLastError(void) {
    return cc__platform_last_error;
}

void SetLastError(DWORD code) {
    cc__platform_last_error = code;
}

cc__mutex_t cc__platform_locks[CC__PLATFORM_LOCKS];

static void before_fork(void) {
    for (unsigned i = 0; i < CC__PLATFORM_LOCKS; i++) cc__platform_lock(i);
}

static void after_fork(void) {
    for (unsigned i = CC__PLATFORM_LOCKS; i-- > 0;) cc__platform_unlock(i);
}

__attribute__((constructor)) static void set_fork_handlers(void) {
    (void)cc__os_at_fork(before_fork, after_fork, after_fork);
}
