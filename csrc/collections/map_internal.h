/* collections/map_internal.h: what the files of the ordered map share: nodes, their versions, and searches.
 * docs/collections.md has the argument.
 *
 * The map is a B+ tree whose nodes are guarded by versions: optimistic lock coupling (Leis, Haubenschild, Neumann,
 * "Optimistic Lock Coupling", IEEE Data Eng. Bull. 2019). A reader notes a node's version, reads, and looks whether the
 * version is still the same; a writer locks by compare-and-swap from the version that its search saw, so that what was
 * found is still so.
 *
 * Orders. Each word of a node is stored with release and loaded with acquire: who has seen a word that a writer stored
 * under its lock sees the lock, or a later version, when it looks again (Boehm, "Can Seqlocks Get Along With
 * Programming Language Memory Models?", MSPC 2012). */
#ifndef CC_COLLECTIONS_MAP_INTERNAL_H
#define CC_COLLECTIONS_MAP_INTERNAL_H

#include "cc/map.h"

#include "../base/atomics.h"
#include "../base/os.h"

/* ---- nodes ------------------------------------------------------------------------------------------------------ */

enum {
    CC__MAP_LEAF_KEYS = 24,   /* at most; with the headers 640 bytes, 448 without objects */
    CC__MAP_INNER_KEYS = 120, /* wide: these are few, and make the way short */
    CC__MAP_BLOCK = 8,        /* keys of a node come in so many: prefixes of a line */
    CC__MAP_FENCES = 16,      /* of an inner node: one for each block, filled up to a line */
    CC__MAP_DEPTH = 12        /* levels at most: nodes are split when they are full, so that many keys do not exist */
};

/* A version: bit 0: locked; bit 1: obsolete (unlinked, for ever); above: how often the node was changed. */
enum { CC__MAP_LOCKED = 1, CC__MAP_OBSOLETE = 2, CC__MAP_CHANGED = 4 };
typedef _Atomic(uint64_t) cc__map_version_t;

/* Behind the slots lie an inner node's fences, then the prefixes and, in keyed maps, as many objects; places from
 * `count` on have the prefix UINT64_MAX. A leaf's slot i + 1 is the value of key i; an inner node's slot i is the child
 * with the keys from key i - 1 (the separator) to below key i. Each of the places refers to its object: a separator's
 * is one reference more. A fence is the last prefix of a block once more: they lie close together, so that a search
 * needs few of a wide node's lines. */
typedef struct cc__map_node {
    cc__map_version_t version;
    const cc_map_type_t *type; /* for who frees it */
    _Atomic(uint32_t) count;
    uint8_t level; /* 0: leaf */
    bool keyed;
    void *_Atomic slots[];
} cc__map_node_t;

/* How many keys fit into a node. */
static inline unsigned cc__map_capacity(unsigned level) {
    return level == 0 ? CC__MAP_LEAF_KEYS : CC__MAP_INNER_KEYS;
}

/* How many words lie before its prefixes. */
static inline size_t cc__map_before_prefixes(unsigned level) {
    return 1 + cc__map_capacity(level) + (level == 0 ? 0 : CC__MAP_FENCES);
}

/* pre: an inner node. */
static inline _Atomic(uint64_t) *cc__map_fences(cc__map_node_t *node) {
    return (_Atomic(uint64_t) *)(void *)(node->slots + 1 + CC__MAP_INNER_KEYS);
}

/* pre: the node is of this level. */
static inline _Atomic(uint64_t) *cc__map_prefixes(cc__map_node_t *node, unsigned level) {
    return (_Atomic(uint64_t) *)(void *)(node->slots + cc__map_before_prefixes(level));
}

static inline void *_Atomic *cc__map_objects(cc__map_node_t *node) {
    return node->slots + cc__map_before_prefixes(node->level) + cc__map_capacity(node->level);
}

static inline size_t cc__map_node_size(unsigned level, bool keyed) {
    return sizeof(cc__map_node_t) +
           (cc__map_before_prefixes(level) + (keyed ? 2 : 1) * (size_t)cc__map_capacity(level)) * sizeof(void *);
}

