/* platform/heap.c: the heaps of Win32. A private heap is one of alloc/backend.h, the process's is cc_alloc itself. A block has a
 * header of 16 bytes with its heap and its size, so that HeapSize tells what was asked for and a block of another heap, or a freed
 * one, is refused. */
#include "platform_internal.h"

#include <string.h>

#include "../alloc/backend.h"
#include "cc/alloc.h"
#include "compat/memory_wrapper.h"

typedef struct heap {
    uint32_t mark;
    DWORD options;
    cc__heap_t *blocks;   /* NULL: the process's heap */
    size_t most;          /* bytes that all blocks may take with their headers; 0: any */
    _Atomic(size_t) used; /* of them; counted where there is a limit */
} heap_t;

/* The first word lies where the allocators below link freed blocks. */
typedef struct header {
    _Alignas(16) heap_t *heap;
    size_t size;
} header_t;

enum { MARK = 0x48454150 };
#define SIZE_LIMIT ((size_t)PTRDIFF_MAX - 2 * sizeof(header_t))

static heap_t process_heap = {.mark = MARK};

static heap_t *heap_of(HANDLE handle) {
    heap_t *heap = handle;
    if (heap != NULL && heap->mark == MARK) return heap;
    return cc__platform_fail(ERROR_INVALID_HANDLE);
}

/* The block's header; NULL when it is not a live block of the heap. */
static header_t *header_of(heap_t *heap, LPCVOID block) {
    header_t *header = (header_t *)(uintptr_t)block - 1;
    if (block != NULL && ((uintptr_t)block & 15) == 0 && header->heap == heap) return header;
    return cc__platform_fail(ERROR_INVALID_PARAMETER);
}

HANDLE GetProcessHeap(void) {
    return &process_heap;
}

HANDLE HeapCreate(DWORD options, SIZE_T initial, SIZE_T most) {
    size_t page = cc__os_page_size();
    if (most > SIZE_LIMIT || initial > SIZE_LIMIT) return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    if (most != 0 && initial > most) return cc__platform_fail(ERROR_INVALID_PARAMETER);
    heap_t *heap = cc_calloc(1, sizeof *heap);
    cc__heap_t *blocks = heap != NULL ? cc__heap_create() : NULL;
    if (blocks == NULL) {
        cc_free(heap, sizeof *heap);
        return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    }
    heap->options = options;
    heap->blocks = blocks;
    heap->most = cc__round_up(most, page);
    heap->mark = MARK;
    return heap;
}

BOOL HeapDestroy(HANDLE handle) {
    heap_t *heap = heap_of(handle);
    if (heap == NULL) return FALSE;
    if (heap->blocks == NULL) return cc__platform_false(ERROR_INVALID_HANDLE);
    heap->mark = 0;
    cc__heap_destroy(heap->blocks);
    cc_free(heap, sizeof *heap);
    return TRUE;
}

/* ---- the limit --------------------------------------------------------------------------------------------------- */

/* What a block of `size` bytes takes of it. */
static size_t charge_of(size_t size) {
    return (sizeof(header_t) + size + 15) & ~(size_t)15;
}

static bool charge(heap_t *heap, size_t bytes) {
    if (heap->most == 0) return true;
    size_t used = cc__load_relaxed(&heap->used);
    do {
        if (bytes > heap->most - used) return false;
    } while (!cc__swap_if_relaxed(&heap->used, &used, used + bytes));
    return true;
}

static void discharge(heap_t *heap, size_t bytes) {
    if (heap->most != 0) cc__add_relaxed(&heap->used, (size_t)0 - bytes);
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

LPVOID HeapAlloc(HANDLE handle, DWORD flags, SIZE_T size) {
    heap_t *heap = heap_of(handle);
    if (heap == NULL) return NULL;
    if (size > SIZE_LIMIT || !charge(heap, charge_of(size))) return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    size_t bytes = sizeof(header_t) + size;
    bool zero = ((flags | heap->options) & HEAP_ZERO_MEMORY) != 0;
    header_t *header;
    if (CC_LIKELY(heap->blocks != NULL))
        header = cc__heap_alloc(heap->blocks, bytes, zero);
    else
        header = zero ? cc_calloc(1, bytes) : cc_alloc(bytes);
    if (header == NULL) {
        discharge(heap, charge_of(size));
        return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    }
    header->heap = heap;
    header->size = size;
    return header + 1;
}

static bool expand(heap_t *heap, header_t *header, size_t size) {
    if (heap->blocks != NULL) return cc__heap_expand(heap->blocks, header, sizeof *header + size);
    return sizeof *header + size <= cc_usable_size(header);
}

static header_t *resize(heap_t *heap, header_t *header, size_t size, DWORD flags) {
    if ((flags & HEAP_REALLOC_IN_PLACE_ONLY) != 0)
        return size <= header->size || expand(heap, header, size) ? header : NULL;
    if (heap->blocks != NULL) return cc__heap_realloc(heap->blocks, header, sizeof *header + size);
    return cc_realloc(header, sizeof *header + header->size, sizeof *header + size);
}

LPVOID HeapReAlloc(HANDLE handle, DWORD flags, LPVOID block, SIZE_T size) {
    heap_t *heap = heap_of(handle);
    header_t *header = heap != NULL ? header_of(heap, block) : NULL;
    if (header == NULL) return NULL;
    if (size > SIZE_LIMIT) return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    size_t old = header->size, before = charge_of(old), after = charge_of(size);
    if (after > before && !charge(heap, after - before)) return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    header = resize(heap, header, size, flags);
    if (header == NULL) {
        if (after > before) discharge(heap, after - before);
        return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    }
    if (after < before) discharge(heap, before - after);
    header->size = size;
    if (size > old && ((flags | heap->options) & HEAP_ZERO_MEMORY) != 0) memset((char *)(header + 1) + old, 0, size - old);
    return header + 1;
}

SIZE_T HeapSize(HANDLE handle, DWORD flags, LPCVOID block) {
    (void)flags;
    heap_t *heap = heap_of(handle);
    header_t *header = heap != NULL ? header_of(heap, block) : NULL;
    return header != NULL ? header->size : (SIZE_T)-1;
}

BOOL HeapFree(HANDLE handle, DWORD flags, LPVOID block) {
    (void)flags;
    if (block == NULL) return TRUE;
    heap_t *heap = heap_of(handle);
    if (heap == NULL) return FALSE;
    header_t *header = header_of(heap, block);
    if (header == NULL) return FALSE;
    discharge(heap, charge_of(header->size));
    if (CC_LIKELY(heap->blocks != NULL))
        cc__heap_free(heap->blocks, header);
    else
        cc_free(header, sizeof *header + header->size);
    return TRUE;
}

BOOL HeapValidate(HANDLE handle, DWORD flags, LPCVOID block) {
    (void)flags;
    DWORD error = cc__platform_last_error;
    heap_t *heap = heap_of(handle);
    bool valid = heap != NULL && (block == NULL || header_of(heap, block) != NULL);
    cc__platform_last_error = error; /* it is no failure */
    return valid;
}
