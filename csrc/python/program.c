/* python/program.c: what the command line needs to run a program as the interpreter would: nothing of ours below it
 * on the stack, something to do before SIGTERM kills, and functions with something done before and after them. */
#include "compat.h"

#include <stdio.h>
#include <stdlib.h>
#include <structmember.h>

#include "cc/base.h"
#include "core.h"

/* ---- running ----------------------------------------------------------------------------------------------------- */

/* Whether what ended the program, and was printed, is a KeyboardInterrupt. */
static bool was_interrupted(void) {
    PyObject *type = PySys_GetObject("last_type"); /* borrowed */
    return type != NULL && type == PyExc_KeyboardInterrupt;
}

/* Ends as Py_RunMain does. */
static void end(int status) {
    bool interrupted = status != 0 && was_interrupted();
    if (Py_FinalizeEx() < 0) status = 120;
    if (interrupted) cc_die_interrupted();
    exit(status);
}

static int run_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
        PyErr_Print();
        return 2;
    }
    PyCompilerFlags flags = {.cf_flags = 0, .cf_feature_version = PY_MINOR_VERSION};
    return PyRun_AnyFileExFlags(file, path, 1, &flags) != 0;
}

static int run_stdin(void) {
    PyCompilerFlags flags = {.cf_flags = 0, .cf_feature_version = PY_MINOR_VERSION};
    return PyRun_AnyFileExFlags(stdin, "<stdin>", 0, &flags) != 0;
}

static int run_command(const char *text) {
    PyCompilerFlags flags = {.cf_flags = PyCF_IGNORE_COOKIE, .cf_feature_version = PY_MINOR_VERSION};
    return PyRun_SimpleStringFlags(text, &flags) != 0;
}

/* A call that raises is printed, and SystemExit ends the process, as for a module that Python runs. */
static int run_call(PyObject *function, PyObject *arguments) {
    PyObject *result = PyObject_CallObject(function, arguments);
    if (result == NULL) PyErr_Print();
    Py_XDECREF(result);
    return result == NULL;
}

static PyObject *run_program(PyObject *module, PyObject *args) {
    (void)module;
    const char *kind;
    PyObject *what, *arguments = NULL, *bytes = NULL;
    if (!PyArg_ParseTuple(args, "sO|O!:run_program", &kind, &what, &PyTuple_Type, &arguments)) return NULL;
    if (kind[0] == 'f' || kind[0] == 't') {
        if (!PyUnicode_FSConverter(what, &bytes)) return NULL;
    }
    cc_python_forget_frames();
    switch (kind[0]) {
    case 'f': end(run_file(PyBytes_AS_STRING(bytes))); break;
    case 't': end(run_command(PyBytes_AS_STRING(bytes))); break;
    case 's': end(run_stdin()); break;
    default: end(run_call(what, arguments)); break; /* call */
    }
    Py_UNREACHABLE();
}

/* ---- SIGTERM ----------------------------------------------------------------------------------------------------- */

static PyObject *before_sigterm; /* what is called; guarded by the GIL, or by the one caller of watch and unwatch */
static bool wanted;

static void call_before_sigterm(void *unused) {
    (void)unused;
    bool paused = cc_profile_pause(); /* this thread is no part of a profile, its thread state included */
    PyGILState_STATE attached = PyGILState_Ensure();
    PyObject *result = PyObject_CallNoArgs(before_sigterm);
    if (result == NULL) PyErr_Clear();
    Py_XDECREF(result);
    PyGILState_Release(attached);
    cc_profile_resume(paused);
}

static int watch_now(void *unused) {
    (void)unused;
    if (wanted) (void)cc_sigterm_watch(call_before_sigterm, NULL); /* where it is handled or ignored, so it stays */
    return 0;
}

static PyObject *watch_sigterm(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *function;
    int soon = 0;
    if (!PyArg_ParseTuple(args, "O|p:watch_sigterm", &function, &soon)) return NULL;
    Py_XSETREF(before_sigterm, Py_NewRef(function));
    wanted = true;
    if (!soon || Py_AddPendingCall(watch_now, NULL) != 0) (void)watch_now(NULL);
    Py_RETURN_NONE;
}

static PyObject *unwatch_sigterm(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    wanted = false;
    Py_BEGIN_ALLOW_THREADS cc_sigterm_unwatch();
    Py_END_ALLOW_THREADS Py_RETURN_NONE;
}

