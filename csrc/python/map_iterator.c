/* python/map_iterator.c: iterators of maps and sets. They take entries from the map in batches that hold references,
 * so the entry that they stand on may be removed meanwhile, and what was removed may still come for the rest of its
 * batch. */
#include "map.h"

enum { BATCH = 32, KEYS = 0, VALUES, ITEMS };

typedef struct {
    PyObject_HEAD
    cc_python_map_t *map; /* NULL at the end */
    cc_map_cursor_t cursor;
    cc_map_entry_t batch[BATCH];
    int next, count; /* of the batch: the entries from next to count are still held */
    int kind;
    bool busy; /* a thread is in cc_map_scan, which may run Python's code */
} iterator_t;

PyTypeObject *cc_python_map_iterator_type;

static void drop_entry(cc_map_entry_t *entry) {
    Py_DECREF((PyObject *)entry->key);
    Py_XDECREF((PyObject *)entry->value);
}

static void finish(iterator_t *self) {
    cc_python_map_t *map = self->map;
    if (map == NULL) return;
    self->map = NULL;
    cc_map_cursor_end(&self->cursor);
    while (self->next < self->count) drop_entry(&self->batch[self->next++]);
    cc_python_drop_now();
    Py_DECREF(map);
}

/* The next batch: 1, 0 at the end, -1. */
static int refill(iterator_t *self) {
    if (self->busy) {
        PyErr_SetString(PyExc_ValueError, "iterator already executing");
        return -1;
    }
    self->busy = true;
    int count = cc_map_scan(&self->cursor, self->batch, BATCH);
    self->busy = false;
    self->next = 0;
    self->count = count > 0 ? count : 0;
    if (count < 0) (void)cc_python_map_raise(count);
    return count < 0 ? -1 : count > 0;
}

/* The next entry, with the user's key; both references are then the caller's: 1, or 2 if it came with a new batch; 0
 * at the end, -1. Runs no finalizer between looking at the batch and taking from it: that could come here again, or
 * let another thread come here. */
static int take(iterator_t *self, cc_map_entry_t *entry) {
    int result = 1;
    if (self->map == NULL) return 0;
    if (self->next == self->count) {
        int status = refill(self);
        if (status == 0) finish(self);
        if (status <= 0) return status;
        result = 2;
    }
    *entry = self->batch[self->next++];
    entry->key = cc_python_map_user_key(self->map, entry->key);
    return result;
}

/* Threads that share an iterator take turns. */
static PyObject *iterator_next(PyObject *object) {
    iterator_t *self = (iterator_t *)object;
    PyObject *pair = NULL;
    if (self->kind == ITEMS) { /* first: no entry is lost for want of it */
        pair = cc_python_map_new_pair();
        if (pair == NULL) return NULL;
    }
    cc_map_entry_t entry;
    int status;
#ifdef Py_BEGIN_CRITICAL_SECTION
    Py_BEGIN_CRITICAL_SECTION(object);
    status = take(self, &entry);
    Py_END_CRITICAL_SECTION();
#else
    status = take(self, &entry);
#endif
    if (CC_UNLIKELY(status != 1)) cc_python_drop_now(); /* the scan may have given up references */
    if (CC_UNLIKELY(status <= 0)) {
        Py_XDECREF(pair);
        return NULL;
    }
    if (self->kind == VALUES) {
        Py_DECREF((PyObject *)entry.key);
        return entry.value;
    }
    return self->kind == KEYS ? entry.key : cc_python_map_fill_pair(pair, entry.key, entry.value);
}

static int iterator_traverse(PyObject *object, visitproc visit, void *arg) {
    iterator_t *self = (iterator_t *)object;
    Py_VISIT(Py_TYPE(object));
    if (self->map == NULL) return 0;
    Py_VISIT(self->map);
    Py_VISIT((PyObject *)self->cursor.low.object);
    Py_VISIT((PyObject *)self->cursor.high.object);
    Py_VISIT((PyObject *)self->cursor.at.object);
    for (int i = self->next; i < self->count; i++) {
        Py_VISIT((PyObject *)self->batch[i].key);
        Py_VISIT((PyObject *)self->batch[i].value);
    }
    return 0;
}

static int iterator_clear(PyObject *object) {
    finish((iterator_t *)object);
    return 0;
}

static void iterator_dealloc(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    finish((iterator_t *)object);
    type->tp_free(object);
    Py_DECREF(type);
}

