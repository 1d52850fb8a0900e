/* collections/map.c: maps as a whole: how they come and go, are emptied, counted and visited. */
#include "map_internal.h"

#if defined(CC_DEBUG)
void cc__map_disturb(void) {
    enum { SECONDS = 10 }; /* in all: on a busy machine each time takes milliseconds */
    static _Atomic(uint32_t) state;
    static _Atomic(uint64_t) spent_ns;
    uint32_t turn = cc__add_relaxed(&state, 2654435769u); /* irregular for each thread, as they take turns */
    if (turn >> 25 != 0 || cc__load_relaxed(&spent_ns) > SECONDS * UINT64_C(1000000000)) return;
    uint64_t began = cc__os_monotonic_ns();
    cc__os_yield();
    (void)cc__add_relaxed(&spent_ns, cc__os_monotonic_ns() - began);
}
#endif

_Static_assert(CC__MAP_LEAF_KEYS % CC__MAP_BLOCK == 0 && CC__MAP_INNER_KEYS % CC__MAP_BLOCK == 0,
               "prefixes come in blocks");
_Static_assert(CC__MAP_INNER_KEYS / CC__MAP_BLOCK <= CC__MAP_FENCES && CC__MAP_FENCES % CC__MAP_BLOCK == 0,
               "a fence for each block, in lines");
_Static_assert((CC_SMR_HEADER_SIZE + sizeof(cc__map_node_t) + sizeof(void *)) % (CC__MAP_BLOCK * sizeof(uint64_t)) == 0,
               "a block of prefixes is a line");

/* ---- nodes and trees -------------------------------------------------------------------------------------------- */

cc__map_node_t *cc__map_new_node(cc_map_t *map, cc_smr_thread_t *self, unsigned level) {
    cc__map_node_t *node = cc_smr_alloc_node(self, cc__map_node_size(level, map->keyed));
    if (node == NULL) return NULL;
    atomic_init(&node->version, 0);
    node->type = map->origin;
    atomic_init(&node->count, 0);
    node->level = (uint8_t)level;
    node->keyed = map->keyed;
    atomic_init(&node->slots[0], NULL);
    for (unsigned i = 0; level > 0 && i < CC__MAP_FENCES; i++) atomic_init(&cc__map_fences(node)[i], UINT64_MAX);
    for (unsigned i = 0; i < cc__map_capacity(level); i++) {
        atomic_init(&cc__map_prefixes(node, level)[i], UINT64_MAX);
        atomic_init(&node->slots[i + 1], NULL);
        if (map->keyed) atomic_init(&cc__map_objects(node)[i], NULL);
    }
    return node;
}

void cc__map_free_node(cc__map_node_t *node) {
    if (node != NULL) cc_smr_free_node(node, cc__map_node_size(node->level, node->keyed));
}

void cc__map_retire_node(cc_smr_thread_t *self, cc__map_node_t *node, cc_smr_free_function_t *free_function) {
    cc_smr_retire(self, node, cc__map_node_size(node->level, node->keyed), free_function);
}

static cc__map_tree_t *new_tree(cc_map_t *map, cc_smr_thread_t *self) {
    cc__map_tree_t *tree = cc_smr_alloc_node(self, sizeof *tree);
    cc__map_node_t *root = cc__map_new_node(map, self, 0);
    if (tree == NULL || root == NULL) {
        cc_smr_free_node(tree, sizeof *tree);
        cc__map_free_node(root);
        return NULL;
    }
    *tree = (cc__map_tree_t){.id = cc__add_relaxed(&map->trees, 1)};
    atomic_init(&tree->root, root);
    atomic_init(&tree->leaves, 1);
    return tree;
}

static void free_tree(void *node, size_t size) {
    cc__map_tree_t *tree = node;
    cc__map_shard_t *shards = cc__load_relaxed(&tree->shards);
    if (shards != NULL) cc_free(shards, CC__MAP_SHARDS * sizeof *shards);
    cc_smr_free_node(node, size);
}

/* Releases what a node that nobody changes any more refers to. */
static void release_node(const cc_map_type_t *type, cc__map_node_t *node) {
    unsigned count = cc__load_relaxed(&node->count);
    for (unsigned i = 0; i < count; i++) {
        if (node->keyed) cc__map_release_key(type, cc__load_relaxed(&cc__map_objects(node)[i]));
        if (node->level == 0) cc__map_release_value(type, cc__load_relaxed(&node->slots[i + 1]));
    }
}

static void free_full_node(void *node, size_t size) {
    release_node(((cc__map_node_t *)node)->type, node);
    cc_smr_free_node(node, size);
}

/* ---- counting --------------------------------------------------------------------------------------------------- */

