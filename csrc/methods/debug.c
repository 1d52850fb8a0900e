/* methods/debug.c: an allocator over another one that finds misuse (as SQLite's mem2).
 *
 * A block as the one below knows it:
 *     | 16 bytes 0xBE | the user's bytes, 0x55 at first | 8 to 15 bytes 0xBE |
 * Nothing else is kept in it: the records lie in memory of the system's and are found by address, so that no overrun can reach
 * them and a pointer that is none of ours is never followed. A freed block is filled with 0xDD and held back in a quarantine;
 * when it leaves it must still be 0xDD. Calls of the allocator below and of the program are made without the lock. */
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "debug_report.h"
#include "methods_internal.h"

enum { BEFORE = CC__MEM_ALIGNMENT, BEHIND = 8, GUARD = 0xBE, FRESH = 0x55, POISON = 0xDD };
enum { FIRST_TABLE = 4096, CHUNK_BYTES = 1 << 16, QUARANTINE = 1 << 20 };

typedef struct record {
    cc__debug_block_t block;
    unsigned char *user;
    bool held; /* freed, in quarantine */
    struct record *same; /* in its chain of the table */
    struct record *previous, *next; /* by age, of live blocks, or in the quarantine */
} record_t;

typedef struct debug {
    cc_mem_methods_t below;
    cc_mem_debug_options_t options;
    cc__mutex_t *lock;
    record_t **table; /* by address, chained; NULL before init */
    size_t table_size, records;
    record_t *oldest, *newest;         /* live blocks by age */
    record_t *first_held, *last_held;  /* the quarantine, oldest first */
    size_t held_bytes;
    record_t *spare;                   /* records without a block */
    void *chunks;                                /* what records were taken from, linked by their first word */
    uint64_t sequence;                           /* number of the last allocation */
} debug_t;

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

/* ---- the bytes of a block ------------------------------------------------------------------------------------------------ */

/* From the beginning of the guard behind to its end. */
static size_t behind(size_t size) {
    return ((size + 7) & ~(size_t)7) - size + BEHIND;
}

static size_t whole(size_t size) {
    return BEFORE + size + behind(size);
}

static void write_guards(unsigned char *user, size_t size) {
    memset(user - BEFORE, GUARD, BEFORE);
    memset(user + size, GUARD, behind(size));
}

/* The first damage; false if there is none. */
static bool damaged(const record_t *record, cc_mem_problem_kind_t *kind, ptrdiff_t *distance) {
    const unsigned char *user = record->user;
    size_t size = record->block.size;
    for (ptrdiff_t i = -1; i >= -BEFORE; i--) {
        if (user[i] == GUARD) continue;
        *kind = CC_MEM_UNDERRUN;
        *distance = i;
        return true;
    }
    for (size_t i = 0; i < behind(size); i++) {
        if (user[size + i] == GUARD) continue;
        *kind = CC_MEM_OVERRUN;
        *distance = (ptrdiff_t)i;
        return true;
    }
    for (size_t i = 0; record->held && i < size; i++) {
        if (user[i] == POISON) continue;
        *kind = CC_MEM_USE_AFTER_FREE;
        *distance = (ptrdiff_t)i;
        return true;
    }
    return false;
}

/* ---- records; the lock is held --------------------------------------------------------------------------------------------- */

static size_t place_in(size_t table_size, const void *user) {
    return (size_t)(((uint64_t)(uintptr_t)user / 16 * 0x9E3779B97F4A7C15u) >> 20) & (table_size - 1);
}

static record_t *find(const debug_t *self, const void *user) {
    record_t *record = self->table[place_in(self->table_size, user)];
    while (record != NULL && record->user != user) record = record->same;
    return record;
}

/* Without memory for a larger table the chains grow longer. */
static void grow_table(debug_t *self) {
    size_t size = self->table_size * 2;
    record_t **table = cc__os_map(size * sizeof *table);
    if (table == NULL) return;
    for (size_t i = 0; i < self->table_size; i++) {
        for (record_t *record = self->table[i], *same; record != NULL; record = same) {
            same = record->same;
            record_t **chain = &table[place_in(size, record->user)];
            record->same = *chain;
            *chain = record;
        }
    }
    cc__os_unmap(self->table, self->table_size * sizeof *table);
    self->table = table;
    self->table_size = size;
}

static record_t *take_record(debug_t *self) {
    if (self->spare == NULL) {
        void **chunk = cc__os_map(CHUNK_BYTES);
        if (chunk == NULL) return NULL;
        *chunk = self->chunks;
        self->chunks = chunk;
        record_t *fresh = (record_t *)(void *)((char *)chunk + CC__MEM_ALIGNMENT);
        for (size_t i = 0; i < (CHUNK_BYTES - CC__MEM_ALIGNMENT) / sizeof *fresh; i++) {
            fresh[i].next = self->spare;
            self->spare = &fresh[i];
        }
    }
    record_t *record = self->spare;
    self->spare = record->next;
    return record;
}

