/* smr_peers.h: every reclamation scheme that smr.c measures, in one form, so that all run the same loops.
 *
 * A peer NAME consists of
 *     with_NAME_attach(worker), …_detach(worker)    of a thread, outside the measurement
 *     with_NAME_enter(worker), …_exit(worker)       a read section
 *     with_NAME_load(worker, slot)                  the pointer in `slot`, protected until the section ends
 *     with_NAME_alloc(worker), …_retire(worker, p)  a node; retire is called when it is in no slot any more
 *     with_NAME_drain(worker)                       everything that this thread retired is freed, if nobody reads
 * All nodes come from cc_alloc_node and take one cache line, what a peer keeps in them included. */
#ifndef SMR_PEERS_H
#define SMR_PEERS_H

#include "cc/smr.h"

#include <stdatomic.h>

#if defined(__has_include)
#if __has_include(<ck_epoch.h>) && __has_include(<ck_hp.h>)
#define HAVE_CK 1
#include <ck_epoch.h>
#include <ck_hp.h>
#endif
#if __has_include(<urcu/urcu-memb.h>) && __has_include(<urcu/urcu-qsbr.h>)
#define HAVE_URCU 1
#define _LGPL_SOURCE /* liburcu's read sections as inlines */
#include <urcu/urcu-memb.h>
#include <urcu/urcu-qsbr.h>
#endif
#endif
#ifndef HAVE_CK
#define HAVE_CK 0
#endif
#ifndef HAVE_URCU
#define HAVE_URCU 0
#endif

enum { PAYLOAD = 24, HAZARD_BATCH = 128, EPOCH_BATCH = 64 };

typedef struct node {
    uint64_t value[PAYLOAD / sizeof(uint64_t)];
#if HAVE_CK
    union {
        ck_epoch_entry_t epoch;
        ck_hp_hazard_t hazard;
#if HAVE_URCU
        struct rcu_head rcu;
#endif
    } link;
#elif HAVE_URCU
    union {
        struct rcu_head rcu;
    } link;
#endif
} node_t;
_Static_assert(sizeof(node_t) <= 64, "a node is one cache line for every peer");

typedef _Atomic(node_t *) slot_t;

typedef struct worker {
    cc_smr_thread_t *self; /* in the domain that is measured */
#if HAVE_CK
    unsigned retired;
    ck_epoch_record_t *epoch;
    ck_hp_record_t *hazard;
#endif
} worker_t;

#define PEER_FUNCTION static inline __attribute__((always_inline))
#define PLAIN_LOAD(name) \
    PEER_FUNCTION node_t *with_##name##_load(worker_t *worker, slot_t *slot) { \
        (void)worker; \
        return atomic_load_explicit(slot, memory_order_acquire); \
    }
#define PLAIN_ALLOC(name) \
    PEER_FUNCTION node_t *with_##name##_alloc(worker_t *worker) { \
        (void)worker; \
        return cc_alloc_node(sizeof(node_t)); \
    }
#define NOTHING(name, function) \
    PEER_FUNCTION void with_##name##_##function(worker_t *worker) { (void)worker; }

/* ---- nothing: what the loops themselves cost. Retiring frees at once: right only while nobody reads. ------------- */

NOTHING(unprotected, attach)
NOTHING(unprotected, detach)
NOTHING(unprotected, enter)
NOTHING(unprotected, exit)
NOTHING(unprotected, drain)
PLAIN_LOAD(unprotected)
PLAIN_ALLOC(unprotected)
PEER_FUNCTION void with_unprotected_retire(worker_t *worker, node_t *node) {
    (void)worker;
    cc_free(node, sizeof *node);
}

/* ---- cc/smr.h: with a held handle and its inlines; NAME_call goes through the exported functions ----------------- */

static cc_smr_t *domains[CC_SMR_NONE + 1]; /* by scheme */

