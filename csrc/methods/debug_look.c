/* methods/debug_look.c: looks at the blocks of a debug allocator for damage and for leaks, and reports what it
 * finds. */
#include <stdlib.h>
#include <string.h>

#include "debug.h"

/* ---- one block --------------------------------------------------------------------------------------------------- */

void cc__debug_write_guards(unsigned char *user, size_t size) {
    memset(user - CC__DEBUG_BEFORE, CC__FILL_GUARD, CC__DEBUG_BEFORE);
    memset(user + size, CC__FILL_GUARD, cc__debug_behind(size));
}

bool cc__debug_damaged(const cc__debug_record_t *record, cc_mem_problem_kind_t *kind, ptrdiff_t *distance) {
    const unsigned char *user = record->user;
    size_t size = record->block.size;
    for (ptrdiff_t i = -1; i >= -CC__DEBUG_BEFORE; i--) {
        if (user[i] == CC__FILL_GUARD) continue;
        *kind = CC_MEM_UNDERRUN;
        *distance = i;
        return true;
    }
    for (size_t i = 0; i < cc__debug_behind(size); i++) {
        if (user[size + i] == CC__FILL_GUARD) continue;
        *kind = CC_MEM_OVERRUN;
        *distance = (ptrdiff_t)i;
        return true;
    }
    for (size_t i = 0; record->held && i < size; i++) {
        if (user[i] == CC__FILL_FREED) continue;
        *kind = CC_MEM_USE_AFTER_FREE;
        *distance = (ptrdiff_t)i;
        return true;
    }
    return false;
}

void cc__debug_note(cc__debug_finding_t *finding, const cc__debug_record_t *record, cc_mem_problem_kind_t kind,
                    ptrdiff_t distance) {
    finding->kind = kind;
    finding->pointer = record->user;
    finding->distance = distance;
    finding->blocks = 1;
    finding->bytes = record->block.size;
    finding->block = record->block;
    finding->freed = record->held;
}

void cc__debug_tell(cc__debug_t *self, const cc__debug_finding_t *finding) {
    cc__debug_report(&self->options, finding);
    if (self->options.abort_on_problem && finding->kind != CC_MEM_LEAK) abort();
}

/* ---- all blocks -------------------------------------------------------------------------------------------------- */

/* Finds the first damaged block of a list that was allocated after number *after, sets *after to its number, and mends
 * it. */
static bool find_damaged(cc__debug_record_t *first, uint64_t *after, cc__debug_finding_t *finding) {
    for (cc__debug_record_t *record = first; record != NULL; record = record->next) {
        cc_mem_problem_kind_t kind;
        ptrdiff_t distance;
        if (record->block.sequence <= *after || !cc__debug_damaged(record, &kind, &distance)) continue;
        cc__debug_note(finding, record, kind, distance);
        cc__debug_write_guards(record->user, record->block.size);
        if (record->held) memset(record->user, CC__FILL_FREED, record->block.size);
        *after = record->block.sequence;
        return true;
    }
    return false;
}

size_t cc__debug_check(cc__debug_t *self) {
    size_t found = 0;
    for (int held = 0; held < 2; held++) {
        for (uint64_t after = 0;;) { /* a mended block is not found again, so the quarantine's order does not matter */
            cc__debug_finding_t finding;
            cc__mutex_lock(self->lock);
            if (held) after = 0;
            bool bad = find_damaged(held ? self->first_held : self->oldest, &after, &finding);
            cc__mutex_unlock(self->lock);
            if (!bad) break;
            found++;
            cc__debug_tell(self, &finding);
        }
    }
    return found;
}

uint64_t cc__debug_mark(cc__debug_t *self) {
    cc__mutex_lock(self->lock);
    uint64_t sequence = self->sequence;
    cc__mutex_unlock(self->lock);
    return sequence;
}

static int compare_stacks(const void *one, const void *other) {
    const cc__debug_record_t *a = *(cc__debug_record_t *const *)one, *b = *(cc__debug_record_t *const *)other;
    int order = cc__debug_compare(&a->block, &b->block);
    if (order != 0) return order;
    return a->block.sequence < b->block.sequence ? -1 : a->block.sequence > b->block.sequence;
}

/* One finding for each stack and title, in memory that is only as large as it must be. */
size_t cc__debug_leaks(cc__debug_t *self, uint64_t mark) {
    cc__mutex_lock(self->lock);
    size_t blocks = 0, bytes = 0;
    cc__debug_record_t *first = self->newest;
    for (; first != NULL && first->block.sequence > mark; first = first->previous) {
        blocks++;
        bytes += first->block.size;
    }
    first = first != NULL ? first->next : self->oldest;
    if (blocks == 0) {
        cc__mutex_unlock(self->lock);
        return 0;
    }
    size_t size = blocks * (sizeof(cc__debug_finding_t) + sizeof(cc__debug_record_t *)), groups = 0;
    cc__debug_finding_t *findings = cc__os_map(size), all;
    if (findings != NULL) {
        cc__debug_record_t **sorted = (cc__debug_record_t **)(void *)(findings + blocks);
        for (size_t i = 0; i < blocks; i++, first = first->next) sorted[i] = first;
        qsort(sorted, blocks, sizeof(cc__debug_record_t *), compare_stacks);
        for (size_t i = 0; i < blocks; i++) {
            cc__debug_finding_t *last = groups > 0 ? &findings[groups - 1] : NULL;
            if (last != NULL && cc__debug_compare(&last->block, &sorted[i]->block) == 0) {
                last->blocks++;
                last->bytes += sorted[i]->block.size;
            } else {
                cc__debug_note(&findings[groups++], sorted[i], CC_MEM_LEAK, 0);
            }
        }
    } else {
        cc__debug_note(&all, first, CC_MEM_LEAK, 0); /* all in one, with the first one's stack */
        all.blocks = blocks;
        all.bytes = bytes;
    }
    cc__mutex_unlock(self->lock);
    if (findings == NULL) cc__debug_tell(self, &all);
    for (size_t i = 0; i < groups; i++) cc__debug_tell(self, &findings[i]);
    if (findings != NULL) cc__os_unmap(findings, size);
    return blocks;
}
