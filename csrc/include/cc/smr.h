/* cc/smr.h: safe memory reclamation for lock-free structures: when may a node that was unlinked be freed, while other
 * threads may still be reading it?
 *
 * A *domain* holds what belongs together (a container, or many). Each thread that works with it has a *handle*
 * (cc_smr_self), which is that thread's alone. Readers stand inside a *section* (cc_smr_enter … cc_smr_exit) and load
 * shared pointers with cc_smr_protect; what they loaded stays allocated until they leave. Writers take nodes from
 * cc_smr_alloc_node, unlink them so that no new reader can find them, and retire them: retiring allocates nothing and
 * never fails.
 *
 *     cc_smr_thread_t *self = cc_smr_self(domain);        // once for each operation or thread; NULL: no memory
 *     cc_smr_enter(self);
 *     node_t *top = cc_smr_protect(self, &stack->top);    // may be read until cc_smr_exit
 *     ...
 *     if (compare and swap stack->top from top to next) cc_smr_retire(self, top, sizeof *top, NULL);
 *     cc_smr_exit(self);
 *
 * Schemes. CC_SMR_IBR: interval-based reclamation, 2GE (Wen et al., PPoPP 2018): a section reserves an interval of
 * epochs, and a node is kept only while its life crosses somebody's interval. A thread that stalls inside a section
 * holds back the nodes that were alive then, at most epoch_frequency for each thread more, and nothing else however
 * long the others go on. CC_SMR_DEBRA: DEBRA+ (Brown, PODC 2015): a section holds back all that is retired after it
 * began; a thread that stays too long is interrupted by a signal if it is in a search phase (below), and otherwise
 * waited for. CC_SMR_EPOCH: the same without signals: a stalled thread holds back everything. CC_SMR_NONE: nothing is
 * freed before the domain is destroyed.
 *
 * What a reader may follow. Under IBR a pointer is safe when it was loaded by cc_smr_protect from a place that was
 * itself still linked at that moment: out of a node that may have been unlinked meanwhile, check that it is still
 * linked (a mark, its predecessor's pointer) after the load and before the use. The other schemes allow to follow
 * chains of unlinked nodes.
 *
 * Threads. A cc_smr_thread_t is used by its own thread only; everything that takes a cc_smr_t or an id may be called
 * from any thread. When a thread ends, its section ends, and what it has retired is handed on to the others. After
 * fork() the child goes on with the forking thread's handles (and section); other threads' sections are over there,
 * what they had retired is handed on (but for a thread that was freeing nodes at that moment: its part stays allocated
 * in the child).
 *
 * Bounds. Of what a thread has retired two batches may wait in any case (by default 49152 nodes or 2 MiB; with plain
 * fences 128 nodes). A thread that is stalled inside a section keeps beside that: under IBR the nodes that were alive
 * when it stalled, pending ones included, and at most epoch_frequency for each thread; under DEBRA+, in a search phase,
 * what is retired in stall_threshold epochs (an epoch ends with every batch of any thread); else under DEBRA+, and with
 * CC_SMR_EPOCH, all that is retired from then on.
 *
 * Orders. A reader's reservation is a plain store. The reclaiming thread makes it visible with one membarrier(2)
 * (expedited, private) for a whole batch; where the system has none, or with plain_fence, each reader fences. */
#ifndef CC_SMR_H
#define CC_SMR_H

#include <setjmp.h>

#include "cc/alloc.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cc_smr_scheme {
    CC_SMR_DEFAULT = 0, /* what cc_smr_set_defaults chose; IBR unless it was called */
    CC_SMR_IBR = 1,
    CC_SMR_DEBRA = 2,
    CC_SMR_EPOCH = 3,
    CC_SMR_NONE = 4
} cc_smr_scheme_t;

/* "ibr", "debra", "epoch", "none", and back; static. NULL and -1 for what is no scheme (or CC_SMR_DEFAULT). */
CC_API const char *cc_smr_scheme_name(int scheme);
CC_API int cc_smr_scheme_by_name(const char *name);

