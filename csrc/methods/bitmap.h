/* methods/bitmap.h: bits in words of 64, with summaries, so that the lowest bit is found in a few steps.
 *
 * A summary's bit is set when the word below it becomes other than 0. It is cleared only when a search finds that the
 * word is 0, because words near the front become 0 and other than 0 all the time. */
#ifndef CC_METHODS_BITMAP_H
#define CC_METHODS_BITMAP_H

#include "cc/base.h"

/* For what every call of an allocator does: it is compiled anew for each constant argument. */
#define CC__HOT static inline __attribute__((always_inline))

enum { CC__BITMAP_LEVELS = 6 };

CC__HOT size_t cc__words_for(size_t bits) {
    return (bits + 63) / 64;
}

/* Words of a bitmap and its summaries, up to one of a single word; there is one summary at least. */
static size_t cc__bitmap_words(size_t bits) {
    size_t words = cc__words_for(bits), sum = words;
    do sum += words = cc__words_for(words);
    while (words > 1);
    return sum;
}

/* Sets the bits of the summaries above a word that was 0. */
static __attribute__((noinline)) void cc__bitmap_summarize(uint64_t *bitmap, size_t words, size_t word) {
    for (uint64_t old = 0; words > 1 && old == 0; word /= 64) {
        bitmap += words;
        words = cc__words_for(words);
        old = bitmap[word / 64];
        bitmap[word / 64] = old | (uint64_t)1 << (word % 64);
    }
}

/* The lowest bit; SIZE_MAX if there is none. */
static __attribute__((noinline)) size_t cc__bitmap_lowest(uint64_t *bitmap, size_t words) {
    uint64_t *levels[CC__BITMAP_LEVELS] = {bitmap};
    unsigned top = 0, level;
    do {
        bitmap += words;
        levels[++top] = bitmap;
        words = cc__words_for(words);
    } while (words > 1);
    size_t at = 0;
    for (level = top;;) {
        uint64_t word = levels[level][at];
        if (word != 0) {
            at = at * 64 + (size_t)__builtin_ctzll(word);
            if (level-- == 0) return at;
        } else {
            if (level++ == top) return SIZE_MAX;
            levels[level][at / 64] &= ~((uint64_t)1 << (at % 64));
            at /= 64;
        }
    }
}

CC__HOT void cc__bitmap_set(uint64_t *bitmap, size_t words, size_t bit) {
    uint64_t *summary = &bitmap[words + bit / 4096], old = *summary;
    bitmap[bit / 64] |= (uint64_t)1 << (bit % 64);
    *summary = old | (uint64_t)1 << (bit / 64 % 64);
    if (CC_UNLIKELY(old == 0)) cc__bitmap_summarize(bitmap + words, cc__words_for(words), bit / 4096);
}

/* Returns what is left of its word. */
CC__HOT uint64_t cc__bitmap_clear(uint64_t *bitmap, size_t bit) {
    return bitmap[bit / 64] &= ~((uint64_t)1 << (bit % 64));
}

#endif
