/* python/frames.c: the only file that uses CPython's private interface. Above all it reads the calling thread's
 * stack straight from the interpreter's frames. Inside an allocation nothing may run, allocate, lock or touch the
 * error indicator, so no public function will do: those make frame objects. The frames belong to the calling thread,
 * so nobody changes them meanwhile. */
#include "compat.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wundef" /* in the headers of 3.14, like the next */
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define Py_BUILD_CORE 1
#include "internal/pycore_frame.h"
#if PY_VERSION_HEX >= 0x030E0000
#include "internal/pycore_interpframe.h"
#include "internal/pycore_interpframe_structs.h"
#endif
#include "internal/pycore_code.h"
#include "internal/pycore_signal.h"
#if PY_VERSION_HEX >= 0x030D0000
#include "internal/pycore_object_alloc.h"
#include "internal/pycore_obmalloc.h"
#else
#include "internal/pycore_pymem.h"
#endif
#undef Py_BUILD_CORE
#pragma GCC diagnostic pop

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

static PyInterpreterState *main_interpreter;
static PyObject *package_directory; /* a str with a slash at its end, for good; NULL before the setup */

/* The calling thread's state if it may read its frames: attached, and of the main interpreter. */
static inline PyThreadState *own_thread_state(bool attached) {
#if PY_VERSION_HEX >= 0x030D0000
    (void)attached;
    PyThreadState *state = PyThreadState_GetUnchecked(); /* a thread-local: NULL when detached */
#elif PY_VERSION_HEX >= 0x030C0000
    (void)attached;
    PyThreadState *state = _PyThreadState_UncheckedGet(); /* likewise */
#else
    /* 3.11 has one variable for the process: whose state has the GIL. When the caller need not have it, the state is
     * ours only if it is the state of this thread. */
    PyThreadState *state = _PyThreadState_UncheckedGet();
    if (!attached && (state == NULL || state != PyGILState_GetThisThreadState())) return NULL;
#endif
    return state != NULL && state->interp == main_interpreter ? state : NULL;
}

static inline struct _PyInterpreterFrame *top_frame(PyThreadState *state) {
#if PY_VERSION_HEX >= 0x030D0000
    return state->current_frame;
#else
    return state->cframe != NULL ? state->cframe->current_frame : NULL;
#endif
}

void cc_python_forget_frames(void) {
    PyThreadState *state = PyThreadState_Get();
#if PY_VERSION_HEX >= 0x030F0000
    state->current_frame = state->base_frame;
#elif PY_VERSION_HEX >= 0x030D0000
    state->current_frame = NULL;
#else
    static _PyCFrame outermost;
    outermost = *state->cframe;
    outermost.current_frame = NULL;
    outermost.previous = &state->root_cframe;
    state->cframe = &outermost;
#endif
#if PY_VERSION_HEX >= 0x030C0000
    state->py_recursion_remaining = state->py_recursion_limit;
#else
    state->recursion_remaining = state->recursion_limit;
#endif
}

/* Whether the frame runs no code of the program: the interpreter's entry frames. */
static inline bool is_entry_frame(const struct _PyInterpreterFrame *frame) {
#if PY_VERSION_HEX >= 0x030E0000
    return frame->owner >= FRAME_OWNED_BY_INTERPRETER;
#elif PY_VERSION_HEX >= 0x030C0000
    return frame->owner == FRAME_OWNED_BY_CSTACK;
#else
    (void)frame;
    return false;
#endif
}

/* The code object of a frame that is no entry frame. Borrowed. */
static inline PyCodeObject *frame_code(const struct _PyInterpreterFrame *frame) {
#if PY_VERSION_HEX >= 0x030E0000
    return (PyCodeObject *)PyStackRef_AsPyObjectBorrow(frame->f_executable);
#elif PY_VERSION_HEX >= 0x030D0000
    return (PyCodeObject *)frame->f_executable;
#else
    return frame->f_code;
#endif
}

/* The offset in bytes of the instruction that the frame is at; negative when it has not begun. */
static inline intptr_t frame_offset(struct _PyInterpreterFrame *frame, PyCodeObject *code) {
#if PY_VERSION_HEX >= 0x030E0000
    (void)code;
    /* Free-threaded: the thread runs a copy of the bytecode that is its own. */
    return (intptr_t)((char *)frame->instr_ptr - (char *)_PyFrame_GetBytecode(frame));
#elif PY_VERSION_HEX >= 0x030D0000
    return (intptr_t)((char *)frame->instr_ptr - (char *)_PyCode_CODE(code));
#else
    return (intptr_t)((char *)frame->prev_instr - (char *)_PyCode_CODE(code));
#endif
}

