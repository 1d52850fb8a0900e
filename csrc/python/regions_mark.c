/* python/regions_mark.c: marks, which are points in the life of an arena or a heap.
 *
 * A region keeps the numbers of its valid marks, each with the count of allocations at its time, in the order of
 * their making. Taking back to a mark makes all later ones invalid. */
#include "regions.h"

#include <stdlib.h>

PyTypeObject *cc_python_mark_type;

typedef struct {
    PyObject_HEAD
    cc_python_region_t *region; /* strong */
    uint64_t number;
    cc_arena_mark_t of_arena;
    cc_heap_checkpoint_t of_heap;
} mark_t;

/* The following three: pre: the lock. */
static bool make_room_for_mark(cc_python_region_t *region) {
    if (region->marks_used < region->marks_size) return true;
    size_t size = region->marks_size != 0 ? region->marks_size * 2 : 16;
    uint64_t *wider = realloc(region->marks, size * sizeof *wider);
    if (wider == NULL) return false;
    region->marks = wider;
    region->marks_size = size;
    return true;
}

/* Where the mark's pair ends among the valid ones; 0 if it was taken back. */
static size_t find_mark(const cc_python_region_t *region, uint64_t number) {
    size_t at = region->marks_used;
    while (at > 0 && region->marks[at - 2] != number) at -= 2;
    return at;
}

/* Of a mark that nobody has any more, so that marks in a loop do not pile up. */
static void forget_mark(cc_python_region_t *region, uint64_t number) {
    size_t at = find_mark(region, number);
    if (at == 0) return;
    memmove(region->marks + at - 2, region->marks + at, (region->marks_used - at) * sizeof *region->marks);
    region->marks_used -= 2;
}

PyObject *cc_python_region_mark(PyObject *self, PyObject *unused) {
    (void)unused;
    cc_python_region_t *region = cc_python_region(self);
    if (!cc_python_may_use(region)) return NULL;
    mark_t *mark = PyObject_New(mark_t, cc_python_mark_type);
    if (mark == NULL) return NULL;
    mark->region = (cc_python_region_t *)Py_NewRef(region);
    CC_PYTHON_LOCK(&region->lock);
    bool room = make_room_for_mark(region);
    mark->number = ++region->last_mark;
    if (region->arena != NULL) mark->of_arena = cc_arena_mark(region->arena);
    if (region->heap != NULL) mark->of_heap = cc_heap_checkpoint(region->heap);
    if (room) {
        region->marks[region->marks_used++] = mark->number;
        region->marks[region->marks_used++] = region->count;
    }
    CC_PYTHON_UNLOCK(&region->lock);
    if (room) return (PyObject *)mark;
    Py_DECREF(mark);
    return PyErr_NoMemory();
}

PyObject *cc_python_region_rewind(PyObject *self, PyObject *argument) {
    cc_python_region_t *region = cc_python_region(self);
    if (!cc_python_may_use(region)) return NULL;
    if (Py_TYPE(argument) != cc_python_mark_type || ((mark_t *)argument)->region != region) {
        PyErr_Format(PyExc_ValueError, "mark must be a mark of this object, not %R", argument);
        return NULL;
    }
    const mark_t *mark = (mark_t *)argument;
    CC_PYTHON_LOCK(&region->lock);
    size_t at = find_mark(region, mark->number), count = at > 0 ? region->marks[at - 1] : 0;
    bool done = at > 0 && cc_python_kill_above(region, count);
    if (done) {
        region->marks_used = at;
        region->count = count;
    }
    CC_PYTHON_UNLOCK(&region->lock);
    if (at == 0) {
        PyErr_SetString(PyExc_ValueError, "the mark itself was taken back");
        return NULL;
    }
    if (!done) return cc_python_buffer_error();
    int status = region->arena != NULL ? cc_arena_rewind(region->arena, mark->of_arena)
                                       : cc_heap_release(region->heap, mark->of_heap);
    if (status != CC_OK) return cc_python_raise(status, "the mark does not fit its region");
    Py_RETURN_NONE;
}

static void mark_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    const mark_t *mark = (mark_t *)self;
    CC_PYTHON_LOCK(&mark->region->lock);
    forget_mark(mark->region, mark->number);
    CC_PYTHON_UNLOCK(&mark->region->lock);
    Py_DECREF(mark->region);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *mark_enter(PyObject *self, PyObject *unused) {
    (void)unused;
    return Py_NewRef(self);
}

static PyObject *mark_exit(PyObject *self, PyObject *exception) {
    return cc_python_region_leave(cc_python_region_rewind((PyObject *)((mark_t *)self)->region, self), exception);
}

static PyMethodDef mark_methods[] = {{"__enter__", mark_enter, METH_NOARGS, "__enter__($self, /)\n--\n\nThe mark."},
                                     {"__exit__", mark_exit, METH_VARARGS,
                                      "__exit__($self, /, *exception)\n--\n\nTake back what was allocated since. An "
                                      "exception goes on even where a view shows some of it."},
                                     CC_PYTHON_NO_PICKLE,
                                     {NULL, NULL, 0, NULL}};

static PyType_Slot mark_slots[] = {{Py_tp_doc, "A point in the life of an Arena or a Heap. It keeps the object alive."},
                                   {Py_tp_dealloc, mark_dealloc},
                                   {Py_tp_methods, mark_methods},
                                   {0, NULL}};

PyType_Spec cc_python_mark_spec = {.name = "concurrent_collections._core.Mark",
                                   .basicsize = sizeof(mark_t),
                                   .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                   .slots = mark_slots};
