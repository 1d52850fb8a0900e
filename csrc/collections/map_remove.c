/* collections/map_remove.c: removing, and joining nodes that have become small. */
#include "map_internal.h"

/* ---- joining ---------------------------------------------------------------------------------------------------- */

/* Makes the only child of a root the root. */
static bool lower_root(cc__map_search_t *search) {
    cc__map_path_t *path = &search->path;
    cc__map_step_t *root = &path->steps[path->height];
    if (!cc__map_lock(&path->tree->version, path->tree_version)) return false;
    if (!cc__map_lock(&root->node->version, root->version)) {
        (void)cc__map_unlock(&path->tree->version, path->tree_version, 0);
        return false;
    }
    cc__store_release(&path->tree->root, cc__load_relaxed(&root->node->slots[0]));
    (void)cc__add_relaxed(&path->tree->inners, UINT64_MAX);
    (void)cc__map_unlock(&root->node->version, root->version, CC__MAP_CHANGED | CC__MAP_OBSOLETE);
    path->tree_version = cc__map_unlock(&path->tree->version, path->tree_version, CC__MAP_CHANGED);
    cc__map_retire_node(search->self, root->node, NULL);
    return true;
}

/* Whether two neighbours fit into one node, with room for some keys more unless one is empty. */
static bool fit(unsigned level, unsigned left, unsigned right) {
    unsigned capacity = cc__map_capacity(level);
    unsigned sum = left + right + (level > 0); /* the separator comes down */
    return sum <= (left == 0 || right == 0 ? capacity : capacity - capacity / 8);
}

/* Joins the children of the parent on both sides of its separator `between`. */
static bool join_children(cc__map_search_t *search, unsigned level, unsigned between) {
    cc_map_t *map = search->map;
    cc__map_path_t *path = &search->path;
    cc__map_step_t *own = &path->steps[level], *parent = own + 1;
    bool own_is_left = parent->index == between;
    cc__map_step_t other = {
        .node = cc_smr_protect(search->self, &parent->node->slots[own_is_left ? between + 1 : between])};
    if (!cc__map_is_version(&parent->node->version, parent->version)) return false; /* it was linked: it may be read */
    other.version = cc__load_acquire(&other.node->version);
    if ((other.version & (CC__MAP_LOCKED | CC__MAP_OBSOLETE)) != 0) return false;
    if (!fit(level, cc__map_node_count(own->node), cc__map_node_count(other.node))) return false;
    bool drops = level == 0 && map->keyed;
    if (drops && (search->dropped + 2 > CC__MAP_DROPS || !cc__map_reserve(search))) return false; /* another time */

    cc__map_step_t left = own_is_left ? *own : other, right = own_is_left ? other : *own;
    if (!cc__map_lock(&parent->node->version, parent->version)) return false;
    if (!cc__map_lock(&left.node->version, left.version)) {
        (void)cc__map_unlock(&parent->node->version, parent->version, 0);
        return false;
    }
    if (!cc__map_lock(&right.node->version, right.version)) {
        (void)cc__map_unlock(&left.node->version, left.version, 0);
        (void)cc__map_unlock(&parent->node->version, parent->version, 0);
        return false;
    }
    uint64_t prefix = cc__load_relaxed(&cc__map_prefixes(parent->node, level + 1)[between]);
    void *object = parent->node->keyed ? cc__load_relaxed(&cc__map_objects(parent->node)[between]) : NULL;
    if (level > 0)
        cc__map_insert_at(left.node, cc__load_relaxed(&left.node->count), prefix, object,
                          cc__load_relaxed(&right.node->slots[0]));
    cc__map_move(right.node, 0, left.node);
    cc__map_remove_at(parent->node, between);
    (void)cc__map_unlock(&right.node->version, right.version, CC__MAP_CHANGED | CC__MAP_OBSOLETE);
    (void)cc__map_unlock(&left.node->version, left.version, CC__MAP_CHANGED);
    parent->version = cc__map_unlock(&parent->node->version, parent->version, CC__MAP_CHANGED);
    (void)cc__add_relaxed(level == 0 ? &path->tree->leaves : &path->tree->inners, UINT64_MAX);
    if (drops) cc__map_drop(search, object, NULL);
    cc__map_retire_node(search->self, right.node, NULL);
    return true;
}

