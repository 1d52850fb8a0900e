/* python/regions.c: the regions of cc/regions.h as objects. Arguments are checked in _regions.py; here only what could crash is. */
#include "regions.h"

#include <stdlib.h>

PyTypeObject *cc_python_mark_type;

bool cc_python_is_open(const cc_python_region_t *region) {
    return region->arena != NULL || region->heap != NULL || region->pool != NULL || region->file != NULL;
}

bool cc_python_may_use(cc_python_region_t *region) {
    const char *name = strrchr(Py_TYPE(region)->tp_name, '.');
    name = name != NULL ? name + 1 : Py_TYPE(region)->tp_name;
    if (region->owner != 0 && region->owner != PyThread_get_thread_ident()) {
        PyErr_Format(PyExc_RuntimeError, "this %s belongs to another thread: call its adopt() here once that one is done with it",
                     name);
        return false;
    }
    if (cc_python_is_open(region)) return true;
    PyErr_Format(PyExc_ValueError, "the %s is closed", name);
    return false;
}

/* ---- beginning and end ------------------------------------------------------------------------------------------- */

/* Of a backend's name or None. False with an exception. */
static bool begin_allocator(cc_python_region_t *region, const char *name) {
    if (cc_python_is_open(region)) {
        PyErr_SetString(PyExc_RuntimeError, "it was begun before");
        return false;
    }
    region->allocator = NULL;
    if (name == NULL) return true;
    const cc_mem_methods_t *allocator = cc_mem_backend(name);
    int status = allocator == NULL ? CC_ERROR_ARGUMENT : allocator->init(allocator->context);
    if (status != CC_OK) {
        (void)cc_python_raise(status);
        return false;
    }
    region->allocator = allocator;
    return true;
}

static void end_allocator(const cc_mem_methods_t *allocator) {
    if (allocator != NULL) allocator->shutdown(allocator->context);
}

static int begun(cc_python_region_t *region, bool owned) {
    if (cc_python_is_open(region)) {
        region->owner = owned ? PyThread_get_thread_ident() : 0;
        region->writable = true;
        return 0;
    }
    end_allocator(region->allocator);
    region->allocator = NULL;
    PyErr_NoMemory();
    return -1;
}

static int arena_init(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"start_size", "allocator", NULL};
    Py_ssize_t size;
    const char *allocator;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "nz", names, &size, &allocator)) return -1;
    if (!begin_allocator(cc_python_region(self), allocator)) return -1;
    cc_python_region(self)->arena = cc_arena_create((size_t)size, cc_python_region(self)->allocator);
    return begun(cc_python_region(self), true);
}

static int heap_init(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"start_size", "standard_size", "allocator", NULL};
    Py_ssize_t start, standard;
    const char *allocator;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "nnz", names, &start, &standard, &allocator)) return -1;
    if (!begin_allocator(cc_python_region(self), allocator)) return -1;
    cc_heap_options_t options = {
        .start_size = (size_t)start, .standard_size = (size_t)standard, .allocator = cc_python_region(self)->allocator};
    cc_python_region(self)->heap = cc_heap_create(&options);
    return begun(cc_python_region(self), true);
}

static int pool_init(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"block_size", "alignment", "blocks", "fixed", "allocator", NULL};
    Py_ssize_t size, alignment, blocks;
    int fixed;
    const char *allocator;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "nnnpz", names, &size, &alignment, &blocks, &fixed, &allocator)) return -1;
    if (!begin_allocator(cc_python_region(self), allocator)) return -1;
    cc_pool_options_t options = {.block_size = (size_t)size,
                                 .alignment = (size_t)alignment,
                                 .blocks = (size_t)blocks,
                                 .fixed = fixed != 0,
                                 .shared = true,
                                 .allocator = cc_python_region(self)->allocator};
    cc_python_region(self)->block_size = (size_t)size;
    cc_python_region(self)->pool = cc_pool_create(&options);
    return begun(cc_python_region(self), false);
}

/* Gives all memory back. pre: no views; the lock, or nobody else has the region. */
static void end_region(cc_python_region_t *region) {
    cc_arena_destroy(region->arena);
    cc_heap_destroy(region->heap);
    cc_pool_destroy(region->pool);
    cc_file_close(region->file);
    region->arena = NULL;
    region->heap = NULL;
    region->pool = NULL;
    region->file = NULL;
    free(region->marks);
    region->marks = NULL;
    region->marks_used = region->marks_size = region->count = 0;
}

