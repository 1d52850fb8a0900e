/* python/regions_file.c: mapped files as objects. memory/regions.py checks the arguments; here only those are
 * checked that could crash. */
#include "regions.h"

static int file_init(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"path", "copy_on_write", NULL};
    PyObject *path, *bytes = NULL;
    int writable;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Op", names, &path, &writable)) return -1;
    if (cc_python_is_open(cc_python_region(self))) {
        PyErr_SetString(PyExc_RuntimeError, "it was begun before");
        return -1;
    }
    if (!PyUnicode_FSConverter(path, &bytes)) return -1;
    unsigned flags = CC_FILE_GUARDED | (writable ? (unsigned)CC_FILE_COPY_ON_WRITE : 0);
    cc_file_t *file = NULL;
    int status = cc_file_open(PyBytes_AS_STRING(bytes), flags, &file);
    Py_DECREF(bytes);
    cc_python_region(self)->file = file;
    cc_python_region(self)->writable = writable != 0;
    if (status == CC_OK) return 0;
    if (status == CC_ERROR_LIMIT)
        PyErr_Format(PyExc_OSError, "%S cannot be mapped: too many files are open, or 1024 are mapped", path);
    else
        (void)cc_python_raise(status, "%S cannot be mapped", path);
    return -1;
}

static int file_get_buffer(PyObject *self, Py_buffer *view, int flags) {
    cc_python_region_t *region = cc_python_region(self);
    CC_PYTHON_LOCK(&region->lock);
    bool open = region->file != NULL;
    region->views += open;
    cc_slice_t slice = open ? cc_file_slice(region->file) : cc_slice(NULL, 0);
    CC_PYTHON_UNLOCK(&region->lock);
    if (!open) {
        view->obj = NULL;
        (void)cc_python_may_use(region);
        return -1;
    }
    if (PyBuffer_FillInfo(view, self, (void *)(uintptr_t)slice.data, (Py_ssize_t)slice.length, !region->writable,
                          flags) == 0)
        return 0;
    CC_PYTHON_LOCK(&region->lock);
    region->views--;
    CC_PYTHON_UNLOCK(&region->lock);
    return -1;
}

static void file_release_buffer(PyObject *self, Py_buffer *view) {
    (void)view;
    CC_PYTHON_LOCK(&cc_python_region(self)->lock);
    cc_python_region(self)->views--;
    CC_PYTHON_UNLOCK(&cc_python_region(self)->lock);
}

/* Keeps the file from being closed during a call that is made without the lock or the GIL. */
static bool hold_file(PyObject *self, Py_buffer *view) {
    return PyObject_GetBuffer(self, view, PyBUF_SIMPLE) == 0;
}

static PyObject *file_read(PyObject *self, PyObject *args) {
    Py_ssize_t start, length;
    Py_buffer view;
    if (!PyArg_ParseTuple(args, "nn", &start, &length) || !hold_file(self, &view)) return NULL;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, length);
    int status = CC_OK;
    if (bytes != NULL) {
        Py_BEGIN_ALLOW_THREADS status =
            cc_file_read(cc_python_region(self)->file, (size_t)start, PyBytes_AS_STRING(bytes), (size_t)length);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&view);
    if (status == CC_OK) return bytes;
    Py_CLEAR(bytes);
    if (status == CC_ERROR_ARGUMENT)
        return cc_python_raise(status, "bytes %zd to %zd are not all in the file", start, start + length);
    return cc_python_raise(status, NULL);
}

static PyObject *file_find(PyObject *self, PyObject *args) {
    Py_buffer view, part;
    Py_ssize_t start, end;
    int from_end;
    if (!PyArg_ParseTuple(args, "y*nnp", &part, &start, &end, &from_end)) return NULL;
    if (!hold_file(self, &view)) {
        PyBuffer_Release(&part);
        return NULL;
    }
    size_t found;
    Py_BEGIN_ALLOW_THREADS cc_slice_t slice = cc_slice_sub(cc_slice(view.buf, (size_t)view.len), 0, (size_t)end);
    cc_slice_t wanted = cc_slice(part.buf, (size_t)part.len);
    found = from_end ? cc_slice_rfind(slice, wanted, (size_t)start) : cc_slice_find(slice, wanted, (size_t)start);
    Py_END_ALLOW_THREADS PyBuffer_Release(&part);
    PyBuffer_Release(&view);
    return PyLong_FromSsize_t(found != CC_SLICE_NONE ? (Py_ssize_t)found : -1);
}

