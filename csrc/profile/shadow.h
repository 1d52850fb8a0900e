/* profile/shadow.h: the live table, as shadow memory (after the shadow of AddressSanitizer and valgrind's memcheck): a
 * two-level table indexed by address, with one 8-byte word for each 16-byte granule of address space. Nothing is
 * hashed, resized or locked; two blocks meet in a word only when they meet in a granule, which the domains prevent by
 * asking for at least 9 bytes.
 *
 * The word of a block's first granule is its record:
 *     bits  0..15  size, or SIZE_BESIDE: then the size is in the third granule's word
 *     bits 16..35  site of its call stack, 0: none
 *     bits 36..49  slot of the thread that allocated it
 *     bits 50..63  session in which it was allocated, from 1
 * The second granule's word holds the time of allocation when the session asks for times. Words beside the first have
 * no session (their values stay below 2^50), so that what an earlier block left is never taken for a record.
 *
 * A record is written by the thread that just got the block and taken by the one that frees it; the program orders the
 * two, as it must for the block itself, so relaxed accesses suffice. The walk reads records while they change; see
 * live.c.
 *
 * A bitmap beside the words marks the granules of sampled blocks: what a free tests first. */
#ifndef CC_PROFILE_SHADOW_H
#define CC_PROFILE_SHADOW_H

#include "../base/atomics.h"
#include "../base/os.h"

enum {
    CC__GRANULE_BITS = 4,
    CC__LEAF_BITS = 25, /* a leaf covers 32 MiB of addresses */
    CC__ADDRESS_BITS = 48,
    CC__LEAF_GRANULES = 1 << (CC__LEAF_BITS - CC__GRANULE_BITS),
    CC__LEAF_COUNT = 1 << (CC__ADDRESS_BITS - CC__LEAF_BITS)
};

enum { CC__SIZE_BITS = 16, CC__SITE_BITS = 20, CC__SLOT_BITS = 14, CC__SESSION_BITS = 14 };
enum {
    CC__SITE_SHIFT = CC__SIZE_BITS,
    CC__SLOT_SHIFT = CC__SITE_SHIFT + CC__SITE_BITS,
    CC__SESSION_SHIFT = CC__SLOT_SHIFT + CC__SLOT_BITS
};
enum { CC__TIME_SHIFT = 10 }; /* times are in units of 1,024 ns: 36 years in 50 bits */
#define CC__LEAF_ADDRESSES ((uintptr_t)1 << CC__LEAF_BITS)
#define CC__SIZE_BESIDE ((1u << CC__SIZE_BITS) - 1)
#define CC__BESIDE_LIMIT ((uint64_t)1 << CC__SESSION_SHIFT)

/* For data that taps use: addressed directly, not through the table of what other libraries might replace. */
#define CC__NEAR __attribute__((visibility("hidden")))

typedef struct cc__leaf {
    _Atomic(uint64_t) sampled[CC__LEAF_GRANULES / 64];
    /* Two words more than granules: the second and third of a block that begins in the last one. */
    _Atomic(uint64_t) words[CC__LEAF_GRANULES + 2];
} cc__leaf_t;

/* The first level, CC__LEAF_COUNT leaves in 64 MiB of address space; NULL until cc__shadow_open. Only the parts of
 * it where leaves are can be written to: what can't is no part of the data of which a process may have a limited
 * amount. Leaves are never unmapped: a thread may be about to touch one at any time.
 *
 * Not atomic: it is written before the first session begins, and a tap reads it when it has seen a session. */
extern CC__NEAR _Atomic(cc__leaf_t *) *cc__shadow_leaves;

/* Reserves the first level; again, it does nothing. CC_ERROR_MEMORY. pre: the recorder's lock is held. */
int cc__shadow_open(void);

/* Makes the leaf of an address; NULL when there is no memory or the address is beyond the table. pre: open. */
cc__leaf_t *cc__shadow_add_leaf(uintptr_t address);

/* Calls `visit` for each record. Threads may write and take records meanwhile. */
typedef void (*cc__visit_t)(void *context, cc__leaf_t *leaf, size_t index, uintptr_t address, uint64_t record);
void cc__shadow_walk(cc__visit_t visit, void *context);

/* Drops all records and their memory. pre: no session is active. */
void cc__shadow_clear(void);

/* The leaf of an address, NULL when nothing was recorded near it. pre: open. */
static inline cc__leaf_t *cc__shadow_leaf(uintptr_t address) {
    uintptr_t index = address >> CC__LEAF_BITS;
    if (CC_UNLIKELY(index >= CC__LEAF_COUNT)) return NULL;
    /* acquire pairs with the release that published the leaf; its contents are zero pages from the system */
    return cc__load_acquire(&cc__shadow_leaves[index]);
}

static inline size_t cc__shadow_index(uintptr_t address) {
    return (address >> CC__GRANULE_BITS) & (CC__LEAF_GRANULES - 1);
}

static inline bool cc__shadow_sampled(cc__leaf_t *leaf, size_t index) {
    return (cc__load_relaxed(&leaf->sampled[index / 64]) >> (index % 64) & 1) != 0;
}

static inline unsigned cc__record_session(uint64_t record) {
    return (unsigned)(record >> CC__SESSION_SHIFT);
}

static inline unsigned cc__record_slot(uint64_t record) {
    return (unsigned)(record >> CC__SLOT_SHIFT) & ((1u << CC__SLOT_BITS) - 1);
}

static inline uint32_t cc__record_site(uint64_t record) {
    return (uint32_t)(record >> CC__SITE_SHIFT) & ((1u << CC__SITE_BITS) - 1);
}

static inline uint64_t cc__record_size(cc__leaf_t *leaf, size_t index, uint64_t record) {
    uint64_t size = record & CC__SIZE_BESIDE;
    return CC_LIKELY(size != CC__SIZE_BESIDE) ? size : cc__load_relaxed(&leaf->words[index + 2]);
}

#endif
