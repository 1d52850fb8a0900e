/* smr/smr_internal.h: what the files of smr/ share: domains, handles, and groups of nodes that wait to be freed.
 *
 * A node's way. Retired, it is noted in its thread's *fill*, an array. When that is full it is sealed: the epoch is
 * advanced, and the sealed nodes were all unlinked by the end of the old epoch. When the next batch is nearly full the
 * thread looks at all reservations, and what none of them covers is freed, a few nodes with each step of retiring; the
 * rest is linked into a *group*, which is looked at again with each later batch.
 *
 * Locks, in the order in which they are taken: cc__smr_registry_lock, a domain's lock, alloc/'s thread lock. */
#ifndef CC_SMR_INTERNAL_H
#define CC_SMR_INTERNAL_H

#include "cc/smr.h"

#include "../alloc/thread.h"
#include "../base/atomics.h"
#include "../base/histogram.h"
#include "../base/os.h"
#include "../base/table.h"

typedef struct cc_smr_header cc__smr_node_t;
typedef struct cc__smr_handle cc__smr_handle_t;

/* A list of nodes, linked through their headers. */
typedef struct cc__smr_list {
    cc__smr_node_t *first, *last;
    uint64_t count;
} cc__smr_list_t;

void cc__smr_push(cc__smr_list_t *list, cc__smr_node_t *node);
void cc__smr_append(cc__smr_list_t *list, cc__smr_list_t *more); /* empties `more` */

/* Nodes that were unlinked by the end of epoch `retired`. oldest, youngest: bounds of their birth epochs. */
typedef struct cc__smr_group {
    cc__smr_list_t nodes;
    uint64_t retired, oldest, youngest;
} cc__smr_group_t;

/* By growing `retired`. When there is no room two neighbours become one, so that a group may say a later epoch than its
 * nodes were unlinked in: they are kept longer, by sections that began between the two. */
enum { CC__SMR_GROUPS = 16 };
typedef struct cc__smr_groups {
    size_t count;
    cc__smr_group_t all[CC__SMR_GROUPS];
} cc__smr_groups_t;

/* Links a node into a group. */
void cc__smr_group_push(cc__smr_group_t *group, cc__smr_node_t *node);

/* Moves the nodes of `group` to the groups. */
void cc__smr_add_group(cc__smr_groups_t *groups, cc__smr_group_t *group);

void cc__smr_drop_empty_groups(cc__smr_groups_t *groups);

/* How a scheme differs from the others. */
typedef struct cc__smr_scheme {
    /* Up to which birth epoch the section that `reader` began in epoch `lower` keeps nodes that were unlinked after
     * that; 0: none. NULL: nothing is ever freed. */
    uint64_t (*reach)(cc__smr_handle_t *looker, cc__smr_handle_t *reader, uint64_t lower);
    bool interrupts; /* its handles have search phases */
} cc__smr_scheme_t;

extern const cc__smr_scheme_t cc__smr_schemes[CC_SMR_NONE + 1];

/* Counters of a handle; single writer: the owner (but for fork's child). */
#define CC__SMR_COUNTERS(X) \
    X(retired_nodes) X(retired_bytes) X(reclaimed_nodes) X(reclaimed_bytes) \
    X(polls) X(scans) X(barriers) X(neutralizations) X(signals) X(fallbacks)

struct cc__smr_handle {
    _Alignas(CC_CACHE_LINE_SIZE) cc_smr_thread_t inner;

    cc_smr_t *domain;
    cc__thread_t *_Atomic owner; /* NULL: of no thread; written under the domain's lock */
    _Atomic(uint64_t) native_id; /* the owner's, the system's */
    cc__smr_handle_t *next_free; /* under the domain's lock */

    /* The owner's alone, like the groups. */
    cc__smr_node_t **arrays; /* two of domain->capacity places; one is filled, the other sealed or empty */
    cc__smr_node_t **sealed; /* the next sealed node */
    cc__smr_node_t **sealed_end;
    uint64_t sealed_epoch;   /* the sealed nodes were unlinked by its end */
    uint64_t sealed_horizon; /* once looked: those born later are free */
    bool looked;
    _Atomic(bool) collecting; /* inside a collection; a forked child reads it */
    cc__smr_list_t overflow;  /* retired by free functions meanwhile */
    cc__smr_list_t ready;     /* to be freed */
    cc__smr_groups_t groups;
    cc__smr_group_t pinned; /* of the sealed nodes, those that a reservation covers */

    /* Neutralization: `requests` is written by the one who holds the domain's signal lock, `answered` by the owner. */
    _Atomic(uint64_t) requests, answered;
    _Atomic(bool) deaf;
    uint64_t asked_at; /* the epoch of the last request */

