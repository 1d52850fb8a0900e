/* python/map.c: the ordered map as a Python object: its life, what it shares with the set, and the mapping protocol. */
#include "map.h"

/* ---- errors and arguments ---------------------------------------------------------------------------------------- */

PyObject *cc_python_map_raise(int status) {
    return status <= CC_PYTHON_EXCEPTION ? NULL : cc_python_raise(-status, "the map's or set's operation failed");
}

PyObject *cc_python_raise_key_error(PyObject *key) {
    PyObject *arguments = PyTuple_Pack(1, key); /* a tuple by itself would be taken for the arguments */
    if (arguments != NULL) PyErr_SetObject(PyExc_KeyError, arguments);
    Py_XDECREF(arguments);
    return NULL;
}

bool cc_python_check_count(const char *name, Py_ssize_t given, Py_ssize_t least, Py_ssize_t most) {
    if (CC_LIKELY(given >= least && given <= most)) return true;
    Py_ssize_t wanted = given < least ? least : most;
    PyErr_Format(PyExc_TypeError, "%s expected %s%zd argument%s, got %zd", name,
                 least == most   ? ""
                 : given < least ? "at least "
                                 : "at most ",
                 wanted, wanted == 1 ? "" : "s", given);
    return false;
}

int cc_python_last_argument(const char *name, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    Py_ssize_t given = names != NULL ? PyTuple_GET_SIZE(names) : 0;
    if (count == 0 && given == 0) return 1;
    if (count > 0 || given > 1 || !PyUnicode_Check(PyTuple_GET_ITEM(names, 0)) ||
        PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "last") != 0) {
        PyErr_Format(PyExc_TypeError, "%s() takes one argument, the keyword 'last'", name);
        return -1;
    }
    return PyObject_IsTrue(args[0]);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

/* One domain for all maps, made with the first and never destroyed: readers' handles are then shared, too. */
static cc_smr_t *domain_of_maps(void) {
    static _Atomic(cc_smr_t *) shared;
    cc_smr_t *domain = cc__load_acquire(&shared); /* pairs with the exchange below */
    if (domain != NULL) return domain;
    cc_smr_options_t options = cc_smr_options();
    strcpy(options.name, "python maps");
    /* Deferred references wait with the nodes: only few may, so that removed values do not linger. */
    if (cc_python_map_type.deferred) options.plain_fence = 1;
    cc_smr_t *made = cc_smr_create(CC_SMR_IBR, &options);
    if (made == NULL || cc__swap_if_acq_rel(&shared, &domain, made)) return made;
    (void)cc_smr_destroy(made); /* another thread was first */
    return domain;
}

