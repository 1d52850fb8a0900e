/* collections/map_search.c: the way down to a key, and reading its value. */
#include "map_internal.h"

/* Inlined into each caller: the way down is some hundred instructions, and what it finds stays in registers. */
#define HOT static inline __attribute__((always_inline))

/* ---- operations ------------------------------------------------------------------------------------------------- */

static inline bool begin(cc__map_search_t *search, cc_map_t *map) {
    search->map = map;
    search->attempts = 0;
    search->reserved = NULL;
    search->dropped = 0;
    search->self = cc_smr_self(map->domain);
    if (CC_UNLIKELY(search->self == NULL)) return false;
    cc_smr_enter(search->self);
    return true;
}

bool cc__map_begin(cc__map_search_t *search, cc_map_t *map) {
    return begin(search, map);
}

static void free_dead(void *node, size_t size) {
    cc__map_dead_t dead = *(cc__map_dead_t *)node;
    cc_smr_free_node(node, size);
    cc__map_release_key(dead.type, dead.object);
    cc__map_release_value(dead.type, dead.value);
}

static void end_slowly(cc__map_search_t *search) {
    cc_map_t *map = search->map;
    cc_smr_free_node(search->reserved, sizeof *search->reserved);
    for (unsigned i = 0; i < search->dropped; i++) {
        cc__map_dead_t *node = search->drops[i].node;
        if (node == NULL) {
            cc__map_release_key(&map->type, search->drops[i].object);
            cc__map_release_value(&map->type, search->drops[i].value);
            continue;
        }
        *node = (cc__map_dead_t){map->origin, search->drops[i].object, search->drops[i].value};
        cc_smr_retire(search->self, node, sizeof *node, free_dead);
    }
}

static inline void end(cc__map_search_t *search) {
    cc_smr_exit(search->self);
    if (CC_UNLIKELY(search->reserved != NULL || search->dropped != 0)) end_slowly(search);
}

void cc__map_end(cc__map_search_t *search) {
    end(search);
}

bool cc__map_reserve(cc__map_search_t *search) {
    if (!search->map->counted || !search->map->type.deferred || search->reserved != NULL) return true;
    search->reserved = cc_smr_alloc_node(search->self, sizeof *search->reserved);
    if (search->reserved == NULL) return false;
    cc__map_outlives_all(search->reserved);
    return true;
}

void cc__map_drop(cc__map_search_t *search, void *object, void *value) {
    if (!search->map->counted) return;
    search->drops[search->dropped].object = object;
    search->drops[search->dropped].value = value;
    search->drops[search->dropped++].node = search->reserved;
    search->reserved = NULL;
}

/* ---- places in a node ------------------------------------------------------------------------------------------- */

/* How many of the prefixes are below `prefix`: `count` of them, an even constant. No branch depends on the keys, no
 * load waits for another, and two sums grow side by side. */
HOT unsigned count_some(const _Atomic(uint64_t) *prefixes, unsigned count, unsigned stride, uint64_t prefix) {
    size_t even = 0, odd = 0;
#pragma GCC unroll 8
    for (unsigned i = 0; i < count; i += 2) {
        even += cc__load_acquire(&prefixes[i * stride]) < prefix;
        odd += cc__load_acquire(&prefixes[(i + 1) * stride]) < prefix;
    }
    return (unsigned)(even + odd);
}

/* How many of a node's prefixes are below `prefix`: first the last one of each block, then those of the one block that
 * is left. pre: the node is of this level. */
HOT unsigned count_below(cc__map_node_t *node, unsigned level, uint64_t prefix) {
    const _Atomic(uint64_t) *prefixes = cc__map_prefixes(node, level);
    unsigned others = cc__map_capacity(level) / CC__MAP_BLOCK - 1;
    unsigned before = level == 0 ? count_some(prefixes + CC__MAP_BLOCK - 1, others, CC__MAP_BLOCK, prefix)
                                 : count_some(cc__map_fences(node), others, 1, prefix);
    before *= CC__MAP_BLOCK;
    return before + count_some(prefixes + before, CC__MAP_BLOCK, 1, prefix);
}

