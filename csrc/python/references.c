/* python/references.c: see references.h. */
#include "references.h"

#include <stdbool.h>
#include <stdlib.h>

_Thread_local cc_python_references_t cc_python_put_aside CC_STATIC_THREAD_LOCAL;

/* What a thread without a thread state has left. */
typedef struct orphan {
    struct orphan *next;
    PyObject *object;
} orphan_t;
_Atomic(void *) cc_python_orphans;

static bool put_aside(PyObject *object) {
    cc_python_references_t *list = &cc_python_put_aside;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity > 0 ? 2 * list->capacity : 256;
        PyObject **objects = realloc(list->objects, capacity * sizeof *objects);
        if (objects == NULL) return false;
        list->objects = objects;
        list->capacity = capacity;
    }
    list->objects[list->count++] = object;
    return true;
}

void cc_python_drop_later(PyObject *object) {
    if (cc_python_is_attached()) {
        if (!put_aside(object)) Py_DECREF(object);
        return;
    }
    orphan_t *orphan = malloc(sizeof *orphan);
    if (orphan == NULL) return;
    orphan->object = object;
    void *next = cc__load_relaxed(&cc_python_orphans);
    do orphan->next = next;
    while (!cc__swap_if_acq_rel(&cc_python_orphans, &next, orphan)); /* release pairs with the exchange in drop_all */
}

void cc_python_drop_all(void) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    /* Finalizers may put aside more, and drop it: lists are taken away before they run. */
    while (cc_python_put_aside.count != 0) {
        cc_python_references_t taken = cc_python_put_aside;
        cc_python_put_aside = (cc_python_references_t){0};
        for (size_t i = 0; i < taken.count; i++) Py_DECREF(taken.objects[i]);
        free(taken.objects);
    }
    orphan_t *orphan = atomic_exchange_explicit(&cc_python_orphans, NULL, memory_order_acquire);
    while (orphan != NULL) {
        orphan_t *next = orphan->next;
        Py_DECREF(orphan->object);
        free(orphan);
        orphan = next;
    }
    PyErr_Restore(type, value, traceback);
}
