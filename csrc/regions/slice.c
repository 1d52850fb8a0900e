/* regions/slice.c: string operations on bytes with a length. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* memmem, strtod_l */
#endif
#include "cc/slice.h"

#include <locale.h>
#include <stdlib.h>

int cc_slice_compare(cc_slice_t one, cc_slice_t other) {
    size_t length = one.length < other.length ? one.length : other.length;
    int order = length != 0 ? memcmp(one.data, other.data, length) : 0;
    return order != 0 ? order : (one.length > other.length) - (one.length < other.length);
}

static inline unsigned char lower(char byte) {
    return (unsigned char)(byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
}

int cc_slice_compare_caseless(cc_slice_t one, cc_slice_t other) {
    size_t length = one.length < other.length ? one.length : other.length;
    for (size_t i = 0; i < length; i++)
        if (lower(one.data[i]) != lower(other.data[i])) return lower(one.data[i]) - lower(other.data[i]);
    return (one.length > other.length) - (one.length < other.length);
}

bool cc_slice_starts_with(cc_slice_t slice, cc_slice_t beginning) {
    return slice.length >= beginning.length && cc_slice_equal(cc_slice_sub(slice, 0, beginning.length), beginning);
}

bool cc_slice_ends_with(cc_slice_t slice, cc_slice_t ending) {
    return slice.length >= ending.length &&
           cc_slice_equal(cc_slice_sub(slice, slice.length - ending.length, ending.length), ending);
}

size_t cc_slice_find(cc_slice_t slice, cc_slice_t part, size_t start) {
    if (start > slice.length || part.length > slice.length - start) return CC_SLICE_NONE;
    if (part.length == 0) return start;
    const char *found = memmem(slice.data + start, slice.length - start, part.data, part.length);
    return found != NULL ? (size_t)(found - slice.data) : CC_SLICE_NONE;
}

size_t cc_slice_rfind(cc_slice_t slice, cc_slice_t part, size_t start) {
    if (start > slice.length || part.length > slice.length - start) return CC_SLICE_NONE;
    for (size_t at = slice.length - part.length + 1; at-- > start;)
        if (part.length == 0 || memcmp(slice.data + at, part.data, part.length) == 0) return at;
    return CC_SLICE_NONE;
}

static inline bool is_space(char byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

cc_slice_t cc_slice_trim(cc_slice_t slice) {
    while (slice.length > 0 && is_space(slice.data[slice.length - 1])) slice.length--;
    while (slice.length > 0 && is_space(slice.data[0])) slice = cc_slice_sub(slice, 1, SIZE_MAX);
    return slice;
}

bool cc_slice_split(cc_slice_t *rest, cc_slice_t separator, cc_slice_t *part) {
    if (rest->data == NULL) return false;
    size_t at = separator.length != 0 ? cc_slice_find(*rest, separator, 0) : CC_SLICE_NONE;
    *part = cc_slice_sub(*rest, 0, at);
    *rest = at != CC_SLICE_NONE ? cc_slice_sub(*rest, at + separator.length, SIZE_MAX) : cc_slice(NULL, 0);
    return true;
}

/* ---- UTF-8 (Unicode 15, table 3-7) ------------------------------------------------------------------------------- */

/* Bytes of the character that the slice begins with, 0 if it is none; *point is its code point. pre: not empty. */
static size_t character(cc_slice_t slice, int32_t *point) {
    const unsigned char *bytes = (const unsigned char *)slice.data;
    unsigned char first = bytes[0];
    *point = first;
    if (first < 0x80) return 1;
    size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || slice.length < length) return 0;
    unsigned char least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned char most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (bytes[1] < least || bytes[1] > most) return 0;
    *point = first & (0x7F >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80) return 0;
        *point = *point << 6 | (bytes[i] & 0x3F);
    }
    return length;
}

int32_t cc_slice_utf8_next(cc_slice_t *rest) {
    int32_t point;
    if (rest->length == 0) return -1;
    size_t length = character(*rest, &point);
    *rest = cc_slice_sub(*rest, length != 0 ? length : 1, SIZE_MAX);
    return length != 0 ? point : 0xFFFD;
}

cc_slice_t cc_slice_utf8_sub(cc_slice_t slice, size_t most) {
    if (slice.length <= most) return slice;
    /* a character that the cut would fall into begins at most 3 bytes before it */
    for (size_t back = 1; back <= 3 && back <= most; back++) {
        int32_t point;
        size_t length = character(cc_slice_sub(slice, most - back, SIZE_MAX), &point);
        if (length > back) return cc_slice_sub(slice, 0, most - back);
        if (length != 0) break;
    }
    return cc_slice_sub(slice, 0, most);
}

bool cc_slice_utf8_valid(cc_slice_t slice) {
    while (slice.length > 0) {
        int32_t point;
        size_t length = character(slice, &point);
        if (length == 0) return false;
        slice = cc_slice_sub(slice, length, SIZE_MAX);
    }
    return true;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

int cc_slice_to_int64(cc_slice_t slice, int64_t *number) {
    bool negative = slice.length > 0 && slice.data[0] == '-';
    size_t at = negative || (slice.length > 0 && slice.data[0] == '+');
    uint64_t value = 0, most = (uint64_t)INT64_MAX + negative;
    if (at == slice.length) return CC_ERROR_ARGUMENT;
    bool fits = true;
    for (; at < slice.length; at++) {
        unsigned digit = (unsigned)(slice.data[at] - '0');
        if (digit > 9) return CC_ERROR_ARGUMENT;
        fits = fits && value <= (most - digit) / 10;
        if (fits) value = value * 10 + digit;
    }
    if (!fits) return CC_ERROR_LIMIT;
    *number = negative ? (int64_t)(0 - value) : (int64_t)value;
    return CC_OK;
}

int cc_slice_to_double(cc_slice_t slice, double *number) {
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    /* Up to 15 digits: both they and the power of ten are exact, so that one division rounds once (Clinger, PLDI
     * 1990). */
    bool negative = slice.length > 0 && slice.data[0] == '-', point = false;
    size_t at = negative, digits = 0, behind = 0;
    uint64_t value = 0;
    for (; at < slice.length && digits <= 15; at++) {
        unsigned digit = (unsigned)(slice.data[at] - '0');
        if (digit <= 9) {
            value = value * 10 + digit;
            digits++;
            behind += point;
        } else if (slice.data[at] == '.' && !point) {
            point = true;
        } else {
            break;
        }
    }
    if (at == slice.length && digits > 0 && digits <= 15) {
        double result = (double)value / powers[behind];
        *number = negative ? -result : result;
        return CC_OK;
    }
    char text[128], *end;
    if (slice.length == 0 || slice.length >= sizeof text || is_space(slice.data[0])) return CC_ERROR_ARGUMENT;
    memcpy(text, slice.data, slice.length);
    text[slice.length] = 0;
    static _Atomic(locale_t) c_locale;
    locale_t locale = c_locale;
    if (locale == (locale_t)0) { /* made once; of two threads that do it one keeps its own for good */
        locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        if (locale == (locale_t)0) return CC_ERROR_MEMORY;
        c_locale = locale;
    }
    double result = strtod_l(text, &end, locale);
    if (end != text + slice.length) return CC_ERROR_ARGUMENT;
    *number = result;
    return CC_OK;
}
