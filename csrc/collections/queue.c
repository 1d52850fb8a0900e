/* collections/queue.c: a linearizable lock-free queue, bounded or not.
 *
 * Cells stand in one row without end, cut into segments that are linked when they are needed. A cell goes once from
 * NULL to a value to TAKEN. A put changes only the first cell that is NULL, a get only the first that is not TAKEN, so
 * that always
 *
 *     cells before head: TAKEN      head .. tail - 1: values      from tail on: NULL (after closing: CLOSED at tail)
 *
 * and one compare-and-swap on that cell is all that a put or a get has to win. There it takes effect. How far head and
 * tail have come is noted beside the pointers to their segments, after the fact and by plain stores: such a note may be
 * too low, which costs a walk, and is never too high. (Where positions are given out by fetch-and-add, as in LCRQ and
 * SCQ, there are two locked instructions in each operation, and cells that are given up because a get came before its
 * put.) Segments are linked and left behind like the nodes of Michael & Scott's queue, PODC 1996.
 *
 * Orders. `position` and `room` are stored with release and loaded with acquire: who sees a note sees what it is about,
 * the cells before it; a put that skipped a cell which it cannot see yet would be out of its turn.
 *
 * A bound needs no ring: a value may be put at a position when head has come within `capacity` of it, and head does not
 * go back. */
#include <string.h>

#include "cc/queue.h"

#include "../base/atomics.h"
#include "../base/round.h"
#include "contention.h"
#include "domain.h"

#define TAKEN ((void *)UINTPTR_MAX)
#define CLOSED ((void *)(UINTPTR_MAX - 1)) /* also in `next` where the cell at tail does not exist yet */

/* A segment has twice the cells of the one before, up to the most: a queue that is little used stays small. */
enum { FIRST_CELLS = 32, MOST_CELLS = 1024 };

typedef struct segment {
    uint64_t base; /* position of the first cell; constant, like capacity, once it is linked */
    uint64_t capacity;
    _Atomic(void *) next; /* NULL; the next segment; CLOSED */
    char rest_of_line[CC_CACHE_LINE_SIZE - CC_SMR_HEADER_SIZE - 2 * sizeof(uint64_t) - sizeof(void *)];
    _Atomic(void *) cells[];
} segment_t;

/* Both the segment and the position are where that end of the row is, or before it. */
typedef struct end {
    _Alignas(CC_CACHE_LINE_SIZE) _Atomic(void *) segment;
    _Atomic(uint64_t) position;
    _Atomic(uint64_t) room; /* of the tail: positions before this one are known to be within the bound */
} end_t;

struct cc_queue {
    end_t head, tail;
    _Alignas(CC_CACHE_LINE_SIZE) cc__turn_t turn; /* one for both ends: two would wait for each other's */
    uint64_t capacity;
    cc_smr_t *domain;
    bool common_domain;
};

#define MOST_CAPACITY (UINT64_MAX / 2) /* in other words, no bound */

/* A cell, and what was in it. */
typedef struct place {
    segment_t *segment;
    size_t index; /* segment->capacity: the cell does not exist yet */
    void *value;
} place_t;

/* ---- segments --------------------------------------------------------------------------------------------------- */

static size_t segment_size(size_t capacity) {
    return sizeof(segment_t) + capacity * sizeof(void *);
}

static segment_t *make_segment(cc_smr_thread_t *self, size_t capacity) {
    segment_t *segment = cc_smr_alloc_node(self, segment_size(capacity));
    if (segment == NULL) return NULL;
    memset((void *)segment, 0, segment_size(capacity));
    segment->capacity = capacity;
    return segment;
}

/* Moves an end from a segment to the next. False when another thread did: the segment cannot come back while a section
 * keeps it. */
static bool move_on(end_t *end, segment_t *segment, void *next) {
    void *expected = segment;
    return cc__swap_if_acq_rel(&end->segment, &expected,
                               next); /* release pairs with cc_smr_protect: `next` is complete */
}

/* ---- places ----------------------------------------------------------------------------------------------------- */

static size_t index_of(const segment_t *segment, uint64_t position) {
    if (position < segment->base) return 0;
    uint64_t index = position - segment->base;
    return index < segment->capacity ? (size_t)index : segment->capacity;
}

static uint64_t position_of(const place_t *place) {
    return place->segment->base + place->index;
}

/* Whether a cell's content is a value: neither NULL nor a mark. */
static inline bool is_value(const void *content) {
    return (uintptr_t)content - 1 < (uintptr_t)CLOSED - 1;
}

static bool ends_here(const void *value) {
    return value == NULL || value == CLOSED;
}

