/* python/hooks.c: puts the recorder's wrappers into CPython's allocator domains and finds out whether they are still
 * there.
 *
 * A wrapper is taken out again when nothing is profiled, if it is still on top: then an idle process runs as if it had
 * never been there. Calls that race with the exchange are harmless: both tables have the same context, and the
 * wrapper's functions pass on for ever. Another tool (tracemalloc) may have put its own on top, which is fine as long
 * as calls still get to ours, or may have put back what it saved before ours came, which drops ours: then it is
 * installed anew over what is there now. */
#include "core.h"
#include "errors.h"

static const PyMemAllocatorDomain python_domains[CC_PROFILE_DOMAINS] = {
    [CC_PROFILE_RAW] = PYMEM_DOMAIN_RAW, [CC_PROFILE_MEM] = PYMEM_DOMAIN_MEM, [CC_PROFILE_OBJECT] = PYMEM_DOMAIN_OBJ};

_Static_assert(sizeof(cc_profile_allocator_t) == sizeof(PyMemAllocatorEx), "the recorder's table has CPython's layout");

static void get_allocator(unsigned domain, cc_profile_allocator_t *allocator) {
    PyMemAllocatorEx table;
    PyMem_GetAllocator(python_domains[domain], &table);
    *allocator = (cc_profile_allocator_t){table.ctx, table.malloc, table.calloc, table.realloc, table.free};
}

static void set_allocator(unsigned domain, const cc_profile_allocator_t *allocator) {
    PyMemAllocatorEx table = {allocator->context, allocator->malloc, allocator->calloc, allocator->realloc,
                              allocator->free};
    PyMem_SetAllocator(python_domains[domain], &table);
}

/* Free-threaded CPython serves all three domains (raw from 3.15 on) from its own mimalloc. */
#if defined(Py_GIL_DISABLED)
#define SIZE_CLASSES (domain == CC_PROFILE_RAW ? CC_PROFILE_CLASSES_16 : CC_PROFILE_CLASSES_MIMALLOC)
#else
#define SIZE_CLASSES CC_PROFILE_CLASSES_16
#endif

static bool parse_domains(PyObject *argument, unsigned long *domains) {
    *domains = PyLong_AsUnsignedLong(argument);
    if (*domains == (unsigned long)-1 && PyErr_Occurred()) return false;
    if (*domains >= 1ul << CC_PROFILE_DOMAINS) {
        PyErr_Format(PyExc_ValueError, "domains must be bits from 0 to %lu, not %lu", (1ul << CC_PROFILE_DOMAINS) - 1,
                     *domains);
        return false;
    }
    return true;
}

PyObject *cc_python_install_hooks(PyObject *module, PyObject *argument) {
    (void)module;
    unsigned long domains;
    if (!parse_domains(argument, &domains)) return NULL;
    for (unsigned domain = CC_PROFILE_RAW; domain <= CC_PROFILE_OBJECT; domain++) {
        cc_profile_allocator_t present, wrapper;
        if ((domains >> domain & 1) == 0) continue;
        get_allocator(domain, &present);
        if (cc_profile_reaches(domain, &present)) continue;
        int status = cc_profile_wrap(domain, &present, SIZE_CLASSES, &wrapper);
        if (status != CC_OK)
            return cc_python_raise(status, "the allocator of domain '%s' cannot be wrapped once more",
                                   cc_profile_domain_name(domain));
        set_allocator(domain, &wrapper);
    }
    Py_RETURN_NONE;
}

PyObject *cc_python_remove_hooks(PyObject *module, PyObject *argument) {
    (void)module;
    unsigned long domains;
    if (!parse_domains(argument, &domains)) return NULL;
    for (unsigned domain = CC_PROFILE_RAW; domain <= CC_PROFILE_OBJECT; domain++) {
        cc_profile_allocator_t present, original;
        if ((domains >> domain & 1) == 0) continue;
        get_allocator(domain, &present);
        if (cc_profile_unwrap(domain, &present, &original)) set_allocator(domain, &original);
    }
    Py_RETURN_NONE;
}

PyObject *cc_python_check_hooks(PyObject *module, PyObject *argument) {
    (void)module;
    unsigned long domains, reached = 0;
    if (!parse_domains(argument, &domains)) return NULL;
    for (unsigned domain = CC_PROFILE_RAW; domain <= CC_PROFILE_OBJECT; domain++) {
        cc_profile_allocator_t present;
        get_allocator(domain, &present);
        if ((domains >> domain & 1) != 0 && cc_profile_reaches(domain, &present)) reached |= 1ul << domain;
    }
    return PyLong_FromUnsignedLong(reached);
}

/* CPython tells of its small-object allocator only when that is what the object domain calls: the wrapper is taken out
 * meanwhile. Other threads wait for the GIL; free-threaded CPython tells nothing in any case. */
PyObject *cc_python_read_object_heap(PyObject *module, PyObject *unused) {
#if !defined(Py_GIL_DISABLED)
    cc_profile_allocator_t wrapper, original;
    get_allocator(CC_PROFILE_OBJECT, &wrapper);
    bool wrapped = cc_profile_unwrap(CC_PROFILE_OBJECT, &wrapper, &original);
    if (wrapped) set_allocator(CC_PROFILE_OBJECT, &original);
    PyObject *text = cc_python_object_heap_text(module, unused);
    if (wrapped) set_allocator(CC_PROFILE_OBJECT, &wrapper);
    return text;
#else
    return cc_python_object_heap_text(module, unused);
#endif
}
