/* python/core.h: what the files of the extension module share. Functions that return a PyObject give a new
 * reference, or NULL with an exception set. */
#ifndef CC_PYTHON_CORE_H
#define CC_PYTHON_CORE_H

#include "compat.h"

#include "cc/alloc.h"
#include "cc/profile.h"

/* profile.c: functions on profiles, and the frame provider's installation. */
extern PyMethodDef cc_python_profile_methods[];
extern PyType_Spec cc_python_profile_spec;

/* alloc.c: statistics and choice of the runtime's allocator. */
extern PyMethodDef cc_python_alloc_methods[];
/* smr.c: defaults and statistics of safe memory reclamation. */
extern PyMethodDef cc_python_smr_methods[];
/* queue.c */
extern PyMethodDef cc_python_queue_methods[];
/* program.c: running a program as the interpreter would, and what to do before it dies. */
extern PyMethodDef cc_python_program_methods[];
/* hidden.c: calls that the program does not see. The call's result and what it raises are dropped. Attached threads. */
extern PyMethodDef cc_python_hidden_methods[];
void cc_python_call_hidden(PyObject *function, PyObject *const *args, Py_ssize_t count, PyObject *names);
/* methods.c: functions on pluggable allocators. */
extern PyMethodDef cc_python_mem_methods[];

/* What the types and functions above take and give: names, limits. -1 with an exception. */
int cc_python_add_profile_constants(PyObject *module);
int cc_python_add_mem_constants(PyObject *module);
int cc_python_add_file_constants(PyObject *module);

/* hooks.c */
PyObject *cc_python_install_hooks(PyObject *module, PyObject *domains);
PyObject *cc_python_remove_hooks(PyObject *module, PyObject *domains);
PyObject *cc_python_check_hooks(PyObject *module, PyObject *domains);
/* cc_python_object_heap_text, also while the wrapper is installed. */
PyObject *cc_python_read_object_heap(PyObject *module, PyObject *unused);

/* frames.c, the only file that uses CPython's private interface */
extern const cc_profile_frame_provider_t cc_python_frame_provider;
/* Remembers the main interpreter and the directory of this package, a str. pre: attached. -1 with an exception. */
int cc_python_frames_setup(PyObject *package_directory);
/* Lets the calling thread's stack of frames begin here, and its recursion depth. pre: attached; it never returns
 * into the frames that there are. */
void cc_python_forget_frames(void);
/* Whether the calling thread is the one in which Python runs the handlers of signals. pre: attached. */
bool cc_python_handles_signals(void);
/* CPython's own text about its object allocator, as sys._debugmallocstats writes it. */
PyObject *cc_python_object_heap_text(PyObject *module, PyObject *unused);

#endif