static inline unsigned cc__map_node_count(const cc__map_node_t *node) {
    return cc__load_acquire(&node->count);
}

/* The object of a key; NULL in maps without. */
static inline void *cc__map_object(cc__map_node_t *node, unsigned index) {
    return node->keyed ? cc__load_acquire(&cc__map_objects(node)[index]) : NULL;
}

/* Debug builds let other threads come between two steps now and then, so that tests meet what is rare. */
#if defined(CC_DEBUG)
void cc__map_disturb(void);
#else
#define cc__map_disturb() ((void)0)
#endif

/* ---- versions --------------------------------------------------------------------------------------------------- */

static inline void cc__map_pause(unsigned tries) {
    if (tries < 64)
        cc__os_pause();
    else
        cc__os_yield(); /* who holds the lock may not be running */
}

/* Waits until nobody holds the lock; false when the node is obsolete. */
static inline bool cc__map_read_version(const cc__map_version_t *word, uint64_t *version) {
    cc__map_disturb();
    uint64_t seen = cc__load_acquire(word); /* pairs with cc__map_unlock: what was changed before is seen */
    for (unsigned tries = 0; CC_UNLIKELY((seen & CC__MAP_LOCKED) != 0); tries++) {
        cc__map_pause(tries);
        seen = cc__load_acquire(word);
    }
    *version = seen;
    return (seen & CC__MAP_OBSOLETE) == 0;
}

/* Whether nothing has changed since. The loads before it were acquire loads: see above. */
static inline bool cc__map_is_version(const cc__map_version_t *word, uint64_t version) {
    cc__map_disturb();
    return cc__load_relaxed(word) == version;
}

/* Takes the lock if nothing has changed since. acquire pairs with the unlock before; what is stored under the lock is
 * stored with release, so that nobody sees it without seeing the lock. */
static inline bool cc__map_lock(cc__map_version_t *word, uint64_t version) {
    cc__map_disturb();
    return cc__swap_if_acq_rel(word, &version, version | CC__MAP_LOCKED);
}

/* Gives the lock back and returns the new version: `change` is 0 (keys and places are as they were), CC__MAP_CHANGED,
 * or that and CC__MAP_OBSOLETE. */
static inline uint64_t cc__map_unlock(cc__map_version_t *word, uint64_t version, uint64_t change) {
    cc__store_release(word, version + change); /* pairs with cc__map_read_version and cc__map_lock */
    return version + change;
}

/* ---- the map ---------------------------------------------------------------------------------------------------- */

/* Kinds of a tree's keys beside the callers' own, which are a byte: none yet, and such that only the hooks can
 * compare. */
enum { CC__MAP_UNSET = 0, CC__MAP_MIXED = 256 };

/* A number of keys. The first thread that changes the map counts in `own`, others in shards by thread (or in `others`
 * when there was no memory for shards): threads that write to different leaves should not meet here. */
enum { CC__MAP_SHARDS = 8 };
typedef struct cc__map_shard {
    _Alignas(CC_CACHE_LINE_SIZE) _Atomic(int64_t) count;
} cc__map_shard_t;

/* All that cc_map_clear replaces. A node of the domain. */
typedef struct cc__map_tree {
    cc__map_version_t version; /* guards root */
    cc__map_node_t *_Atomic root;
    uint64_t id;                     /* unique in the map: an address may come again */
    _Atomic(uint32_t) kind;          /* goes from CC__MAP_UNSET to a kind to CC__MAP_MIXED and never back */
    cc__map_shard_t *_Atomic shards; /* NULL while one thread has changed the map */
    _Atomic(uint64_t) leaves, inners;

    char line[CC_CACHE_LINE_SIZE]; /* what is above is mostly read */
    cc_smr_thread_t *_Atomic owner;
    _Atomic(int64_t) own; /* single writer: owner */
    _Atomic(int64_t) others;
} cc__map_tree_t;