/* Options: name, default, least, most. All are uint64_t.
 *   retire_threshold  plain fences: nodes that a thread gathers before it seals them as a batch, and before cc_smr_poll
 *                     looks
 *   reclaim_per_poll  plain fences: nodes that one cc_smr_retire or cc_smr_poll frees at most
 *   batch_nodes       with membarrier: nodes that a thread gathers before it seals them as a batch and frees the one
 *                     before
 *   batch_bytes       bytes that a thread gathers before it does the same, however few nodes they are
 *   epoch_frequency   nodes that a thread allocates before it advances the epoch (which each sealed batch does, too)
 *   stall_threshold   epochs that a section may lag behind before it counts as stalled (and DEBRA+ sends its signal)
 *   initial_threads   threads that the domain has room for at first; it grows beyond
 *   plain_fence       1: readers fence even where membarrier is available
 *   signal            the signal of DEBRA+; 0: SIGURG. One for the process: that of its first DEBRA+ domain */
#define CC_SMR_OPTIONS(X) \
    X(retire_threshold, 64, 1, 1 << 20) \
    X(reclaim_per_poll, 32, 1, 1 << 20) \
    X(batch_nodes, 24576, 1, 1 << 20) \
    X(batch_bytes, 1 << 20, 1, 1 << 30) \
    X(epoch_frequency, 32768, 1, 1 << 30) \
    X(stall_threshold, 8, 1, 1 << 30) \
    X(initial_threads, 256, 1, 1 << 16) \
    X(plain_fence, 0, 0, 1) \
    X(signal, 0, 0, 64)

enum { CC_SMR_NAME_SIZE = 32 };

/* Begin with cc_smr_options(), then change what you like. */
typedef struct {
    char name[CC_SMR_NAME_SIZE]; /* shown in statistics; UTF-8, ends with 0 */
#define CC_SMR_FIELD(field, initial, least, most) uint64_t field;
    CC_SMR_OPTIONS(CC_SMR_FIELD)
#undef CC_SMR_FIELD
} cc_smr_options_t;

/* One row of the table above, for bindings that list and check them. */
typedef struct {
    const char *name;
    uint64_t initial, least, most;
} cc_smr_option_t;

/* Row `index`, from 0; NULL beyond the last. Static. */
CC_API const cc_smr_option_t *cc_smr_option(size_t index);

/* The defaults, as cc_smr_set_defaults left them. */
CC_API cc_smr_options_t cc_smr_options(void);

/* The row of the first option that is out of its range, NULL when all are right. */
CC_API const cc_smr_option_t *cc_smr_check_options(const cc_smr_options_t *options);

/* What later domains get for CC_SMR_DEFAULT and for NULL options (NULL here: leave those as they are).
 * CC_ERROR_ARGUMENT for no scheme or an option out of range; CC_SMR_DEFAULT leaves the scheme. */
CC_API int cc_smr_set_defaults(cc_smr_scheme_t scheme, const cc_smr_options_t *options);
CC_API cc_smr_scheme_t cc_smr_default_scheme(void);

/* ---- domains ----------------------------------------------------------------------------------------------------- */

typedef struct cc_smr cc_smr_t;
typedef struct cc_smr_thread cc_smr_thread_t;

/* A new domain; options NULL: the defaults. NULL when a scheme or option is wrong (cc_smr_check_options tells which),
 * when there is no memory, or when DEBRA+'s signal cannot be caught. The caller destroys it. */
CC_API cc_smr_t *cc_smr_create(cc_smr_scheme_t scheme, const cc_smr_options_t *options)
    CC_ATTRIBUTE((warn_unused_result));

/* Frees every node that is still pending, whichever thread retired it, in the calling thread (what a free function
 * retires meanwhile included), then the domain; NULL is ignored. Handles of living threads end with it: they need not
 * detach, and must not be used any more; no other thread may be using the domain meanwhile. CC_ERROR_STATE, and nothing
 * is done, when a thread is inside a section. */
CC_API int cc_smr_destroy(cc_smr_t *domain);

/* The calling thread's handle, made when it has none; NULL when there is no memory. It is good until the thread ends,
 * cc_smr_detach or cc_smr_destroy. About 2 ns: take it once for each operation, or keep it. */
CC_API cc_smr_thread_t *cc_smr_self(cc_smr_t *domain);