void cc_python_region_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    end_region(cc_python_region(self)); /* blocks and views hold the region: there are none, whatever thread this is */
    end_allocator(cc_python_region(self)->allocator);
    type->tp_free(self);
    Py_DECREF(type);
}

PyObject *cc_python_region_close(PyObject *self, PyObject *unused) {
    (void)unused;
    cc_python_region_t *region = cc_python_region(self);
    if (!cc_python_is_open(region)) Py_RETURN_NONE;
    if (!cc_python_may_use(region)) return NULL;
    CC_PYTHON_LOCK(&region->lock);
    bool done = region->views == 0 && cc_python_kill_above(region, 0);
    const cc_mem_methods_t *allocator = done ? region->allocator : NULL; /* of two threads that close one ends it */
    if (done) {
        end_region(region);
        region->allocator = NULL;
    }
    CC_PYTHON_UNLOCK(&region->lock);
    if (!done) return cc_python_buffer_error();
    end_allocator(allocator);
    Py_RETURN_NONE;
}

PyObject *cc_python_region_exit(PyObject *self, PyObject *unused) {
    (void)unused;
    return cc_python_region_close(self, NULL);
}

PyObject *cc_python_region_enter(PyObject *self, PyObject *unused) {
    (void)unused;
    return cc_python_may_use(cc_python_region(self)) ? Py_NewRef(self) : NULL;
}

static PyObject *region_adopt(PyObject *self, PyObject *unused) {
    (void)unused;
    if (cc_python_region(self)->owner != 0) cc_python_region(self)->owner = PyThread_get_thread_ident();
    Py_RETURN_NONE;
}

PyObject *cc_python_region_closed(PyObject *self, void *unused) {
    (void)unused;
    return PyBool_FromLong(!cc_python_is_open(cc_python_region(self)));
}

/* ---- allocation -------------------------------------------------------------------------------------------------- */

static PyObject *region_alloc(PyObject *self, PyObject *args) {
    cc_python_region_t *region = cc_python_region(self);
    Py_ssize_t size, alignment;
    if (!PyArg_ParseTuple(args, "nn", &size, &alignment) || !cc_python_may_use(region)) return NULL;
    cc_python_block_t *block = cc_python_new_block(region);
    if (block == NULL) return NULL;
    CC_PYTHON_LOCK(&region->lock);
    void *data = region->arena != NULL ? cc_arena_alloc_aligned(region->arena, (size_t)size, (size_t)alignment)
                                       : cc_heap_alloc_aligned(region->heap, (size_t)size, (size_t)alignment);
    if (data != NULL) cc_python_fill_block(block, memset(data, 0, (size_t)size), (size_t)size, ++region->count);
    CC_PYTHON_UNLOCK(&region->lock);
    if (data != NULL) return (PyObject *)block;
    Py_DECREF(block);
    return PyErr_NoMemory();
}

static PyObject *pool_alloc(PyObject *self, PyObject *unused) {
    (void)unused;
    cc_python_region_t *region = cc_python_region(self);
    cc_python_block_t *block = cc_python_new_block(region);
    if (block == NULL) return NULL;
    CC_PYTHON_LOCK(&region->lock);
    bool open = region->pool != NULL;
    void *data = open ? cc_pool_alloc(region->pool) : NULL;
    if (data != NULL) cc_python_fill_block(block, memset(data, 0, region->block_size), region->block_size, 1);
    CC_PYTHON_UNLOCK(&region->lock);
    if (data != NULL) return (PyObject *)block;
    Py_DECREF(block);
    if (!open) return cc_python_may_use(region), NULL;
    return PyErr_NoMemory();
}

static PyObject *pool_free(PyObject *self, PyObject *argument) {
    cc_python_region_t *region = cc_python_region(self);
    if (Py_TYPE(argument) != cc_python_block_type || ((cc_python_block_t *)argument)->region != region) {
        PyErr_Format(PyExc_ValueError, "block must be a block of this pool, not %R", argument);
        return NULL;
    }
    cc_python_block_t *block = (cc_python_block_t *)argument;
    CC_PYTHON_LOCK(&region->lock);
    bool dead = block->dead, shown = block->views > 0;
    if (!dead && !shown) {
        cc_python_end_block(block);
        (void)cc_pool_free(region->pool, block->data);
    }
    CC_PYTHON_UNLOCK(&region->lock);
    if (!dead) return shown ? cc_python_buffer_error() : Py_NewRef(Py_None);
    PyErr_SetString(PyExc_ValueError, "the block was freed before");
    return NULL;
}