/* The first cell that is not TAKEN. When ends_here(its value), the queue was empty at that moment. pre: inside a
 * section. */
static place_t find_head(cc_queue_t *queue, cc_smr_thread_t *self) {
    for (;;) {
        segment_t *segment = cc_smr_protect(self, &queue->head.segment);
        size_t index = index_of(segment, cc__load_acquire(&queue->head.position));
        for (; index < segment->capacity; index++) {
            /* pairs with fill(): acquire for what the value points to, seq_cst for who has called cc_event_begin */
            void *value = cc__load_seq_cst(&segment->cells[index]);
            if (value != TAKEN) return (place_t){segment, index, value};
        }
        void *next = cc__load_seq_cst(&segment->next); /* as the cells */
        if (ends_here(next)) return (place_t){segment, index, next};
        /* Left behind: by the tail first, so that nobody can find it any more when it is retired. */
        (void)move_on(&queue->tail, segment, next);
        if (move_on(&queue->head, segment, next)) cc_smr_retire(self, segment, segment_size(segment->capacity), NULL);
    }
}

/* The first cell that is empty. pre: inside a section. */
static place_t find_tail(cc_queue_t *queue, cc_smr_thread_t *self) {
    for (;;) {
        segment_t *segment = cc_smr_protect(self, &queue->tail.segment);
        size_t index = index_of(segment, cc__load_acquire(&queue->tail.position));
        for (; index < segment->capacity; index++) {
            void *value = cc__load_relaxed(&segment->cells[index]); /* fill() verifies what is decided by it */
            if (ends_here(value)) return (place_t){segment, index, value};
        }
        void *next = cc__load_acquire(&segment->next); /* pairs with fill(): it is complete */
        if (ends_here(next)) return (place_t){segment, index, next};
        (void)move_on(&queue->tail, segment, next);
    }
}

/* Puts a value (or CLOSED, or where there is no cell a segment) into an empty place: the linearization point of put and
 * close. */
static bool fill(const place_t *place, void *value) {
    void *expected = NULL;
    bool here = place->index < place->segment->capacity;
    /* release for what it points to; seq_cst pairs with find_head of who has called cc_event_begin */
    return cc__swap_if_seq_cst(here ? &place->segment->cells[place->index] : &place->segment->next, &expected, value);
}

/* Whether a value may stand at a position. True holds for ever. False: the queue was full, since tail was at the
 * position already, or beyond it, when find_head saw head. pre: inside a section. */
static bool has_room(cc_queue_t *queue, cc_smr_thread_t *self, uint64_t position) {
    if (position < cc__load_acquire(&queue->tail.room)) return true;
    uint64_t room = cc__load_acquire(&queue->head.position) + queue->capacity;
    if (position >= room) {
        place_t head = find_head(queue, self);
        room = position_of(&head) + queue->capacity;
    }
    cc__store_release(&queue->tail.room, room);
    return position < room;
}

/* ---- operations ------------------------------------------------------------------------------------------------- */

/* Each is tried first at the place that is noted, which is right most often. */

/* Puts the value into a new segment that is to stand at a place: *fresh, made when there is none yet. False: no
 * memory. */
static bool prepare(const place_t *place, cc_smr_thread_t *self, void *value, segment_t **fresh) {
    size_t capacity = place->segment->capacity * 2;
    if (capacity > MOST_CELLS) capacity = MOST_CELLS;
    if (*fresh == NULL) *fresh = make_segment(self, capacity);
    if (*fresh == NULL) return false;
    (*fresh)->base = position_of(place);
    cc__store_relaxed(&(*fresh)->cells[0], value);
    return true;
}

static __attribute__((noinline)) int put_anywhere(cc_queue_t *queue, cc_smr_thread_t *self, void *value,
                                                  unsigned lost) {
    segment_t *fresh = NULL;
    int result = 0;
    while (result == 0) {
        if (lost != 0) cc__contention_stand_back(lost);
        place_t place = find_tail(queue, self);
        bool extends = place.index == place.segment->capacity;
        if (place.value == CLOSED) {
            result = -CC_ERROR_STATE;
        } else if (!has_room(queue, self, position_of(&place))) {
            break;
        } else if (extends && !prepare(&place, self, value, &fresh)) {
            result = -CC_ERROR_MEMORY;
        } else if (fill(&place, extends ? fresh : value)) {
            cc__store_release(&queue->tail.position, position_of(&place) + 1);
            if (extends) fresh = NULL;
            result = 1;
        } else {
            lost++;
        }
    }
    if (fresh != NULL) cc_smr_free_node(fresh, segment_size(fresh->capacity)); /* another thread's was linked */
    return result;
}

