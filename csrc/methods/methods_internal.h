/* methods/methods_internal.h: what the files of methods/ share with each other alone. */
#ifndef CC_METHODS_INTERNAL_H
#define CC_METHODS_INTERNAL_H

#include "cc/methods.h"

#include "../base/atomics.h"
#include "../base/os.h"

/* ---- locks.c: all locks of the layer, held across fork ------------------------------------------------------------ */

/* In the order in which one thread may take several. */
enum cc__mem_lock { CC__LOCK_CORE, CC__LOCK_BACKENDS, CC__LOCK_STATUS, CC__LOCK_FAULTS, CC__LOCK_NAMED };

cc__mutex_t *cc__mem_lock(enum cc__mem_lock name);

/* A lock for an allocator instance. Instances beyond the 60th share theirs with others, so none may call another one under
 * it. */
cc__mutex_t *cc__mem_instance_lock(void);

/* ---- the allocators ------------------------------------------------------------------------------------------------ */

enum { CC__MEM_ALIGNMENT = 16, CC__MEM_MIN_BLOCK = 16, CC__MEM_MIN_BLOCK_MIN = 8, CC__MEM_MIN_BLOCK_MAX = 1 << 20 };

extern const cc_mem_methods_t cc__system_methods, cc__mimalloc_methods; /* complete */
extern const cc_mem_methods_t cc__static_methods, cc__buddy_methods, cc__debug_methods; /* the context is to be filled in */

/* static.c. Offsets and sizes are in granules of 16 bytes. */
typedef struct cc__static {
    char *base; /* the first block's header, 8 bytes before an aligned address; NULL before init */
    void *buffer;
    size_t bytes;
    cc__mutex_t *lock;
    uint32_t granules;
    uint32_t root; /* of the tree of free blocks */
    size_t used, peak_used, live_blocks, free_blocks;
    uint64_t failed;
} cc__static_t;

/* Says which buffer the next init formats. CC_ERROR_ARGUMENT if it is too small or too large. */
int cc__static_place(cc__static_t *self, void *buffer, size_t bytes);
void cc__static_status(cc__static_t *self, cc_mem_buffer_status_t *status);

/* buddy.c. Places and sizes are in atoms, blocks of the smallest size; a block of order k has 2^k of them. */
enum { CC__BUDDY_TIERS = 6, CC__BUDDY_ORDERS = 6 * CC__BUDDY_TIERS };

typedef struct cc__buddy {
    char *pool;       /* the atoms; NULL before init */
    uint8_t *control; /* for each atom: 1 + the order of the live (or spare) block that begins there, else 0 */
    cc__mutex_t *lock;
    unsigned atom_shift;
    uint32_t atoms;
    uint64_t *words[CC__BUDDY_TIERS]; /* of free memory: see buddy.c */
    uint32_t tier_words[CC__BUDDY_TIERS], map_words[CC__BUDDY_TIERS]; /* how many of these, and of each map below */
    uint8_t *ranks[CC__BUDDY_TIERS];   /* for each word: 1 + the order in it of its largest free block; 0: none */
    uint64_t *map[CC__BUDDY_ORDERS];   /* 6 tier + rank: which words of the tier have that rank; its summaries behind it */
    uint64_t lowest[CC__BUDDY_ORDERS]; /* place << 8 | tier of the lowest of these words; UINT64_MAX: none */
    uint64_t above[CC__BUDDY_TIERS];   /* the same of the lowest free unit of the tiers above this one */
    uint32_t spare; /* the block freed last, with its control byte as before; UINT32_MAX: none */
    size_t used, peak_used; /* with the spare block */
    uint64_t failed;
    void *buffer;
    size_t bytes;
    bool zeroed; /* the buffer is known to be all zero */
} cc__buddy_t;

/* As cc__static_place. `zeroed`: the buffer is fresh from the system. min_block is as in cc_mem_buddy_create. */
int cc__buddy_place(cc__buddy_t *self, void *buffer, size_t bytes, size_t min_block, bool zeroed);
void cc__buddy_status(cc__buddy_t *self, cc_mem_buffer_status_t *status);

/* debug.c */
typedef struct cc__debug_record cc__debug_record_t;

typedef struct cc__debug {
    cc_mem_methods_t below;
    cc_mem_debug_options_t options;
    cc__mutex_t *lock;
    cc__debug_record_t **table; /* by address, chained; NULL before init */
    size_t table_size, records;
    cc__debug_record_t *oldest, *newest;         /* live blocks by age */
    cc__debug_record_t *first_held, *last_held;  /* the quarantine, oldest first */
    size_t held_bytes;
    cc__debug_record_t *spare;                   /* records without a block */
    void *chunks;                                /* what records were taken from, linked by their first word */
    uint64_t sequence;                           /* number of the last allocation */
} cc__debug_t;

/* Says what the next init begins with. CC_ERROR_ARGUMENT as cc_mem_debug_create. */
int cc__debug_place(cc__debug_t *self, const cc_mem_methods_t *below, const cc_mem_debug_options_t *options);

/* ---- backends.c ---------------------------------------------------------------------------------------------------- */

/* Takes over what the configuration says of the one instance of each backend; NULL: the defaults. CC_ERROR_STATE: it says
 * something of an instance that is in use. */
int cc__mem_configure_backends(const cc_mem_config_t *config);

/* Bytes that `static` and `buddy` map when the configuration says nothing (0: 64 MiB again); for SQLite's environment
 * variable. */
void cc__mem_set_default_bytes(size_t bytes);

/* ---- faults.c ------------------------------------------------------------------------------------------------------ */

/* Whether the present request must fail. */
bool cc__mem_fault_due(void);

/* Set while faults are armed; in core.c. */
void cc__mem_use_faults(bool on);

#endif
