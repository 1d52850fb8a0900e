/* python/set.c: the ordered set: a map without values. */
#include "map.h"

static PyObject *new_set(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    (void)args, (void)keywords;
    PyObject *self = type->tp_alloc(type, 0);
    if (self != NULL) ((cc_python_map_t *)self)->is_set = true;
    return self;
}

/* Adds or removes an element: whether it did, or -1. */
static int change(PyObject *object, PyObject *element, bool add) {
    cc_python_map_t *self = (cc_python_map_t *)object;
    cc_map_t *map = cc_python_map_of(self);
    cc_map_key_t key;
    if (map == NULL || cc_python_map_key(self, element, &key) != 0) return -1;
    int status = add ? cc_map_put(map, &key, NULL, CC_MAP_IF_ABSENT, NULL, NULL) : cc_map_remove(map, &key, NULL);
    cc_python_map_key_done(self, &key);
    cc_python_drop_now();
    if (CC_LIKELY(status >= 0)) return add ? (status & CC_MAP_STORED) != 0 : status;
    (void)cc_python_map_raise(status);
    return -1;
}

static PyObject *add(PyObject *object, PyObject *element) {
    return change(object, element, true) >= 0 ? Py_NewRef(Py_None) : NULL;
}

static PyObject *discard(PyObject *object, PyObject *element) {
    return change(object, element, false) >= 0 ? Py_NewRef(Py_None) : NULL;
}

static PyObject *remove_element(PyObject *object, PyObject *element) {
    int status = change(object, element, false);
    if (status == 0) return cc_python_raise_key_error(element);
    return status > 0 ? Py_NewRef(Py_None) : NULL;
}

static PyObject *add_if_absent(PyObject *object, PyObject *element) {
    int status = change(object, element, true);
    return status >= 0 ? PyBool_FromLong(status) : NULL;
}

static PyObject *discard_if_present(PyObject *object, PyObject *element) {
    int status = change(object, element, false);
    return status >= 0 ? PyBool_FromLong(status) : NULL;
}

static PyObject *pop(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    cc_python_map_t *self = (cc_python_map_t *)object;
    int last = cc_python_last_argument("pop", args, count, names);
    cc_map_t *map = last >= 0 ? cc_python_map_of(self) : NULL;
    cc_map_entry_t entry;
    if (map == NULL) return NULL;
    int found = cc_map_pop(map, last > 0 ? CC_MAP_LAST : CC_MAP_FIRST, &entry);
    cc_python_drop_now();
    if (found > 0) return cc_python_map_user_key(self, entry.key);
    if (found < 0) return cc_python_map_raise(found);
    PyErr_SetString(PyExc_KeyError, "pop from an empty set");
    return NULL;
}

#define FAST(name, function, flags, doc) {name, (PyCFunction)(void (*)(void))(function), METH_FASTCALL | (flags), doc}
#define OR_KEY_ERROR " A KeyError, or the default if one is given, when the set is empty. Atomic."
#define OR_DEFAULT " When there is none, the default. Atomic."

static PyMethodDef set_methods[] = {
    {"add", add, METH_O, "add($self, element, /)\n--\n\nAdd an element, unless it is there. Atomic."},
    {"add_if_absent", add_if_absent, METH_O,
     "add_if_absent($self, element, /)\n--\n\nAdd an element, unless it is there; whether it was added. Atomic."},
    {"discard", discard, METH_O, "discard($self, element, /)\n--\n\nRemove an element if it is there. Atomic."},
    {"discard_if_present", discard_if_present, METH_O,
     "discard_if_present($self, element, /)\n--\n\nRemove an element if it is there; whether it was. Atomic."},
    {"remove", remove_element, METH_O,
     "remove($self, element, /)\n--\n\nRemove an element; a KeyError if it is not there. Atomic."},
    FAST("pop", pop, METH_KEYWORDS,
         "pop($self, /, *, last=True)\n--\n\nRemove and return the last (or first) element; a KeyError if there is "
         "none. Atomic."),
    FAST("first", cc_python_map_first_key, 0, "first($self, default=..., /)\n--\n\nThe least element." OR_KEY_ERROR),
    FAST("last", cc_python_map_last_key, 0, "last($self, default=..., /)\n--\n\nThe greatest element." OR_KEY_ERROR),
    FAST("lower", cc_python_map_lower_key, 0,
         "lower($self, element, default=None, /)\n--\n\nThe greatest element < the given one." OR_DEFAULT),
    FAST("floor", cc_python_map_floor_key, 0,
         "floor($self, element, default=None, /)\n--\n\nThe greatest element <= the given one." OR_DEFAULT),
    FAST("ceiling", cc_python_map_ceiling_key, 0,
         "ceiling($self, element, default=None, /)\n--\n\nThe least element >= the given one." OR_DEFAULT),
    FAST("higher", cc_python_map_higher_key, 0,
         "higher($self, element, default=None, /)\n--\n\nThe least element > the given one." OR_DEFAULT),
    CC_PYTHON_MAP_METHODS,
    {NULL, NULL, 0, NULL}};

static PyType_Slot set_slots[] = {{Py_tp_doc, "The binding of an ordered set; SkipListSet is made of it."},
                                  {Py_tp_new, new_set},
                                  {Py_tp_dealloc, cc_python_map_dealloc},
                                  {Py_tp_traverse, cc_python_map_traverse},
                                  {Py_tp_clear, cc_python_map_tp_clear},
                                  {Py_tp_iter, cc_python_map_iter},
                                  {Py_tp_methods, set_methods},
                                  {Py_tp_members, cc_python_map_members},
                                  {Py_tp_getset, cc_python_map_getset},
                                  {Py_sq_length, cc_python_map_length},
                                  {Py_sq_contains, cc_python_map_contains},
                                  {0, NULL}};

PyType_Spec cc_python_set_spec = {.name = "concurrent_collections._core.OrderedSet",
                                  .basicsize = sizeof(cc_python_map_t),
                                  .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
                                  .slots = set_slots};