/* Makes the engine unless there is one. pre: nobody else can be settling self. */
static int settle_alone(cc_python_map_t *self, PyObject *compare, PyObject *sort_key) {
    if (cc__load_relaxed(&self->map) != NULL) {
        if (compare == self->compare && sort_key == self->sort_key) return 0;
        PyErr_SetString(PyExc_TypeError,
                        "the order of a container cannot be changed: give cmp= and key= when it is made");
        return -1;
    }
    cc_smr_t *domain = domain_of_maps();
    cc_map_t *map = domain != NULL ? cc_map_create(&cc_python_map_type, self, domain) : NULL;
    if (map == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->compare = Py_XNewRef(compare);
    self->sort_key = Py_XNewRef(sort_key);
    cc__store_release(&self->map, map); /* pairs with cc_python_map_of: who sees the map sees its order */
    return 0;
}

static int settle(cc_python_map_t *self, PyObject *compare, PyObject *sort_key) {
    int status;
#ifdef Py_BEGIN_CRITICAL_SECTION
    Py_BEGIN_CRITICAL_SECTION(self);
    status = settle_alone(self, compare, sort_key);
    Py_END_CRITICAL_SECTION();
#else
    status = settle_alone(self, compare, sort_key);
#endif
    return status;
}

cc_map_t *cc_python_map_settle(cc_python_map_t *self) {
    cc_map_t *map = cc__load_acquire(&self->map);                                         /* pairs with settle_alone */
    if (map == NULL && settle(self, NULL, NULL) == 0) map = cc__load_acquire(&self->map); /* as above */
    return map;
}

static PyObject *new_map(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    (void)args, (void)keywords;
    return type->tp_alloc(type, 0);
}

void cc_python_map_dealloc(PyObject *object) {
    cc_python_map_t *self = (cc_python_map_t *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    Py_TRASHCAN_BEGIN(object, cc_python_map_dealloc) /* a million maps, each in the next */
        if (self->weak_references != NULL) PyObject_ClearWeakRefs(object);
    cc_map_destroy(cc__load_relaxed(&self->map));
    cc_python_drop_now();
    cc_python_stem_free(cc__load_relaxed(&self->stem));
    Py_CLEAR(self->compare);
    Py_CLEAR(self->sort_key);
    type->tp_free(object);
    Py_DECREF(type);
    Py_TRASHCAN_END
}

typedef struct {
    visitproc visit;
    void *argument;
} visitor_t;

static int visit_reference(void *reference, void *argument) {
    visitor_t *visitor = argument;
    return visitor->visit(reference, visitor->argument);
}

int cc_python_map_traverse(PyObject *object, visitproc visit, void *arg) {
    cc_python_map_t *self = (cc_python_map_t *)object;
    visitor_t visitor = {visit, arg};
    cc_map_t *map = cc__load_relaxed(&self->map);
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->compare);
    Py_VISIT(self->sort_key);
    return map != NULL ? cc_map_visit(map, visit_reference, &visitor) : 0;
}

int cc_python_map_tp_clear(PyObject *object) {
    cc_python_map_t *self = (cc_python_map_t *)object;
    cc_map_t *map = cc__load_relaxed(&self->map);
    if (map == NULL || cc_map_clear(map) < 0) return 0; /* out of memory: the cycle stays until the next collection */
    cc_python_drop_now();
    /* What is in the map now a finalizer has put there. None cannot be called, but tells that there was an order. */
    if (self->compare != NULL) Py_SETREF(self->compare, Py_NewRef(Py_None));
    if (self->sort_key != NULL) Py_SETREF(self->sort_key, Py_NewRef(Py_None));
    return 0;
}

/* ---- what maps and sets share ------------------------------------------------------------------------------------ */

static PyObject *callable_or_none(PyObject *object, const char *name, bool *wrong) {
    if (object == Py_None) return NULL;
    if (!PyCallable_Check(object)) {
        PyErr_Format(PyExc_TypeError, "%s must be callable or None, not %.200s", name, Py_TYPE(object)->tp_name);
        *wrong = true;
    }
    return object;
}

PyObject *cc_python_map_set_order(PyObject *object, PyObject *const *args, Py_ssize_t count) {
    bool wrong = false;
    if (!cc_python_check_count("_set_order", count, 2, 2)) return NULL;
    PyObject *compare = callable_or_none(args[0], "cmp", &wrong);
    PyObject *sort_key = wrong ? NULL : callable_or_none(args[1], "key", &wrong);
    if (wrong) return NULL;
    if (compare != NULL && sort_key != NULL) {
        PyErr_SetString(PyExc_TypeError, "give cmp= or key=, not both");
        return NULL;
    }
    return settle((cc_python_map_t *)object, compare, sort_key) == 0 ? Py_NewRef(Py_None) : NULL;
}

PyObject *cc_python_map_compare(PyObject *object, PyObject *const *args, Py_ssize_t count) {
    cc_python_map_t *self = (cc_python_map_t *)object;
    int order;
    if (!cc_python_check_count("_compare", count, 2, 2) || cc_python_map_of(self) == NULL ||
        cc_python_map_order(self, args[0], args[1], &order) != 0)
        return NULL;
    return PyLong_FromLong((order > 0) - (order < 0));
}

Py_ssize_t cc_python_map_length(PyObject *object) {
    cc_map_t *map = cc__load_acquire(&((cc_python_map_t *)object)->map); /* pairs with settle */
    return map != NULL ? (Py_ssize_t)cc_map_count(map) : 0;
}

/* The value, or else the other one (if that is not NULL), as a new reference: 1, or 0 when the key is not there.
 * value NULL: only tells. -1. */
static inline int look_up(PyObject *object, PyObject *name, PyObject *other, void **value) {
    cc_python_map_t *self = (cc_python_map_t *)object;
    cc_map_t *map = cc_python_map_of(self);
    cc_map_key_t key;
    if (map == NULL || cc_python_map_key(self, name, &key) != 0) return -1;
    int found =
        CC_PYTHON_EXCLUSIVE ? cc_map_get_exclusive(map, &key, other, value) : cc_map_get_or(map, &key, other, value);
    cc_python_map_key_done(self, &key);
    cc_python_drop_now();
    if (CC_LIKELY(found >= 0)) return found;
    (void)cc_python_map_raise(found);
    return -1;
}

int cc_python_map_contains(PyObject *object, PyObject *name) {
    return look_up(object, name, NULL, NULL);
}

PyObject *cc_python_map_clear(PyObject *object, PyObject *unused) {
    (void)unused;
    cc_map_t *map = cc_python_map_of((cc_python_map_t *)object);
    if (map == NULL) return NULL;
    int status = cc_map_clear(map);
    cc_python_drop_now();
    return status >= 0 ? Py_NewRef(Py_None) : cc_python_map_raise(status);
}

static size_t engine_bytes(PyObject *object) {
    cc_map_t *map = cc__load_acquire(&((cc_python_map_t *)object)->map); /* pairs with settle */
    return map != NULL ? cc_map_memory_usage(map) : 0;
}

PyObject *cc_python_map_memory_usage(PyObject *object, PyObject *unused) {
    (void)unused;
    return PyLong_FromSize_t(engine_bytes(object));
}

PyObject *cc_python_map_sizeof(PyObject *object, PyObject *unused) {
    (void)unused;
    return PyLong_FromSize_t((size_t)Py_TYPE(object)->tp_basicsize + engine_bytes(object));
}

PyObject *cc_python_map_drain(PyObject *object, PyObject *unused) {
    (void)unused;
    cc_map_t *map = cc_python_map_of((cc_python_map_t *)object);
    if (map == NULL) return NULL;
    int status = cc_map_drain(map, 0);
    cc_python_drop_now();
    return status == 0 || status == -CC_ERROR_LIMIT ? PyBool_FromLong(status == 0) : cc_python_map_raise(status);
}

static PyObject *get_compare(PyObject *object, void *unused) {
    (void)unused;
    PyObject *function = ((cc_python_map_t *)object)->compare;
    return Py_NewRef(function != NULL ? function : Py_None);
}

static PyObject *get_sort_key(PyObject *object, void *unused) {
    (void)unused;
    PyObject *function = ((cc_python_map_t *)object)->sort_key;
    return Py_NewRef(function != NULL ? function : Py_None);
}

PyGetSetDef cc_python_map_getset[] = {{"_cmp", get_compare, NULL, "The cmp= that it was made with, or None.", NULL},
                                      {"_key", get_sort_key, NULL, "The key= that it was made with, or None.", NULL},
                                      {NULL, NULL, NULL, NULL, NULL}};

PyMemberDef cc_python_map_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(cc_python_map_t, weak_references), READONLY, NULL},
    {NULL, 0, 0, 0, NULL}};

