/* python/smr.c: defaults and statistics of safe memory reclamation. Arguments are checked in Python; here only what could
 * crash is. */
#include "core.h"

#include "cc/smr.h"

/* A uint64_t of a struct, by name. */
typedef struct {
    const char *name;
    size_t offset;
} field_t;

static PyObject *integer_list(const uint64_t *values, size_t count) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *value = PyLong_FromUnsignedLongLong(values[i]);
        if (value == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, value);
    }
    return list;
}

/* ---- defaults ----------------------------------------------------------------------------------------------------- */

static const field_t option_fields[] = {
#define FIELD(field, initial, least, most) {#field, offsetof(cc_smr_options_t, field)},
    CC_SMR_OPTIONS(FIELD)
#undef FIELD
};

/* The option's place in *options; NULL, with an exception, for no option. */
static uint64_t *find_option(cc_smr_options_t *options, const char *name) {
    for (size_t i = 0; i < sizeof option_fields / sizeof *option_fields; i++)
        if (strcmp(option_fields[i].name, name) == 0) return (uint64_t *)((char *)options + option_fields[i].offset);
    PyErr_Format(PyExc_ValueError, "no option is called '%s'", name);
    return NULL;
}

static PyObject *smr_options(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    PyObject *list = PyList_New(0);
    const cc_smr_option_t *option;
    for (size_t i = 0; list != NULL && (option = cc_smr_option(i)) != NULL; i++) {
        PyObject *row = Py_BuildValue("(sKKK)", option->name, (unsigned long long)option->initial,
                                      (unsigned long long)option->least, (unsigned long long)option->most);
        if (row == NULL || PyList_Append(list, row) != 0) Py_CLEAR(list);
        Py_XDECREF(row);
    }
    return list;
}

static PyObject *smr_option(PyObject *module, PyObject *argument) {
    (void)module;
    const char *name = PyUnicode_AsUTF8(argument);
    if (name == NULL) return NULL;
    cc_smr_options_t options = cc_smr_options();
    const uint64_t *value = find_option(&options, name);
    return value != NULL ? PyLong_FromUnsignedLongLong(*value) : NULL;
}

/* Reads, changes and writes the defaults: callers take turns. */
static PyObject *set_smr_option(PyObject *module, PyObject *args) {
    (void)module;
    const char *name;
    unsigned long long value;
    if (!PyArg_ParseTuple(args, "sK", &name, &value)) return NULL;
    cc_smr_options_t options = cc_smr_options();
    uint64_t *place = find_option(&options, name);
    if (place == NULL) return NULL;
    *place = value;
    int status = cc_smr_set_defaults(CC_SMR_DEFAULT, &options);
    if (status != CC_OK) return cc_python_raise(status);
    Py_RETURN_NONE;
}

static PyObject *smr_scheme(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyUnicode_FromString(cc_smr_scheme_name((int)cc_smr_default_scheme()));
}

static PyObject *set_smr_scheme(PyObject *module, PyObject *argument) {
    (void)module;
    const char *name = PyUnicode_AsUTF8(argument);
    if (name == NULL) return NULL;
    int scheme = cc_smr_scheme_by_name(name);
    int status = scheme > 0 ? cc_smr_set_defaults((cc_smr_scheme_t)scheme, NULL) : CC_ERROR_ARGUMENT;
    if (status != CC_OK) return cc_python_raise(status);
    Py_RETURN_NONE;
}

/* ---- statistics --------------------------------------------------------------------------------------------------- */

static bool parse_id(PyObject *argument, uint64_t *id) {
    unsigned long long value = PyLong_AsUnsignedLongLong(argument);
    *id = value;
    return value != (unsigned long long)-1 || !PyErr_Occurred();
}

static PyObject *smr_domains(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    size_t capacity = 0, count;
    uint64_t *ids = NULL;
    while ((count = cc_smr_list(ids, capacity)) > capacity) {
        free(ids);
        capacity = count + 8; /* room for some that are made meanwhile */
        ids = malloc(capacity * sizeof *ids);
        if (ids == NULL) return PyErr_NoMemory();
    }
    PyObject *list = integer_list(ids, count);
    free(ids);
    return list;
}

static const field_t stats_fields[] = {
#define FIELD(field) {#field, offsetof(cc_smr_stats_t, field)}
    FIELD(retired_nodes), FIELD(retired_bytes), FIELD(reclaimed_nodes), FIELD(reclaimed_bytes), FIELD(pending_nodes),
    FIELD(pending_bytes), FIELD(peak_pending_nodes), FIELD(peak_pending_bytes), FIELD(orphaned_nodes), FIELD(epoch),
    FIELD(oldest_epoch), FIELD(polls), FIELD(scans), FIELD(barriers), FIELD(neutralizations), FIELD(signals),
    FIELD(fallbacks), FIELD(threads), FIELD(stalled_threads), FIELD(delay_recorded), FIELD(delay_sum_ns)
#undef FIELD
};

static PyObject *decode_name(const char *name) {
    return PyUnicode_DecodeUTF8(name, (Py_ssize_t)strlen(name), "replace");
}