static void append(record_t **first, record_t **last, record_t *record) {
    record->previous = *last;
    record->next = NULL;
    *(*last != NULL ? &(*last)->next : first) = record;
    *last = record;
}

static void unlink_from(record_t **first, record_t **last, record_t *record) {
    *(record->previous != NULL ? &record->previous->next : first) = record->next;
    *(record->next != NULL ? &record->next->previous : last) = record->previous;
}

static void drop_record(debug_t *self, record_t *record) {
    record_t **link = &self->table[place_in(self->table_size, record->user)];
    while (*link != record) link = &(*link)->same;
    *link = record->same;
    self->records--;
    record->next = self->spare;
    self->spare = record;
}

static size_t quarantine_limit(const debug_t *self) {
    return self->options.quarantine_bytes != 0 ? self->options.quarantine_bytes : QUARANTINE;
}

/* ---- problems ----------------------------------------------------------------------------------------------------------------- */

static void note(cc__debug_finding_t *finding, const record_t *record, cc_mem_problem_kind_t kind, ptrdiff_t distance) {
    finding->kind = kind;
    finding->pointer = record->user;
    finding->distance = distance;
    finding->blocks = 1;
    finding->bytes = record->block.size;
    finding->block = record->block;
    finding->freed = record->held;
}

/* A pointer that is no block's; the block that it points into is described, if there is one. */
static void note_foreign(const debug_t *self, cc__debug_finding_t *finding, const void *pointer) {
    memset(finding, 0, sizeof *finding);
    finding->kind = CC_MEM_FOREIGN_FREE;
    finding->pointer = pointer;
    finding->blocks = 1;
    uintptr_t address = (uintptr_t)pointer;
    for (size_t i = 0; i < self->table_size; i++) {
        for (const record_t *record = self->table[i]; record != NULL; record = record->same) {
            uintptr_t user = (uintptr_t)record->user;
            if (address < user - BEFORE || address >= user + record->block.size + behind(record->block.size)) continue;
            note(finding, record, CC_MEM_FOREIGN_FREE, (ptrdiff_t)(address - user));
            finding->pointer = pointer;
            return;
        }
    }
}

/* pre: without the lock. */
static void report(debug_t *self, const cc__debug_finding_t *finding) {
    cc__debug_report(&self->options, finding);
    if (self->options.abort_on_problem && finding->kind != CC_MEM_LEAK) abort();
}

/* Finds the record of a live block; if there is none reports that and returns NULL. Takes the lock and, on success, keeps it. */
static record_t *lock_block(debug_t *self, const void *pointer) {
    cc__debug_finding_t finding;
    cc__mutex_lock(self->lock);
    record_t *record = find(self, pointer);
    if (record != NULL && !record->held) return record;
    if (record != NULL) {
        note(&finding, record, CC_MEM_DOUBLE_FREE, 0);
    } else {
        note_foreign(self, &finding, pointer);
    }
    cc__mutex_unlock(self->lock);
    report(self, &finding);
    return NULL;
}

/* Lets the oldest blocks go until at most `most` bytes are held. Returns whether any went. */
static bool shrink_quarantine(debug_t *self, size_t most) {
    bool any = false;
    for (;;) {
        cc__debug_finding_t finding;
        cc_mem_problem_kind_t kind;
        ptrdiff_t distance;
        cc__mutex_lock(self->lock);
        record_t *record = self->first_held;
        if (record == NULL || self->held_bytes <= most) {
            cc__mutex_unlock(self->lock);
            return any;
        }
        bool bad = damaged(record, &kind, &distance);
        if (bad) note(&finding, record, kind, distance);
        void *block = record->user - BEFORE;
        unlink_from(&self->first_held, &self->last_held, record);
        self->held_bytes -= record->block.size;
        drop_record(self, record);
        cc__mutex_unlock(self->lock);
        if (bad) report(self, &finding);
        self->below.free(block, self->below.context);
        any = true;
    }
}

