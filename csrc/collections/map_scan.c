/* collections/map_scan.c: going through a range, a leaf at a time. */
#include <limits.h>
#include <string.h>

#include "map_internal.h"

/* Where the scan stands: the path of its last call, with the index of the next key. As long as nothing on it has
 * changed the next call goes on there, and compares nothing. */
struct cc_map_trail {
    cc__map_path_t path;
};

/* Private flags of a cursor, beside the public ones. */
enum { HAS_LOW = 1 << 8, HAS_HIGH = 1 << 9, HAS_AT = 1 << 10, ON_TRAIL = 1 << 11, ENDED = 1 << 12 };

void cc_map_cursor_begin(cc_map_cursor_t *cursor, cc_map_t *map, const cc_map_key_t *low, const cc_map_key_t *high,
                         unsigned flags) {
    memset(cursor, 0, sizeof *cursor);
    cursor->map = map;
    cursor->flags = flags & (CC_MAP_OPEN_LOW | CC_MAP_CLOSED_HIGH | CC_MAP_REVERSE | CC_MAP_NO_VALUES);
    if (low != NULL) {
        cursor->low = *low;
        cursor->flags |= HAS_LOW;
        cc__map_hold_key(map, low->object);
    }
    if (high != NULL) {
        cursor->high = *high;
        cursor->flags |= HAS_HIGH;
        cc__map_hold_key(map, high->object);
    }
}

void cc_map_cursor_end(cc_map_cursor_t *cursor) {
    void *objects[] = {cursor->low.object, cursor->high.object, cursor->at.object};
    unsigned flags = cursor->flags;
    cc_free(cursor->trail, sizeof *cursor->trail);
    cursor->trail = NULL;
    cursor->low.object = cursor->high.object = cursor->at.object = NULL;
    cursor->flags = ENDED;
    if ((flags & HAS_LOW) != 0) cc__map_release_key(&cursor->map->type, objects[0]);
    if ((flags & HAS_HIGH) != 0) cc__map_release_key(&cursor->map->type, objects[1]);
    if ((flags & HAS_AT) != 0) cc__map_release_key(&cursor->map->type, objects[2]);
}

/* ---- the trail -------------------------------------------------------------------------------------------------- */

static void copy_path(cc__map_path_t *target, const cc__map_path_t *source) {
    memcpy(target, source, offsetof(cc__map_path_t, steps) + (source->height + 1) * sizeof source->steps[0]);
}

static bool follow_trail(cc__map_search_t *search, const cc_map_cursor_t *cursor) {
    if ((cursor->flags & ON_TRAIL) == 0) return false;
    copy_path(&search->path, &cursor->trail->path);
    return cc__map_is_path(search, 0);
}

/* Without memory for it the next call searches by key. */
static void leave_trail(const cc__map_search_t *search, cc_map_cursor_t *cursor) {
    if (cursor->trail == NULL) cursor->trail = cc_alloc(sizeof *cursor->trail);
    if (cursor->trail == NULL) return;
    copy_path(&cursor->trail->path, &search->path);
    cursor->flags |= ON_TRAIL;
}

/* ---- scanning --------------------------------------------------------------------------------------------------- */

/* How many keys of the leaf lie before a bound: before the key, and with `after` the key itself. */
static int keys_before(cc__map_search_t *search, const cc_map_key_t *bound, bool after, unsigned *count) {
    bool found = false;
    int status = cc__map_locate(search, bound, 0, count, &found);
    *count += found && after;
    return status;
}

/* Finds the leaf where the scan goes on, and how many keys lie before that place: going up, the next key is the first
 * behind it, going down the last before it. */
static int find_place(cc__map_search_t *search, const cc_map_cursor_t *cursor, unsigned *place) {
    bool reverse = (cursor->flags & CC_MAP_REVERSE) != 0;
    if (follow_trail(search, cursor)) {
        *place = search->path.steps[0].index;
        return 0;
    }
    const cc_map_key_t *from = NULL;
    bool after = false;
    if ((cursor->flags & HAS_AT) != 0) {
        from = &cursor->at;
        after = !reverse;
    } else if (reverse && (cursor->flags & HAS_HIGH) != 0) {
        from = &cursor->high;
        after = (cursor->flags & CC_MAP_CLOSED_HIGH) != 0;
    } else if (!reverse && (cursor->flags & HAS_LOW) != 0) {
        from = &cursor->low;
        after = (cursor->flags & CC_MAP_OPEN_LOW) != 0;
    }
    int status = from != NULL ? cc__map_search_key(search, from) : cc__map_search_edge(search, reverse ? -1 : 1);
    *place = search->path.steps[0].index + (from != NULL && status == 0 && search->found && after);
    return status;
}

/* Reads up to `capacity` entries of the leaf from `place` on: how many, 0 at the end of the range, or of the leaf (then
 * *more). */
