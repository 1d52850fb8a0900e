/* platform/bytes.c: the memory functions that take NULL for nothing to do. */
#include "platform_internal.h"

#include <string.h>

void Platform_MemCopy(void *destination, const void *source, size_t count) {
    Platform_MemMove(destination, source, count);
}

void Platform_MemMove(void *destination, const void *source, size_t count) {
    if (destination != NULL && source != NULL) memmove(destination, source, count);
}

void Platform_MemSet(void *destination, int value, size_t count) {
    if (destination != NULL) memset(destination, value, count);
}

void Platform_ZeroMemory(void *destination, size_t count) {
    Platform_MemSet(destination, 0, count);
}

int Platform_MemCmp(const void *one, const void *other, size_t count) {
    const unsigned char *left = one, *right = other;
    if (left == NULL || right == NULL || memcmp(left, right, count) == 0) return 0;
    size_t at = 0;
    while (left[at] == right[at]) at++;
    return left[at] - right[at];
}
