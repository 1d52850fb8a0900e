/* alloc/alloc_internal.h: what the files of alloc/ share with each other alone. */
#ifndef CC_ALLOC_INTERNAL_H
#define CC_ALLOC_INTERNAL_H

#include "cc/alloc.h"

#include "observer.h"
#include "thread.h"

/* For events of threads that got no record for want of memory: any thread writes, by atomic additions. */
extern cc__alloc_counters_t cc__alloc_shared_counters;

/* What is switched on: bits of the mode, which is 0 while nothing is. */
enum { CC__MODE_STATISTICS = 1, CC__MODE_OBSERVED = 2, CC__MODE_MIXED = 4 };

/* calls.c stores these. Release stores of the mode pair with acquire loads: whoever sees a flag sees what was
 * stored before it. */
extern _Atomic(unsigned) cc__alloc_mode;
extern _Atomic(const cc__allocator_t *) cc__alloc_observer; /* as cc__alloc_observe was told */
extern _Atomic(bool) cc__libc_selected; /* libc serves new blocks, beside another backend's old ones */

/* The calls with everything that may be switched on. The caller asked for `size` bytes, which are counted; `bytes`, at
 * least as many, are taken. alignment 1: none was asked for. `sized`: the caller gave the size (cc_free). */
void *cc__alloc_watched(size_t size, size_t bytes, size_t alignment, bool zero);
void cc__free_watched(void *pointer, size_t size, bool sized);

#endif