PEER_FUNCTION void attach_to(worker_t *worker, cc_smr_scheme_t scheme) {
    worker->self = cc_smr_self(domains[scheme]);
    if (worker->self == NULL) abort();
}
#define WITH_SMR(name, scheme) \
    PEER_FUNCTION void with_##name##_attach(worker_t *worker) { attach_to(worker, scheme); } \
    PEER_FUNCTION void with_##name##_detach(worker_t *worker) { cc_smr_detach(worker->self); } \
    PEER_FUNCTION void with_##name##_enter(worker_t *worker) { cc_smr_enter(worker->self); } \
    PEER_FUNCTION void with_##name##_exit(worker_t *worker) { cc_smr_exit(worker->self); } \
    PEER_FUNCTION node_t *with_##name##_load(worker_t *worker, slot_t *slot) { \
        return cc_smr_protect(worker->self, slot); \
    } \
    PEER_FUNCTION node_t *with_##name##_alloc(worker_t *worker) { return cc_smr_alloc_node(worker->self, PAYLOAD); } \
    PEER_FUNCTION void with_##name##_retire(worker_t *worker, node_t *node) { \
        cc_smr_retire(worker->self, node, PAYLOAD, NULL); \
    } \
    PEER_FUNCTION void with_##name##_drain(worker_t *worker) { \
        if (cc_smr_drain(worker->self, 10000000000u) != CC_OK) abort(); \
    }
WITH_SMR(ibr, CC_SMR_IBR)
WITH_SMR(debra, CC_SMR_DEBRA)
WITH_SMR(epoch, CC_SMR_EPOCH)

PEER_FUNCTION void with_ibr_call_attach(worker_t *worker) {
    attach_to(worker, CC_SMR_IBR);
}
PEER_FUNCTION void with_ibr_call_detach(worker_t *worker) {
    cc_smr_detach(worker->self);
}
PEER_FUNCTION void with_ibr_call_enter(worker_t *worker) {
    (cc_smr_enter)(worker->self);
}
PEER_FUNCTION void with_ibr_call_exit(worker_t *worker) {
    (cc_smr_exit)(worker->self);
}
PEER_FUNCTION node_t *with_ibr_call_load(worker_t *worker, slot_t *slot) {
    return (cc_smr_protect)(worker->self, slot);
}

/* ---- calls: two exported functions that do nothing, the least that a section through exported calls costs -------- */

NOTHING(calls, attach)
NOTHING(calls, detach)
PEER_FUNCTION void with_calls_enter(worker_t *worker) {
    (void)worker;
    (void)cc_abi_version();
}
#define with_calls_exit with_calls_enter
PLAIN_LOAD(calls)

/* ---- Concurrency Kit --------------------------------------------------------------------------------------------- */

#if HAVE_CK
static ck_epoch_t ck_epoch_all;
static ck_hp_t ck_hp_all;

static void ck_epoch_destroy(ck_epoch_entry_t *entry) {
    cc_free((char *)entry - offsetof(node_t, link), sizeof(node_t));
}
static void ck_hp_destroy(void *node) {
    cc_free(node, sizeof(node_t));
}

/* Records stay linked for ever: a thread takes one that another has left. */
PEER_FUNCTION void with_ck_epoch_attach(worker_t *worker) {
    worker->epoch = ck_epoch_recycle(&ck_epoch_all, NULL);
    if (worker->epoch == NULL) {
        worker->epoch = aligned_alloc(64, (sizeof *worker->epoch + 63) / 64 * 64);
        ck_epoch_register(&ck_epoch_all, worker->epoch, NULL);
    }
    worker->retired = 0;
}
PEER_FUNCTION void with_ck_epoch_detach(worker_t *worker) {
    ck_epoch_unregister(worker->epoch);
}
PEER_FUNCTION void with_ck_epoch_enter(worker_t *worker) {
    ck_epoch_begin(worker->epoch, NULL);
}
PEER_FUNCTION void with_ck_epoch_exit(worker_t *worker) {
    ck_epoch_end(worker->epoch, NULL);
}
PEER_FUNCTION void with_ck_epoch_retire(worker_t *worker, node_t *node) {
    ck_epoch_call(worker->epoch, &node->link.epoch, ck_epoch_destroy);
    if (++worker->retired % EPOCH_BATCH == 0) ck_epoch_poll(worker->epoch);
}
PEER_FUNCTION void with_ck_epoch_drain(worker_t *worker) {
    ck_epoch_barrier(worker->epoch);
}
PLAIN_LOAD(ck_epoch)
PLAIN_ALLOC(ck_epoch)

