/* python/references.h: references that cannot be dropped where they are given up: inside a section of safe memory
 * reclamation, under a lock, or by a thread that has no thread state (one that ends). They are put aside, and
 * dropped by the next thread that may run finalizers. */
#ifndef CC_PYTHON_REFERENCES_H
#define CC_PYTHON_REFERENCES_H

#include "compat.h"

#include "cc/base.h"

#include "../base/atomics.h"

/* Private: references put aside by this thread; a list of those that threads without a thread state have left. */
typedef struct cc_python_references {
    PyObject **objects;
    size_t count, capacity;
} cc_python_references_t;
extern _Thread_local cc_python_references_t cc_python_put_aside CC_STATIC_THREAD_LOCAL;
extern _Atomic(void *) cc_python_orphans;

/* Takes over the caller's reference. Any thread, attached or not, anywhere; runs no Python. Without memory for the
 * note, an attached thread drops it at once, and a thread without a thread state leaks it. */
void cc_python_drop_later(PyObject *object /* stolen */);

/* For the inline below. */
void cc_python_drop_all(void);

/* Drops all that was put aside by this thread, and what threads without one have left. Keeps the current exception.
 * pre: attached; outside any section and lock. The end of each operation that may have given up references;
 * finalizers may run, and may come here again. */
static inline void cc_python_drop_now(void) {
    /* relaxed: a reference of another thread's that is seen late is dropped by a later call */
    if (cc_python_put_aside.count != 0 || cc__load_relaxed(&cc_python_orphans) != NULL) cc_python_drop_all();
}

#endif
