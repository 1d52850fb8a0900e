/* profile/shadow.c: the memory of the live table. */
#include "shadow.h"

_Atomic(cc__leaf_t *) *cc__shadow_leaves;

/* The first level becomes writable in parts of 64 KiB, which no system's pages are larger than. */
enum { PART_BITS = 13, PART_LEAVES = 1 << PART_BITS, PARTS = CC__LEAF_COUNT / PART_LEAVES };

/* Whether a part is writable; in others there are no leaves. */
static _Atomic(bool) is_writable[PARTS];

int cc__shadow_open(void) {
    if (cc__shadow_leaves != NULL) return CC_OK;
    size_t size = CC__LEAF_COUNT * sizeof *cc__shadow_leaves;
    void *leaves = cc__os_reserve(NULL, size, PART_LEAVES * sizeof *cc__shadow_leaves);
    if (leaves == NULL) return CC_ERROR_MEMORY;
    if (cc__os_protect(leaves, size, CC__OS_READ) != CC_OK) {
        cc__os_unmap(leaves, size);
        return CC_ERROR_MEMORY;
    }
    cc__shadow_leaves = leaves;
    return CC_OK;
}

/* Two threads may do this at once. */
static bool make_writable(size_t part) {
    /* acquire pairs with the release below: the part can be written to */
    if (cc__load_acquire(&is_writable[part])) return true;
    _Atomic(cc__leaf_t *) *leaves = cc__shadow_leaves + part * PART_LEAVES;
    if (cc__os_protect((void *)leaves, PART_LEAVES * sizeof *leaves, CC__OS_READ | CC__OS_WRITE) != CC_OK) return false;
    cc__store_release(&is_writable[part], true);
    return true;
}

cc__leaf_t *cc__shadow_add_leaf(uintptr_t address) {
    uintptr_t index = address >> CC__LEAF_BITS;
    if (index >= CC__LEAF_COUNT || !make_writable(index >> PART_BITS)) return NULL;
    cc__leaf_t *leaf = cc__os_map(sizeof *leaf);
    if (leaf == NULL) return NULL;
    cc__leaf_t *seen = NULL;
    /* release pairs with the acquire load in cc__shadow_leaf */
    if (cc__swap_if_acq_rel(&cc__shadow_leaves[index], &seen, leaf)) return leaf;
    cc__os_unmap(leaf, sizeof *leaf); /* another thread was first */
    return seen;
}

/* The first leaf from an address on, which becomes the one that the leaf begins at; NULL when there is none. */
static cc__leaf_t *next_leaf(uintptr_t *address) {
    for (size_t index = *address >> CC__LEAF_BITS; index < CC__LEAF_COUNT; index++) {
        if (!cc__load_relaxed(&is_writable[index >> PART_BITS])) { /* leaves may be read in any part */
            index |= PART_LEAVES - 1;
            continue;
        }
        *address = (uintptr_t)index << CC__LEAF_BITS;
        cc__leaf_t *leaf = cc__shadow_leaf(*address);
        if (leaf != NULL) return leaf;
    }
    return NULL;
}

void cc__shadow_clear(void) {
    cc__leaf_t *leaf;
    for (uintptr_t address = 0; (leaf = next_leaf(&address)) != NULL; address += CC__LEAF_ADDRESSES)
        cc__os_discard(leaf, sizeof *leaf);
}

/* The first line of eight words from `line` on that holds a record. Most are empty, so this is where a walk spends its
 * time; TSan, whose bookkeeping would multiply it, has nothing to find in relaxed loads. */
__attribute__((no_sanitize_thread)) static size_t next_line(cc__leaf_t *leaf, size_t line) {
    for (; line < CC__LEAF_GRANULES; line += 8) {
        uint64_t any = 0;
        for (size_t i = line; i < line + 8; i++) any |= cc__load_relaxed(&leaf->words[i]);
        if (CC_UNLIKELY(cc__record_session(any) != 0)) break;
    }
    return line;
}

void cc__shadow_walk(cc__visit_t visit, void *context) {
    cc__leaf_t *leaf;
    for (uintptr_t address = 0; (leaf = next_leaf(&address)) != NULL; address += CC__LEAF_ADDRESSES) {
        for (size_t line = next_line(leaf, 0); line < CC__LEAF_GRANULES; line = next_line(leaf, line + 8)) {
            for (size_t i = line; i < line + 8; i++) {
                uint64_t record = cc__load_relaxed(&leaf->words[i]);
                if (cc__record_session(record) != 0) visit(context, leaf, i, address + (i << CC__GRANULE_BITS), record);
            }
        }
    }
}
