/* collections/map_insert.c: storing, and splitting full nodes. */
#include "map_internal.h"

/* ---- changing nodes --------------------------------------------------------------------------------------------- */

static void set_prefix(cc__map_node_t *node, unsigned index, uint64_t prefix) {
    cc__store_release(&cc__map_prefixes(node, node->level)[index], prefix);
    if (node->level > 0 && index % CC__MAP_BLOCK == CC__MAP_BLOCK - 1)
        cc__store_release(&cc__map_fences(node)[index / CC__MAP_BLOCK], prefix);
}

static void set_place(cc__map_node_t *node, unsigned index, uint64_t prefix, void *object, void *pointer) {
    set_prefix(node, index, prefix);
    cc__map_disturb();
    if (node->keyed) cc__store_release(&cc__map_objects(node)[index], object);
    cc__store_release(&node->slots[index + 1], pointer);
}

static void copy_place(cc__map_node_t *source, unsigned from, cc__map_node_t *target, unsigned to) {
    set_place(target, to, cc__load_relaxed(&cc__map_prefixes(source, source->level)[from]),
              source->keyed ? cc__load_relaxed(&cc__map_objects(source)[from]) : NULL,
              cc__load_relaxed(&source->slots[from + 1]));
}

void cc__map_insert_at(cc__map_node_t *node, unsigned index, uint64_t prefix, void *object, void *pointer) {
    unsigned count = cc__load_relaxed(&node->count);
    for (unsigned i = count; i > index; i--) copy_place(node, i - 1, node, i);
    set_place(node, index, prefix, object, pointer);
    cc__store_release(&node->count, count + 1);
}

void cc__map_remove_at(cc__map_node_t *node, unsigned index) {
    unsigned count = cc__load_relaxed(&node->count) - 1;
    for (unsigned i = index; i < count; i++) copy_place(node, i + 1, node, i);
    set_prefix(node, count, UINT64_MAX);
    cc__store_release(&node->count, count);
}

void cc__map_move(cc__map_node_t *source, unsigned from, cc__map_node_t *target) {
    unsigned count = cc__load_relaxed(&source->count), to = cc__load_relaxed(&target->count);
    for (unsigned i = from; i < count; i++) copy_place(source, i, target, to++);
    cc__store_release(&target->count, to);
    for (unsigned i = from; i < count; i++) set_prefix(source, i, UINT64_MAX);
    cc__store_release(&source->count, from);
}

/* ---- splitting -------------------------------------------------------------------------------------------------- */

/* Whether the new key goes to the very end of the map (1), its very beginning (-1), or elsewhere (0). */
static int edge_of(const cc__map_path_t *path) {
    bool first = true, last = true;
    for (unsigned level = 0; level <= path->height; level++) {
        const cc__map_step_t *step = &path->steps[level];
        first &= step->index == 0;
        last &= step->index == cc__map_node_count(step->node);
    }
    return last - first;
}

/* The key at which a full node is split: in the middle; near the edge when keys come in order there, so that full nodes
 * stay behind. A leaf's first or last key is then alone; an inner node's separator there goes up, so it is the last or
 * first but one that is. */
static unsigned split_at(const cc__map_path_t *path, unsigned level, unsigned count) {
    int edge = edge_of(path);
    if (edge == 0) return count / 2;
    return edge < 0 ? 1 : count - (level == 0 ? 1 : 2);
}

/* Splits the full node at a level of the path, or the first above it whose parent has room: CC__MAP_AGAIN, or an error.
 * The right half gets a new node; a separator, the first key there, goes into the parent. Nothing is compared: the path
 * knows where. */