PEER_FUNCTION void with_ck_hp_attach(worker_t *worker) {
    worker->hazard = ck_hp_recycle(&ck_hp_all);
    if (worker->hazard == NULL) {
        worker->hazard = aligned_alloc(64, (sizeof *worker->hazard + 63) / 64 * 64);
        ck_hp_register(&ck_hp_all, worker->hazard, calloc(1, sizeof(void *)));
    }
}
PEER_FUNCTION void with_ck_hp_detach(worker_t *worker) {
    ck_hp_unregister(worker->hazard);
}
NOTHING(ck_hp, enter)
PEER_FUNCTION void with_ck_hp_exit(worker_t *worker) {
    ck_pr_fence_release();
    ck_hp_set(worker->hazard, 0, NULL);
}
PEER_FUNCTION node_t *with_ck_hp_load(worker_t *worker, slot_t *slot) {
    for (;;) {
        node_t *node = atomic_load_explicit(slot, memory_order_acquire);
        ck_hp_set_fence(worker->hazard, 0, node);
        if (node == atomic_load_explicit(slot, memory_order_acquire)) return node;
    }
}
PEER_FUNCTION void with_ck_hp_retire(worker_t *worker, node_t *node) {
    ck_hp_free(worker->hazard, &node->link.hazard, node, node);
}
PEER_FUNCTION void with_ck_hp_drain(worker_t *worker) {
    ck_hp_purge(worker->hazard);
}
PLAIN_ALLOC(ck_hp)
#endif

/* ---- liburcu ----------------------------------------------------------------------------------------------------- */

#if HAVE_URCU
static void call_rcu_destroy(struct rcu_head *head) {
    cc_free((char *)head - offsetof(node_t, link), sizeof(node_t));
}
static void defer_rcu_destroy(void *node) {
    cc_free(node, sizeof(node_t));
}

PEER_FUNCTION void with_urcu_memb_attach(worker_t *worker) {
    (void)worker;
    urcu_memb_register_thread();
}
PEER_FUNCTION void with_urcu_memb_detach(worker_t *worker) {
    (void)worker;
    urcu_memb_unregister_thread();
}
PEER_FUNCTION void with_urcu_memb_enter(worker_t *worker) {
    (void)worker;
    urcu_memb_read_lock();
}
PEER_FUNCTION void with_urcu_memb_exit(worker_t *worker) {
    (void)worker;
    urcu_memb_read_unlock();
}
PLAIN_LOAD(urcu_memb)

#define with_call_rcu_attach with_urcu_memb_attach
#define with_call_rcu_detach with_urcu_memb_detach
#define with_call_rcu_enter with_urcu_memb_enter
#define with_call_rcu_exit with_urcu_memb_exit
#define with_call_rcu_load with_urcu_memb_load
PLAIN_ALLOC(call_rcu)
PEER_FUNCTION void with_call_rcu_retire(worker_t *worker, node_t *node) {
    (void)worker;
    urcu_memb_call_rcu(&node->link.rcu, call_rcu_destroy);
}
PEER_FUNCTION void with_call_rcu_drain(worker_t *worker) {
    (void)worker;
    urcu_memb_barrier();
}

PEER_FUNCTION void with_defer_rcu_attach(worker_t *worker) {
    with_urcu_memb_attach(worker);
    if (urcu_memb_defer_register_thread() != 0) abort();
}
PEER_FUNCTION void with_defer_rcu_detach(worker_t *worker) {
    urcu_memb_defer_unregister_thread();
    with_urcu_memb_detach(worker);
}
#define with_defer_rcu_enter with_urcu_memb_enter
#define with_defer_rcu_exit with_urcu_memb_exit
#define with_defer_rcu_load with_urcu_memb_load
PLAIN_ALLOC(defer_rcu)
PEER_FUNCTION void with_defer_rcu_retire(worker_t *worker, node_t *node) {
    (void)worker;
    urcu_memb_defer_rcu(defer_rcu_destroy, node);
}
PEER_FUNCTION void with_defer_rcu_drain(worker_t *worker) {
    (void)worker;
    urcu_memb_defer_barrier_thread();
}

/* A section of QSBR is what lies between two quiescent states. */
PEER_FUNCTION void with_urcu_qsbr_attach(worker_t *worker) {
    (void)worker;
    urcu_qsbr_register_thread();
}
PEER_FUNCTION void with_urcu_qsbr_detach(worker_t *worker) {
    (void)worker;
    urcu_qsbr_unregister_thread();
}
PEER_FUNCTION void with_urcu_qsbr_enter(worker_t *worker) {
    (void)worker;
    urcu_qsbr_read_lock();
}
PEER_FUNCTION void with_urcu_qsbr_exit(worker_t *worker) {
    (void)worker;
    urcu_qsbr_read_unlock();
    urcu_qsbr_quiescent_state();
}
PLAIN_LOAD(urcu_qsbr)
#endif

#endif
