/* python/regions.c: the regions of cc/regions.h as objects. memory/regions.py checks the
 * arguments; here only those are checked that could crash. */
#include "regions.h"

#include <stdlib.h>

#include "fields.h"

bool cc_python_is_open(const cc_python_region_t *region) {
    return region->arena != NULL || region->heap != NULL || region->pool != NULL || region->file != NULL;
}

bool cc_python_may_use(cc_python_region_t *region) {
    const char *name = strrchr(Py_TYPE(region)->tp_name, '.');
    name = name != NULL ? name + 1 : Py_TYPE(region)->tp_name;
    if (region->owner != 0 && region->owner != PyThread_get_thread_ident()) {
        PyErr_Format(PyExc_RuntimeError,
                     "this %s belongs to another thread: call its adopt() here once that one is done with it", name);
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
        (void)cc_python_raise(status, allocator == NULL ? "no backend is called '%s'" : "the %s allocator cannot begin",
                              name);
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
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "nnnpz", names, &size, &alignment, &blocks, &fixed, &allocator))
        return -1;
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

PyObject *cc_python_region_leave(PyObject *done, PyObject *exception) {
    bool passes = PyTuple_GET_SIZE(exception) != 0 && PyTuple_GET_ITEM(exception, 0) != Py_None;
    if (done != NULL || !passes || !PyErr_ExceptionMatches(PyExc_BufferError)) return done;
    PyErr_Clear();
    Py_RETURN_NONE;
}

