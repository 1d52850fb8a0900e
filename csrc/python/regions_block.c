/* python/regions_block.c: a region's blocks as objects with the buffer protocol. */
#include "regions.h"

PyTypeObject *cc_python_block_type;

cc_python_block_t *cc_python_new_block(cc_python_region_t *region) {
    cc_python_block_t *block = PyObject_New(cc_python_block_t, cc_python_block_type);
    if (block == NULL) return NULL;
    Py_INCREF(region);
    block->region = region;
    block->older = block->newer = NULL;
    block->data = NULL;
    block->size = block->serial = 0;
    block->views = 0;
    block->dead = true; /* without memory: in no list */
    return block;
}

void cc_python_fill_block(cc_python_block_t *block, void *data, size_t size, size_t serial) {
    cc_python_region_t *region = block->region;
    block->data = data;
    block->size = size;
    block->serial = serial;
    block->dead = false;
    block->older = region->newest;
    if (block->older != NULL) block->older->newer = block;
    region->newest = block;
}

PyObject *cc_python_buffer_error(void) {
    PyErr_SetString(PyExc_BufferError, "a view still shows this memory: release memoryviews and arrays of it first");
    return NULL;
}

void cc_python_end_block(cc_python_block_t *block) {
    cc_python_region_t *region = block->region;
    if (block->older != NULL) block->older->newer = block->newer;
    if (block->newer != NULL)
        block->newer->older = block->older;
    else
        region->newest = block->older;
    block->older = block->newer = NULL;
    block->dead = true;
}

/* The list is in the order of serial numbers, too: they only grow, and what is above a smaller one to come is dead
 * before. */
bool cc_python_kill_above(cc_python_region_t *region, size_t serial) {
    for (cc_python_block_t *block = region->newest; block != NULL && block->serial > serial; block = block->older)
        if (block->views > 0) return false;
    while (region->newest != NULL && region->newest->serial > serial) cc_python_end_block(region->newest);
    return true;
}

static void block_dealloc(PyObject *self) {
    cc_python_block_t *block = (cc_python_block_t *)self;
    cc_python_region_t *region = block->region;
    PyTypeObject *type = Py_TYPE(self);
    CC_PYTHON_LOCK(&region->lock);
    if (!block->dead) {
        cc_python_end_block(block);
        /* nobody else can free it any more; pools are open to all threads */
        if (region->pool != NULL) (void)cc_pool_free(region->pool, block->data);
    }
    CC_PYTHON_UNLOCK(&region->lock);
    Py_DECREF(region);
    PyObject_Free(self);
    Py_DECREF(type);
}

static int block_get_buffer(PyObject *self, Py_buffer *view, int flags) {
    cc_python_block_t *block = (cc_python_block_t *)self;
    CC_PYTHON_LOCK(&block->region->lock);
    bool dead = block->dead;
    if (!dead) block->views++;
    CC_PYTHON_UNLOCK(&block->region->lock);
    if (dead) {
        view->obj = NULL;
        PyErr_SetString(PyExc_ValueError, "the block's memory was taken back");
        return -1;
    }
    if (PyBuffer_FillInfo(view, self, block->data, (Py_ssize_t)block->size, 0, flags) == 0) return 0;
    CC_PYTHON_LOCK(&block->region->lock);
    block->views--;
    CC_PYTHON_UNLOCK(&block->region->lock);
    return -1;
}

static void block_release_buffer(PyObject *self, Py_buffer *view) {
    (void)view;
    cc_python_block_t *block = (cc_python_block_t *)self;
    CC_PYTHON_LOCK(&block->region->lock);
    block->views--;
    CC_PYTHON_UNLOCK(&block->region->lock);
}

static Py_ssize_t block_length(PyObject *self) {
    return (Py_ssize_t)((cc_python_block_t *)self)->size;
}

/* As a memoryview of it does it: a part is a view. */
static PyObject *block_get_item(PyObject *self, PyObject *key) {
    PyObject *view = PyMemoryView_FromObject(self);
    PyObject *item = view != NULL ? PyObject_GetItem(view, key) : NULL;
    Py_XDECREF(view);
    return item;
}

static int block_set_item(PyObject *self, PyObject *key, PyObject *value) {
    if (value == NULL) {
        PyErr_SetString(PyExc_TypeError, "the bytes of a block cannot be deleted");
        return -1;
    }
    PyObject *view = PyMemoryView_FromObject(self);
    int status = view != NULL ? PyObject_SetItem(view, key, value) : -1;
    Py_XDECREF(view);
    return status;
}

static PyObject *block_repr(PyObject *self) {
    cc_python_block_t *block = (cc_python_block_t *)self;
    CC_PYTHON_LOCK(&block->region->lock);
    bool dead = block->dead;
    CC_PYTHON_UNLOCK(&block->region->lock);
    return PyUnicode_FromFormat("<Block of %zu bytes%s>", block->size, dead ? ", taken back" : "");
}

static PyObject *block_is_alive(PyObject *self, void *unused) {
    (void)unused;
    cc_python_block_t *block = (cc_python_block_t *)self;
    CC_PYTHON_LOCK(&block->region->lock);
    bool dead = block->dead;
    CC_PYTHON_UNLOCK(&block->region->lock);
    return PyBool_FromLong(!dead);
}

static PyObject *block_address(PyObject *self, void *unused) {
    (void)unused;
    return PyLong_FromVoidPtr(((cc_python_block_t *)self)->data);
}

static PyGetSetDef block_properties[] = {
    {"alive", block_is_alive, NULL, "Whether its memory is still its own (bool).", NULL},
    {"address", block_address, NULL, "Where its memory lies or lay (int).", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyMethodDef block_methods[] = {CC_PYTHON_NO_PICKLE, {NULL, NULL, 0, NULL}};

static PyType_Slot block_slots[] = {
    {Py_tp_doc,
     "Memory of an Arena, Heap or Pool: writable bytes with the buffer protocol, for memoryview, numpy.frombuffer and "
     "others. Reading a part (block[2:5]) gives a view, not a copy. Once its memory is taken back, using it is a "
     "ValueError. It may be used by any thread; bytes are not guarded against each other's writes."},
    {Py_tp_dealloc, block_dealloc},
    {Py_tp_repr, block_repr},
    {Py_tp_methods, block_methods},
    {Py_tp_getset, block_properties},
    {Py_mp_length, block_length},
    {Py_mp_subscript, block_get_item},
    {Py_mp_ass_subscript, block_set_item},
    {Py_bf_getbuffer, block_get_buffer},
    {Py_bf_releasebuffer, block_release_buffer},
    {0, NULL}};

PyType_Spec cc_python_block_spec = {.name = "concurrent_collections._core.Block",
                                    .basicsize = sizeof(cc_python_block_t),
                                    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                    .slots = block_slots};
