/* methods/debug.c: an allocator over another one that finds misuse (as SQLite's mem2).
 *
 * A block as the one below knows it:
 *     | 16 bytes 0xBE | the user's bytes, 0x55 at first | 8 to 15 bytes 0xBE |
 * Nothing else is kept in it. The records lie in memory of their own and are found by address, so no overrun reaches
 * them, and a pointer that is no block's is never followed. A freed block is filled with 0xDD and held back
 * in a quarantine; when it leaves it must still be 0xDD. Calls of the allocator below and of the program are made
 * without the lock. */
#include <stdlib.h>
#include <string.h>

#include "../base/round.h"
#include "debug.h"
#include "methods_internal.h"

enum { BEFORE = CC__DEBUG_BEFORE };
#define MOST ((size_t)PTRDIFF_MAX / 4) /* bytes of a block, and its alignment */
enum { FIRST_TABLE = 4096, MAPPING_BYTES = 1 << 16, QUARANTINE = 1 << 20 };

static __thread char own_title[CC_MEM_TITLE_SIZE];

void cc_mem_debug_title(const char *title) {
    size_t length = title != NULL ? strlen(title) : 0;
    if (length >= sizeof own_title) {
        length = sizeof own_title - 1;
        while (length > 0 && ((unsigned char)title[length] & 0xC0) == 0x80) length--; /* a UTF-8 boundary */
    }
    if (length > 0) memcpy(own_title, title, length);
    own_title[length] = 0;
}

/* Bytes of the block below for `size` bytes of the user's. */
static size_t whole(size_t size) {
    return BEFORE + size + cc__debug_behind(size);
}

/* ---- records; the lock is held ----------------------------------------------------------------------------------- */

static size_t place_in(size_t table_size, const void *user) {
    return (size_t)(((uint64_t)(uintptr_t)user / 16 * 0x9E3779B97F4A7C15u) >> 20) & (table_size - 1);
}

static cc__debug_record_t *find(const cc__debug_t *self, const void *user) {
    cc__debug_record_t *record = self->table[place_in(self->table_size, user)];
    while (record != NULL && record->user != user) record = record->same;
    return record;
}

/* Without memory for a larger table the chains grow longer. */
static void grow_table(cc__debug_t *self) {
    size_t size = self->table_size * 2;
    cc__debug_record_t **table = cc__os_map(size * sizeof *table);
    if (table == NULL) return;
    for (size_t i = 0; i < self->table_size; i++) {
        for (cc__debug_record_t *record = self->table[i], *same; record != NULL; record = same) {
            same = record->same;
            cc__debug_record_t **chain = &table[place_in(size, record->user)];
            record->same = *chain;
            *chain = record;
        }
    }
    cc__os_unmap(self->table, self->table_size * sizeof *table);
    self->table = table;
    self->table_size = size;
}

static void append(cc__debug_record_t **first, cc__debug_record_t **last, cc__debug_record_t *record) {
    record->previous = *last;
    record->next = NULL;
    *(*last != NULL ? &(*last)->next : first) = record;
    *last = record;
}

static void unlink_from(cc__debug_record_t **first, cc__debug_record_t **last, cc__debug_record_t *record) {
    *(record->previous != NULL ? &record->previous->next : first) = record->next;
    *(record->next != NULL ? &record->next->previous : last) = record->previous;
}

static void drop_record(cc__debug_t *self, cc__debug_record_t *record) {
    cc__debug_record_t **link = &self->table[place_in(self->table_size, record->user)];
    while (*link != record) link = &(*link)->same;
    *link = record->same;
    self->records--;
    cc__records_give(&self->storage, record);
}

static size_t quarantine_limit(const cc__debug_t *self) {
    return self->options.quarantine_bytes != 0 ? self->options.quarantine_bytes : QUARANTINE;
}

/* ---- problems ---------------------------------------------------------------------------------------------------- */

