/* python/alloc.c: the runtime's allocation statistics, the choice of its allocator, and the process's memory. */
#include "core.h"
#include "errors.h"
#include "fields.h"

#define FIELD(field) CC_PYTHON_FIELD(cc_alloc_snapshot_t, field)
static const cc_python_field_t snapshot_fields[] = {
    FIELD(alloc_count),       FIELD(free_count),          FIELD(alloc_bytes),        FIELD(free_bytes),
    FIELD(current_allocated), FIELD(failed_count),        FIELD(unsized_free_count), FIELD(alloc_block_bytes),
    FIELD(free_block_bytes),  FIELD(current_block_bytes), FIELD(thread_count)};
#undef FIELD
static const cc_python_table_t snapshot_table = CC_PYTHON_TABLE(cc_alloc_snapshot_t, snapshot_fields);

static PyObject *alloc_stats(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    cc_alloc_snapshot_t s = cc_alloc_stats_snapshot();
    return cc_python_struct(&snapshot_table, &s);
}

static PyObject *reset_alloc_stats(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    cc_alloc_stats_reset();
    Py_RETURN_NONE;
}

static PyObject *alloc_stats_enable(PyObject *module, PyObject *argument) {
    (void)module;
    cc_alloc_stats_enable(argument == Py_True);
    if (argument == Py_True && !cc_alloc_stats_enabled()) {
        PyErr_SetString(PyExc_RuntimeError,
                        "enable_alloc_statistics is True, but this libcc was built without statistics "
                        "(CC_ALLOC_STATS=0): expected False, or another build");
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *alloc_stats_enabled(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyBool_FromLong(cc_alloc_stats_enabled());
}

static PyObject *alloc_select(PyObject *module, PyObject *argument) {
    (void)module;
    const char *name = PyUnicode_AsUTF8(argument);
    if (name == NULL) return NULL;
    int status = cc_alloc_select(name);
    if (status == CC_ERROR_ARGUMENT) return cc_python_raise(status, "no allocator below libcc is called '%s'", name);
    if (status != CC_OK) return cc_python_raise(status, "the allocator '%s' cannot be chosen", name);
    Py_RETURN_NONE;
}

static PyObject *alloc_selected(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyUnicode_FromString(cc_alloc_selected());
}

static PyObject *heap_bytes(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    size_t committed, reserved;
    if (cc_alloc_heap_bytes(&committed, &reserved) != CC_OK) Py_RETURN_NONE;
    return Py_BuildValue("(nn)", (Py_ssize_t)committed, (Py_ssize_t)reserved);
}

static PyObject *resident_bytes(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    size_t current, peak;
    if (cc_resident_bytes(&current, &peak) != CC_OK) Py_RETURN_NONE;
    return Py_BuildValue("(nn)", (Py_ssize_t)current, (Py_ssize_t)peak);
}

PyMethodDef cc_python_alloc_methods[] = {
    {"alloc_stats", alloc_stats, METH_NOARGS,
     "alloc_stats($module, /)\n--\n\nThe fields of cc_alloc_snapshot_t as a dict."},
    {"reset_alloc_stats", reset_alloc_stats, METH_NOARGS,
     "reset_alloc_stats($module, /)\n--\n\nStart counting at zero."},
    {"alloc_stats_enable", alloc_stats_enable, METH_O, "alloc_stats_enable($module, on, /)\n--\n\nSwitch counting."},
    {"alloc_stats_enabled", alloc_stats_enabled, METH_NOARGS,
     "alloc_stats_enabled($module, /)\n--\n\nWhether it is on."},
    {"alloc_select", alloc_select, METH_O, "alloc_select($module, name, /)\n--\n\nChoose the allocator below libcc."},
    {"alloc_selected", alloc_selected, METH_NOARGS, "alloc_selected($module, /)\n--\n\nThe allocator below libcc."},
    {"heap_bytes", heap_bytes, METH_NOARGS,
     "heap_bytes($module, /)\n--\n\n(committed, reserved) bytes of the allocator below libcc, or None."},
    {"resident_bytes", resident_bytes, METH_NOARGS,
     "resident_bytes($module, /)\n--\n\n(now, high-water mark) of the process's resident set, or None."},
    {NULL, NULL, 0, NULL}};
