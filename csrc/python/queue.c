/* python/queue.c: the types LockFreeQueue and LockFreeStack. */
#include "queue.h"

#include "errors.h"

/* The calling thread's handle; NULL with MemoryError. */
static cc_smr_thread_t *get_thread(queue_object_t *self) {
    cc_smr_thread_t *thread = cc_smr_self(self->domain);
    if (CC_UNLIKELY(thread == NULL)) (void)PyErr_NoMemory();
    return thread;
}

/* ---- exceptions -------------------------------------------------------------------------------------------------- */

/* Exceptions of the package's module `queue`, which hands them over before there is a queue, and for good: they are
 * wanted at the interpreter's end, too. */
static PyObject *exception_empty, *exception_full, *exception_shut_down;

static PyObject *set_exceptions(PyObject *module, PyObject *args) {
    (void)module;
    if (!PyArg_ParseTuple(args, "OOO:queue_set_exceptions", &exception_empty, &exception_full, &exception_shut_down))
        return NULL;
    Py_INCREF(exception_empty);
    Py_INCREF(exception_full);
    Py_INCREF(exception_shut_down);
    Py_RETURN_NONE;
}

PyMethodDef cc_python_queue_methods[] = {
    {"queue_set_exceptions", set_exceptions, METH_VARARGS,
     "queue_set_exceptions($module, empty, full, shut_down, /)\n--\n\nWhat queues and stacks raise."},
    {NULL, NULL, 0, NULL}};

static PyObject *raise_result(int result, bool put) {
    switch (result) {
    case 0: PyErr_SetNone(put ? exception_full : exception_empty); return NULL;
    case -CC_ERROR_STATE: PyErr_SetNone(exception_shut_down); return NULL;
    case CC_PYTHON_INTERRUPTED: return NULL;
    default: return cc_python_raise(-result, "%s failed", put ? "put()" : "get()");
    }
}

/* ---- put and get ------------------------------------------------------------------------------------------------- */

/* The time given by a timeout argument, which may be None; 0 with an exception. */
static uint64_t parse_timeout(PyObject *timeout) {
    if (timeout == Py_None) return UINT64_MAX;
    if (!PyNumber_Check(timeout)) {
        PyErr_Format(PyExc_TypeError, "timeout must be a number of seconds or None, not %.200s",
                     Py_TYPE(timeout)->tp_name);
        return 0;
    }
    double seconds = PyFloat_AsDouble(timeout);
    if (seconds == -1.0 && PyErr_Occurred()) return 0;
    if (!(seconds >= 0)) {
        PyErr_SetString(PyExc_ValueError, "'timeout' must be a non-negative number");
        return 0;
    }
    const double most = 4e9; /* a century */
    return cc_python_now() + (uint64_t)((seconds < most ? seconds : most) * 1e9);
}

/* The arguments of put, get and put_nowait: some of item, block and timeout, in this order. */
typedef struct {
    const char *function;
    int first, end; /* of the three */
} parameters_t;

/* Parses them into *item (if there is one) and a deadline, 0 for block=False. -1 with an exception. */
static int parse_arguments(parameters_t of, PyObject *const *args, Py_ssize_t count, PyObject *names, PyObject **item,
                           uint64_t *deadline) {
    static const char *const all[] = {"item", "block", "timeout"};
    PyObject *values[3] = {NULL, NULL, NULL};
    if (count > of.end - of.first) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most %d arguments (%zd given)", of.function, of.end - of.first,
                     count);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) values[of.first + i] = args[i];
    for (Py_ssize_t i = 0; names != NULL && i < PyTuple_GET_SIZE(names); i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        int place = of.first;
        while (place < of.end && PyUnicode_CompareWithASCIIString(name, all[place]) != 0) place++;
        if (place == of.end || values[place] != NULL) {
            PyErr_Format(PyExc_TypeError, "%s() got %s argument '%U'", of.function,
                         place == of.end ? "an unexpected keyword" : "multiple values for", name);
            return -1;
        }
        values[place] = args[count + i];
    }
    if (of.first == 0 && values[0] == NULL) {
        PyErr_Format(PyExc_TypeError, "%s() missing 1 required positional argument: 'item'", of.function);
        return -1;
    }
    if (of.first == 0) *item = values[0];
    int block = values[1] != NULL ? PyObject_IsTrue(values[1]) : 1;
    if (block < 0) return -1;
    *deadline = !block ? 0 : values[2] != NULL ? parse_timeout(values[2]) : UINT64_MAX;
    return block && *deadline == 0 ? -1 : 0;
}