bool cc__map_join(cc__map_search_t *search, unsigned level) {
    cc__map_path_t *path = &search->path;
    cc__map_step_t *parent = &path->steps[level + 1];
    if (level == path->height) return false;
    unsigned count = cc__map_node_count(parent->node);
    if (count == 0)
        return level + 1 == path->height ? lower_root(search) : cc__map_join(search, level + 1); /* an only child */
    bool joined = (parent->index < count && join_children(search, level, parent->index)) ||
                  (parent->index > 0 && parent->index <= count && join_children(search, level, parent->index - 1));
    if (!joined) return false;
    count = cc__map_node_count(parent->node);
    if (level + 1 == path->height) {
        if (count == 0) (void)lower_root(search);
    } else if (count < CC__MAP_INNER_KEYS / 3) {
        (void)cc__map_join(search, level + 1);
    }
    return true;
}

/* ---- removing --------------------------------------------------------------------------------------------------- */

void cc__map_take_out(cc__map_search_t *search, cc_map_entry_t *entry) {
    cc_map_t *map = search->map;
    cc__map_step_t *leaf = &search->path.steps[0];
    cc_map_entry_t out = cc__map_entry(search, leaf->index);
    cc__map_remove_at(leaf->node, leaf->index);
    unsigned left = cc__map_node_count(leaf->node);
    if (entry != NULL) {
        cc__map_hold_key(map, out.key);
        cc__map_hold_value(map, out.value);
        *entry = out;
    }
    leaf->version = cc__map_unlock(&leaf->node->version, leaf->version, CC__MAP_CHANGED); /* linearization point */
    cc__map_drop(search, out.key, out.value);
    cc__map_add(search->path.tree, search->self, -1);
    if (CC_UNLIKELY(left < CC__MAP_LEAF_KEYS / 3)) (void)cc__map_join(search, 0);
}

static int remove_key(cc_map_t *map, const cc_map_key_t *key, bool conditional, const void *expected,
                      cc_map_entry_t *entry) {
    cc__map_search_t search;
    if (CC_UNLIKELY(!cc__map_begin(&search, map))) return -CC_ERROR_MEMORY;
    int status = CC__MAP_AGAIN;
    while (status == CC__MAP_AGAIN && cc__map_retry(&search)) {
        status = cc__map_search_key(&search, key);
        if (CC_UNLIKELY(status != 0)) continue;
        cc__map_step_t *leaf = &search.path.steps[0];
        void *value = search.found && conditional ? cc__map_entry(&search, leaf->index).value : NULL;
        if (!search.found || (conditional && value != expected)) {
            status = cc__map_confirm(&search) ? 0 : CC__MAP_AGAIN;
            continue;
        }
        if (!cc__map_reserve(&search)) {
            status = -CC_ERROR_MEMORY;
            continue;
        }
        status = CC__MAP_AGAIN;
        if (!cc__map_lock_leaf(&search)) continue;
        if (conditional && cc__load_relaxed(&leaf->node->slots[leaf->index + 1]) != expected) {
            (void)cc__map_unlock(&leaf->node->version, leaf->version, 0);
            continue;
        }
        cc__map_take_out(&search, entry);
        status = 1;
    }
    cc__map_end(&search);
    return status;
}

int cc_map_remove(cc_map_t *map, const cc_map_key_t *key, cc_map_entry_t *entry) {
    return remove_key(map, key, false, NULL, entry);
}

int cc_map_remove_if(cc_map_t *map, const cc_map_key_t *key, const void *expected, cc_map_entry_t *entry) {
    return remove_key(map, key, true, expected, entry);
}
