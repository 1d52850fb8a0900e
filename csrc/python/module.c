/* python/module.c: the extension module concurrent_collections._core. Thin: arguments in, results out. */
#include "core.h"
#include "map.h"
#include "queue.h"
#include "regions.h"

PyObject *cc_python_raise(int status) {
    if (status == CC_ERROR_MEMORY) return PyErr_NoMemory();
    PyObject *type = status == CC_ERROR_ARGUMENT ? PyExc_ValueError : PyExc_RuntimeError;
    PyErr_SetString(type, cc_strerror(status));
    return NULL;
}

static PyObject *alloc_stats(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    cc_alloc_snapshot_t s = cc_alloc_stats_snapshot();
    return Py_BuildValue("(KKKKKKKKKKK)", (unsigned long long)s.alloc_count, (unsigned long long)s.free_count,
                         (unsigned long long)s.alloc_bytes, (unsigned long long)s.free_bytes,
                         (unsigned long long)s.current_allocated, (unsigned long long)s.failed_count,
                         (unsigned long long)s.unsized_free_count, (unsigned long long)s.alloc_block_bytes,
                         (unsigned long long)s.free_block_bytes, (unsigned long long)s.current_block_bytes,
                         (unsigned long long)s.thread_count);
}

static PyObject *reset_alloc_stats(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    cc_alloc_stats_reset();
    Py_RETURN_NONE;
}

static PyObject *alloc_stats_enable(PyObject *module, PyObject *argument) {
    (void)module;
    cc_alloc_stats_enable(argument == Py_True);
    if (argument == Py_True && !cc_alloc_stats_enabled()) {
        PyErr_SetString(PyExc_RuntimeError, "enable_alloc_statistics is True, but this libcc was built without statistics "
                                            "(CC_ALLOC_STATS=0): expected False, or another build");
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *alloc_stats_enabled(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    return PyBool_FromLong(cc_alloc_stats_enabled());
}

static PyObject *alloc_select(PyObject *module, PyObject *argument) {
    (void)module;
    const char *name = PyUnicode_AsUTF8(argument);
    if (name == NULL) return NULL;
    int status = cc_alloc_select(name);
    if (status != CC_OK) return cc_python_raise(status);
    Py_RETURN_NONE;
}

static PyObject *alloc_selected(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    return PyUnicode_FromString(cc_alloc_selected());
}

static PyObject *heap_bytes(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    size_t committed, reserved;
    if (cc_alloc_heap_bytes(&committed, &reserved) != CC_OK) Py_RETURN_NONE;
    return Py_BuildValue("(nn)", (Py_ssize_t)committed, (Py_ssize_t)reserved);
}

static PyObject *resident_bytes(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    size_t current, peak;
    if (cc_resident_bytes(&current, &peak) != CC_OK) Py_RETURN_NONE;
    return Py_BuildValue("(nn)", (Py_ssize_t)current, (Py_ssize_t)peak);
}

static PyObject *set_package_directory(PyObject *module, PyObject *argument) {
    (void)module;
    if (cc_python_frames_setup(argument) != 0) return NULL;
    cc_profile_set_frame_provider(&cc_python_frame_provider);
    Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
    {"alloc_stats", alloc_stats, METH_NOARGS, "alloc_stats()\n--\n\nThe fields of cc_alloc_snapshot_t, in order."},
    {"reset_alloc_stats", reset_alloc_stats, METH_NOARGS, "reset_alloc_stats()\n--\n\nStart counting at zero."},
    {"alloc_stats_enable", alloc_stats_enable, METH_O, "alloc_stats_enable(on)\n--\n\nSwitch counting."},
    {"alloc_stats_enabled", alloc_stats_enabled, METH_NOARGS, "alloc_stats_enabled()\n--\n\nWhether it is on."},
    {"alloc_select", alloc_select, METH_O, "alloc_select(name)\n--\n\nChoose the allocator below libcc."},
    {"alloc_selected", alloc_selected, METH_NOARGS, "alloc_selected()\n--\n\nThe allocator below libcc."},
    {"heap_bytes", heap_bytes, METH_NOARGS,
     "heap_bytes()\n--\n\n(committed, reserved) bytes of the allocator below libcc, or None."},
    {"resident_bytes", resident_bytes, METH_NOARGS,
     "resident_bytes()\n--\n\n(now, high-water mark) of the process's resident set, or None."},
    {"set_package_directory", set_package_directory, METH_O,
     "set_package_directory(path)\n--\n\nAllocations from code below it are the profiler's own."},
    {NULL, NULL, 0, NULL}};

static int module_exec(PyObject *module) {
    /* The slot below is heeded only in isolated subinterpreters, and from 3.12 on. */
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "concurrent_collections cannot be imported in a subinterpreter");
        return -1;
    }
    if (cc_abi_version() != CC_ABI_VERSION) {
        PyErr_Format(PyExc_ImportError,
                     "the libcc loaded in this process has ABI %d, this extension was built for ABI %d: another "
                     "library of the same name was loaded first",
                     cc_abi_version(), CC_ABI_VERSION);
        return -1;
    }
    static const struct {
        const char *name;
        PyType_Spec *spec;
        PyTypeObject **type; /* where it is kept for good; NULL: nowhere */
    } types[] = {
        {"Profile", &cc_python_profile_spec, NULL},
        {"Block", &cc_python_block_spec, &cc_python_block_type},
        {"Mark", &cc_python_mark_spec, &cc_python_mark_type},
        {"Arena", &cc_python_arena_spec, NULL},
        {"Heap", &cc_python_heap_spec, NULL},
        {"Pool", &cc_python_pool_spec, NULL},
        {"MappedFile", &cc_python_mapped_file_spec, NULL},
        {"OrderedMap", &cc_python_map_spec, NULL},
        {"OrderedSet", &cc_python_set_spec, NULL},
        {"OrderedIterator", &cc_python_map_iterator_spec, &cc_python_map_iterator_type},
        {"Wrapped", &cc_python_wrapped_spec, NULL},
        {"LockFreeQueue", &cc_python_queue_spec, NULL},
        {"LockFreeStack", &cc_python_stack_spec, NULL},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        PyObject *type = PyType_FromModuleAndSpec(module, types[i].spec, NULL);
        if (type == NULL) return -1;
        if (types[i].type != NULL) *types[i].type = (PyTypeObject *)Py_NewRef(type);
        int status = PyModule_AddObjectRef(module, types[i].name, type);
        Py_DECREF(type);
        if (status != 0) return -1;
    }
    if (PyModule_AddStringConstant(module, "version", cc_version()) != 0 ||
        PyModule_AddIntConstant(module, "max_depth", CC_PROFILE_MAX_DEPTH) != 0)
        return -1;
    static PyMethodDef *const functions[] = {cc_python_profile_methods, cc_python_mem_methods, cc_python_smr_methods,
                                             cc_python_queue_methods, cc_python_program_methods};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (PyModule_AddFunctions(module, functions[i]) != 0) return -1;
    return 0;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec}, CC_SLOT_INTERPRETERS CC_SLOT_NO_GIL {0, NULL}};

static struct PyModuleDef module_definition = {.m_base = PyModuleDef_HEAD_INIT,
                                               .m_name = "_core",
                                               .m_doc = "Bindings of libcc; see the package's Python modules.",
                                               .m_size = 0,
                                               .m_methods = module_methods,
                                               .m_slots = module_slots};

PyMODINIT_FUNC PyInit__core(void) {
    return PyModuleDef_Init(&module_definition);
}
