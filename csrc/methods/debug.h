/* methods/debug.h: the state of a debug allocator, and what debug.c, which has its methods, calls of debug_look.c. */
#ifndef CC_METHODS_DEBUG_H
#define CC_METHODS_DEBUG_H

#include "backend.h"

#include "../base/fill.h"
#include "../base/os.h"
#include "../base/records.h"
#include "../base/round.h"
#include "debug_report.h"

typedef struct cc__debug_record {
    cc__debug_block_t block;
    unsigned char *user;                      /* the block as the user knows it */
    void *below;                              /* as the allocator below knows it */
    bool held;                                /* freed, in quarantine */
    struct cc__debug_record *same;            /* in its chain of the table */
    struct cc__debug_record *previous, *next; /* by age, of live blocks, or in the quarantine */
} cc__debug_record_t;

typedef struct cc__debug {
    cc_mem_methods_t below;
    cc_mem_debug_options_t options;
    cc__mutex_t *lock;
    cc__debug_record_t **table; /* by address, chained; NULL before init */
    size_t table_size, records;
    cc__debug_record_t *oldest, *newest;        /* live blocks by age */
    cc__debug_record_t *first_held, *last_held; /* the quarantine, oldest first */
    size_t held_bytes;
    cc__records_t storage; /* of the records */
    uint64_t sequence;     /* number of the last allocation */
} cc__debug_t;

/* ---- debug_look.c ------------------------------------------------------------------------------------------------ */

/* Bytes of the guard before a block, and behind one of `size` bytes. */
enum { CC__DEBUG_BEFORE = 16 };
static inline size_t cc__debug_behind(size_t size) {
    return cc__round_up(size, 8) - size + 8;
}

void cc__debug_write_guards(unsigned char *user, size_t size);

/* The first damage of a block; false if there is none. pre: the lock. */
bool cc__debug_damaged(const cc__debug_record_t *record, cc_mem_problem_kind_t *kind, ptrdiff_t *distance);

/* Copies a problem out. pre: the lock. */
void cc__debug_note(cc__debug_finding_t *finding, const cc__debug_record_t *record, cc_mem_problem_kind_t kind,
                    ptrdiff_t distance);

/* Reports it, and aborts if the options say so. pre: without the lock. */
void cc__debug_tell(cc__debug_t *self, const cc__debug_finding_t *finding);

/* As cc_mem_debug_check, cc_mem_debug_mark and cc_mem_debug_leaks. */
size_t cc__debug_check(cc__debug_t *self);
uint64_t cc__debug_mark(cc__debug_t *self);
size_t cc__debug_leaks(cc__debug_t *self, uint64_t mark);

#endif
