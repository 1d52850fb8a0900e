/* python/map_compound.c: operations that look and change in one step. Those that ask Python in between do it with
 * the value held, and store only if the key's value is still that object. */
#include "map.h"

static PyObject *boolean(int status) {
    return status >= 0 ? PyBool_FromLong(status) : NULL;
}

/* cc_map_put, in Python's terms: what was stored and found, or -1. */
static int put(cc_python_map_t *self, cc_map_t *map, PyObject *name, PyObject *value, cc_map_mode_t mode,
               PyObject *expected, PyObject **old) {
    cc_map_key_t key;
    void *found = NULL;
    if (cc_python_map_key(self, name, &key) != 0) return -1;
    int status = cc_map_put(map, &key, value, mode, expected, old != NULL ? &found : NULL);
    cc_python_map_key_done(self, &key);
    cc_python_drop_now();
    if (status < 0) {
        (void)cc_python_map_raise(status);
        return -1;
    }
    if (old != NULL) *old = (status & CC_MAP_FOUND) != 0 ? found : NULL;
    return status;
}

PyObject *cc_python_map_setdefault(PyObject *object, PyObject *const *args, Py_ssize_t count) {
    cc_python_map_t *self = (cc_python_map_t *)object;
    if (!cc_python_check_count("setdefault", count, 1, 2)) return NULL;
    cc_map_t *map = cc_python_map_of(self);
    PyObject *value = count > 1 ? args[1] : Py_None, *old = NULL;
    if (map == NULL || put(self, map, args[0], value, CC_MAP_IF_ABSENT, NULL, &old) < 0) return NULL;
    return old != NULL ? old : Py_NewRef(value);
}

/* Stores in a mode that asks for no value. */
static PyObject *store(PyObject *object, PyObject *const *args, cc_map_mode_t mode) {
    cc_python_map_t *self = (cc_python_map_t *)object;
    cc_map_t *map = cc_python_map_of(self);
    if (map == NULL) return NULL;
    int status = put(self, map, args[0], args[1], mode, NULL, NULL);
    return boolean(status < 0 ? -1 : (status & CC_MAP_STORED) != 0);
}

PyObject *cc_python_map_put_if_absent(PyObject *object, PyObject *const *args, Py_ssize_t count) {
    return cc_python_check_count("put_if_absent", count, 2, 2) ? store(object, args, CC_MAP_IF_ABSENT) : NULL;
}

PyObject *cc_python_map_replace(PyObject *object, PyObject *const *args, Py_ssize_t count) {
    return cc_python_check_count("replace", count, 2, 2) ? store(object, args, CC_MAP_IF_PRESENT) : NULL;
}

/* Stores `value` (NULL: removes the key) if the key's value is or equals `expected`: 1, 0, -1. */
static int change_if(cc_python_map_t *self, PyObject *name, PyObject *expected, PyObject *value) {
    cc_map_t *map = cc_python_map_of(self);
    cc_map_key_t key;
    int status = -1;
    if (map == NULL || cc_python_map_key(self, name, &key) != 0) return -1;
    for (;;) {
        void *old = NULL;
        status = cc_map_get(map, &key, &old);
        if (status <= 0) break;
        int equal = PyObject_RichCompareBool(old, expected, Py_EQ);
        if (equal > 0)
            status = value != NULL ? cc_map_put(map, &key, value, CC_MAP_IF_VALUE, old, NULL)
                                   : cc_map_remove_if(map, &key, old, NULL);
        Py_DECREF((PyObject *)old);
        if (equal <= 0) {
            status = equal < 0 ? CC_PYTHON_EXCEPTION : 0;
            break;
        }
        if (status < 0) break;
        if ((status & CC_MAP_STORED) != 0) { /* a removal's 1 is the same bit */
            status = 1;
            break;
        }
        if (PyErr_CheckSignals() != 0) {
            status = CC_PYTHON_EXCEPTION;
            break;
        }
    }
    cc_python_map_key_done(self, &key);
    cc_python_drop_now();
    if (status < 0) (void)cc_python_map_raise(status);
    return status < 0 ? -1 : status;
}

PyObject *cc_python_map_replace_if(PyObject *object, PyObject *const *args, Py_ssize_t count) {
    if (!cc_python_check_count("replace_if", count, 3, 3)) return NULL;
    return boolean(change_if((cc_python_map_t *)object, args[0], args[1], args[2]));
}

PyObject *cc_python_map_remove_if(PyObject *object, PyObject *const *args, Py_ssize_t count) {
    if (!cc_python_check_count("remove_if", count, 2, 2)) return NULL;
    return boolean(change_if((cc_python_map_t *)object, args[0], args[1], NULL));
}

/* One try of compute: 1 and *result, 0 when the value was changed meanwhile, below 0. */
static int compute_once(cc_map_t *map, const cc_map_key_t *key, PyObject *function, PyObject *initial,
                        PyObject **result) {
    void *old = NULL;
    int status = cc_map_get(map, key, &old);
    if (status < 0) return status;
    PyObject *value = PyObject_CallOneArg(function, old != NULL ? old : initial);
    status = value == NULL ? CC_PYTHON_EXCEPTION
                           : cc_map_put(map, key, value, old != NULL ? CC_MAP_IF_VALUE : CC_MAP_IF_ABSENT, old, NULL);
    Py_XDECREF((PyObject *)old);
    if (status >= 0 && (status & CC_MAP_STORED) != 0) {
        *result = value;
        return 1;
    }
    Py_XDECREF(value);
    if (status >= 0 && PyErr_CheckSignals() != 0) return CC_PYTHON_EXCEPTION;
    return status < 0 ? status : 0;
}

PyObject *cc_python_map_compute(PyObject *object, PyObject *const *args, Py_ssize_t count) {
    cc_python_map_t *self = (cc_python_map_t *)object;
    cc_map_key_t key;
    if (!cc_python_check_count("compute", count, 2, 3)) return NULL;
    if (!PyCallable_Check(args[1]))
        return PyErr_Format(PyExc_TypeError, "function must be callable, not %.200s", Py_TYPE(args[1])->tp_name);
    cc_map_t *map = cc_python_map_of(self);
    if (map == NULL || cc_python_map_key(self, args[0], &key) != 0) return NULL;
    PyObject *result = NULL;
    int status;
    while ((status = compute_once(map, &key, args[1], count > 2 ? args[2] : Py_None, &result)) == 0) continue;
    cc_python_map_key_done(self, &key);
    cc_python_drop_now();
    return status > 0 ? result : cc_python_map_raise(status);
}
