/* cc/profile.h: the recorder behind MemoryProfiler, for C programs and for bindings.
 *
 * A profile is a view of one process-wide recorder: any number may be active at once, each sees what happens between
 * its start and its stop. The recorder sees the runtime's own allocations (cc/alloc.h), SQLite's when it runs on libcc
 * (cc/methods.h), and those of allocators that are wrapped with cc_profile_wrap (Python's three domains). It records
 * all allocations (exact), or a sample of them.
 *
 * Units: bytes as requested unless "block" is said; nanoseconds. Counts are doubles, exact up to 2^53. All functions
 * may be called from any thread; a cc_profile_t itself is used by one thread at a time. Errors are cc_status_t. When
 * the recorder finds no memory for a record it drops it and counts that (dropped_records); the profiled program is
 * never failed. */
#ifndef CC_PROFILE_H
#define CC_PROFILE_H

#include "cc/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The sources of allocations, or *domains*: the identifier after CC_PROFILE_, the name in reports (an identifier, too),
 * the kind, and in words that follow "Allocations of" whose they are. A domain's number is its place in this list. */
#define CC_PROFILE_DOMAIN_LIST(X) \
    X(RUNTIME, runtime, OWN, "this library: cc_alloc and its kin") \
    X(RAW, raw, WRAPPED, "Python's PyMem_RawMalloc domain") \
    X(MEM, mem, WRAPPED, "Python's PyMem_Malloc domain") \
    X(OBJECT, object, WRAPPED, "Python's PyObject_Malloc domain") \
    X(SQLITE, sqlite, PLUGGED, "SQLite, when it runs on this library's allocators")

#define CC_PROFILE_DOMAIN_ID(id, name, kind, about) CC_PROFILE_##id,
enum { CC_PROFILE_DOMAIN_LIST(CC_PROFILE_DOMAIN_ID) CC_PROFILE_DOMAINS };
#undef CC_PROFILE_DOMAIN_ID

/* How the recorder gets to see a domain's allocations. */
enum {
    CC_PROFILE_KIND_OWN = 0,     /* libcc's own: while a profile looks */
    CC_PROFILE_KIND_WRAPPED = 1, /* while the wrapper of cc_profile_wrap is in place */
    CC_PROFILE_KIND_PLUGGED = 2, /* another library's, on an allocator of libcc: while a profile looks */
    CC_PROFILE_KINDS = 3
};

/* What the list says of a domain: static texts, and one of CC_PROFILE_KIND_…; NULL and -1 for a number that is no
 * domain's. */
CC_API const char *cc_profile_domain_name(unsigned domain);
CC_API const char *cc_profile_domain_about(unsigned domain);
CC_API int cc_profile_domain_kind(unsigned domain);

/* The domain of this name; CC_PROFILE_DOMAINS for no such name, and for NULL. */
CC_API unsigned cc_profile_domain_by_name(const char *name);

/* Size classes of the histograms: bin 0 is size 0; bins 1..64 are 8 bytes wide up to 512; then four to an octave. */
enum { CC_PROFILE_BINS = 217 };
/* The largest size that falls into a bin; the smallest is that of the bin below plus 1. UINT64_MAX for no such bin. */
CC_API uint64_t cc_profile_bin_limit(unsigned bin);

typedef struct cc_profile_options {
    size_t struct_size; /* sizeof(cc_profile_options_t) */
    /* Bit 1 << CC_PROFILE_… for each domain to see; not 0. While profiles with different domains are active at once,
     * only the totals and those by domain are of the profile's own; threads, flows, peak, points, latency, failures,
     * untracked frees and live blocks are of all that is seen. */
    unsigned domains;
    double sample_rate;       /* 1: exact; else each allocation is sampled with this probability, > 0 */
    uint64_t sample_interval; /* > 0: a Poisson process over allocated bytes with this mean, sample_rate ignored */
    bool latency;             /* time a fraction of the operations */
    bool timestamps;          /* remember when each live block was allocated */
    unsigned stack_depth;     /* frames to remember of each allocation's call stack, at most CC_PROFILE_MAX_DEPTH */
} cc_profile_options_t;

