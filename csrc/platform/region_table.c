/* platform/region_table.c: a sorted array of regions: they are few (the system allows some ten thousand mappings). */
#include "region_table.h"

#include <string.h>

static region_t **table;
static size_t used, room;

static size_t bytes_of(const region_t *region) {
    return region->page_count * cc__os_page_size();
}

/* How many regions begin at the address or below it. */
static size_t rank(uintptr_t address) {
    size_t low = 0, high = used;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table[middle]->base <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

region_t *cc__region_find(uintptr_t address) {
    size_t at = rank(address);
    if (at == 0) return NULL;
    region_t *region = table[at - 1];
    return address - region->base < bytes_of(region) ? region : NULL;
}

uintptr_t cc__region_after(uintptr_t address) {
    size_t at = rank(address);
    return at < used ? table[at]->base : UINTPTR_MAX;
}

region_t *cc__region_new(size_t page_count) {
    region_t *region = cc__own_calloc(1, sizeof *region + page_count * sizeof *region->pages);
    if (region != NULL) region->page_count = page_count;
    return region;
}

bool cc__region_add(region_t *region) {
    if (used == room) {
        size_t more = room > 0 ? 2 * room : 64;
        region_t **grown = cc__own_calloc(more, sizeof(region_t *));
        if (grown == NULL) return false;
        if (used > 0) memcpy(grown, table, used * sizeof *table);
        free(table);
        table = grown;
        room = more;
    }
    size_t at = rank(region->base);
    memmove(table + at + 1, table + at, (used - at) * sizeof *table);
    table[at] = region;
    used++;
    return true;
}

void cc__region_remove(region_t *region) {
    size_t at = rank(region->base);
    memmove(table + at - 1, table + at, (used - at) * sizeof *table);
    used--;
}
