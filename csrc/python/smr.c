/* python/smr.c: defaults and statistics of safe memory reclamation. Arguments are checked in Python; here only what
 * could crash is. */
#include "core.h"
#include "errors.h"
#include "fields.h"

#include "cc/smr.h"

/* ---- defaults ---------------------------------------------------------------------------------------------------- */

static const cc_python_field_t option_fields[] = {
#define FIELD(field, initial, least, most) CC_PYTHON_FIELD(cc_smr_options_t, field),
    CC_SMR_OPTIONS(FIELD)
#undef FIELD
};

/* The option's place in *options; NULL, with an exception, for no option. */
static uint64_t *find_option(cc_smr_options_t *options, const char *name) {
    for (size_t i = 0; i < sizeof option_fields / sizeof *option_fields; i++)
        if (strcmp(option_fields[i].name, name) == 0)
            return (uint64_t *)(void *)((char *)options + option_fields[i].offset);
    PyErr_Format(PyExc_ValueError, "no option is called '%s'", name);
    return NULL;
}

#define FIELD(field) CC_PYTHON_FIELD(cc_smr_option_t, field)
static const cc_python_field_t limit_fields[] = {FIELD(name), FIELD(initial), FIELD(least), FIELD(most)};
#undef FIELD
static const cc_python_table_t limit_table = CC_PYTHON_TABLE(cc_smr_option_t, limit_fields);

static PyObject *smr_options(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    PyObject *list = PyList_New(0);
    const cc_smr_option_t *option;
    for (size_t i = 0; list != NULL && (option = cc_smr_option(i)) != NULL; i++) {
        PyObject *row = cc_python_struct(&limit_table, option);
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

static PyObject *raise_option(int status, const char *name, unsigned long long value) {
    const cc_smr_option_t *option;
    for (size_t i = 0; (option = cc_smr_option(i)) != NULL; i++)
        if (strcmp(option->name, name) == 0)
            return cc_python_raise(status, "%s must be %llu to %llu, not %llu", name, (unsigned long long)option->least,
                                   (unsigned long long)option->most, value);
    return cc_python_raise(status, "%s cannot be %llu", name, value);
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
    if (status != CC_OK) return raise_option(status, name, value);
    Py_RETURN_NONE;
}

static PyObject *smr_scheme(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyUnicode_FromString(cc_smr_scheme_name((int)cc_smr_default_scheme()));
}

static PyObject *smr_schemes(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    PyObject *list = PyList_New(0);
    const char *name;
    for (int i = CC_SMR_DEFAULT + 1; list != NULL && (name = cc_smr_scheme_name(i)) != NULL; i++) {
        PyObject *text = PyUnicode_FromString(name);
        if (text == NULL || PyList_Append(list, text) != 0) Py_CLEAR(list);
        Py_XDECREF(text);
    }
    return list;
}

static PyObject *set_smr_scheme(PyObject *module, PyObject *argument) {
    (void)module;
    const char *name = PyUnicode_AsUTF8(argument);
    if (name == NULL) return NULL;
    int scheme = cc_smr_scheme_by_name(name);
    int status = scheme > 0 ? cc_smr_set_defaults((cc_smr_scheme_t)scheme, NULL) : CC_ERROR_ARGUMENT;
    if (status != CC_OK) return cc_python_raise(status, "no scheme of reclamation is called '%s'", name);
    Py_RETURN_NONE;
}

/* ---- statistics -------------------------------------------------------------------------------------------------- */

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
    PyObject *list = cc_python_integers(ids, count);
    free(ids);
    return list;
}

static const cc_python_field_t stats_fields[] = {
#define FIELD(field) CC_PYTHON_FIELD(cc_smr_stats_t, field)
    FIELD(name),
    CC_PYTHON_FLAG_FIELD(cc_smr_stats_t, asymmetric),
    FIELD(retired_nodes),
    FIELD(retired_bytes),
    FIELD(reclaimed_nodes),
    FIELD(reclaimed_bytes),
    FIELD(pending_nodes),
    FIELD(pending_bytes),
    FIELD(peak_pending_nodes),
    FIELD(peak_pending_bytes),
    FIELD(orphaned_nodes),
    FIELD(epoch),
    FIELD(oldest_epoch),
    FIELD(polls),
    FIELD(scans),
    FIELD(barriers),
    FIELD(neutralizations),
    FIELD(signals),
    FIELD(fallbacks),
    FIELD(threads),
    FIELD(stalled_threads),
    FIELD(delay_recorded),
    FIELD(delay_sum_ns)
#undef FIELD
};
static const cc_python_table_t stats_table = CC_PYTHON_TABLE(cc_smr_stats_t, stats_fields);

static PyObject *smr_stats(PyObject *module, PyObject *argument) {
    (void)module;
    uint64_t id;
    cc_smr_stats_t stats;
    if (!parse_id(argument, &id)) return NULL;
    if (cc_smr_stats(id, &stats) != CC_OK) Py_RETURN_NONE;
    PyObject *result = cc_python_struct(&stats_table, &stats);
    if (result != NULL && !cc_python_put(result, "scheme", PyUnicode_FromString(cc_smr_scheme_name((int)stats.scheme))))
        Py_CLEAR(result);
    return result;
}

static const cc_python_field_t thread_fields[] = {
#define FIELD(field) CC_PYTHON_FIELD(cc_smr_thread_stats_t, field)
#define FLAG(field) CC_PYTHON_FLAG_FIELD(cc_smr_thread_stats_t, field)
    FIELD(thread_id), FIELD(native_id),     FIELD(name),          FLAG(inside),         FLAG(stalled),     FLAG(deaf),
    FIELD(epoch_lag), FIELD(retired_nodes), FIELD(pending_nodes), FIELD(pending_bytes), FIELD(neutralized)
#undef FIELD
#undef FLAG
};
static const cc_python_table_t thread_table = CC_PYTHON_TABLE(cc_smr_thread_stats_t, thread_fields);

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
    PyObject *list = cc_python_structs(&thread_table, rows, count);
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
        PyErr_Format(PyExc_ValueError, "buckets must be 1 to 100000, not %zd", buckets);
        return NULL;
    }
    uint64_t *counts = calloc((size_t)buckets, sizeof *counts);
    if (counts == NULL) return PyErr_NoMemory();
    bool known = cc_smr_delay_histogram(id, counts, (size_t)buckets) == CC_OK;
    PyObject *list = known ? cc_python_integers(counts, (size_t)buckets) : Py_NewRef(Py_None);
    free(counts);
    return list;
}

