/* python/hidden.c: calls that the program does not see, alone or around calls of functions of the interpreter. */
#include "compat.h"

#include "core.h"

/* Exceptions in flight stay as they are. The program's trace, profile and monitoring functions are not called. */
void cc_python_call_hidden(PyObject *function, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyThreadState *thread = PyThreadState_Get();
    bool paused = cc_profile_pause();
    PyThreadState_EnterTracing(thread);
    PyObject *result = PyObject_Vectorcall(function, args, (size_t)count, names);
    if (result == NULL) PyErr_Clear();
    Py_XDECREF(result);
    PyThreadState_LeaveTracing(thread);
    cc_profile_resume(paused);
    PyErr_Restore(type, value, traceback);
}

static PyObject *call_self(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    cc_python_call_hidden(self, args, count, names);
    Py_RETURN_NONE;
}

static PyMethodDef call_self_definition = {"hidden", (PyCFunction)(void (*)(void))call_self,
                                           METH_FASTCALL | METH_KEYWORDS, NULL};

static PyObject *hidden(PyObject *module, PyObject *function) {
    (void)module;
    return PyCFunction_New(&call_self_definition, function);
}

static PyObject *hidden_method(PyObject *module, PyObject *function) {
    PyObject *call = hidden(module, function);
    PyObject *method = call == NULL ? NULL : PyInstanceMethod_New(call);
    Py_XDECREF(call);
    return method;
}

/* ---- around functions of the interpreter ------------------------------------------------------------------------- */

/* The function object stays, under all its names and wherever it was imported to, and only what it calls is exchanged:
 * it is still the built-in function that it was, and tracebacks, cProfile and inspect show what they always show. A
 * definition has no place for data, so there is a fixed number of these, each with a function of its own. */
typedef struct {
    PyMethodDef definition; /* in place of the function's own */
    PyObject *original;     /* another function object, with the function's own definition; NULL: unused */
    PyObject *before, *after;
} around_t;

static around_t arounds[];

static PyObject *call_around(const around_t *around, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    if (around->before != Py_None) cc_python_call_hidden(around->before, args, count, names);
    PyObject *result = PyObject_Vectorcall(around->original, args, (size_t)count, names);
    if (around->after != Py_None) cc_python_call_hidden(around->after, args, count, names);
    return result;
}

#define EACH_AROUND(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

#define CALL(N)                                                                                                       \
    static PyObject *call_##N(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {             \
        (void)self;                                                                                                   \
        return call_around(&arounds[N], args, count, names);                                                          \
    }
EACH_AROUND(CALL)

#define ROW(N) {.definition = {NULL, (PyCFunction)(void (*)(void))call_##N, METH_FASTCALL | METH_KEYWORDS, NULL}},
static around_t arounds[] = {EACH_AROUND(ROW)};

static around_t *unused_around(void) {
    for (size_t i = 0; i < sizeof arounds / sizeof *arounds; i++)
        if (arounds[i].original == NULL) return &arounds[i];
    PyErr_SetString(PyExc_RuntimeError, "no more functions can be surrounded");
    return NULL;
}

static PyObject *surround(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *function, *before, *after;
    if (!PyArg_ParseTuple(args, "O!OO:surround", &PyCFunction_Type, &function, &before, &after)) return NULL;
    around_t *around = unused_around();
    if (around == NULL) return NULL;
    PyCFunctionObject *object = (PyCFunctionObject *)function;
    PyObject *original = PyCFunction_NewEx(object->m_ml, object->m_self, object->m_module);
    around->definition.ml_name = object->m_ml->ml_name;
    around->definition.ml_doc = object->m_ml->ml_doc;
    PyObject *ours = PyCFunction_NewEx(&around->definition, object->m_self, object->m_module);
    if (original == NULL || ours == NULL) {
        Py_XDECREF(original);
        Py_XDECREF(ours);
        return NULL;
    }
    around->original = original;
    around->before = Py_NewRef(before);
    around->after = Py_NewRef(after);
    object->m_ml = &around->definition;
    object->vectorcall = ((PyCFunctionObject *)ours)->vectorcall;
    Py_DECREF(ours);
    Py_RETURN_NONE;
}

PyMethodDef cc_python_hidden_methods[] = {
    {"hidden", hidden, METH_O,
     "hidden($module, function, /)\n--\n\nThe function, without its allocations "
     "in profiles, without calls of the program's "
     "trace and profile functions, and what it raises is dropped."},
    {"hidden_method", hidden_method, METH_O,
     "hidden_method($module, function, /)\n--\n\nThe same, as a method for a class."},
    {"surround", surround, METH_VARARGS,
     "surround($module, function, before, after, /)\n--\n\nHave calls of the "
     "built-in function, for good, begin and end with "
     "hidden calls of before and after (or None) with the same arguments."},
    {NULL, NULL, 0, NULL}};