    /* Statistics: written by the owner. */
    _Atomic(uint64_t) seals;                       /* odd while a fill is being counted over */
    _Atomic(uint64_t) held_nodes, held_bytes;      /* sealed, in groups and ready */
    uint64_t unpublished_nodes, unpublished_bytes; /* freed since the domain's sums were brought up to date */
    uint64_t retired_before;                       /* retired_nodes when the thread took the handle */
    uint64_t neutralized_before;
    struct {
#define CC__FIELD(name) _Atomic(uint64_t) name;
        CC__SMR_COUNTERS(CC__FIELD)
#undef CC__FIELD
    } counters;
    jmp_buf recovery;
};

/* Handles are never given back before the domain is, so that a look may walk them without a lock. */
typedef struct cc__smr_chunk {
    struct cc__smr_chunk *_Atomic next;
    size_t capacity;
    _Atomic(size_t) used;
    _Alignas(CC_CACHE_LINE_SIZE) cc__smr_handle_t handles[];
} cc__smr_chunk_t;

struct cc_smr {
    _Alignas(CC_CACHE_LINE_SIZE) _Atomic(uint64_t) epoch; /* the first is 1 */

    /* A barrier was executed when all batches that had been retired before this epoch were sealed. */
    _Alignas(CC_CACHE_LINE_SIZE) _Atomic(uint64_t) covered;
    _Atomic(uint64_t) pending_nodes, pending_bytes, peak_nodes, peak_bytes; /* added to when batches end */
    _Atomic(uint64_t) orphan_count, orphan_bytes;

    /* Constant. */
    _Alignas(CC_CACHE_LINE_SIZE) const cc__smr_scheme_t *scheme;
    cc_smr_scheme_t kind;
    cc_smr_options_t options;
    uint64_t id;
    size_t index;    /* of its handles in the threads' tables */
    size_t capacity; /* places of an array */
    bool asymmetric;
    size_t threshold; /* nodes of a batch */
    size_t step;      /* nodes retired between two calls */
    size_t look_at;   /* nodes of a batch after which the one before is looked at */
    size_t budget;    /* nodes freed in a step */

    cc__mutex_t lock; /* over handles being given out and taken back, and the orphans */
    cc__mutex_t signal_lock;
    cc__smr_chunk_t *first;
    cc__smr_handle_t *free_handles;
    size_t leaving; /* handles whose thread is giving them back; under the registry's lock */
    cc__smr_groups_t orphans;

    /* Delays. */
    _Atomic(bool) recording;
    _Atomic(uint64_t)
        *_Atomic delays; /* CC__HISTOGRAM_SIZE buckets, in steps of stamps; NULL before they are recorded */
    _Atomic(uint64_t) delay_sum, delay_max;

    cc_smr_t *next; /* in the list of living domains, oldest first; under the registry's lock */
};

enum { CC__SMR_AHEAD = 8 }; /* nodes that are prefetched before they are freed; the arrays have as many places more */

enum { CC__SMR_STAMP_SHIFT = 10 }; /* stamps are in 1024 ns */

extern cc__mutex_t cc__smr_registry_lock;
extern cc_smr_t *cc__smr_domains;

/* CC__SLOT_SMR of a thread record is a table of the thread's handles by their domains' indexes. It is written under the
 * registry's lock; the owner and its signal handler read it without. */

/* Walks all handles that were ever given out. */
#define CC__SMR_EACH_HANDLE(domain, handle) \
    for (cc__smr_chunk_t *chunk_ = (domain)->first; chunk_ != NULL; chunk_ = cc__load_acquire(&chunk_->next)) \
        for (cc__smr_handle_t *handle = chunk_->handles, *end_ = handle + cc__load_acquire(&chunk_->used); \
             handle < end_; handle++)

static inline cc__smr_handle_t *cc__smr_handle(const cc_smr_thread_t *self) {
    return (cc__smr_handle_t *)(uintptr_t)self;
}

/* Frees what can be freed now. pre: the owner calls it, outside any section. */
void cc__smr_flush(cc__smr_handle_t *handle);

/* Moves all that a handle has to the domain's orphans. pre: the domain's lock is held and the owner calls it or is
 * gone; or nobody else uses the domain. */
void cc__smr_abandon(cc__smr_handle_t *handle);

/* Frees all orphans, whatever is reserved. pre: nobody else uses the domain. */
void cc__smr_free_orphans(cc_smr_t *domain);

/* Makes a handle ready for its first retire. pre: its arrays are there. */
void cc__smr_begin_fill(cc__smr_handle_t *handle);

/* Interrupts the search of a stalled reader. True when it has left the section that began in epoch `lower`. */
bool cc__smr_neutralize(cc__smr_handle_t *looker, cc__smr_handle_t *reader, uint64_t lower);

/* Prepares the process for neutralization. */
int cc__smr_catch_signal(int signal_number);

/* delays.c. Adds a time from retire to free, a difference of stamps, to the delays. */
void cc__smr_record_delay(cc_smr_t *domain, uint32_t steps);

/* The present stamp, never 0. */
uint32_t cc__smr_stamp(void);

#endif
