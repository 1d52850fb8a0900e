/* python/map.h: what the files of the ordered map and set share. Functions that return a PyObject give a new
 * reference, or NULL with an exception set; functions that return int give -1 with an exception set. */
#ifndef CC_PYTHON_MAP_H
#define CC_PYTHON_MAP_H

#include "core.h"
#include "errors.h"
#include "references.h"

#include "cc/map.h"

enum { CC_PYTHON_STEM_LENGTH = 30 };

/* What prefixes of a map's strings leave out, and how the rest is written: map_text.c. */
typedef struct {
    bool numbers;
    uint8_t length;
    unsigned char text[CC_PYTHON_STEM_LENGTH]; /* ASCII */
} cc_python_stem_t;

/* A map or a set (whose values are NULL). The order is settled once: by __init__, or as the natural one by the first
 * use. */
typedef struct {
    PyObject_HEAD
    _Atomic(cc_map_t *) map;          /* NULL until the order is settled; then for good */
    PyObject *compare;                /* cmp=, or NULL; written before `map` */
    PyObject *sort_key;               /* key=, or NULL; written before `map` */
    _Atomic(cc_python_stem_t *) stem; /* NULL until the first string; then for good */
    PyObject *weak_references;
    bool is_set;
} cc_python_map_t;

/* ---- map_keys.c: keys and their order ---------------------------------------------------------------------------- */

/* What the map's compare hook returns when a Python exception is set. */
enum { CC_PYTHON_EXCEPTION = -16 };

/* The type of all maps. Objects are references to keys: the key itself, or with key= a tuple (sort key, key). */
extern const cc_map_type_t cc_python_map_type;

/* Makes a key of an object, borrowed. pre: the order is settled. 0: cc_python_map_key_done ends it. */
int cc_python_map_key(cc_python_map_t *self, PyObject *object, cc_map_key_t *key);

static inline void cc_python_map_key_done(cc_python_map_t *self, cc_map_key_t *key) {
    if (CC_UNLIKELY(self->sort_key != NULL)) Py_DECREF((PyObject *)key->object);
}

/* The user's key of an entry's. */
static inline PyObject *cc_python_map_user_key(cc_python_map_t *self, void *object /* stolen */) {
    if (CC_LIKELY(self->sort_key == NULL)) return object;
    PyObject *key = Py_NewRef(PyTuple_GET_ITEM((PyObject *)object, 1));
    Py_DECREF((PyObject *)object);
    return key;
}

/* A tuple for two, which nobody can come across before it is filled. */
static inline PyObject *cc_python_map_new_pair(void) {
    PyObject *pair = PyTuple_New(2);
    if (pair != NULL) PyObject_GC_UnTrack(pair);
    return pair;
}

static inline PyObject *cc_python_map_fill_pair(PyObject *pair, PyObject *key /* stolen */,
                                                PyObject *value /* stolen */) {
    PyTuple_SET_ITEM(pair, 0, key);
    PyTuple_SET_ITEM(pair, 1, value);
    PyObject_GC_Track(pair);
    return pair;
}

/* Orders two objects as the map would: *order below, at or above 0. */
int cc_python_map_order(cc_python_map_t *self, PyObject *a, PyObject *b, int *order);

/* ---- map_text.c: prefixes of strings, and whether no other string has the same ----------------------------------- */

uint64_t cc_python_text_prefix(cc_python_map_t *self, PyObject *text, bool *exact);
uint64_t cc_python_bytes_prefix(const unsigned char *bytes, size_t length, bool *exact);
void cc_python_stem_free(cc_python_stem_t *stem);

/* ---- map.c: the object ------------------------------------------------------------------------------------------- */

/* Settles the natural order if none is. */
cc_map_t *cc_python_map_settle(cc_python_map_t *self);

/* The engine; NULL with an exception. */
static inline cc_map_t *cc_python_map_of(cc_python_map_t *self) {
    cc_map_t *map = cc__load_acquire(&self->map); /* pairs with the store in settle */
    return CC_LIKELY(map != NULL) ? map : cc_python_map_settle(self);
}

/* Raises what a negative result of the engine means; returns NULL. */
PyObject *cc_python_map_raise(int status);

/* KeyError(key); returns NULL. */
PyObject *cc_python_raise_key_error(PyObject *key);

/* Whether the number of arguments is right; else a TypeError is set. */
bool cc_python_check_count(const char *name, Py_ssize_t given, Py_ssize_t least, Py_ssize_t most);

/* Whether popitem's or pop's only argument, the keyword `last`, is there and true (as if not there: true); -1. */
int cc_python_last_argument(const char *name, PyObject *const *args, Py_ssize_t count, PyObject *names);