enum { CC_PROFILE_MAX_DEPTH = 128 };

typedef struct cc_profile cc_profile_t;

/* Starts a profile; on CC_OK *profile is the caller's until cc_profile_free. CC_ERROR_ARGUMENT, CC_ERROR_MEMORY;
 * CC_ERROR_LIMIT while some thousands of profiles (4,000 and more) are not yet freed. A call
 * that is in flight in another thread at the start (or reset) may be counted on one side of it while its block's record
 * lies on the other: one event for each such thread. */
CC_API int cc_profile_start(const cc_profile_options_t *options, cc_profile_t **profile);

/* Stops it and keeps its figures for cc_profile_read. CC_ERROR_STATE when it was stopped before; CC_ERROR_MEMORY: it
 * goes on, and the call may be made again. */
CC_API int cc_profile_stop(cc_profile_t *profile);

/* Makes the present the new zero of an active profile. CC_ERROR_STATE when it was stopped; CC_ERROR_MEMORY and
 * CC_ERROR_LIMIT as for a start: then it goes on as before. */
CC_API int cc_profile_reset(cc_profile_t *profile);

/* Stops it when needed and gives back its memory; NULL is ignored. With the last profile the live table goes too. */
CC_API void cc_profile_free(cc_profile_t *profile);

typedef struct cc_profile_domain {
    double alloc_bytes, free_bytes;
    double alloc_block_bytes, free_block_bytes; /* what blocks of those sizes take, by the allocator's size classes */
    double alloc_bytes_variance, free_bytes_variance, alloc_count_variance, free_count_variance; /* of the estimates */
    double alloc_bins[CC_PROFILE_BINS], free_bins[CC_PROFILE_BINS];                              /* counts by size */
} cc_profile_domain_t;

typedef struct cc_profile_thread {
    uint64_t id;        /* libcc's id, never reused; 0: all threads beyond the 16,383rd since no profile was left */
    uint64_t native_id; /* the system's */
    char name[64];      /* "" while unknown */
    bool alive;
    double alloc_count, free_count, alloc_bytes, free_bytes;
    double received; /* frees of other threads' blocks */
    double sent;     /* own blocks freed by other threads */
} cc_profile_thread_t;

typedef struct cc_profile_flow {
    uint64_t alloc_thread, free_thread; /* libcc's ids */
    double count, bytes;
} cc_profile_flow_t;

typedef struct cc_profile_point {
    double seconds; /* since the start */
    double current, peak, alloc_count, free_count, alloc_bytes;
} cc_profile_point_t;

enum { CC_PROFILE_POINTS = 512 };

typedef struct cc_profile_snapshot {
    cc_profile_domain_t domains[CC_PROFILE_DOMAINS];
    double alloc_count, free_count, alloc_bytes, free_bytes, current, peak, peak_seconds;
    double peak_error; /* the peak is exact to within this many bytes */
    double cross_thread_frees;
    double samples;         /* sampled allocations behind the estimates */
    double untracked_frees; /* of blocks from before the start, in no other figure */
    double failed;          /* allocations for which the allocator had no memory */
    double dropped_records, dropped_stacks;
    double seconds;                      /* from the start to the snapshot or stop */
    uint64_t start_wall_ns, end_wall_ns; /* since 1970 */
    bool estimated;                      /* some of the allocations were sampled, not counted */
    size_t thread_count, flow_count, point_count;
    cc_profile_thread_t *threads; /* owned by the snapshot, like the next two */
    cc_profile_flow_t *flows;
    cc_profile_point_t *points;
    struct cc_profile_latency *latency; /* for the functions below */
} cc_profile_snapshot_t;

