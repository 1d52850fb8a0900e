/* platform/heap.c: the blocks of Win32's heaps. A private heap is one of alloc/backend.h, the process's is cc_alloc
 * itself. */
#include "heaps.h"

#include <string.h>

#include "../base/mappings.h"
#include "cc/alloc.h"

#define SIZE_LIMIT ((size_t)CC__BLOCK_SIZE_MASK - 2 * sizeof(header_t))

/* A fixed heap has no block of this size or larger, as on 64-bit Windows. */
enum { FIXED_BLOCK_LIMIT = 0xFF000 };

static heap_t *heap_of(HANDLE handle) {
    heap_t *heap = handle;
    if (heap != NULL && cc__heap_is_marked(heap)) return heap;
    return cc__platform_fail(ERROR_INVALID_HANDLE);
}

header_t *cc__block_header(const heap_t *heap, LPCVOID block, DWORD *error) {
    header_t *header = (header_t *)((uintptr_t)block - sizeof *header);
    *error = ERROR_INVALID_PARAMETER;
    if (block == NULL || ((uintptr_t)block & 15) != 0) return NULL;
    if (CC_UNLIKELY(!cc__main_contains(header)) && !cc__memory_readable(header, sizeof *header)) {
        *error = ERROR_NOACCESS;
        return NULL;
    }
    return header->heap == heap ? header : NULL;
}

/* The same for the heap's own calls, which are given blocks: what can't be read is a fault here, as on Windows. */
static inline header_t *header_of(const heap_t *heap, LPCVOID block) {
    header_t *header = (header_t *)((uintptr_t)block - sizeof *header);
    if (CC_LIKELY(block != NULL && ((uintptr_t)block & 15) == 0 && header->heap == heap)) return header;
    return cc__platform_fail(ERROR_INVALID_PARAMETER);
}

HANDLE GetProcessHeap(void) {
    return &cc__process_heap;
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
    bool plain = most == 0 && (options & (HEAP_NO_SERIALIZE | HEAP_ZERO_MEMORY)) == 0;
    cc__store_relaxed(&heap->mark, plain ? CC__HEAP_PLAIN : CC__HEAP_ANY);
    cc__heap_enlist(heap);
    return heap;
}

BOOL HeapDestroy(HANDLE handle) {
    heap_t *heap = cc__heap_checked(handle);
    if (heap == NULL) return FALSE;
    if (heap->blocks == NULL) return cc__platform_false(ERROR_INVALID_HANDLE);
    cc__heap_delist(heap);
    cc__store_relaxed(&heap->mark, 0);
    cc__heap_destroy(heap->blocks);
    cc_free(heap, sizeof *heap);
    return TRUE;
}

/* ---- calls of one heap: HeapLock keeps other threads out of it --------------------------------------------------- */

/* How a call came in: its thread's mark to be taken away, or the lock to be given back, or neither. */
typedef struct pass {
    cc__platform_shard_t *shard;
    bool locked;
} pass_t;

/* Waits for the heap's owner, unless it is this thread. */
static pass_t enter_locked(heap_t *heap) {
    if (cc__load_relaxed(&heap->owner) == cc__heap_this_thread()) return (pass_t){NULL, false};
    cc__heap_lock(heap);
    return (pass_t){NULL, true};
}

/* A thread says in its shard which heap it is in a call of, and then looks whether the heap has an owner; who becomes
 * the owner looks at all shards (cc__heap_lock). A thread without a shard takes the lock. */
static pass_t enter(heap_t *heap, DWORD flags) {
    if (((flags | heap->options) & HEAP_NO_SERIALIZE) != 0) return (pass_t){NULL, false};
    cc__platform_shard_t *shard = cc__platform_shard();
    if (shard == NULL) return enter_locked(heap);
    cc__store_relaxed(&shard->heap, (void *)heap);
    cc__fence_seq_cst(); /* pairs with the barrier in cc__heap_lock */
    /* acquire pairs with the release store in cc__heap_unlock */
    if (cc__load_acquire(&heap->owner) == 0) return (pass_t){shard, false};
    cc__store_release(&shard->heap, NULL);
    return enter_locked(heap);
}

static void leave(heap_t *heap, pass_t pass) {
    if (pass.shard != NULL)
        cc__store_release(&pass.shard->heap, NULL); /* pairs with the acquire load in cc__heap_lock */
    if (pass.locked) (void)cc__heap_unlock(heap);
}

