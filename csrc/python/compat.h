/* python/compat.h: all differences between CPython versions that the public API shows. */
#ifndef CC_PYTHON_COMPAT_H
#define CC_PYTHON_COMPAT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if PY_VERSION_HEX < 0x030B0000
#error "concurrent_collections needs CPython 3.11 or later"
#endif

#include <stdbool.h>
#include <structmember.h> /* PyMemberDef, which is in Python.h from 3.12 on */

#if PY_VERSION_HEX >= 0x030D0000
#define CC_SLOT_NO_GIL {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#else
#define CC_SLOT_NO_GIL
#endif

/* A lock in an object, all zero when it is made; where there is a GIL, that is the lock. Nothing that could run
 * Python code is called under it. */
#if PY_VERSION_HEX >= 0x030D0000
#define CC_PYTHON_MUTEX PyMutex
#define CC_PYTHON_LOCK(mutex) PyMutex_Lock(mutex)
#define CC_PYTHON_UNLOCK(mutex) PyMutex_Unlock(mutex)
#else
#define CC_PYTHON_MUTEX char
#define CC_PYTHON_LOCK(mutex) ((void)(mutex))
#define CC_PYTHON_UNLOCK(mutex) ((void)(mutex))
#endif

/* Whether a global lock keeps other threads away from whoever does not let go of it. */
#ifdef Py_GIL_DISABLED
enum { CC_PYTHON_EXCLUSIVE = false };
#else
enum { CC_PYTHON_EXCLUSIVE = true };
#endif

/* Whether the calling thread may use Python's objects. (PyGILState_Check says yes to every thread once there was a
 * subinterpreter.) */
static inline bool cc_python_is_attached(void) {
#if PY_VERSION_HEX >= 0x030D0000
    return PyThreadState_GetUnchecked() != NULL;
#else
    return PyGILState_Check();
#endif
}

/* The value of an int of one digit, as nearly all are; false for others. pre: an int. */
static inline bool cc_python_small_int(PyObject *object, long long *value) {
    PyLongObject *integer = (PyLongObject *)object;
#if PY_VERSION_HEX >= 0x030C0000
    if (!PyUnstable_Long_IsCompact(integer)) return false;
    *value = PyUnstable_Long_CompactValue(integer);
#else
    Py_ssize_t size = Py_SIZE(object); /* the sign, too */
    if (size < -1 || size > 1) return false;
    *value = size * (long long)integer->ob_digit[0];
#endif
    return true;
}

/* PyMem_SetAllocator is process-wide and only the main interpreter's frames are read: subinterpreters are not
 * supported until the hooks are proven there. */
#if PY_VERSION_HEX >= 0x030C0000
#define CC_SLOT_INTERPRETERS {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#else
#define CC_SLOT_INTERPRETERS
#endif

#endif