/* What the profile measured until now (or until its stop). *snapshot is the caller's until cc_profile_snapshot_free.
 * CC_ERROR_MEMORY. May be called while all threads go on; then the figures are from about the same moment. */
CC_API int cc_profile_read(cc_profile_t *profile, cc_profile_snapshot_t **snapshot);
CC_API void cc_profile_snapshot_free(cc_profile_snapshot_t *snapshot);

/* Latency of the allocator's own work (`frees`: of freeing, else of allocating). The recorder's histogram is merged
 * into `buckets` log-spaced buckets from 1 ns to 100 s; counts[i] gets the count between 10^(11 i / buckets) and 10^(11
 * (i + 1) / buckets) ns. Returns the number of timed operations. */
CC_API double cc_profile_latency_buckets(const cc_profile_snapshot_t *snapshot, bool frees, unsigned buckets,
                                         double *counts);
typedef struct cc_profile_clock {
    const char *name;      /* "cycle counter" or "monotonic clock" */
    double overhead_ns;    /* the calibrated empty pair of readings, already subtracted */
    double floor_ns;       /* differences below this cannot be told from the clock's own jitter */
    double timed_fraction; /* of the operations, on average */
    double alloc_sum_ns, free_sum_ns;
} cc_profile_clock_t;
CC_API void cc_profile_latency_clock(const cc_profile_snapshot_t *snapshot, cc_profile_clock_t *clock);

/* One live block. */
typedef struct cc_profile_block {
    uint64_t address, size, thread; /* libcc's thread id */
    uint64_t wall_ns;               /* when it was allocated, or up to a second before; 0: unknown */
    uint32_t site;
} cc_profile_block_t;
/* Live blocks of one call stack. */
typedef struct cc_profile_site {
    uint32_t site; /* 0: no stack */
    bool held;     /* the frame provider says: held by the interpreter */
    double count, bytes;
} cc_profile_site_t;
typedef struct cc_profile_live_blocks {
    size_t block_count, site_count;
    cc_profile_block_t *blocks; /* the largest, descending, at most `cap`, of sites that are not held */
    cc_profile_site_t *sites;   /* all, by bytes descending */
    double count, bytes, held_count, held_bytes; /* the sums of all sites: not held, held */
} cc_profile_live_t;

/* The blocks that were allocated since the profile's start and still live. Takes time in proportion to the touched
 * heap. After the stop it still tells, until cc_profile_free, but blocks freed after the stop may be missing or not.
 * *live is the caller's until cc_profile_live_free. CC_ERROR_MEMORY. */
CC_API int cc_profile_live(cc_profile_t *profile, size_t cap, cc_profile_live_t **live);
CC_API void cc_profile_live_free(cc_profile_live_t *live);

/* ---- for bindings ---- */

/* An allocator as the recorder wraps it; the layout is that of CPython's PyMemAllocatorEx. */
typedef struct cc_profile_allocator {
    void *context;
    void *(*malloc)(void *context, size_t size);
    void *(*calloc)(void *context, size_t count, size_t size);
    void *(*realloc)(void *context, void *pointer, size_t size);
    void (*free)(void *context, void *pointer);
} cc_profile_allocator_t;

/* How an allocator rounds sizes up, for block bytes. */
enum {
    CC_PROFILE_CLASSES_16 = 0,      /* to multiples of 16: CPython's small-object allocator, glibc */
    CC_PROFILE_CLASSES_MIMALLOC = 1 /* to mimalloc's size classes */
};

/* Makes `original` what lies below domain's wrapper and fills *wrapper, which goes in original's place. The wrapper's
 * context is the original's and its functions ignore theirs, so a call that mixes both while they are exchanged is
 * harmless. It adds no header and may stay in place for ever. CC_ERROR_ARGUMENT for a domain without wrapper or unknown
 * classes, CC_ERROR_LIMIT after 64 calls with different originals. pre: `original` does not lead to this domain's
 * wrapper. */
