/* cc/stack.h: the concurrent stack.
 *
 * Every function may be called from any thread, also concurrently with every other, unless it says otherwise. Results
 * are int: 0 or more is the answer; below 0 is an error: the negative of a cc_status_t. */
#ifndef CC_STACK_H
#define CC_STACK_H

#include "cc/smr.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A stack: last in, first out; linearizable and lock-free. The same calls, and the same results, as the queue's. */
typedef struct cc_stack cc_stack_t;

CC_API cc_stack_t *cc_stack_create(cc_smr_t *domain, uint64_t capacity) CC_ATTRIBUTE((warn_unused_result));
CC_API void cc_stack_destroy(cc_stack_t *stack);
CC_API void cc_stack_set_capacity(cc_stack_t *stack, uint64_t capacity);
CC_API cc_smr_t *cc_stack_domain(const cc_stack_t *stack);

/* Puts a value on top. Each call allocates a node. Any pointer is a value. */
CC_API int cc_stack_put(cc_stack_t *stack, cc_smr_thread_t *self, void *value);

/* Takes the value on top. */
CC_API int cc_stack_get(cc_stack_t *stack, cc_smr_thread_t *self, void **value);

CC_API void cc_stack_close(cc_stack_t *stack, cc_smr_thread_t *self);

/* Always exact. */
CC_API uint64_t cc_stack_count(cc_stack_t *stack, cc_smr_thread_t *self);
CC_API size_t cc_stack_memory_usage(cc_stack_t *stack, cc_smr_thread_t *self);

/* From the top down; pre: as for the queue. */
CC_API int cc_stack_visit(cc_stack_t *stack, int (*visit)(void *value, void *context), void *context);

/* For CC_CLEANUP. */
static inline void cc_stack_cleanup(cc_stack_t **stack) {
    cc_stack_destroy(*stack);
}

#ifdef __cplusplus
}
#endif
#endif
