/* regions/sized.c: blocks that know their size. It stands in the 16 bytes before the block. */
#include "cc/sized.h"

#include "regions_internal.h"

void *cc_sized_alloc(size_t size) {
    if (size - 1 >= CC__MOST) return NULL;
    size_t *block = cc_alloc(CC__ALIGNMENT + size);
    if (block == NULL) return NULL;
    *block = size;
    return (char *)block + CC__ALIGNMENT;
}

size_t cc_sized_size(const void *pointer) {
    return pointer != NULL ? *(const size_t *)(const void *)((const char *)pointer - CC__ALIGNMENT) : 0;
}

void cc_sized_free(void *pointer) {
    if (pointer != NULL) cc_free((char *)pointer - CC__ALIGNMENT, CC__ALIGNMENT + cc_sized_size(pointer));
}
