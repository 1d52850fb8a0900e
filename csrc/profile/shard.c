/* profile/shard.c: shards are made and reused, and their balances flushed. */
#include "shard.h"

#include "../base/cycles.h"
#include "peaks.h"

static cc__shard_t *shards, *free_shards; /* under the lock */

cc__shard_t *cc__shards_first(void) {
    return shards;
}

cc__shard_t *cc__shard_take(cc__thread_t *thread) {
    cc__shard_t *shard = free_shards;
    if (shard != NULL) {
        free_shards = shard->next_free;
    } else {
        shard = cc__os_map(sizeof *shard);
        if (shard == NULL) return NULL;
        shard->next = shards;
        shards = shard;
    }
    shard->thread = thread;
    shard->timing_random = thread->id * 0x9E3779B97F4A7C15u ^ cc__cycles();
    shard->sampler.random = shard->timing_random ^ 0xA0761D6478BD642Fu;
    return shard;
}

void cc__shard_give(cc__shard_t *shard) {
    cc__shard_t *next = shard->next;
    cc__os_discard(shard, sizeof *shard);
    shard->next = next;
    shard->next_free = free_shards;
    free_shards = shard;
}

enum { LARGE_BALANCE = 1 << 17 };

/* What a flush of a few blocks finds while another thread holds the lock is left to that one or the next. Large amounts
 * wait for the lock: whoever adds up live bytes and balances under it must not miss them between the two. */
void cc__shard_flush(cc__shard_t *shard) {
    int64_t balance = cc__load_relaxed(&shard->balance);
    if (balance == 0) return;
    bool large = balance > LARGE_BALANCE || balance < -LARGE_BALANCE;
    if (large) cc__mutex_lock(&cc__recorder_lock);
    int64_t live = cc__live_add(balance);
    cc__store_relaxed(&shard->balance, 0);
    bool look = balance > 0 && cc__peaks_may_rise(live);
    bool locked = large || (look && cc__mutex_try_lock(&cc__recorder_lock));
    if (look && locked) cc__peaks_compare(live);
    if (look && !locked) cc__peaks_leave(live);
    if (locked) cc__mutex_unlock(&cc__recorder_lock);
}

int64_t cc__shards_live_bytes(void) {
    int64_t live = cc__live_bytes();
    for (cc__shard_t *shard = shards; shard != NULL; shard = shard->next) live += cc__load_relaxed(&shard->balance);
    return live;
}
