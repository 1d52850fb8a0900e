/* profile/sites.c: call stacks, each kept once. A stack is known by a 64-bit hash of its frames; two stacks with one
 * hash are taken for one (with a million stacks the odds are 1 in 37 million). The frames of a kept stack are pinned,
 * so an address that was hashed cannot come to mean another code object. */
#include "sites.h"

#include <stdlib.h>
#include <string.h>

#include "../base/fault.h"
#include "../base/fork.h"

typedef struct site {
    uint64_t hash;
    cc_profile_frame_t *frames;
    uint32_t depth;
    bool held;
} site_t;

static cc__mutex_t lock;
static const cc_profile_frame_provider_t *_Atomic provider;
static site_t *sites;            /* room for all ids, from the system, touched as it is used; [0] is unused */
static _Atomic(uint32_t) used;   /* sites 1 .. used */
static uint32_t *table;          /* open addressing, a power of two in size, ids */
static size_t table_size;

enum { MAX_SITES = 1 << CC__SITE_BITS };

void cc_profile_set_frame_provider(const cc_profile_frame_provider_t *installed) {
    cc__store_release(&provider, installed); /* pairs with the acquire load in cc__site_capture */
}

CC__HOLD_OVER_FORK(CC__FORK_SITES, lock);

size_t cc__sites_count(void) {
    return cc__load_acquire(&used); /* pairs with the release in add_site */
}

bool cc__site_held(uint32_t site) {
    if (site == 0) return cc__load_relaxed(&provider) != NULL; /* no frames where there could be some */
    return site <= cc__sites_count() && sites[site].held;
}

/* pre: lock held. */
static bool grow_table(void) {
    size_t size = table_size != 0 ? table_size * 2 : 1024;
    uint32_t *grown = cc__own_calloc(size, sizeof *grown);
    if (grown == NULL) return false;
    for (uint32_t id = 1; id <= cc__load_relaxed(&used); id++) {
        size_t at = sites[id].hash & (size - 1);
        while (grown[at] != 0) at = (at + 1) & (size - 1);
        grown[at] = id;
    }
    free(table);
    table = grown;
    table_size = size;
    return true;
}

/* pre: lock held; `at` is the free place for the hash in the table. 0 when there is no memory or no id left. */
static uint32_t add_site(uint64_t hash, const cc_profile_frame_t *frames, unsigned depth, size_t at) {
    uint32_t id = cc__load_relaxed(&used) + 1;
    if (id >= MAX_SITES) return 0;
    if (sites == NULL) sites = cc__os_map(MAX_SITES * sizeof *sites);
    if (sites == NULL) return 0;
    cc_profile_frame_t *copy = cc__fault_due() ? NULL : malloc((depth > 0 ? depth : 1) * sizeof *copy);
    if (copy == NULL) return 0;
    if (depth > 0) memcpy(copy, frames, depth * sizeof *copy);
    sites[id] = (site_t){hash, copy, depth, cc__load_relaxed(&provider)->pin(frames, depth)};
    table[at] = id;
    cc__store_release(&used, id); /* pairs with the acquire in cc__sites_count */
    return id;
}

static uint32_t intern(uint64_t hash, const cc_profile_frame_t *frames, unsigned depth) {
    uint32_t id = 0;
    cc__mutex_lock(&lock);
    if ((size_t)cc__load_relaxed(&used) * 2 < table_size || grow_table()) {
        size_t at = hash & (table_size - 1);
        while (table[at] != 0 && sites[table[at]].hash != hash) at = (at + 1) & (table_size - 1);
        id = table[at] != 0 ? table[at] : add_site(hash, frames, depth, at);
    }
    cc__mutex_unlock(&lock);
    return id;
}

static __attribute__((noinline)) uint32_t find_site(cc__shard_t *shard, uint64_t hash, bool attached) {
    cc_profile_frame_t frames[CC_PROFILE_MAX_DEPTH];
    unsigned depth = cc__load_relaxed(&provider)->capture(frames, shard->stack_depth, attached);
    uint32_t site = intern(hash, frames, depth);
    if (site == 0) {
        cc__own_add(&shard->dropped_stacks, 1);
        return 0;
    }
    cc__cached_site_t *cached = &shard->site_cache[(hash >> 7) % CC__SITE_CACHE];
    *cached = (cc__cached_site_t){hash, site};
    return site;
}

uint32_t cc__site_capture(cc__shard_t *shard, cc__frames_t frames) {
    /* acquire pairs with cc_profile_set_frame_provider */
    const cc_profile_frame_provider_t *source = cc__load_acquire(&provider);
    if (CC_UNLIKELY(source == NULL)) return 0;
    bool attached = frames == CC__FRAMES_ATTACHED;
    uint64_t seed = shard->generation, hash = source->identify(seed, shard->stack_depth, attached);
    if (CC_UNLIKELY(hash == seed && frames != CC__FRAMES_ANYWHERE)) return 0;
    const cc__cached_site_t *cached = &shard->site_cache[(hash >> 7) % CC__SITE_CACHE];
    return CC_LIKELY(cached->hash == hash) ? cached->site : find_site(shard, hash, attached);
}

unsigned cc_profile_site_frames(uint32_t site, cc_profile_frame_t *frames, unsigned limit) {
    if (site == 0 || site > cc__sites_count()) return 0;
    unsigned depth = sites[site].depth;
    if (limit > 0) memcpy(frames, sites[site].frames, (depth < limit ? depth : limit) * sizeof *frames);
    return depth;
}

cc__old_sites_t cc__sites_take(void) {
    cc__mutex_lock(&lock);
    uint32_t count = cc__load_relaxed(&used);
    site_t *old = NULL;
    if (count != 0 && !cc__fault_due()) old = malloc(count * sizeof *old);
    if (old != NULL) { /* without memory they stay, pinned: the next time will do */
        memcpy(old, sites + 1, count * sizeof *old);
        memset(table, 0, table_size * sizeof *table);
        cc__store_release(&used, 0); /* pairs with the acquire in cc__sites_count */
    }
    cc__mutex_unlock(&lock);
    return (cc__old_sites_t){old, old != NULL ? count : 0};
}

void cc__sites_drop(cc__old_sites_t old) {
    for (uint32_t i = 0; i < old.count; i++) {
        cc__load_relaxed(&provider)->unpin(old.sites[i].frames, old.sites[i].depth);
        free(old.sites[i].frames);
    }
    free(old.sites);
}