static PyObject *pool_status(PyObject *self, PyObject *unused) {
    (void)unused;
    cc_python_region_t *region = cc_python_region(self);
    cc_pool_status_t s = {0};
    CC_PYTHON_LOCK(&region->lock); /* all calls of the pool are under it */
    bool open = region->pool != NULL;
    if (open) s = cc_pool_status(region->pool);
    CC_PYTHON_UNLOCK(&region->lock);
    if (!open) return cc_python_may_use(region), NULL;
    return Py_BuildValue("(nnnnnn)", (Py_ssize_t)s.block_size, (Py_ssize_t)s.stride, (Py_ssize_t)s.blocks, (Py_ssize_t)s.live,
                         (Py_ssize_t)s.chunks, (Py_ssize_t)s.reserved);
}

/* ---- marks: of an arena or a heap -------------------------------------------------------------------------------- */

typedef struct {
    PyObject_HEAD
    cc_python_region_t *region; /* strong */
    uint64_t number;
    cc_arena_mark_t of_arena;
    cc_heap_checkpoint_t of_heap;
} mark_t;

/* The following three: pre: the lock. */
static bool make_room_for_mark(cc_python_region_t *region) {
    if (region->marks_used < region->marks_size) return true;
    size_t size = region->marks_size != 0 ? region->marks_size * 2 : 16;
    uint64_t *wider = realloc(region->marks, size * sizeof *wider);
    if (wider == NULL) return false;
    region->marks = wider;
    region->marks_size = size;
    return true;
}

/* Where the mark's pair ends among the valid ones; 0 if it was taken back. */
static size_t find_mark(const cc_python_region_t *region, uint64_t number) {
    size_t at = region->marks_used;
    while (at > 0 && region->marks[at - 2] != number) at -= 2;
    return at;
}

/* Of a mark that nobody has any more, so that marks in a loop do not pile up. */
static void forget_mark(cc_python_region_t *region, uint64_t number) {
    size_t at = find_mark(region, number);
    if (at == 0) return;
    memmove(region->marks + at - 2, region->marks + at, (region->marks_used - at) * sizeof *region->marks);
    region->marks_used -= 2;
}

static PyObject *region_mark(PyObject *self, PyObject *unused) {
    (void)unused;
    cc_python_region_t *region = cc_python_region(self);
    if (!cc_python_may_use(region)) return NULL;
    mark_t *mark = PyObject_New(mark_t, cc_python_mark_type);
    if (mark == NULL) return NULL;
    mark->region = (cc_python_region_t *)Py_NewRef(region);
    CC_PYTHON_LOCK(&region->lock);
    bool room = make_room_for_mark(region);
    mark->number = ++region->last_mark;
    if (region->arena != NULL) mark->of_arena = cc_arena_mark(region->arena);
    if (region->heap != NULL) mark->of_heap = cc_heap_checkpoint(region->heap);
    if (room) {
        region->marks[region->marks_used++] = mark->number;
        region->marks[region->marks_used++] = region->count;
    }
    CC_PYTHON_UNLOCK(&region->lock);
    if (room) return (PyObject *)mark;
    Py_DECREF(mark);
    return PyErr_NoMemory();
}

static PyObject *region_rewind(PyObject *self, PyObject *argument) {
    cc_python_region_t *region = cc_python_region(self);
    if (!cc_python_may_use(region)) return NULL;
    if (Py_TYPE(argument) != cc_python_mark_type || ((mark_t *)argument)->region != region) {
        PyErr_Format(PyExc_ValueError, "mark must be a mark of this object, not %R", argument);
        return NULL;
    }
    const mark_t *mark = (mark_t *)argument;
    CC_PYTHON_LOCK(&region->lock);
    size_t at = find_mark(region, mark->number), count = at > 0 ? region->marks[at - 1] : 0;
    bool done = at > 0 && cc_python_kill_above(region, count);
    if (done) {
        region->marks_used = at;
        region->count = count;
    }
    CC_PYTHON_UNLOCK(&region->lock);
    if (at == 0) {
        PyErr_SetString(PyExc_ValueError, "the mark itself was taken back");
        return NULL;
    }
    if (!done) return cc_python_buffer_error();
    int status = region->arena != NULL ? cc_arena_rewind(region->arena, mark->of_arena) : cc_heap_release(region->heap, mark->of_heap);
    if (status != CC_OK) return cc_python_raise(status);
    Py_RETURN_NONE;
}

