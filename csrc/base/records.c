/* base/records.c: see records.h. */
#include "records.h"

#include "os.h"
#include "round.h"

/* Behind a mapping's records. */
typedef struct tail {
    void *next; /* mapping */
} tail_t;

static size_t records_size(const cc__records_t *records) {
    return cc__round_up(records->size * records->at_once, _Alignof(tail_t));
}

static tail_t *tail_of(const cc__records_t *records, void *mapping) {
    return (tail_t *)(void *)((char *)mapping + records_size(records));
}

static bool map_more(cc__records_t *records) {
    void *mapping = cc__os_map(records_size(records) + sizeof(tail_t));
    if (mapping == NULL) return false;
    tail_of(records, mapping)->next = records->mappings;
    records->mappings = mapping;
    records->fresh = mapping;
    records->fresh_left = records->at_once;
    return true;
}

void *cc__records_take(cc__records_t *records, bool *fresh) {
    void *record = records->free;
    if (fresh != NULL) *fresh = record == NULL;
    if (record != NULL) {
        memcpy(&records->free, (char *)record + records->link, sizeof records->free);
        return record;
    }
    if (records->fresh_left == 0 && !map_more(records)) return NULL;
    record = records->fresh;
    records->fresh += records->size;
    records->fresh_left--;
    return record;
}

void cc__records_end(cc__records_t *records) {
    for (void *mapping = records->mappings, *next; mapping != NULL; mapping = next) {
        next = tail_of(records, mapping)->next;
        cc__os_unmap(mapping, records_size(records) + sizeof(tail_t));
    }
    records->free = records->fresh = records->mappings = NULL;
    records->fresh_left = 0;
}
