/* base/fault.h: the seam by which test builds make the n-th request for memory fail. Release builds contain none of
 * it. */
#ifndef CC_BASE_FAULT_H
#define CC_BASE_FAULT_H

#include <stdlib.h>

#include "cc/base.h"

#if defined(CC_FAULT_INJECTION)
#ifdef __cplusplus
extern "C" {
#endif
/* From now on the n-th request (1 = the next) fails, and all after it too when `persistent`; 0: none fails.
 * Affects all threads. */
CC_API void cc_fault_arm(uint64_t n, bool persistent);
/* Requests since the last cc_fault_arm. */
CC_API uint64_t cc_fault_requests(void);
/* True when the present request must fail. Called at every point where libcc asks the allocator or the system. */
bool cc__fault_due(void);
#ifdef __cplusplus
}
#endif
#else
#define cc__fault_due() 0
#endif

/* Zeroed memory of libcc's own from the C heap (never from the allocator that is measured), to be freed with free().
 * NULL when there is none; a count of 0 is asked for as 1. */
static inline void *cc__own_calloc(size_t count, size_t size) {
    return cc__fault_due() ? NULL : calloc(count > 0 ? count : 1, size);
}
#endif