static PyObject *smr_stats(PyObject *module, PyObject *argument) {
    (void)module;
    uint64_t id;
    cc_smr_stats_t stats;
    if (!parse_id(argument, &id)) return NULL;
    if (cc_smr_stats(id, &stats) != CC_OK) Py_RETURN_NONE;
    PyObject *result = Py_BuildValue("{sNszsO}", "name", decode_name(stats.name), "scheme",
                                     cc_smr_scheme_name((int)stats.scheme), "asymmetric",
                                     stats.asymmetric ? Py_True : Py_False);
    for (size_t i = 0; result != NULL && i < sizeof stats_fields / sizeof *stats_fields; i++) {
        uint64_t figure = *(const uint64_t *)((const char *)&stats + stats_fields[i].offset);
        PyObject *value = PyLong_FromUnsignedLongLong(figure);
        if (value == NULL || PyDict_SetItemString(result, stats_fields[i].name, value) != 0) Py_CLEAR(result);
        Py_XDECREF(value);
    }
    return result;
}

static PyObject *build_thread(const cc_smr_thread_stats_t *row) {
    return Py_BuildValue("(KNKOKOOKKKK)", (unsigned long long)row->thread_id, decode_name(row->name),
                         (unsigned long long)row->native_id, row->inside ? Py_True : Py_False,
                         (unsigned long long)row->epoch_lag, row->stalled ? Py_True : Py_False,
                         row->deaf ? Py_True : Py_False, (unsigned long long)row->retired_nodes,
                         (unsigned long long)row->pending_nodes, (unsigned long long)row->pending_bytes,
                         (unsigned long long)row->neutralized);
}

static PyObject *smr_threads(PyObject *module, PyObject *argument) {
    (void)module;
    uint64_t id;
    if (!parse_id(argument, &id)) return NULL;
    size_t capacity = 0, count;
    cc_smr_thread_stats_t *rows = NULL;
    while ((count = cc_smr_thread_stats(id, rows, capacity)) > capacity) {
        free(rows);
        capacity = count + 8;
        rows = malloc(capacity * sizeof *rows);
        if (rows == NULL) return PyErr_NoMemory();
    }
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *row = build_thread(&rows[i]);
        if (row == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, row);
    }
    free(rows);
    return list;
}

static PyObject *record_smr_delays(PyObject *module, PyObject *args) {
    (void)module;
    unsigned long long id;
    int record;
    if (!PyArg_ParseTuple(args, "Kp", &id, &record)) return NULL;
    int status = cc_smr_record_delays(id, record != 0);
    if (status == CC_ERROR_MEMORY) return PyErr_NoMemory();
    return PyBool_FromLong(status == CC_OK);
}

static PyObject *smr_delay_histogram(PyObject *module, PyObject *args) {
    (void)module;
    unsigned long long id;
    Py_ssize_t buckets;
    if (!PyArg_ParseTuple(args, "Kn", &id, &buckets)) return NULL;
    if (buckets < 1 || buckets > 100000) {
        PyErr_SetString(PyExc_ValueError, "buckets must be 1 to 100000");
        return NULL;
    }
    uint64_t *counts = calloc((size_t)buckets, sizeof *counts);
    if (counts == NULL) return PyErr_NoMemory();
    bool known = cc_smr_delay_histogram(id, counts, (size_t)buckets) == CC_OK;
    PyObject *list = known ? integer_list(counts, (size_t)buckets) : Py_NewRef(Py_None);
    free(counts);
    return list;
}

PyMethodDef cc_python_smr_methods[] = {
    {"smr_options", smr_options, METH_NOARGS,
     "smr_options()\n--\n\nA (name, initial value, least, most) for each option of a domain."},
    {"smr_option", smr_option, METH_O, "smr_option(name)\n--\n\nWhat later domains get for an option."},
    {"set_smr_option", set_smr_option, METH_VARARGS,
     "set_smr_option(name, value)\n--\n\nChoose what later domains get. Not from two threads at once."},
    {"smr_scheme", smr_scheme, METH_NOARGS, "smr_scheme()\n--\n\nThe scheme of later domains."},
    {"set_smr_scheme", set_smr_scheme, METH_O, "set_smr_scheme(name)\n--\n\nChoose the scheme of later domains."},
    {"smr_domains", smr_domains, METH_NOARGS, "smr_domains()\n--\n\nThe ids of the living domains, oldest first."},
    {"smr_stats", smr_stats, METH_O,
     "smr_stats(id)\n--\n\nThe fields of cc_smr_stats_t as a dict; None when there is no such domain."},
    {"smr_threads", smr_threads, METH_O,
     "smr_threads(id)\n--\n\n(id, name, native id, inside, epoch lag, stalled, deaf, retired nodes, pending nodes, pending "
     "bytes, neutralized) for each thread of a domain."},
    {"record_smr_delays", record_smr_delays, METH_VARARGS,
     "record_smr_delays(id, on)\n--\n\nRecord the time from retire to free. False when there is no such domain."},
    {"smr_delay_histogram", smr_delay_histogram, METH_VARARGS,
     "smr_delay_histogram(id, buckets)\n--\n\nThe counts of log-spaced buckets from 1 ns to 100 s; None: no such domain."},
    {NULL, NULL, 0, NULL}};