static PyObject *region_empty(PyObject *self, PyObject *unused) {
    (void)unused;
    cc_python_region_t *region = cc_python_region(self);
    if (!cc_python_may_use(region)) return NULL;
    CC_PYTHON_LOCK(&region->lock);
    bool done = cc_python_kill_above(region, 0);
    if (done) region->marks_used = region->count = 0;
    CC_PYTHON_UNLOCK(&region->lock);
    if (!done) return cc_python_buffer_error();
    if (region->arena != NULL)
        cc_arena_reset(region->arena);
    else
        cc_heap_empty(region->heap);
    Py_RETURN_NONE;
}

static void mark_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    const mark_t *mark = (mark_t *)self;
    CC_PYTHON_LOCK(&mark->region->lock);
    forget_mark(mark->region, mark->number);
    CC_PYTHON_UNLOCK(&mark->region->lock);
    Py_DECREF(mark->region);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *mark_enter(PyObject *self, PyObject *unused) {
    (void)unused;
    return Py_NewRef(self);
}

static PyObject *mark_exit(PyObject *self, PyObject *unused) {
    (void)unused;
    return region_rewind((PyObject *)((mark_t *)self)->region, self);
}

/* ---- what only one kind has -------------------------------------------------------------------------------------- */

static PyObject *arena_trim(PyObject *self, PyObject *unused) {
    (void)unused;
    if (!cc_python_may_use(cc_python_region(self))) return NULL;
    cc_arena_trim(cc_python_region(self)->arena);
    Py_RETURN_NONE;
}

static PyObject *arena_status(PyObject *self, PyObject *unused) {
    (void)unused;
    if (!cc_python_may_use(cc_python_region(self))) return NULL;
    cc_arena_status_t s = cc_arena_status(cc_python_region(self)->arena);
    return Py_BuildValue("(nnn)", (Py_ssize_t)s.used, (Py_ssize_t)s.reserved, (Py_ssize_t)s.blocks);
}

static PyObject *heap_top(PyObject *self, PyObject *unused) {
    (void)unused;
    cc_python_region_t *region = cc_python_region(self);
    size_t size;
    if (!cc_python_may_use(region)) return NULL;
    void *data = cc_heap_get_top(region->heap, &size);
    if (data == NULL) Py_RETURN_NONE;
    cc_python_block_t *block = cc_python_new_block(region);
    if (block == NULL) return NULL;
    CC_PYTHON_LOCK(&region->lock);
    cc_python_fill_block(block, data, size, region->count);
    CC_PYTHON_UNLOCK(&region->lock);
    return (PyObject *)block;
}

static PyObject *heap_free_top(PyObject *self, PyObject *unused) {
    (void)unused;
    cc_python_region_t *region = cc_python_region(self);
    if (!cc_python_may_use(region)) return NULL;
    if (region->count == 0) {
        PyErr_SetString(PyExc_IndexError, "the Heap is empty");
        return NULL;
    }
    CC_PYTHON_LOCK(&region->lock);
    bool done = cc_python_kill_above(region, region->count - 1);
    region->count -= done;
    while (region->marks_used > 0 && region->marks[region->marks_used - 1] > region->count) region->marks_used -= 2;
    CC_PYTHON_UNLOCK(&region->lock);
    if (!done) return cc_python_buffer_error();
    int status = cc_heap_free_top(region->heap);
    if (status != CC_OK) return cc_python_raise(status);
    Py_RETURN_NONE;
}

static PyObject *heap_status(PyObject *self, PyObject *unused) {
    (void)unused;
    cc_python_region_t *region = cc_python_region(self);
    if (!cc_python_may_use(region)) return NULL;
    return Py_BuildValue("(nnn)", (Py_ssize_t)cc_heap_total_size(region->heap), (Py_ssize_t)cc_heap_block_count(region->heap),
                         (Py_ssize_t)region->count);
}

static PyObject *heap_validate(PyObject *self, PyObject *unused) {
    (void)unused;
    return cc_python_may_use(cc_python_region(self)) ? PyBool_FromLong(cc_heap_validate(cc_python_region(self)->heap)) : NULL;
}

/* ---- the types --------------------------------------------------------------------------------------------------- */

#define OWNED_METHODS \
    {"adopt", region_adopt, METH_NOARGS, \
     "adopt()\n--\n\nMake the calling thread the owner. Nobody else may be using the object."}, \
        {"_alloc", region_alloc, METH_VARARGS, "_alloc(size, alignment)\n--\n\nA Block of zeros."}