struct cc_map {
    cc__map_tree_t *_Atomic tree;
    cc_smr_t *domain;
    cc_map_type_t type;          /* a copy of */
    const cc_map_type_t *origin; /* the caller's, which lives longer than the map */
    void *context;
    bool keyed;   /* there are objects */
    bool plain;   /* prefixes alone decide */
    bool counted; /* something is released */
    bool own_domain;
    _Atomic(uint64_t) trees; /* made so far */
};

/* Adds `change` to the number of keys. */
void cc__map_add(cc__map_tree_t *tree, cc_smr_thread_t *self, int64_t change);

/* A node with nothing in it; NULL when there is no memory. Freeing it: at once (NULL is ignored), or as
 * cc_smr_retire. */
cc__map_node_t *cc__map_new_node(cc_map_t *map, cc_smr_thread_t *self, unsigned level);
void cc__map_free_node(cc__map_node_t *node);
void cc__map_retire_node(cc_smr_thread_t *self, cc__map_node_t *node, cc_smr_free_function_t *free_function);

/* ---- searches --------------------------------------------------------------------------------------------------- */

/* What a step of a search says when it met a change: begin anew. Other numbers below 0 are errors for the caller. */
enum { CC__MAP_AGAIN = -15 };
_Static_assert(-(int)CC_ERROR_SYSTEM > CC__MAP_AGAIN, "the last error is told apart from trying again");

typedef struct cc__map_step {
    cc__map_node_t *node;
    uint64_t version;
    unsigned index; /* of the slot that the way goes through; in a leaf: of the key */
} cc__map_step_t;

/* The way from the root to a leaf. */
typedef struct cc__map_path {
    cc__map_tree_t *tree;
    uint64_t tree_id, tree_version;
    uint32_t kind;                       /* the tree's when the search began */
    unsigned height;                     /* the root's level */
    cc__map_step_t steps[CC__MAP_DEPTH]; /* by level */
} cc__map_path_t;

/* References that left the map, to be released by a node of the domain (`deferred`). */
enum { CC__MAP_DROPS = 8 }; /* of one operation; nodes are joined only while there is room */
typedef struct cc__map_dead {
    const cc_map_type_t *type;
    void *object, *value;
} cc__map_dead_t;

/* One operation. */
typedef struct cc__map_search {
    cc_map_t *map;
    cc_smr_thread_t *self;
    bool found; /* the key at steps[0].index is the wanted one */
    unsigned attempts;
    cc__map_dead_t *reserved; /* for the next cc__map_drop */
    unsigned dropped;
    struct {
        void *object, *value;
        cc__map_dead_t *node;
    } drops[CC__MAP_DROPS];
    cc__map_path_t path;
} cc__map_search_t;

/* Begins an operation and its section. False when there is no memory. */
bool cc__map_begin(cc__map_search_t *search, cc_map_t *map);

/* Ends the section, then releases what was dropped. */
void cc__map_end(cc__map_search_t *search);

/* Lets others go on after CC__MAP_AGAIN. True: try again; for the head of a loop. */
static inline bool cc__map_retry(cc__map_search_t *search) {
    if (CC_UNLIKELY(search->attempts++ != 0)) cc__map_pause(search->attempts * 4);
    return true;
}

/* Lets the life of a node of the domain begin with the first epoch. Nodes that release references: a section may have
 * found those long before this node was made, so that its interval would not cover it. */
static inline void cc__map_outlives_all(void *node) {
    ((struct cc_smr_header *)node - 1)->birth = 1;
}

/* Makes sure that cc__map_drop can be called once. False when there is no memory. */
bool cc__map_reserve(cc__map_search_t *search);

/* Has references released that were the map's. pre: cc__map_reserve, or the map is not deferred. */
void cc__map_drop(cc__map_search_t *search, void *object, void *value);

/* Goes down to the leaf where the key belongs and finds its place there: 0, CC__MAP_AGAIN or an error. */
int cc__map_search_key(cc__map_search_t *search, const cc_map_key_t *key);

/* Goes down to the first leaf (direction 1) or the last (-1): 0 or CC__MAP_AGAIN. */
int cc__map_search_edge(cc__map_search_t *search, int direction);