static inline PyObject *put_item(queue_object_t *self, PyObject *item, uint64_t deadline) {
    Py_INCREF(item);
    if (CC_LIKELY(!self->is_bounded && cc_python_queue_put(self, item) == 1)) {
        cc_event_signal(&self->items);
        Py_RETURN_NONE;
    }
    int result = cc_python_queue_transfer(self, &item, true, deadline);
    if (result == 1) Py_RETURN_NONE;
    Py_DECREF(item);
    return raise_result(result, true);
}

static inline PyObject *get_item(queue_object_t *self, uint64_t deadline) {
    PyObject *item;
    /* Nobody is to be told, and nobody has to wait behind another. */
    bool simple = !self->is_bounded && !cc_event_insisted(&self->items);
    if (CC_LIKELY(simple && cc_python_queue_get(self, &item) == 1)) return item;
    int result = cc_python_queue_transfer(self, &item, false, deadline);
    return result == 1 ? item : raise_result(result, false);
}

static PyObject *queue_put(queue_object_t *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    if (CC_LIKELY(count == 1 && names == NULL)) return put_item(self, args[0], UINT64_MAX);
    PyObject *item;
    uint64_t deadline;
    if (parse_arguments((parameters_t){"put", 0, 3}, args, count, names, &item, &deadline) != 0) return NULL;
    return put_item(self, item, deadline);
}

static PyObject *queue_get(queue_object_t *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    if (CC_LIKELY(count == 0 && names == NULL)) return get_item(self, UINT64_MAX);
    uint64_t deadline;
    if (parse_arguments((parameters_t){"get", 1, 3}, args, count, names, NULL, &deadline) != 0) return NULL;
    return get_item(self, deadline);
}

static PyObject *queue_put_nowait(queue_object_t *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    if (CC_LIKELY(count == 1 && names == NULL)) return put_item(self, args[0], 0);
    PyObject *item;
    uint64_t deadline;
    if (parse_arguments((parameters_t){"put_nowait", 0, 1}, args, count, names, &item, &deadline) != 0) return NULL;
    return put_item(self, item, 0);
}

static PyObject *queue_get_nowait(queue_object_t *self, PyObject *unused) {
    (void)unused;
    return get_item(self, 0);
}

/* ---- tasks, the end ---------------------------------------------------------------------------------------------- */

static PyObject *queue_task_done(queue_object_t *self, PyObject *unused) {
    (void)unused;
    cc_smr_thread_t *thread = get_thread(self);
    if (thread == NULL) return NULL;
    if (cc_python_queue_finish(self, thread, 1) == 1) Py_RETURN_NONE;
    PyErr_SetString(PyExc_ValueError, "task_done() called too many times");
    return NULL;
}

static PyObject *queue_join(queue_object_t *self, PyObject *unused) {
    (void)unused;
    cc_smr_thread_t *thread = get_thread(self);
    if (thread == NULL || cc_python_queue_join(self, thread) != 0) return NULL;
    Py_RETURN_NONE;
}

/* Takes everything out and drops it; returns how many there were. */
static uint64_t empty(queue_object_t *self) {
    PyObject *item;
    uint64_t count = 0;
    while (cc_python_queue_get(self, &item) == 1) {
        Py_DECREF(item);
        count++;
    }
    return count;
}

