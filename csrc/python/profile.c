/* python/profile.c: cc_profile_t as a Python object, and its figures as dictionaries. profiler.py checks the
 * arguments; here only those are checked that could crash. */
#include "core.h"
#include "errors.h"
#include "fields.h"

typedef struct {
    PyObject_HEAD
    cc_profile_t *profile; /* NULL before start and after close */
} profile_object_t;

static cc_profile_t *get_profile(PyObject *self) {
    cc_profile_t *profile = ((profile_object_t *)self)->profile;
    if (profile == NULL) PyErr_SetString(PyExc_RuntimeError, "the profile is closed");
    return profile;
}

/* Raises what a profile's call has ended with. */
static PyObject *raise_status(int status, const char *call) {
    if (status == CC_ERROR_LIMIT)
        return cc_python_raise(status, "a profile cannot %s: too many profiles (4,000 and more) are not closed yet",
                               call);
    return cc_python_raise(status, "a profile cannot %s", call);
}

static int profile_init(PyObject *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"domains", "sample_rate", "sample_interval", "latency", "timestamps", "stack_depth", NULL};
    unsigned domains, depth;
    double rate;
    unsigned long long interval;
    int latency, timestamps;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "IdKppI", names, &domains, &rate, &interval, &latency, &timestamps,
                                     &depth))
        return -1;
    profile_object_t *object = (profile_object_t *)self;
    if (object->profile != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the profile was started before");
        return -1;
    }
    cc_profile_options_t options = {sizeof options, domains, rate, interval, latency != 0, timestamps != 0, depth};
    int status = cc_profile_start(&options, &object->profile);
    if (status == CC_OK) return 0;
    if (status == CC_ERROR_ARGUMENT)
        (void)cc_python_raise(
            status,
            "a profile needs domains of 1 to %u, a sample_rate above 0 and up to 1 and a stack_depth of 0 to "
            "%d, not domains=%u, sample_rate=%S, stack_depth=%u",
            (1u << CC_PROFILE_DOMAINS) - 1, (int)CC_PROFILE_MAX_DEPTH, domains, PyTuple_GET_ITEM(args, 1), depth);
    else
        (void)raise_status(status, "start");
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
    if (status != CC_OK) return raise_status(status, "stop");
    Py_RETURN_NONE;
}

static PyObject *profile_reset(PyObject *self, PyObject *unused) {
    (void)unused;
    cc_profile_t *profile = get_profile(self);
    if (profile == NULL) return NULL;
    int status = cc_profile_reset(profile);
    if (status != CC_OK) return raise_status(status, "reset");
    Py_RETURN_NONE;
}

static PyObject *profile_close(PyObject *self, PyObject *unused) {
    (void)unused;
    cc_profile_t *profile = ((profile_object_t *)self)->profile;
    ((profile_object_t *)self)->profile = NULL;
    cc_profile_free(profile);
    Py_RETURN_NONE;
}

/* ---- figures ---------------------------------------------------------------------------------------------------- */

#define FIELD(field) CC_PYTHON_FIELD(cc_profile_domain_t, field)
static const cc_python_field_t domain_fields[] = {FIELD(alloc_bytes),          FIELD(free_bytes),
                                                  FIELD(alloc_block_bytes),    FIELD(free_block_bytes),
                                                  FIELD(alloc_bytes_variance), FIELD(free_bytes_variance),
                                                  FIELD(alloc_count_variance), FIELD(free_count_variance),
                                                  FIELD(alloc_bins),           FIELD(free_bins)};
#undef FIELD
static const cc_python_table_t domain_table = CC_PYTHON_TABLE(cc_profile_domain_t, domain_fields);

#define FIELD(field) CC_PYTHON_FIELD(cc_profile_thread_t, field)
static const cc_python_field_t thread_fields[] = {
    FIELD(id),         FIELD(native_id),   FIELD(name),       FIELD(alive), FIELD(alloc_count),
    FIELD(free_count), FIELD(alloc_bytes), FIELD(free_bytes), FIELD(sent),  FIELD(received)};
#undef FIELD
static const cc_python_table_t thread_table = CC_PYTHON_TABLE(cc_profile_thread_t, thread_fields);

#define FIELD(field) CC_PYTHON_FIELD(cc_profile_flow_t, field)
static const cc_python_field_t flow_fields[] = {FIELD(alloc_thread), FIELD(free_thread), FIELD(count), FIELD(bytes)};
#undef FIELD
static const cc_python_table_t flow_table = CC_PYTHON_TABLE(cc_profile_flow_t, flow_fields);

#define FIELD(field) CC_PYTHON_FIELD(cc_profile_point_t, field)
static const cc_python_field_t point_fields[] = {FIELD(seconds),     FIELD(current),    FIELD(peak),
                                                 FIELD(alloc_count), FIELD(free_count), FIELD(alloc_bytes)};
