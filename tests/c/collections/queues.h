/* queues.h: a queue and a stack under the same names, for tests that both must pass. Values are numbers from 1 on. */
#ifndef QUEUES_H
#define QUEUES_H

#include <pthread.h>

#include "cc/collections.h"

#include "../check.h"

typedef struct box {
    cc_queue_t *queue; /* one of the two */
    cc_stack_t *stack;
    bool locked; /* set by a test: users exclude one another; every second put and get of a queue is an exclusive one */
    unsigned calls; /* then counts them */
} box_t;

static pthread_mutex_t box_mutex = PTHREAD_MUTEX_INITIALIZER;

static inline void box_lock(const box_t *box) {
    if (box->locked) CHECK(pthread_mutex_lock(&box_mutex) == 0);
}

static inline void box_unlock(const box_t *box) {
    if (box->locked) CHECK(pthread_mutex_unlock(&box_mutex) == 0);
}

/* pre: box_lock */
static inline bool box_takes_exclusive_turn(box_t *box) {
    return box->locked && box->queue != NULL && box->calls++ % 2 == 0;
}

static inline box_t box_create(bool stack, cc_smr_t *domain, uint64_t capacity) {
    box_t box = {NULL, NULL, false, 0};
    if (stack)
        box.stack = cc_stack_create(domain, capacity);
    else
        box.queue = cc_queue_create(domain, capacity);
    return box;
}

static inline void box_set_capacity(box_t *box, uint64_t capacity) {
    if (box->queue != NULL)
        cc_queue_set_capacity(box->queue, capacity);
    else
        cc_stack_set_capacity(box->stack, capacity);
}

static inline bool box_exists(const box_t *box) {
    return box->queue != NULL || box->stack != NULL;
}

static inline void box_destroy(box_t *box) {
    cc_queue_destroy(box->queue);
    cc_stack_destroy(box->stack);
}

static inline cc_smr_thread_t *box_self(const box_t *box) {
    cc_smr_thread_t *self = cc_smr_self(box->queue != NULL ? cc_queue_domain(box->queue) : cc_stack_domain(box->stack));
    CHECK(self != NULL);
    return self;
}

static inline int box_put(box_t *box, cc_smr_thread_t *self, uint64_t value) {
    void *pointer = (void *)(uintptr_t)value;
    box_lock(box);
    int result = box_takes_exclusive_turn(box) ? cc_queue_put_exclusive(box->queue, pointer)
                 : box->queue != NULL          ? cc_queue_put(box->queue, self, pointer)
                                               : cc_stack_put(box->stack, self, pointer);
    box_unlock(box);
    return result;
}

static inline int box_get(box_t *box, cc_smr_thread_t *self, uint64_t *value) {
    void *pointer = NULL;
    box_lock(box);
    int result = box_takes_exclusive_turn(box) ? cc_queue_get_exclusive(box->queue, &pointer)
                 : box->queue != NULL          ? cc_queue_get(box->queue, self, &pointer)
                                               : cc_stack_get(box->stack, self, &pointer);
    box_unlock(box);
    if (result == 1) *value = (uintptr_t)pointer;
    return result;
}

static inline void box_close(box_t *box, cc_smr_thread_t *self) {
    if (box->queue != NULL)
        cc_queue_close(box->queue, self);
    else
        cc_stack_close(box->stack, self);
}

static inline uint64_t box_count(box_t *box, cc_smr_thread_t *self) {
    box_lock(box);
    uint64_t count = box->queue != NULL ? cc_queue_count(box->queue, self) : cc_stack_count(box->stack, self);
    box_unlock(box);
    return count;
}

static inline size_t box_memory_usage(box_t *box, cc_smr_thread_t *self) {
    return box->queue != NULL ? cc_queue_memory_usage(box->queue, self) : cc_stack_memory_usage(box->stack, self);
}

static inline int box_visit(box_t *box, int (*visit)(void *value, void *context), void *context) {
    return box->queue != NULL ? cc_queue_visit(box->queue, visit, context) : cc_stack_visit(box->stack, visit, context);
}

static inline cc_smr_stats_t domain_stats(cc_smr_t *domain) {
    cc_smr_stats_t stats;
    CHECK_EQUAL(cc_smr_stats(cc_smr_id(domain), &stats), CC_OK);
    return stats;
}

#endif
