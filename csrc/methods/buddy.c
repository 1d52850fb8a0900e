/* methods/buddy.c: an allocator inside one buffer, of blocks of powers of two (as SQLite's memsys5).
 *
 *   1. A request is rounded up to a power of two, a block of order k: 2^k atoms, at a multiple of 2^k atoms.
 *   2. It is taken from the lowest free block of order k or above, whose upper halves become free.
 *   3. A freed block is joined with its other half while that is free.
 *
 * Robson's bound: if live blocks never sum up to more than M atoms, no request is above n atoms (a power of two that M
 * and the buffer are multiples of), then a buffer of N atoms never fails a request, with
 *     N >= M (1 + log2(n) / 2) - n + 1
 * (J. M. Robson, "Bounds for Some Functions Concerning Dynamic Storage Allocation", JACM 21:8, 1974). The theorem is
 * about the lowest place that fits, so rule 2 takes that; to take any block of the best order, as memsys5 does, can
 * fail within the bound. For the same reason a block never shrinks or grows where it lies: that would pin large
 * territories with small blocks, or blocks where the rule would not have put them.
 *
 * Free memory is a word with a bit for each free atom of 64; blocks of orders 0 to 5 are split and joined by arithmetic
 * on it. A word with all bits set is cleared and becomes one bit in a word of the next tier, whose bits stand for 64
 * atoms, and so on: tier t has orders 6 t to 6 t + 5. The words of a tier are found by their rank, the order of their
 * largest free block: for each tier and rank there is a bitmap with summaries. A byte for each word holds its rank.
 *
 * The block that was freed last is kept apart, since the next request often takes it back. It is free memory all the
 * same: a request gets it only if it is the lowest place that fits. Until then its control byte and its bytes stay
 * counted: a free waits for neither. */
#include <string.h>

#include "../base/round.h"
#include "bitmap.h"
#include "buddy.h"
#include "methods_internal.h"

#define NOTHING UINT64_MAX

/* ---- one word ---------------------------------------------------------------------------------------------------- */

enum { RANKS = 6, TIERS = CC__BUDDY_TIERS };

#define NO_SPARE UINT32_MAX

CC__HOT uint64_t ones(unsigned rank) {
    return ((uint64_t)1 << (1u << rank)) - 1;
}

/* The last bits of the free blocks of that rank, of the lowest one at least; 0 if there are none. As one finds a zero
 * byte in a word: a field of zeros in ~word turns to ones when 1 is taken from each field. */
CC__HOT uint64_t free_fields(uint64_t word, unsigned rank) {
    static const uint64_t firsts[RANKS] = {UINT64_MAX,          0x5555555555555555u, 0x1111111111111111u,
                                           0x0101010101010101u, 0x0001000100010001u, 0x0000000100000001u};
    return (~word - firsts[rank]) & word & firsts[rank] << ((1u << rank) - 1);
}

/* How many ranks a word has free blocks for: 0 if it is 0, else 1 + the order of the largest. pre: it is not all
 * ones. */
CC__HOT unsigned ranks_of(uint64_t word) {
    return (unsigned)(word != 0) + (free_fields(word, 1) != 0) + (free_fields(word, 2) != 0) +
           (free_fields(word, 3) != 0) + (free_fields(word, 4) != 0) + (free_fields(word, 5) != 0);
}

/* The lowest free block of that rank. pre: there is one. */
CC__HOT unsigned find_in(uint64_t word, unsigned rank) {
    return (unsigned)__builtin_ctzll(free_fields(word, rank)) & ~0u << rank;
}

/* Pieces that a word's free memory lies in: the bits, less one for every two halves of a larger block. */
static size_t pieces_in(uint64_t word) {
    size_t pieces = (size_t)__builtin_popcountll(word);
    for (unsigned rank = 0; rank + 1 < RANKS; rank++) {
        static const uint64_t places[RANKS] = {0x5555555555555555u, 0x1111111111111111u, 0x0101010101010101u,
                                               0x0001000100010001u, 0x0000000100000001u, 0};
        word &= word >> (1u << rank) & places[rank];
        pieces -= (size_t)__builtin_popcountll(word);
    }
    return pieces;
}

