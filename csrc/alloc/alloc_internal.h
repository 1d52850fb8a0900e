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

/* What is switched on; calls.c stores it. Release stores of the mode pair with acquire loads: whoever sees a flag sees what was
 * stored before it. */
extern _Atomic(unsigned) cc__alloc_mode;
extern _Atomic(const cc__allocator_t *) cc__alloc_observer; /* as cc__alloc_observe was told */
extern _Atomic(bool) cc__libc_selected;                     /* libc serves new blocks, beside another backend's old ones */

/* The calls with everything that may be switched on. `size` is what the caller asked for and is counted, `bytes` >=
 * size what is taken; alignment 1: none asked for. `sized`: cc_free, whose caller gave the size. */
void *cc__alloc_watched(size_t size, size_t bytes, size_t alignment, bool zero);
void cc__free_watched(void *pointer, size_t size, bool sized);

#endif
