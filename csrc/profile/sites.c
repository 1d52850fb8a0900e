/* profile/sites.c: call stacks, as a tree: a node is a place that was called by another node, so that stacks share what
 * their outer frames have in common. A site is the number of a node at which a stack ends.
 *
 * A thread finds its site again by a 64-bit hash of its frames' instruction addresses, without reading more of them.
 * Two stacks with one hash are taken for one (with a million stacks the odds are 1 in 37 million). An address means one
 * instruction only until its code object is gone: therefore the number of known code objects that have gone is in the
 * hash, too, and all stacks are looked up anew after such a death. */
#include "sites.h"

#include "../base/fork.h"
#include "interned.h"
#include "places.h"

typedef struct node {
    uint32_t caller, place; /* the key; the root's are 0 */
} node_t;

static cc__mutex_t lock;
static const cc_profile_frame_provider_t *_Atomic provider;
static _Atomic(bool) met;        /* some code object may be known */
static _Atomic(uint64_t) deaths; /* of known code objects */

/* Under the lock, like the next two. A site's item is its node's number. */
static cc__interned_t nodes = {.item_size = sizeof(node_t), .key_size = sizeof(node_t)};
static cc__interned_t sites = {.item_size = sizeof(uint32_t), .key_size = sizeof(uint32_t)};
static _Atomic(uint32_t) used; /* sites 1 .. used */

/* What all threads met last: a thread looks here after its own cache. Entries of another generation have other hashes
 * and mean nothing. */
enum { RECENT = 1 << 15 };
static cc__cached_site_t recent[RECENT];

enum { MAX_SITES = 1 << CC__SITE_BITS };

void cc_profile_set_frame_provider(const cc_profile_frame_provider_t *installed) {
    cc__store_release(&provider, installed); /* pairs with the acquire load in cc__site_capture */
}

CC__HOLD_OVER_FORK(CC__FORK_SITES, lock);

size_t cc__sites_count(void) {
    return cc__load_relaxed(&used);
}

/* pre: lock held. 0 when there is no memory or no number left. */
static uint32_t intern(const cc_profile_frame_t *frames, unsigned depth) {
    node_t root = {0, 0};
    cc__store_relaxed(&met, true);
    uint32_t node = cc__intern(&nodes, &root);
    while (depth-- > 0 && node != 0) {
        node_t callee = {node, cc__place_number(cc__load_relaxed(&provider), &frames[depth])};
        node = callee.place != 0 ? cc__intern(&nodes, &callee) : 0;
    }
    if (node == 0 || (sites.used == MAX_SITES - 1 && cc__interned_find(&sites, &node) == 0)) return 0;
    uint32_t site = cc__intern(&sites, &node);
    cc__store_relaxed(&used, sites.used);
    return site;
}

static __attribute__((noinline)) uint32_t find_site(cc__shard_t *shard, uint64_t hash, bool attached) {
    cc__cached_site_t *known = &recent[hash % RECENT];
    cc__mutex_lock(&lock);
    uint32_t site = known->hash == hash ? known->site : 0;
    if (site == 0) {
        cc_profile_frame_t frames[CC_PROFILE_MAX_DEPTH];
        unsigned depth = cc__load_relaxed(&provider)->capture(frames, shard->stack_depth, attached);
        site = intern(frames, depth);
        *known = (cc__cached_site_t){hash, site};
    }
    cc__mutex_unlock(&lock);
    if (site == 0)
        cc__own_add(&shard->dropped_stacks, 1);
    else
        shard->site_cache[(hash >> 7) % CC__SITE_CACHE] = (cc__cached_site_t){hash, site};
    return site;
}

uint32_t cc__site_capture(cc__shard_t *shard, cc__frames_t frames) {
    /* acquire pairs with cc_profile_set_frame_provider */
    const cc_profile_frame_provider_t *source = cc__load_acquire(&provider);
    if (CC_UNLIKELY(source == NULL)) return 0;
    bool attached = frames == CC__FRAMES_ATTACHED;
    /* relaxed: who runs code at an address that came again was told of it by who saw the death there */
    uint64_t seed = shard->generation << 40 ^ cc__load_relaxed(&deaths);
    uint64_t hash = source->identify(seed, shard->stack_depth, attached);
    if (CC_UNLIKELY(hash == seed && frames != CC__FRAMES_ANYWHERE)) return 0;
    const cc__cached_site_t *cached = &shard->site_cache[(hash >> 7) % CC__SITE_CACHE];
    return CC_LIKELY(cached->hash == hash) ? cached->site : find_site(shard, hash, attached);
}

void cc_profile_code_ended(const void *code) {
    if (!cc__load_relaxed(&met)) return; /* relaxed: as in cc__site_capture */
    cc__mutex_lock(&lock);
    if (cc__places_end_code(code)) cc__add_relaxed(&deaths, 1);
    cc__mutex_unlock(&lock);
}

unsigned cc_profile_site_frames(uint32_t site, cc_profile_place_t *frames, unsigned limit) {
    unsigned depth = 0;
    cc__mutex_lock(&lock);
    const node_t *node = NULL;
    if (site > 0 && site <= sites.used)
        node = cc__interned_item(&nodes, *(const uint32_t *)cc__interned_item(&sites, site));
    for (; node != NULL && node->place != 0; node = cc__interned_item(&nodes, node->caller), depth++)
        if (depth < limit) frames[depth] = cc__place(node->place);
    cc__mutex_unlock(&lock);
    return depth;
}

void cc__sites_read_held(bool *held, size_t count) {
    cc__mutex_lock(&lock);
    for (uint32_t site = 1; site < count; site++) {
        const node_t *node = cc__interned_item(&nodes, *(const uint32_t *)cc__interned_item(&sites, site));
        held[site] = node->place != 0 && cc__place(node->place).held;
    }
    cc__mutex_unlock(&lock);
    if (count > 0) held[0] = cc__load_relaxed(&provider) != NULL; /* no frames where there could be some */
}

void cc__sites_clear(void) {
    cc__mutex_lock(&lock);
    cc__interned_clear(&nodes);
    cc__interned_clear(&sites);
    cc__places_clear();
    cc__store_relaxed(&used, 0);
    cc__store_relaxed(&met, false);
    cc__mutex_unlock(&lock);
}
