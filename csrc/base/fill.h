/* base/fill.h: the bytes that mark memory which holds nothing yet, nothing any more, or nothing ever. */
#ifndef CC_BASE_FILL_H
#define CC_BASE_FILL_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum {
    CC__FILL_FRESH = 0x55, /* given out, not written to yet */
    CC__FILL_FREED = 0xDD, /* given back */
    CC__FILL_GUARD = 0xBE  /* before and behind a block: nobody's */
};

/* Fills in debug builds; others do not even ask for the arguments. */
#if defined(CC_DEBUG)
#define cc__debug_fill(memory, fill, size) ((void)memset((memory), (fill), (size)))
#else
#define cc__debug_fill(memory, fill, size) ((void)0)
#endif

/* Whether all bytes are still as they were filled. */
static inline bool cc__is_filled(const void *memory, int fill, size_t size) {
    const unsigned char *bytes = memory;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != fill) return false;
    }
    return true;
}

#endif