/* ---- the mapping protocol ---------------------------------------------------------------------------------------- */

static PyObject *subscript(PyObject *object, PyObject *name) {
    void *value;
    int found = look_up(object, name, NULL, &value);
    if (CC_LIKELY(found == 1)) return value;
    return found < 0 ? NULL : cc_python_raise_key_error(name);
}

static PyObject *get(PyObject *object, PyObject *const *args, Py_ssize_t count) {
    void *value;
    if (!cc_python_check_count("get", count, 1, 2)) return NULL;
    return look_up(object, args[0], count > 1 ? args[1] : Py_None, &value) >= 0 ? value : NULL;
}

/* Removes a key: 1 and *value, 0 when it is not there, -1. */
static int take(PyObject *object, PyObject *name, PyObject **value) {
    cc_python_map_t *self = (cc_python_map_t *)object;
    cc_map_t *map = cc_python_map_of(self);
    cc_map_key_t key;
    cc_map_entry_t entry;
    if (map == NULL || cc_python_map_key(self, name, &key) != 0) return -1;
    int removed = cc_map_remove(map, &key, &entry);
    cc_python_map_key_done(self, &key);
    if (removed == 1) {
        *value = entry.value;
        Py_DECREF((PyObject *)entry.key);
    }
    cc_python_drop_now();
    if (removed < 0) (void)cc_python_map_raise(removed);
    return removed < 0 ? -1 : removed;
}

static int set_item(PyObject *object, PyObject *name, PyObject *value) {
    cc_python_map_t *self = (cc_python_map_t *)object;
    if (value == NULL) {
        PyObject *removed = NULL;
        int status = take(object, name, &removed);
        Py_XDECREF(removed);
        if (status == 0) (void)cc_python_raise_key_error(name);
        return status == 1 ? 0 : -1;
    }
    cc_map_t *map = cc_python_map_of(self);
    cc_map_key_t key;
    if (map == NULL || cc_python_map_key(self, name, &key) != 0) return -1;
    int status = cc_map_put(map, &key, value, CC_MAP_ALWAYS, NULL, NULL);
    cc_python_map_key_done(self, &key);
    cc_python_drop_now();
    if (CC_LIKELY(status >= 0)) return 0;
    (void)cc_python_map_raise(status);
    return -1;
}

