/* profile/rows.c: rows by thread. A row holds what threads of its slot counted before they ended, less what the slot's
 * present shard had counted when it got the slot: the shard's own figures come on top when rows are read. */
#include "rows.h"

#include <string.h>

static cc__row_t *rows; /* CC__MAX_SLOTS */
static size_t used;

int cc__rows_open(void) {
    if (rows == NULL) rows = cc__os_map(CC__MAX_SLOTS * sizeof *rows);
    return rows != NULL ? CC_OK : CC_ERROR_MEMORY;
}

void cc__rows_restart(void) {
    used = 0;
}

size_t cc__rows_count(void) {
    return used;
}

uint64_t cc__row_id(unsigned slot) {
    return slot < used ? rows[slot].id : 0;
}

static void add_shard(cc__row_t *row, cc__shard_t *shard) {
    cc__counts_add_shard(&row->counts, shard);
    row->received += CC__FREED(shard->cross_frees);
    if (shard->thread != NULL && shard->slot != CC__LAST_SLOT) {
        cc__thread_lock();
        row->native_id = shard->thread->native_id;
        memcpy(row->name, shard->thread->name, sizeof row->name);
        cc__thread_unlock();
    }
}

void cc__row_begin(cc__shard_t *shard) {
    bool fresh = used < CC__MAX_SLOTS;
    shard->slot = fresh ? (unsigned)used++ : CC__LAST_SLOT;
    cc__row_t earlier = {0}, *row = &rows[shard->slot];
    if (fresh) memset(row, 0, sizeof *row);
    add_shard(&earlier, shard);
    if (shard->slot != CC__LAST_SLOT) row->id = shard->thread->id;
    row->native_id = earlier.native_id;
    row->alive = true;
    row->counts.alloc_count -= earlier.counts.alloc_count;
    row->counts.free_count -= earlier.counts.free_count;
    row->counts.alloc_bytes -= earlier.counts.alloc_bytes;
    row->counts.free_bytes -= earlier.counts.free_bytes;
    row->received -= earlier.received;
}

void cc__row_fold(cc__shard_t *shard) {
    cc__row_t *row = &rows[shard->slot];
    add_shard(row, shard);
    row->alive = shard->slot == CC__LAST_SLOT;
}

size_t cc__rows_read(cc__row_t *copies, size_t room) {
    size_t count = used < room ? used : room;
    memcpy(copies, rows, count * sizeof *copies);
    for (cc__shard_t *shard = cc__shards_first(); shard != NULL; shard = shard->next)
        if (shard->thread != NULL && shard->generation == cc__sessions.generation && shard->slot < count)
            add_shard(&copies[shard->slot], shard);
    return count;
}
