/* python/regions.h: what regions.c (arenas, heaps and pools as objects), regions_block.c (their blocks), regions_mark.c
 * (points in their lives) and regions_file.c (mapped files) share.
 *
 * A block is an object that shows a part of a region's memory; it keeps the region alive. Memory that a view of a
 * block shows is never taken back: whoever would do that gets a BufferError. What is taken back makes its blocks
 * dead. */
#ifndef CC_PYTHON_REGIONS_H
#define CC_PYTHON_REGIONS_H

#include "core.h"
#include "errors.h"

#include "cc/regions.h"

typedef struct cc_python_block cc_python_block_t;

typedef struct cc_python_region {
    PyObject_HEAD
    cc_arena_t *arena; /* one of these is not NULL while the region is open */
    cc_heap_t *heap;
    cc_pool_t *pool;
    cc_file_t *file;
    const cc_mem_methods_t *allocator; /* initialized for this region; NULL: cc_alloc */
    unsigned long owner;               /* the only thread that may use it; 0: any */
    bool writable;
    size_t block_size;         /* of a pool */
    CC_PYTHON_MUTEX lock;      /* over the rest, and over all blocks' dead and views */
    cc_python_block_t *newest; /* living block objects, in the order of their making */
    size_t count;              /* allocations in it: a block's serial number is their count with it */
    Py_ssize_t views;          /* of the file itself */
    uint64_t last_mark;
    uint64_t *marks; /* the valid ones, as pairs of number and count: each with at least the count of the one before */
    size_t marks_used, marks_size;
} cc_python_region_t;

struct cc_python_block {
    PyObject_HEAD
    cc_python_region_t *region; /* strong */
    cc_python_block_t *older, *newer;
    char *data;
    size_t size;
    size_t serial;
    Py_ssize_t views;
    bool dead;
};

extern PyType_Spec cc_python_block_spec, cc_python_mark_spec;
extern PyType_Spec cc_python_arena_spec, cc_python_heap_spec, cc_python_pool_spec, cc_python_mapped_file_spec;

/* The types above, made by module.c's exec and kept for good. */
extern PyTypeObject *cc_python_block_type, *cc_python_mark_type;

static inline cc_python_region_t *cc_python_region(PyObject *self) {
    return (cc_python_region_t *)self;
}

bool cc_python_is_open(const cc_python_region_t *region);
/* Sets ValueError for a closed region, RuntimeError for a thread that is not its owner. */
bool cc_python_may_use(cc_python_region_t *region);

/* A block without memory. Then nothing can fail any more: cc_python_fill_block gives it some (allocation number
 * `serial`, zeroed) and puts it into the list. pre: the lock since before the memory was allocated, so that no close
 * comes between. */
cc_python_block_t *cc_python_new_block(cc_python_region_t *region);
void cc_python_fill_block(cc_python_block_t *block, void *data, size_t size, size_t serial);

/* Takes it out of the list: it is dead from now on. pre: the lock; it is alive. */
void cc_python_end_block(cc_python_block_t *block);

/* Whether a view shows an allocation with a number above `serial`; if none does all these blocks are dead from now on.
 * pre: the lock. */
bool cc_python_kill_above(cc_python_region_t *region, size_t serial);
PyObject *cc_python_buffer_error(void);

/* regions_mark.c: methods of arenas and heaps. */
PyObject *cc_python_region_mark(PyObject *self, PyObject *unused);
PyObject *cc_python_region_rewind(PyObject *self, PyObject *mark);

/* Methods and properties that all of them have. */
PyObject *cc_python_region_close(PyObject *self, PyObject *unused);
PyObject *cc_python_region_enter(PyObject *self, PyObject *unused);
PyObject *cc_python_region_exit(PyObject *self, PyObject *exception);
/* What __exit__ gives, with its arguments and what taking memory back gave: the frames of an exception on its way hold
 * its views, so a BufferError would only stand in the exception's place. */
PyObject *cc_python_region_leave(PyObject *done, PyObject *exception);
PyObject *cc_python_region_closed(PyObject *self, void *unused);
void cc_python_region_dealloc(PyObject *self);

#define CC_PYTHON_REGION_METHODS \
    {"close", cc_python_region_close, METH_NOARGS, \
     "close($self, /)\n--\n\nGive all memory back; again: nothing. BufferError while a view shows some of it."}, \
        {"__enter__", cc_python_region_enter, METH_NOARGS, "__enter__($self, /)\n--\n\nThe object itself."}, \
        {"__exit__", cc_python_region_exit, METH_VARARGS, \
         "__exit__($self, /, *exception)\n--\n\nclose(). An exception goes on even where a view shows some memory."}, \
        CC_PYTHON_NO_PICKLE

#define CC_PYTHON_REGION_TYPE(lower, Name, slots_) \
    PyType_Spec cc_python_##lower##_spec = {.name = "concurrent_collections._core." Name, \
                                            .basicsize = sizeof(cc_python_region_t), \
                                            .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, \
                                            .slots = slots_}

#endif
