/* profile/shadow.c: the memory of the live table. */
#include "shadow.h"

_Atomic(cc__leaf_t *) cc__shadow_leaves[CC__LEAF_COUNT];

/* Where leaves are, in the order of their making: index + 1, 0 while it is not yet written. */
static _Atomic(uint32_t) made[CC__LEAF_COUNT];
static _Atomic(uint32_t) made_count;

cc__leaf_t *cc__shadow_add_leaf(uintptr_t address) {
    uintptr_t index = address >> CC__LEAF_BITS;
    if (index >= CC__LEAF_COUNT) return NULL;
    cc__leaf_t *leaf = cc__os_map(sizeof *leaf);
    if (leaf == NULL) return NULL;
    cc__leaf_t *seen = NULL;
    /* release pairs with the acquire load in cc__shadow_leaf */
    if (cc__swap_if_acq_rel(&cc__shadow_leaves[index], &seen, leaf)) {
        /* release pairs with the acquire in cc__shadow_nth_leaf: the leaf is in the first level */
        cc__store_release(&made[cc__add_relaxed(&made_count, 1)], (uint32_t)index + 1);
        return leaf;
    }
    cc__os_unmap(leaf, sizeof *leaf); /* another thread was first */
    return seen;
}

size_t cc__shadow_leaf_count(void) {
    return cc__load_relaxed(&made_count);
}

cc__leaf_t *cc__shadow_nth_leaf(size_t n, uintptr_t *address) {
    uint32_t place = cc__load_acquire(&made[n]); /* pairs with cc__shadow_add_leaf */
    if (place == 0) return NULL;
    *address = (uintptr_t)(place - 1) << CC__LEAF_BITS;
    return cc__load_acquire(&cc__shadow_leaves[place - 1]);
}

void cc__shadow_clear(void) {
    uintptr_t address;
    for (size_t n = 0; n < cc__shadow_leaf_count(); n++) {
        cc__leaf_t *leaf = cc__shadow_nth_leaf(n, &address);
        if (leaf != NULL) cc__os_discard(leaf, sizeof *leaf);
    }
}
