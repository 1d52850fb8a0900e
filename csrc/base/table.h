/* base/table.h: pointers by index, in an array that grows. One thread owns a table, a slot of its record points to it,
 * and the thread has in it what is its own of each domain, or of each pool. */
#ifndef CC_BASE_TABLE_H
#define CC_BASE_TABLE_H

#include "cc/base.h"

typedef struct cc__table {
    struct cc__table *next, **link; /* in the list of all tables: leak checkers do not look into thread records */
    size_t capacity;
    void *entries[]; /* read and written by the functions below, or plainly by an owner that shares them with nobody */
} cc__table_t;

/* The table at *slot (NULL: none yet), made longer if it has no place for `index`; new places get `filler`. Before, at
 * and after the change a signal handler of this thread finds a whole table at *slot. NULL, and the old table stays,
 * when there is no memory. pre: the owner calls it, and nobody else writes to the table meanwhile. */
cc__table_t *cc__table_with_room(void **slot, size_t index, void *filler);

/* Makes *slot NULL and frees the table that was there. pre: as above. */
void cc__table_drop(void **slot);

/* What is in a place; NULL if the table (NULL: none) has no such place. */
static inline void *cc__table_at(const cc__table_t *table, size_t index) {
    return CC_LIKELY(table != NULL && index < table->capacity)
               ? __atomic_load_n(&table->entries[index], __ATOMIC_RELAXED)
               : NULL;
}

/* pre: the table has such a place. */
static inline void cc__table_set(cc__table_t *table, size_t index, void *value) {
    __atomic_store_n(&table->entries[index], value, __ATOMIC_RELAXED);
}

#endif
