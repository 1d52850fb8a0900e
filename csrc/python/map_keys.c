/* python/map_keys.c: how Python objects are ordered: their prefixes, and the comparison that decides where prefixes do
 * not.
 *
 * A prefix keeps the order: a < b means prefix(a) <= prefix(b), for keys of one kind. Kinds:
 *   number  int, float, bool. The value rounded to a double, its bits made to sort like unsigned integers. Rounding
 *           keeps the order; below 2**53 it is exact, and the prefix decides. NaN has no place in an order and is
 *           refused.
 *   text    str, see map_text.c.
 *   bytes   the first seven bytes and the length up to there.
 * Subclasses that have kept their base's comparison count as the base. Every other key has kind 0 and prefix 0, and
 * is compared by its own methods. */
#include "map.h"

#include <string.h>

enum { KIND_NONE = CC_MAP_NO_PREFIX, KIND_NUMBER, KIND_TEXT, KIND_BYTES };

/* ---- prefixes ---------------------------------------------------------------------------------------------------- */

#define SIGN_BIT (UINT64_C(1) << 63)
/* The prefixes of -2**53 and 2**53. */
#define LEAST_EXACT (~UINT64_C(0xC340000000000000))
#define MOST_EXACT (UINT64_C(0x4340000000000000) | SIGN_BIT)

static inline uint64_t double_prefix(double number) {
    uint64_t bits;
    number += 0.0; /* -0.0 becomes 0.0 */
    memcpy(&bits, &number, sizeof bits);
    return bits & SIGN_BIT ? ~bits : bits | SIGN_BIT;
}

static inline bool is_exact(uint64_t prefix) {
    return prefix > LEAST_EXACT && prefix < MOST_EXACT;
}

static inline bool compares_like(PyObject *object, PyTypeObject *type) {
    return Py_TYPE(object)->tp_richcompare == type->tp_richcompare;
}

static inline bool is_integer(PyObject *object) {
    return PyLong_CheckExact(object) || (PyLong_Check(object) && compares_like(object, &PyLong_Type));
}

static inline bool is_float(PyObject *object) {
    return PyFloat_CheckExact(object) || (PyFloat_Check(object) && compares_like(object, &PyFloat_Type));
}

static inline bool is_text(PyObject *object) {
    return PyUnicode_CheckExact(object) || (PyUnicode_Check(object) && compares_like(object, &PyUnicode_Type));
}

static inline bool is_bytes(PyObject *object) {
    return PyBytes_CheckExact(object) || (PyBytes_Check(object) && compares_like(object, &PyBytes_Type));
}

/* An int's value rounded to a double; beyond a double's range infinity. */
static inline double rounded(PyObject *integer) {
    int overflow;
    long long value;
    if (CC_LIKELY(cc_python_small_int(integer, &value))) return (double)value;
    value = PyLong_AsLongLongAndOverflow(integer, &overflow);
    if (overflow == 0) return (double)value;
    double number = PyLong_AsDouble(integer);
    if (number == -1.0 && PyErr_Occurred()) {
        PyErr_Clear();
        return overflow > 0 ? Py_HUGE_VAL : -Py_HUGE_VAL;
    }
    return number;
}

static void number_key(double number, cc_map_key_t *key) {
    key->prefix = double_prefix(number);
    key->kind = KIND_NUMBER;
    key->exact = is_exact(key->prefix);
}

/* Fills all but the object. */
static inline int describe(cc_python_map_t *self, PyObject *object, cc_map_key_t *key) {
    if (is_integer(object)) {
        number_key(rounded(object), key);
    } else if (is_text(object)) {
        key->prefix = cc_python_text_prefix(self, object, &key->exact);
        key->kind = KIND_TEXT;
    } else if (PyFloat_Check(object)) {
        double number = PyFloat_AS_DOUBLE(object);
        if (number != number) {
            PyErr_SetString(PyExc_ValueError, "nan cannot be a key: it has no place in an order");
            return -1;
        }
        if (!is_float(object)) goto none;
        number_key(number, key);
    } else if (is_bytes(object)) {
        key->prefix = cc_python_bytes_prefix((const unsigned char *)PyBytes_AS_STRING(object),
                                             (size_t)PyBytes_GET_SIZE(object), &key->exact);
        key->kind = KIND_BYTES;
    } else {
    none:
        key->prefix = 0;
        key->kind = KIND_NONE;
        key->exact = false;
    }
    return 0;
}

