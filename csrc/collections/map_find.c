/* collections/map_find.c: the first, the last and the nearest entry, and taking out the first and the last. */
#include "map_internal.h"

/* The empty leaves that a search passes on its way to an entry. There is seldom more than one: who passes an empty leaf
 * unlinks it, unless there is no memory. */
enum { PASSED = 16, PATIENCE = 1000 };

typedef struct passed {
    unsigned count;
    cc__map_step_t leaves[PASSED];
} passed_t;

/* Whether all of them are still empty. Leaves that are as they were are neighbours as they were: a leaf keeps its lower
 * bound as long as it lives, and its upper one as long as its version. */
static bool still_nothing(const passed_t *passed) {
    for (unsigned i = 0; i < passed->count; i++)
        if (!cc__map_is_version(&passed->leaves[i].node->version, passed->leaves[i].version)) return false;
    return true;
}

/* Finds the leaf and the index of the entry at a place: 1, 0 if there is none, CC__MAP_AGAIN or an error. Not
 * confirmed. */
static int find(cc__map_search_t *search, cc_map_place_t place, const cc_map_key_t *key, passed_t *passed) {
    cc__map_step_t *leaf = &search->path.steps[0];
    int direction = place == CC_MAP_FIRST || place == CC_MAP_CEILING || place == CC_MAP_HIGHER ? 1 : -1;
    bool by_key = place != CC_MAP_FIRST && place != CC_MAP_LAST;
    passed->count = 0;
    int status = by_key ? cc__map_search_key(search, key) : cc__map_search_edge(search, direction);
    if (status != 0) return status;
    int64_t index = (int64_t)leaf->index - (direction < 0);
    if (by_key && search->found) index += place == CC_MAP_HIGHER ? 1 : place == CC_MAP_FLOOR ? 1 : 0;
    for (;;) {
        unsigned count = cc__map_node_count(leaf->node);
        if (index >= 0 && index < (int64_t)count) {
            leaf->index = (unsigned)index;
            return 1;
        }
        if (!cc__map_confirm(search)) return CC__MAP_AGAIN;
        if (count == 0 && cc__map_join(search, 0)) return CC__MAP_AGAIN;
        if (passed->count == PASSED) return search->attempts < PATIENCE ? CC__MAP_AGAIN : -CC_ERROR_MEMORY;
        passed->leaves[passed->count++] = *leaf;
        status = cc__map_next_leaf(search, direction);
        if (status == 0 && !still_nothing(passed)) return CC__MAP_AGAIN;
        if (status != 1) return status;
        index = direction > 0 ? 0 : (int64_t)cc__map_node_count(leaf->node) - 1;
    }
}

int cc_map_find(cc_map_t *map, cc_map_place_t place, const cc_map_key_t *key, cc_map_entry_t *entry) {
    cc__map_search_t search;
    passed_t passed;
    if (CC_UNLIKELY(!cc__map_begin(&search, map))) return -CC_ERROR_MEMORY;
    int status = CC__MAP_AGAIN;
    while (status == CC__MAP_AGAIN && cc__map_retry(&search)) {
        status = find(&search, place, key, &passed);
        if (status != 1) continue;
        cc_map_entry_t seen = cc__map_entry(&search, search.path.steps[0].index);
        /* All was so when the entry's leaf was looked at first: the linearization point. */
        if (!still_nothing(&passed) || !cc__map_confirm(&search)) {
            status = CC__MAP_AGAIN;
            continue;
        }
        cc__map_hold_key(map, seen.key);
        cc__map_hold_value(map, seen.value);
        *entry = seen;
    }
    cc__map_end(&search);
    return status;
}

int cc_map_pop(cc_map_t *map, cc_map_place_t place, cc_map_entry_t *entry) {
    cc__map_search_t search;
    passed_t passed;
    if (place != CC_MAP_FIRST && place != CC_MAP_LAST) return -CC_ERROR_ARGUMENT;
    if (CC_UNLIKELY(!cc__map_begin(&search, map))) return -CC_ERROR_MEMORY;
    int status = CC__MAP_AGAIN;
    while (status == CC__MAP_AGAIN && cc__map_retry(&search)) {
        status = find(&search, place, NULL, &passed);
        if (status != 1) continue;
        cc__map_step_t *leaf = &search.path.steps[0];
        if (!cc__map_reserve(&search)) {
            status = -CC_ERROR_MEMORY;
        } else if (!cc__map_lock_leaf(&search)) {
            status = CC__MAP_AGAIN;
        } else if (!still_nothing(&passed)) {
            (void)cc__map_unlock(&leaf->node->version, leaf->version, 0);
            status = CC__MAP_AGAIN;
        } else {
            cc__map_take_out(&search, entry);
        }
    }
    cc__map_end(&search);
    return status;
}