/* A pointer that is no block's; the block that it points into is described, if there is one. */
static void note_foreign(const cc__debug_t *self, cc__debug_finding_t *finding, const void *pointer) {
    memset(finding, 0, sizeof *finding);
    finding->kind = CC_MEM_FOREIGN_FREE;
    finding->pointer = pointer;
    finding->blocks = 1;
    uintptr_t address = (uintptr_t)pointer;
    for (size_t i = 0; i < self->table_size; i++) {
        for (const cc__debug_record_t *record = self->table[i]; record != NULL; record = record->same) {
            uintptr_t user = (uintptr_t)record->user;
            size_t size = record->block.size;
            if (address < user - BEFORE || address >= user + size + cc__debug_behind(size)) continue;
            cc__debug_note(finding, record, CC_MEM_FOREIGN_FREE, (ptrdiff_t)(address - user));
            finding->pointer = pointer;
            return;
        }
    }
}

/* Finds the record of a live block, and then keeps the lock. Otherwise reports what the pointer is, and returns NULL
 * without the lock. */
static cc__debug_record_t *lock_block(cc__debug_t *self, const void *pointer) {
    cc__debug_finding_t finding;
    cc__mutex_lock(self->lock);
    cc__debug_record_t *record = find(self, pointer);
    if (record != NULL && !record->held) return record;
    if (record != NULL) {
        cc__debug_note(&finding, record, CC_MEM_DOUBLE_FREE, 0);
    } else {
        note_foreign(self, &finding, pointer);
    }
    cc__mutex_unlock(self->lock);
    cc__debug_tell(self, &finding);
    return NULL;
}

/* Gives the oldest blocks in quarantine back until at most `most` bytes are held there. Returns whether there were
 * any. */
static bool shrink_quarantine(cc__debug_t *self, size_t most) {
    bool any = false;
    for (;;) {
        cc__debug_finding_t finding;
        cc_mem_problem_kind_t kind;
        ptrdiff_t distance;
        cc__mutex_lock(self->lock);
        cc__debug_record_t *record = self->first_held;
        if (record == NULL || self->held_bytes <= most) {
            cc__mutex_unlock(self->lock);
            return any;
        }
        bool bad = cc__debug_damaged(record, &kind, &distance);
        if (bad) cc__debug_note(&finding, record, kind, distance);
        void *block = record->below;
        unlink_from(&self->first_held, &self->last_held, record);
        self->held_bytes -= record->block.size;
        drop_record(self, record);
        cc__mutex_unlock(self->lock);
        if (bad) cc__debug_tell(self, &finding);
        self->below.free(block, self->below.context);
        any = true;
    }
}

/* ---- the methods ------------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) unsigned own_stack(const cc__debug_t *self, void **frames) {
    if (self->options.without_stacks) return 0;
    return cc__os_backtrace(frames, self->options.frames != 0 ? self->options.frames : CC_MEM_DEBUG_FRAMES);
}

/* The user's bytes lie at a multiple of the alignment, at least 16. */
static void *allocate(cc__debug_t *self, size_t size, size_t alignment) {
    cc__debug_block_t block;
    size_t before = alignment > BEFORE ? alignment : BEFORE; /* room for the guard, and for what aligns */
    if (size == 0 || alignment > MOST || size > MOST) return NULL;
    size_t bytes = whole(size) - BEFORE + before + (alignment > BEFORE ? BEFORE : 0);
    unsigned char *start = self->below.malloc(bytes, self->below.context);
    if (start == NULL && shrink_quarantine(self, 0)) start = self->below.malloc(bytes, self->below.context);
    if (start == NULL) return NULL;
    unsigned char *user = (unsigned char *)start + BEFORE;
    if (alignment > BEFORE) user += (0 - (uintptr_t)user) & (alignment - 1);
    cc__debug_write_guards(user, size);
    memset(user, CC__FILL_FRESH, size);
    block.size = size;
    block.allocated.depth = own_stack(self, block.allocated.frames);
    block.freed.depth = 0;
    memcpy(block.title, own_title, sizeof block.title);

    cc__mutex_lock(self->lock);
    cc__debug_record_t *record = cc__records_take(&self->storage, NULL);
    if (record != NULL) {
        block.sequence = ++self->sequence;
        record->block = block;
        record->user = user;
        record->below = start;
        record->held = false;
        if (++self->records > self->table_size) grow_table(self);
        cc__debug_record_t **chain = &self->table[place_in(self->table_size, user)];
        record->same = *chain;
        *chain = record;
        append(&self->oldest, &self->newest, record);
    }
    cc__mutex_unlock(self->lock);
    if (record != NULL) return user;
    self->below.free(start, self->below.context);
    return NULL;
}

