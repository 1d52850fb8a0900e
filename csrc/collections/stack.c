/* collections/stack.c: Treiber's stack ("Systems Programming: Coping with Parallelism", 1986) with elimination
 * (Hendler, Shavit & Yerushalmi, SPAA 2004): a put and a get that meet where they lost their races for the top cancel
 * each other.
 *
 * Each node knows how many there are from it down, so a bound and the count are exact. The lowest bit of `top` says
 * that the stack is closed. Nodes are not reused while a section keeps them, so `top` cannot change and change back
 * unnoticed. */
#include <string.h>

#include "cc/stack.h"

#include "../base/atomics.h"
#include "../base/round.h"
#include "contention.h"
#include "domain.h"

typedef struct node {
    struct node *next;
    void *value;
    uint64_t depth; /* nodes from here down */
} node_t;

#define CLOSED ((uintptr_t)1)

/* Where a put offers its node: NULL, the node, TAKEN. Only the one that offered makes it NULL again. */
#define TAKEN ((void *)1)
typedef struct offer {
    _Alignas(CC_CACHE_LINE_SIZE) _Atomic(void *) node;
} offer_t;
enum { OFFERS = 4, LOOKS = 16 };

struct cc_stack {
    _Alignas(CC_CACHE_LINE_SIZE) _Atomic(uintptr_t) top; /* a node or 0; | CLOSED */
    _Alignas(CC_CACHE_LINE_SIZE) uint64_t capacity;      /* UINT64_MAX: no bound */
    cc_smr_t *domain;
    bool common_domain;
    offer_t offers[OFFERS];
};

static node_t *node_of(uintptr_t top) {
    return (node_t *)(top & ~CLOSED);
}

/* pre: inside a section, which keeps the node. */
static uintptr_t load_top(cc_stack_t *stack, cc_smr_thread_t *self) {
    return (uintptr_t)cc_smr_protect(self, &stack->top);
}

/* A refusal (full, empty, closed) takes effect here, and only if it still holds. seq_cst pairs with the
 * compare-and-swaps of top: who has called cc_event_begin sees them. */
static bool holds(cc_stack_t *stack, uintptr_t top) {
    return cc__load_seq_cst(&stack->top) == top;
}

/* Threads that lose at the same time should meet: as many places as races lost in a row. */
static _Atomic(void *) *offer_of(cc_stack_t *stack, const node_t *seen, unsigned lost) {
    return &stack->offers[((uintptr_t)seen / CC_CACHE_LINE_SIZE) % (lost < OFFERS ? lost : OFFERS)].node;
}

/* Offers a node for a while. True: a get has taken it. */
static bool offer(cc_stack_t *stack, _Atomic(void *) *place, node_t *node, uint64_t ns) {
    void *expected = NULL;
    /* seq_cst, as the load of top: either it is seen that the stack is closed, or this offer came before */
    if (!cc__swap_if_seq_cst(place, &expected, node)) {
        cc__contention_wait(ns);
        return false;
    }
    for (int i = 0; i < LOOKS && (cc__load_seq_cst(&stack->top) & CLOSED) == 0; i++) {
        if (cc__load_relaxed(place) == TAKEN) break;
        cc__contention_wait(ns / LOOKS);
    }
    expected = node;
    if (cc__swap_if_acq_rel(place, &expected, NULL)) return false;
    cc__store_release(place, NULL); /* TAKEN before; pairs with the next offer's */
    return true;
}

/* Takes a node that is offered; NULL when there is none. The linearization point of both is the load of top, when the
 * node was on offer already and the stack not closed: the put first, then the get. */
static node_t *accept(cc_stack_t *stack, cc_smr_thread_t *self, _Atomic(void *) *place) {
    void *node = cc_smr_protect(self, place);
    if (node == NULL || node == TAKEN || (cc__load_seq_cst(&stack->top) & CLOSED) != 0) return NULL;
    return cc__swap_if_seq_cst(place, &node, TAKEN) ? node : NULL; /* acquire for what the value points to */
}

