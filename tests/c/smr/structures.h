/* structures.h: a Treiber stack and a Michael-Scott queue over cc/smr.h, for the tests. Each node is stamped while
 * it lives: whoever finds another stamp has read a node that was freed. With RETIRE_AT_ONCE defined nodes are freed
 * where they should be retired: what the tests must then notice. */
#ifndef STRUCTURES_H
#define STRUCTURES_H

#include <stdatomic.h>

#include "cc/smr.h"

#include "../check.h"

typedef struct node {
    _Atomic(uint64_t) stamp;
    uint64_t value;
    _Atomic(struct node *) next;
} node_t;

enum { LIVING = 0x11FE11FE, DEAD = 0xDEADDEAD };

static atomic_uint_fast64_t nodes_freed;

static inline void free_stamped(void *pointer, size_t size) {
    node_t *node = (node_t *)pointer;
    CHECK_EQUAL(size, sizeof *node);
    CHECK_EQUAL(atomic_load_explicit(&node->stamp, memory_order_relaxed), LIVING);
    atomic_store_explicit(&node->stamp, DEAD, memory_order_relaxed);
    atomic_fetch_add_explicit(&nodes_freed, 1, memory_order_relaxed);
    cc_smr_free_node(node, size);
}

static inline void give_up(cc_smr_thread_t *self, node_t *node) {
#if defined(RETIRE_AT_ONCE)
    (void)self;
    free_stamped(node, sizeof *node);
#else
    cc_smr_retire(self, node, sizeof *node, free_stamped);
#endif
}

static inline void check_living(node_t *node) {
    CHECK_EQUAL(atomic_load_explicit(&node->stamp, memory_order_relaxed), LIVING);
}

static inline node_t *make_node(cc_smr_thread_t *self, uint64_t value) {
    node_t *node = (node_t *)cc_smr_alloc_node(self, sizeof *node);
    CHECK(node != NULL);
    atomic_init(&node->stamp, LIVING);
    atomic_init(&node->next, NULL);
    node->value = value;
    return node;
}

/* Now and then lets the others run, between finding a node and reading it. */
static inline void dawdle(void) {
    static __thread unsigned calls;
    if (++calls % 32 == 0) check_yield();
}

/* Treiber, "Systems Programming: Coping with Parallelism", 1986. */
typedef struct stack {
    _Alignas(64) _Atomic(node_t *) top;
} stack_t_;

static inline void stack_push(cc_smr_thread_t *self, stack_t_ *stack, uint64_t value) {
    node_t *node = make_node(self, value);
    node_t *top = atomic_load(&stack->top);
    do atomic_store_explicit(&node->next, top, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&stack->top, &top, node));
}

static inline bool stack_pop(cc_smr_thread_t *self, stack_t_ *stack, uint64_t *value) {
    for (;;) {
        cc_smr_enter(self);
        CC_SMR_SEARCH(self);
        node_t *top = (node_t *)cc_smr_protect(self, &stack->top), *next = NULL;
        if (top != NULL) {
            dawdle();
            check_living(top);
            next = atomic_load(&top->next);
        }
        cc_smr_search_end(self);
        bool done = top == NULL;
        if (top != NULL) {
            node_t *expected = top;
            done = atomic_compare_exchange_strong(&stack->top, &expected, next);
            check_living(top);
            *value = top->value;
            if (done) give_up(self, top);
        }
        cc_smr_exit(self);
        if (done) return top != NULL;
    }
}

/* Michael & Scott, PODC 1996. The node at `head` is the dummy. */
typedef struct queue {
    _Alignas(64) _Atomic(node_t *) head;
    _Alignas(64) _Atomic(node_t *) tail;
} queue_t_;

static inline void queue_begin(cc_smr_thread_t *self, queue_t_ *queue) {
    node_t *dummy = make_node(self, 0);
    atomic_init(&queue->head, dummy);
    atomic_init(&queue->tail, dummy);
}

static inline void queue_put(cc_smr_thread_t *self, queue_t_ *queue, uint64_t value) {
    node_t *node = make_node(self, value);
    for (bool done = false; !done;) {
        cc_smr_enter(self);
        node_t *tail = (node_t *)cc_smr_protect(self, &queue->tail);
        check_living(tail);
        node_t *next = (node_t *)cc_smr_protect(self, &tail->next);
        if (tail == atomic_load(&queue->tail)) {
            node_t *none = NULL;
            if (next != NULL) {
                atomic_compare_exchange_strong(&queue->tail, &tail, next);
            } else if (atomic_compare_exchange_strong(&tail->next, &none, node)) {
                atomic_compare_exchange_strong(&queue->tail, &tail, node);
                done = true;
            }
        }
        cc_smr_exit(self);
    }
}

static inline bool queue_get(cc_smr_thread_t *self, queue_t_ *queue, uint64_t *value) {
    for (;;) {
        cc_smr_enter(self);
        CC_SMR_SEARCH(self);
        node_t *head = (node_t *)cc_smr_protect(self, &queue->head);
        dawdle();
        check_living(head);
        node_t *tail = atomic_load(&queue->tail);
        node_t *next = (node_t *)cc_smr_protect(self, &head->next);
        bool linked = head == atomic_load(&queue->head), done = false;
        cc_smr_search_end(self);
        if (linked && next == NULL) {
            cc_smr_exit(self);
            return false;
        }
        if (linked && head == tail) {
            atomic_compare_exchange_strong(&queue->tail, &tail, next);
        } else if (linked) {
            check_living(next);
            *value = next->value;
            done = atomic_compare_exchange_strong(&queue->head, &head, next);
            if (done) give_up(self, head);
        }
        cc_smr_exit(self);
        if (done) return true;
    }
}

#endif
