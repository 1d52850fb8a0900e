/* python/map_text.c: prefixes of strings.
 *
 * Keys of one map are often alike: "user:1041", "user:993". Their first bytes tell nothing, so a map leaves out a
 * *stem*, which it takes from the first string that it sees: what comes before a number, if the string ends in one. Any
 * stem is right: strings that do not begin with it have prefixes of their own, below or above.
 *
 *     63 62   61 ........ 6   5 .... 0
 *     place   56 bits         length
 *
 * The place is 0 below the stem, 1 with it, 2 above. The 56 bits are written in one of two ways.
 *   bytes    the first seven of UTF-8 (whose order is that of code points, as in Python); the length is their number,
 *            8 for more than seven.
 *   numbers  four bits for a digit or - . /, 12 for another character; the length is 0. For what follows a stem
 *            before numbers.
 * A prefix is exact where no other string has it: when all of the string is in it. */
#include "map.h"

#include <string.h>

enum { BELOW, WITH_STEM, ABOVE, PLACE_SHIFT = 62, LENGTH_BITS = 6 };

static cc_python_stem_t no_stem, no_stem_but_numbers = {.numbers = true};

static inline uint64_t byte_at(uint64_t byte, int place) {
    return byte << (54 - 8 * place);
}

uint64_t cc_python_bytes_prefix(const unsigned char *bytes, size_t length, bool *exact) {
    uint64_t prefix = length > 7 ? 8 : length;
    int count = (int)prefix - (length > 7);
    for (int i = 0; i < count; i++) prefix |= byte_at(bytes[i], i);
    *exact = length <= 7;
    return prefix;
}

/* The same of the UTF-8 of what begins at a place of a string, surrogates written like other characters. */
static uint64_t utf8_prefix(PyObject *text, Py_ssize_t from, bool *exact) {
    uint64_t prefix = 0;
    int place = 0, width = PyUnicode_KIND(text);
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    const void *data = PyUnicode_DATA(text);
    for (Py_ssize_t i = from; i < length && place <= 7; i++) {
        Py_UCS4 c = PyUnicode_READ(width, data, i);
        int following = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
        static const unsigned char first[] = {0, 0xC0, 0xE0, 0xF0};
        for (int rest = following; rest >= 0; rest--, place++) {
            uint64_t byte = rest == following ? first[rest] | c >> (6 * rest) : 0x80 | (c >> (6 * rest) & 0x3F);
            if (place < 7) prefix |= byte_at(byte, place);
        }
    }
    *exact = place <= 7;
    return prefix | (uint64_t)(place > 7 ? 8 : place);
}

static uint64_t plain_prefix(PyObject *text, Py_ssize_t from, bool *exact) {
    if (!PyUnicode_IS_ASCII(text)) return utf8_prefix(text, from, exact);
    return cc_python_bytes_prefix((const unsigned char *)PyUnicode_DATA(text) + from,
                                  (size_t)(PyUnicode_GET_LENGTH(text) - from), exact);
}

/* In order: 0 the end; 1 and 8 bits for what is less than -; 2 to 4 for - . /; 5 to 14 for digits; 15 and 8 bits for
 * what is more, 255 and all above it being alike. `width` is the string's, as a constant where speed matters. */
static inline uint64_t numbers_prefix(PyObject *text, int width, Py_ssize_t from, bool *exact) {
    uint64_t prefix = 0;
    int shift = PLACE_SHIFT;
    const void *data = PyUnicode_DATA(text);
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    *exact = false;
    for (Py_ssize_t i = from; i < length; i++) {
        Py_UCS4 c = PyUnicode_READ(width, data, i);
        bool common = c >= '-' && c <= '9';
        uint64_t code = common ? c - '-' + 2 : (uint64_t)(c < '-' ? 1 : 15) << 8 | (c < 255 ? c : 255);
        shift -= common ? 4 : 12;
        if (CC_UNLIKELY(shift < LENGTH_BITS)) /* as much of it as has room */
            return prefix | code >> (LENGTH_BITS - shift) << LENGTH_BITS;
        prefix |= code << shift;
        if (CC_UNLIKELY(c >= 255)) return prefix;
    }
    *exact = shift >= LENGTH_BITS + 4; /* the end, too, has room */
    return prefix;
}

/* -1, 0, 1: the string is less than all with the stem, begins with it, is greater than all. */
static inline int compare_with_stem(const cc_python_stem_t *stem, PyObject *text, int width) {
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    const void *data = PyUnicode_DATA(text);
    for (Py_ssize_t i = 0; i < stem->length; i++) {
        if (i == length) return -1;
        Py_UCS4 c = PyUnicode_READ(width, data, i);
        if (c != stem->text[i]) return c < stem->text[i] ? -1 : 1;
    }
    return 0;
}

/* The stem that a string proposes. */
static cc_python_stem_t *stem_of(PyObject *text) {
    Py_ssize_t length = PyUnicode_GET_LENGTH(text), first = 0, i;
    if (!PyUnicode_IS_ASCII(text)) return &no_stem;
    const unsigned char *bytes = PyUnicode_DATA(text);
    while (first < length && (bytes[first] < '0' || bytes[first] > '9')) first++;
    for (i = first; i < length && bytes[i] >= '-' && bytes[i] <= '9'; i++) continue;
    if (i < length || first == length || first > CC_PYTHON_STEM_LENGTH) return &no_stem;
    if (first == 0) return &no_stem_but_numbers;
    cc_python_stem_t *stem = cc_alloc(sizeof *stem);
    if (stem == NULL) return &no_stem;
    stem->numbers = true;
    stem->length = (uint8_t)first;
    memcpy(stem->text, bytes, (size_t)first);
    return stem;
}

void cc_python_stem_free(cc_python_stem_t *stem) {
    if (stem != NULL && stem->length > 0) cc_free(stem, sizeof *stem); /* the others are static */
}

static const cc_python_stem_t *settle_stem(cc_python_map_t *self, PyObject *text) {
    cc_python_stem_t *stem = stem_of(text), *before = NULL;
    if (cc__swap_if_acq_rel(&self->stem, &before, stem)) return stem;
    cc_python_stem_free(stem); /* another thread was first */
    return before;
}

static inline uint64_t text_prefix(const cc_python_stem_t *stem, PyObject *text, int width, bool *exact) {
    int order = compare_with_stem(stem, text, width);
    uint64_t prefix = order != 0      ? plain_prefix(text, 0, exact)
                      : stem->numbers ? numbers_prefix(text, width, stem->length, exact)
                                      : plain_prefix(text, stem->length, exact);
    return prefix | (uint64_t)(WITH_STEM + order) << PLACE_SHIFT;
}

uint64_t cc_python_text_prefix(cc_python_map_t *self, PyObject *text, bool *exact) {
    const cc_python_stem_t *stem = cc__load_acquire(&self->stem); /* pairs with settle_stem */
    if (CC_UNLIKELY(stem == NULL)) stem = settle_stem(self, text);
    int width = PyUnicode_KIND(text);
    return width == PyUnicode_1BYTE_KIND ? text_prefix(stem, text, PyUnicode_1BYTE_KIND, exact)
                                         : text_prefix(stem, text, width, exact);
}