/* Gives the handle back before the thread ends: its section ends, what it has retired is handed on to the others (for a
 * thread that will be idle for long). NULL is ignored. Not from a free function. */
CC_API void cc_smr_detach(cc_smr_thread_t *self);

/* The domain that a handle belongs to, and the scheme of a domain. */
CC_API cc_smr_t *cc_smr_domain(const cc_smr_thread_t *self);
CC_API cc_smr_scheme_t cc_smr_scheme(const cc_smr_t *domain);

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

/* Before each node, hidden: its bytes are part of every node's block (so a node of 32 bytes takes one line of 64). */
enum { CC_SMR_HEADER_SIZE = 32 };

/* Frees a node that nobody can reach any more: called once, with what cc_smr_retire was given, by the thread that
 * reclaims it (any that uses the domain, most often the one that retired it) from inside its cc_smr_retire, _poll,
 * _drain, _detach, _destroy or at its end; that thread may be inside a section of its own. It ends with
 * cc_smr_free_node. It may allocate and retire, and take locks that no caller of cc_smr_retire holds; it may not call
 * cc_smr_drain, _detach or _destroy. */
typedef void cc_smr_free_function_t(void *node, size_t size);

/* A node of `size` bytes, aligned to 16, in lines of its own. NULL when size is 0 or above UINT32_MAX - 64, or there is
 * no memory. Inside or outside a section. A node is freed by cc_smr_retire, or by cc_smr_free_node when no other thread
 * has seen it. */
CC_API void *cc_smr_alloc_node(cc_smr_thread_t *self, size_t size) CC_ATTRIBUTE((warn_unused_result));

/* Frees a node at once. pre: no other thread can have it. `size` as it was asked for. NULL is ignored. */
CC_API void cc_smr_free_node(void *node, size_t size);

/* Has `node` freed when no section can still read it: by `free_function(node, size)`, or NULL: by cc_smr_free_node.
 * pre: it comes from cc_smr_alloc_node of this domain with this size, it is unlinked (no reader that enters from now on
 * can find it) and is retired once. Inside or outside a section. Constant time: each 64th call (plain fences: each
 * retire_threshold / 4 th) may free 80 nodes (plain: reclaim_per_poll), and one in a batch looks at all threads and may
 * execute a barrier. Allocates nothing, never fails. */
CC_API void cc_smr_retire(cc_smr_thread_t *self, void *node, size_t size, cc_smr_free_function_t *free_function);

/* Looks for what can be freed if the thread has gathered retire_threshold nodes or any are left over from earlier.
 * Returns the number of nodes freed: at most reclaim_per_poll. With membarrier a look may cost 15 µs: not for each
 * operation. */
CC_API size_t cc_smr_poll(cc_smr_thread_t *self);

/* Waits until all that this thread has retired, and what threads that ended have left, is freed. CC_ERROR_STATE inside
 * a section; CC_ERROR_LIMIT when other threads' sections kept some of it for timeout_ns (0: it tries once). Other
 * threads' own nodes are freed when they retire, poll, drain, detach or end. */
CC_API int cc_smr_drain(cc_smr_thread_t *self, uint64_t timeout_ns);

/* ---- sections ---------------------------------------------------------------------------------------------------- */

/* Begins a section. They nest: the outermost counts. */
CC_API void cc_smr_enter(cc_smr_thread_t *self);

/* Ends the section that the last cc_smr_enter began. What was loaded inside may not be read any more. */
CC_API void cc_smr_exit(cc_smr_thread_t *self);

/* Loads the pointer at `address` (of an atomic pointer to a node, marks in its low bits allowed), acquire. What it
 * points to is not freed before the section ends. pre: inside a section. */
CC_API void *cc_smr_protect(cc_smr_thread_t *self, const void *address);

/* Search phases: the part of a section that DEBRA+ may interrupt.
 *
 *     cc_smr_enter(self);
 *     CC_SMR_SEARCH(self);                // interrupted, control comes back to here, in a section that is new
 *     node_t *found = NULL;               // so: give every local its value below, not above
 *     ... loads and comparisons only ...
 *     cc_smr_search_end(self);            // from here on the section cannot be interrupted
 *     ... compare and swap, retire ...
 *     cc_smr_exit(self);
 *
 * Inside: no store that others see, no allocation, no lock, no call that does either, nothing of another domain, no
 * Python, no return from the function that holds CC_SMR_SEARCH. Debug builds abort with a message when libcc's
 * allocator or locks are used inside (cc_smr_may_block does the same for callers). A search phase ends with
 * cc_smr_search_end before the section does. Only in the outermost section; elsewhere, and with the other schemes, the
 * macro does nothing. It costs some 5 ns (setjmp without the signal mask). */
