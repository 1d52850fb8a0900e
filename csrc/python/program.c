/* python/program.c: what the command line needs to run a program as the interpreter would: nothing of ours below it
 * on the stack, and something to do before SIGTERM kills. */
#include "compat.h"

#include <stdio.h>
#include <stdlib.h>

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
    cc_python_call_hidden(before_sigterm, NULL, 0, NULL);
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
