/* platform/error.c: the error code of each thread, and the layer's locks. */
#include "platform_internal.h"

#include "../base/fork.h"
#include "compat/memory_wrapper.h"

__thread uint32_t cc__platform_last_error CC_STATIC_THREAD_LOCAL;

DWORD GetLastError(void) {
    return cc__platform_last_error;
}

void SetLastError(DWORD code) {
    cc__platform_last_error = code;
}

cc__mutex_t cc__platform_locks[CC__PLATFORM_LOCKS];

CC__AT_FORK(CC__FORK_PLATFORM, .locks = cc__platform_locks, .count = CC__PLATFORM_LOCKS,
            .stride = sizeof *cc__platform_locks);
