/* python/profile.c: cc_profile_t as a Python object, its figures as tuples and lists. Arguments are checked in
 * profiler.py; here only what could crash is. */
#include "core.h"

typedef struct {
    PyObject_HEAD
    cc_profile_t *profile; /* NULL before start and after close */
} profile_object_t;

static cc_profile_t *get_profile(PyObject *self) {
    cc_profile_t *profile = ((profile_object_t *)self)->profile;
    if (profile == NULL) PyErr_SetString(PyExc_RuntimeError, "the profile is closed");
    return profile;
}

static int profile_init(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"domains", "sample_rate", "sample_interval", "latency", "timestamps", "stack_depth", NULL};
    unsigned domains, depth;
    double rate;
    unsigned long long interval;
    int latency, timestamps;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "IdKppI", names, &domains, &rate, &interval, &latency,
                                     &timestamps, &depth))
        return -1;
    profile_object_t *object = (profile_object_t *)self;
    if (object->profile != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the profile was started before");
        return -1;
    }
    cc_profile_options_t options = {sizeof options, domains, rate, interval, latency != 0, timestamps != 0, depth};
    int status = cc_profile_start(&options, &object->profile);
    if (status == CC_OK) return 0;
    cc_python_raise(status);
    return -1;
}

static void profile_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    cc_profile_free(((profile_object_t *)self)->profile);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *profile_stop(PyObject *self, PyObject *unused) {
    (void)unused;
    cc_profile_t *profile = get_profile(self);
    if (profile == NULL) return NULL;
    int status = cc_profile_stop(profile);
    if (status != CC_OK) return cc_python_raise(status);
    Py_RETURN_NONE;
}

static PyObject *profile_reset(PyObject *self, PyObject *unused) {
    (void)unused;
    cc_profile_t *profile = get_profile(self);
    if (profile == NULL) return NULL;
    int status = cc_profile_reset(profile);
    if (status != CC_OK) return cc_python_raise(status);
    Py_RETURN_NONE;
}

static PyObject *profile_close(PyObject *self, PyObject *unused) {
    (void)unused;
    cc_profile_t *profile = ((profile_object_t *)self)->profile;
    ((profile_object_t *)self)->profile = NULL;
    cc_profile_free(profile);
    Py_RETURN_NONE;
}

/* Puts value (stolen) into the dictionary. False, with an exception, when either failed. */
static bool put(PyObject *dictionary, const char *key, PyObject *value) {
    bool done = value != NULL && PyDict_SetItemString(dictionary, key, value) == 0;
    Py_XDECREF(value);
    return done;
}

static PyObject *float_list(const double *values, size_t count) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    if (list == NULL) return NULL;
    for (size_t i = 0; i < count; i++) {
        PyObject *value = PyFloat_FromDouble(values[i]);
        if (value == NULL) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, value);
    }
    return list;
}

/* A list with what `build` makes of each of `count` structs. */
static PyObject *struct_list(const void *structs, size_t size, size_t count, PyObject *(*build)(const void *)) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    if (list == NULL) return NULL;
    for (size_t i = 0; i < count; i++) {
        PyObject *value = build((const char *)structs + i * size);
        if (value == NULL) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, value);
    }
    return list;
}

static PyObject *build_domain(const void *item) {
    const cc_profile_domain_t *domain = item;
    return Py_BuildValue("(ddddddddNN)", domain->alloc_bytes, domain->free_bytes, domain->alloc_block_bytes,
                         domain->free_block_bytes, domain->alloc_bytes_variance,
                         domain->free_bytes_variance, domain->alloc_count_variance, domain->free_count_variance,
                         float_list(domain->alloc_bins, CC_PROFILE_BINS),
                         float_list(domain->free_bins, CC_PROFILE_BINS));
}

static PyObject *build_thread(const void *item) {
    const cc_profile_thread_t *thread = item;
    return Py_BuildValue("(KKNOdddddd)", (unsigned long long)thread->id, (unsigned long long)thread->native_id,
                         PyUnicode_DecodeUTF8(thread->name, (Py_ssize_t)strlen(thread->name), "replace"),
                         thread->alive ? Py_True : Py_False, thread->alloc_count, thread->free_count,
                         thread->alloc_bytes, thread->free_bytes, thread->sent, thread->received);
}

static PyObject *build_flow(const void *item) {
    const cc_profile_flow_t *flow = item;
    return Py_BuildValue("(KKdd)", (unsigned long long)flow->alloc_thread, (unsigned long long)flow->free_thread,
                         flow->count, flow->bytes);
}

static PyObject *build_point(const void *item) {
    const cc_profile_point_t *point = item;
    return Py_BuildValue("(dddddd)", point->seconds, point->current, point->peak, point->alloc_count,
                         point->free_count, point->alloc_bytes);
}