CC_API int cc_profile_wrap(unsigned domain, const cc_profile_allocator_t *original, unsigned classes,
                           cc_profile_allocator_t *wrapper);

/* If `present` is domain's wrapper itself, fills *original with what it was put in place of and returns true: then the
 * caller may put that back. The wrapper's functions stay good for calls in flight. */
CC_API bool cc_profile_unwrap(unsigned domain, const cc_profile_allocator_t *present, cc_profile_allocator_t *original);

/* Whether a call of `allocator` gets to domain's wrapper (for instance below another tool's wrapper). Allocates and
 * frees one byte there; true also when it has no memory for that, so that nobody wraps it again on such evidence. */
CC_API bool cc_profile_reaches(unsigned domain, const cc_profile_allocator_t *allocator);

/* A call stack frame, opaque to the recorder: a code object and an offset in it. */
typedef struct cc_profile_frame {
    const void *code;
    uintptr_t offset;
} cc_profile_frame_t;

/* A frame in words. */
typedef struct cc_profile_place {
    const char *file, *function; /* UTF-8; lone surrogates are encoded like other characters */
    uint32_t line;               /* 0: none */
    bool held;                   /* blocks whose innermost frame this is are held by the interpreter */
} cc_profile_place_t;

/* A hash that goes on with one more value: for identify below. One 64 x 64 -> 128 bit multiplication, halves folded
 * (after wyhash's mum). */
static inline uint64_t cc_profile_mix(uint64_t hash, uint64_t value) {
    __extension__ typedef unsigned __int128 wide_t;
    wide_t product = (wide_t)(hash ^ 0x9E3779B97F4A7C15u) * (value ^ 0xA0761D6478BD642Fu);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

typedef struct cc_profile_frame_provider {
    /* A 64-bit hash of the frames that capture would write, begun with `seed`; `seed` itself when there is none. Called
     * at every recorded allocation, with capture's restrictions; capture follows at once when the hash is new. Equal
     * hashes are taken for equal stacks: what is hashed must tell frames apart for as long as their code objects are
     * there. */
    uint64_t (*identify)(uint64_t seed, unsigned limit, bool attached);
    /* Writes the calling thread's innermost frames, at most `limit`; returns how many. `attached`: the allocation's
     * domain is one that only threads attached to the interpreter may use. Called inside an allocation: it must not
     * allocate, lock or run anything. */
    unsigned (*capture)(cc_profile_frame_t *frames, unsigned limit, bool attached);
    /* Puts a frame that capture has just written into words. The texts need be good until the next call only: it is
     * called under a lock of the recorder, with capture's restrictions. */
    void (*describe)(const cc_profile_frame_t *frame, cc_profile_place_t *place);
} cc_profile_frame_provider_t;

/* Installs the provider (static; once for the process). */
CC_API void cc_profile_set_frame_provider(const cc_profile_frame_provider_t *provider);

/* Tells that a code object is about to end, before its memory is given back: its address may come again as another's.
 * pre: no thread runs it. */
CC_API void cc_profile_code_ended(const void *code);

/* The frames of a site, innermost first; returns how many there are and writes at most `limit`. Texts are good until
 * the last profile is freed. */
CC_API unsigned cc_profile_site_frames(uint32_t site, cc_profile_place_t *frames, unsigned limit);

/* Between the two, allocations of the calling thread are not recorded (its frees are). They nest by keeping the result:
 * cc_profile_resume(cc_profile_pause()). For a binding's own work. */
CC_API bool cc_profile_pause(void);
CC_API void cc_profile_resume(bool paused);

/* Tells the name of a living thread by the system's id for it; longer names are cut. False when libcc has not met it
 * (it has met the calling thread). */
CC_API bool cc_profile_name_thread(uint64_t native_id, const char *name);

/* Tells the name of the calling thread, if it has none yet. False when it has one, and without memory. */
CC_API bool cc_profile_name_new_thread(const char *name);

#ifdef __cplusplus
}
#endif
#endif
