/* python/errors.c: see errors.h. */
#include "errors.h"

#include "cc/base.h"

static PyObject *exception_of(int status) {
    switch (status) {
    case CC_ERROR_MEMORY: return PyExc_MemoryError;
    case CC_ERROR_ARGUMENT:
    case CC_ERROR_EMPTY: return PyExc_ValueError;
    case CC_ERROR_MISSING: return PyExc_FileNotFoundError;
    case CC_ERROR_ACCESS: return PyExc_PermissionError;
    case CC_ERROR_DIRECTORY: return PyExc_IsADirectoryError;
    case CC_ERROR_KIND:
    case CC_ERROR_TRUNCATED:
    case CC_ERROR_SYSTEM: return PyExc_OSError;
    default: return PyExc_RuntimeError;
    }
}

PyObject *cc_python_raise(int status, const char *format, ...) {
    if (format == NULL) {
        PyErr_SetString(exception_of(status), cc_strerror(status));
        return NULL;
    }
    va_list arguments;
    va_start(arguments, format);
    PyObject *context = PyUnicode_FromFormatV(format, arguments);
    va_end(arguments);
    if (context == NULL) return NULL;
    if (status == CC_ERROR_ARGUMENT)
        PyErr_SetObject(PyExc_ValueError, context);
    else
        PyErr_Format(exception_of(status), "%U: %s", context, cc_strerror(status));
    Py_DECREF(context);
    return NULL;
}

PyObject *cc_python_refuse_to_reduce(PyObject *self, PyObject *unused) {
    (void)unused;
    const char *name = strrchr(Py_TYPE(self)->tp_name, '.');
    return PyErr_Format(PyExc_TypeError, "cannot pickle or copy '%s' object",
                        name != NULL ? name + 1 : Py_TYPE(self)->tp_name);
}