int cc_queue_put(cc_queue_t *queue, cc_smr_thread_t *self, void *value) {
    if (CC_UNLIKELY(!is_value(value))) return -CC_ERROR_ARGUMENT;
    unsigned lost = 0;
    cc__contention_take_turn(&queue->turn, self);
    cc_smr_enter(self);
    segment_t *segment = cc_smr_protect(self, &queue->tail.segment);
    uint64_t position = cc__load_acquire(&queue->tail.position), index = position - segment->base;
    if (CC_LIKELY(index < segment->capacity && position < cc__load_acquire(&queue->tail.room))) {
        place_t place = {segment, index, NULL};
        if (CC_LIKELY(fill(&place, value))) {
            cc__store_release(&queue->tail.position, position + 1);
            cc_smr_exit(self);
            return 1;
        }
        lost = 1;
    }
    int result = put_anywhere(queue, self, value, lost);
    cc_smr_exit(self);
    return result;
}

/* Takes the value out of a place: the linearization point of get. seq_cst pairs with find_head of who waits for room
 * and has called cc_event_begin. */
static bool take(cc_queue_t *queue, const place_t *place) {
    void *expected = place->value;
    if (!cc__swap_if_seq_cst(&place->segment->cells[place->index], &expected, TAKEN)) return false;
    cc__store_release(&queue->head.position, position_of(place) + 1);
    return true;
}

static __attribute__((noinline)) int get_anywhere(cc_queue_t *queue, cc_smr_thread_t *self, void **value,
                                                  unsigned lost) {
    for (;;) {
        if (lost != 0) cc__contention_stand_back(lost);
        place_t place = find_head(queue, self);
        if (ends_here(place.value)) return place.value == NULL ? 0 : -CC_ERROR_STATE;
        if (take(queue, &place)) {
            *value = place.value;
            return 1;
        }
        lost++;
    }
}

int cc_queue_get(cc_queue_t *queue, cc_smr_thread_t *self, void **value) {
    unsigned lost = 0;
    cc__contention_take_turn(&queue->turn, self);
    cc_smr_enter(self);
    segment_t *segment = cc_smr_protect(self, &queue->head.segment);
    uint64_t index = cc__load_acquire(&queue->head.position) - segment->base;
    if (CC_LIKELY(index < segment->capacity)) {
        place_t place = {segment, index, cc__load_acquire(&segment->cells[index])}; /* pairs with fill() */
        if (CC_LIKELY(is_value(place.value))) {
            if (CC_LIKELY(take(queue, &place))) {
                *value = place.value;
                cc_smr_exit(self);
                return 1;
            }
            lost = 1;
        }
    }
    int result = get_anywhere(queue, self, value, lost);
    cc_smr_exit(self);
    return result;
}

/* ---- exclusive calls --------------------------------------------------------------------------------------------- */

/* The callers' lock orders everything, so the noted places need no compare-and-swap and no section. */

int cc_queue_put_exclusive(cc_queue_t *queue, void *value) {
    segment_t *segment = cc__load_relaxed(&queue->tail.segment);
    uint64_t position = cc__load_relaxed(&queue->tail.position), index = position - segment->base;
    if (CC_LIKELY(is_value(value) && index < segment->capacity && position < cc__load_relaxed(&queue->tail.room) &&
                  cc__load_relaxed(&segment->cells[index]) == NULL)) {
        cc__store_relaxed(&segment->cells[index], value);
        cc__store_relaxed(&queue->tail.position, position + 1);
        return 1;
    }
    cc_smr_thread_t *self = cc_smr_self(queue->domain);
    return self != NULL ? cc_queue_put(queue, self, value) : -CC_ERROR_MEMORY;
}

int cc_queue_get_exclusive(cc_queue_t *queue, void **value) {
    segment_t *segment = cc__load_relaxed(&queue->head.segment);
    uint64_t position = cc__load_relaxed(&queue->head.position), index = position - segment->base;
    void *seen = CC_LIKELY(index < segment->capacity) ? cc__load_relaxed(&segment->cells[index]) : NULL;
    if (CC_LIKELY(is_value(seen))) {
        cc__store_relaxed(&segment->cells[index], TAKEN);
        cc__store_relaxed(&queue->head.position, position + 1);
        *value = seen;
        return 1;
    }
    cc_smr_thread_t *self = cc_smr_self(queue->domain);
    return self != NULL ? cc_queue_get(queue, self, value) : -CC_ERROR_MEMORY;
}

