/* short_threads.h: threads that allocate twice, free once, and end. */
#ifndef SHORT_THREADS_H
#define SHORT_THREADS_H

#include "profile_check.h"

static void *left[64];

static inline void allocate_one(size_t index, void *unused) {
    (void)unused;
    left[index] = cc_alloc(100);
    cc_free(cc_alloc(50), 50);
}

static inline void run_threads(size_t count) {
    enum { AT_ONCE = 8 };
    CHECK_EQUAL(count % AT_ONCE, 0);
    for (size_t i = 0; i < count; i += AT_ONCE) {
        check_threads(AT_ONCE, allocate_one, NULL);
        for (size_t j = 0; j < AT_ONCE; j++) cc_free(left[j], 100);
    }
}

#endif
