/* python/methods.c: the pluggable allocators of cc/methods.h as functions; memory/pluggable.py and memory/sqlite.py
 * make objects of what they give. */
#include "core.h"
#include "errors.h"
#include "fields.h"

#include "cc/methods.h"

/* ---- problems that a debug allocator reports -------------------------------------------------------------------- */

/* They come in whatever thread meets them, attached to the interpreter or not, so they wait in a list of the C
 * heap's. */
typedef struct problem {
    struct problem *next;
    cc_mem_problem_t about; /* title and text point to the following */
    char texts[];
} problem_t;

static problem_t *problems;  /* the latest first; by __atomic builtins */
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
    problem->about.title = memcpy(problem->texts, about->title, title);
    problem->about.text = memcpy(problem->texts + title, about->text, text);
    problem->next = __atomic_load_n(&problems, __ATOMIC_RELAXED);
    /* release pairs with the acquire exchange in take_problems: what it points to */
    while (!__atomic_compare_exchange_n(&problems, &problem->next, problem, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        continue;
}

static const char *kind_name(cc_mem_problem_kind_t kind) {
    switch (kind) {
    case CC_MEM_OVERRUN: return "overrun";
    case CC_MEM_UNDERRUN: return "underrun";
    case CC_MEM_DOUBLE_FREE: return "double free";
    case CC_MEM_FOREIGN_FREE: return "foreign free";
    case CC_MEM_USE_AFTER_FREE: return "use after free";
    case CC_MEM_LEAK: return "leak";
    }
    return "unknown";
}

#define FIELD(field) CC_PYTHON_FIELD(cc_mem_problem_t, field)
static const cc_python_field_t problem_fields[] = {FIELD(bytes), FIELD(blocks), FIELD(distance), FIELD(title),
                                                   FIELD(text)};
#undef FIELD
static const cc_python_table_t problem_table = CC_PYTHON_TABLE(cc_mem_problem_t, problem_fields);

static PyObject *build_problem(const cc_mem_problem_t *about) {
    PyObject *result = cc_python_struct(&problem_table, about);
    bool good = result != NULL && cc_python_put(result, "kind", PyUnicode_FromString(kind_name(about->kind))) &&
                cc_python_put(result, "address", PyLong_FromVoidPtr((void *)(uintptr_t)about->pointer));
    if (!good) Py_CLEAR(result);
    return result;
}

static PyObject *take_problems(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    problem_t *taken = __atomic_exchange_n(&problems, NULL, __ATOMIC_ACQUIRE); /* as in keep_problem */
    PyObject *list = PyList_New(0);
    while (taken != NULL) {
        problem_t *next = taken->next;
        PyObject *row = list != NULL ? build_problem(&taken->about) : NULL;
        if (list != NULL && (row == NULL || PyList_Append(list, row) != 0)) Py_CLEAR(list);
        Py_XDECREF(row);
        free(taken);
        taken = next;
    }
    if (list != NULL && PyList_Reverse(list) != 0) Py_CLEAR(list);
    return list != NULL
               ? Py_BuildValue("(Nn)", list, (Py_ssize_t)__atomic_exchange_n(&lost_problems, 0, __ATOMIC_RELAXED))
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

/* What cc_mem_static_create and cc_mem_buddy_create take at most. */
static const size_t MOST_BUFFER_BYTES = (size_t)32 << 30;

/* Raises what a configuration was refused for. */
static PyObject *raise_config(int status, const cc_mem_config_t *config) {
    if (status == CC_ERROR_STATE)
        return cc_python_raise(status,
                               "the allocators are in use: free what was allocated and call allocators.shutdown(), and "
                               "sqlite.use(None) if SQLite runs on them, before they are configured anew");
    if (status != CC_ERROR_ARGUMENT)
        return cc_python_raise(status, "the %s allocator cannot be configured", config->backend);
    if (cc_mem_backend(config->backend) == NULL)
        return cc_python_raise(status, "no backend is called '%s'", config->backend);
    if (config->debug.frames > CC_MEM_DEBUG_FRAMES_MAX)
        return cc_python_raise(status, "frames must be 0 to %d, not %u", (int)CC_MEM_DEBUG_FRAMES_MAX,
                               config->debug.frames);
    if (strcmp(config->debug_below, "debug") == 0 || cc_mem_backend(config->debug_below) == NULL)
        return cc_python_raise(status, "debug_below must be a backend other than debug, not '%s'", config->debug_below);
    if (config->buffer_bytes == 0)
        return cc_python_raise(status, "min_block must suit the default buffer of the %s allocator, not %zu",
                               config->backend, config->min_block);
    if (config->buffer_bytes > MOST_BUFFER_BYTES)
        return cc_python_raise(status, "buffer_bytes must be at most %zu for the %s allocator, not %zu",
                               MOST_BUFFER_BYTES, config->backend, config->buffer_bytes);
    if (config->min_block == 0)
        return cc_python_raise(status, "buffer_bytes must be larger for the %s allocator, not %zu", config->backend,
                               config->buffer_bytes);
    return cc_python_raise(status, "buffer_bytes must be larger for the %s allocator with min_block %zu, not %zu",
                           config->backend, config->min_block, config->buffer_bytes);
}

static PyObject *mem_config(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"backend", "status",           "buffer_bytes",  "min_block", "debug_below",
                            "frames",  "quarantine_bytes", "keep_problems", NULL};
    (void)module;
    const char *backend, *below;
    Py_ssize_t buffer_bytes, min_block, quarantine_bytes;
    unsigned frames;
    int status_wanted, keep;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "$spnnsInp:mem_config", names, &backend, &status_wanted,
                                     &buffer_bytes, &min_block, &below, &frames, &quarantine_bytes, &keep))
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
    int status = cc_mem_config(&config);
    if (status != CC_OK) return raise_config(status, &config);
    Py_RETURN_NONE;
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