/* Whether a leaf has this prefix at the index that count_below gave. */
HOT bool is_at(cc__map_node_t *leaf, unsigned index, uint64_t prefix) {
    return index < CC__MAP_LEAF_KEYS && cc__load_acquire(&cc__map_prefixes(leaf, 0)[index]) == prefix;
}

bool cc__map_is_path(cc__map_search_t *search, unsigned level) {
    const cc__map_path_t *path = &search->path;
    /* From the top: a node whose parent has not changed is still linked, so it may be read. */
    cc__map_tree_t *tree = cc_smr_protect(search->self, &search->map->tree);
    if (tree != path->tree || tree->id != path->tree_id || !cc__map_is_version(&tree->version, path->tree_version))
        return false;
    for (unsigned i = path->height + 1; i-- > level;)
        if (!cc__map_is_version(&path->steps[i].node->version, path->steps[i].version)) return false;
    return true;
}

/* Orders the object at `index` of the node at `level` and the wanted one. */
static int compare_at(cc__map_search_t *search, const cc_map_key_t *key, unsigned level, unsigned index, int *order) {
    cc_map_t *map = search->map;
    cc__map_step_t *step = &search->path.steps[level];
    void *stored = cc__map_object(step->node, index);
    /* The object is one that the node refers to; the section, or the caller's lock, keeps it alive. */
    if (!cc__map_is_version(&step->node->version, step->version)) return CC__MAP_AGAIN;
    if (stored == key->object) {
        *order = 0;
        return 0;
    }
    if (map->type.quick_compare != NULL && map->type.quick_compare(map->context, stored, key->object, order)) return 0;
    if (map->type.compare == NULL) {
        *order = 0;
        return 0;
    }
    /* Foreign code may take any time: no section holds back the memory of others meanwhile. */
    cc__map_hold_key(map, stored);
    cc_smr_exit(search->self);
    int status = map->type.compare(map->context, stored, key->object, order);
    cc__map_release_key(&map->type, stored);
    cc_smr_enter(search->self);
    if (status != 0) return status < CC__MAP_AGAIN ? status : -CC_ERROR_ARGUMENT; /* no number that a hook may return */
    return cc__map_is_path(search, level) ? 0 : CC__MAP_AGAIN;
}