static int read_leaf(cc__map_search_t *search, const cc_map_cursor_t *cursor, unsigned place, cc_map_entry_t *entries,
                     size_t capacity, bool *more) {
    bool reverse = (cursor->flags & CC_MAP_REVERSE) != 0,
         bounded = (cursor->flags & (reverse ? HAS_LOW : HAS_HIGH)) != 0;
    unsigned count = cc__map_node_count(search->path.steps[0].node), end = reverse ? 0 : count;
    if (place > count) return CC__MAP_AGAIN;
    if (bounded && place != end) {
        int status = reverse ? keys_before(search, &cursor->low, (cursor->flags & CC_MAP_OPEN_LOW) != 0, &end)
                             : keys_before(search, &cursor->high, (cursor->flags & CC_MAP_CLOSED_HIGH) != 0, &end);
        if (status != 0) return status;
    }
    size_t size = reverse ? (place > end ? place - end : 0) : (end > place ? end - place : 0);
    *more = size == 0 && end == (reverse ? 0 : count);
    if (size > capacity) size = capacity;
    for (size_t i = 0; i < size; i++) {
        entries[i] = cc__map_entry(search, reverse ? place - 1 - (unsigned)i : place + (unsigned)i);
        if ((cursor->flags & CC_MAP_NO_VALUES) != 0) entries[i].value = NULL;
    }
    search->path.steps[0].index = reverse ? place - (unsigned)size : place + (unsigned)size;
    return cc__map_confirm(search) ? (int)size : CC__MAP_AGAIN;
}

/* Goes on from `place`, through leaves without keys of the range if need be: how many entries it read, all of one leaf,
 * or 0 at the end. */
static int read_on(cc__map_search_t *search, const cc_map_cursor_t *cursor, unsigned place, cc_map_entry_t *entries,
                   size_t capacity) {
    int direction = (cursor->flags & CC_MAP_REVERSE) != 0 ? -1 : 1;
    for (;;) {
        bool more = false;
        int status = read_leaf(search, cursor, place, entries, capacity, &more);
        if (status != 0 || !more) return status;
        if (cc__map_node_count(search->path.steps[0].node) == 0 && cc__map_join(search, 0)) return CC__MAP_AGAIN;
        status = cc__map_next_leaf(search, direction);
        if (status != 1) return status;
        place = search->path.steps[0].index;
    }
}

/* The key of the last entry, held, so that a later call can search for it. */
static void move_to(const cc__map_search_t *search, cc_map_cursor_t *cursor, const cc_map_entry_t *entry) {
    uint32_t kind = search->path.kind == CC__MAP_MIXED ? CC_MAP_NO_PREFIX : search->path.kind;
    cc__map_hold_key(cursor->map, entry->key);
    cursor->at = (cc_map_key_t){entry->prefix, entry->key, (uint8_t)kind, false};
    cursor->flags |= HAS_AT;
}

static void hold_entries(const cc_map_t *map, const cc_map_entry_t *entries, int count) {
    for (int i = 0; i < count; i++) {
        cc__map_hold_key(map, entries[i].key);
        cc__map_hold_value(map, entries[i].value);
    }
}

static void release_entries(const cc_map_t *map, const cc_map_entry_t *entries, size_t count) {
    for (size_t i = 0; i < count; i++) {
        cc__map_release_key(&map->type, entries[i].key);
        cc__map_release_value(&map->type, entries[i].value);
    }
}

int cc_map_scan(cc_map_cursor_t *cursor, cc_map_entry_t *entries, size_t capacity) {
    cc_map_t *map = cursor->map;
    cc__map_search_t search;
    if (capacity == 0) return -CC_ERROR_ARGUMENT;
    if (capacity > INT_MAX) capacity = INT_MAX;
    if ((cursor->flags & ENDED) != 0) return 0;
    if (CC_UNLIKELY(!cc__map_begin(&search, map))) return -CC_ERROR_MEMORY;
    int status = CC__MAP_AGAIN;
    while (status == CC__MAP_AGAIN && cc__map_retry(&search)) {
        unsigned place = 0;
        status = find_place(&search, cursor, &place);
        if (status == 0) status = read_on(&search, cursor, place, entries, capacity);
    }
    /* Leaf after leaf. What changes after the first is for the next call, which searches by key. */
    size_t total = 0;
    while (status > 0) {
        hold_entries(map, entries + total, status);
        total += (size_t)status;
        if (total == capacity) break;
        status = read_on(&search, cursor, search.path.steps[0].index, entries + total, capacity - total);
    }
    if (status < 0 && status != CC__MAP_AGAIN) { /* a hook's error: the caller learns it now, and nothing was read */
        cc__map_end(&search);
        release_entries(map, entries, total);
        return status;
    }
    void *before = (cursor->flags & HAS_AT) != 0 ? cursor->at.object : NULL;
    cursor->flags &= ~(unsigned)ON_TRAIL;
    if (status == 0) cursor->flags |= ENDED;
    if (total > 0) move_to(&search, cursor, &entries[total - 1]);
    if (status > 0) leave_trail(&search, cursor);
    cc__map_end(&search);
    if (total > 0) cc__map_release_key(&map->type, before);
    return total > 0 ? (int)total : status;
}