/* Goes on to the next leaf (1) or the one before (-1): 1, 0 when there is none, or CC__MAP_AGAIN. */
int cc__map_next_leaf(cc__map_search_t *search, int direction);

/* Finds a key's place in the node at a level of the path: 0, CC__MAP_AGAIN or an error. */
int cc__map_locate(cc__map_search_t *search, const cc_map_key_t *key, unsigned level, unsigned *index, bool *found);

/* Whether the path down to a level is as it was. In a section that may have begun later. */
bool cc__map_is_path(cc__map_search_t *search, unsigned level);

/* Whether prefixes tell where a key belongs in a tree of a kind, or at least between which others. */
static inline bool cc__map_has_prefix(const cc_map_t *map, uint32_t kind, const cc_map_key_t *key) {
    return map->plain || (key->kind == kind && key->kind != CC_MAP_NO_PREFIX);
}

/* Whether prefixes still mean what they meant when the search began. After the loads that it vouches for: who inserts a
 * key of another kind stores the tree's kind first. */
static inline bool cc__map_is_kind(const cc__map_search_t *search) {
    return search->map->plain || cc__load_acquire(&search->path.tree->kind) == search->path.kind;
}

/* Whether what was read of the leaf was so. */
static inline bool cc__map_confirm(const cc__map_search_t *search) {
    const cc__map_step_t *leaf = &search->path.steps[0];
    return cc__map_is_kind(search) && cc__map_is_version(&leaf->node->version, leaf->version);
}

/* Takes the leaf's lock if what was read of it is still so. */
static inline bool cc__map_lock_leaf(cc__map_search_t *search) {
    cc__map_step_t *leaf = &search->path.steps[0];
    if (!cc__map_lock(&leaf->node->version, leaf->version)) return false;
    if (cc__map_is_kind(search)) return true;
    (void)cc__map_unlock(&leaf->node->version, leaf->version, 0);
    return false;
}

/* Reads the entry at `index` of the leaf; not confirmed yet. */
static inline cc_map_entry_t cc__map_entry(const cc__map_search_t *search, unsigned index) {
    cc__map_node_t *leaf = search->path.steps[0].node;
    cc_map_entry_t entry = {
        cc__load_acquire(&cc__map_prefixes(leaf, 0)[index]),
        cc__map_object(leaf, index),
        cc__load_acquire(&leaf->slots[index + 1]),
    };
    return entry;
}

static inline void cc__map_hold_key(const cc_map_t *map, void *object) {
    if (map->type.hold_key != NULL && object != NULL) map->type.hold_key(object);
}
static inline void cc__map_hold_value(const cc_map_t *map, void *value) {
    if (map->type.hold_value != NULL && value != NULL) map->type.hold_value(value);
}
static inline void cc__map_release_key(const cc_map_type_t *type, void *object) {
    if (type->release_key != NULL && object != NULL) type->release_key(object);
}
static inline void cc__map_release_value(const cc_map_type_t *type, void *value) {
    if (type->release_value != NULL && value != NULL) type->release_value(value);
}

/* ---- changing nodes: under their locks --------------------------------------------------------------------------- */

/* Puts a key, and the value or the child at its right, at `index`. pre: there is room. */
void cc__map_insert_at(cc__map_node_t *node, unsigned index, uint64_t prefix, void *object, void *pointer);

/* Takes them out. */
void cc__map_remove_at(cc__map_node_t *node, unsigned index);

/* Moves the keys from `from` on, with what is at their right, to the end of another node. */
void cc__map_move(cc__map_node_t *source, unsigned from, cc__map_node_t *target);

/* Removes the key at steps[0].index, unlocks, joins leaves that have become small. With `entry`: held for the caller.
 * pre: the leaf is locked, cc__map_reserve. */
void cc__map_take_out(cc__map_search_t *search, cc_map_entry_t *entry);

/* Joins the node at a level of the path with a neighbour if both fit into one. True when the tree has changed. pre: the
 * path is right but for changes that others make; nothing is locked. */
bool cc__map_join(cc__map_search_t *search, unsigned level);

#endif