#if defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__)
#define CC_SMR_SETJMP(buffer) _setjmp(buffer) /* theirs saves the mask in setjmp */
#else
#define CC_SMR_SETJMP(buffer) setjmp(buffer) /* glibc's and musl's does not */
#endif
#define CC_SMR_SEARCH(self) \
    do { \
        if ((self)->recovery != NULL && (self)->nested == 0) { \
            (void)CC_SMR_SETJMP(*(self)->recovery); \
            cc_smr_search_begin(self); \
        } \
    } while (0)
CC_API void cc_smr_search_begin(cc_smr_thread_t *self); /* for the macro alone */
CC_API void cc_smr_search_end(cc_smr_thread_t *self);

/* Debug builds: aborts with a message naming `what` when the calling thread is in a search phase. Else nothing. */
CC_API void cc_smr_may_block(const char *what);

/* ---- statistics -------------------------------------------------------------------------------------------------- */

/* A domain, by its id, as of now. Counters only grow, but for cc_smr_reset. While other threads work, a figure is exact
 * to within the nodes that each has gathered since its last batch. */
typedef struct {
    uint64_t id; /* never reused; the first is 1 */
    char name[CC_SMR_NAME_SIZE];
    uint32_t scheme;     /* cc_smr_scheme_t */
    uint32_t asymmetric; /* 1: membarrier; 0: readers fence */
    /* bytes: what the callers gave to cc_smr_retire, without header and rounding */
    uint64_t retired_nodes, retired_bytes;
    uint64_t reclaimed_nodes, reclaimed_bytes;
    uint64_t pending_nodes, pending_bytes;           /* retired - reclaimed, once the threads stop */
    uint64_t peak_pending_nodes, peak_pending_bytes; /* as seen when a batch ends */
    uint64_t orphaned_nodes; /* of the pending: left by threads that ended, and not taken over yet */
    uint64_t epoch;
    uint64_t oldest_epoch; /* the oldest that a section reserves; `epoch` when there is none */
    uint64_t polls;        /* calls of cc_smr_poll */
    uint64_t scans;        /* looks at all threads' reservations */
    uint64_t barriers;     /* membarrier calls; a scan that finds another thread's barrier recent enough needs none */
    uint64_t neutralizations; /* searches that were interrupted */
    uint64_t signals;         /* sent */
    uint64_t fallbacks;       /* signals that were not answered, or could not be sent: the domain waited instead */
    uint64_t threads;         /* that have a handle now */
    uint64_t stalled_threads; /* of those: inside a section that lags by stall_threshold epochs or more */
    uint64_t delay_recorded;  /* 1: cc_smr_record_delays is on */
    uint64_t delay_count;     /* reclaimed nodes whose time from retire to free is known: see cc_smr_record_delays */
    uint64_t delay_sum_ns;
    uint64_t delay_max_ns;
    uint64_t delay_p50_ns, delay_p90_ns, delay_p99_ns, delay_p999_ns; /* 0 when delay_count is */
    uint64_t reserved[6];                                             /* 0; for later versions */
} cc_smr_stats_t;

/* A thread's handle. */
typedef struct {
    uint64_t thread_id; /* libcc's, never reused */
    uint64_t native_id; /* the system's */
    char name[64];      /* "" when unknown; UTF-8 */
    uint32_t inside;    /* 1: inside a section */
    uint32_t stalled;   /* 1: inside, and lagging by stall_threshold epochs or more */
    uint32_t deaf;      /* 1: it did not answer DEBRA+'s last signal */
    uint32_t reserved0;
    uint64_t epoch_lag;                    /* epochs since its section began; 0 outside */
    uint64_t retired_nodes;                /* under this handle, by this thread */
    uint64_t pending_nodes, pending_bytes; /* that it will free, inherited ones included */
    uint64_t neutralized;                  /* times that its search was interrupted */
    uint64_t reserved[4];
} cc_smr_thread_stats_t;