static int split(cc__map_search_t *search, unsigned level) {
    cc_map_t *map = search->map;
    cc__map_path_t *path = &search->path;
    cc__map_step_t *step = &path->steps[level], *above = step + 1;
    bool is_root = level == path->height;
    if (!is_root && cc__map_node_count(above->node) == CC__MAP_INNER_KEYS) return split(search, level + 1);
    if (is_root && level + 1 == CC__MAP_DEPTH) return -CC_ERROR_LIMIT;

    cc__map_node_t *node = step->node, *right = cc__map_new_node(map, search->self, level), *root = NULL;
    if (is_root) root = cc__map_new_node(map, search->self, level + 1);
    if (right == NULL || (is_root && root == NULL)) {
        cc__map_free_node(right);
        cc__map_free_node(root);
        return -CC_ERROR_MEMORY;
    }
    cc__map_version_t *parent = is_root ? &path->tree->version : &above->node->version;
    uint64_t parent_version = is_root ? path->tree_version : above->version;
    bool locked = cc__map_lock(parent, parent_version);
    if (!locked || !cc__map_lock(&node->version, step->version)) {
        if (locked) (void)cc__map_unlock(parent, parent_version, 0);
        cc__map_free_node(right);
        cc__map_free_node(root);
        return CC__MAP_AGAIN;
    }
    unsigned stay = split_at(path, level, cc__load_relaxed(&node->count));
    uint64_t prefix = cc__load_relaxed(&cc__map_prefixes(node, node->level)[stay]);
    void *object = node->keyed ? cc__load_relaxed(&cc__map_objects(node)[stay]) : NULL;
    if (level == 0) {
        cc__map_hold_key(map, object); /* the separator's own */
        cc__map_move(node, stay, right);
    } else { /* the key itself goes up, its right child becomes the first of the new node */
        cc__store_release(&right->slots[0], cc__load_relaxed(&node->slots[stay + 1]));
        cc__map_move(node, stay + 1, right);
        cc__map_remove_at(node, stay);
    }
    if (is_root) {
        cc__store_release(&root->slots[0], node);
        cc__map_insert_at(root, 0, prefix, object, right);
        cc__store_release(&path->tree->root, root); /* pairs with cc_smr_protect: the new nodes are complete */
        (void)cc__add_relaxed(&path->tree->inners, 1);
    } else {
        cc__map_insert_at(above->node, above->index, prefix, object, right);
    }
    (void)cc__add_relaxed(level == 0 ? &path->tree->leaves : &path->tree->inners, 1);
    (void)cc__map_unlock(&node->version, step->version, CC__MAP_CHANGED);
    (void)cc__map_unlock(parent, parent_version, CC__MAP_CHANGED);
    return CC__MAP_AGAIN;
}

/* ---- storing ---------------------------------------------------------------------------------------------------- */

/* Makes the tree's kind one that the key fits. Before the key is stored: who finds it finds the kind, too
 * (cc__map_is_kind). */
static bool claim_kind(cc__map_search_t *search, const cc_map_key_t *key) {
    cc__map_path_t *path = &search->path;
    if (CC_LIKELY(cc__map_has_prefix(search->map, path->kind, key))) return true;
    if (path->kind == CC__MAP_MIXED) return true;
    uint32_t kind = path->kind == CC__MAP_UNSET && key->kind != CC_MAP_NO_PREFIX ? key->kind : CC__MAP_MIXED;
    uint32_t seen = path->kind;
    /* release pairs with the acquire loads of the kind */
    if (!cc__swap_if_acq_rel(&path->tree->kind, &seen, kind)) return false;
    path->kind = kind;
    return true;
}

/* Has a first key compared with itself: with nothing else to be compared with, one that has no order would get in and
 * then stand in the way of all others. Outside the section, as every comparison by a hook. */
static int compare_first(cc__map_search_t *search, const cc_map_key_t *key) {
    cc_map_t *map = search->map;
    int order = 0;
    cc_smr_exit(search->self);
    int status = map->type.compare(map->context, key->object, key->object, &order);
    cc_smr_enter(search->self);
    if (status != 0) return status < CC__MAP_AGAIN ? status : -CC_ERROR_ARGUMENT;
    return cc__map_is_path(search, 0) ? 0 : CC__MAP_AGAIN;
}