/* A scan from start to stop (NULL: no bound). */
static PyObject *begin(cc_python_map_t *map, int kind, PyObject *start, PyObject *stop, unsigned flags) {
    cc_map_key_t low, high;
    cc_map_t *engine = cc_python_map_of(map);
    if (engine == NULL || (start != NULL && cc_python_map_key(map, start, &low) != 0)) return NULL;
    if (stop != NULL && cc_python_map_key(map, stop, &high) != 0) {
        if (start != NULL) cc_python_map_key_done(map, &low);
        return NULL;
    }
    iterator_t *self = PyObject_GC_New(iterator_t, cc_python_map_iterator_type);
    if (self != NULL) {
        self->map = (cc_python_map_t *)Py_NewRef(map);
        self->next = self->count = 0;
        self->kind = kind;
        self->busy = false;
        cc_map_cursor_begin(&self->cursor, engine, start != NULL ? &low : NULL, stop != NULL ? &high : NULL,
                            flags | (kind == KEYS ? CC_MAP_NO_VALUES : 0));
        PyObject_GC_Track(self);
    }
    if (start != NULL) cc_python_map_key_done(map, &low);
    if (stop != NULL) cc_python_map_key_done(map, &high);
    return (PyObject *)self;
}

PyObject *cc_python_map_iter(PyObject *object) {
    return begin((cc_python_map_t *)object, KEYS, NULL, NULL, 0);
}

PyObject *cc_python_map_reversed(PyObject *object, PyObject *unused) {
    (void)unused;
    return begin((cc_python_map_t *)object, KEYS, NULL, NULL, CC_MAP_REVERSE);
}

/* The keywords of _iterate, each a bool that is False when it is not given, as flags. -1 with an exception. */
static int parse_flags(PyObject *const *values, PyObject *names, unsigned *flags) {
    static const char *const all[] = {"low", "high", "reverse"};
    static const unsigned meanings[] = {CC_MAP_OPEN_LOW, CC_MAP_CLOSED_HIGH, CC_MAP_REVERSE};
    *flags = CC_MAP_OPEN_LOW;
    for (Py_ssize_t i = 0; names != NULL && i < PyTuple_GET_SIZE(names); i++) {
        int which = 0;
        while (which < 3 && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, i), all[which]) != 0) which++;
        if (which == 3) {
            PyErr_Format(PyExc_TypeError, "_iterate() got an unexpected keyword argument '%U'",
                         PyTuple_GET_ITEM(names, i));
            return -1;
        }
        if (values[i] == Py_True) *flags ^= meanings[which];
    }
    return 0;
}

PyObject *cc_python_map_iterate(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    unsigned flags;
    if (!cc_python_check_count("_iterate", count, 3, 3) || parse_flags(args + count, names, &flags) != 0) return NULL;
    int kind = -1;
    static const char *const kinds[] = {"keys", "values", "items"};
    for (int i = KEYS; i <= ITEMS && PyUnicode_Check(args[0]); i++)
        if (PyUnicode_CompareWithASCIIString(args[0], kinds[i]) == 0) kind = i;
    if (kind < 0 || (kind != KEYS && ((cc_python_map_t *)object)->is_set)) /* a set has no values */
        return PyErr_Format(PyExc_ValueError, "kind must be 'keys', or of a map 'values' or 'items', not %R", args[0]);
    return begin((cc_python_map_t *)object, kind, args[1] != Py_None ? args[1] : NULL,
                 args[2] != Py_None ? args[2] : NULL, flags);
}

static PyMethodDef iterator_methods[] = {CC_PYTHON_NO_PICKLE, {NULL, NULL, 0, NULL}};

static PyType_Slot iterator_slots[] = {{Py_tp_doc, "An iterator of a map or set; weakly consistent."},
                                       {Py_tp_dealloc, iterator_dealloc},
                                       {Py_tp_traverse, iterator_traverse},
                                       {Py_tp_clear, iterator_clear},
                                       {Py_tp_iter, PyObject_SelfIter},
                                       {Py_tp_iternext, iterator_next},
                                       {Py_tp_methods, iterator_methods},
                                       {0, NULL}};

PyType_Spec cc_python_map_iterator_spec = {.name = "concurrent_collections._core.OrderedIterator",
                                           .basicsize = sizeof(iterator_t),
                                           .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
                                                    Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                           .slots = iterator_slots};