static PyObject *build_latency(const cc_profile_snapshot_t *snapshot, unsigned buckets) {
    double *counts = calloc(buckets, 2 * sizeof *counts); /* not Python's: this is no part of what is measured */
    if (counts == NULL) return PyErr_NoMemory();
    cc_profile_clock_t clock;
    double allocs = cc_profile_latency_buckets(snapshot, false, buckets, counts);
    double frees = cc_profile_latency_buckets(snapshot, true, buckets, counts + buckets);
    cc_profile_latency_clock(snapshot, &clock);
    PyObject *result = Py_BuildValue("(NNddddsddd)", float_list(counts, buckets), float_list(counts + buckets, buckets),
                                     allocs, frees, clock.alloc_sum_ns, clock.free_sum_ns, clock.name,
                                     clock.overhead_ns, clock.floor_ns, clock.timed_fraction);
    free(counts);
    return result;
}

static PyObject *snapshot_dictionary(const cc_profile_snapshot_t *snapshot, unsigned buckets) {
    PyObject *result = PyDict_New();
    if (result == NULL) return NULL;
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"alloc_count", snapshot->alloc_count}, {"free_count", snapshot->free_count},
        {"alloc_bytes", snapshot->alloc_bytes}, {"free_bytes", snapshot->free_bytes},
        {"current", snapshot->current}, {"peak", snapshot->peak}, {"peak_seconds", snapshot->peak_seconds},
        {"peak_error", snapshot->peak_error}, {"cross_thread_frees", snapshot->cross_thread_frees},
        {"samples", snapshot->samples}, {"untracked_frees", snapshot->untracked_frees}, {"failed", snapshot->failed},
        {"dropped_records", snapshot->dropped_records}, {"dropped_stacks", snapshot->dropped_stacks},
        {"seconds", snapshot->seconds}, {"start_wall", (double)snapshot->start_wall_ns * 1e-9},
        {"end_wall", (double)snapshot->end_wall_ns * 1e-9}};
    bool good = true;
    for (size_t i = 0; good && i < sizeof numbers / sizeof *numbers; i++)
        good = put(result, numbers[i].name, PyFloat_FromDouble(numbers[i].value));
    good = good && put(result, "estimated", PyBool_FromLong(snapshot->estimated)) &&
           put(result, "domains",
               struct_list(snapshot->domains, sizeof *snapshot->domains, CC_PROFILE_DOMAINS, build_domain)) &&
           put(result, "threads",
               struct_list(snapshot->threads, sizeof *snapshot->threads, snapshot->thread_count, build_thread)) &&
           put(result, "flows",
               struct_list(snapshot->flows, sizeof *snapshot->flows, snapshot->flow_count, build_flow)) &&
           put(result, "points",
               struct_list(snapshot->points, sizeof *snapshot->points, snapshot->point_count, build_point)) &&
           put(result, "latency", build_latency(snapshot, buckets));
    if (good) return result;
    Py_DECREF(result);
    return NULL;
}

static PyObject *profile_read(PyObject *self, PyObject *argument) {
    cc_profile_t *profile = get_profile(self);
    if (profile == NULL) return NULL;
    unsigned long buckets = PyLong_AsUnsignedLong(argument);
    if (buckets == (unsigned long)-1 && PyErr_Occurred()) return NULL;
    if (buckets < 1 || buckets > 1000000) return PyErr_Format(PyExc_ValueError, "buckets must be 1..1000000");
    cc_profile_snapshot_t *snapshot;
    int status = cc_profile_read(profile, &snapshot);
    if (status != CC_OK) return cc_python_raise(status);
    PyObject *result = snapshot_dictionary(snapshot, (unsigned)buckets);
    cc_profile_snapshot_free(snapshot);
    return result;
}

/* ---- live blocks ------------------------------------------------------------------------------------------------ */

static PyObject *build_block(const void *item) {
    const cc_profile_block_t *block = item;
    return Py_BuildValue("(KKKKI)", (unsigned long long)block->address, (unsigned long long)block->size,
                         (unsigned long long)block->thread, (unsigned long long)block->wall_ns, block->site);
}

/* The frames of a site as (file, line, function), innermost first. */
static PyObject *build_stack(uint32_t site) {
    cc_profile_frame_t frames[CC_PROFILE_MAX_DEPTH];
    unsigned depth = cc_profile_site_frames(site, frames, CC_PROFILE_MAX_DEPTH);
    PyObject *stack = PyTuple_New(depth);
    if (stack == NULL) return NULL;
    for (unsigned i = 0; i < depth; i++) {
        PyCodeObject *code = (PyCodeObject *)(uintptr_t)frames[i].code; /* pinned by the site */
        int line = PyCode_Addr2Line(code, (int)frames[i].offset);
        PyObject *frame = Py_BuildValue("(OiO)", code->co_filename, line, code->co_qualname);
        if (frame == NULL) {
            Py_DECREF(stack);
            return NULL;
        }
        PyTuple_SET_ITEM(stack, i, frame);
    }
    return stack;
}

static PyObject *build_site(const void *item) {
    const cc_profile_site_t *site = item;
    return Py_BuildValue("(INOdd)", site->site, build_stack(site->site), site->held ? Py_True : Py_False, site->count,
                         site->bytes);
}

