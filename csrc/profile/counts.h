/* profile/counts.h: events that are counted one by one, by size. */
#ifndef CC_PROFILE_COUNTS_H
#define CC_PROFILE_COUNTS_H

#include "cc/profile.h"

#include "../base/atomics.h"

/* Sizes up to CC__SMALL_SIZE have a counter each, which gives their bytes too: one addition an event. Larger ones are
 * counted by bin, and their bytes beside. */
enum { CC__SMALL_SIZE = 512, CC__SMALL_BINS = 65, CC__LARGE_BINS = CC_PROFILE_BINS - CC__SMALL_BINS };

/* A thread's events in one domain. Only the owner writes. */
typedef struct cc__counted {
    _Atomic(uint64_t) alloc_small[CC__SMALL_SIZE + 1], free_small[CC__SMALL_SIZE + 1];
    _Atomic(uint64_t) alloc_large[CC__LARGE_BINS], free_large[CC__LARGE_BINS];
    _Atomic(uint64_t) alloc_large_bytes, free_large_bytes;
} cc__counted_t;

/* Loads of what frees count are acquires: they pair with the release stores of cc__own_add_release, so that a reader
 * who adds all frees first finds their allocations in its second pass. */
#define CC__FREED(field) ((double)cc__load_acquire(&(field)))
#define CC__ALLOCATED(field) ((double)cc__load_relaxed(&(field)))

/* The bin of a size. */
static inline unsigned cc__bin(uint64_t size) {
    if (CC_LIKELY(size <= CC__SMALL_SIZE)) return (unsigned)((size + 7) >> 3);
    unsigned octave = 63u - (unsigned)__builtin_clzll(size - 1); /* size in (2^octave, 2^(octave+1)] */
    unsigned bin = CC__SMALL_BINS + (octave - 9u) * 4u + (unsigned)((size - 1) >> (octave - 2) & 3u);
    return bin < CC_PROFILE_BINS ? bin : CC_PROFILE_BINS - 1;
}

static inline void cc__count_alloc(cc__counted_t *counted, uint64_t size) {
    if (CC_LIKELY(size <= CC__SMALL_SIZE)) {
        cc__own_add(&counted->alloc_small[size], 1);
        return;
    }
    cc__own_add(&counted->alloc_large[cc__bin(size) - CC__SMALL_BINS], 1);
    cc__own_add(&counted->alloc_large_bytes, size);
}

static inline void cc__count_free(cc__counted_t *counted, uint64_t size) {
    if (CC_LIKELY(size <= CC__SMALL_SIZE)) {
        cc__own_add_release(&counted->free_small[size], 1);
        return;
    }
    cc__own_add_release(&counted->free_large[cc__bin(size) - CC__SMALL_BINS], 1);
    cc__own_add_release(&counted->free_large_bytes, size);
}

#endif
