/* base/blocking.h: debug builds stop where a thread allocates or takes a lock although it may be interrupted for good
 * at any moment. The layer that knows such threads sets the function. Other builds contain none of it. */
#ifndef CC_BASE_BLOCKING_H
#define CC_BASE_BLOCKING_H

#include <stddef.h>

#include "atomics.h"

#if defined(CC_DEBUG)
extern void (*_Atomic cc__blocking_check)(const char *what);
static inline void cc__may_block(const char *what) {
    void (*check)(const char *) = cc__load_relaxed(&cc__blocking_check);
    if (check != NULL) check(what);
}
#else
#define cc__may_block(what) ((void)0)
#endif

#endif
