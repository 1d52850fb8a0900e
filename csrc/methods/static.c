/* methods/static.c: an allocator inside one buffer: the lowest free block that is large enough (first fit in address
 * order), with coalescing (as SQLite's mem3).
 *
 * Every block begins with a header of 8 bytes and is a multiple of 16 long; user pointers are multiples of 16. The
 * headers tell both neighbours, so two free blocks never lie side by side:
 *     | size, live? ; size of the block before | user's bytes … |
 * and a header of size 0, live, stands at the buffer's end.
 * Free blocks keep a node in their first 8 user's bytes: a tree, ordered by address, in which no block is larger than
 * its parent (Stephenson, "Fast Fits", SOSP 1983). A subtree's root is its largest block, so the lowest one that fits
 * is found by going left while that one is large enough. Equal sizes are ordered by a hash of the address, which keeps
 * the tree flat. */
#include <string.h>

#include "../base/round.h"
#include "backend.h"
#include "methods_internal.h"

enum { GRANULE = CC__MEM_ALIGNMENT, HEADER = 8 };
#define NONE UINT32_MAX
#define LIVE 0x80000000u

/* Offsets and sizes are in granules of 16 bytes. */
typedef struct static_allocator {
    char *base; /* the first block's header, 8 bytes before an aligned address; NULL before init */
    void *buffer;
    size_t bytes;
    cc__mutex_t *lock;
    uint32_t granules;
    uint32_t root; /* of the tree of free blocks */
    size_t used, peak_used, live_blocks, free_blocks;
    uint64_t failed;
} static_t;

typedef struct block {
    uint32_t size;        /* granules, header included; with LIVE */
    uint32_t before;      /* size of the block before, 0 for the first */
    uint32_t left, right; /* of a free block */
} block_t;

static inline block_t *at(const static_t *self, uint32_t place) {
    return (block_t *)(void *)(self->base + (size_t)place * GRANULE);
}

static inline block_t *block_of(void *pointer) {
    return (block_t *)(void *)((char *)pointer - HEADER);
}

static inline uint32_t place_of(const static_t *self, const block_t *block) {
    return (uint32_t)(((const char *)block - self->base) / GRANULE);
}

static inline uint32_t granules_of(const block_t *block) {
    return block->size & ~LIVE;
}

static inline size_t usable(const block_t *block) {
    return (size_t)granules_of(block) * GRANULE - HEADER;
}

/* Granules of a block for `size` bytes; more than any buffer has when it is too large. */
static inline uint32_t needed(size_t size) {
    return size <= (size_t)LIVE * (GRANULE / 2) ? (uint32_t)((size + HEADER + GRANULE - 1) / GRANULE) : LIVE;
}

/* ---- the tree of free blocks ------------------------------------------------------------------------------------- */

static inline bool above(const static_t *self, uint32_t one, uint32_t other) {
    uint32_t size = at(self, one)->size, other_size = at(self, other)->size;
    return size != other_size ? size > other_size : one * 0x9E3779B1u > other * 0x9E3779B1u;
}

static void insert(static_t *self, uint32_t place) {
    block_t *block = at(self, place);
    uint32_t *link = &self->root;
    while (*link != NONE && above(self, *link, place))
        link = place < *link ? &at(self, *link)->left : &at(self, *link)->right;
    /* What was here is parted by address into the two subtrees. */
    uint32_t rest = *link, *left = &block->left, *right = &block->right;
    *link = place;
    while (rest != NONE) {
        if (rest < place) {
            *left = rest;
            left = &at(self, rest)->right;
            rest = *left;
        } else {
            *right = rest;
            right = &at(self, rest)->left;
            rest = *right;
        }
    }
    *left = *right = NONE;
    self->free_blocks++;
}

/* pre: *link is the block to remove. */
static void remove_at(static_t *self, uint32_t *link) {
    uint32_t left = at(self, *link)->left, right = at(self, *link)->right;
    while (left != NONE && right != NONE) {
        if (above(self, left, right)) {
            *link = left;
            link = &at(self, left)->right;
            left = *link;
        } else {
            *link = right;
            link = &at(self, right)->left;
            right = *link;
        }
    }
    *link = left != NONE ? left : right;
    self->free_blocks--;
}

static void remove_block(static_t *self, uint32_t place) {
    uint32_t *link = &self->root;
    while (*link != place) link = place < *link ? &at(self, *link)->left : &at(self, *link)->right;
    remove_at(self, link);
}