/* What tells the frame's place from all others while its code object is alive: the address of the instruction in it. */
static inline uint64_t frame_place(struct _PyInterpreterFrame *frame) {
#if PY_VERSION_HEX >= 0x030E0000 && defined(Py_GIL_DISABLED)
    PyCodeObject *code = frame_code(frame); /* the instructions are a copy for this thread */
    return (uintptr_t)code ^ (uint64_t)frame_offset(frame, code) * 0x9E3779B97F4A7C15u;
#elif PY_VERSION_HEX >= 0x030D0000
    return (uintptr_t)frame->instr_ptr;
#else
    return (uintptr_t)frame->prev_instr;
#endif
}

/* A frame on top that is still being set up (_PyFrame_IsIncomplete); its callers never are. */
static inline bool is_incomplete(struct _PyInterpreterFrame *frame) {
    PyCodeObject *code = frame_code(frame);
    return frame->owner != FRAME_OWNED_BY_GENERATOR &&
           frame_offset(frame, code) < (intptr_t)code->_co_firsttraceable * (intptr_t)sizeof(_Py_CODEUNIT);
}

/* This frame or the first below it that is the program's; NULL when there is none. */
static inline struct _PyInterpreterFrame *program_frame(struct _PyInterpreterFrame *frame) {
    while (frame != NULL && is_entry_frame(frame)) frame = frame->previous;
    return frame;
}

static inline struct _PyInterpreterFrame *innermost_frame(bool attached) {
    PyThreadState *state = own_thread_state(attached);
    struct _PyInterpreterFrame *frame = state != NULL ? program_frame(top_frame(state)) : NULL;
    while (frame != NULL && is_incomplete(frame)) frame = program_frame(frame->previous);
    return frame;
}

static uint64_t identify(uint64_t seed, unsigned limit, bool attached) {
    uint64_t hash = seed;
    for (struct _PyInterpreterFrame *frame = innermost_frame(attached); frame != NULL && limit > 0;
         frame = program_frame(frame->previous), limit--)
        hash = cc_profile_mix(hash, frame_place(frame));
    return hash;
}

static unsigned capture(cc_profile_frame_t *frames, unsigned limit, bool attached) {
    unsigned count = 0;
    for (struct _PyInterpreterFrame *frame = innermost_frame(attached); frame != NULL && count < limit;
         frame = program_frame(frame->previous), count++) {
        PyCodeObject *code = frame_code(frame);
        frames[count] = (cc_profile_frame_t){code, (uintptr_t)frame_offset(frame, code)};
    }
    return count;
}

/* ---- frames in words -------------------------------------------------------------------------------------------- */

/* A character as UTF-8, a lone surrogate too: what file names that are no UTF-8 are decoded to. */
static char *put_character(char *to, Py_UCS4 character) {
    if (character < 0x80) {
        *to++ = (char)character;
        return to;
    }
    unsigned more = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3; /* bytes after the first */
    static const unsigned char first[] = {0, 0xC0, 0xE0, 0xF0};
    *to++ = (char)(first[more] | character >> 6 * more);
    while (more-- > 0) *to++ = (char)(0x80 | (character >> 6 * more & 0x3F));
    return to;
}

enum { TEXT_SIZE = 4096 }; /* longer texts are cut */

/* A string as UTF-8, perhaps in the buffer of TEXT_SIZE bytes. The string is only looked at. */
static const char *text_of(PyObject *string, char *buffer) {
    if (PyUnicode_IS_COMPACT_ASCII(string)) return (const char *)((PyASCIIObject *)string + 1);
    char *to = buffer;
#if PY_VERSION_HEX < 0x030C0000
    Py_ssize_t length = PyUnicode_IS_READY(string) ? PyUnicode_GET_LENGTH(string) : 0;
#else
    Py_ssize_t length = PyUnicode_GET_LENGTH(string);
#endif
    for (Py_ssize_t i = 0; i < length && to < buffer + TEXT_SIZE - 4; i++)
        to = put_character(to, PyUnicode_READ_CHAR(string, i));
    *to = 0;
    return buffer;
}

/* A signed number of the table of lines: six bits a byte, the lowest first; the first of all is the sign. */
static int read_number(const unsigned char *at, const unsigned char *end) {
    unsigned value = 0, shift = 0;
    for (; at < end; at++, shift += 6) {
        value |= (*at & 0x3Fu) << shift;
        if ((*at & 0x40) == 0 || shift > 24) break;
    }
    return (value & 1) != 0 ? -(int)(value >> 1) : (int)(value >> 1);
}

