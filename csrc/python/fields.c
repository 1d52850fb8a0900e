/* python/fields.c: see fields.h. */
#include "fields.h"

#include <string.h>

PyObject *cc_python_doubles(const double *values, size_t count) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *value = PyFloat_FromDouble(values[i]);
        if (value == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, value);
    }
    return list;
}

PyObject *cc_python_integers(const uint64_t *values, size_t count) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *value = PyLong_FromUnsignedLongLong(values[i]);
        if (value == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, value);
    }
    return list;
}

bool cc_python_put(PyObject *dictionary, const char *key, PyObject *value) {
    bool done = value != NULL && PyDict_SetItemString(dictionary, key, value) == 0;
    Py_XDECREF(value);
    return done;
}

static PyObject *text(const char *bytes) {
    return PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)strlen(bytes), "replace");
}

static PyObject *value_of(const cc_python_field_t *field, const void *place) {
    switch (field->kind) {
    case CC_PYTHON_UINT64: return PyLong_FromUnsignedLongLong(*(const uint64_t *)place);
    case CC_PYTHON_UINT32: return PyLong_FromUnsignedLong(*(const uint32_t *)place);
    case CC_PYTHON_INT64: return PyLong_FromLongLong(*(const int64_t *)place);
    case CC_PYTHON_DOUBLE: return PyFloat_FromDouble(*(const double *)place);
    case CC_PYTHON_DOUBLES: return cc_python_doubles(place, field->size / sizeof(double));
    case CC_PYTHON_BOOL: return PyBool_FromLong(*(const bool *)place);
    case CC_PYTHON_FLAG: return PyBool_FromLong(*(const uint32_t *)place != 0);
    case CC_PYTHON_TEXT: return text(place);
    case CC_PYTHON_TEXT_AT: return text(*(const char *const *)place);
    }
    Py_UNREACHABLE();
}

PyObject *cc_python_struct(const cc_python_table_t *table, const void *structure) {
    PyObject *result = PyDict_New();
    for (size_t i = 0; result != NULL && i < table->count; i++) {
        const cc_python_field_t *field = &table->fields[i];
        if (!cc_python_put(result, field->name, value_of(field, (const char *)structure + field->offset)))
            Py_CLEAR(result);
    }
    return result;
}

PyObject *cc_python_structs(const cc_python_table_t *table, const void *structures, size_t count) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *row = cc_python_struct(table, (const char *)structures + i * table->size);
        if (row == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, row);
    }
    return list;
}