static PyObject *profile_live(PyObject *self, PyObject *argument) {
    cc_profile_t *profile = get_profile(self);
    if (profile == NULL) return NULL;
    Py_ssize_t cap = PyLong_AsSsize_t(argument);
    if (cap == -1 && PyErr_Occurred()) return NULL;
    if (cap < 0) return PyErr_Format(PyExc_ValueError, "cap must not be negative");
    cc_profile_live_t *live = NULL;
    int status;
    Py_BEGIN_ALLOW_THREADS
    status = cc_profile_live(profile, (size_t)cap, &live);
    Py_END_ALLOW_THREADS
    if (status != CC_OK) return cc_python_raise(status);
    PyObject *result =
        Py_BuildValue("(NNdddd)", struct_list(live->blocks, sizeof *live->blocks, live->block_count, build_block),
                      struct_list(live->sites, sizeof *live->sites, live->site_count, build_site), live->count,
                      live->bytes, live->held_count, live->held_bytes);
    cc_profile_live_free(live);
    return result;
}

static PyMethodDef profile_object_methods[] = {
    {"stop", profile_stop, METH_NOARGS, "stop()\n--\n\nStop recording; figures are kept until close()."},
    {"reset", profile_reset, METH_NOARGS, "reset()\n--\n\nMake the present the new zero."},
    {"close", profile_close, METH_NOARGS, "close()\n--\n\nGive back everything."},
    {"read", profile_read, METH_O, "read(buckets)\n--\n\nThe figures as a dict; latency in that many buckets."},
    {"live", profile_live, METH_O,
     "live(cap)\n--\n\n(blocks, sites, count, bytes, held_count, held_bytes) of what is alive."},
    {NULL, NULL, 0, NULL}};

static PyType_Slot profile_slots[] = {{Py_tp_doc, "A view of libcc's recorder: started when made. See cc/profile.h."},
                                      {Py_tp_init, profile_init},
                                      {Py_tp_dealloc, profile_dealloc},
                                      {Py_tp_methods, profile_object_methods},
                                      {0, NULL}};

PyType_Spec cc_python_profile_spec = {.name = "concurrent_collections._core.Profile",
                                      .basicsize = sizeof(profile_object_t),
                                      .flags = Py_TPFLAGS_DEFAULT,
                                      .slots = profile_slots};

/* ---- module functions ------------------------------------------------------------------------------------------- */

static PyObject *bin_limits(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    PyObject *tuple = PyTuple_New(CC_PROFILE_BINS);
    for (unsigned bin = 0; tuple != NULL && bin < CC_PROFILE_BINS; bin++) {
        PyObject *limit = PyLong_FromUnsignedLongLong(cc_profile_bin_limit(bin));
        if (limit == NULL)
            Py_CLEAR(tuple);
        else
            PyTuple_SET_ITEM(tuple, bin, limit);
    }
    return tuple;
}

static PyObject *pause_thread(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    return PyBool_FromLong(cc_profile_pause());
}

static PyObject *resume_thread(PyObject *module, PyObject *argument) {
    (void)module;
    cc_profile_resume(argument == Py_True);
    Py_RETURN_NONE;
}

static PyObject *name_thread(PyObject *module, PyObject *args) {
    (void)module;
    unsigned long long native_id;
    const char *name;
    if (!PyArg_ParseTuple(args, "Ks", &native_id, &name)) return NULL;
    return PyBool_FromLong(cc_profile_name_thread(native_id, name));
}

static PyObject *clear_type_cache(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    return PyLong_FromUnsignedLong(PyType_ClearCache());
}

PyMethodDef cc_python_profile_methods[] = {
    {"bin_limits", bin_limits, METH_NOARGS, "bin_limits()\n--\n\nThe largest size of each size class."},
    {"pause_thread", pause_thread, METH_NOARGS,
     "pause_thread()\n--\n\nStop recording this thread's allocations; returns what resume_thread wants."},
    {"resume_thread", resume_thread, METH_O, "resume_thread(paused)\n--\n\nUndo pause_thread()."},
    {"name_thread", name_thread, METH_VARARGS, "name_thread(native_id, name)\n--\n\nTell a thread's name."},
    {"clear_type_cache", clear_type_cache, METH_NOARGS,
     "clear_type_cache()\n--\n\nForget attribute lookups: CPython keeps the names that were looked up last."},
    {"install_hooks", cc_python_install_hooks, METH_O,
     "install_hooks(domains)\n--\n\nWrap Python's allocators of these domains (bits), once."},
    {"remove_hooks", cc_python_remove_hooks, METH_O,
     "remove_hooks(domains)\n--\n\nPut back what was there, where nothing was installed on top since."},
    {"check_hooks", cc_python_check_hooks, METH_O,
     "check_hooks(domains)\n--\n\nOf these domains, the ones whose calls get to the wrapper."},
    {"object_heap_text", cc_python_read_object_heap, METH_NOARGS,
     "object_heap_text()\n--\n\nCPython's text about its object allocator."},
    {NULL, NULL, 0, NULL}};