#define FIELD(field) CC_PYTHON_FIELD(cc_mem_status_t, field)
static const cc_python_field_t status_fields[] = {FIELD(current),       FIELD(high_water),    FIELD(count),
                                                  FIELD(current_count), FIELD(highest_count), FIELD(largest),
                                                  FIELD(failed)};
#undef FIELD
static const cc_python_table_t status_table = CC_PYTHON_TABLE(cc_mem_status_t, status_fields);

static PyObject *mem_status(PyObject *module, PyObject *argument) {
    (void)module;
    cc_mem_status_t status = cc_mem_status(argument == Py_True ? CC_MEM_RESET_ALL : 0);
    return cc_python_struct(&status_table, &status);
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

#define FIELD(field) CC_PYTHON_FIELD(cc_mem_buffer_status_t, field)
static const cc_python_field_t buffer_fields[] = {FIELD(capacity),    FIELD(used),        FIELD(peak_used),
                                                  FIELD(live_blocks), FIELD(free_blocks), FIELD(largest_free),
                                                  FIELD(failed)};
#undef FIELD
static const cc_python_table_t buffer_table = CC_PYTHON_TABLE(cc_mem_buffer_status_t, buffer_fields);

static PyObject *mem_buffer_status(PyObject *module, PyObject *argument) {
    (void)module;
    const char *name = PyUnicode_AsUTF8(argument);
    if (name == NULL) return NULL;
    const cc_mem_methods_t *methods = cc_mem_backend(name);
    cc_mem_buffer_status_t status;
    if (methods == NULL || cc_mem_buffer_status(methods, &status) != CC_OK) Py_RETURN_NONE;
    return cc_python_struct(&buffer_table, &status);
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

int cc_python_add_mem_constants(PyObject *module) {
    return PyModule_AddIntConstant(module, "MAX_DEBUG_FRAMES", CC_MEM_DEBUG_FRAMES_MAX);
}

PyMethodDef cc_python_mem_methods[] = {
    {"mem_config", (PyCFunction)(void (*)(void))mem_config, METH_VARARGS | METH_KEYWORDS,
     "mem_config($module, /, *, backend, status, buffer_bytes, min_block, debug_below, frames, quarantine_bytes, "
     "keep_problems)\n"
     "--\n\ncc_mem_config; 0 stands for the default of each size. ValueError names the argument; RuntimeError, "
     "MemoryError."},
    {"mem_shutdown", mem_shutdown, METH_NOARGS, "mem_shutdown($module, /)\n--\n\ncc_mem_shutdown."},
    {"mem_configured", mem_configured, METH_NOARGS, "mem_configured($module, /)\n--\n\nThe core's backend."},
    {"mem_backends", mem_backends, METH_NOARGS, "mem_backends($module, /)\n--\n\nThe names of all backends."},
    {"mem_status", mem_status, METH_O,
     "mem_status($module, reset, /)\n--\n\nThe fields of cc_mem_status_t as a dict; True: all are reset after that."},
    {"mem_soft_limit", mem_soft_limit, METH_O,
     "mem_soft_limit($module, bytes, /)\n--\n\nSet it (negative: don't); the one before."},
    {"mem_hard_limit", mem_hard_limit, METH_O,
     "mem_hard_limit($module, bytes, /)\n--\n\nSet it (negative: don't); the one before."},
    {"mem_buffer_status", mem_buffer_status, METH_O,
     "mem_buffer_status($module, backend, /)\n--\n\n"
     "The fields of cc_mem_buffer_status_t as a dict; None when it has no buffer now."},
    {"mem_debug_check", mem_debug_check, METH_NOARGS,
     "mem_debug_check($module, /)\n--\n\nLook at all blocks; how many are damaged."},
    {"mem_debug_mark", mem_debug_mark, METH_NOARGS,
     "mem_debug_mark($module, /)\n--\n\nA point in time for mem_debug_leaks."},
    {"mem_debug_leaks", mem_debug_leaks, METH_O,
     "mem_debug_leaks($module, mark, /)\n--\n\nReport what is alive since; how many."},
    {"take_problems", take_problems, METH_NOARGS,
     "take_problems($module, /)\n--\n\n"
     "(list, lost): what debug allocators reported since the last call, as dicts, and how many for which there was no "
     "memory."},
    {"sqlite3_mem_methods", sqlite3_mem_methods, METH_O,
     "sqlite3_mem_methods($module, backend, /)\n--\n\nThe address of its sqlite3_mem_methods, None for an unknown "
     "name."},
    {NULL, NULL, 0, NULL}};
