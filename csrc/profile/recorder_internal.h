/* profile/recorder_internal.h: the recorder's state, shared by the files of profile/.
 *
 * One configuration word says what is recorded; it changes with every start and stop of a profile, and each thread brings
 * its own state in line when it meets a word that it has not seen. A *session* is the time between two changes; blocks
 * remember theirs, so that a profile knows which blocks are younger than it. */
#ifndef CC_PROFILE_RECORDER_INTERNAL_H
#define CC_PROFILE_RECORDER_INTERNAL_H

#include "cc/profile.h"

#include "../alloc/observer.h"
#include "../alloc/thread.h"
#include "../base/cycles.h"
#include "../base/histogram.h"
#include "shadow.h"

/* ---- configuration ---------------------------------------------------------------------------------------------- */

/* The word: flags below, the session above them. 0 when idle. */
enum {
    CC__EXACT = 1u << 8,         /* record every allocation */
    CC__RATE = 1u << 9,          /* sample by count */
    CC__INTERVAL = 1u << 10,     /* sample by bytes */
    CC__ALL_FREES = 1u << 11,    /* records may lie outside the bitmap: an exact session came before this one */
    CC__FILTERED = 1u << 15,     /* only blocks in the bitmap have records: sampled, without ALL_FREES */
    CC__LATENCY = 1u << 12,
    CC__TIMES = 1u << 13,
    CC__STACKS = 1u << 14,
    CC__CONFIG_ROUND_SHIFT = 16, /* how often session numbers began anew: no word comes twice */
    CC__CONFIG_ROUNDS = 1 << 14,
    CC__CONFIG_SESSION_SHIFT = 32
};
/* The word while idle and probed; wrappers only look whether they are meant. */
#define CC__PROBE ((uint64_t)1 << 31)

/* What cc__thread_t.observer_state holds: the word that the thread is in line with, or one of these (no word is so small). */
enum {
    CC__THREAD_UNSYNCED = 0,
    CC__THREAD_INSIDE = 1,  /* in an allocator below a wrapper: what it calls is already being recorded */
    CC__THREAD_PAUSED = 2,  /* allocations are not to be recorded */
    CC__THREAD_PROBED = 3,  /* cc_profile_reaches: the call came */
    CC__THREAD_PROBING = 4  /* + domain: it waits for a call of that domain's wrapper */
};

enum { CC__MAX_SESSIONS = (1 << CC__SESSION_BITS) - 1, CC__MAX_SLOTS = 1 << CC__SLOT_BITS };

/* How allocations were chosen in a session: the weight of a record follows from it and the block's size. */
typedef struct cc__session {
    bool exact;
    double rate;     /* of RATE */
    double interval; /* of INTERVAL, else 0 */
    double weight;   /* of RATE: 1 / rate */
    double scale;    /* what the logarithm of a uniform number is multiplied by to give a distance */
} cc__session_t;

/* ---- per thread ------------------------------------------------------------------------------------------------- */

/* Events that were counted one by one. Sizes up to CC__SMALL_SIZE have a counter each, which gives their bytes too: one
 * addition an event; larger ones are counted by bin, and their bytes beside. */
enum { CC__SMALL_SIZE = 512, CC__LARGE_BINS = CC_PROFILE_BINS - 65 };
typedef struct cc__counted {
    _Atomic(uint64_t) alloc_small[CC__SMALL_SIZE + 1], free_small[CC__SMALL_SIZE + 1];
    _Atomic(uint64_t) alloc_large[CC__LARGE_BINS], free_large[CC__LARGE_BINS];
    _Atomic(uint64_t) alloc_large_bytes, free_large_bytes;
} cc__counted_t;

/* Sums of weights of sampled events. */
typedef struct cc__estimated {
    _Atomic(double) alloc_bytes, free_bytes;
    _Atomic(double) alloc_bytes_variance, free_bytes_variance, alloc_count_variance, free_count_variance;
    _Atomic(double) alloc_bins[CC_PROFILE_BINS], free_bins[CC_PROFILE_BINS];
} cc__estimated_t;

enum { CC__FLOW_ENTRIES = 64, CC__SITE_CACHE = 2048, CC__COUNTDOWNS = 32 };