/* The link to the lowest block of at least `size` granules; NULL if there is none. */
static uint32_t *first_fit(static_t *self, uint32_t size) {
    uint32_t *link = &self->root;
    if (*link == NONE || at(self, *link)->size < size) return NULL;
    for (;;) {
        uint32_t *left = &at(self, *link)->left;
        if (*left == NONE || at(self, *left)->size < size) return link;
        link = left;
    }
}

/* ---- blocks; the lock is held ------------------------------------------------------------------------------------ */

/* Writes a block's size here and in the block behind it. */
static void set_size(static_t *self, uint32_t place, uint32_t size, uint32_t live) {
    at(self, place)->size = size | live;
    at(self, place + size)->before = size;
}

/* Turns a free block into one that begins at `place` and has `size`, its own range and more beside it. It stays where
 * it is in the tree, if it is no larger than its parent there. */
static void grow(static_t *self, uint32_t old, uint32_t place, uint32_t size) {
    uint32_t *link = &self->root, parent = NONE;
    while (*link != old) {
        parent = *link;
        link = old < parent ? &at(self, parent)->left : &at(self, parent)->right;
    }
    uint32_t left = at(self, old)->left, right = at(self, old)->right;
    if (parent != NONE && at(self, parent)->size <= size) {
        remove_at(self, link);
        set_size(self, place, size, 0);
        insert(self, place);
        return;
    }
    set_size(self, place, size, 0);
    at(self, place)->left = left;
    at(self, place)->right = right;
    *link = place;
}

/* Makes a range free, together with free blocks beside it. */
static void give(static_t *self, uint32_t place, uint32_t size) {
    const block_t *block = at(self, place), *next = at(self, place + size);
    uint32_t before = block->before, behind = (next->size & LIVE) == 0 ? next->size : 0;
    if (before != 0 && (at(self, place - before)->size & LIVE) == 0) {
        if (behind != 0) remove_block(self, place + size);
        grow(self, place - before, place - before, before + size + behind);
    } else if (behind != 0) {
        grow(self, place + size, place, size + behind);
    } else {
        set_size(self, place, size, 0);
        insert(self, place);
    }
}

static void note_use(static_t *self, ptrdiff_t granules) {
    self->used += (size_t)(granules * GRANULE);
    if (self->used > self->peak_used) self->peak_used = self->used;
}

static void *take(static_t *self, uint32_t size) {
    uint32_t *link = first_fit(self, size);
    if (link == NULL) return NULL;
    uint32_t place = *link;
    block_t *block = at(self, place);
    if (block->size > size) {
        uint32_t rest = place + size, left = block->left, right = block->right;
        set_size(self, rest, block->size - size, 0);
        if ((left == NONE || above(self, rest, left)) && (right == NONE || above(self, rest, right))) {
            *link = rest; /* it is still the largest here */
            at(self, rest)->left = left;
            at(self, rest)->right = right;
        } else {
            remove_at(self, link);
            insert(self, rest);
        }
    } else {
        remove_at(self, link);
    }
    set_size(self, place, size, LIVE);
    self->live_blocks++;
    note_use(self, size);
    return (char *)block + HEADER;
}

static void release(static_t *self, const block_t *block) {
    uint32_t size = granules_of(block);
    self->live_blocks--;
    note_use(self, -(ptrdiff_t)size);
    give(self, place_of(self, block), size);
}

/* Gives a live block `size` granules where it lies; false if there is no room. */
static bool resize(static_t *self, block_t *block, uint32_t size) {
    uint32_t place = place_of(self, block), old_size = granules_of(block), room = old_size;
    const block_t *next = at(self, place + old_size);
    if (size > old_size) {
        if ((next->size & LIVE) != 0 || old_size + next->size < size) return false;
        room += next->size;
        remove_block(self, place + old_size);
    }
    set_size(self, place, size, LIVE);
    if (size < room) give(self, place + size, room - size);
    note_use(self, (ptrdiff_t)size - (ptrdiff_t)old_size);
    return true;
}

/* ---- the methods ------------------------------------------------------------------------------------------------- */

static void *static_malloc(size_t size, void *context) {
    static_t *self = context;
    if (size == 0) return NULL;
    cc__mutex_lock(self->lock);
    void *pointer = take(self, needed(size));
    if (pointer == NULL) self->failed++;
    cc__mutex_unlock(self->lock);
    return pointer;
}

