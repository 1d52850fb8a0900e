/* base/round.h: sizes and powers of two. */
#ifndef CC_BASE_ROUND_H
#define CC_BASE_ROUND_H

#include <stdbool.h>
#include <stddef.h>

/* pre: `unit` is a power of two, and the result fits a size_t. */
static inline size_t cc__round_up(size_t size, size_t unit) {
    return (size + unit - 1) & ~(unit - 1);
}

static inline bool cc__is_power_of_two(size_t number) {
    return number != 0 && (number & (number - 1)) == 0;
}

#endif
