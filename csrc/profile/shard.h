/* profile/shard.h: a thread's part of the recorder. */
#ifndef CC_PROFILE_SHARD_H
#define CC_PROFILE_SHARD_H

#include "../alloc/thread.h"
#include "../base/histogram.h"
#include "counts.h"
#include "estimate.h"
#include "session.h"

/* What cc__thread_t.observer_state holds: the configuration word that the thread is in line with, or one of these (no
 * word is so small). */
enum {
    CC__THREAD_UNSYNCED = 0,
    CC__THREAD_INSIDE = 1, /* in an allocator below a tap: what it calls is already being recorded */
    CC__THREAD_PAUSED = 2, /* allocations are not to be recorded */
    CC__THREAD_PROBED = 3, /* cc_profile_reaches: the call came */
    CC__THREAD_PROBING = 4 /* + domain: it waits for a call of that domain's wrapper */
};

enum { CC__MAX_SLOTS = 1 << CC__SLOT_BITS, CC__LAST_SLOT = CC__MAX_SLOTS - 1 };

enum { CC__FLOW_ENTRIES = 64, CC__SITE_CACHE = 2048 };

/* Frees of blocks of another thread, by its slot. Owner-only writes; emptied into the table of all flows when full. */
typedef struct cc__flow_entry {
    _Atomic(uint64_t) key; /* slot + 1; 0: unused */
    _Atomic(double) count, bytes;
} cc__flow_entry_t;

typedef struct cc__cached_site {
    uint64_t hash;
    uint32_t site;
} cc__cached_site_t;

/* On pages of its own. Only the owner writes, readers add up; fields without _Atomic are the owner's alone. */
typedef struct cc__shard {
    /* Hot. */
    uint64_t stamp;            /* slot and session, in place for a record */
    _Atomic(int64_t) balance;  /* bytes allocated less bytes freed, not yet in cc__live_bytes() */
    int32_t timing_countdown;  /* operations until the next timed one */
    unsigned plain_session;    /* records from this session on are exact and younger than every profile */
    unsigned youngest_session; /* first session of the youngest profile */
    unsigned oldest_session;   /* records before it belong to no active profile */
    bool wants_origin;         /* the session asks for times or stacks */
    bool clock_is_due;         /* origin_time must be read anew */
    int64_t origin_second;     /* in which origin_time was read */
    uint64_t origin_time;      /* what stands in records made now */
    size_t least_size;         /* so that no two blocks share a granule, and times have a second one */
    int64_t quantum;           /* how far the balance may go before it is flushed */
    unsigned stack_depth;
    uint64_t sync_word; /* the configuration that this shard is in line with */
    uint64_t timing_random;
    cc__session_t session;
    cc__sampler_t sampler;
    bool counts_exactly;   /* `counted` is not all zeros */
    unsigned samples_seen; /* sampled allocations and frees, to time some of them */
    unsigned timings;      /* since the timeline was looked at */
    uint64_t generation;   /* of the slot and the site cache */
    unsigned slot;
    cc__thread_t *thread;        /* NULL: free for a new one */
    struct cc__shard *next;      /* in the list of all shards */
    struct cc__shard *next_free; /* in the list of shards without a thread */

    _Atomic(uint64_t) untracked_frees, dropped_records, dropped_stacks;
    _Atomic(uint64_t) samples;
    _Atomic(double) cross_frees, failed;

    cc__counted_t counted[CC_PROFILE_DOMAINS];
    cc__estimated_t estimated[CC_PROFILE_DOMAINS];
    cc__flow_entry_t flows[CC__FLOW_ENTRIES];
    _Atomic(uint64_t) alloc_latency[CC__HISTOGRAM_SIZE], free_latency[CC__HISTOGRAM_SIZE];
    cc__cached_site_t site_cache[CC__SITE_CACHE];
} cc__shard_t;

/* In an exact session the balance is flushed with every timed operation, and before it exceeds the quantum by large
 * blocks: it is off by no more than the quantum and the small blocks of the longest time between two timed operations.
 * In sampled sessions a single event stands for more. */
enum { CC__TIMING_PERIOD = 64, CC__FLUSH_QUANTUM = 4096, CC__SAMPLED_QUANTUM = 1 << 18 };
enum { CC__BALANCE_ERROR = CC__FLUSH_QUANTUM + CC__TIMING_PERIOD * 3 / 2 * CC__SMALL_SIZE };

/* All shards, with a thread or without; follow ->next. They are never unmapped. pre: lock held. */
cc__shard_t *cc__shards_first(void);

/* A shard of zeros for the thread; NULL when there is no memory. pre: lock held. */
cc__shard_t *cc__shard_take(cc__thread_t *thread);

/* Zeros the shard and keeps it for another thread. pre: lock held; its figures are in the sums. */
void cc__shard_give(cc__shard_t *shard);

/* Brings the balance into the live bytes, and follows peaks. Owner only; takes the lock, or tries to. */
void cc__shard_flush(cc__shard_t *shard);

/* Live bytes with what threads have not brought in yet. pre: lock held. */
int64_t cc__shards_live_bytes(void);

static inline void cc__shard_add_balance(cc__shard_t *shard, int64_t bytes) {
    int64_t balance = cc__load_relaxed(&shard->balance) + bytes;
    cc__store_relaxed(&shard->balance, balance);
    if (CC_UNLIKELY((uint64_t)(balance + shard->quantum) > 2 * (uint64_t)shard->quantum)) cc__shard_flush(shard);
}

#endif
