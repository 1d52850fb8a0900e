/* python/errors.h: how what went wrong becomes an exception. */
#ifndef CC_PYTHON_ERRORS_H
#define CC_PYTHON_ERRORS_H

#include "compat.h"

/* Raises the exception that fits a cc_status_t other than CC_OK. `format`, as PyErr_Format has it, tells what the
 * caller knows: for CC_ERROR_ARGUMENT the whole message, which names the argument, its value and what was expected; for
 * any other status what could not be done, before the status's own text. NULL: nothing, so that
 * the status's text stands alone. Returns NULL.
 *
 *   CC_ERROR_MEMORY     MemoryError          CC_ERROR_MISSING    FileNotFoundError
 *   CC_ERROR_ARGUMENT   ValueError           CC_ERROR_ACCESS     PermissionError
 *   CC_ERROR_EMPTY      ValueError           CC_ERROR_DIRECTORY  IsADirectoryError
 *   CC_ERROR_STATE, CC_ERROR_LIMIT,          CC_ERROR_KIND, CC_ERROR_TRUNCATED,
 *   CC_ERROR_SUPPORT    RuntimeError         CC_ERROR_SYSTEM     OSError */
PyObject *cc_python_raise(int status, const char *format, ...);

/* The method __reduce__ of objects that cannot be pickled or copied: raises TypeError. (Without it protocols 0 and 1
 * write bytes that cannot be read.) */
PyObject *cc_python_refuse_to_reduce(PyObject *self, PyObject *unused);
#define CC_PYTHON_NO_PICKLE \
    {"__reduce__", cc_python_refuse_to_reduce, METH_NOARGS, "__reduce__($self, /)\n--\n\nRaises TypeError."}

#endif