#undef FIELD
static const cc_python_table_t point_table = CC_PYTHON_TABLE(cc_profile_point_t, point_fields);

#define FIELD(field) CC_PYTHON_FIELD(cc_profile_clock_t, field)
static const cc_python_field_t clock_fields[] = {FIELD(name),           FIELD(overhead_ns),  FIELD(floor_ns),
                                                 FIELD(timed_fraction), FIELD(alloc_sum_ns), FIELD(free_sum_ns)};
#undef FIELD
static const cc_python_table_t clock_table = CC_PYTHON_TABLE(cc_profile_clock_t, clock_fields);

#define FIELD(field) CC_PYTHON_FIELD(cc_profile_snapshot_t, field)
static const cc_python_field_t snapshot_fields[] = {
    FIELD(alloc_count),     FIELD(free_count),      FIELD(alloc_bytes),
    FIELD(free_bytes),      FIELD(current),         FIELD(peak),
    FIELD(peak_seconds),    FIELD(peak_error),      FIELD(cross_thread_frees),
    FIELD(samples),         FIELD(untracked_frees), FIELD(failed),
    FIELD(dropped_records), FIELD(dropped_stacks),  FIELD(seconds),
    FIELD(start_wall_ns),   FIELD(end_wall_ns),     FIELD(estimated)};
#undef FIELD
static const cc_python_table_t snapshot_table = CC_PYTHON_TABLE(cc_profile_snapshot_t, snapshot_fields);

/* The domains' figures by their names. */
static PyObject *build_domains(const cc_profile_domain_t *domains) {
    PyObject *result = PyDict_New();
    for (unsigned i = 0; result != NULL && i < CC_PROFILE_DOMAINS; i++)
        if (!cc_python_put(result, cc_profile_domain_name(i), cc_python_struct(&domain_table, &domains[i])))
            Py_CLEAR(result);
    return result;
}

/* The clock's fields; alloc_counts and free_counts: of the buckets; alloc_timed and free_timed: how many operations
 * were timed. */
static PyObject *build_latency(const cc_profile_snapshot_t *snapshot, unsigned buckets) {
    double *counts = calloc(buckets, 2 * sizeof *counts); /* not Python's: this is no part of what is measured */
    if (counts == NULL) return PyErr_NoMemory();
    cc_profile_clock_t clock;
    double allocs = cc_profile_latency_buckets(snapshot, false, buckets, counts);
    double frees = cc_profile_latency_buckets(snapshot, true, buckets, counts + buckets);
    cc_profile_latency_clock(snapshot, &clock);
    PyObject *result = cc_python_struct(&clock_table, &clock);
    bool good = result != NULL && cc_python_put(result, "alloc_timed", PyFloat_FromDouble(allocs)) &&
                cc_python_put(result, "free_timed", PyFloat_FromDouble(frees)) &&
                cc_python_put(result, "alloc_counts", cc_python_doubles(counts, buckets)) &&
                cc_python_put(result, "free_counts", cc_python_doubles(counts + buckets, buckets));
    free(counts);
    if (!good) Py_CLEAR(result);
    return result;
}

static PyObject *build_snapshot(const cc_profile_snapshot_t *snapshot, unsigned buckets) {
    PyObject *result = cc_python_struct(&snapshot_table, snapshot);
    bool good =
        result != NULL && cc_python_put(result, "domains", build_domains(snapshot->domains)) &&
        cc_python_put(result, "threads", cc_python_structs(&thread_table, snapshot->threads, snapshot->thread_count)) &&
        cc_python_put(result, "flows", cc_python_structs(&flow_table, snapshot->flows, snapshot->flow_count)) &&
        cc_python_put(result, "points", cc_python_structs(&point_table, snapshot->points, snapshot->point_count)) &&
        cc_python_put(result, "latency", build_latency(snapshot, buckets));
    if (!good) Py_CLEAR(result);
    return result;
}

static PyObject *profile_read(PyObject *self, PyObject *argument) {
    cc_profile_t *profile = get_profile(self);
    if (profile == NULL) return NULL;
    unsigned long buckets = PyLong_AsUnsignedLong(argument);
    if (buckets == (unsigned long)-1 && PyErr_Occurred()) return NULL;
    if (buckets < 1 || buckets > 1000000)
        return PyErr_Format(PyExc_ValueError, "buckets must be 1 to 1000000, not %lu", buckets);
    cc_profile_snapshot_t *snapshot;
    int status = cc_profile_read(profile, &snapshot);
    if (status != CC_OK) return raise_status(status, "read");
    PyObject *result = build_snapshot(snapshot, (unsigned)buckets);
    cc_profile_snapshot_free(snapshot);
    return result;
}

