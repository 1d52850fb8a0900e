/* python/module.c: the extension module concurrent_collections._core. Thin: arguments in, results out. */
#include "core.h"
#include "errors.h"
#include "map.h"
#include "queue.h"
#include "regions.h"

static PyObject *set_package_directory(PyObject *module, PyObject *argument) {
    (void)module;
    if (cc_python_frames_setup(argument) != 0) return NULL;
    cc_profile_set_frame_provider(&cc_python_frame_provider);
    Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
    {"set_package_directory", set_package_directory, METH_O,
     "set_package_directory($module, path, /)\n--\n\nAllocations from code below it are the profiler's own."},
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
        cc_python_add_profile_constants(module) != 0 || cc_python_add_mem_constants(module) != 0 ||
        cc_python_add_file_constants(module) != 0)
        return -1;
    static PyMethodDef *const functions[] = {
        cc_python_alloc_methods, cc_python_profile_methods, cc_python_mem_methods,   cc_python_smr_methods,
        cc_python_queue_methods, cc_python_program_methods, cc_python_hidden_methods};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (PyModule_AddFunctions(module, functions[i]) != 0) return -1;
    return 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, CC_SLOT_INTERPRETERS CC_SLOT_NO_GIL{0, NULL}};

static struct PyModuleDef module_definition = {.m_base = PyModuleDef_HEAD_INIT,
                                               .m_name = "_core",
                                               .m_doc = "Bindings of libcc; see the package's Python modules.",
                                               .m_size = 0,
                                               .m_methods = module_methods,
                                               .m_slots = module_slots};

PyMODINIT_FUNC PyInit__core(void) {
    return PyModuleDef_Init(&module_definition);
}