/* ---- the words of a tier by rank; the lock is held --------------------------------------------------------------- */

/* A place in atoms to the number of the word that holds it. */
CC__HOT size_t word_at(uint32_t place, unsigned tier) {
    return (size_t)((uint64_t)place >> (6 * tier + 6));
}

/* Moves a word from the bitmap of its rank to that of its new one. `ranks`: as of ranks_of. */
CC__HOT void set_ranks(cc__buddy_t *self, uint32_t place, unsigned tier, unsigned ranks) {
    size_t bit = word_at(place, tier);
    unsigned old = self->ranks[tier][bit];
    if (old == ranks) return;
    self->ranks[tier][bit] = (uint8_t)ranks;
    if (old > 0) {
        unsigned order = 6 * tier + old - 1;
        uint64_t left = cc__bitmap_clear(self->bitmap[order], bit);
        if (self->lowest[order] >> 8 == place) {
            size_t next = CC_LIKELY(left != 0) ? bit / 64 * 64 + (size_t)__builtin_ctzll(left)
                                               : cc__bitmap_lowest(self->bitmap[order], self->bitmap_words[tier]);
            self->lowest[order] = next != SIZE_MAX ? (uint64_t)next << (6 * tier + 6) << 8 | tier : NOTHING;
        }
    }
    if (ranks > 0) {
        unsigned order = 6 * tier + ranks - 1;
        uint64_t key = (uint64_t)place << 8 | tier, lowest = self->lowest[order];
        cc__bitmap_set(self->bitmap[order], self->bitmap_words[tier], bit);
        self->lowest[order] = key < lowest ? key : lowest;
    }
}

CC__HOT uint64_t least(uint64_t one, uint64_t other) {
    return one < other ? one : other;
}

/* The lowest word with a free block of that rank or more. Without branches: the sizes of requests are hard to
 * predict. */
CC__HOT uint64_t lowest_for(const cc__buddy_t *self, unsigned tier, unsigned rank) {
    const uint64_t *lowest = &self->lowest[6 * tier];
    uint64_t high = least(lowest[5], rank <= 4 ? lowest[4] : NOTHING);
    uint64_t middle = least(rank <= 3 ? lowest[3] : NOTHING, rank <= 2 ? lowest[2] : NOTHING);
    uint64_t low = least(rank <= 1 ? lowest[1] : NOTHING, rank <= 0 ? lowest[0] : NOTHING);
    return least(least(high, middle), low);
}

/* The first atom of the word that holds a place. */
CC__HOT uint32_t begin_of(uint32_t place, unsigned tier) {
    return (uint32_t)((uint64_t)place >> (6 * tier + 6) << (6 * tier + 6));
}

/* Sets above[] right for what has changed in tiers up to this one. A word spans words of the lower tiers, so what
 * counts is where its first free unit is. */
static void note_above(cc__buddy_t *self, unsigned tier) {
    for (; tier > 0; tier--) {
        uint64_t best = lowest_for(self, tier, 0);
        if (best != NOTHING) {
            unsigned at = (unsigned)__builtin_ctzll(self->words[tier][word_at((uint32_t)(best >> 8), tier)]);
            best += (uint64_t)at << (6 * tier) << 8;
        }
        self->above[tier - 1] = best < self->above[tier] ? best : self->above[tier];
    }
}

/* ---- taking and giving ------------------------------------------------------------------------------------------- */

CC__HOT uint32_t take_in_word(cc__buddy_t *self, uint32_t place, unsigned tier, unsigned rank) {
    uint64_t *word = &self->words[tier][word_at(place, tier)], old = *word;
    unsigned at = find_in(old, rank);
    *word = old & ~(ones(rank) << at);
    set_ranks(self, place, tier, ranks_of(*word));
    return place + (at << (6 * tier));
}

