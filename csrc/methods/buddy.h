/* methods/buddy.h: the state of a buddy allocator, for buddy.c and for tests that look into it. Places and sizes are in
 * atoms, blocks of the smallest size; a block of order k has 2^k of them. */
#ifndef CC_METHODS_BUDDY_H
#define CC_METHODS_BUDDY_H

#include "backend.h"

#include "../base/os.h"

enum { CC__BUDDY_TIERS = 6, CC__BUDDY_ORDERS = 6 * CC__BUDDY_TIERS };

typedef struct cc__buddy {
    char *pool;       /* the atoms; NULL before init */
    uint8_t *control; /* for each atom: 1 + the order of the live (or spare) block that begins there, else 0 */
    cc__mutex_t *lock;
    unsigned atom_shift;
    uint32_t atoms;
    uint64_t *words[CC__BUDDY_TIERS]; /* of free memory: see buddy.c */
    /* how many of these, and of each bitmap below */
    uint32_t tier_words[CC__BUDDY_TIERS], bitmap_words[CC__BUDDY_TIERS];
    uint8_t *ranks[CC__BUDDY_TIERS]; /* for each word: 1 + the order in it of its largest free block; 0: none */
    /* 6 tier + rank: which words of the tier have that rank; its summaries behind it */
    uint64_t *bitmap[CC__BUDDY_ORDERS];
    uint64_t lowest[CC__BUDDY_ORDERS]; /* place << 8 | tier of the lowest of these words; UINT64_MAX: none */
    uint64_t above[CC__BUDDY_TIERS];   /* the same of the lowest free unit of the tiers above this one */
    uint32_t spare;                    /* the block freed last, with its control byte as before; UINT32_MAX: none */
    size_t used, peak_used;            /* with the spare block */
    uint64_t failed;
    void *buffer;
    size_t bytes;
    bool zeroed; /* the buffer is known to be all zero */
} cc__buddy_t;

#endif
