/* queue_ck.c: Concurrency Kit's. -DPEER=1 ck_ring (bounded; a thread that is preempted between its two steps stops
 * all others), 2 ck_fifo (Michael and Scott, unbounded), 3 ck_stack (Treiber). What a get takes out of the last two
 * is put in again by the thread that took it: they ask for nodes that are never given back to the system. */
#include "load.h"

#include <ck_fifo.h>
#include <ck_ring.h>
#include <ck_stack.h>

#if PEER == 1
#define QUEUE_NAME "ck_ring"
static ck_ring_t ring;
static ck_ring_buffer_t *cells;

static void queue_create(uint64_t capacity) {
    cells = (ck_ring_buffer_t *)calloc(capacity * 2, sizeof *cells);
    if (cells == NULL) load_die("no memory");
    ck_ring_init(&ring, (unsigned)capacity * 2); /* it holds one less than its size */
}
static inline bool queue_put(uint64_t value) {
    return ck_ring_enqueue_mpmc(&ring, cells, (void *)(uintptr_t)value);
}
static inline bool queue_get(uint64_t *value) {
    void *got;
    if (!ck_ring_dequeue_mpmc(&ring, cells, &got)) return false;
    *value = (uintptr_t)got;
    return true;
}

#else
#if PEER == 2
#define QUEUE_NAME "ck_fifo"
typedef struct ck_fifo_mpmc_entry node_t;
static ck_fifo_mpmc_t fifo;
#else
#define QUEUE_NAME "ck_stack"
#define QUEUE_NOT_FIFO
typedef struct node {
    ck_stack_entry_t entry; /* first */
    uint64_t value;
} node_t;
static ck_stack_t stack;
#endif

typedef struct spare {
    struct spare *next;
} spare_t;
static _Thread_local spare_t *spares;

static inline node_t *take_node(void) {
    spare_t *spare = spares;
    if (spare != NULL) {
        spares = spare->next;
        return (node_t *)spare;
    }
    node_t *node = (node_t *)aligned_alloc(64, (sizeof(node_t) + 63) / 64 * 64);
    if (node == NULL) load_die("no memory");
    return node;
}
static inline void keep_node(node_t *node) {
    ((spare_t *)node)->next = spares;
    spares = (spare_t *)node;
}

#if PEER == 2
static void queue_create(uint64_t capacity) {
    (void)capacity;
    ck_fifo_mpmc_init(&fifo, take_node());
}
static inline bool queue_put(uint64_t value) {
    ck_fifo_mpmc_enqueue(&fifo, take_node(), (void *)(uintptr_t)value);
    return true;
}
static inline bool queue_get(uint64_t *value) {
    void *got;
    node_t *node;
    if (!ck_fifo_mpmc_dequeue(&fifo, &got, &node)) return false;
    *value = (uintptr_t)got;
    keep_node(node);
    return true;
}
#else
static void queue_create(uint64_t capacity) {
    (void)capacity;
    ck_stack_init(&stack);
}
static inline bool queue_put(uint64_t value) {
    node_t *node = take_node();
    node->value = value;
    ck_stack_push_mpmc(&stack, &node->entry);
    return true;
}
static inline bool queue_get(uint64_t *value) {
    node_t *node = (node_t *)ck_stack_pop_mpmc(&stack);
    if (node == NULL) return false;
    *value = node->value;
    keep_node(node);
    return true;
}
#endif
#endif

static void queue_attach(void) {}
static void queue_detach(void) {}

#include "queue_load.h"
