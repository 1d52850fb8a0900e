/* collections/map_search.c: the way down to a key, and reading its value. */
#include "map_internal.h"

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

/* How many of a node's prefixes are below `prefix`. No branch depends on the keys, and the loads do not wait for each other but once:
 * first one prefix of each line, then the line that is left. `capacity` is a multiple of CC__MAP_BLOCK. */
static inline unsigned count_below(const _Atomic(uint64_t) *prefixes, unsigned capacity, uint64_t prefix) {
    size_t block = 0, below = 0;
    for (unsigned last = CC__MAP_BLOCK - 1; last < capacity - 1; last += CC__MAP_BLOCK) block += cc__load_acquire(&prefixes[last]) < prefix;
    prefixes += block * CC__MAP_BLOCK;
    for (unsigned i = 0; i < CC__MAP_BLOCK; i++) below += cc__load_acquire(&prefixes[i]) < prefix;
    return (unsigned)(block * CC__MAP_BLOCK + below);
}

bool cc__map_is_path(cc__map_search_t *search, unsigned level) {
    const cc__map_path_t *path = &search->path;
    /* From the top: a node whose parent has not changed is still linked, so it may be read. */
    cc__map_tree_t *tree = cc_smr_protect(search->self, &search->map->tree);
    if (tree != path->tree || tree->id != path->tree_id || !cc__map_is_version(&tree->version, path->tree_version)) return false;
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
static int locate_by_hooks(cc__map_search_t *search, const cc_map_key_t *key, unsigned level, unsigned low, unsigned high,
                           unsigned *index, bool *found) {
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

/* Whether prefixes tell where a key belongs, or at least between which others. */
static inline bool has_prefix(const cc__map_search_t *search, const cc_map_key_t *key) {
    return search->map->plain || (key->kind == search->path.kind && key->kind != CC_MAP_NO_PREFIX);
}

/* Whether its prefix is the whole key. (The greatest prefix stands in unused places, too.) */
static inline bool is_exact(const cc__map_search_t *search, const cc_map_key_t *key) {
    return has_prefix(search, key) && (search->map->plain || key->exact) && key->prefix != UINT64_MAX;
}

int cc__map_locate(cc__map_search_t *search, const cc_map_key_t *key, unsigned level, unsigned *index, bool *found) {
    cc_map_t *map = search->map;
    cc__map_node_t *node = search->path.steps[level].node;
    unsigned count = cc__map_node_count(node), low = 0, high = count;
    if (has_prefix(search, key)) {
        const _Atomic(uint64_t) *prefixes = cc__map_prefixes(node, level);
        low = count_below(prefixes, cc__map_capacity(level), key->prefix);
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
        if (key->prefix != UINT64_MAX) high = count_below(prefixes, cc__map_capacity(level), key->prefix + 1);
        if (high > count) high = count;
    }
    return locate_by_hooks(search, key, level, low, high, index, found);
}

/* ---- the way down ----------------------------------------------------------------------------------------------- */

/* Has the lines of a node's prefixes fetched all at once. */
static inline void prefetch(cc__map_node_t *node, unsigned level) {
    const char *first = (const char *)cc__map_prefixes(node, level);
    __builtin_prefetch(node);
    for (unsigned byte = 0; byte < cc__map_capacity(level) * sizeof(uint64_t); byte += CC_CACHE_LINE_SIZE) __builtin_prefetch(first + byte);
}

static inline bool start(cc__map_search_t *search) {
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
    return cc__map_read_version(&root->version, &step->version) && cc__map_is_version(&tree->version, path->tree_version);
}

/* Steps from the node at `level` to the child at its index. The first look at the version says that the child was linked when it was
 * loaded, so that it may be read (what cc/smr.h asks of IBR's readers); the second, that the child's version is of that time. */
static inline bool step_down(cc__map_search_t *search, unsigned level) {
    cc__map_step_t *step = &search->path.steps[level], *next = step - 1;
    next->node = cc_smr_protect(search->self, &step->node->slots[step->index]);
    if (!cc__map_is_version(&step->node->version, step->version)) return false;
    prefetch(next->node, level - 1);
    return cc__map_read_version(&next->node->version, &next->version) && cc__map_is_version(&step->node->version, step->version);
}

/* The whole way by prefixes alone. */
static inline int search_exactly(cc__map_search_t *search, uint64_t prefix) {
    for (unsigned level = search->path.height; level > 0; level--) {
        cc__map_step_t *step = &search->path.steps[level];
        step->index = count_below(cc__map_prefixes(step->node, level), CC__MAP_INNER_KEYS, prefix + 1);
        if (CC_UNLIKELY(!step_down(search, level))) return CC__MAP_AGAIN;
    }
    cc__map_step_t *leaf = &search->path.steps[0];
    const _Atomic(uint64_t) *prefixes = cc__map_prefixes(leaf->node, 0);
    leaf->index = count_below(prefixes, CC__MAP_LEAF_KEYS, prefix);
    search->found = leaf->index < CC__MAP_LEAF_KEYS && cc__load_acquire(&prefixes[leaf->index]) == prefix;
    return 0;
}

static int search_slowly(cc__map_search_t *search, const cc_map_key_t *key) {
    for (unsigned level = search->path.height; level > 0; level--) {
        unsigned index = 0;
        bool found = false;
        int status = cc__map_locate(search, key, level, &index, &found);
        if (status != 0) return status;
        search->path.steps[level].index = index + found;
        if (!step_down(search, level)) return CC__MAP_AGAIN;
    }
    return cc__map_locate(search, key, 0, &search->path.steps[0].index, &search->found);
}

static inline int search_key(cc__map_search_t *search, const cc_map_key_t *key) {
    if (CC_UNLIKELY(!start(search))) return CC__MAP_AGAIN;
    return CC_LIKELY(is_exact(search, key)) ? search_exactly(search, key->prefix) : search_slowly(search, key);
}

int cc__map_search_key(cc__map_search_t *search, const cc_map_key_t *key) {
    return search_key(search, key);
}

/* From the node at `level` down along one side. */
static int go_down(cc__map_search_t *search, unsigned level, int direction) {
    for (; level > 0; level--) {
        if (!step_down(search, level)) return CC__MAP_AGAIN;
        cc__map_step_t *step = &search->path.steps[level - 1];
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

/* Who goes on to one leaf will want the next. The pointer may be stale: it is not followed. */
static void prefetch_neighbour(const cc__map_step_t *step, int direction) {
    unsigned index = step->index + (unsigned)direction;
    if (step->node->level != 1 || index > CC__MAP_INNER_KEYS) return;
    const char *leaf = cc__load_acquire(&step->node->slots[index]);
    for (unsigned byte = 0; byte < cc__map_node_size(0, step->node->keyed); byte += CC_CACHE_LINE_SIZE) __builtin_prefetch(leaf + byte);
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

int cc_map_get(cc_map_t *map, const cc_map_key_t *key, void **value) {
    cc__map_search_t search;
    if (CC_UNLIKELY(!begin(&search, map))) return -CC_ERROR_MEMORY;
    int status = CC__MAP_AGAIN;
    while (status == CC__MAP_AGAIN && cc__map_retry(&search)) {
        status = search_key(&search, key);
        if (CC_UNLIKELY(status != 0)) continue;
        void *seen = search.found ? cc__map_entry(&search, search.path.steps[0].index).value : NULL;
        /* The linearization point is the load of the value, or of the version when there is none. */
        status = cc__map_confirm(&search) ? search.found : CC__MAP_AGAIN;
        if (status == 1 && value != NULL) {
            cc__map_hold_value(map, seen);
            *value = seen;
        }
    }
    end(&search);
    return status;
}