static PyObject *pop(PyObject *object, PyObject *const *args, Py_ssize_t count) {
    PyObject *value = NULL;
    if (!cc_python_check_count("pop", count, 1, 2)) return NULL;
    int status = take(object, args[0], &value);
    if (status != 0) return value;
    return count > 1 ? Py_NewRef(args[1]) : cc_python_raise_key_error(args[0]);
}

#define FAST(name, function, flags, doc) {name, (PyCFunction)(void (*)(void))(function), METH_FASTCALL | (flags), doc}
#define PLACE_METHODS(name, arguments, which) \
    FAST(#name "_key", cc_python_map_##name##_key, 0, #name "_key($self, " arguments "/)\n--\n\nThe " which), \
        FAST(#name "_item", cc_python_map_##name##_item, 0, \
             #name "_item($self, " arguments "/)\n--\n\nThe (key, value) pair of the " which)
#define OR_KEY_ERROR " A KeyError, or the default if one is given, when the map is empty. Atomic."
#define OR_DEFAULT " When there is none, the default. Atomic."

static PyMethodDef map_methods[] = {
    FAST("get", get, 0, "get($self, key, default=None, /)\n--\n\nThe value of the key, or the default. Atomic."),
    FAST("pop", pop, 0,
         "pop($self, key, default=..., /)\n--\n\n"
         "Remove the key and return its value; without it the default, or a KeyError. Atomic."),
    FAST("popitem", cc_python_map_popitem, METH_KEYWORDS,
         "popitem($self, /, *, last=True)\n--\n\nRemove and return the last (or first) (key, value) pair. Atomic."),
    FAST("setdefault", cc_python_map_setdefault, 0,
         "setdefault($self, key, default=None, /)\n--\n\nThe key's value; first stores the default if there is none. "
         "Atomic."),
    FAST("put_if_absent", cc_python_map_put_if_absent, 0,
         "put_if_absent($self, key, value, /)\n--\n\nStore the value unless the key is there; whether it was stored. "
         "Atomic."),
    FAST("replace", cc_python_map_replace, 0,
         "replace($self, key, value, /)\n--\n\nStore the value if the key is there; whether it was stored. Atomic."),
    FAST("replace_if", cc_python_map_replace_if, 0,
         "replace_if($self, key, expected, value, /)\n--\n\n"
         "Store the value if the key's is `expected` or equals it; whether it was stored. Atomic; == may run more than "
         "once."),
    FAST("remove_if", cc_python_map_remove_if, 0,
         "remove_if($self, key, expected, /)\n--\n\n"
         "Remove the key if its value is `expected` or equals it; whether it was removed. Atomic; == may run more than "
         "once."),
    FAST("compute", cc_python_map_compute, 0,
         "compute($self, key, function, default=None, /)\n--\n\n"
         "Store function(value), or function(default) when the key is absent, and return it. Atomic: the function runs "
         "again "
         "when another thread has changed the value meanwhile."),
    PLACE_METHODS(first, "default=..., ", "least key." OR_KEY_ERROR),
    PLACE_METHODS(last, "default=..., ", "greatest key." OR_KEY_ERROR),
    PLACE_METHODS(lower, "key, default=None, ", "greatest key < the given one." OR_DEFAULT),
    PLACE_METHODS(floor, "key, default=None, ", "greatest key <= the given one." OR_DEFAULT),
    PLACE_METHODS(ceiling, "key, default=None, ", "least key >= the given one." OR_DEFAULT),
    PLACE_METHODS(higher, "key, default=None, ", "least key > the given one." OR_DEFAULT),
    CC_PYTHON_MAP_METHODS,
    {NULL, NULL, 0, NULL}};

static PyType_Slot map_slots[] = {{Py_tp_doc, "The binding of an ordered map; SkipListMap and TreeMap are made of it."},
                                  {Py_tp_new, new_map},
                                  {Py_tp_dealloc, cc_python_map_dealloc},
                                  {Py_tp_traverse, cc_python_map_traverse},
                                  {Py_tp_clear, cc_python_map_tp_clear},
                                  {Py_tp_iter, cc_python_map_iter},
                                  {Py_tp_methods, map_methods},
                                  {Py_tp_members, cc_python_map_members},
                                  {Py_tp_getset, cc_python_map_getset},
                                  {Py_mp_length, cc_python_map_length},
                                  {Py_mp_subscript, subscript},
                                  {Py_mp_ass_subscript, set_item},
                                  {Py_sq_contains, cc_python_map_contains},
                                  {0, NULL}};

PyType_Spec cc_python_map_spec = {.name = "concurrent_collections._core.OrderedMap",
                                  .basicsize = sizeof(cc_python_map_t),
                                  .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
                                  .slots = map_slots};