/* Opens a unit of a higher tier. */
static __attribute__((noinline)) uint32_t take_from_above(cc__buddy_t *self, uint64_t key, unsigned tier,
                                                          unsigned rank) {
    unsigned from = (unsigned)(key & 0xFF);
    uint32_t place = take_in_word(self, begin_of((uint32_t)(key >> 8), from), from, 0);
    for (unsigned next = from; next-- > tier;) {
        self->words[next][word_at(place, next)] = ~ones(next == tier ? rank : 0);
        set_ranks(self, place, next, RANKS);
    }
    note_above(self, from);
    return place;
}

/* The lowest free block of order 6 tier + rank, now taken; UINT32_MAX if there is none. */
CC__HOT uint32_t take(cc__buddy_t *self, unsigned tier, unsigned rank) {
    uint64_t key = lowest_for(self, tier, rank);
    if (CC_UNLIKELY(self->above[tier] < key)) return take_from_above(self, self->above[tier], tier, rank);
    if (CC_UNLIKELY(key == NOTHING)) return UINT32_MAX;
    return take_in_word(self, (uint32_t)(key >> 8), tier, rank);
}

static __attribute__((noinline)) void give_above(cc__buddy_t *self, uint32_t place, unsigned tier, unsigned rank) {
    for (;; tier++, rank = 0) {
        uint64_t *word = &self->words[tier][word_at(place, tier)], old = *word;
        uint64_t now = old | ones(rank) << (place >> (6 * tier) & 63);
        uint32_t begin = begin_of(place, tier);
        if (now != UINT64_MAX) {
            *word = now;
            set_ranks(self, begin, tier, ranks_of(now));
            break;
        }
        *word = 0;
        set_ranks(self, begin, tier, 0);
        place = begin;
    }
    note_above(self, tier);
}

/* The common case of give_above: in the lowest tier, and it stays there. */
CC__HOT void give(cc__buddy_t *self, uint32_t place, unsigned rank) {
    uint64_t *word = &self->words[0][place / 64], old = *word, now = old | ones(rank) << (place % 64);
    if (CC_UNLIKELY(now == UINT64_MAX)) {
        give_above(self, place, 0, rank);
        return;
    }
    *word = now;
    set_ranks(self, place - place % 64, 0, ranks_of(now));
}

static __attribute__((noinline)) uint32_t take_large(cc__buddy_t *self, unsigned order) {
    uint32_t place = take(self, order / 6, order % 6);
    note_above(self, order / 6);
    return place;
}

/* ---- the methods ------------------------------------------------------------------------------------------------- */

CC__HOT size_t block_bytes(const cc__buddy_t *self, unsigned order) {
    return (size_t)1 << (self->atom_shift + order);
}

/* The order of blocks for `size` > 0 bytes. */
CC__HOT unsigned order_for(const cc__buddy_t *self, size_t size) {
    size_t atoms = (size - 1) >> self->atom_shift;
    return atoms == 0 ? 0 : 64 - (unsigned)__builtin_clzll(atoms);
}

/* Joins the spare block with the rest of free memory. */
CC__HOT void give_spare(cc__buddy_t *self) {
    uint32_t place = self->spare;
    if (place == NO_SPARE) return;
    unsigned order = self->control[place] - 1u;
    self->spare = NO_SPARE;
    self->control[place] = 0;
    self->used -= block_bytes(self, order);
    if (CC_LIKELY(order < RANKS))
        give(self, place, order);
    else
        give_above(self, place, order / RANKS, order % RANKS);
}

/* Whether the spare block is the lowest place for its order. (If it had a free neighbour to join with below it, that
 * one would be lower.) */
CC__HOT bool spare_is_lowest(const cc__buddy_t *self, unsigned order) {
    unsigned tier = order / RANKS, rank = order % RANKS;
    uint32_t begin = begin_of(self->spare, tier);
    uint64_t best = least(lowest_for(self, tier, rank), self->above[tier]);
    if (best >> 8 != begin) return best >> 8 > begin;
    /* its own word */
    return begin + (find_in(self->words[tier][word_at(begin, tier)], rank) << (6 * tier)) > self->spare;
}