/* ---- the methods -------------------------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) unsigned own_stack(const debug_t *self, void **frames) {
    if (self->options.without_stacks) return 0;
    return cc__os_backtrace(frames, self->options.frames != 0 ? self->options.frames : CC_MEM_DEBUG_FRAMES);
}

static void *debug_malloc(size_t size, void *context) {
    debug_t *self = context;
    cc__debug_block_t block;
    if (size == 0 || size > PTRDIFF_MAX - BEFORE - BEHIND - 8) return NULL;
    unsigned char *start = self->below.malloc(whole(size), self->below.context);
    if (start == NULL && shrink_quarantine(self, 0)) start = self->below.malloc(whole(size), self->below.context);
    if (start == NULL) return NULL;
    unsigned char *user = start + BEFORE;
    write_guards(user, size);
    memset(user, FRESH, size);
    block.size = size;
    block.allocated.depth = own_stack(self, block.allocated.frames);
    block.freed.depth = 0;
    memcpy(block.title, own_title, sizeof block.title);

    cc__mutex_lock(self->lock);
    record_t *record = take_record(self);
    if (record != NULL) {
        block.sequence = ++self->sequence;
        record->block = block;
        record->user = user;
        record->held = false;
        if (++self->records > self->table_size) grow_table(self);
        record_t **chain = &self->table[place_in(self->table_size, user)];
        record->same = *chain;
        *chain = record;
        append(&self->oldest, &self->newest, record);
    }
    cc__mutex_unlock(self->lock);
    if (record != NULL) return user;
    self->below.free(start, self->below.context);
    return NULL;
}

static void debug_free(void *pointer, void *context) {
    debug_t *self = context;
    cc__debug_finding_t finding;
    cc__debug_stack_t stack;
    cc_mem_problem_kind_t kind;
    ptrdiff_t distance;
    if (pointer == NULL) return;
    stack.depth = own_stack(self, stack.frames);
    record_t *record = lock_block(self, pointer);
    if (record == NULL) return;
    bool bad = damaged(record, &kind, &distance);
    record->block.freed = stack;
    if (bad) {
        note(&finding, record, kind, distance);
        finding.freed = true;
        write_guards(record->user, record->block.size); /* reported once */
    }
    memset(record->user, POISON, record->block.size);
    record->held = true;
    unlink_from(&self->oldest, &self->newest, record);
    append(&self->first_held, &self->last_held, record);
    self->held_bytes += record->block.size;
    cc__mutex_unlock(self->lock);
    if (bad) report(self, &finding);
    size_t limit = quarantine_limit(self);
    (void)shrink_quarantine(self, limit > 1 ? limit : 0);
}

static size_t debug_size(void *pointer, void *context) {
    debug_t *self = context;
    if (pointer == NULL) return 0;
    record_t *record = lock_block(self, pointer);
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
    debug_t *self = context;
    if (size > PTRDIFF_MAX - BEFORE - BEHIND - 8) return 0;
    return self->below.roundup(whole(size), self->below.context) != 0 ? size : 0;
}

static int debug_init(void *context) {
    debug_t *self = context;
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
    self->oldest = self->newest = self->first_held = self->last_held = self->spare = NULL;
    self->held_bytes = 0;
    self->chunks = NULL;
    self->sequence = 0;
    return CC_OK;
}

static size_t report_leaks(debug_t *self, uint64_t mark);

static void debug_shutdown(void *context) {
    debug_t *self = context;
    (void)shrink_quarantine(self, 0);
    (void)report_leaks(self, 0);
    cc__os_unmap(self->table, self->table_size * sizeof *self->table);
    self->table = NULL;
    for (void **chunk = self->chunks, **next; chunk != NULL; chunk = next) {
        next = *chunk;
        cc__os_unmap(chunk, CHUNK_BYTES);
    }
    self->chunks = NULL;
    self->below.shutdown(self->below.context);
}

/* ---- looking at all blocks ---------------------------------------------------------------------------------------------------- */

static debug_t *debug_of(const cc_mem_methods_t *methods) {
    if (methods == NULL || methods->malloc != debug_malloc) return NULL;
    debug_t *self = methods->context;
    return self->table != NULL ? self : NULL;
}

/* The first damaged block of a list that was allocated after *after, which becomes that one's number; it is mended. */
static bool find_damaged(record_t *first, uint64_t *after, cc__debug_finding_t *finding) {
    for (record_t *record = first; record != NULL; record = record->next) {
        cc_mem_problem_kind_t kind;
        ptrdiff_t distance;
        if (record->block.sequence <= *after || !damaged(record, &kind, &distance)) continue;
        note(finding, record, kind, distance);
        write_guards(record->user, record->block.size);
        if (record->held) memset(record->user, POISON, record->block.size);
        *after = record->block.sequence;
        return true;
    }
    return false;
}

size_t cc_mem_debug_check(const cc_mem_methods_t *methods) {
    debug_t *self = debug_of(methods);
    size_t found = 0;
    for (int held = 0; self != NULL && held < 2; held++) {
        for (uint64_t after = 0;;) { /* a mended block is not found again, so the quarantine's order does not matter */
            cc__debug_finding_t finding;
            cc__mutex_lock(self->lock);
            if (held) after = 0;
            bool bad = find_damaged(held ? self->first_held : self->oldest, &after, &finding);
            cc__mutex_unlock(self->lock);
            if (!bad) break;
            found++;
            report(self, &finding);
        }
    }
    return found;
}