/* The domain's id. */
CC_API uint64_t cc_smr_id(const cc_smr_t *domain);

/* Writes the ids of the living domains, oldest first, at most `capacity`; returns how many there are. */
CC_API size_t cc_smr_list(uint64_t *ids, size_t capacity);

/* Fills *stats. CC_ERROR_ARGUMENT when no living domain has that id. */
CC_API int cc_smr_stats(uint64_t id, cc_smr_stats_t *stats);

/* Writes at most `capacity` rows, one for each thread that has a handle; returns how many there are, 0 for an unknown
 * id. */
CC_API size_t cc_smr_thread_stats(uint64_t id, cc_smr_thread_stats_t *rows, size_t capacity);

/* Of the nodes that a thread retires while delays are recorded, one in so many is timed. */
enum { CC_SMR_DELAY_PERIOD = 16 };

/* Switches recording of the time from retire to free on or off (off at first; then it costs nothing). On, it costs some
 * ns for each node. It holds for each thread from its next batch at the latest. Times are in steps of 1024 ns, and
 * those above 73 minutes are recorded as the remainder. CC_ERROR_ARGUMENT for an unknown id, CC_ERROR_MEMORY. */
CC_API int cc_smr_record_delays(uint64_t id, bool record);

/* The delays recorded, in `buckets` log-spaced buckets from 1 ns to 100 s (bucket i begins at 10^(11 i / buckets) ns).
 * CC_ERROR_ARGUMENT for an unknown id or buckets == 0. */
CC_API int cc_smr_delay_histogram(uint64_t id, uint64_t *counts, size_t buckets);

/* Makes the peaks what is pending now and empties the delays. CC_ERROR_ARGUMENT for an unknown id. */
CC_API int cc_smr_reset(uint64_t id);

/* ---- inlines ----------------------------------------------------------------------------------------------------- */

/* Outside a section; above every epoch. */
#define CC_SMR_IDLE UINT64_MAX

/* What stands before a node. Private. */
struct cc_smr_header {
    uint64_t birth;             /* the epoch in which it was allocated */
    struct cc_smr_header *next; /* in a list of nodes that are kept */
    cc_smr_free_function_t *free_function;
    uint32_t size;
    uint32_t stamp; /* when it was retired, in 1024 ns; 0: not recorded */
};

/* The part of a handle that the inlines use. Private: read and write it only through them. */
struct cc_smr_thread {
    uint64_t lower;                    /* the epoch in which the section began, CC_SMR_IDLE outside; others read it */
    uint64_t upper;                    /* the newest epoch that it has seen; others read it */
    uint64_t *epoch;                   /* the domain's */
    uint32_t nested;                   /* sections around the innermost, but for the first */
    uint32_t fenced;                   /* 1: the plain form */
    struct cc_smr_header **fill;       /* where the next retired node is noted */
    struct cc_smr_header **fill_limit; /* where retiring becomes a call */
    int64_t bytes_left;                /* until batch_bytes are gathered */
    uint32_t births_left;              /* until the epoch is advanced */
    uint32_t searching;                /* 1: in a search phase */
    jmp_buf *recovery;                 /* NULL: this scheme needs none */
};

/* For the inlines below: what they leave to the library. */
CC_API void cc_smr_retire_at_limit(cc_smr_thread_t *self, struct cc_smr_header *header);
CC_API void cc_smr_advance_epoch(cc_smr_thread_t *self);

#if defined(__GNUC__)
/* Orders a reservation before the loads that follow. Plain form: a full fence. Else the compiler's order alone, made
 * good by the reclaimer's membarrier. TSan knows no fences: there reservations are sequentially consistent stores. */
#if defined(__SANITIZE_THREAD__)
#define CC_SMR_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CC_SMR_TSAN 1
#endif
#endif
#if defined(CC_SMR_TSAN)
#define CC_SMR_RESERVE(self, field, value) __atomic_store_n(&(self)->field, (value), __ATOMIC_SEQ_CST)
#else
#define CC_SMR_RESERVE(self, field, value) \
    do { \
        __atomic_store_n(&(self)->field, (value), __ATOMIC_RELEASE); \
        if (CC_UNLIKELY((self)->fenced != 0)) __atomic_thread_fence(__ATOMIC_SEQ_CST); \
        __atomic_signal_fence(__ATOMIC_SEQ_CST); \
    } while (0)