int cc_python_map_key(cc_python_map_t *self, PyObject *object, cc_map_key_t *key) {
    if (CC_LIKELY(self->sort_key == NULL)) {
        key->object = object;
        if (CC_LIKELY(self->compare == NULL)) return describe(self, object, key);
        key->prefix = 0;
        key->kind = KIND_NONE;
        key->exact = false;
        return 0;
    }
    PyObject *sort_key = PyObject_CallOneArg(self->sort_key, object);
    if (sort_key == NULL || describe(self, sort_key, key) != 0) {
        Py_XDECREF(sort_key);
        return -1;
    }
    key->object = PyTuple_Pack(2, sort_key, object);
    Py_DECREF(sort_key);
    return key->object != NULL ? 0 : -1;
}

/* ---- comparison -------------------------------------------------------------------------------------------------- */

/* By the objects' own methods: a is less, b is less, or they are equal; anything else is no order. */
static int compare_richly(PyObject *a, PyObject *b, int *order) {
    int answer = PyObject_RichCompareBool(a, b, Py_LT);
    if (answer != 0) {
        *order = -1;
        return answer < 0 ? -1 : 0;
    }
    answer = PyObject_RichCompareBool(b, a, Py_LT);
    if (answer != 0) {
        *order = 1;
        return answer < 0 ? -1 : 0;
    }
    *order = 0;
    answer = PyObject_RichCompareBool(a, b, Py_EQ);
    if (answer == 0)
        PyErr_Format(PyExc_TypeError,
                     "keys %R and %R have no order: neither is less, and they are not equal (give cmp= or key=)", a, b);
    return answer > 0 ? 0 : -1;
}

/* Whether a first key has a place in an order: it must be comparable, and equal to itself. (Others are compared with
 * a key that is there; a first one that is not would stand in the way of them all.) What is in a tuple counts only
 * as far as every comparison looks: the first item. -1 with an exception. */
static int check_first(PyObject *key) {
    PyObject *part = key;
    while (PyTuple_Check(part) && compares_like(part, &PyTuple_Type) && PyTuple_GET_SIZE(part) > 0)
        part = PyTuple_GET_ITEM(part, 0);
    PyObject *answer = PyObject_RichCompare(part, part, Py_EQ); /* …Bool would take identity for equality */
    int equal = answer != NULL ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    int less = equal > 0 ? PyObject_RichCompareBool(key, key, Py_LT) : 0;
    if (equal < 0 || less < 0) return -1;
    if (equal > 0 && less == 0) return 0;
    PyErr_Format(PyExc_ValueError, "%R cannot be a key: it is %s itself, so it has no place in an order", key,
                 equal > 0 ? "less than" : "not equal to");
    return -1;
}

/* By the caller's cmp=. */
static int compare_by(PyObject *function, PyObject *a, PyObject *b, int *order) {
    PyObject *arguments[] = {a, b};
    PyObject *result = PyObject_Vectorcall(function, arguments, 2, NULL);
    if (result == NULL) return -1;
    if (!PyLong_Check(result)) {
        PyErr_Format(PyExc_TypeError, "cmp must return an int (negative, 0 or positive), not %.200s",
                     Py_TYPE(result)->tp_name);
        Py_DECREF(result);
        return -1;
    }
    int overflow;
    long value = PyLong_AsLongAndOverflow(result, &overflow);
    Py_DECREF(result);
    *order = overflow != 0 ? overflow : (value > 0) - (value < 0);
    return 0;
}

