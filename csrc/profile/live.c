/* profile/live.c: the walk over the live table. It reads records while threads write them: a record is one word, so it
 * is seen whole or not at all; a size or time that stands beside it may belong to a block that came a moment later.
 * When the program is quiet the walk is exact. */
#include "profile_internal.h"
#include "recorder.h"
#include "sites.h"

#include <stdlib.h>
#include <string.h>

#include "../base/fault.h"

typedef struct {
    const cc_profile_t *profile;
    cc_profile_live_t *live;
    size_t cap;
    double *site_count, *site_bytes; /* by site */
    bool *site_held;
    size_t sites;
    unsigned first_session, last_session; /* blocks of later ones came after the walk began */
    uint64_t numbering;                   /* in which these numbers are */
} walk_t;

/* The blocks are a heap with the smallest on top while the walk goes on. */
static void sift_down(cc_profile_block_t *blocks, size_t count, size_t at) {
    for (;;) {
        size_t least = at, child = 2 * at + 1;
        if (child < count && blocks[child].size < blocks[least].size) least = child;
        if (child + 1 < count && blocks[child + 1].size < blocks[least].size) least = child + 1;
        if (least == at) return;
        cc_profile_block_t block = blocks[at];
        blocks[at] = blocks[least];
        blocks[least] = block;
        at = least;
    }
}

static void keep_block(walk_t *walk, const cc_profile_block_t *block) {
    cc_profile_live_t *live = walk->live;
    if (live->block_count < walk->cap) {
        live->blocks[live->block_count++] = *block;
        if (live->block_count == walk->cap)
            for (size_t at = walk->cap / 2 + 1; at-- > 0;) sift_down(live->blocks, walk->cap, at);
    } else if (walk->cap > 0 && block->size > live->blocks[0].size) {
        live->blocks[0] = *block;
        sift_down(live->blocks, walk->cap, 0);
    }
}

static void visit(void *context, cc__leaf_t *leaf, size_t index, uintptr_t address, uint64_t record) {
    walk_t *walk = context;
    unsigned session = cc__record_session(record);
    if (session < walk->first_session || session > walk->last_session) return;
    uint64_t size = cc__record_size(leaf, index, record);
    uint32_t site = cc__record_site(record);
    if (site >= walk->sites) return; /* interned since the walk began */
    double weight = cc__session_weight(cc__session_of(session), size);
    walk->site_count[site] += weight;
    walk->site_bytes[site] += weight * (double)size;
    if (walk->site_held[site]) return;
    cc_profile_block_t block = {address, size, cc__record_slot(record), 0, site}; /* a slot until name_threads() */
    if (walk->profile->options.timestamps) {
        uint64_t time = cc__load_relaxed(&leaf->words[index + 1]); /* its own: at least 17 bytes were asked for */
        if (cc__record_session(time) == 0) block.wall_ns = cc__epoch.wall_ns + (time << CC__TIME_SHIFT);
    }
    keep_block(walk, &block);
}

/* Puts the threads' ids in place of their slots. */
static void name_threads(cc_profile_live_t *live) {
    cc__mutex_lock(&cc__recorder_lock);
    for (size_t i = 0; i < live->block_count; i++)
        live->blocks[i].thread = cc__row_id((unsigned)live->blocks[i].thread);
    cc__mutex_unlock(&cc__recorder_lock);
}

static int by_size(const void *left, const void *right) {
    uint64_t a = ((const cc_profile_block_t *)left)->size, b = ((const cc_profile_block_t *)right)->size;
    return a < b ? 1 : a > b ? -1 : 0;
}

static int by_bytes(const void *left, const void *right) {
    double a = ((const cc_profile_site_t *)left)->bytes, b = ((const cc_profile_site_t *)right)->bytes;
    return a < b ? 1 : a > b ? -1 : 0;
}

static void collect_sites(walk_t *walk) {
    cc_profile_live_t *live = walk->live;
    for (size_t site = 0; site < walk->sites; site++) {
        if (walk->site_count[site] == 0) continue;
        bool held = walk->site_held[site];
        live->sites[live->site_count++] =
            (cc_profile_site_t){(uint32_t)site, held, walk->site_count[site], walk->site_bytes[site]};
        *(held ? &live->held_count : &live->count) += walk->site_count[site];
        *(held ? &live->held_bytes : &live->bytes) += walk->site_bytes[site];
    }
    qsort(live->sites, live->site_count, sizeof *live->sites, by_bytes);
    qsort(live->blocks, live->block_count, sizeof *live->blocks, by_size);
}

static void begin_walk(walk_t *walk) {
    walk->live->block_count = 0;
    memset(walk->site_count, 0, walk->sites * sizeof *walk->site_count);
    memset(walk->site_bytes, 0, walk->sites * sizeof *walk->site_bytes);
    cc__mutex_lock(&cc__recorder_lock);
    walk->numbering = cc__sessions.numbering;
    walk->first_session = walk->profile->baseline.first_session;
    walk->last_session = walk->profile->active ? cc__sessions.present : walk->profile->last_session;
    cc__mutex_unlock(&cc__recorder_lock);
}

/* Whether sessions were given other numbers since the walk began: then it means nothing. */
static bool is_renumbered(const walk_t *walk) {
    cc__mutex_lock(&cc__recorder_lock);
    bool renumbered = walk->numbering != cc__sessions.numbering;
    cc__mutex_unlock(&cc__recorder_lock);
    return renumbered;
}

int cc_profile_live(cc_profile_t *profile, size_t cap, cc_profile_live_t **result) {
    if (profile == NULL || result == NULL) return CC_ERROR_ARGUMENT;
    walk_t walk = {
        .profile = profile, .live = cc__own_calloc(1, sizeof *walk.live), .cap = cap, .sites = cc__sites_count() + 1};
    int status = CC_ERROR_MEMORY;
    if (walk.live != NULL) {
        walk.live->blocks = cc__own_calloc(cap, sizeof *walk.live->blocks);
        walk.live->sites = cc__own_calloc(walk.sites, sizeof *walk.live->sites);
        walk.site_count = cc__own_calloc(walk.sites, sizeof *walk.site_count);
        walk.site_bytes = cc__own_calloc(walk.sites, sizeof *walk.site_bytes);
        walk.site_held = cc__own_calloc(walk.sites, sizeof *walk.site_held);
        if (walk.live->blocks != NULL && walk.live->sites != NULL && walk.site_count != NULL &&
            walk.site_bytes != NULL && walk.site_held != NULL)
            status = CC_OK;
    }
    if (status == CC_OK) {
        cc__sites_read_held(walk.site_held, walk.sites);
        do {
            begin_walk(&walk);
            cc__shadow_walk(visit, &walk);
        } while (is_renumbered(&walk));
        name_threads(walk.live);
        collect_sites(&walk);
        *result = walk.live;
    } else {
        cc_profile_live_free(walk.live);
    }
    free(walk.site_count);
    free(walk.site_bytes);
    free(walk.site_held);
    return status;
}

void cc_profile_live_free(cc_profile_live_t *live) {
    if (live == NULL) return;
    free(live->blocks);
    free(live->sites);
    free(live);
}
