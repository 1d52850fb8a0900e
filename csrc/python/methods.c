/* python/methods.c: the pluggable allocators of cc/methods.h as functions on tuples; memory.py and sqlite.py make objects of
 * them. */
#include "core.h"

#include "cc/methods.h"

/* ---- problems that a debug allocator reports -------------------------------------------------------------------- */

/* They come in whatever thread meets them, attached to the interpreter or not, so they wait in a list of the C heap's. */
typedef struct problem {
    struct problem *next;
    cc_mem_problem_t about; /* title and text point behind this */
    char texts[];
} problem_t;

static problem_t *problems; /* the latest first; by __atomic builtins */
static size_t lost_problems; /* without memory to keep them */

static void keep_problem(const cc_mem_problem_t *about, void *unused) {
    (void)unused;
    size_t title = strlen(about->title) + 1, text = strlen(about->text) + 1;
    problem_t *problem = malloc(sizeof *problem + title + text);
    if (problem == NULL) {
        __atomic_fetch_add(&lost_problems, 1, __ATOMIC_RELAXED);
        return;
    }
    problem->about = *about;
    memcpy(problem->texts, about->title, title);
    memcpy(problem->texts + title, about->text, text);
    problem->next = __atomic_load_n(&problems, __ATOMIC_RELAXED);
    /* release pairs with the acquire exchange in take_problems: what it points to */
    while (!__atomic_compare_exchange_n(&problems, &problem->next, problem, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        continue;
}

static PyObject *problem_tuple(const problem_t *problem) {
    const char *title = problem->texts, *text = title + strlen(title) + 1;
    return Py_BuildValue("(iKnnnNN)", (int)problem->about.kind, (unsigned long long)(uintptr_t)problem->about.pointer,
                         (Py_ssize_t)problem->about.bytes, (Py_ssize_t)problem->about.blocks,
                         (Py_ssize_t)problem->about.distance,
                         PyUnicode_DecodeUTF8(title, (Py_ssize_t)strlen(title), "replace"),
                         PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace"));
}

static PyObject *take_problems(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    problem_t *taken = __atomic_exchange_n(&problems, NULL, __ATOMIC_ACQUIRE); /* as in keep_problem */
    PyObject *list = PyList_New(0);
    while (taken != NULL) {
        problem_t *next = taken->next;
        PyObject *tuple = list != NULL ? problem_tuple(taken) : NULL;
        if (list != NULL && (tuple == NULL || PyList_Append(list, tuple) != 0)) Py_CLEAR(list);
        Py_XDECREF(tuple);
        free(taken);
        taken = next;
    }
    if (list != NULL && PyList_Reverse(list) != 0) Py_CLEAR(list);
    return list != NULL ? Py_BuildValue("(Nn)", list, (Py_ssize_t)__atomic_exchange_n(&lost_problems, 0, __ATOMIC_RELAXED))
                        : NULL;
}

static const cc_mem_methods_t *debug_methods(void) {
    return cc_mem_backend("debug");
}

static PyObject *mem_debug_check(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyLong_FromSize_t(cc_mem_debug_check(debug_methods()));
}

static PyObject *mem_debug_mark(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyLong_FromUnsignedLongLong(cc_mem_debug_mark(debug_methods()));
}

static PyObject *mem_debug_leaks(PyObject *module, PyObject *argument) {
    (void)module;
    unsigned long long mark = PyLong_AsUnsignedLongLong(argument);
    if (mark == (unsigned long long)-1 && PyErr_Occurred()) return NULL;
    return PyLong_FromSize_t(cc_mem_debug_leaks(debug_methods(), mark));
}

/* ---- the core ---------------------------------------------------------------------------------------------------- */

static PyObject *mem_config(PyObject *module, PyObject *args) {
    (void)module;
    const char *backend, *below;
    Py_ssize_t buffer_bytes, min_block, quarantine_bytes;
    unsigned frames;
    int status_wanted, keep;
    if (!PyArg_ParseTuple(args, "zpnnzInp", &backend, &status_wanted, &buffer_bytes, &min_block, &below, &frames,
                          &quarantine_bytes, &keep))
        return NULL;
    cc_mem_config_t config = {.backend = backend,
                              .without_status = status_wanted == 0,
                              .buffer_bytes = (size_t)buffer_bytes,
                              .min_block = (size_t)min_block,
                              .debug_below = below,
                              .debug = {.frames = frames,
                                        .without_stacks = frames == 0,
                                        .quarantine_bytes = (size_t)quarantine_bytes,
                                        .report = keep != 0 ? keep_problem : NULL}};
    return PyLong_FromLong(cc_mem_config(&config));
}

static PyObject *mem_shutdown(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    cc_mem_shutdown();
    Py_RETURN_NONE;
}

static PyObject *mem_configured(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyUnicode_FromString(cc_mem_configured());
}

static PyObject *mem_backends(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && cc_mem_backend_name(i) != NULL; i++) {
        PyObject *name = PyUnicode_FromString(cc_mem_backend_name(i));
        if (name == NULL || PyList_Append(list, name) != 0) Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

static PyObject *mem_status(PyObject *module, PyObject *argument) {
    (void)module;
    unsigned long reset = PyLong_AsUnsignedLong(argument);
    if (reset == (unsigned long)-1 && PyErr_Occurred()) return NULL;
    cc_mem_status_t s = cc_mem_status((unsigned)reset);
    return Py_BuildValue("(KKKKKKK)", (unsigned long long)s.current, (unsigned long long)s.high_water,
                         (unsigned long long)s.count, (unsigned long long)s.current_count,
                         (unsigned long long)s.highest_count, (unsigned long long)s.largest,
                         (unsigned long long)s.failed);
}

static PyObject *limit(PyObject *argument, int64_t (*set)(int64_t bytes)) {
    long long bytes = PyLong_AsLongLong(argument);
    if (bytes == -1 && PyErr_Occurred()) return NULL;
    return PyLong_FromLongLong(set(bytes));
}

static PyObject *mem_soft_limit(PyObject *module, PyObject *argument) {
    (void)module;
    return limit(argument, cc_mem_soft_limit);
}

static PyObject *mem_hard_limit(PyObject *module, PyObject *argument) {
    (void)module;
    return limit(argument, cc_mem_hard_limit);
}

static PyObject *mem_buffer_status(PyObject *module, PyObject *argument) {
    (void)module;
    const char *name = PyUnicode_AsUTF8(argument);
    if (name == NULL) return NULL;
    const cc_mem_methods_t *methods = cc_mem_backend(name);
    cc_mem_buffer_status_t s;
    if (methods == NULL || cc_mem_buffer_status(methods, &s) != CC_OK) Py_RETURN_NONE;
    return Py_BuildValue("(nnnnnnK)", (Py_ssize_t)s.capacity, (Py_ssize_t)s.used, (Py_ssize_t)s.peak_used,
                         (Py_ssize_t)s.live_blocks, (Py_ssize_t)s.free_blocks, (Py_ssize_t)s.largest_free,
                         (unsigned long long)s.failed);
}

/* ---- SQLite ------------------------------------------------------------------------------------------------------ */

static PyObject *sqlite3_mem_methods(PyObject *module, PyObject *argument) {
    (void)module;
    const char *name = PyUnicode_AsUTF8(argument);
    if (name == NULL) return NULL;
    const void *methods = cc_sqlite3_mem_methods(name);
    if (methods == NULL) Py_RETURN_NONE;
    return PyLong_FromVoidPtr((void *)(uintptr_t)methods);
}

PyMethodDef cc_python_mem_methods[] = {
    {"mem_config", mem_config, METH_VARARGS,
     "mem_config(backend, status, buffer_bytes, min_block, debug_below, frames, quarantine_bytes, keep_problems)\n--\n\n"
     "cc_mem_config; returns its status."},
    {"mem_shutdown", mem_shutdown, METH_NOARGS, "mem_shutdown()\n--\n\ncc_mem_shutdown."},
    {"mem_configured", mem_configured, METH_NOARGS, "mem_configured()\n--\n\nThe core's backend."},
    {"mem_backends", mem_backends, METH_NOARGS, "mem_backends()\n--\n\nThe names of all backends."},
    {"mem_status", mem_status, METH_O, "mem_status(reset)\n--\n\nThe fields of cc_mem_status_t, in order."},
    {"mem_soft_limit", mem_soft_limit, METH_O, "mem_soft_limit(bytes)\n--\n\nSet it (negative: don't); the one before."},
    {"mem_hard_limit", mem_hard_limit, METH_O, "mem_hard_limit(bytes)\n--\n\nSet it (negative: don't); the one before."},
    {"mem_buffer_status", mem_buffer_status, METH_O,
     "mem_buffer_status(backend)\n--\n\nThe fields of cc_mem_buffer_status_t, in order; None when it has no buffer now."},
    {"mem_debug_check", mem_debug_check, METH_NOARGS,
     "mem_debug_check()\n--\n\nLook at all blocks; how many are damaged."},
    {"mem_debug_mark", mem_debug_mark, METH_NOARGS, "mem_debug_mark()\n--\n\nA point in time for mem_debug_leaks."},
    {"mem_debug_leaks", mem_debug_leaks, METH_O, "mem_debug_leaks(mark)\n--\n\nReport what is alive since; how many."},
    {"take_problems", take_problems, METH_NOARGS,
     "take_problems()\n--\n\n(list, lost): what debug allocators reported since the last call, and how many for which "
     "there was no memory."},
    {"sqlite3_mem_methods", sqlite3_mem_methods, METH_O,
     "sqlite3_mem_methods(backend)\n--\n\nThe address of its sqlite3_mem_methods, None for an unknown name."},
    {NULL, NULL, 0, NULL}};