static void *buddy_malloc(size_t size, void *context) {
    cc__buddy_t *self = context;
    if (size == 0) return NULL;
    unsigned order = order_for(self, size);
    cc__mutex_lock(self->lock);
    uint32_t place = self->spare;
    if (place != NO_SPARE && self->control[place] == 1 + order && spare_is_lowest(self, order)) {
        self->spare = NO_SPARE;
        cc__mutex_unlock(self->lock);
        return self->pool + ((size_t)place << self->atom_shift);
    }
    give_spare(self);
    if (CC_LIKELY(order < RANKS))
        place = take(self, 0, order);
    else
        place = order < 6 * TIERS ? take_large(self, order) : UINT32_MAX;
    if (CC_UNLIKELY(place == UINT32_MAX)) {
        self->failed++;
        cc__mutex_unlock(self->lock);
        return NULL;
    }
    self->control[place] = (uint8_t)(1 + order);
    self->used += block_bytes(self, order);
    if (self->used > self->peak_used) self->peak_used = self->used;
    cc__mutex_unlock(self->lock);
    return self->pool + ((size_t)place << self->atom_shift);
}

CC__HOT uint32_t place_of(const cc__buddy_t *self, const void *pointer) {
    return (uint32_t)((size_t)((const char *)pointer - self->pool) >> self->atom_shift);
}

static void buddy_free(void *pointer, void *context) {
    cc__buddy_t *self = context;
    if (pointer == NULL) return;
    uint32_t place = place_of(self, pointer);
    __builtin_prefetch(&self->control[place], 1);
    cc__mutex_lock(self->lock);
    give_spare(self);
    self->spare = place;
    cc__mutex_unlock(self->lock);
}

static size_t buddy_size(void *pointer, void *context) {
    const cc__buddy_t *self = context;
    return pointer != NULL ? block_bytes(self, self->control[place_of(self, pointer)] - 1u) : 0;
}

static size_t buddy_roundup(size_t size, void *context) {
    const cc__buddy_t *self = context;
    unsigned order = order_for(self, size > 0 ? size : 1);
    return order < 32 && self->atoms >> order > 0 ? block_bytes(self, order) : 0;
}

static void *buddy_realloc(void *pointer, size_t size, void *context) {
    size_t old_size = buddy_size(pointer, context);
    if (size <= old_size) return pointer;
    void *moved = buddy_malloc(size, context);
    if (moved == NULL) return NULL;
    memcpy(moved, pointer, old_size);
    buddy_free(pointer, context);
    return moved;
}

/* ---- layout: words | bitmaps | ranks | control bytes | atoms ----------------------------------------------------- */

/* Words of a tier; 0 beyond the last one. */
static size_t words_in_tier(size_t atoms, unsigned tier) {
    return cc__words_for(atoms >> (6 * tier));
}

/* One for each word. */
static size_t ranks_bytes(size_t atoms) {
    size_t words = 0;
    for (unsigned tier = 0; words_in_tier(atoms, tier) > 0; tier++) words += words_in_tier(atoms, tier);
    return words;
}

static size_t index_bytes(size_t atoms) {
    size_t words = 0;
    for (unsigned tier = 0; words_in_tier(atoms, tier) > 0; tier++)
        words += words_in_tier(atoms, tier) + RANKS * cc__bitmap_words(words_in_tier(atoms, tier));
    return words * sizeof(uint64_t) + ranks_bytes(atoms);
}

/* Bytes that `atoms` atoms need, behind an aligned address; not for more than a buffer may have. */
static size_t layout_bytes(size_t atoms, unsigned shift) {
    size_t before = index_bytes(atoms) + atoms;
    return cc__round_up(before, CC__MEM_ALIGNMENT) + (atoms << shift);
}

