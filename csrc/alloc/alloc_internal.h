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
extern _Atomic(unsigned) cc__alloc_mode;

#endif