static void *debug_malloc(size_t size, void *context) {
    return allocate(context, size, BEFORE);
}

static void debug_free(void *pointer, void *context) {
    cc__debug_t *self = context;
    cc__debug_finding_t finding;
    cc__debug_stack_t stack;
    cc_mem_problem_kind_t kind;
    ptrdiff_t distance;
    if (pointer == NULL) return;
    stack.depth = own_stack(self, stack.frames);
    cc__debug_record_t *record = lock_block(self, pointer);
    if (record == NULL) return;
    bool bad = cc__debug_damaged(record, &kind, &distance);
    record->block.freed = stack;
    if (bad) {
        cc__debug_note(&finding, record, kind, distance);
        finding.freed = true;
        cc__debug_write_guards(record->user, record->block.size); /* reported once */
    }
    memset(record->user, CC__FILL_FREED, record->block.size);
    record->held = true;
    unlink_from(&self->oldest, &self->newest, record);
    append(&self->first_held, &self->last_held, record);
    self->held_bytes += record->block.size;
    cc__mutex_unlock(self->lock);
    if (bad) cc__debug_tell(self, &finding);
    size_t limit = quarantine_limit(self);
    (void)shrink_quarantine(self, limit > 1 ? limit : 0);
}

static size_t debug_size(void *pointer, void *context) {
    cc__debug_t *self = context;
    if (pointer == NULL) return 0;
    cc__debug_record_t *record = lock_block(self, pointer);
    if (record == NULL) return 0;
    size_t size = record->block.size;
    cc__mutex_unlock(self->lock);
    return size;
}

/* Always moves the block, so that a pointer to the old place is found out. */
static void *debug_realloc(void *pointer, size_t size, void *context) {
    size_t old_size = debug_size(pointer, context);
    if (old_size == 0) return NULL; /* reported */
    void *moved = debug_malloc(size, context);
    if (moved == NULL) return NULL;
    memcpy(moved, pointer, old_size < size ? old_size : size);
    debug_free(pointer, context);
    return moved;
}

static size_t debug_roundup(size_t size, void *context) {
    cc__debug_t *self = context;
    if (size > MOST) return 0;
    return self->below.roundup(whole(size), self->below.context) != 0 ? size : 0;
}

static int debug_init(void *context) {
    cc__debug_t *self = context;
    void *frame;
    (void)cc__os_backtrace(&frame, 1); /* what it takes the first time, it takes here */
    int status = self->below.init(self->below.context);
    if (status != CC_OK) return status;
    self->table = cc__os_map(FIRST_TABLE * sizeof *self->table);
    if (self->table == NULL) {
        self->below.shutdown(self->below.context);
        return CC_ERROR_MEMORY;
    }
    self->lock = cc__mem_instance_lock();
    self->table_size = FIRST_TABLE;
    self->records = 0;
    self->oldest = self->newest = self->first_held = self->last_held = NULL;
    self->held_bytes = 0;
    size_t at_once = (MAPPING_BYTES - sizeof(void *)) / sizeof(cc__debug_record_t);
    self->storage = (cc__records_t)CC__RECORDS(cc__debug_record_t, next, at_once);
    self->sequence = 0;
    return CC_OK;
}