PyObject *cc_python_region_exit(PyObject *self, PyObject *exception) {
    return cc_python_region_leave(cc_python_region_close(self, NULL), exception);
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

#define FIELD(field) CC_PYTHON_FIELD(cc_pool_status_t, field)
static const cc_python_field_t pool_fields[] = {FIELD(block_size), FIELD(stride), FIELD(blocks),
                                                FIELD(live),       FIELD(chunks), FIELD(reserved)};
#undef FIELD
static const cc_python_table_t pool_table = CC_PYTHON_TABLE(cc_pool_status_t, pool_fields);

static PyObject *pool_status(PyObject *self, PyObject *unused) {
    (void)unused;
    cc_python_region_t *region = cc_python_region(self);
    cc_pool_status_t s = {0};
    CC_PYTHON_LOCK(&region->lock); /* all calls of the pool are under it */
    bool open = region->pool != NULL;
    if (open) s = cc_pool_status(region->pool);
    CC_PYTHON_UNLOCK(&region->lock);
    if (!open) return cc_python_may_use(region), NULL;
    return cc_python_struct(&pool_table, &s);
}

/* ---- what arenas and heaps have ---------------------------------------------------------------------------------- */

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

/* ---- what only one kind has -------------------------------------------------------------------------------------- */

static PyObject *arena_trim(PyObject *self, PyObject *unused) {
    (void)unused;
    if (!cc_python_may_use(cc_python_region(self))) return NULL;
    cc_arena_trim(cc_python_region(self)->arena);
    Py_RETURN_NONE;
}

#define FIELD(field) CC_PYTHON_FIELD(cc_arena_status_t, field)
static const cc_python_field_t arena_fields[] = {FIELD(used), FIELD(reserved), FIELD(blocks)};
#undef FIELD
static const cc_python_table_t arena_table = CC_PYTHON_TABLE(cc_arena_status_t, arena_fields);

static PyObject *arena_status(PyObject *self, PyObject *unused) {
    (void)unused;
    if (!cc_python_may_use(cc_python_region(self))) return NULL;
    cc_arena_status_t s = cc_arena_status(cc_python_region(self)->arena);
    return cc_python_struct(&arena_table, &s);
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
    if (status != CC_OK) return cc_python_raise(status, "the latest allocation cannot be taken back");
    Py_RETURN_NONE;
}

static PyObject *heap_status(PyObject *self, PyObject *unused) {
    (void)unused;
    cc_python_region_t *region = cc_python_region(self);
    if (!cc_python_may_use(region)) return NULL;
    return Py_BuildValue("{snsnsn}", "reserved", (Py_ssize_t)cc_heap_total_size(region->heap), "blocks",
                         (Py_ssize_t)cc_heap_block_count(region->heap), "allocations", (Py_ssize_t)region->count);
}

static PyObject *heap_validate(PyObject *self, PyObject *unused) {
    (void)unused;
    return cc_python_may_use(cc_python_region(self)) ? PyBool_FromLong(cc_heap_validate(cc_python_region(self)->heap))
                                                     : NULL;
}

/* ---- the types --------------------------------------------------------------------------------------------------- */

#define OWNED_METHODS \
    {"adopt", region_adopt, METH_NOARGS, \
     "adopt($self, /)\n--\n\nMake the calling thread the owner. Nobody else may be using the object."}, \
        {"_alloc", region_alloc, METH_VARARGS, "_alloc($self, size, alignment, /)\n--\n\nA Block of zeros."}

static PyMethodDef arena_methods[] = {
    CC_PYTHON_REGION_METHODS,
    OWNED_METHODS,
    {"mark", cc_python_region_mark, METH_NOARGS,
     "mark($self, /)\n--\n\nA point in time for rewind(); as a context manager it rewinds at the end of its block."},
    {"rewind", cc_python_region_rewind, METH_O,
     "rewind($self, mark, /)\n--\n\nTake back what was allocated since; the memory is kept. BufferError while a view "
     "shows some of it."},
    {"reset", region_empty, METH_NOARGS,
     "reset($self, /)\n--\n\nTake everything back; the memory is kept. BufferError as rewind()."},
    {"trim", arena_trim, METH_NOARGS, "trim($self, /)\n--\n\nGive memory back that nothing lies in."},
    {"_status", arena_status, METH_NOARGS, "_status($self, /)\n--\n\nThe fields of cc_arena_status_t as a dict."},
    {NULL, NULL, 0, NULL}};

static PyMethodDef heap_methods[] = {
    CC_PYTHON_REGION_METHODS,
    OWNED_METHODS,
    {"checkpoint", cc_python_region_mark, METH_NOARGS,
     "checkpoint($self, /)\n--\n\nA point in time for release(); as a context manager it releases at the end of its "
     "block."},
    {"release", cc_python_region_rewind, METH_O,
     "release($self, checkpoint, /)\n--\n\nTake back what was allocated since and give its memory back. BufferError "
     "while a view shows some."},
    {"empty", region_empty, METH_NOARGS,
     "empty($self, /)\n--\n\nTake everything back; the first piece of memory is kept. BufferError."},
    {"top", heap_top, METH_NOARGS, "top($self, /)\n--\n\nThe latest allocation as a Block, None when there is none."},
    {"free_top", heap_free_top, METH_NOARGS,
     "free_top($self, /)\n--\n\nTake the latest allocation back. IndexError when there is none; BufferError while a "
     "view shows it."},
    {"validate", heap_validate, METH_NOARGS, "validate($self, /)\n--\n\nWhether all headers and sums fit each other."},
    {"_status", heap_status, METH_NOARGS, "_status($self, /)\n--\n\nA dict of reserved bytes, blocks and allocations."},
    {NULL, NULL, 0, NULL}};

static PyMethodDef pool_methods[] = {
    CC_PYTHON_REGION_METHODS,
    {"alloc", pool_alloc, METH_NOARGS,
     "alloc($self, /)\n--\n\nA Block of zeros; when it is dropped, it goes back to the pool. MemoryError when a fixed "
     "pool has no more."},
    {"free", pool_free, METH_O,
     "free($self, block, /)\n--\n\nTake a block back now. BufferError while a view shows it; ValueError for another "
     "pool's or a freed one."},
    {"_status", pool_status, METH_NOARGS, "_status($self, /)\n--\n\nThe fields of cc_pool_status_t as a dict."},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef region_properties[] = {
    {"closed", cc_python_region_closed, NULL, "Whether close() has been called (bool).", NULL},
    {NULL, NULL, NULL, NULL, NULL}};
static PyType_Slot arena_slots[] = {{Py_tp_doc, "See memory.Arena."},          {Py_tp_init, arena_init},
                                    {Py_tp_dealloc, cc_python_region_dealloc}, {Py_tp_methods, arena_methods},
                                    {Py_tp_getset, region_properties},         {0, NULL}};
static PyType_Slot heap_slots[] = {{Py_tp_doc, "See memory.Heap."},           {Py_tp_init, heap_init},
                                   {Py_tp_dealloc, cc_python_region_dealloc}, {Py_tp_methods, heap_methods},
                                   {Py_tp_getset, region_properties},         {0, NULL}};
static PyType_Slot pool_slots[] = {{Py_tp_doc, "See memory.Pool."},           {Py_tp_init, pool_init},
                                   {Py_tp_dealloc, cc_python_region_dealloc}, {Py_tp_methods, pool_methods},
                                   {Py_tp_getset, region_properties},         {0, NULL}};

CC_PYTHON_REGION_TYPE(arena, "Arena", arena_slots);
CC_PYTHON_REGION_TYPE(heap, "Heap", heap_slots);
CC_PYTHON_REGION_TYPE(pool, "Pool", pool_slots);
