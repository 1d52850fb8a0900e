/* regions/arena.c: memory by moving a pointer, in a chain of blocks.
 *
 *     oldest block … block in use | spare blocks: emptied by a rewind, used again in this order
 *
 * The arena itself lies at the beginning of the oldest block. */
#include "cc/arena.h"

#include "regions_internal.h"

enum { START_SIZE = 4096, MOST_SIZE = 1 << 20 };

typedef struct block {
    struct block *before, *after;
    char *end;
    char *next; /* what the cursor was when the next block came into use */
} block_t;

typedef struct deferred {
    struct deferred *before;
    void (*function)(void *argument);
    void *argument;
} deferred_t;

typedef struct arena {
    cc_arena_t shown;     /* first; what the inlines see */
    cc_arena_t hidden;    /* the cursor of builds that watch */
    block_t *block;       /* in use */
    deferred_t *deferred; /* the latest */
    const cc_mem_methods_t *allocator;
    size_t next_size;
    bool fixed; /* the oldest block is the caller's buffer, and the only one */
} arena_t;

static inline arena_t *whole(const cc_arena_t *arena) {
    return (arena_t *)(uintptr_t)arena;
}

static inline cc_arena_t *cursor(arena_t *self) {
    return CC__WATCHED ? &self->hidden : &self->shown;
}

static char *data_of(block_t *block) {
    char *data = (char *)block + cc__round_up(sizeof *block, CC__ALIGNMENT);
    return block->before == NULL ? data + cc__round_up(sizeof(arena_t), CC__ALIGNMENT) : data;
}

static size_t size_of(const block_t *block) {
    return (size_t)(block->end - (const char *)block);
}

enum { OVERHEAD = sizeof(block_t) + sizeof(arena_t) + 2 * CC__ALIGNMENT };

/* A new block behind `before`. pre: the size is enough for its own fields. */
static block_t *begin_block(void *memory, size_t size, block_t *before, block_t *after) {
    block_t *block = memory;
    *block = (block_t){.before = before, .after = after, .end = (char *)memory + size};
    if (before != NULL) before->after = block;
    if (after != NULL) after->before = block;
    cc__region_close(data_of(block), (size_t)(block->end - data_of(block)));
    return block;
}

static void use_block(arena_t *self, block_t *block, char *next) {
    self->block = block;
    *cursor(self) = (cc_arena_t){next, block->end};
}

static cc_arena_t *begin(void *memory, size_t size, const cc_mem_methods_t *allocator, bool fixed) {
    arena_t *self = (arena_t *)(void *)((char *)memory + cc__round_up(sizeof(block_t), CC__ALIGNMENT));
    *self = (arena_t){.allocator = allocator, .next_size = size < MOST_SIZE / 2 ? size * 2 : MOST_SIZE, .fixed = fixed};
    block_t *block = begin_block(memory, size, NULL, NULL);
    use_block(self, block, data_of(block));
    return &self->shown;
}

cc_arena_t *cc_arena_create(size_t start_size, const cc_mem_methods_t *allocator) {
    if (start_size == 0) start_size = START_SIZE;
    if (start_size > CC__MOST) return NULL;
    size_t size = cc__round_up(start_size < OVERHEAD ? OVERHEAD : start_size, CC__ALIGNMENT);
    void *memory = cc__region_take(allocator, size);
    return memory != NULL ? begin(memory, size, allocator, false) : NULL;
}

cc_arena_t *cc_arena_create_in(void *buffer, size_t size) {
    if (buffer == NULL || size > CC__MOST) return NULL;
    size_t gap = cc__gap(buffer, CC__ALIGNMENT);
    if (size < gap + OVERHEAD) return NULL;
    return begin((char *)buffer + gap, (size - gap) & ~(size_t)(CC__ALIGNMENT - 1), NULL, true);
}

static void give_block(arena_t *self, block_t *block) {
    cc__region_give(self->allocator, block, size_of(block));
}

static void give_spares(arena_t *self) {
    for (block_t *block = self->block->after, *after; block != NULL; block = after) {
        after = block->after;
        give_block(self, block);
    }
    self->block->after = NULL;
}

static void run_deferred(arena_t *self, const deferred_t *until) {
    while (self->deferred != until) {
        deferred_t *latest = self->deferred;
        self->deferred = latest->before; /* it may defer more, which is run then */
        latest->function(latest->argument);
    }
}

void cc_arena_destroy(cc_arena_t *arena) {
    if (arena == NULL) return;
    arena_t *self = whole(arena);
    run_deferred(self, NULL);
    give_spares(self);
    if (self->fixed) {
        cc__unpoison(self->block, size_of(self->block));
        return;
    }
    block_t *block = self->block;
    while (block->before != NULL) {
        block_t *before = block->before;
        give_block(self, block);
        block = before;
    }
    const cc_mem_methods_t *allocator = self->allocator; /* it lies in this block */
    cc__region_give(allocator, block, size_of(block));
}

/* Brings a block into use that has room for `need` bytes at its beginning. A spare block that is too small is given
 * back, so that the chain does not grow longer in an arena that is used again and again. */
