/* map_natarajan.c: the lock-free external binary search tree of Natarajan and Mittal (PPoPP 2014) over cc/smr.h:
 * what a tree of small nodes can do with our reclamation and allocator, beside the wide leaves that the library's
 * maps have.
 *
 * Entries are leaves; an inner node has two children, and its key is the least of its right side. A child's pointer
 * carries two marks: FLAG, its leaf is being removed, and TAG, its inner node is; a marked pointer never changes
 * again. So what is reachable from an unlinked node was linked when that node went, which is what interval-based
 * reclamation asks for. */
#include "load.h"

#include "cc/smr.h"

#define MAP_NAME "Natarajan-Mittal tree, cc_smr"
#define MAP_NO_SCAN

typedef struct node {
    uint64_t key, value;
    uintptr_t left, right; /* 0 in a leaf */
} node_t;

enum { FLAG = 1, TAG = 2 };
enum { SENTINELS = 3 };
#define INFINITE(i) (UINT64_MAX - SENTINELS + 1 + (i))

typedef struct position {
    node_t *ancestor, *successor; /* the last untagged edge above `parent` */
    node_t *parent, *leaf;
} position_t;

static cc_smr_t *domain;
static _Thread_local cc_smr_thread_t *self;
static node_t *root, *below_root;

static node_t *address_of(uintptr_t edge) {
    return (node_t *)(edge & ~(uintptr_t)(FLAG | TAG));
}
static uintptr_t *edge_towards(node_t *node, uint64_t key) {
    return key < node->key ? &node->left : &node->right;
}
static uintptr_t load_edge(const uintptr_t *edge) {
    return (uintptr_t)cc_smr_protect(self, edge);
}
/* acq_rel: release pairs with load_edge (a new node's fields), acquire with the marking of what is seen on failure */
static bool change_edge(uintptr_t *edge, uintptr_t from, uintptr_t to) {
    return __atomic_compare_exchange_n(edge, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static node_t *make_node(uint64_t key, uint64_t value, node_t *left, node_t *right) {
    node_t *node = (node_t *)cc_smr_alloc_node(self, sizeof *node);
    if (node == NULL) load_die("no memory");
    *node = (node_t){key, value, (uintptr_t)left, (uintptr_t)right};
    return node;
}
static void retire(node_t *node) {
    cc_smr_retire(self, node, sizeof *node, NULL);
}

static void map_attach(void) {
    self = cc_smr_self(domain);
    if (self == NULL) load_die("no memory");
}
static void map_detach(void) {
    cc_smr_detach(self);
}
static void map_create(uint64_t keys) {
    (void)keys;
    domain = cc_smr_create(CC_SMR_IBR, NULL);
    if (domain == NULL) load_die("no domain");
    map_attach();
    node_t *leaf[SENTINELS];
    for (unsigned i = 0; i < SENTINELS; i++) leaf[i] = make_node(INFINITE(i), 0, NULL, NULL);
    below_root = make_node(INFINITE(1), 0, leaf[0], leaf[1]);
    root = make_node(INFINITE(2), 0, below_root, leaf[2]);
    map_detach();
}

/* Their figure 3, seek. */
static inline position_t seek(uint64_t key) {
    uintptr_t edge = load_edge(&below_root->left);
    position_t at = {root, below_root, below_root, address_of(edge)};
    for (;;) {
        uintptr_t next = load_edge(edge_towards(at.leaf, key));
        if (next == 0) return at;
        if (!(edge & TAG)) {
            at.ancestor = at.parent;
            at.successor = at.leaf;
        }
        at.parent = at.leaf;
        at.leaf = address_of(next);
        edge = next;
    }
}

/* Their figure 6: unlinks the parent with its flagged leaf, and the chain of unlinked ones above it. */
static bool clean_up(uint64_t key, const position_t *at) {
    uintptr_t *child = edge_towards(at->parent, key);
    uintptr_t *sibling = child == &at->parent->left ? &at->parent->right : &at->parent->left;
    if (!(__atomic_load_n(child, __ATOMIC_ACQUIRE) & FLAG)) sibling = child; /* the other leaf is the one that goes */
    uintptr_t kept = __atomic_fetch_or(sibling, TAG, __ATOMIC_ACQ_REL) & ~(uintptr_t)TAG;
    if (!change_edge(edge_towards(at->ancestor, key), (uintptr_t)at->successor, kept)) return false;
    for (node_t *node = at->successor, *next;; node = next) { /* marked edges: nobody changes them any more */
        next = address_of(*edge_towards(node, key));
        node_t *left = address_of(node->left), *right = address_of(node->right);
        if (node == at->parent) next = address_of(kept);
        retire(next == left ? right : left);
        retire(node);
        if (node == at->parent) return true;
    }
}

static inline bool map_get(uint64_t key, uint64_t *value) {
    cc_smr_enter(self);
    const node_t *leaf = seek(key).leaf;
    bool found = leaf->key == key;
    *value = leaf->value;
    cc_smr_exit(self);
    return found;
}

static inline bool map_put(uint64_t key, uint64_t value) {
    node_t *leaf = NULL, *inner = NULL;
    bool done = false;
    cc_smr_enter(self);
    for (;;) {
        position_t at = seek(key);
        if (at.leaf->key == key) break;
        if (leaf == NULL) {
            leaf = make_node(key, value, NULL, NULL);
            inner = make_node(0, 0, NULL, NULL);
        }
        bool before = key < at.leaf->key;
        node_t *low = before ? leaf : at.leaf, *high = before ? at.leaf : leaf;
        *inner = (node_t){high->key, 0, (uintptr_t)low, (uintptr_t)high};
        uintptr_t *edge = edge_towards(at.parent, key);
        done = change_edge(edge, (uintptr_t)at.leaf, (uintptr_t)inner);
        if (done) break;
        uintptr_t now = __atomic_load_n(edge, __ATOMIC_ACQUIRE);
        if (address_of(now) == at.leaf && now != (uintptr_t)at.leaf) clean_up(key, &at);
    }
    cc_smr_exit(self);
    if (!done && leaf != NULL) {
        cc_smr_free_node(leaf, sizeof *leaf);
        cc_smr_free_node(inner, sizeof *inner);
    }
    return done;
}

static inline bool map_remove(uint64_t key) {
    node_t *flagged = NULL; /* by this call */
    cc_smr_enter(self);
    for (;;) {
        position_t at = seek(key);
        if (flagged != NULL) {
            if (at.leaf != flagged || clean_up(key, &at)) break;
            continue;
        }
        if (at.leaf->key != key) break;
        uintptr_t *edge = edge_towards(at.parent, key);
        if (change_edge(edge, (uintptr_t)at.leaf, (uintptr_t)at.leaf | FLAG)) { /* the removal takes effect here */
            flagged = at.leaf;
            if (clean_up(key, &at)) break;
        } else {
            uintptr_t now = __atomic_load_n(edge, __ATOMIC_ACQUIRE);
            if (address_of(now) == at.leaf && now != (uintptr_t)at.leaf) clean_up(key, &at);
        }
    }
    cc_smr_exit(self);
    return flagged != NULL;
}

#include "map_load.h"
