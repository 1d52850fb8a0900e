/* queue_urcu.c: liburcu's. -DPEER=1 cds_wfcq (puts without waiting, gets under its lock), 2 cds_lfq_rcu (Michael and
 * Scott, nodes freed by call_rcu). Nodes are malloc's. */
#define _LGPL_SOURCE
#include "load.h"

#include <urcu/urcu-memb.h>
#include <urcu/wfcqueue.h>
#if PEER == 2
#include <urcu/rculfqueue.h>
#endif

#if PEER == 1
#define QUEUE_NAME "liburcu wfcq"
typedef struct node {
    struct cds_wfcq_node link;
    uint64_t value;
} node_t;
static _Alignas(128) struct cds_wfcq_head head;
static _Alignas(128) struct cds_wfcq_tail tail;

static void queue_create(uint64_t capacity) {
    (void)capacity;
    cds_wfcq_init(&head, &tail);
}
static void queue_attach(void) {}
static void queue_detach(void) {}
static inline bool queue_put(uint64_t value) {
    node_t *node = (node_t *)malloc(sizeof *node);
    if (node == NULL) load_die("no memory");
    cds_wfcq_node_init(&node->link);
    node->value = value;
    cds_wfcq_enqueue(&head, &tail, &node->link);
    return true;
}
static inline bool queue_get(uint64_t *value) {
    node_t *node = (node_t *)cds_wfcq_dequeue_blocking(&head, &tail);
    if (node == NULL) return false;
    *value = node->value;
    free(node);
    return true;
}
#else
#define QUEUE_NAME "liburcu lfq"
typedef struct node {
    struct cds_lfq_node_rcu link;
    struct rcu_head retired;
    uint64_t value;
} node_t;
static struct cds_lfq_queue_rcu queue;

static void queue_create(uint64_t capacity) {
    (void)capacity;
    cds_lfq_init_rcu(&queue, urcu_memb_call_rcu);
}
static void queue_attach(void) {
    urcu_memb_register_thread();
}
static void queue_detach(void) {
    urcu_memb_unregister_thread();
}
static inline bool queue_put(uint64_t value) {
    node_t *node = (node_t *)malloc(sizeof *node);
    if (node == NULL) load_die("no memory");
    cds_lfq_node_init_rcu(&node->link);
    node->value = value;
    urcu_memb_read_lock();
    cds_lfq_enqueue_rcu(&queue, &node->link);
    urcu_memb_read_unlock();
    return true;
}
static void free_node(struct rcu_head *retired) {
    free(caa_container_of(retired, node_t, retired));
}
static inline bool queue_get(uint64_t *value) {
    urcu_memb_read_lock();
    node_t *node = (node_t *)cds_lfq_dequeue_rcu(&queue);
    urcu_memb_read_unlock();
    if (node == NULL) return false;
    *value = node->value;
    urcu_memb_call_rcu(&node->retired, free_node);
    return true;
}
#endif

#include "queue_load.h"