static PyObject *queue_shutdown(queue_object_t *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"immediate", NULL};
    int immediate = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|p:shutdown", names, &immediate)) return NULL;
    cc_smr_thread_t *thread = get_thread(self);
    if (thread == NULL) return NULL;
    if (self->is_stack)
        cc_stack_close(self->container.stack, thread);
    else
        cc_queue_close(self->container.queue, thread);
    cc__store_relaxed(&self->is_shutdown, true); /* for who asks; the container itself refuses */
    if (immediate) (void)cc_python_queue_finish(self, thread, empty(self));
    cc_event_signal_all(&self->items);
    cc_event_signal_all(&self->room);
    Py_RETURN_NONE;
}

/* ---- figures ----------------------------------------------------------------------------------------------------- */

static PyObject *queue_qsize(queue_object_t *self, PyObject *unused) {
    (void)unused;
    cc_smr_thread_t *thread = get_thread(self);
    return thread != NULL ? PyLong_FromUnsignedLongLong(cc_python_queue_count(self, thread)) : NULL;
}

static PyObject *queue_empty(queue_object_t *self, PyObject *unused) {
    (void)unused;
    cc_smr_thread_t *thread = get_thread(self);
    return thread != NULL ? PyBool_FromLong(cc_python_queue_count(self, thread) == 0) : NULL;
}

static PyObject *queue_full(queue_object_t *self, PyObject *unused) {
    (void)unused;
    cc_smr_thread_t *thread = get_thread(self);
    if (thread == NULL) return NULL;
    return PyBool_FromLong(self->is_bounded && cc_python_queue_count(self, thread) >= (uint64_t)self->maxsize);
}

static PyObject *queue_memory_usage(queue_object_t *self, PyObject *unused) {
    (void)unused;
    cc_smr_thread_t *thread = get_thread(self);
    if (thread == NULL) return NULL;
    size_t bytes = self->is_stack ? cc_stack_memory_usage(self->container.stack, thread)
                                  : cc_queue_memory_usage(self->container.queue, thread);
    return PyLong_FromSize_t(bytes + (size_t)Py_TYPE(self)->tp_basicsize);
}

static PyObject *queue_drain(queue_object_t *self, PyObject *unused) {
    (void)unused;
    cc_smr_thread_t *thread = get_thread(self);
    if (thread == NULL) return NULL;
    int status = cc_smr_drain(thread, 0);
    return PyBool_FromLong(status == CC_OK);
}

static PyObject *queue_unfinished_tasks(queue_object_t *self, void *unused) {
    (void)unused;
    cc_smr_thread_t *thread = get_thread(self);
    return thread != NULL ? PyLong_FromUnsignedLongLong(cc_python_queue_unfinished(self, thread)) : NULL;
}

static PyObject *queue_is_shutdown(queue_object_t *self, void *unused) {
    (void)unused;
    return PyBool_FromLong(cc__load_relaxed(&self->is_shutdown));
}

/* ---- coming and going -------------------------------------------------------------------------------------------- */

static PyObject *make(PyTypeObject *type, bool is_stack) {
    if (CC_UNLIKELY(exception_empty == NULL)) { /* the type was not found by way of its module */
        PyObject *module = PyImport_ImportModule("concurrent_collections.containers.queues");
        if (module == NULL) return NULL;
        Py_DECREF(module);
    }
    queue_object_t *self = (queue_object_t *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    self->is_stack = is_stack;
    if (is_stack && (self->container.stack = cc_stack_create(NULL, 0)) != NULL)
        self->domain = cc_stack_domain(self->container.stack);
    if (!is_stack && (self->container.queue = cc_queue_create(NULL, 0)) != NULL)
        self->domain = cc_queue_domain(self->container.queue);
    if (self->domain != NULL) return (PyObject *)self;
    Py_DECREF(self);
    return PyErr_NoMemory();
}

/* Whatever the arguments are: those that matter come to __init__, from a subclass others may. */
static PyObject *queue_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    (void)args, (void)keywords;
    return make(type, false);
}

static PyObject *stack_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    (void)args, (void)keywords;
    return make(type, true);
}

