/* base/table.c: see table.h. */
#include "table.h"

#include "fault.h"
#include "fork.h"

enum { FIRST_CAPACITY = 8 };

static cc__mutex_t lock;
static cc__table_t *all; /* under the lock */
CC__HOLD_OVER_FORK(CC__FORK_TABLES, lock);

static void enlist(cc__table_t *table) {
    cc__mutex_lock(&lock);
    table->next = all;
    table->link = &all;
    if (all != NULL) all->link = &table->next;
    all = table;
    cc__mutex_unlock(&lock);
}

static void delist(cc__table_t *table) {
    cc__mutex_lock(&lock);
    *table->link = table->next;
    if (table->next != NULL) table->next->link = table->link;
    cc__mutex_unlock(&lock);
}

/* Puts another table, or none, in the place of the one at *slot, which is freed. */
static void replace(void **slot, cc__table_t *table) {
    cc__table_t *old = *slot;
    atomic_signal_fence(memory_order_release); /* a signal handler of this thread finds the new table complete, */
    *slot = table;
    atomic_signal_fence(memory_order_seq_cst); /* or the old one, which is not freed yet */
    if (old == NULL) return;
    delist(old);
    free(old);
}

cc__table_t *cc__table_with_room(void **slot, size_t index, void *filler) {
    cc__table_t *old = *slot;
    size_t had = old != NULL ? old->capacity : 0, capacity = had > 0 ? had : FIRST_CAPACITY;
    if (index < had) return old;
    while (capacity <= index) capacity *= 2;
    cc__table_t *table = cc__own_calloc(1, sizeof *table + capacity * sizeof *table->entries);
    if (table == NULL) return NULL;
    table->capacity = capacity;
    for (size_t i = 0; i < capacity; i++) table->entries[i] = i < had ? old->entries[i] : filler;
    enlist(table);
    replace(slot, table);
    return table;
}

void cc__table_drop(void **slot) {
    replace(slot, NULL);
}