enum { MIN_BLOCK = 16, MIN_BLOCK_LEAST = 8, MIN_BLOCK_MOST = 1 << 20 };

/* log2 of the smallest block, 0 if it is out of range. */
static unsigned shift_for(size_t min_block) {
    if (min_block == 0) min_block = MIN_BLOCK;
    if (min_block < MIN_BLOCK_LEAST) min_block = MIN_BLOCK_LEAST;
    if (min_block > MIN_BLOCK_MOST) return 0;
    return 64 - (unsigned)__builtin_clzll(min_block - 1);
}

enum { ATOMS_MAX = 0x7FFFFFFF };
#define MOST_BYTES ((size_t)CC__MEM_ALIGNMENT << 31) /* of a buffer */

/* The most atoms that fit. */
static size_t atoms_for(size_t bytes, unsigned shift) {
    size_t low = 0, high = bytes >> shift;
    if (high > ATOMS_MAX) high = ATOMS_MAX;
    while (low < high) {
        size_t middle = low + (high - low + 1) / 2;
        if (layout_bytes(middle, shift) <= bytes)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static int buddy_init(void *context) {
    cc__buddy_t *self = context;
    size_t skipped = (0 - (uintptr_t)self->buffer) & (CC__MEM_ALIGNMENT - 1);
    size_t atoms = atoms_for(self->bytes - skipped, self->atom_shift), index = index_bytes(atoms);
    char *start = (char *)self->buffer + skipped;
    if (!self->zeroed) memset(start, 0, index + atoms);
    self->zeroed = false;
    self->lock = cc__mem_instance_lock();
    self->atoms = (uint32_t)atoms;
    self->control = (uint8_t *)start + index;
    self->pool = start + layout_bytes(atoms, self->atom_shift) - (atoms << self->atom_shift);
    self->used = self->peak_used = 0;
    self->failed = 0;
    self->spare = NO_SPARE;
    uint64_t *next = (uint64_t *)(void *)start;
    uint8_t *next_ranks = self->control - ranks_bytes(atoms);
    for (unsigned tier = 0; tier < TIERS; tier++) {
        size_t words = words_in_tier(atoms, tier);
        self->tier_words[tier] = (uint32_t)words;
        self->bitmap_words[tier] = (uint32_t)cc__words_for(words);
        self->words[tier] = next;
        next += words;
        self->ranks[tier] = next_ranks;
        next_ranks += words;
        self->above[tier] = NOTHING;
        for (unsigned rank = 0; rank < RANKS; rank++) {
            self->lowest[6 * tier + rank] = NOTHING;
            self->bitmap[6 * tier + rank] = next;
            next += words > 0 ? cc__bitmap_words(words) : 0;
        }
    }
    uint32_t place = 0;
    for (unsigned tier = TIERS; tier-- > 0;) { /* the digits of their number to base 64 */
        unsigned units = (unsigned)(atoms >> (6 * tier)) & 63;
        if (units == 0) continue;
        uint64_t word = ((uint64_t)1 << units) - 1;
        self->words[tier][word_at(place, tier)] = word;
        set_ranks(self, place, tier, ranks_of(word));
        place += (uint32_t)((uint64_t)units << (6 * tier));
    }
    note_above(self, TIERS - 1);
    return CC_OK;
}

static void buddy_shutdown(void *context) {
    cc__buddy_t *self = context;
    self->pool = NULL;
}

static const cc_mem_methods_t instance_methods = {
    buddy_malloc, buddy_free, buddy_realloc, buddy_size, buddy_roundup, buddy_init, buddy_shutdown, NULL,
};

static bool buddy_fits(const void *buffer, size_t bytes, size_t min_block) {
    unsigned shift = shift_for(min_block);
    size_t skipped = (0 - (uintptr_t)buffer) & (CC__MEM_ALIGNMENT - 1);
    return buffer != NULL && shift != 0 && bytes > skipped && bytes <= MOST_BYTES &&
           atoms_for(bytes - skipped, shift) > 0;
}

/* Says which buffer the next init formats. pre: it fits. */
static void place(cc__buddy_t *self, void *buffer, size_t bytes, size_t min_block, bool zeroed) {
    memset(self, 0, sizeof *self);
    self->buffer = buffer;
    self->bytes = bytes;
    self->atom_shift = shift_for(min_block);
    self->zeroed = zeroed;
}

int cc_mem_buddy_create(cc_mem_methods_t *methods, void *buffer, size_t bytes, size_t min_block) {
    size_t skipped = (0 - (uintptr_t)buffer) & (CC__MEM_ALIGNMENT - 1), own = skipped + sizeof(cc__buddy_t);
    if (methods == NULL || buffer == NULL || bytes <= own) return CC_ERROR_ARGUMENT;
    cc__buddy_t *self = (cc__buddy_t *)(void *)((char *)buffer + skipped);
    if (!buddy_fits(self + 1, bytes - own, min_block)) return CC_ERROR_ARGUMENT;
    place(self, self + 1, bytes - own, min_block, false);
    *methods = instance_methods;
    methods->context = self;
    return CC_OK;
}

size_t cc_mem_buddy_bytes(size_t most_live, size_t largest, size_t min_block) {
    unsigned shift = shift_for(min_block);
    if (most_live == 0 || largest == 0 || shift == 0) return 0;
    unsigned logarithm = largest <= (size_t)1 << shift ? 0 : 64 - (unsigned)__builtin_clzll((largest - 1) >> shift);
    size_t n = (size_t)1 << (logarithm < 31 ? logarithm : 31);
    size_t live = ((most_live - 1) >> shift) / n * n + n; /* M, a multiple of n */
    if (logarithm >= 31 || live > ATOMS_MAX) return 0;
    size_t atoms = live + live * logarithm / 2 - n + 1;
    atoms = cc__round_up(atoms, n);
    if (atoms > ATOMS_MAX) return 0;
    size_t bytes = sizeof(cc__buddy_t) + 2 * (CC__MEM_ALIGNMENT - 1) + layout_bytes(atoms, shift);
    return bytes <= MOST_BYTES ? bytes : 0;
}

static int buddy_status(void *context, cc_mem_buffer_status_t *status) {
    cc__buddy_t *self = context;
    if (self->pool == NULL) return CC_ERROR_STATE;
    cc__mutex_lock(self->lock);
    give_spare(self);
    size_t live = 0, pieces = 0, largest = 0;
    for (uint32_t place = 0; place < self->atoms; place++) live += self->control[place] != 0;
    for (unsigned tier = 0; tier < TIERS; tier++)
        for (uint32_t word = 0; word < self->tier_words[tier]; word++) pieces += pieces_in(self->words[tier][word]);
    for (unsigned order = 0; order < RANKS * TIERS; order++)
        if (self->lowest[order] != NOTHING) largest = block_bytes(self, order);
    *status = (cc_mem_buffer_status_t){
        .capacity = (size_t)self->atoms << self->atom_shift,
        .used = self->used,
        .peak_used = self->peak_used,
        .live_blocks = live,
        .free_blocks = pieces,
        .largest_free = largest,
        .failed = self->failed,
    };
    cc__mutex_unlock(self->lock);
    return CC_OK;
}

/* ---- the backend ------------------------------------------------------------------------------------------------- */

static cc__buddy_t shared;
CC__INSTANCE(buddy);

static int buddy_begin(void *context, const cc__backend_settings_t *settings, void *buffer, size_t bytes, bool zeroed) {
    place(context, buffer, bytes, settings->min_block, zeroed);
    return buddy_init(context);
}

const cc__backend_t cc__buddy_backend = {
    .name = "buddy",
    .methods = {buddy_malloc, buddy_free, buddy_realloc, buddy_size, buddy_roundup, instance_init, instance_shutdown,
                &shared},
    .begin = buddy_begin,
    .end = buddy_shutdown,
    .fits = buddy_fits,
    .buffer_status = buddy_status,
};