/* Type slots that maps and sets share. */
void cc_python_map_dealloc(PyObject *object);
int cc_python_map_traverse(PyObject *object, visitproc visit, void *argument);
int cc_python_map_tp_clear(PyObject *object);
Py_ssize_t cc_python_map_length(PyObject *object);
int cc_python_map_contains(PyObject *object, PyObject *key);
extern PyMemberDef cc_python_map_members[];
extern PyGetSetDef cc_python_map_getset[];
/* Methods that maps and sets share. */
#define CC_PYTHON_MAP_METHODS \
    {"_set_order", (PyCFunction)(void (*)(void))cc_python_map_set_order, METH_FASTCALL, \
     "_set_order($self, cmp, key, /)\n--\n\nSettle the order, each None or a callable; again only the same."}, \
        {"_compare", (PyCFunction)(void (*)(void))cc_python_map_compare, METH_FASTCALL, \
         "_compare($self, a, b, /)\n--\n\nBelow, at or above 0, as a is before, at or after b in this order."}, \
        {"_iterate", (PyCFunction)(void (*)(void))cc_python_map_iterate, METH_FASTCALL | METH_KEYWORDS, \
         "_iterate($self, kind, start, stop, /, *, low=False, high=False, reverse=False)\n--\n\n" \
         "An iterator of 'keys', 'values' or 'items' from start to stop (None: no bound); low, high: with that bound " \
         "itself."}, \
        {"__reversed__", cc_python_map_reversed, METH_NOARGS, \
         "__reversed__($self, /)\n--\n\nAn iterator from the last to the first. Weakly consistent."}, \
        {"clear", cc_python_map_clear, METH_NOARGS, "clear($self, /)\n--\n\nRemove everything, in one step."}, \
        {"memory_usage", cc_python_map_memory_usage, METH_NOARGS, \
         "memory_usage($self, /)\n--\n\nBytes of the structure, without keys, values and what waits to be freed."}, \
        {"__sizeof__", cc_python_map_sizeof, METH_NOARGS, \
         "__sizeof__($self, /)\n--\n\nBytes of the object and its structure, without keys and values."}, \
        {"drain", cc_python_map_drain, METH_NOARGS, \
         "drain($self, /)\n--\n\n" \
         "Free what this thread has removed; False when others' operations still hold back some of it."}, \
        CC_PYTHON_NO_PICKLE, \
        {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, \
         "__class_getitem__($type, item, /)\n--\n\nA generic alias."}
PyObject *cc_python_map_set_order(PyObject *object, PyObject *const *args, Py_ssize_t count);
PyObject *cc_python_map_compare(PyObject *object, PyObject *const *args, Py_ssize_t count);
PyObject *cc_python_map_clear(PyObject *object, PyObject *unused);
PyObject *cc_python_map_memory_usage(PyObject *object, PyObject *unused);
PyObject *cc_python_map_sizeof(PyObject *object, PyObject *unused);
PyObject *cc_python_map_drain(PyObject *object, PyObject *unused);

extern PyType_Spec cc_python_map_spec;

/* ---- map_compound.c, map_ordered.c: methods, by name as in Python ------------------------------------------------ */

PyObject *cc_python_map_setdefault(PyObject *object, PyObject *const *args, Py_ssize_t count);
PyObject *cc_python_map_put_if_absent(PyObject *object, PyObject *const *args, Py_ssize_t count);
PyObject *cc_python_map_replace(PyObject *object, PyObject *const *args, Py_ssize_t count);
PyObject *cc_python_map_replace_if(PyObject *object, PyObject *const *args, Py_ssize_t count);
PyObject *cc_python_map_remove_if(PyObject *object, PyObject *const *args, Py_ssize_t count);
PyObject *cc_python_map_compute(PyObject *object, PyObject *const *args, Py_ssize_t count);

/* first, last, lower, floor, ceiling, higher: ..._key and ..._item */
#define CC_PYTHON_MAP_PLACES(X) \
    X(first, CC_MAP_FIRST) X(last, CC_MAP_LAST) X(lower, CC_MAP_LOWER) X(floor, CC_MAP_FLOOR) \
    X(ceiling, CC_MAP_CEILING) X(higher, CC_MAP_HIGHER)
#define CC_PYTHON_MAP_DECLARE(name, place) \
    PyObject *cc_python_map_##name##_key(PyObject *object, PyObject *const *args, Py_ssize_t count); \
    PyObject *cc_python_map_##name##_item(PyObject *object, PyObject *const *args, Py_ssize_t count);
CC_PYTHON_MAP_PLACES(CC_PYTHON_MAP_DECLARE)
#undef CC_PYTHON_MAP_DECLARE
PyObject *cc_python_map_popitem(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *names);

/* ---- map_iterator.c ---------------------------------------------------------------------------------------------- */

extern PyType_Spec cc_python_map_iterator_spec;
/* What the spec was made into. One for the process: subinterpreters are refused. */
extern PyTypeObject *cc_python_map_iterator_type;
PyObject *cc_python_map_iter(PyObject *object);
PyObject *cc_python_map_reversed(PyObject *object, PyObject *unused);
PyObject *cc_python_map_iterate(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *names);

/* ---- set.c ------------------------------------------------------------------------------------------------------- */

extern PyType_Spec cc_python_set_spec;

#endif
