/* alloc/alloc_internal.h: what the files of alloc/ share with each other alone. */
#ifndef CC_ALLOC_INTERNAL_H
#define CC_ALLOC_INTERNAL_H

#include "cc/alloc.h"

#include "observer.h"
#include "thread.h"

/* For events of threads that got no record for want of memory: any thread writes, by atomic additions. */
extern cc__alloc_counters_t cc__alloc_shared_counters;

/* Why an allocation leaves the fast path; 0 when nothing is asked for. */
enum { CC__MODE_STATISTICS = 1, CC__MODE_OBSERVED = 2, CC__MODE_MIXED = 4 };

/* calls.c: the mode, and the setting of one flag of it. Whoever sees the flag (load with acquire) sees what was stored before. */
extern _Atomic(unsigned) cc__alloc_mode;
void cc__alloc_set_mode(unsigned flag, bool on);

/* alloc.c: the calls with everything that may be switched on. `size` is what the caller asked for and is counted, `bytes` >=
 * size what is taken; alignment 1: none asked for. `sized`: cc_free, whose caller gave the size. */
void *cc__alloc_watched(size_t size, size_t bytes, size_t alignment, bool zero);
void cc__free_watched(void *pointer, size_t size, bool sized);

#endif