static void debug_shutdown(void *context) {
    cc__debug_t *self = context;
    (void)shrink_quarantine(self, 0);
    (void)cc__debug_leaks(self, 0);
    cc__os_unmap(self->table, self->table_size * sizeof *self->table);
    self->table = NULL;
    cc__records_end(&self->storage);
    self->below.shutdown(self->below.context);
}

/* ---- calls with the methods -------------------------------------------------------------------------------------- */

/* NULL for methods of another kind, and before init. */
static cc__debug_t *debug_of(const cc_mem_methods_t *methods) {
    if (methods == NULL || methods->malloc != debug_malloc) return NULL;
    cc__debug_t *self = methods->context;
    return self->table != NULL ? self : NULL;
}

void *cc_mem_debug_aligned(const cc_mem_methods_t *methods, size_t size, size_t alignment) {
    cc__debug_t *self = debug_of(methods);
    return self != NULL && cc__is_power_of_two(alignment) ? allocate(self, size, alignment) : NULL;
}

size_t cc_mem_debug_check(const cc_mem_methods_t *methods) {
    cc__debug_t *self = debug_of(methods);
    return self != NULL ? cc__debug_check(self) : 0;
}

uint64_t cc_mem_debug_mark(const cc_mem_methods_t *methods) {
    cc__debug_t *self = debug_of(methods);
    return self != NULL ? cc__debug_mark(self) : 0;
}

size_t cc_mem_debug_leaks(const cc_mem_methods_t *methods, uint64_t mark) {
    cc__debug_t *self = debug_of(methods);
    return self != NULL ? cc__debug_leaks(self, mark) : 0;
}

/* ---- instances --------------------------------------------------------------------------------------------------- */

static const cc_mem_methods_t instance_methods = {
    debug_malloc, debug_free, debug_realloc, debug_size, debug_roundup, debug_init, debug_shutdown, NULL,
};

int cc_mem_debug_create(cc_mem_methods_t *methods, const cc_mem_methods_t *below,
                        const cc_mem_debug_options_t *options) {
    if (methods == NULL || below == NULL) return CC_ERROR_ARGUMENT;
    if (options != NULL && options->frames > CC_MEM_DEBUG_FRAMES_MAX) return CC_ERROR_ARGUMENT;
    cc__debug_t *self = cc__os_map(sizeof *self);
    if (self == NULL) return CC_ERROR_MEMORY;
    self->below = *below;
    if (options != NULL) self->options = *options;
    *methods = instance_methods;
    methods->context = self;
    return CC_OK;
}

void cc_mem_debug_destroy(cc_mem_methods_t *methods) {
    if (methods == NULL || methods->init != debug_init) return; /* the backend's instance is not the caller's to end */
    cc__os_unmap(methods->context, sizeof(cc__debug_t));
    memset(methods, 0, sizeof *methods);
}

/* ---- the backend ------------------------------------------------------------------------------------------------- */

static cc__debug_t shared;
CC__INSTANCE(debug);

static int debug_begin(void *context, const cc__backend_settings_t *settings, void *buffer, size_t bytes, bool zeroed) {
    (void)buffer, (void)bytes, (void)zeroed;
    cc__debug_t *self = context;
    memset(self, 0, sizeof *self);
    self->below = settings->debug_below != NULL ? *settings->debug_below : cc__system_backend.methods;
    self->options = settings->debug;
    return debug_init(self);
}

const cc__backend_t cc__debug_backend = {
    .name = "debug",
    .methods = {debug_malloc, debug_free, debug_realloc, debug_size, debug_roundup, instance_init, instance_shutdown,
                &shared},
    .begin = debug_begin,
    .end = debug_shutdown,
    .takes_debug_options = true,
};