void cc_queue_close(cc_queue_t *queue, cc_smr_thread_t *self) {
    cc_smr_enter(self);
    place_t place;
    do place = find_tail(queue, self);
    while (place.value != CLOSED && !fill(&place, CLOSED));
    cc_smr_exit(self);
}

/* ---- figures ---------------------------------------------------------------------------------------------------- */

uint64_t cc_queue_count(cc_queue_t *queue, cc_smr_thread_t *self) {
    cc_smr_enter(self);
    place_t head = find_head(queue, self), tail = find_tail(queue, self); /* in this order: never negative */
    uint64_t count = position_of(&tail) - position_of(&head);
    cc_smr_exit(self);
    return count < queue->capacity ? count : queue->capacity; /* gets may have made room between the two */
}

uint64_t cc_queue_total(cc_queue_t *queue, cc_smr_thread_t *self) {
    cc_smr_enter(self);
    place_t tail = find_tail(queue, self);
    uint64_t position = position_of(&tail);
    cc_smr_exit(self);
    return position;
}

static size_t footprint(const segment_t *segment) {
    size_t bytes = segment_size(segment->capacity) + CC_SMR_HEADER_SIZE;
    return cc__round_up(bytes, CC_CACHE_LINE_SIZE);
}

size_t cc_queue_memory_usage(cc_queue_t *queue, cc_smr_thread_t *self) {
    size_t bytes = 0;
    cc_smr_enter(self);
    segment_t *first = NULL, *segment = NULL;
    while (segment == NULL) {
        first = segment = cc_smr_protect(self, &queue->head.segment);
        bytes = sizeof *queue;
        while (!ends_here(segment)) {
            bytes += footprint(segment);
            void *next = cc_smr_protect(self, &segment->next);
            /* While the first is linked those behind it are, too: `next` may be followed. */
            segment = cc__load_acquire(&queue->head.segment) == (void *)first ? next : NULL; /* pairs with move_on */
            if (ends_here(next)) break;
        }
        if (segment == NULL && cc__load_relaxed(&queue->head.segment) == (void *)first) break;
    }
    cc_smr_exit(self);
    return bytes;
}

int cc_queue_visit(cc_queue_t *queue, int (*visit)(void *value, void *context), void *context) {
    segment_t *segment = cc__load_relaxed(&queue->head.segment); /* nobody else is in the queue; so in destroy */
    for (; !ends_here(segment); segment = cc__load_relaxed(&segment->next)) {
        for (size_t i = 0; i < segment->capacity; i++) {
            void *value = cc__load_relaxed(&segment->cells[i]);
            if (ends_here(value)) return 0;
            int status = value != TAKEN ? visit(value, context) : 0;
            if (status != 0) return status;
        }
    }
    return 0;
}

/* ---- coming and going ------------------------------------------------------------------------------------------- */

static void give_up(cc_queue_t *queue) {
    if (queue->common_domain && queue->domain != NULL) cc__collections_domain_put();
    cc_free(queue, sizeof *queue);
}

cc_queue_t *cc_queue_create(cc_smr_t *domain, uint64_t capacity) {
    cc_queue_t *queue = cc_alloc_node(sizeof *queue);
    if (queue == NULL) return NULL;
    memset((void *)queue, 0, sizeof *queue);
    queue->common_domain = domain == NULL;
    queue->domain = domain != NULL ? domain : cc__collections_domain_get();
    cc_queue_set_capacity(queue, capacity);
    cc_smr_thread_t *self = queue->domain != NULL ? cc_smr_self(queue->domain) : NULL;
    segment_t *segment = self != NULL ? make_segment(self, FIRST_CELLS) : NULL;
    if (segment == NULL) {
        give_up(queue);
        return NULL;
    }
    cc__store_relaxed(&queue->head.segment, segment);
    cc__store_release(&queue->tail.segment, segment); /* the caller publishes the queue */
    return queue;
}

void cc_queue_set_capacity(cc_queue_t *queue, uint64_t capacity) {
    queue->capacity = capacity == 0 || capacity > MOST_CAPACITY ? MOST_CAPACITY : capacity;
    cc__store_relaxed(&queue->tail.room, queue->capacity); /* nobody else is in the queue */
}

void cc_queue_destroy(cc_queue_t *queue) {
    if (queue == NULL) return;
    segment_t *segment = cc__load_relaxed(&queue->head.segment);
    while (!ends_here(segment)) {
        segment_t *next = cc__load_relaxed(&segment->next);
        cc_smr_free_node(segment, segment_size(segment->capacity));
        segment = next;
    }
    give_up(queue);
}

cc_smr_t *cc_queue_domain(const cc_queue_t *queue) {
    return queue->domain;
}