/* The short way into a plain heap that nobody owns: the thread's shard, or NULL for the long way. Without a fence: the
 * barrier in cc__heap_lock is one for all threads. */
static inline cc__platform_shard_t *enter_plain(heap_t *heap) {
    cc__platform_shard_t *shard = (cc__platform_shard_t *)cc_platform_shard; /* its first field */
    if (CC_UNLIKELY(heap == NULL || cc__load_relaxed(&heap->mark) != CC__HEAP_PLAIN || shard == NULL)) return NULL;
    cc__store_relaxed(&shard->heap, (void *)heap);
    atomic_signal_fence(memory_order_seq_cst);
    /* acquire pairs with the release store in cc__heap_unlock */
    if (CC_LIKELY(cc__load_acquire(&heap->owner) == 0)) return shard;
    cc__store_release(&shard->heap, NULL);
    return NULL;
}

static inline void leave_plain(cc__platform_shard_t *shard) {
    cc__store_release(&shard->heap, NULL); /* pairs with the acquire load in cc__heap_lock */
}

/* ---- the limit --------------------------------------------------------------------------------------------------- */

/* What a block of `size` bytes takes of it. */
static size_t charge_of(size_t size) {
    return (sizeof(header_t) + size + 15) & ~(size_t)15;
}

/* Whether the heap may have a block of the size, for which `bytes` more are counted. */
static bool charge(heap_t *heap, size_t size, size_t bytes) {
    if (heap->most == 0) return true;
    if (size >= FIXED_BLOCK_LIMIT) return false;
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

static header_t *allocate(heap_t *heap, size_t size, bool zero) {
    size_t bytes = sizeof(header_t) + size;
    header_t *header;
    if (!charge(heap, size, charge_of(size))) return NULL;
    if (CC_LIKELY(heap->blocks != NULL))
        header = cc__heap_alloc(heap->blocks, bytes, zero);
    else
        header = zero ? cc_calloc(1, bytes) : cc_alloc(bytes);
    if (header == NULL) {
        discharge(heap, charge_of(size));
        return NULL;
    }
    header->heap = heap;
    header->word = size;
    return header;
}

static LPVOID allocate_any(HANDLE handle, DWORD flags, SIZE_T size) {
    heap_t *heap = heap_of(handle);
    if (heap == NULL) return NULL;
    if (size > SIZE_LIMIT) return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    pass_t pass = enter(heap, flags);
    header_t *header = allocate(heap, size, ((flags | heap->options) & HEAP_ZERO_MEMORY) != 0);
    leave(heap, pass);
    return header != NULL ? header + 1 : cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
}

LPVOID HeapAlloc(HANDLE handle, DWORD flags, SIZE_T size) {
    heap_t *heap = handle;
    cc__platform_shard_t *shard = CC_LIKELY(size <= SIZE_LIMIT) ? enter_plain(heap) : NULL;
    if (CC_UNLIKELY(shard == NULL)) return allocate_any(handle, flags, size);
    header_t *header = cc__heap_alloc(heap->blocks, sizeof *header + size, (flags & HEAP_ZERO_MEMORY) != 0);
    leave_plain(shard);
    if (CC_UNLIKELY(header == NULL)) return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    header->heap = heap;
    header->word = size;
    return header + 1;
}

static bool expand(heap_t *heap, header_t *header, size_t size) {
    if (heap->blocks != NULL) return cc__heap_expand(heap->blocks, header, sizeof *header + size);
    return sizeof *header + size <= cc_usable_size(header);
}

/* Gives the whole pages behind a block's new end back to the system. */
static void give_back(header_t *header, size_t old, size_t size) {
    size_t page = cc__os_page_size();
    uintptr_t begin = cc__round_up((uintptr_t)(header + 1) + size, page);
    uintptr_t end = ((uintptr_t)(header + 1) + old) & ~(uintptr_t)(page - 1);
    if (end > begin) cc__os_discard((void *)begin, end - begin);
}

/* As cc_realloc for a block that was resized where it is, so that nobody knows the size that it was asked for. */
static header_t *move(header_t *header, size_t old, size_t size) {
    header_t *moved = cc_alloc(sizeof *header + size);
    if (moved == NULL) return NULL;
    memcpy(moved, header, sizeof *header + (old < size ? old : size));
    moved->word &= ~CC__BLOCK_RESIZED;
    cc_free_unsized(header);
    return moved;
}

/* A block that becomes smaller stays where it is when it is large: programs count on it, since Windows' heaps do so. A
 * small one may move to where it takes less. */
enum { STAYS_ABOVE = 16 * 1024 };

static header_t *resize(heap_t *heap, header_t *header, size_t size, DWORD flags) {
    size_t old = cc__block_size(header);
    if ((flags & HEAP_REALLOC_IN_PLACE_ONLY) != 0 || size == old || (size < old && old > STAYS_ABOVE)) {
        if (size > old && !expand(heap, header, size)) return NULL;
        if (size < old) give_back(header, old, size);
        if (size != old) header->word |= CC__BLOCK_RESIZED;
        return header;
    }
    if (heap->blocks != NULL) return cc__heap_realloc(heap->blocks, header, sizeof *header + size);
    if ((header->word & CC__BLOCK_RESIZED) != 0) return move(header, old, size);
    return cc_realloc(header, sizeof *header + old, sizeof *header + size);
}

/* The block resized, or NULL after a failure. */
static void *reallocate(heap_t *heap, DWORD flags, LPVOID block, size_t size) {
    header_t *header = header_of(heap, block);
    if (header == NULL) return NULL;
    size_t old = cc__block_size(header), before = charge_of(old), after = charge_of(size);
    if (size > old && !charge(heap, size, after - before)) return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    header = resize(heap, header, size, flags);
    if (header == NULL) {
        if (size > old) discharge(heap, after - before);
        return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    }
    if (after < before) discharge(heap, before - after);
    header->word = (header->word & ~CC__BLOCK_SIZE_MASK) | size;
    if (size > old && ((flags | heap->options) & HEAP_ZERO_MEMORY) != 0)
        memset((char *)(header + 1) + old, 0, size - old);
    return header + 1;
}

LPVOID HeapReAlloc(HANDLE handle, DWORD flags, LPVOID block, SIZE_T size) {
    heap_t *heap = heap_of(handle);
    if (heap == NULL) return NULL;
    if (block == NULL) return cc__platform_fail(NO_ERROR); /* no failure that Windows has a code for */
    if (size > SIZE_LIMIT) return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    pass_t pass = enter(heap, flags);
    void *moved = reallocate(heap, flags, block, size);
    leave(heap, pass);
    return moved;
}

SIZE_T HeapSize(HANDLE handle, DWORD flags, LPCVOID block) {
    (void)flags;
    heap_t *heap = heap_of(handle);
    const header_t *header = heap != NULL ? header_of(heap, block) : NULL;
    return header != NULL ? cc__block_size(header) : (SIZE_T)-1;
}

static bool release(heap_t *heap, LPVOID block) {
    header_t *header = header_of(heap, block);
    if (header == NULL) return false;
    discharge(heap, charge_of(cc__block_size(header)));
    if (CC_LIKELY(heap->blocks != NULL))
        cc__heap_free(heap->blocks, header);
    else if (CC_UNLIKELY((header->word & CC__BLOCK_RESIZED) != 0))
        cc_free_unsized(header);
    else
        cc_free(header, sizeof *header + cc__block_size(header));
    return true;
}

static BOOL free_any(HANDLE handle, DWORD flags, LPVOID block) {
    heap_t *heap = heap_of(handle);
    if (heap == NULL) return FALSE;
    pass_t pass = enter(heap, flags);
    bool freed = release(heap, block);
    leave(heap, pass);
    return freed;
}

BOOL HeapFree(HANDLE handle, DWORD flags, LPVOID block) {
    if (CC_UNLIKELY(block == NULL)) return TRUE;
    heap_t *heap = handle;
    cc__platform_shard_t *shard = enter_plain(heap);
    if (CC_UNLIKELY(shard == NULL)) return free_any(handle, flags, block);
    header_t *header = header_of(heap, block);
    if (CC_LIKELY(header != NULL)) cc__heap_free(heap->blocks, header);
    leave_plain(shard);
    return header != NULL;
}

BOOL HeapValidate(HANDLE handle, DWORD flags, LPCVOID block) {
    (void)flags;
    DWORD before = cc__platform_last_error, error = NO_ERROR;
    heap_t *heap = cc__heap_checked(handle);
    bool valid = heap != NULL && (block == NULL || cc__block_header(heap, block, &error) != NULL);
    cc__platform_last_error = error == ERROR_NOACCESS ? error : before; /* else it is no failure */
    return valid;
}