static PyMethodDef arena_methods[] = {
    CC_PYTHON_REGION_METHODS,
    OWNED_METHODS,
    {"mark", region_mark, METH_NOARGS,
     "mark()\n--\n\nA point in time for rewind(); as a context manager it rewinds at the end of its block."},
    {"rewind", region_rewind, METH_O,
     "rewind(mark)\n--\n\nTake back what was allocated since; the memory is kept. BufferError while a view shows some of it."},
    {"reset", region_empty, METH_NOARGS, "reset()\n--\n\nTake everything back; the memory is kept. BufferError as rewind()."},
    {"trim", arena_trim, METH_NOARGS, "trim()\n--\n\nGive memory back that nothing lies in."},
    {"_status", arena_status, METH_NOARGS, "_status()\n--\n\nThe fields of cc_arena_status_t."},
    {NULL, NULL, 0, NULL}};

static PyMethodDef heap_methods[] = {
    CC_PYTHON_REGION_METHODS,
    OWNED_METHODS,
    {"checkpoint", region_mark, METH_NOARGS,
     "checkpoint()\n--\n\nA point in time for release(); as a context manager it releases at the end of its block."},
    {"release", region_rewind, METH_O,
     "release(checkpoint)\n--\n\nTake back what was allocated since and give its memory back. BufferError while a view shows some."},
    {"empty", region_empty, METH_NOARGS, "empty()\n--\n\nTake everything back; the first piece of memory is kept. BufferError."},
    {"top", heap_top, METH_NOARGS, "top()\n--\n\nThe latest allocation as a Block, None when there is none."},
    {"free_top", heap_free_top, METH_NOARGS,
     "free_top()\n--\n\nTake the latest allocation back. IndexError when there is none; BufferError while a view shows it."},
    {"validate", heap_validate, METH_NOARGS, "validate()\n--\n\nWhether all headers and sums fit each other."},
    {"_status", heap_status, METH_NOARGS, "_status()\n--\n\n(bytes, blocks, allocations)."},
    {NULL, NULL, 0, NULL}};

static PyMethodDef pool_methods[] = {
    CC_PYTHON_REGION_METHODS,
    {"alloc", pool_alloc, METH_NOARGS,
     "alloc()\n--\n\nA Block of zeros; when it is dropped, it goes back to the pool. MemoryError when a fixed pool has no more."},
    {"free", pool_free, METH_O,
     "free(block)\n--\n\nTake a block back now. BufferError while a view shows it; ValueError for another pool's or a freed one."},
    {"_status", pool_status, METH_NOARGS, "_status()\n--\n\nThe fields of cc_pool_status_t."},
    {NULL, NULL, 0, NULL}};

static PyMethodDef mark_methods[] = {
    {"__enter__", mark_enter, METH_NOARGS, "__enter__()\n--\n\nThe mark."},
    {"__exit__", mark_exit, METH_VARARGS, "__exit__(*exception)\n--\n\nTake back what was allocated since."},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef region_properties[] = {{"closed", cc_python_region_closed, NULL, "Whether close() has been called (bool).", NULL},
                                          {NULL, NULL, NULL, NULL, NULL}};
static PyType_Slot arena_slots[] = {{Py_tp_doc, "See memory.Arena."}, {Py_tp_init, arena_init},
                                    {Py_tp_dealloc, cc_python_region_dealloc},  {Py_tp_methods, arena_methods},
                                    {Py_tp_getset, region_properties}, {0, NULL}};
static PyType_Slot heap_slots[] = {{Py_tp_doc, "See memory.Heap."},  {Py_tp_init, heap_init},
                                   {Py_tp_dealloc, cc_python_region_dealloc},  {Py_tp_methods, heap_methods},
                                   {Py_tp_getset, region_properties}, {0, NULL}};
static PyType_Slot pool_slots[] = {{Py_tp_doc, "See memory.Pool."},  {Py_tp_init, pool_init},
                                   {Py_tp_dealloc, cc_python_region_dealloc},  {Py_tp_methods, pool_methods},
                                   {Py_tp_getset, region_properties}, {0, NULL}};
static PyType_Slot mark_slots[] = {{Py_tp_doc, "A point in the life of an Arena or a Heap. It keeps the object alive."},
                                   {Py_tp_dealloc, mark_dealloc},
                                   {Py_tp_methods, mark_methods},
                                   {0, NULL}};

CC_PYTHON_REGION_TYPE(arena, "Arena", arena_slots);
CC_PYTHON_REGION_TYPE(heap, "Heap", heap_slots);
CC_PYTHON_REGION_TYPE(pool, "Pool", pool_slots);
PyType_Spec cc_python_mark_spec = {.name = "concurrent_collections._core.Mark",
                                   .basicsize = sizeof(mark_t),
                                   .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                   .slots = mark_slots};