static cc__map_shard_t *shards_of(cc__map_tree_t *tree) {
    cc__map_shard_t *shards = cc__load_acquire(&tree->shards); /* pairs with the store below */
    if (shards != NULL) return shards;
    cc__map_shard_t *made = cc_alloc_node(CC__MAP_SHARDS * sizeof *made);
    if (made == NULL) return NULL;
    for (size_t i = 0; i < CC__MAP_SHARDS; i++) atomic_init(&made[i].count, 0);
    if (cc__swap_if_acq_rel(&tree->shards, &shards, made)) return made; /* pairs with the loads of shards */
    cc_free(made, CC__MAP_SHARDS * sizeof *made);
    return shards;
}

void cc__map_add(cc__map_tree_t *tree, cc_smr_thread_t *self, int64_t change) {
    cc_smr_thread_t *owner = cc__load_relaxed(&tree->owner);
    /* A handle may pass to another thread; what it hands on (smr/) orders the two owners. */
    if (owner == NULL && cc__swap_if_acq_rel(&tree->owner, &owner, self)) owner = self;
    if (CC_LIKELY(owner == self)) {
        cc__store_relaxed(&tree->own, cc__load_relaxed(&tree->own) + change);
        return;
    }
    cc__map_shard_t *shards = shards_of(tree);
    size_t index = (uintptr_t)self / CC_CACHE_LINE_SIZE % 31 % CC__MAP_SHARDS; /* handles are some lines apart */
    (void)cc__add_relaxed(shards != NULL ? &shards[index].count : &tree->others, change);
}

static int64_t count_of(cc__map_tree_t *tree) {
    int64_t count = cc__load_relaxed(&tree->own) + cc__load_relaxed(&tree->others);
    cc__map_shard_t *shards = cc__load_acquire(&tree->shards); /* pairs with shards_of */
    for (size_t i = 0; shards != NULL && i < CC__MAP_SHARDS; i++) count += cc__load_relaxed(&shards[i].count);
    return count > 0 ? count : 0;
}

/* A section around a look at the tree. */
static cc__map_tree_t *enter(cc_map_t *map, cc_smr_thread_t **self) {
    *self = cc_smr_self(map->domain);
    if (*self == NULL) return NULL;
    cc_smr_enter(*self);
    return cc_smr_protect(*self, &map->tree);
}

size_t cc_map_count(const cc_map_t *map_) {
    cc_map_t *map = (cc_map_t *)(uintptr_t)map_;
    cc_smr_thread_t *self;
    cc__map_tree_t *tree = enter(map, &self);
    if (tree == NULL) return 0;
    size_t count = (size_t)count_of(tree);
    cc_smr_exit(self);
    return count;
}

size_t cc_map_memory_usage(const cc_map_t *map_) {
    cc_map_t *map = (cc_map_t *)(uintptr_t)map_;
    cc_smr_thread_t *self;
    cc__map_tree_t *tree = enter(map, &self);
    if (tree == NULL) return 0;
    size_t bytes = sizeof *map + sizeof *tree + CC_SMR_HEADER_SIZE;
    bytes += cc__load_relaxed(&tree->leaves) * (cc__map_node_size(0, map->keyed) + CC_SMR_HEADER_SIZE);
    bytes += cc__load_relaxed(&tree->inners) * (cc__map_node_size(1, map->keyed) + CC_SMR_HEADER_SIZE);
    if (cc__load_relaxed(&tree->shards) != NULL) bytes += CC__MAP_SHARDS * sizeof(cc__map_shard_t);
    cc_smr_exit(self);
    return bytes;
}

/* ---- creating and destroying ------------------------------------------------------------------------------------ */

cc_map_t *cc_map_create(const cc_map_type_t *type, void *context, cc_smr_t *domain) {
    static const cc_map_type_t no_hooks;
    cc_map_t *map = cc_alloc_node(sizeof *map);
    if (map == NULL) return NULL;
    *map = (cc_map_t){.domain = domain, .origin = type != NULL ? type : &no_hooks, .context = context};
    map->type = *map->origin;
    map->plain = map->type.compare == NULL && map->type.quick_compare == NULL;
    map->keyed = !map->plain || map->type.hold_key != NULL || map->type.release_key != NULL;
    map->counted = map->type.release_key != NULL || map->type.release_value != NULL;
    map->own_domain = domain == NULL;
    if (map->own_domain) map->domain = cc_smr_create(CC_SMR_IBR, NULL);
    cc_smr_thread_t *self = map->domain != NULL ? cc_smr_self(map->domain) : NULL;
    cc__map_tree_t *tree = self != NULL ? new_tree(map, self) : NULL;
    if (tree == NULL) {
        if (map->own_domain) (void)cc_smr_destroy(map->domain);
        cc_free(map, sizeof *map);
        return NULL;
    }
    atomic_init(&map->tree, tree);
    return map;
}