/* ---- live blocks ------------------------------------------------------------------------------------------------ */

#define FIELD(field) CC_PYTHON_FIELD(cc_profile_block_t, field)
static const cc_python_field_t block_fields[] = {FIELD(address), FIELD(size), FIELD(thread), FIELD(wall_ns),
                                                 FIELD(site)};
#undef FIELD
static const cc_python_table_t block_table = CC_PYTHON_TABLE(cc_profile_block_t, block_fields);

#define FIELD(field) CC_PYTHON_FIELD(cc_profile_site_t, field)
static const cc_python_field_t site_fields[] = {FIELD(site), FIELD(held), FIELD(count), FIELD(bytes)};
#undef FIELD
static const cc_python_table_t site_table = CC_PYTHON_TABLE(cc_profile_site_t, site_fields);

#define FIELD(field) CC_PYTHON_FIELD(cc_profile_live_t, field)
static const cc_python_field_t live_fields[] = {FIELD(count), FIELD(bytes), FIELD(held_count), FIELD(held_bytes)};
#undef FIELD
static const cc_python_table_t live_table = CC_PYTHON_TABLE(cc_profile_live_t, live_fields);

/* Frames that many sites share are made once: the place of each in the cache is given by its texts and line. */
enum { MADE_FRAMES = 4096 };
typedef struct {
    cc_profile_place_t place;
    PyObject *frame; /* (file, line, function); NULL: free */
} made_frame_t;

/* A new reference. */
static PyObject *build_frame(made_frame_t *made, const cc_profile_place_t *place) {
    uint64_t hash = cc_profile_mix(cc_profile_mix((uintptr_t)place->file, (uintptr_t)place->function), place->line);
    made_frame_t *entry = &made[hash % MADE_FRAMES];
    if (entry->frame == NULL || entry->place.file != place->file || entry->place.function != place->function ||
        entry->place.line != place->line) {
        PyObject *frame =
            Py_BuildValue("(NIN)", PyUnicode_DecodeUTF8(place->file, (Py_ssize_t)strlen(place->file), "surrogatepass"),
                          (unsigned)place->line,
                          PyUnicode_DecodeUTF8(place->function, (Py_ssize_t)strlen(place->function), "surrogatepass"));
        if (frame == NULL) return NULL;
        entry->place = *place;
        Py_XSETREF(entry->frame, frame);
    }
    return Py_NewRef(entry->frame);
}

/* The frames of a site, innermost first. */
static PyObject *build_stack(made_frame_t *made, uint32_t site) {
    cc_profile_place_t places[CC_PROFILE_MAX_DEPTH];
    unsigned depth = cc_profile_site_frames(site, places, CC_PROFILE_MAX_DEPTH);
    PyObject *stack = PyTuple_New(depth);
    if (stack == NULL) return NULL;
    for (unsigned i = 0; i < depth; i++) {
        PyObject *frame = build_frame(made, &places[i]);
        if (frame == NULL) {
            Py_DECREF(stack);
            return NULL;
        }
        PyTuple_SET_ITEM(stack, i, frame);
    }
    return stack;
}

/* A site's fields, and its stack. */
static PyObject *build_sites(const cc_profile_live_t *live) {
    made_frame_t *made = calloc(MADE_FRAMES, sizeof *made); /* not Python's: this is no part of what is measured */
    if (made == NULL) return PyErr_NoMemory();
    PyObject *list = PyList_New((Py_ssize_t)live->site_count);
    for (size_t i = 0; list != NULL && i < live->site_count; i++) {
        PyObject *row = cc_python_struct(&site_table, &live->sites[i]);
        if (row != NULL && !cc_python_put(row, "stack", build_stack(made, live->sites[i].site))) Py_CLEAR(row);
        if (row == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, row);
    }
    for (size_t i = 0; i < MADE_FRAMES; i++) Py_XDECREF(made[i].frame);
    free(made);
    return list;
}

static PyObject *build_live(const cc_profile_live_t *live) {
    PyObject *result = cc_python_struct(&live_table, live);
    bool good = result != NULL &&
                cc_python_put(result, "blocks", cc_python_structs(&block_table, live->blocks, live->block_count)) &&
                cc_python_put(result, "sites", build_sites(live));
    if (!good) Py_CLEAR(result);
    return result;
}

