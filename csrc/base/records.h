/* base/records.h: records of one size that come and go. They are taken from mapped memory some at a time, and wait in a
 * list for the next user; what a record holds meanwhile stays, but for the field that links it. The caller has a lock
 * for it. */
#ifndef CC_BASE_RECORDS_H
#define CC_BASE_RECORDS_H

#include <string.h>

#include "cc/base.h"

typedef struct cc__records {
    size_t size;    /* bytes of a record */
    size_t link;    /* where in it the pointer lies that links free ones */
    size_t at_once; /* records in a mapping */
    void *free;     /* those that were given back, the latest first */
    char *fresh;    /* the first of those that nobody had yet */
    size_t fresh_left;
    void *mappings; /* the latest first; behind its records each has the address of the next */
} cc__records_t;

#define CC__RECORDS(type, link_field, records_at_once) \
    {.size = sizeof(type), .link = offsetof(type, link_field), .at_once = (records_at_once)}

/* A record: one that was given back, else a fresh one, which is zeroed. *fresh (unless `fresh` is NULL) tells which.
 * NULL when there is no memory. */
void *cc__records_take(cc__records_t *records, bool *fresh);

static inline void cc__records_give(cc__records_t *records, void *record) {
    memcpy((char *)record + records->link, &records->free, sizeof records->free);
    records->free = record;
}

/* Gives all memory back, used or not; then it is as in the beginning. */
void cc__records_end(cc__records_t *records);

#endif
