/* python/fields.h: C structs as dictionaries. A table names the fields of a struct, with the kind and the place of
 * each. */
#ifndef CC_PYTHON_FIELDS_H
#define CC_PYTHON_FIELDS_H

#include "compat.h"

#include <stdint.h>

/* What a field becomes. */
typedef enum {
    CC_PYTHON_UINT64, /* an int, like the next two */
    CC_PYTHON_UINT32,
    CC_PYTHON_INT64,
    CC_PYTHON_DOUBLE,
    CC_PYTHON_DOUBLES, /* an array: a list */
    CC_PYTHON_BOOL,
    CC_PYTHON_FLAG, /* a uint32_t, 0 or 1: a bool */
    CC_PYTHON_TEXT, /* an array of char with a zero at its end, in UTF-8: a str, with U+FFFD for bytes that are wrong */
    CC_PYTHON_TEXT_AT /* a pointer to such an array */
} cc_python_kind_t;

typedef struct {
    const char *name;
    cc_python_kind_t kind;
    size_t offset, size;
} cc_python_field_t;

typedef struct {
    const cc_python_field_t *fields;
    size_t count;
    size_t size; /* of the struct */
} cc_python_table_t;

/* The row of a struct's field, under the field's own name and with the kind that its type tells. */
#define CC_PYTHON_FIELD(type, field) \
    {#field, \
     _Generic(((type *)0)->field, \
         uint64_t: CC_PYTHON_UINT64, \
         uint32_t: CC_PYTHON_UINT32, \
         int64_t: CC_PYTHON_INT64, \
         double: CC_PYTHON_DOUBLE, \
         double *: CC_PYTHON_DOUBLES, \
         bool: CC_PYTHON_BOOL, \
         char *: CC_PYTHON_TEXT, \
         const char *: CC_PYTHON_TEXT_AT), \
     offsetof(type, field), sizeof(((type *)0)->field)}
/* The row of a uint32_t that is 0 or 1. */
#define CC_PYTHON_FLAG_FIELD(type, field) {#field, CC_PYTHON_FLAG, offsetof(type, field), sizeof(uint32_t)}

/* The table of a struct, from an array of rows. */
#define CC_PYTHON_TABLE(type, rows) {(rows), sizeof(rows) / sizeof *(rows), sizeof(type)}

/* A new dict with the fields of a struct, or NULL with an exception. */
PyObject *cc_python_struct(const cc_python_table_t *table, const void *structure);

/* A new list of such dicts, of an array of structs. */
PyObject *cc_python_structs(const cc_python_table_t *table, const void *structures, size_t count);

/* Lists of `count` numbers. */
PyObject *cc_python_doubles(const double *values, size_t count);
PyObject *cc_python_integers(const uint64_t *values, size_t count);

/* Puts a value into a dict. Without a value nothing is put. False, with an exception, when either failed. */
bool cc_python_put(PyObject *dictionary, const char *key, PyObject *value /* stolen */);

#endif