static const struct {
    const char *name;
    cc_file_advice_t advice;
} advices[] = {{"normal", CC_FILE_NORMAL},
               {"sequential", CC_FILE_SEQUENTIAL},
               {"random", CC_FILE_RANDOM},
               {"will need", CC_FILE_WILL_NEED},
               {"don't need", CC_FILE_DONT_NEED}};
enum { ADVICES = sizeof advices / sizeof *advices };

int cc_python_add_file_constants(PyObject *module) {
    PyObject *names = PyTuple_New(ADVICES);
    for (int i = 0; names != NULL && i < ADVICES; i++) {
        PyObject *name = PyUnicode_FromString(advices[i].name);
        if (name == NULL)
            Py_CLEAR(names);
        else
            PyTuple_SET_ITEM(names, i, name);
    }
    int status = names != NULL ? PyModule_AddObjectRef(module, "FILE_ADVICE", names) : -1;
    Py_XDECREF(names);
    return status;
}

static PyObject *file_advise(PyObject *self, PyObject *args) {
    Py_ssize_t start, length;
    const char *name;
    Py_buffer view;
    int i = 0;
    if (!PyArg_ParseTuple(args, "snn", &name, &start, &length)) return NULL;
    while (i < ADVICES && strcmp(advices[i].name, name) != 0) i++;
    if (i == ADVICES) return PyErr_Format(PyExc_ValueError, "no advice is called '%s'", name);
    if (!hold_file(self, &view)) return NULL;
    int status = cc_file_advise(cc_python_region(self)->file, (size_t)start, (size_t)length, advices[i].advice);
    PyBuffer_Release(&view);
    if (status != CC_OK)
        return cc_python_raise(status, "advice '%s' was refused for bytes %zd to %zd", name, start, start + length);
    Py_RETURN_NONE;
}

static PyObject *file_truncated(PyObject *self, void *unused) {
    (void)unused;
    Py_buffer view;
    if (!hold_file(self, &view)) return NULL;
    bool truncated = cc_file_truncated(cc_python_region(self)->file);
    PyBuffer_Release(&view);
    return PyBool_FromLong(truncated);
}

static Py_ssize_t file_length(PyObject *self) {
    Py_buffer view;
    if (!hold_file(self, &view)) return -1;
    Py_ssize_t length = view.len;
    PyBuffer_Release(&view);
    return length;
}

static PyObject *file_get_item(PyObject *self, PyObject *key) {
    PyObject *view = PyMemoryView_FromObject(self);
    PyObject *item = view != NULL ? PyObject_GetItem(view, key) : NULL;
    Py_XDECREF(view);
    return item;
}

static PyMethodDef file_methods[] = {
    CC_PYTHON_REGION_METHODS,
    {"_read", file_read, METH_VARARGS, "_read($self, start, length, /)\n--\n\nA copy out of the file itself."},
    {"_find", file_find, METH_VARARGS,
     "_find($self, part, start, end, from_end, /)\n--\n\nWhere it lies, -1 if nowhere."},
    {"_advise", file_advise, METH_VARARGS, "_advise($self, advice, start, length, /)\n--\n\ncc_file_advise."},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef file_properties[] = {
    {"closed", cc_python_region_closed, NULL, "Whether close() has been called (bool).", NULL},
    {"truncated", file_truncated, NULL, "Whether the file has become shorter, or a missing part was met (bool).", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot file_slots[] = {{Py_tp_doc, "See memory.MappedFile."},
                                   {Py_tp_init, file_init},
                                   {Py_tp_dealloc, cc_python_region_dealloc},
                                   {Py_tp_methods, file_methods},
                                   {Py_tp_getset, file_properties},
                                   {Py_mp_length, file_length},
                                   {Py_mp_subscript, file_get_item},
                                   {Py_bf_getbuffer, file_get_buffer},
                                   {Py_bf_releasebuffer, file_release_buffer},
                                   {0, NULL}};

CC_PYTHON_REGION_TYPE(mapped_file, "MappedFile", file_slots);