static PyObject *rearm_sigterm(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    cc_sigterm_rearm();
    Py_RETURN_NONE;
}

/* ---- functions with something before and after them -------------------------------------------------------------- */

/* Python code around a call would show in the tracebacks of what the call raises; this does not. */
typedef struct {
    PyObject_HEAD
    PyObject *function, *before, *after;
} wrapped_t;

static void call_and_forget(PyObject *function, PyObject *args, PyObject *keywords) {
    if (function == Py_None) return;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *result = PyObject_Call(function, args, keywords);
    if (result == NULL) PyErr_Clear();
    Py_XDECREF(result);
    PyErr_Restore(type, value, traceback);
}

static PyObject *wrapped_call(wrapped_t *self, PyObject *args, PyObject *keywords) {
    call_and_forget(self->before, args, keywords);
    PyObject *result = PyObject_Call(self->function, args, keywords);
    call_and_forget(self->after, args, keywords);
    return result;
}

static PyObject *wrapped_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"function", "before", "after", NULL};
    PyObject *function, *before = Py_None, *after = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|OO:Wrapped", names, &function, &before, &after)) return NULL;
    wrapped_t *self = (wrapped_t *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    self->function = Py_NewRef(function);
    self->before = Py_NewRef(before);
    self->after = Py_NewRef(after);
    return (PyObject *)self;
}

static int wrapped_traverse(wrapped_t *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->function);
    Py_VISIT(self->before);
    Py_VISIT(self->after);
    return 0;
}

static int wrapped_clear(wrapped_t *self) {
    Py_CLEAR(self->function);
    Py_CLEAR(self->before);
    Py_CLEAR(self->after);
    return 0;
}

static void wrapped_dealloc(wrapped_t *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    (void)wrapped_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *wrapped_repr(wrapped_t *self) {
    return PyObject_Repr(self->function);
}

/* What is asked of it is answered by the function: __name__, __doc__, __module__, __text_signature__ … */
static PyObject *wrapped_getattro(wrapped_t *self, PyObject *name) {
    if (PyUnicode_CompareWithASCIIString(name, "__class__") == 0 ||
        PyUnicode_CompareWithASCIIString(name, "__wrapped__") == 0)
        return PyObject_GenericGetAttr((PyObject *)self, name);
    return PyObject_GetAttr(self->function, name);
}

static PyMemberDef wrapped_members[] = {{"__wrapped__", T_OBJECT, offsetof(wrapped_t, function), READONLY, NULL}, {0}};

static PyType_Slot wrapped_slots[] = {
    {Py_tp_new, wrapped_new},
    {Py_tp_call, wrapped_call},
    {Py_tp_dealloc, wrapped_dealloc},
    {Py_tp_traverse, wrapped_traverse},
    {Py_tp_clear, wrapped_clear},
    {Py_tp_repr, wrapped_repr},
    {Py_tp_getattro, wrapped_getattro},
    {Py_tp_members, wrapped_members},
    {Py_tp_doc, "Wrapped(function, before=None, after=None)\n--\n\nCalls before, function and after with what it is "
                "called with. Errors of before and after are dropped."},
    {0, NULL}};

PyType_Spec cc_python_wrapped_spec = {.name = "concurrent_collections._core.Wrapped",
                                      .basicsize = sizeof(wrapped_t),
                                      .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
                                      .slots = wrapped_slots};

PyMethodDef cc_python_program_methods[] = {
    {"run_program", run_program, METH_VARARGS,
     "run_program($module, kind, what, arguments=(), /)\n--\n\nRun a file, a text, stdin or a call (its kind) as "
     "Python would: "
     "with nothing below it on the stack, and the end of the process at its end."},
    {"watch_sigterm", watch_sigterm, METH_VARARGS,
     "watch_sigterm($module, function, soon=False, /)\n--\n\nCall function in a thread of its own before SIGTERM "
     "kills, unless "
     "the program handles or ignores the signal. soon: when the main thread runs Python code next."},
    {"unwatch_sigterm", unwatch_sigterm, METH_NOARGS,
     "unwatch_sigterm($module, /)\n--\n\nCease to watch; the thread has ended when this returns."},
    {"rearm_sigterm", rearm_sigterm, METH_NOARGS,
     "rearm_sigterm($module, /)\n--\n\nWatch on where the signal has its default action again."},
    {NULL, NULL, 0, NULL}};