/* `compared`: whether the key was compared with itself. Once is enough for an operation: a comparison that empties the
 * map each time would keep it for ever. */
static int put_new(cc__map_search_t *search, const cc_map_key_t *key, void *value, bool *compared) {
    cc_map_t *map = search->map;
    cc__map_step_t *leaf = &search->path.steps[0];
    if (search->path.height == 0 && cc__map_node_count(leaf->node) == 0 && key->kind == CC_MAP_NO_PREFIX &&
        map->type.compare != NULL && !*compared) {
        *compared = true;
        int status = compare_first(search, key);
        if (status != 0) return status;
    }
    if (cc__map_node_count(leaf->node) == CC__MAP_LEAF_KEYS) return split(search, 0);
    if (!claim_kind(search, key) || !cc__map_lock_leaf(search)) return CC__MAP_AGAIN;
    cc__map_hold_key(map, key->object);
    cc__map_hold_value(map, value);
    cc__map_insert_at(leaf->node, leaf->index, key->prefix, key->object, value);
    (void)cc__map_unlock(&leaf->node->version, leaf->version, CC__MAP_CHANGED); /* linearization point */
    cc__map_add(search->path.tree, search->self, 1);
    return CC_MAP_STORED;
}

/* The key is there and stays: its value alone changes, which readers may see or not, so that the version can stay as it
 * is. */
static int put_over(cc__map_search_t *search, void *value, bool conditional, const void *expected, void **old) {
    cc_map_t *map = search->map;
    cc__map_step_t *leaf = &search->path.steps[0];
    if (!cc__map_reserve(search)) return -CC_ERROR_MEMORY;
    if (!cc__map_lock_leaf(search)) return CC__MAP_AGAIN;
    void *_Atomic *slot = &leaf->node->slots[leaf->index + 1];
    void *seen = cc__load_relaxed(slot);
    bool store = !conditional || seen == expected;
    if (store) {
        cc__map_hold_value(map, value);
        cc__store_release(slot, value); /* linearization point; pairs with cc__map_entry */
    }
    if (old != NULL) {
        cc__map_hold_value(map, seen);
        *old = seen;
    }
    (void)cc__map_unlock(&leaf->node->version, leaf->version, 0);
    if (store) cc__map_drop(search, NULL, seen);
    return store ? CC_MAP_STORED | CC_MAP_FOUND : CC_MAP_FOUND;
}

/* Tells what is there. */
static int see(cc__map_search_t *search, void **old) {
    void *seen = search->found ? cc__map_entry(search, search->path.steps[0].index).value : NULL;
    if (!cc__map_confirm(search)) return CC__MAP_AGAIN;
    if (!search->found) return 0;
    if (old != NULL) {
        cc__map_hold_value(search->map, seen);
        *old = seen;
    }
    return CC_MAP_FOUND;
}

int cc_map_put(cc_map_t *map, const cc_map_key_t *key, void *value, cc_map_mode_t mode, const void *expected,
               void **old) {
    cc__map_search_t search;
    if (CC_UNLIKELY(!cc__map_begin(&search, map))) return -CC_ERROR_MEMORY;
    int status = CC__MAP_AGAIN;
    bool compared = false;
    while (status == CC__MAP_AGAIN && cc__map_retry(&search)) {
        status = cc__map_search_key(&search, key);
        if (CC_UNLIKELY(status != 0)) continue;
        if (search.found)
            status = mode == CC_MAP_IF_ABSENT ? see(&search, old)
                                              : put_over(&search, value, mode == CC_MAP_IF_VALUE, expected, old);
        else
            status = mode == CC_MAP_IF_PRESENT || mode == CC_MAP_IF_VALUE ? see(&search, NULL)
                                                                          : put_new(&search, key, value, &compared);
    }
    cc__map_end(&search);
    return status;
}