int cc_stack_put(cc_stack_t *stack, cc_smr_thread_t *self, void *value) {
    int result;
    unsigned lost = 0;
    node_t *node = cc_smr_alloc_node(self, sizeof *node);
    if (node == NULL) return -CC_ERROR_MEMORY;
    node->value = value;
    cc_smr_enter(self);
    for (;;) {
        uintptr_t top = load_top(stack, self);
        node_t *below = node_of(top);
        result = (top & CLOSED) != 0 ? -CC_ERROR_STATE : 1;
        node->next = below;
        node->depth = below != NULL ? below->depth + 1 : 1;
        if (result == 1 && node->depth > stack->capacity) result = 0;
        if (CC_UNLIKELY(result != 1)) {
            if (holds(stack, top)) break;
            continue;
        }
        /* The linearization point. release for the node; seq_cst pairs with holds() of a get. */
        if (CC_LIKELY(cc__swap_if_seq_cst(&stack->top, &top, (uintptr_t)node))) break;
        uint64_t ns = cc__contention_ns(++lost);
        if (stack->capacity != UINT64_MAX) { /* full, a put and a get must not pass each other */
            cc__contention_wait(ns);
        } else if (offer(stack, offer_of(stack, node, lost), node, ns)) {
            break;
        }
    }
    cc_smr_exit(self);
    /* A get that has met it on offer only compares its address, and finds the offer taken back. */
    if (CC_UNLIKELY(result != 1)) cc_smr_free_node(node, sizeof *node);
    return result;
}

int cc_stack_get(cc_stack_t *stack, cc_smr_thread_t *self, void **value) {
    int refused = 0;
    unsigned lost = 0;
    node_t *node;
    cc_smr_enter(self);
    for (;;) {
        uintptr_t top = load_top(stack, self);
        node = node_of(top);
        if (CC_UNLIKELY(node == NULL)) {
            refused = (top & CLOSED) != 0 ? -CC_ERROR_STATE : 0;
            if (holds(stack, top)) break;
            continue;
        }
        /* The linearization point. seq_cst pairs with holds() of a put. */
        if (CC_LIKELY(cc__swap_if_seq_cst(&stack->top, &top, (uintptr_t)node->next | (top & CLOSED)))) break;
        uint64_t ns = cc__contention_ns(++lost);
        node = accept(stack, self, offer_of(stack, node, lost));
        if (node != NULL) break;
        cc__contention_wait(ns);
    }
    if (CC_LIKELY(node != NULL)) {
        *value = node->value;
        cc_smr_retire(self, node, sizeof *node, NULL);
    }
    cc_smr_exit(self);
    return node != NULL ? 1 : refused;
}

void cc_stack_close(cc_stack_t *stack, cc_smr_thread_t *self) {
    (void)self;
    uintptr_t top = cc__load_relaxed(&stack->top);
    while (!cc__swap_if_seq_cst(&stack->top, &top, top | CLOSED)) {} /* pairs with accept(), and with holds() */
}

/* ---- figures ---------------------------------------------------------------------------------------------------- */

uint64_t cc_stack_count(cc_stack_t *stack, cc_smr_thread_t *self) {
    cc_smr_enter(self);
    const node_t *node = node_of(load_top(stack, self));
    uint64_t count = node != NULL ? node->depth : 0;
    cc_smr_exit(self);
    return count;
}

size_t cc_stack_memory_usage(cc_stack_t *stack, cc_smr_thread_t *self) {
    const size_t bytes = cc__round_up(sizeof(node_t) + CC_SMR_HEADER_SIZE, CC_CACHE_LINE_SIZE);
    return sizeof *stack + (size_t)cc_stack_count(stack, self) * bytes;
}

int cc_stack_visit(cc_stack_t *stack, int (*visit)(void *value, void *context), void *context) {
    int status = 0;
    for (node_t *node = node_of(cc__load_relaxed(&stack->top)); node != NULL && status == 0; node = node->next)
        status = visit(node->value, context);
    return status;
}

/* ---- coming and going ------------------------------------------------------------------------------------------- */

cc_stack_t *cc_stack_create(cc_smr_t *domain, uint64_t capacity) {
    cc_stack_t *stack = cc_alloc_node(sizeof *stack);
    if (stack == NULL) return NULL;
    memset((void *)stack, 0, sizeof *stack);
    stack->common_domain = domain == NULL;
    stack->domain = domain != NULL ? domain : cc__collections_domain_get();
    cc_stack_set_capacity(stack, capacity);
    if (stack->domain != NULL) return stack;
    cc_free(stack, sizeof *stack);
    return NULL;
}

void cc_stack_set_capacity(cc_stack_t *stack, uint64_t capacity) {
    stack->capacity = capacity == 0 ? UINT64_MAX : capacity;
}

void cc_stack_destroy(cc_stack_t *stack) {
    if (stack == NULL) return;
    node_t *node = node_of(cc__load_relaxed(&stack->top)); /* nobody else is in the stack */
    while (node != NULL) {
        node_t *next = node->next;
        cc_smr_free_node(node, sizeof *node);
        node = next;
    }
    if (stack->common_domain) cc__collections_domain_put();
    cc_free(stack, sizeof *stack);
}

cc_smr_t *cc_stack_domain(const cc_stack_t *stack) {
    return stack->domain;
}