/* Orders what can be ordered without running any of Python's code; false when it can't. */
static bool compare_quickly(PyObject *a, PyObject *b, int *order) {
    if (a == b) {
        *order = 0;
        return true;
    }
    if (is_text(a) && is_text(b)) {
        *order = PyUnicode_Compare(a, b);
        return true;
    }
    if (is_bytes(a) && is_bytes(b)) {
        Py_ssize_t length_a = PyBytes_GET_SIZE(a), length_b = PyBytes_GET_SIZE(b);
        int difference =
            memcmp(PyBytes_AS_STRING(a), PyBytes_AS_STRING(b), (size_t)(length_a < length_b ? length_a : length_b));
        *order = difference != 0 ? difference : (length_a > length_b) - (length_a < length_b);
        return true;
    }
    if (is_float(a) && is_float(b)) {
        double number_a = PyFloat_AS_DOUBLE(a), number_b = PyFloat_AS_DOUBLE(b);
        *order = (number_a > number_b) - (number_a < number_b);
        return true;
    }
    if (is_integer(a) && is_integer(b)) {
        int overflow_a, overflow_b;
        long long number_a = PyLong_AsLongLongAndOverflow(a, &overflow_a),
                  number_b = PyLong_AsLongLongAndOverflow(b, &overflow_b);
        if (overflow_a != 0 && overflow_a == overflow_b) return false;
        *order = overflow_a != overflow_b ? overflow_a - overflow_b : (number_a > number_b) - (number_a < number_b);
        return true;
    }
    return false;
}

/* ---- hooks ------------------------------------------------------------------------------------------------------- */

static bool quick_compare(void *context, void *stored, void *wanted, int *order) {
    cc_python_map_t *self = context;
    if (self->compare != NULL) {
        *order = 0;
        return stored == wanted;
    }
    if (self->sort_key != NULL) {
        stored = PyTuple_GET_ITEM((PyObject *)stored, 0);
        wanted = PyTuple_GET_ITEM((PyObject *)wanted, 0);
    }
    return compare_quickly(stored, wanted, order);
}

static int compare(void *context, void *stored, void *wanted, int *order) {
    cc_python_map_t *self = context;
    bool is_first = stored == wanted; /* see cc_map_type_t */
    int status = 0;
    if (self->sort_key != NULL) {
        stored = PyTuple_GET_ITEM((PyObject *)stored, 0);
        wanted = PyTuple_GET_ITEM((PyObject *)wanted, 0);
    }
    if (self->compare == NULL)
        status = is_first ? check_first(wanted) : compare_richly(stored, wanted, order);
    else if (!is_first) /* what a cmp= thinks of a key and itself is not asked */
        status = compare_by(self->compare, stored, wanted, order);
    return status == 0 ? 0 : CC_PYTHON_EXCEPTION;
}

int cc_python_map_order(cc_python_map_t *self, PyObject *a, PyObject *b, int *order) {
    cc_map_key_t key_a, key_b;
    int status = -1;
    if (cc_python_map_key(self, a, &key_a) != 0) return -1;
    if (cc_python_map_key(self, b, &key_b) == 0) {
        bool quick = quick_compare(self, key_a.object, key_b.object, order);
        status = quick || compare(self, key_a.object, key_b.object, order) == 0 ? 0 : -1;
        cc_python_map_key_done(self, &key_b);
    }
    cc_python_map_key_done(self, &key_a);
    return status;
}

static void hold(void *object) {
    Py_INCREF((PyObject *)object);
}

/* With a global interpreter lock the map releases at the end of the operation that removes. Without one, it releases
 * when no reader can still be about to hold: wherever the domain frees. */
#ifdef Py_GIL_DISABLED
enum { DEFERRED = true };
static void release(void *object) {
    cc_python_drop_later(object);
}
#else
enum { DEFERRED = false };
static void release(void *object) {
    Py_DECREF((PyObject *)object);
}
#endif

const cc_map_type_t cc_python_map_type = {.quick_compare = quick_compare,
                                          .compare = compare,
                                          .hold_key = hold,
                                          .release_key = release,
                                          .hold_value = hold,
                                          .release_value = release,
                                          .deferred = DEFERRED};