static int queue_init(queue_object_t *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"maxsize", NULL};
    PyObject *given = NULL;
    Py_ssize_t maxsize = 0;
    const char *format = self->is_stack ? "|O:LockFreeStack" : "|O:LockFreeQueue";
    if (!PyArg_ParseTupleAndKeywords(args, keywords, format, names, &given)) return -1;
    if (given != NULL && !PyIndex_Check(given)) {
        PyErr_Format(PyExc_TypeError, "maxsize must be an int, not %.200s", Py_TYPE(given)->tp_name);
        return -1;
    }
    /* Larger numbers become the largest, which is as good as none. */
    if (given != NULL && (maxsize = PyNumber_AsSsize_t(given, NULL)) == -1 && PyErr_Occurred()) return -1;
    cc_smr_thread_t *thread = get_thread(self);
    if (thread == NULL) return -1;
    if (maxsize == self->maxsize) return 0;
    if (self->maxsize != 0 || cc_python_queue_total(self, thread) != 0) {
        PyErr_SetString(PyExc_TypeError, "maxsize of a queue cannot be changed");
        return -1;
    }
    self->maxsize = maxsize;
    self->is_bounded = maxsize > 0;
    if (!self->is_bounded) return 0;
    if (self->is_stack)
        cc_stack_set_capacity(self->container.stack, (uint64_t)maxsize);
    else
        cc_queue_set_capacity(self->container.queue, (uint64_t)maxsize);
    return 0;
}

/* The items, when no other thread works with the container: under the global lock, in a stopped world, or at the
 * object's end. */
static int visit_items(queue_object_t *self, int (*visit)(void *, void *), void *context) {
    if (self->is_stack)
        return self->container.stack != NULL ? cc_stack_visit(self->container.stack, visit, context) : 0;
    return self->container.queue != NULL ? cc_queue_visit(self->container.queue, visit, context) : 0;
}

typedef struct {
    visitproc visit;
    void *argument;
} visitor_t;

static int visit_item(void *item, void *context) {
    const visitor_t *visitor = context;
    return visitor->visit(item, visitor->argument);
}

static int queue_traverse(queue_object_t *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    visitor_t visitor = {visit, arg};
    return visit_items(self, visit_item, &visitor);
}

static int queue_clear(queue_object_t *self) {
    if (self->domain != NULL) (void)empty(self); /* what there is no memory for a later collection will do */
    return 0;
}

static int drop_item(void *item, void *context) {
    (void)context;
    Py_DECREF((PyObject *)item);
    return 0;
}

static void queue_dealloc(queue_object_t *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_TRASHCAN_BEGIN(self, queue_dealloc) /* queues in queues in queues … */
        if (self->weak_references != NULL) PyObject_ClearWeakRefs((PyObject *)self);
    (void)visit_items(self, drop_item, NULL); /* nobody can reach it any more */
    if (self->is_stack)
        cc_stack_destroy(self->container.stack);
    else
        cc_queue_destroy(self->container.queue);
    type->tp_free(self);
    Py_DECREF(type);
    Py_TRASHCAN_END
}

/* ---- the types --------------------------------------------------------------------------------------------------- */