/* The line of the instruction at an offset; 0 when it has none. PyCode_Addr2Line takes locks on some builds. The table
 * is described in CPython's Objects/locations.md: each entry begins with a byte from 128 up. */
static unsigned line_at(PyCodeObject *code, intptr_t offset) {
    enum { NO_COLUMNS = 13, LONG = 14, NONE = 15, ONE_LINE = 10 };
    const unsigned char *at = (const unsigned char *)PyBytes_AS_STRING(code->co_linetable);
    const unsigned char *end = at + PyBytes_GET_SIZE(code->co_linetable);
    int line = code->co_firstlineno;
    for (intptr_t start = 0; start <= offset && at < end;) {
        unsigned kind = *at >> 3 & 15;
        start += (intptr_t)((*at & 7u) + 1) * (intptr_t)sizeof(_Py_CODEUNIT);
        at++;
        if (kind == NO_COLUMNS || kind == LONG) line += read_number(at, end);
        if (kind >= ONE_LINE && kind < NO_COLUMNS) line += (int)kind - ONE_LINE;
        if (start > offset && kind == NONE) return 0;
        while (at < end && *at < 0x80) at++;
    }
    return line > 0 ? (unsigned)line : 0;
}

/* Whether a string begins with another. Only looks at them. */
static bool begins_with(PyObject *text, PyObject *beginning) {
    Py_ssize_t length = PyUnicode_GET_LENGTH(beginning);
    int kind = PyUnicode_KIND(text), other_kind = PyUnicode_KIND(beginning);
    const void *data = PyUnicode_DATA(text), *other = PyUnicode_DATA(beginning);
    if (PyUnicode_GET_LENGTH(text) < length) return false;
    if (kind == other_kind) return memcmp(data, other, (size_t)length * (size_t)kind) == 0;
    for (Py_ssize_t i = 0; i < length; i++)
        if (PyUnicode_READ(kind, data, i) != PyUnicode_READ(other_kind, other, i)) return false;
    return true;
}

static bool begins_with_ascii(PyObject *text, const char *beginning) {
    Py_ssize_t length = (Py_ssize_t)strlen(beginning);
    return PyUnicode_IS_ASCII(text) && PyUnicode_GET_LENGTH(text) >= length &&
           memcmp(PyUnicode_DATA(text), beginning, (size_t)length) == 0;
}

/* Import machinery and this package, by the file's name. Strings are only looked at. */
static bool held_by_interpreter(PyObject *file) {
    return begins_with_ascii(file, "<frozen importlib.") ||
           (package_directory != NULL && begins_with(file, package_directory));
}

static void describe(const cc_profile_frame_t *frame, cc_profile_place_t *place) {
    static char file[TEXT_SIZE], function[TEXT_SIZE]; /* under the recorder's lock */
    PyCodeObject *code = (PyCodeObject *)(uintptr_t)frame->code;
    place->file = text_of(code->co_filename, file);
    place->function = text_of(code->co_qualname, function);
    place->line = line_at(code, (intptr_t)frame->offset);
    place->held = held_by_interpreter(code->co_filename);
}

const cc_profile_frame_provider_t cc_python_frame_provider = {identify, capture, describe};

/* ---- the end of code objects ------------------------------------------------------------------------------------ */

/* CPython's own tp_dealloc. All versions call it through the type; code watchers (3.12) are too few for all who might
 * want one, and code extras (3.11) need memory where none may be asked for. */
static destructor end_code;

static void tell_and_end_code(PyObject *code) {
    cc_profile_code_ended(code);
    end_code(code);
}

int cc_python_frames_setup(PyObject *directory) {
    if (!PyUnicode_Check(directory)) {
        PyErr_Format(PyExc_TypeError, "the package's directory must be a str, not %R", directory);
        return -1;
    }
    PyObject *with_slash = PyUnicode_FromFormat("%U/", directory);
    if (with_slash == NULL) return -1;
    main_interpreter = PyInterpreterState_Main();
    package_directory = with_slash; /* an earlier one is kept: another thread may be reading it */
    if (end_code == NULL) {
        end_code = PyCode_Type.tp_dealloc;
        PyCode_Type.tp_dealloc = tell_and_end_code;
    }
    return 0;
}

bool cc_python_handles_signals(void) {
    return _PyOS_IsMainThread() != 0;
}

PyObject *cc_python_object_heap_text(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL) return PyErr_NoMemory();
    (void)_PyObject_DebugMallocStats(stream);
    (void)fclose(stream);
    PyObject *result = PyUnicode_DecodeUTF8(text, (Py_ssize_t)size, "replace");
    free(text);
    return result;
}
