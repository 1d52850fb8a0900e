/* profile/flows.c: tables of flows, and what threads count into them. */
#include "flows.h"

#include <stdlib.h>
#include <string.h>

#include "../base/fault.h"

static cc__flow_table_t flows; /* of this generation, less what shards still hold; under the lock */

/* An entry is free until it has slots: no flow leads from a slot to itself. Its count may be 0, as a difference. */
static bool is_flow(const cc__flow_t *flow) {
    return flow->alloc_slot != flow->free_slot;
}

static cc__flow_t *find_flow(cc__flow_t *entries, size_t size, unsigned alloc_slot, unsigned free_slot) {
    size_t at = (alloc_slot * 0x9E3779B1u ^ free_slot * 0x85EBCA77u) & (size - 1);
    while (is_flow(&entries[at]) && (entries[at].alloc_slot != alloc_slot || entries[at].free_slot != free_slot))
        at = (at + 1) & (size - 1);
    return &entries[at];
}

static bool grow_flows(cc__flow_table_t *table) {
    size_t size = table->size != 0 ? table->size * 2 : 64;
    cc__flow_t *entries = cc__own_calloc(size, sizeof *entries);
    if (entries == NULL) return false;
    for (size_t i = 0; i < table->size; i++) {
        cc__flow_t *old = &table->entries[i];
        if (is_flow(old)) *find_flow(entries, size, old->alloc_slot, old->free_slot) = *old;
    }
    free(table->entries);
    table->entries = entries;
    table->size = size;
    return true;
}

bool cc__flows_add(cc__flow_table_t *table, unsigned alloc_slot, unsigned free_slot, double count, double bytes) {
    if (table->used * 4 >= table->size * 3 && !grow_flows(table)) return false;
    cc__flow_t *flow = find_flow(table->entries, table->size, alloc_slot, free_slot);
    if (!is_flow(flow)) {
        flow->alloc_slot = alloc_slot;
        flow->free_slot = free_slot;
        table->used++;
    }
    flow->count += count;
    flow->bytes += bytes;
    return true;
}

void cc__flows_free(cc__flow_table_t *table) {
    free(table->entries);
    memset(table, 0, sizeof *table);
}

bool cc__flows_copy(cc__flow_table_t *to, const cc__flow_table_t *from, double sign) {
    for (size_t i = 0; i < from->size; i++) {
        const cc__flow_t *flow = &from->entries[i];
        if (flow->count != 0 &&
            !cc__flows_add(to, flow->alloc_slot, flow->free_slot, sign * flow->count, sign * flow->bytes))
            return false;
    }
    return true;
}

static void add_own_flows(cc__flow_table_t *table, cc__shard_t *shard, bool *complete) {
    for (unsigned i = 0; i < CC__FLOW_ENTRIES; i++) {
        cc__flow_entry_t *entry = &shard->flows[i];
        uint64_t key = cc__load_acquire(&entry->key); /* pairs with the release in cc__flow_count: the sums are there */
        if (key == 0) continue;
        double count = cc__load_relaxed(&entry->count), bytes = cc__load_relaxed(&entry->bytes);
        if (count != 0 && !cc__flows_add(table, (unsigned)key - 1, shard->slot, count, bytes)) *complete = false;
    }
}

/* What an earlier generation left means nothing now. */
void cc__flows_fold(cc__shard_t *shard) {
    bool complete = true;
    if (shard->generation == cc__sessions.generation)
        add_own_flows(&flows, shard, &complete); /* without memory the sums stay right, the matrix has a gap */
    for (unsigned i = 0; i < CC__FLOW_ENTRIES; i++) {
        cc__store_relaxed(&shard->flows[i].key, 0);
        cc__store_relaxed(&shard->flows[i].count, 0);
        cc__store_relaxed(&shard->flows[i].bytes, 0);
    }
}

void cc__flow_count(cc__shard_t *shard, unsigned alloc_slot, double count, double bytes, bool locked) {
    cc__own_add_release(&shard->cross_frees, count);
    for (;;) {
        for (unsigned step = 0; step < CC__FLOW_ENTRIES; step++) {
            cc__flow_entry_t *entry = &shard->flows[(alloc_slot + step) % CC__FLOW_ENTRIES];
            uint64_t key = cc__load_relaxed(&entry->key);
            if (key == 0) cc__store_release(&entry->key, (uint64_t)alloc_slot + 1); /* pairs with add_own_flows */
            if (key != 0 && key != (uint64_t)alloc_slot + 1) continue;
            cc__own_add(&entry->count, count);
            cc__own_add(&entry->bytes, bytes);
            return;
        }
        if (!locked) cc__mutex_lock(&cc__recorder_lock);
        cc__flows_fold(shard);
        if (!locked) cc__mutex_unlock(&cc__recorder_lock);
    }
}

bool cc__flows_read(cc__flow_table_t *table) {
    bool complete = cc__flows_copy(table, &flows, 1);
    for (cc__shard_t *shard = cc__shards_first(); shard != NULL; shard = shard->next)
        if (shard->thread != NULL && shard->generation == cc__sessions.generation)
            add_own_flows(table, shard, &complete);
    return complete;
}

void cc__flows_restart(void) {
    cc__flows_free(&flows);
}