PyMethodDef cc_python_smr_methods[] = {
    {"smr_options", smr_options, METH_NOARGS,
     "smr_options($module, /)\n--\n\nA dict with name, initial value, least and most for each option of a domain."},
    {"smr_option", smr_option, METH_O, "smr_option($module, name, /)\n--\n\nWhat later domains get for an option."},
    {"set_smr_option", set_smr_option, METH_VARARGS,
     "set_smr_option($module, name, value, /)\n--\n\nChoose what later domains get. Not from two threads at once."},
    {"smr_schemes", smr_schemes, METH_NOARGS, "smr_schemes($module, /)\n--\n\nThe names of all schemes."},
    {"smr_scheme", smr_scheme, METH_NOARGS, "smr_scheme($module, /)\n--\n\nThe scheme of later domains."},
    {"set_smr_scheme", set_smr_scheme, METH_O,
     "set_smr_scheme($module, name, /)\n--\n\nChoose the scheme of later domains."},
    {"smr_domains", smr_domains, METH_NOARGS,
     "smr_domains($module, /)\n--\n\nThe ids of the living domains, oldest first."},
    {"smr_stats", smr_stats, METH_O,
     "smr_stats($module, id, /)\n--\n\nThe fields of cc_smr_stats_t as a dict; None when there is no such domain."},
    {"smr_threads", smr_threads, METH_O,
     "smr_threads($module, id, /)\n--\n\nThe fields of cc_smr_thread_stats_t as a dict, for each thread of a domain."},
    {"record_smr_delays", record_smr_delays, METH_VARARGS,
     "record_smr_delays($module, id, on, /)\n--\n\nRecord the time from retire to free. False when there is no such "
     "domain."},
    {"smr_delay_histogram", smr_delay_histogram, METH_VARARGS,
     "smr_delay_histogram($module, id, buckets, /)\n--\n\n"
     "The counts of log-spaced buckets from 1 ns to 100 s; None: no such domain."},
    {NULL, NULL, 0, NULL}};
