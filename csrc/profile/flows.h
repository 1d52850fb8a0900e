/* profile/flows.h: frees of blocks that another thread allocated, by pairs of threads' slots. */
#ifndef CC_PROFILE_FLOWS_H
#define CC_PROFILE_FLOWS_H

#include "shard.h"

typedef struct cc__flow {
    uint32_t alloc_slot, free_slot;
    double count, bytes;
} cc__flow_t;

/* A growing table, keyed by the pair of slots. All zeros: empty. */
typedef struct cc__flow_table {
    cc__flow_t *entries;
    size_t size, used;
} cc__flow_table_t;

/* False when there is no memory. */
bool cc__flows_add(cc__flow_table_t *table, unsigned alloc_slot, unsigned free_slot, double count, double bytes);
/* Adds all of `from`, times `sign`. False when there is no memory. */
bool cc__flows_copy(cc__flow_table_t *to, const cc__flow_table_t *from, double sign);
void cc__flows_free(cc__flow_table_t *table);

/* Adds all flows of this generation to `table`. False when there is no memory. pre: lock held. */
bool cc__flows_read(cc__flow_table_t *table);

/* Begins a generation. pre: lock held, idle. */
void cc__flows_restart(void);

/* Counts a free by the shard's owner of a block that `alloc_slot` allocated. Takes the lock when the shard's entries
 * are used up; `locked`: the caller holds it. */
void cc__flow_count(cc__shard_t *shard, unsigned alloc_slot, double count, double bytes, bool locked);

/* Empties the shard's entries into the table of all flows. pre: lock held, and the caller is the owner or the owner is
 * gone. */
void cc__flows_fold(cc__shard_t *shard);

#endif