/* Frees of blocks of another thread, by its slot. Owner-only writes; emptied into the global table when full. */
typedef struct cc__flow_entry {
    _Atomic(uint64_t) key; /* slot + 1; 0: unused */
    _Atomic(double) count, bytes;
} cc__flow_entry_t;

typedef struct cc__cached_site {
    uint64_t hash;
    uint32_t site;
} cc__cached_site_t;

/* A thread's part of the recorder, on pages of its own. Only the owner writes, readers add up; fields without _Atomic
 * are the owner's alone. */
typedef struct cc__shard {
    /* Hot. */
    uint64_t stamp;             /* slot and session, in place for a record */
    _Atomic(int64_t) balance;   /* bytes allocated less bytes freed, not yet in recorder.live_bytes */
    int32_t timing_countdown;   /* operations until the next timed one */
    unsigned plain_session;     /* records from this session on are exact and younger than every profile */
    unsigned youngest_session;  /* first session of the youngest profile */
    unsigned oldest_session;    /* records before it belong to no active profile */
    bool wants_origin;          /* the session asks for times or stacks */
    bool clock_is_due;          /* origin_time must be read anew */
    int64_t origin_second;      /* in which origin_time was read */
    uint64_t origin_time;       /* what stands in records made now */
    size_t least_size;          /* so that no two blocks share a granule, and times have a second one */
    int64_t quantum;            /* how far the balance may go before it is flushed */
    unsigned stack_depth;
    uint64_t sync_word;         /* the configuration that this shard is in line with */
    uint64_t random;
    cc__session_t session;
    int64_t countdowns[CC__COUNTDOWNS]; /* drawn in advance, for this session: all at once are cheaper than one by one */
    unsigned countdowns_left;
    bool counts_exactly;        /* `counted` is not all zeros */
    unsigned samples_seen;      /* sampled allocations and frees, to time some of them */
    unsigned timings;           /* since the timeline was looked at */
    uint64_t generation;        /* of the slot and the site cache */
    unsigned slot;
    cc__thread_t *thread;
    struct cc__shard *next;      /* in the list of all shards */
    struct cc__shard *next_free; /* in the list of shards without a thread */

    _Atomic(uint64_t) untracked_frees, failed, dropped_records, dropped_stacks;
    _Atomic(uint64_t) samples;
    _Atomic(double) cross_frees;

    cc__counted_t counted[CC_PROFILE_DOMAINS];
    cc__estimated_t estimated[CC_PROFILE_DOMAINS];
    cc__flow_entry_t flows[CC__FLOW_ENTRIES];
    _Atomic(uint64_t) alloc_latency[CC__HISTOGRAM_SIZE], free_latency[CC__HISTOGRAM_SIZE];
    cc__cached_site_t site_cache[CC__SITE_CACHE];
} cc__shard_t;

/* In an exact session the balance is flushed with every timed operation, and before it exceeds the quantum by large blocks:
 * it is off by no more than the quantum and the small blocks of the longest time between two timed operations. In sampled
 * sessions a single event stands for more. */
enum { CC__FLUSH_QUANTUM = 4096, CC__SAMPLED_QUANTUM = 1 << 18 };
enum { CC__TIMING_PERIOD = 64, CC__TIMINGS_PER_CHECK = 8, CC__SAMPLES_PER_TIMING = 16 };
enum { CC__BALANCE_ERROR = CC__FLUSH_QUANTUM + CC__TIMING_PERIOD * 3 / 2 * CC__SMALL_SIZE };

/* ---- totals (totals.c) ------------------------------------------------------------------------------------------ */

/* Sums over threads at one moment; all fields are doubles, so that two can be subtracted field by field. */
typedef struct cc__totals {
    cc_profile_domain_t domains[CC_PROFILE_DOMAINS];
    double cross_frees, samples, untracked_frees, failed, dropped_records, dropped_stacks;
    double alloc_latency[CC__HISTOGRAM_SIZE], free_latency[CC__HISTOGRAM_SIZE];
} cc__totals_t;

/* The functions below that read or fold are called with the recorder's lock held. */
void cc__totals_read(cc__totals_t *totals);
void cc__totals_add_counts(cc__totals_t *totals, cc__shard_t *shard, bool frees);
/* Adds the shard's counts to the sums: a part of the above, for the timeline. */
void cc__shard_counts(cc__shard_t *shard, double *alloc_count, double *free_count, double *alloc_bytes,
                      double *free_bytes);
