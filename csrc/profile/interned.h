/* profile/interned.h: things of one size, each kept once under a number from 1 on. */
#ifndef CC_PROFILE_INTERNED_H
#define CC_PROFILE_INTERNED_H

#include "cc/base.h"

/* One kind of thing. All but the two sizes are 0 at first. An item begins with its key, which tells it from all others;
 * the rest is its owner's, 0 when it is new. */
typedef struct cc__interned {
    size_t item_size, key_size; /* multiples of 4 */
    char *items;                /* by number; the first one is unused. They move when there are more */
    uint32_t *table;            /* open addressing: numbers */
    size_t room;                /* of the table: a power of two; half as many items */
    uint32_t used;
} cc__interned_t;

/* The number of the item with this key, which is added when it is not there. 0 when there is no memory. */
uint32_t cc__intern(cc__interned_t *interned, const void *key);

/* The number of the item with this key; 0 when there is none. */
uint32_t cc__interned_find(const cc__interned_t *interned, const void *key);

static inline void *cc__interned_item(const cc__interned_t *interned, uint32_t number) {
    return interned->items + number * interned->item_size;
}

/* Forgets all items. */
void cc__interned_clear(cc__interned_t *interned);

#endif
