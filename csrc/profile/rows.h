/* profile/rows.h: what each thread counted, by its slot: the number that records know it by. */
#ifndef CC_PROFILE_ROWS_H
#define CC_PROFILE_ROWS_H

#include "totals.h"

typedef struct cc__row {
    uint64_t id, native_id; /* id 0: the last slot, which many threads share */
    char name[CC__THREAD_NAME_SIZE];
    bool alive;
    cc__counts_t counts;
    double received; /* frees of other threads' blocks */
} cc__row_t;

/* All functions are called with the recorder's lock held. */

/* Makes what rows need all their life. CC_ERROR_MEMORY. */
int cc__rows_open(void);

/* Begins a generation. pre: idle. */
void cc__rows_restart(void);

/* How many slots are in use. */
size_t cc__rows_count(void);

/* Gives the shard a slot and begins its row; the last slot is shared by all that come too late. */
void cc__row_begin(cc__shard_t *shard);

/* Adds the shard's figures to its row: the thread has ended. */
void cc__row_fold(cc__shard_t *shard);

/* Writes the first `room` slots' rows, with what living threads counted; returns how many there are. */
size_t cc__rows_read(cc__row_t *rows, size_t room);

/* libcc's id of the thread that a slot is of. */
uint64_t cc__row_id(unsigned slot);

#endif
