/* python/map_ordered.c: the operations that need an order: first, last, and the neighbours of a key. */
#include "map.h"

#include <stdio.h>

/* What the method is called: a set's by the place alone. */
typedef struct {
    char text[24];
} name_t;
static name_t name_of(PyObject *object, const char *place, bool item) {
    name_t name;
    const char *of_maps = item ? "_item" : "_key";
    (void)snprintf(name.text, sizeof name.text, "%s%s", place, ((cc_python_map_t *)object)->is_set ? "" : of_maps);
    return name;
}

/* The entry at a place; the key is the first argument where the place needs one, the default comes last. */
static PyObject *find(PyObject *object, const char *called, cc_map_place_t place, bool item, PyObject *const *args,
                      Py_ssize_t count) {
    cc_python_map_t *self = (cc_python_map_t *)object;
    Py_ssize_t keys = place >= CC_MAP_LOWER ? 1 : 0;
    if (CC_UNLIKELY(count < keys || count > keys + 1)) {
        (void)cc_python_check_count(name_of(object, called, item).text, count, keys, keys + 1);
        return NULL;
    }
    cc_map_t *map = cc_python_map_of(self);
    cc_map_key_t key;
    cc_map_entry_t entry;
    if (map == NULL || (keys > 0 && cc_python_map_key(self, args[0], &key) != 0)) return NULL;
    int found = cc_map_find(map, place, keys > 0 ? &key : NULL, &entry);
    if (keys > 0) cc_python_map_key_done(self, &key);
    cc_python_drop_now();
    if (found < 0) return cc_python_map_raise(found);
    if (found > 0) {
        PyObject *name = cc_python_map_user_key(self, entry.key), *pair = item ? cc_python_map_new_pair() : NULL;
        if (pair != NULL) return cc_python_map_fill_pair(pair, name, entry.value);
        Py_XDECREF((PyObject *)entry.value);
        if (!item) return name;
        Py_DECREF(name);
        return NULL;
    }
    if (count > keys) return Py_NewRef(args[keys]);
    if (keys > 0) Py_RETURN_NONE;
    return PyErr_Format(PyExc_KeyError, "%s(): the container is empty", name_of(object, called, item).text);
}

#define DEFINE(name, place) \
    PyObject *cc_python_map_##name##_key(PyObject *object, PyObject *const *args, Py_ssize_t count) { \
        return find(object, #name, place, false, args, count); \
    } \
    PyObject *cc_python_map_##name##_item(PyObject *object, PyObject *const *args, Py_ssize_t count) { \
        return find(object, #name, place, true, args, count); \
    }
CC_PYTHON_MAP_PLACES(DEFINE)

PyObject *cc_python_map_popitem(PyObject *object, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    cc_python_map_t *self = (cc_python_map_t *)object;
    int last = cc_python_last_argument("popitem", args, count, names);
    cc_map_t *map = last >= 0 ? cc_python_map_of(self) : NULL;
    PyObject *pair = map != NULL ? cc_python_map_new_pair() : NULL; /* first: nothing is removed for want of it */
    cc_map_entry_t entry;
    if (pair == NULL) return NULL;
    int found = cc_map_pop(map, last > 0 ? CC_MAP_LAST : CC_MAP_FIRST, &entry);
    cc_python_drop_now();
    if (found > 0) return cc_python_map_fill_pair(pair, cc_python_map_user_key(self, entry.key), entry.value);
    Py_DECREF(pair);
    if (found < 0) return cc_python_map_raise(found);
    PyErr_SetString(PyExc_KeyError, "popitem(): map is empty");
    return NULL;
}
