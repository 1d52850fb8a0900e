/* profile/interned.c: a hash table of numbers beside an array of items. */
#include "interned.h"

#include <stdlib.h>
#include <string.h>

#include "../base/fault.h"
#include "cc/profile.h"

static size_t hash_of(const cc__interned_t *interned, const void *key) {
    uint64_t hash = 0;
    for (size_t at = 0; at < interned->key_size; at += sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, (const char *)key + at, sizeof word);
        hash = cc_profile_mix(hash, word);
    }
    return (size_t)hash;
}

/* Where the key's number is in the table, or would be. pre: there is a table. */
static uint32_t *place_of(const cc__interned_t *interned, const void *key) {
    size_t mask = interned->room - 1, at = hash_of(interned, key) & mask;
    while (interned->table[at] != 0 &&
           memcmp(cc__interned_item(interned, interned->table[at]), key, interned->key_size) != 0)
        at = (at + 1) & mask;
    return &interned->table[at];
}

static bool grow(cc__interned_t *interned) {
    cc__interned_t grown = *interned;
    grown.room = interned->room != 0 ? interned->room * 2 : 64;
    grown.table = cc__own_calloc(grown.room, sizeof *grown.table);
    grown.items = cc__own_calloc(grown.room / 2 + 1, grown.item_size);
    if (grown.table == NULL || grown.items == NULL) {
        free(grown.table);
        free(grown.items);
        return false;
    }
    if (interned->items != NULL) memcpy(grown.items, interned->items, (interned->used + 1) * grown.item_size);
    for (uint32_t number = 1; number <= grown.used; number++)
        *place_of(&grown, cc__interned_item(&grown, number)) = number;
    free(interned->table);
    free(interned->items);
    *interned = grown;
    return true;
}

uint32_t cc__interned_find(const cc__interned_t *interned, const void *key) {
    return interned->room != 0 ? *place_of(interned, key) : 0;
}

uint32_t cc__intern(cc__interned_t *interned, const void *key) {
    uint32_t number = cc__interned_find(interned, key);
    if (CC_LIKELY(number != 0)) return number;
    if (interned->used == interned->room / 2 && (interned->used == UINT32_MAX / 2 || !grow(interned))) return 0;
    number = ++interned->used;
    memcpy(cc__interned_item(interned, number), key, interned->key_size);
    *place_of(interned, key) = number;
    return number;
}

void cc__interned_clear(cc__interned_t *interned) {
    free(interned->table);
    free(interned->items);
    *interned = (cc__interned_t){.item_size = interned->item_size, .key_size = interned->key_size};
}
