/* methods/debug_report.h: what debug.c finds, and how it is told. */
#ifndef CC_METHODS_DEBUG_REPORT_H
#define CC_METHODS_DEBUG_REPORT_H

#include "cc/methods.h"

typedef struct cc__debug_stack {
    unsigned depth;
    void *frames[CC_MEM_DEBUG_FRAMES_MAX];
} cc__debug_stack_t;

/* What is known of a block. */
typedef struct cc__debug_block {
    size_t size;
    uint64_t sequence; /* the how-manieth allocation it was, from 1 */
    char title[CC_MEM_TITLE_SIZE];
    cc__debug_stack_t allocated, freed;
} cc__debug_block_t;

/* A problem, copied out so that it can be told without a lock. */
typedef struct cc__debug_finding {
    cc_mem_problem_kind_t kind;
    const void *pointer;
    size_t blocks, bytes; /* as in cc_mem_problem_t */
    ptrdiff_t distance;
    bool freed;              /* block.freed is known */
    cc__debug_block_t block; /* sequence 0: no block is known */
} cc__debug_finding_t;

/* Calls the report function of the options, or writes to stderr. */
void cc__debug_report(const cc_mem_debug_options_t *options, const cc__debug_finding_t *finding);

/* Orders blocks by the stack of their allocation and their title, as strcmp does. 0: they belong to one group of
 * leaks. */
int cc__debug_compare(const cc__debug_block_t *one, const cc__debug_block_t *other);

#endif