static void static_free(void *pointer, void *context) {
    static_t *self = context;
    if (pointer == NULL) return;
    cc__mutex_lock(self->lock);
    release(self, block_of(pointer));
    cc__mutex_unlock(self->lock);
}

static void *static_realloc(void *pointer, size_t size, void *context) {
    static_t *self = context;
    uint32_t granules = needed(size);
    cc__mutex_lock(self->lock);
    bool done = resize(self, block_of(pointer), granules);
    void *moved = done ? pointer : take(self, granules);
    if (moved == NULL) self->failed++;
    cc__mutex_unlock(self->lock);
    if (done || moved == NULL) return moved;
    memcpy(moved, pointer, usable(block_of(pointer))); /* it grew */
    static_free(pointer, self);
    return moved;
}

static size_t static_size(void *pointer, void *context) {
    (void)context;
    return pointer != NULL ? usable(block_of(pointer)) : 0;
}

static size_t static_roundup(size_t size, void *context) {
    const static_t *self = context;
    uint32_t granules = needed(size);
    return granules <= self->granules ? (size_t)granules * GRANULE - HEADER : 0;
}

static int static_init(void *context) {
    static_t *self = context;
    uintptr_t start = (uintptr_t)self->buffer, aligned = cc__round_up(start + HEADER, GRANULE);
    size_t skipped = aligned - HEADER - start;
    self->lock = cc__mem_instance_lock();
    self->base = (char *)self->buffer + skipped;
    self->granules = (uint32_t)((self->bytes - skipped - HEADER) / GRANULE); /* and the header at the end */
    self->root = NONE;
    self->used = self->peak_used = self->live_blocks = self->free_blocks = 0;
    self->failed = 0;
    at(self, 0)->before = 0;
    at(self, self->granules)->size = LIVE;
    set_size(self, 0, self->granules, 0);
    insert(self, 0);
    return CC_OK;
}

static void static_shutdown(void *context) {
    static_t *self = context;
    self->base = NULL;
}

static const cc_mem_methods_t instance_methods = {
    static_malloc, static_free, static_realloc, static_size, static_roundup, static_init, static_shutdown, NULL,
};

static bool static_fits(const void *buffer, size_t bytes, size_t min_block) {
    (void)min_block;
    return buffer != NULL && bytes >= 4 * GRANULE && bytes <= (size_t)LIVE * GRANULE;
}

/* Says which buffer the next init formats. pre: it fits. */
static void place(static_t *self, void *buffer, size_t bytes) {
    memset(self, 0, sizeof *self);
    self->buffer = buffer;
    self->bytes = bytes;
}

int cc_mem_static_create(cc_mem_methods_t *methods, void *buffer, size_t bytes) {
    size_t skipped = (0 - (uintptr_t)buffer) & (GRANULE - 1), own = skipped + sizeof(static_t);
    if (methods == NULL || buffer == NULL || bytes <= own) return CC_ERROR_ARGUMENT;
    static_t *self = (static_t *)(void *)((char *)buffer + skipped);
    if (!static_fits(self + 1, bytes - own, 0)) return CC_ERROR_ARGUMENT;
    place(self, self + 1, bytes - own);
    *methods = instance_methods;
    methods->context = self;
    return CC_OK;
}

static int static_status(void *context, cc_mem_buffer_status_t *status) {
    static_t *self = context;
    if (self->base == NULL) return CC_ERROR_STATE;
    cc__mutex_lock(self->lock);
    *status = (cc_mem_buffer_status_t){
        .capacity = (size_t)self->granules * GRANULE - HEADER,
        .used = self->used,
        .peak_used = self->peak_used,
        .live_blocks = self->live_blocks,
        .free_blocks = self->free_blocks,
        .largest_free = self->root != NONE ? usable(at(self, self->root)) : 0,
        .failed = self->failed,
    };
    cc__mutex_unlock(self->lock);
    return CC_OK;
}

/* ---- the backend ------------------------------------------------------------------------------------------------- */

static static_t shared;
CC__INSTANCE(static);

static int static_begin(void *context, const cc__backend_settings_t *settings, void *buffer, size_t bytes,
                        bool zeroed) {
    (void)settings, (void)zeroed;
    place(context, buffer, bytes);
    return static_init(context);
}

const cc__backend_t cc__static_backend = {
    .name = "static",
    .methods = {static_malloc, static_free, static_realloc, static_size, static_roundup, instance_init,
                instance_shutdown, &shared},
    .begin = static_begin,
    .end = static_shutdown,
    .fits = static_fits,
    .buffer_status = static_status,
};