uint64_t cc_mem_debug_mark(const cc_mem_methods_t *methods) {
    debug_t *self = debug_of(methods);
    if (self == NULL) return 0;
    cc__mutex_lock(self->lock);
    uint64_t sequence = self->sequence;
    cc__mutex_unlock(self->lock);
    return sequence;
}

static int compare_stacks(const void *one, const void *other) {
    const record_t *a = *(record_t *const *)one, *b = *(record_t *const *)other;
    int order = cc__debug_compare(&a->block, &b->block);
    if (order != 0) return order;
    return a->block.sequence < b->block.sequence ? -1 : a->block.sequence > b->block.sequence;
}

/* One finding for each stack and title, in memory that is only as large as it must be. */
static size_t report_leaks(debug_t *self, uint64_t mark) {
    cc__mutex_lock(self->lock);
    size_t blocks = 0, bytes = 0;
    record_t *first = self->newest;
    for (; first != NULL && first->block.sequence > mark; first = first->previous) {
        blocks++;
        bytes += first->block.size;
    }
    first = first != NULL ? first->next : self->oldest;
    if (blocks == 0) {
        cc__mutex_unlock(self->lock);
        return 0;
    }
    size_t size = blocks * (sizeof(cc__debug_finding_t) + sizeof(record_t *)), groups = 0;
    cc__debug_finding_t *findings = cc__os_map(size), all;
    if (findings != NULL) {
        record_t **sorted = (record_t **)(void *)(findings + blocks);
        for (size_t i = 0; i < blocks; i++, first = first->next) sorted[i] = first;
        qsort(sorted, blocks, sizeof(record_t *), compare_stacks);
        for (size_t i = 0; i < blocks; i++) {
            cc__debug_finding_t *last = groups > 0 ? &findings[groups - 1] : NULL;
            if (last != NULL && cc__debug_compare(&last->block, &sorted[i]->block) == 0) {
                last->blocks++;
                last->bytes += sorted[i]->block.size;
            } else {
                note(&findings[groups++], sorted[i], CC_MEM_LEAK, 0);
            }
        }
    } else {
        note(&all, first, CC_MEM_LEAK, 0); /* all in one, with the first one's stack */
        all.blocks = blocks;
        all.bytes = bytes;
    }
    cc__mutex_unlock(self->lock);
    if (findings == NULL) report(self, &all);
    for (size_t i = 0; i < groups; i++) report(self, &findings[i]);
    if (findings != NULL) cc__os_unmap(findings, size);
    return blocks;
}

size_t cc_mem_debug_leaks(const cc_mem_methods_t *methods, uint64_t mark) {
    debug_t *self = debug_of(methods);
    return self != NULL ? report_leaks(self, mark) : 0;
}

/* ---- instances ------------------------------------------------------------------------------------------------------------------ */

static const cc_mem_methods_t instance_methods = {
    debug_malloc, debug_free, debug_realloc, debug_size, debug_roundup, debug_init, debug_shutdown, NULL,
};

int cc_mem_debug_create(cc_mem_methods_t *methods, const cc_mem_methods_t *below, const cc_mem_debug_options_t *options) {
    if (methods == NULL || below == NULL) return CC_ERROR_ARGUMENT;
    if (options != NULL && options->frames > CC_MEM_DEBUG_FRAMES_MAX) return CC_ERROR_ARGUMENT;
    debug_t *self = cc__os_map(sizeof *self);
    if (self == NULL) return CC_ERROR_MEMORY;
    self->below = *below;
    if (options != NULL) self->options = *options;
    *methods = instance_methods;
    methods->context = self;
    return CC_OK;
}

void cc_mem_debug_destroy(cc_mem_methods_t *methods) {
    if (methods == NULL || methods->init != debug_init) return; /* the backend's instance is not the caller's to end */
    cc__os_unmap(methods->context, sizeof(debug_t));
    memset(methods, 0, sizeof *methods);
}

/* ---- the backend ---------------------------------------------------------------------------------------------------- */

static debug_t shared;

static int debug_begin(void *context, const cc__backend_settings_t *settings, void *buffer, size_t bytes, bool zeroed) {
    (void)buffer, (void)bytes, (void)zeroed;
    debug_t *self = context;
    memset(self, 0, sizeof *self);
    self->below = settings->debug_below != NULL ? *settings->debug_below : cc__system_backend.methods;
    self->options = settings->debug;
    return debug_init(self);
}

const cc__backend_t cc__debug_backend = {
    .name = "debug",
    .methods = {debug_malloc, debug_free, debug_realloc, debug_size, debug_roundup, cc__backend_init, cc__backend_shutdown, &shared},
    .begin = debug_begin,
    .end = debug_shutdown,
    .takes_debug_options = true,
};