void cc__totals_subtract(cc__totals_t *totals, const cc__totals_t *baseline);
double cc__domain_count(const cc_profile_domain_t *domain, bool frees);

/* A growing table of flows, keyed by a pair of slots. */
typedef struct cc__flow_table {
    struct cc__flow {
        uint32_t alloc_slot, free_slot;
        double count, bytes;
    } *entries;
    size_t size, used;
} cc__flow_table_t;

/* False when there is no memory. */
bool cc__flows_add(cc__flow_table_t *table, unsigned alloc_slot, unsigned free_slot, double count, double bytes);
void cc__flows_free(cc__flow_table_t *table);
/* Adds all of `from`, times `sign`. False when there is no memory. */
bool cc__flows_copy(cc__flow_table_t *to, const cc__flow_table_t *from, double sign);
/* All flows of all threads, added to `table`. */
bool cc__flows_read(cc__flow_table_t *table);
void cc__fold_flows(cc__shard_t *shard);

/* What a thread counted, by slot. */
typedef struct cc__row {
    uint64_t id, native_id;
    char name[CC__THREAD_NAME_SIZE];
    bool alive;
    double alloc_count, free_count, alloc_bytes, free_bytes, received;
} cc__row_t;

void cc__fold_row(cc__shard_t *shard);
/* Begins a row for the shard, less what it counted in earlier generations. */
void cc__begin_row(cc__shard_t *shard);
/* The first `room` slots' rows with what living threads counted; returns how many there are. */
size_t cc__rows_read(cc__row_t *rows, size_t room);

/* ---- the recorder (recorder.c) ---------------------------------------------------------------------------------- */

/* A started profile. All but the atomics is under the recorder's lock. */
struct cc_profile {
    cc_profile_options_t options;
    bool active;
    unsigned first_session, last_session;
    uint64_t start_ns, start_wall_ns, end_ns, end_wall_ns;
    struct cc_profile *next; /* in recorder.profiles */
    _Atomic(int64_t) base_live;      /* live bytes before the start, less those of them freed since */
    _Atomic(int64_t) peak;
    _Atomic(uint64_t) peak_ns;
    _Atomic(int64_t) peak_since_point;
    uint64_t next_point_ns, point_interval_ns;
    size_t point_count;
    cc_profile_point_t points[CC_PROFILE_POINTS];
    double base_alloc_count, base_free_count, base_alloc_bytes; /* of baseline, for the timeline */
    cc__totals_t baseline;   /* at the start */
    cc__totals_t before;     /* frees since the start, of blocks older than it */
    cc__flow_table_t baseline_flows, flows_before;
    cc__row_t *baseline_rows;
    size_t baseline_row_count;
    double *before_rows; /* three for each slot: free count, bytes, received */
    cc_profile_snapshot_t *final;
};

typedef struct cc__recorder {
    cc__mutex_t lock;
    uint64_t config;
    unsigned session, exact_since; /* exact_since: first of the exact sessions up to now; 0: this one is sampled */
    bool exact_before;             /* some session since idle was exact */
    unsigned domains;              /* all that were seen since idle: what is recorded must be seen to be freed */
    uint64_t round;                /* grows when session numbers begin anew */
    uint64_t generation;           /* grows when slots and sites begin anew */
    unsigned slots_used;
    cc__row_t *rows;
    cc__session_t *sessions;
    cc__shard_t *shards, *free_shards;
    cc__totals_t departed; /* of ended threads */
    cc__flow_table_t flows;
    cc_profile_t *profiles; /* active */
    size_t profile_count;   /* active or stopped, not yet freed */
    uint64_t lost_records; /* atomic by __atomic builtins: of threads without a shard */
    _Atomic(uint64_t) epoch_coarse_ns; /* times of records are counted from here */
    uint64_t epoch_wall_ns;
    _Atomic(int64_t) live_bytes;
    _Atomic(uint64_t) next_point_ns;
    _Atomic(int64_t) missed_live;   /* the highest live bytes that no flush could compare with the peaks; INT64_MIN: none */
    _Atomic(int64_t) no_peak_below; /* live bytes up to here raise no profile's peak: a flush need not look */
} cc__recorder_t;

extern cc__recorder_t cc__recorder;

