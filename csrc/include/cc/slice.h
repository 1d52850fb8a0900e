/* cc/slice.h: a slice: a part of somebody's bytes. */
#ifndef CC_SLICE_H
#define CC_SLICE_H

#include <string.h>

#include "cc/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `length` bytes that begin at `data` and belong to somebody else, who must keep them; any bytes, no end is marked. The
 * functions never look beyond them and copy nothing; they may be called from any thread. */
typedef struct cc_slice_t {
    const char *data;
    size_t length;
} cc_slice_t;

#define CC_SLICE_NONE SIZE_MAX /* what the searches give when there is nothing */

static inline cc_slice_t cc_slice(const void *data, size_t length) {
    cc_slice_t slice;
    slice.data = (const char *)data;
    slice.length = length;
    return slice;
}

/* Of a text without its end; NULL: empty. */
static inline cc_slice_t cc_slice_text(const char *text) {
    return cc_slice(text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

/* At most `length` bytes from `start` on; empty from beyond the end. */
static inline cc_slice_t cc_slice_sub(cc_slice_t slice, size_t start, size_t length) {
    if (start > slice.length) start = slice.length;
    if (length > slice.length - start) length = slice.length - start;
    return cc_slice(slice.data + start, length);
}

static inline bool cc_slice_equal(cc_slice_t one, cc_slice_t other) {
    return one.length == other.length && (one.length == 0 || memcmp(one.data, other.data, one.length) == 0);
}

/* Below, at or above 0, by bytes; a beginning of the other comes before it. */
CC_API int cc_slice_compare(cc_slice_t one, cc_slice_t other);
/* The same where the letters A to Z and a to z are equal. */
CC_API int cc_slice_compare_caseless(cc_slice_t one, cc_slice_t other);

CC_API bool cc_slice_starts_with(cc_slice_t slice, cc_slice_t beginning);
CC_API bool cc_slice_ends_with(cc_slice_t slice, cc_slice_t ending);

/* Where `part` first (last) lies in the slice at or behind `start`; CC_SLICE_NONE if it does not. An empty part lies
 * everywhere up to the end. */
CC_API size_t cc_slice_find(cc_slice_t slice, cc_slice_t part, size_t start);
CC_API size_t cc_slice_rfind(cc_slice_t slice, cc_slice_t part, size_t start);

/* The same of one byte. */
static inline size_t cc_slice_find_byte(cc_slice_t slice, char byte, size_t start) {
    if (start >= slice.length) return CC_SLICE_NONE;
    const char *found = (const char *)memchr(slice.data + start, byte, slice.length - start);
    return found != NULL ? (size_t)(found - slice.data) : CC_SLICE_NONE;
}

/* Without spaces, tabs, line ends, vertical tabs and form feeds at both ends. */
CC_API cc_slice_t cc_slice_trim(cc_slice_t slice);

/* The next part of *rest up to a separator (not empty), in *part; *rest becomes what is behind it. False when nothing
 * is left: then rest->data is NULL. A slice with n separators has n + 1 parts, an empty one has one:
 *     for (cc_slice_t part, rest = line; cc_slice_split(&rest, separator, &part);) … */
CC_API bool cc_slice_split(cc_slice_t *rest, cc_slice_t separator, cc_slice_t *part);
static inline bool cc_slice_split_byte(cc_slice_t *rest, char separator, cc_slice_t *part) {
    if (rest->data == NULL) return false;
    size_t at = cc_slice_find_byte(*rest, separator, 0);
    *part = cc_slice_sub(*rest, 0, at);
    *rest = at != CC_SLICE_NONE ? cc_slice_sub(*rest, at + 1, SIZE_MAX) : cc_slice(NULL, 0);
    return true;
}

/* The longest beginning of at most `most` bytes that does not end inside a UTF-8 character. Bytes that are no UTF-8
 * count as a character each. */
CC_API cc_slice_t cc_slice_utf8_sub(cc_slice_t slice, size_t most);
/* Takes the first character off *rest: its code point, 0xFFFD for a byte that is no UTF-8, -1 when nothing is left. */
CC_API int32_t cc_slice_utf8_next(cc_slice_t *rest);
/* Whether all of it is UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF). */
CC_API bool cc_slice_utf8_valid(cc_slice_t slice);

/* The number that all of the slice is, in decimal with an optional sign: no spaces. CC_ERROR_ARGUMENT when it is none,
 * CC_ERROR_LIMIT when it does not fit; then nothing is written. */
CC_API int cc_slice_to_int64(cc_slice_t slice, int64_t *number);
/* The same, as strtod reads in the C locale: fractions and exponents too, also nan and inf. At most 127 bytes. */
CC_API int cc_slice_to_double(cc_slice_t slice, double *number);

#ifdef __cplusplus
}
#endif
#endif