static PyObject *profile_live(PyObject *self, PyObject *argument) {
    cc_profile_t *profile = get_profile(self);
    if (profile == NULL) return NULL;
    Py_ssize_t cap = PyLong_AsSsize_t(argument);
    if (cap == -1 && PyErr_Occurred()) return NULL;
    if (cap < 0) return PyErr_Format(PyExc_ValueError, "cap must not be negative, not %zd", cap);
    cc_profile_live_t *live = NULL;
    int status;
    Py_BEGIN_ALLOW_THREADS status = cc_profile_live(profile, (size_t)cap, &live);
    Py_END_ALLOW_THREADS if (status != CC_OK) return raise_status(status, "list what is alive");
    PyObject *result = build_live(live);
    cc_profile_live_free(live);
    return result;
}

static PyMethodDef profile_object_methods[] = {
    {"stop", profile_stop, METH_NOARGS, "stop($self, /)\n--\n\nStop recording; figures are kept until close()."},
    {"reset", profile_reset, METH_NOARGS, "reset($self, /)\n--\n\nMake the present the new zero."},
    {"close", profile_close, METH_NOARGS, "close($self, /)\n--\n\nGive back everything."},
    {"read", profile_read, METH_O,
     "read($self, buckets, /)\n--\n\nThe figures as a dict; latency in that many buckets."},
    {"live", profile_live, METH_O,
     "live($self, cap, /)\n--\n\nWhat is alive as a dict: sums, all sites, and the `cap` largest blocks."},
    CC_PYTHON_NO_PICKLE,
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

/* The names of all domains, or of those that are seen through CPython's hooks. */
static PyObject *domain_names(bool hooked) {
    PyObject *list = PyList_New(0), *names = NULL;
    for (unsigned i = 0; list != NULL && i < CC_PROFILE_DOMAINS; i++) {
        if (hooked && cc_profile_domain_kind(i) != CC_PROFILE_KIND_WRAPPED) continue;
        PyObject *name = PyUnicode_FromString(cc_profile_domain_name(i));
        if (name == NULL || PyList_Append(list, name) != 0) Py_CLEAR(list);
        Py_XDECREF(name);
    }
    if (list != NULL) names = PyList_AsTuple(list);
    Py_XDECREF(list);
    return names;
}

static PyObject *bin_limits(void) {
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

/* Adds a constant; -1 with an exception. */
static int add(PyObject *module, const char *name, PyObject *value /* stolen */) {
    int status = value != NULL ? PyModule_AddObjectRef(module, name, value) : -1;
    Py_XDECREF(value);
    return status;
}

int cc_python_add_profile_constants(PyObject *module) {
    if (add(module, "DOMAINS", domain_names(false)) != 0 || add(module, "HOOKED_DOMAINS", domain_names(true)) != 0 ||
        add(module, "BIN_LIMITS", bin_limits()) != 0)
        return -1;
    return PyModule_AddIntConstant(module, "MAX_STACK_DEPTH", CC_PROFILE_MAX_DEPTH);
}

static PyObject *pause_thread(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
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

static PyObject *name_new_thread(PyObject *module, PyObject *argument) {
    (void)module;
    const char *name = PyUnicode_AsUTF8(argument);
    if (name == NULL) return NULL;
    return PyBool_FromLong(cc_profile_name_new_thread(name));
}

static PyObject *clear_type_cache(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyLong_FromUnsignedLong(PyType_ClearCache());
}

PyMethodDef cc_python_profile_methods[] = {
    {"pause_thread", pause_thread, METH_NOARGS,
     "pause_thread($module, /)\n--\n\nStop recording this thread's allocations; returns what resume_thread wants."},
    {"resume_thread", resume_thread, METH_O, "resume_thread($module, paused, /)\n--\n\nUndo pause_thread()."},
    {"name_thread", name_thread, METH_VARARGS, "name_thread($module, native_id, name, /)\n--\n\nTell a thread's name."},
    {"name_new_thread", name_new_thread, METH_O,
     "name_new_thread($module, name, /)\n--\n\nTell the calling thread's name, if it has none."},
    {"clear_type_cache", clear_type_cache, METH_NOARGS,
     "clear_type_cache($module, /)\n--\n\nForget attribute lookups: CPython keeps the names that were looked up last."},
    {"install_hooks", cc_python_install_hooks, METH_O,
     "install_hooks($module, domains, /)\n--\n\nWrap Python's allocators of these domains (bits), once."},
    {"remove_hooks", cc_python_remove_hooks, METH_O,
     "remove_hooks($module, domains, /)\n--\n\nPut back what was there, where nothing was installed on top since."},
    {"check_hooks", cc_python_check_hooks, METH_O,
     "check_hooks($module, domains, /)\n--\n\nOf these domains, the ones whose calls get to the wrapper."},
    {"object_heap_text", cc_python_read_object_heap, METH_NOARGS,
     "object_heap_text($module, /)\n--\n\nCPython's text about its object allocator."},
    {NULL, NULL, 0, NULL}};