#define FAST (METH_FASTCALL | METH_KEYWORDS)
#define METHOD(function) ((PyCFunction)(void (*)(void))(function))
static PyMethodDef methods[] = {
    {"put", METHOD(queue_put), FAST,
     "put($self, /, item, block=True, timeout=None)\n--\n\n"
     "Put an item in, waiting for room if need be. Raises Full if there is none at once (block=False) or within\n"
     "timeout seconds, ShutDown after shutdown()."},
    {"get", METHOD(queue_get), FAST,
     "get($self, /, block=True, timeout=None)\n--\n\n"
     "Take an item out, waiting for one if need be. Raises Empty if there is none at once (block=False) or within\n"
     "timeout seconds, ShutDown if there is none after shutdown()."},
    {"put_nowait", METHOD(queue_put_nowait), FAST,
     "put_nowait($self, /, item)\n--\n\nThe same as put(item, block=False)."},
    {"get_nowait", METHOD(queue_get_nowait), METH_NOARGS, "get_nowait($self, /)\n--\n\nThe same as get(block=False)."},
    {"task_done", METHOD(queue_task_done), METH_NOARGS,
     "task_done($self, /)\n--\n\nSay that an item that was taken out is done with. ValueError when all were already."},
    {"join", METHOD(queue_join), METH_NOARGS,
     "join($self, /)\n--\n\nWait until task_done() was called for every item put."},
    {"shutdown", METHOD(queue_shutdown), METH_VARARGS | METH_KEYWORDS,
     "shutdown($self, /, immediate=False)\n--\n\n"
     "From now on put() raises ShutDown, and so does get() when nothing is left. Whoever waits is woken.\n"
     "immediate: what is inside is dropped, and counts as done."},
    {"qsize", METHOD(queue_qsize), METH_NOARGS,
     "qsize($self, /)\n--\n\nHow many items are in it: exact when nobody puts or gets meanwhile."},
    {"empty", METHOD(queue_empty), METH_NOARGS, "empty($self, /)\n--\n\nWhether qsize() is 0."},
    {"full", METHOD(queue_full), METH_NOARGS, "full($self, /)\n--\n\nWhether there are maxsize items in it."},
    {"memory_usage", METHOD(queue_memory_usage), METH_NOARGS,
     "memory_usage($self, /)\n--\n\nBytes that it takes, without the items."},
    {"__sizeof__", METHOD(queue_memory_usage), METH_NOARGS, "__sizeof__($self, /)\n--\n\nThe same as memory_usage()."},
    {"drain", METHOD(queue_drain), METH_NOARGS,
     "drain($self, /)\n--\n\n"
     "Free the memory that this thread's operations have left to be freed later. False when other threads'\n"
     "operations keep some of it for the moment. (Items are never kept: they go with get().)"},
    CC_PYTHON_NO_PICKLE,
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS,
     "__class_getitem__($type, item, /)\n--\n\nA generic alias."},
    {NULL, NULL, 0, NULL}};

static PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(queue_object_t, weak_references), READONLY, NULL},
    {"maxsize", T_PYSSIZET, offsetof(queue_object_t, maxsize), READONLY,
     "How many items it holds at most; 0 or less: any number."},
    {NULL, 0, 0, 0, NULL}};

static PyGetSetDef getters[] = {
    {"unfinished_tasks", (getter)queue_unfinished_tasks, NULL, "Items put for which task_done() was not called yet.",
     NULL},
    {"is_shutdown", (getter)queue_is_shutdown, NULL, "Whether shutdown() was called.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

#define SLOTS(new, doc) \
    {Py_tp_new, (void *)(new)}, {Py_tp_init, (void *)queue_init}, {Py_tp_doc, (void *)(doc)}, \
    {Py_tp_methods, methods}, {Py_tp_members, members}, {Py_tp_getset, getters}, \
    {Py_tp_traverse, (void *)queue_traverse}, {Py_tp_clear, (void *)queue_clear}, \
    {Py_tp_dealloc, (void *)queue_dealloc}, {0, NULL}
static PyType_Slot queue_slots[] = {
    SLOTS(queue_new, "LockFreeQueue(maxsize=0)\n--\n\n"
                     "A first-in-first-out queue with the methods of queue.Queue, without a lock.\n\n"
                     "maxsize: how many items it holds at most; 0 or less: any number.")};
static PyType_Slot stack_slots[] = {
    SLOTS(stack_new, "LockFreeStack(maxsize=0)\n--\n\n"
                     "A last-in-first-out queue with the methods of queue.LifoQueue, without a lock.\n\n"
                     "maxsize: how many items it holds at most; 0 or less: any number.")};

#define FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE)
PyType_Spec cc_python_queue_spec = {"concurrent_collections.LockFreeQueue", sizeof(queue_object_t), 0, FLAGS,
                                    queue_slots};
PyType_Spec cc_python_stack_spec = {"concurrent_collections.LockFreeStack", sizeof(queue_object_t), 0, FLAGS,
                                    stack_slots};