static bool advance(arena_t *self, size_t need) {
    block_t *before = self->block, *spare = before->after;
    if (self->fixed) return false;
    if (spare == NULL || (size_t)(spare->end - data_of(spare)) < need) {
        size_t least = cc__round_up(need + cc__round_up(sizeof(block_t), CC__ALIGNMENT), CC__ALIGNMENT);
        size_t size = least > self->next_size ? least : self->next_size;
        void *memory = cc__region_take(self->allocator, size);
        if (memory == NULL && size > least) memory = cc__region_take(self->allocator, size = least);
        if (memory == NULL) return false;
        if (size == self->next_size && size < MOST_SIZE) self->next_size = size * 2 < MOST_SIZE ? size * 2 : MOST_SIZE;
        block_t *after = spare != NULL ? spare->after : NULL;
        if (spare != NULL) give_block(self, spare);
        spare = begin_block(memory, size, before, after);
    }
    before->next = cursor(self)->next;
    use_block(self, spare, data_of(spare));
    return true;
}

void *cc_arena_alloc_slowly(cc_arena_t *arena, size_t size, size_t alignment) {
    arena_t *self = whole(arena);
    if (size == 0 || size > CC__MOST || alignment > CC__MOST || !cc__is_power_of_two(alignment)) return NULL;
    do {
        cc_arena_t *at = cursor(self);
        size_t gap = cc__gap(at->next, alignment), room = (size_t)(at->end - at->next);
        if (gap > room || size + CC__GAP > room - gap) continue;
        char *pointer = at->next + gap;
        at->next = pointer + size + CC__GAP;
        if (CC__WATCHED) cc__region_open(pointer, size);
        return pointer;
    } while (advance(self, size + CC__GAP + (alignment > CC__ALIGNMENT ? alignment - CC__ALIGNMENT : 0)));
    return NULL;
}

void *cc_arena_calloc(cc_arena_t *arena, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
    void *pointer = cc_arena_alloc(arena, bytes);
    return pointer != NULL ? memset(pointer, 0, bytes) : NULL;
}

void *cc_arena_dup(cc_arena_t *arena, const void *data, size_t size) {
    void *copy = data != NULL ? cc_arena_alloc(arena, size) : NULL;
    return copy != NULL ? memcpy(copy, data, size) : NULL;
}

char *cc_arena_strdup(cc_arena_t *arena, const char *text) {
    if (text == NULL) return NULL;
    size_t size = strlen(text) + 1;
    char *copy = cc_arena_alloc_aligned(arena, size, 1);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

int cc_arena_defer(cc_arena_t *arena, void (*function)(void *argument), void *argument) {
    if (function == NULL) return CC_ERROR_ARGUMENT;
    arena_t *self = whole(arena);
    deferred_t *deferred = cc_arena_alloc(arena, sizeof *deferred);
    if (deferred == NULL) return CC_ERROR_MEMORY;
    *deferred = (deferred_t){self->deferred, function, argument};
    self->deferred = deferred;
    return CC_OK;
}

cc_arena_mark_t cc_arena_mark(const cc_arena_t *arena) {
    arena_t *self = whole(arena);
    return (cc_arena_mark_t){self->block, cursor(self)->next, self->deferred};
}

int cc_arena_rewind(cc_arena_t *arena, cc_arena_mark_t mark) {
    arena_t *self = whole(arena);
    block_t *block = self->block;
    char *filled = cursor(self)->next;
    while (block != NULL && block != mark.block) {
        block = block->before;
        if (block != NULL) filled = block->next;
    }
    if (block == NULL || mark.next < data_of(block) || mark.next > filled) return CC_ERROR_STATE;
    run_deferred(self, mark.deferred);
    /* what the deferred functions allocated goes, too */
    for (block_t *later = self->block; later != block; later = later->before) {
        char *next = later == self->block ? cursor(self)->next : later->next;
        cc__region_close(data_of(later), (size_t)(next - data_of(later)));
    }
    filled = block == self->block ? cursor(self)->next : block->next;
    cc__region_close(mark.next, (size_t)(filled - mark.next));
    use_block(self, block, mark.next);
    return CC_OK;
}

void cc_arena_reset(cc_arena_t *arena) {
    block_t *oldest = whole(arena)->block;
    while (oldest->before != NULL) oldest = oldest->before;
    (void)cc_arena_rewind(arena, (cc_arena_mark_t){oldest, data_of(oldest), NULL});
}

void cc_arena_trim(cc_arena_t *arena) {
    give_spares(whole(arena));
}

cc_arena_status_t cc_arena_status(const cc_arena_t *arena) {
    arena_t *self = whole(arena);
    cc_arena_status_t status = {.used = (size_t)(cursor(self)->next - data_of(self->block))};
    for (block_t *block = self->block->after; block != NULL; block = block->after) {
        status.reserved += size_of(block);
        status.blocks++;
    }
    for (block_t *block = self->block; block != NULL; block = block->before) {
        if (block != self->block) status.used += (size_t)(block->next - data_of(block));
        status.reserved += size_of(block);
        status.blocks++;
    }
    return status;
}