/* What a domain's wrapper looks at first: the configuration, or 0 when the domain is not to be seen. */
extern _Atomic(uint64_t) cc__profile_config[CC_PROFILE_DOMAINS];

/* Brings the thread in line with the configuration and returns its shard; NULL when there is no memory for one. */
cc__shard_t *cc__shard_sync(cc__thread_t *thread, uint64_t config);

/* Brings the balance into the live total; follows peaks and draws timelines. */
void cc__shard_flush(cc__shard_t *shard);

/* Compares with the peaks what flushes could not. pre: lock held. */
void cc__follow_peaks(void);

/* Makes what the recorder needs all its life. CC_ERROR_MEMORY. pre: lock held. */
int cc__recorder_open(void);

/* Adds a point to each timeline that is due. pre: lock held. */
void cc__draw_points(uint64_t now_ns);

/* Draws timelines when they are due. */
void cc__timeline_check(uint64_t now_ns);

/* A free of a record that is sampled, or older than some active profile. */
void cc__free_special(cc__shard_t *shard, unsigned domain, uint64_t record, uint64_t size);

void cc__flow_count(cc__shard_t *shard, unsigned alloc_slot, double count, double bytes);
/* The same; `locked`: the caller holds the recorder's lock. */
void cc__flow_count_locked(cc__shard_t *shard, unsigned alloc_slot, double count, double bytes, bool locked);

/* A session of this kind: exact, or sampled by bytes where interval > 0, else by rate. */
cc__session_t cc__session(bool exact, double rate, double interval);

/* The weight of a sampled block: the inverse of the probability with which it was chosen. */
double cc__session_weight(const cc__session_t *session, uint64_t size);

/* Allocations (or bytes) until the next sample. */
int64_t cc__draw_countdown(cc__shard_t *shard);

/* ---- sites (sites.c) -------------------------------------------------------------------------------------------- */

/* The site of the calling thread's present call stack; 0 when there is none. `domain` says whether the caller must be
 * attached to the interpreter. */
uint32_t cc__site_capture(cc__shard_t *shard, unsigned domain);
bool cc__site_held(uint32_t site);
size_t cc__sites_count(void);
/* Forgets all sites, under the recorder's lock (the next profile's must not be among them); their frames stay pinned until
 * cc__sites_drop, without any lock: it may free code objects, and run what watches them. */
typedef struct cc__old_sites {
    struct site *sites;
    uint32_t count;
} cc__old_sites_t;
cc__old_sites_t cc__sites_take(void);
void cc__sites_drop(cc__old_sites_t old);

/* ---- domains (domains.c) ---------------------------------------------------------------------------------------- */

extern const cc__allocator_t cc__runtime_observer, cc__sqlite_observer;
/* CC_PROFILE_CLASSES_… of each domain. Written while nothing of the domain is recorded. */
extern unsigned cc__profile_classes[CC_PROFILE_DOMAINS];

/* The size class of a size. */
static inline unsigned cc__bin(uint64_t size) {
    if (CC_LIKELY(size <= 512)) return (unsigned)((size + 7) >> 3);
    unsigned octave = 63u - (unsigned)__builtin_clzll(size - 1); /* size in (2^octave, 2^(octave+1)] */
    unsigned bin = 65u + (octave - 9u) * 4u + (unsigned)((size - 1) >> (octave - 2) & 3u);
    return bin < CC_PROFILE_BINS ? bin : CC_PROFILE_BINS - 1;
}

/* One event of a size, counted exactly. */
static inline void cc__count_alloc(cc__counted_t *counted, uint64_t size) {
    if (CC_LIKELY(size <= CC__SMALL_SIZE)) {
        cc__own_add(&counted->alloc_small[size], 1);
        return;
    }
    cc__own_add(&counted->alloc_large[cc__bin(size) - 65], 1);
    cc__own_add(&counted->alloc_large_bytes, size);
}

static inline void cc__count_free(cc__counted_t *counted, uint64_t size) {
    if (CC_LIKELY(size <= CC__SMALL_SIZE)) {
        cc__own_add_release(&counted->free_small[size], 1);
        return;
    }
    cc__own_add_release(&counted->free_large[cc__bin(size) - 65], 1);
    cc__own_add_release(&counted->free_large_bytes, size);
}

#endif