/* Finds a place by the hooks, between two others. */
static int locate_by_hooks(cc__map_search_t *search, const cc_map_key_t *key, unsigned level, unsigned low,
                           unsigned high, unsigned *index, bool *found) {
    *found = false;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int order = 0, status = compare_at(search, key, level, middle, &order);
        if (status != 0) return status;
        if (order == 0) {
            *index = middle;
            *found = true;
            return 0;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *index = low;
    return 0;
}

/* Whether its prefix is the whole key, in a tree of a kind. (The greatest prefix stands in unused places, too.) */
static inline bool is_exact(const cc_map_t *map, uint32_t kind, const cc_map_key_t *key) {
    return cc__map_has_prefix(map, kind, key) && (map->plain || key->exact) && key->prefix != UINT64_MAX;
}

int cc__map_locate(cc__map_search_t *search, const cc_map_key_t *key, unsigned level, unsigned *index, bool *found) {
    cc_map_t *map = search->map;
    cc__map_node_t *node = search->path.steps[level].node;
    unsigned count = cc__map_node_count(node), low = 0, high = count;
    if (cc__map_has_prefix(map, search->path.kind, key)) {
        const _Atomic(uint64_t) *prefixes = cc__map_prefixes(node, level);
        low = count_below(node, level, key->prefix);
        if (low > count) low = count;
        if (low == count || cc__load_acquire(&prefixes[low]) != key->prefix) {
            *index = low;
            *found = false;
            return 0;
        }
        if (map->plain || key->exact) {
            *index = low;
            *found = true;
            return 0;
        }
        if (key->prefix != UINT64_MAX) high = count_below(node, level, key->prefix + 1);
        if (high > count) high = count;
    }
    return locate_by_hooks(search, key, level, low, high, index, found);
}

/* ---- the way down ----------------------------------------------------------------------------------------------- */

/* Has the lines of some memory fetched all at once. The pointer may be stale: it is not followed. */
HOT void fetch(const void *first, size_t size) {
    for (size_t byte = 0; byte < size; byte += CC_CACHE_LINE_SIZE) __builtin_prefetch((const char *)first + byte);
}

/* Has what a search needs of a node fetched: of a leaf all up to the objects, of an inner node the fences. */
HOT void prefetch(cc__map_node_t *node, unsigned level) {
    __builtin_prefetch(node);
    if (level == 0)
        fetch(node, cc__map_node_size(0, false));
    else
        fetch(cc__map_fences(node), CC__MAP_FENCES * sizeof(uint64_t));
}

HOT bool start(cc__map_search_t *search) {
    cc_map_t *map = search->map;
    cc__map_path_t *path = &search->path;
    cc__map_tree_t *tree = cc_smr_protect(search->self, &map->tree);
    path->tree = tree;
    path->tree_id = tree->id;
    path->kind = cc__load_acquire(&tree->kind); /* pairs with cc_map_put: later than the kind are its keys */
    if (!cc__map_read_version(&tree->version, &path->tree_version)) return false;
    cc__map_node_t *root = cc_smr_protect(search->self, &tree->root);
    if (!cc__map_is_version(&tree->version, path->tree_version)) return false;
    path->height = root->level;
    cc__map_step_t *step = &path->steps[root->level];
    step->node = root;
    return cc__map_read_version(&root->version, &step->version) &&
           cc__map_is_version(&tree->version, path->tree_version);
}

/* Steps from a node at `level` to the child at its index. The first look at the version says that the child was linked
 * when it was loaded, so that it may be read (what cc/smr.h asks of IBR's readers); the second, that the child's
 * version is of that time. */
HOT bool step_down(cc__map_search_t *search, unsigned level, cc__map_step_t *step) {
    cc__map_step_t above = *step;
    step->node = cc_smr_protect(search->self, &above.node->slots[above.index]);
    if (!cc__map_is_version(&above.node->version, above.version)) return false;
    prefetch(step->node, level - 1);
    return cc__map_read_version(&step->node->version, &step->version) &&
           cc__map_is_version(&above.node->version, above.version);
}

/* The whole way by prefixes alone. */
HOT int search_exactly(cc__map_search_t *search, uint64_t prefix) {
    cc__map_step_t *steps = search->path.steps, step = steps[search->path.height]; /* at hand, not in memory */
    for (unsigned level = search->path.height; level > 0; level--) {
        step.index = count_below(step.node, 1, prefix + 1);
        steps[level] = step;
        if (CC_UNLIKELY(!step_down(search, level, &step))) return CC__MAP_AGAIN;
    }
    step.index = count_below(step.node, 0, prefix);
    steps[0] = step;
    search->found = is_at(step.node, step.index, prefix);
    return 0;
}

static int search_slowly(cc__map_search_t *search, const cc_map_key_t *key) {
    for (unsigned level = search->path.height; level > 0; level--) {
        unsigned index = 0;
        bool found = false;
        int status = cc__map_locate(search, key, level, &index, &found);
        if (status != 0) return status;
        search->path.steps[level].index = index + found;
        search->path.steps[level - 1] = search->path.steps[level];
        if (!step_down(search, level, &search->path.steps[level - 1])) return CC__MAP_AGAIN;
    }
    return cc__map_locate(search, key, 0, &search->path.steps[0].index, &search->found);
}

HOT int search_key(cc__map_search_t *search, const cc_map_key_t *key) {
    if (CC_UNLIKELY(!start(search))) return CC__MAP_AGAIN;
    return CC_LIKELY(is_exact(search->map, search->path.kind, key)) ? search_exactly(search, key->prefix)
                                                                    : search_slowly(search, key);
}

int cc__map_search_key(cc__map_search_t *search, const cc_map_key_t *key) {
    return search_key(search, key);
}

/* From the node at `level` down along one side. */
static int go_down(cc__map_search_t *search, unsigned level, int direction) {
    for (; level > 0; level--) {
        cc__map_step_t *step = &search->path.steps[level - 1];
        *step = search->path.steps[level];
        if (!step_down(search, level, step)) return CC__MAP_AGAIN;
        step->index = direction > 0 ? 0 : cc__map_node_count(step->node);
    }
    return 1;
}

int cc__map_search_edge(cc__map_search_t *search, int direction) {
    if (!start(search)) return CC__MAP_AGAIN;
    cc__map_step_t *root = &search->path.steps[search->path.height];
    root->index = direction > 0 ? 0 : cc__map_node_count(root->node);
    return go_down(search, search->path.height, direction) == 1 ? 0 : CC__MAP_AGAIN;
}

/* Who goes on to one leaf will want the next. */
static void prefetch_neighbour(const cc__map_step_t *step, int direction) {
    unsigned index = step->index + (unsigned)direction;
    if (step->node->level != 1 || index > CC__MAP_INNER_KEYS) return;
    fetch(cc__load_acquire(&step->node->slots[index]), cc__map_node_size(0, step->node->keyed));
}

int cc__map_next_leaf(cc__map_search_t *search, int direction) {
    cc__map_path_t *path = &search->path;
    for (unsigned level = 1; level <= path->height; level++) {
        cc__map_step_t *step = &path->steps[level];
        if (step->index == (direction > 0 ? cc__map_node_count(step->node) : 0)) continue;
        step->index += (unsigned)direction;
        prefetch_neighbour(step, direction);
        return go_down(search, level, direction);
    }
    return cc__map_is_path(search, 0) ? 0 : CC__MAP_AGAIN;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* What a search ends with: the value in the leaf at an index (behind the last value lie prefixes), or `other`, held for
 * the caller. Chosen without a branch: whether a key is there nobody can predict, and what comes after need not wait
 * until it is known. */
HOT void *choose(const cc_map_t *map, void *seen, bool found, void *other) {
    uintptr_t mask = (uintptr_t)0 - (uintptr_t)found;
    void *value = (void *)(((uintptr_t)seen & mask) | ((uintptr_t)other & ~mask));
    cc__map_hold_value(map, value);
    return value;
}

int cc_map_get_or(cc_map_t *map, const cc_map_key_t *key, void *other, void **value) {
    cc__map_search_t search;
    if (CC_UNLIKELY(!begin(&search, map))) return -CC_ERROR_MEMORY;
    int status = CC__MAP_AGAIN;
    while (status == CC__MAP_AGAIN && cc__map_retry(&search)) {
        status = search_key(&search, key);
        if (CC_UNLIKELY(status != 0)) continue;
        /* The linearization point is the load of the value, or of the version when there is none. acquire pairs with
         * set_place and put_over */
        void *seen = cc__load_acquire(&search.path.steps[0].node->slots[search.path.steps[0].index + 1]);
        __builtin_prefetch(seen);
        status = cc__map_confirm(&search) ? search.found : CC__MAP_AGAIN;
        if (CC_LIKELY(status >= 0 && value != NULL)) *value = choose(map, seen, search.found, other);
    }
    end(&search);
    return status;
}

int cc_map_get(cc_map_t *map, const cc_map_key_t *key, void **value) {
    return cc_map_get_or(map, key, NULL, value);
}

/* Nothing here pairs with anything: the callers' lock orders it all. */
int cc_map_get_exclusive(cc_map_t *map, const cc_map_key_t *key, void *other, void **value) {
    cc__map_tree_t *tree = cc__load_relaxed(&map->tree);
    if (CC_UNLIKELY(!is_exact(map, cc__load_relaxed(&tree->kind), key))) return cc_map_get_or(map, key, other, value);
    cc__map_node_t *node = cc__load_relaxed(&tree->root);
    for (unsigned level = node->level; level > 0; level--) {
        node = cc__load_relaxed(&node->slots[count_below(node, 1, key->prefix + 1)]);
        prefetch(node, level - 1);
    }
    unsigned index = count_below(node, 0, key->prefix);
    bool found = is_at(node, index, key->prefix);
    if (CC_LIKELY(value != NULL)) *value = choose(map, cc__load_relaxed(&node->slots[index + 1]), found, other);
    return found;
}