#endif

static inline void cc_smr_enter_inline(cc_smr_thread_t *self) {
    if (CC_UNLIKELY(__atomic_load_n(&self->lower, __ATOMIC_RELAXED) != CC_SMR_IDLE)) {
        self->nested++;
        return;
    }
    /* acquire pairs with the advance that ended a batch: this section cannot find the batch's nodes */
    uint64_t epoch = __atomic_load_n(self->epoch, __ATOMIC_ACQUIRE);
    __atomic_store_n(&self->upper, epoch, __ATOMIC_RELAXED); /* before lower, which is read before it */
    CC_SMR_RESERVE(self, lower, epoch);
}

static inline void cc_smr_exit_inline(cc_smr_thread_t *self) {
    if (CC_UNLIKELY(self->nested != 0)) {
        self->nested--;
        return;
    }
    /* pairs with the scan: all reads come before the free */
    __atomic_store_n(&self->lower, CC_SMR_IDLE, __ATOMIC_RELEASE);
}

/* Wen et al., figure 5 (2GE), read: repeat until the epoch is the one reserved. */
static inline void *cc_smr_protect_inline(cc_smr_thread_t *self, const void *address) {
    for (;;) {
        /* acquire pairs with the node's publication: the epoch read next is no older than its birth */
        void *pointer = __atomic_load_n((void *const *)address, __ATOMIC_ACQUIRE);
        uint64_t epoch = __atomic_load_n(self->epoch, __ATOMIC_ACQUIRE);
        if (CC_LIKELY(epoch == self->upper)) return pointer;
        CC_SMR_RESERVE(self, upper, epoch);
    }
}

static inline CC_ATTRIBUTE((warn_unused_result)) void *cc_smr_alloc_node_inline(cc_smr_thread_t *self, size_t size) {
    if (CC_UNLIKELY(size - 1 >= UINT32_MAX - 64)) return cc_alloc_node(0); /* counted as a failure */
    struct cc_smr_header *header = (struct cc_smr_header *)cc_alloc_node(size + CC_SMR_HEADER_SIZE);
    if (CC_UNLIKELY(header == NULL)) return NULL;
    header->birth = __atomic_load_n(self->epoch, __ATOMIC_RELAXED); /* an older one would only keep it longer */
    if (CC_UNLIKELY(--self->births_left == 0)) cc_smr_advance_epoch(self);
    return header + 1;
}

static inline void cc_smr_retire_inline(cc_smr_thread_t *self, void *node, size_t size,
                                        cc_smr_free_function_t *free_function) {
    struct cc_smr_header *header = (struct cc_smr_header *)node - 1;
    struct cc_smr_header **place = self->fill;
    header->free_function = free_function;
    header->size = (uint32_t)size;
    header->stamp = 0;
    int64_t left = self->bytes_left - (int64_t)size;
    __atomic_store_n(&self->bytes_left, left, __ATOMIC_RELAXED); /* statistics read it and the next */
    if (CC_UNLIKELY(left < 0 || place >= __atomic_load_n(&self->fill_limit, __ATOMIC_RELAXED))) {
        cc_smr_retire_at_limit(self, header);
        return;
    }
    *place = header;
    __atomic_store_n(&self->fill, place + 1, __ATOMIC_RELEASE); /* a forked child finds complete entries */
}

#if !defined(CC_SMR_NO_INLINE)
#define cc_smr_enter(self) cc_smr_enter_inline(self)
#define cc_smr_exit(self) cc_smr_exit_inline(self)
#define cc_smr_protect(self, address) cc_smr_protect_inline((self), (address))
#define cc_smr_alloc_node(self, size) cc_smr_alloc_node_inline((self), (size))
#define cc_smr_retire(self, node, size, free_function) cc_smr_retire_inline((self), (node), (size), (free_function))
#endif
#endif

#ifdef __cplusplus
}
#endif
#endif