/* What is done with the nodes of a tree that is out of the map. */
typedef enum dismantling {
    FREE,    /* nobody else can see them: release and free */
    RELEASE, /* others may be reading nodes, but not what these refer to: release now, retire */
    RETIRE   /* both when nobody can read them any more */
} dismantling_t;

static void dismantle(cc_smr_thread_t *self, cc__map_node_t *node, dismantling_t way) {
    if (node->level > 0) {
        unsigned count = cc__load_relaxed(&node->count);
        for (unsigned i = 0; i <= count; i++) dismantle(self, cc__load_relaxed(&node->slots[i]), way);
    }
    if (way != RETIRE) release_node(node->type, node);
    if (way == RETIRE)
        cc__map_outlives_all(node); /* a section may have found the references in another node, in any epoch */
    if (way == FREE)
        cc__map_free_node(node);
    else
        cc__map_retire_node(self, node, way == RETIRE ? free_full_node : NULL);
}

void cc_map_destroy(cc_map_t *map) {
    if (map == NULL) return;
    cc__map_tree_t *tree = cc__load_relaxed(&map->tree); /* nobody else is in the map */
    dismantle(NULL, cc__load_relaxed(&tree->root), FREE);
    free_tree(tree, sizeof *tree);
    if (map->own_domain) (void)cc_smr_destroy(map->domain);
    cc_free(map, sizeof *map);
}

/* ---- emptying --------------------------------------------------------------------------------------------------- */

static void make_obsolete(cc__map_version_t *word) {
    uint64_t version;
    do (void)cc__map_read_version(word, &version);
    while (!cc__map_lock(word, version));
    (void)cc__map_unlock(word, version, CC__MAP_CHANGED | CC__MAP_OBSOLETE);
}

/* From the top: an obsolete node gets no new children, and those that it has stay. */
static void make_all_obsolete(cc__map_node_t *node) {
    make_obsolete(&node->version);
    if (node->level == 0) return;
    unsigned count = cc__load_acquire(&node->count);
    for (unsigned i = 0; i <= count; i++) make_all_obsolete(cc__load_acquire(&node->slots[i]));
}

int cc_map_clear(cc_map_t *map) {
    cc_smr_thread_t *self = cc_smr_self(map->domain);
    cc__map_tree_t *empty = self != NULL ? new_tree(map, self) : NULL;
    if (empty == NULL) return -CC_ERROR_MEMORY;
    cc__map_tree_t *tree = cc__load_acquire(&map->tree); /* pairs with the exchange below */
    /* Linearization point. What others still do to the old tree comes before it: they began before, and are done, or
     * have met an obsolete node and begun anew, when this returns. */
    while (!cc__swap_if_acq_rel(&map->tree, &tree, empty))
        continue; /* pairs with cc_smr_protect where searches start */
    make_obsolete(&tree->version);
    cc__map_node_t *root = cc__load_acquire(&tree->root); /* pairs with who has changed it under the lock */
    make_all_obsolete(root);
    dismantle(self, root, map->counted && !map->type.deferred ? RELEASE : RETIRE);
    cc_smr_retire(self, tree, sizeof *tree, free_tree);
    return 0;
}

int cc_map_drain(cc_map_t *map, uint64_t timeout_ns) {
    cc_smr_thread_t *self = cc_smr_self(map->domain);
    return self != NULL ? -cc_smr_drain(self, timeout_ns) : -CC_ERROR_MEMORY;
}

/* ---- visiting --------------------------------------------------------------------------------------------------- */

static int visit_node(cc__map_node_t *node, int (*visit)(void *reference, void *argument), void *argument) {
    unsigned count = cc__load_relaxed(&node->count);
    for (unsigned i = 0; i < count; i++) {
        void *object = cc__map_object(node, i),
             *value = node->level == 0 ? cc__load_relaxed(&node->slots[i + 1]) : NULL;
        int status = object != NULL ? visit(object, argument) : 0;
        if (status == 0 && value != NULL) status = visit(value, argument);
        if (status != 0) return status;
    }
    for (unsigned i = 0; node->level > 0 && i <= count; i++) {
        int status = visit_node(cc__load_relaxed(&node->slots[i]), visit, argument);
        if (status != 0) return status;
    }
    return 0;
}

int cc_map_visit(cc_map_t *map, int (*visit)(void *reference, void *argument), void *argument) {
    cc__map_tree_t *tree = cc__load_relaxed(&map->tree);
    return visit_node(cc__load_relaxed(&tree->root), visit, argument);
}
