/* platform/heap_list.c: all heaps in a list, their locks, walks through them, and what is told of them. */
#include "heaps.h"

#include <stdlib.h>
#include <string.h>

#include "../base/fork.h"
#include "../base/mappings.h"
#include "cc/alloc.h"

heap_t cc__process_heap = {.mark = CC__HEAP_ANY};

/* Private heaps in the order of their creation. */
static heap_t *first_heap, **last_link = &first_heap;
static DWORD heap_count;

heap_t *cc__heap_checked(HANDLE handle) {
    heap_t *heap = handle;
    bool aligned = heap != NULL && (uintptr_t)heap % _Alignof(heap_t) == 0;
    bool readable =
        aligned && (heap == &cc__process_heap || cc__main_contains(heap) || cc__memory_readable(heap, sizeof *heap));
    return readable && cc__heap_is_marked(heap) ? heap : cc__platform_fail(ERROR_INVALID_HANDLE);
}

void cc__heap_enlist(heap_t *heap) {
    cc__platform_lock(CC__LOCK_HEAPS);
    heap->link = last_link;
    *last_link = heap;
    last_link = &heap->next;
    heap_count++;
    cc__platform_unlock(CC__LOCK_HEAPS);
}

void cc__heap_delist(heap_t *heap) {
    cc__platform_lock(CC__LOCK_HEAPS);
    *heap->link = heap->next;
    if (heap->next != NULL)
        heap->next->link = heap->link;
    else
        last_link = heap->link;
    heap_count--;
    struct heap_walk *walk = heap->walk;
    cc__platform_unlock(CC__LOCK_HEAPS);
    free(walk);
}

DWORD GetProcessHeaps(DWORD room, PHANDLE heaps) {
    cc__platform_lock(CC__LOCK_HEAPS);
    DWORD count = 1 + heap_count, at = 0;
    if (room > 0) heaps[at++] = &cc__process_heap;
    for (heap_t *heap = first_heap; heap != NULL && at < room; heap = heap->next) heaps[at++] = heap;
    cc__platform_unlock(CC__LOCK_HEAPS);
    return count;
}

/* ---- locks ------------------------------------------------------------------------------------------------------- */

/* After it, another thread's mark is seen here, or that thread sees what was stored here before it. */
static void put_up_barrier(heap_t *heap) {
    if (cc__os_barrier_available()) {
        cc__os_barrier();
        return;
    }
    /* The heap's calls have fences of their own from now on; what one without a fence has stored is seen after the
     * wait. */
    cc__store_relaxed(&heap->mark, CC__HEAP_ANY);
    cc__fence_seq_cst();
    cc__os_sleep(1000000);
}

void cc__heap_lock(heap_t *heap) {
    uintptr_t self = cc__heap_this_thread();
    if (cc__load_relaxed(&heap->owner) == self) { /* nobody else writes this thread's value */
        heap->depth++;
        return;
    }
    cc__mutex_lock(&heap->lock);
    cc__store_relaxed(&heap->owner, self);
    heap->depth = 1;
    put_up_barrier(heap); /* pairs with the order of store and load in heap.c's enter() and enter_plain() */
    for (cc__platform_shard_t *shard = cc__platform_shards(); shard != NULL; shard = shard->next)
        while (cc__load_acquire(&shard->heap) == heap) cc__os_yield(); /* pairs with the release store in leave() */
}

/* Threads that were in a call of a heap are none of the child's. */
static void forget_calls(void) {
    for (cc__platform_shard_t *shard = cc__platform_shards(); shard != NULL; shard = shard->next)
        cc__store_relaxed(&shard->heap, NULL);
}

CC__AT_FORK(CC__FORK_PLATFORM_HEAPS, .in_child = forget_calls);

bool cc__heap_unlock(heap_t *heap) {
    if (cc__load_relaxed(&heap->owner) != cc__heap_this_thread()) return false;
    if (--heap->depth > 0) return true;
    cc__store_release(&heap->owner, 0); /* pairs with the acquire load in enter() */
    cc__mutex_unlock(&heap->lock);
    return true;
}

BOOL HeapLock(HANDLE handle) {
    heap_t *heap = cc__heap_checked(handle);
    if (heap == NULL) return FALSE;
    if ((heap->options & HEAP_NO_SERIALIZE) == 0) cc__heap_lock(heap);
    return TRUE;
}

BOOL HeapUnlock(HANDLE handle) {
    heap_t *heap = cc__heap_checked(handle);
    if (heap == NULL) return FALSE;
    if ((heap->options & HEAP_NO_SERIALIZE) != 0) return TRUE;
    return cc__heap_unlock(heap) ? TRUE : cc__platform_false(ERROR_NOT_OWNER);
}

SIZE_T HeapCompact(HANDLE handle, DWORD flags) {
    (void)flags;
    heap_t *heap = cc__heap_checked(handle);
    if (heap == NULL) return 0;
    if (heap->blocks != NULL) cc__heap_collect(heap->blocks);
    if (heap->most != 0) return heap->most - cc__load_relaxed(&heap->used);
    cc__os_memory_t memory;
    cc__platform_memory(&memory);
    return (SIZE_T)memory.available;
}

/* ---- walks ------------------------------------------------------------------------------------------------------- */

typedef struct block {
    void *data;
    size_t size;
} block_t;

/* A heap's blocks as they were when the walk began. */
struct heap_walk {
    size_t count, room; /* of blocks; count goes on where there was no room */
    heap_t *heap;
    block_t blocks[];
};

static void note(void *block, size_t size, void *context) {
    struct heap_walk *walk = context;
    const header_t *header = block;
    (void)size;
    if (header->heap != walk->heap) return;
    if (walk->count < walk->room) walk->blocks[walk->count] = (block_t){(void *)(header + 1), cc__block_size(header)};
    walk->count++;
}

static int by_address(const void *one, const void *other) {
    uintptr_t left = (uintptr_t)((const block_t *)one)->data, right = (uintptr_t)((const block_t *)other)->data;
    return left < right ? -1 : left > right;
}

/* All live blocks; NULL when there is no memory. pre: no other thread is in a call of the heap. */
static struct heap_walk *list_blocks(heap_t *heap) {
    struct heap_walk *walk = NULL;
    for (size_t room = 64;; room = walk->count) {
        free(walk);
        walk = cc__own_calloc(1, sizeof *walk + room * sizeof *walk->blocks);
        if (walk == NULL) return NULL;
        walk->room = room;
        walk->heap = heap;
        if (heap->blocks != NULL) cc__heap_visit(heap->blocks, note, walk);
        if (walk->count <= room) break;
    }
    qsort(walk->blocks, walk->count, sizeof *walk->blocks, by_address);
    return walk;
}

/* The entry of the heap itself. */
static void tell_heap(const heap_t *heap, const struct heap_walk *walk, LPPROCESS_HEAP_ENTRY entry) {
    size_t bytes = 0;
    for (size_t i = 0; i < walk->count; i++) bytes += sizeof(header_t) + walk->blocks[i].size;
    bytes = cc__round_up(bytes, cc__os_page_size());
    *entry =
        (PROCESS_HEAP_ENTRY){.lpData = (PVOID)(uintptr_t)heap, .cbData = sizeof *heap, .wFlags = PROCESS_HEAP_REGION};
    entry->Region.dwCommittedSize = bytes > UINT32_MAX ? UINT32_MAX : (DWORD)bytes;
    if (walk->count == 0) return;
    entry->Region.lpFirstBlock = walk->blocks[0].data;
    entry->Region.lpLastBlock = (char *)walk->blocks[walk->count - 1].data + walk->blocks[walk->count - 1].size;
}

static void tell_block(const block_t *block, size_t number, LPPROCESS_HEAP_ENTRY entry) {
    *entry =
        (PROCESS_HEAP_ENTRY){.lpData = block->data, .cbOverhead = sizeof(header_t), .wFlags = PROCESS_HEAP_ENTRY_BUSY};
    entry->cbData = block->size > UINT32_MAX ? UINT32_MAX : (DWORD)block->size;
    entry->Block.dwReserved[0] = (DWORD)number;
}

/* Begins a walk: replaces the heap's list of blocks. */
static bool begin_walk(heap_t *heap, LPPROCESS_HEAP_ENTRY entry) {
    bool serialize = (heap->options & HEAP_NO_SERIALIZE) == 0;
    if (serialize) cc__heap_lock(heap);
    struct heap_walk *walk = list_blocks(heap);
    if (serialize) (void)cc__heap_unlock(heap);
    if (walk == NULL) return cc__platform_false(ERROR_NOT_ENOUGH_MEMORY);
    tell_heap(heap, walk, entry);
    cc__platform_lock(CC__LOCK_HEAPS);
    struct heap_walk *old = heap->walk;
    heap->walk = walk;
    cc__platform_unlock(CC__LOCK_HEAPS);
    free(old);
    return true;
}

BOOL HeapWalk(HANDLE handle, LPPROCESS_HEAP_ENTRY entry) {
    heap_t *heap = cc__heap_checked(handle);
    if (heap == NULL) return FALSE;
    if (entry == NULL) return cc__platform_false(ERROR_INVALID_PARAMETER);
    if (entry->lpData == NULL) return begin_walk(heap, entry);
    DWORD error = ERROR_NO_MORE_ITEMS;
    struct heap_walk *ended = NULL;
    cc__platform_lock(CC__LOCK_HEAPS);
    size_t next = (entry->wFlags & PROCESS_HEAP_REGION) != 0 ? 0 : (size_t)entry->Block.dwReserved[0] + 1;
    if (heap->walk != NULL && next < heap->walk->count) {
        tell_block(&heap->walk->blocks[next], next, entry);
        error = NO_ERROR;
    } else {
        ended = heap->walk;
        heap->walk = NULL;
    }
    cc__platform_unlock(CC__LOCK_HEAPS);
    free(ended);
    return error == NO_ERROR ? TRUE : cc__platform_false(error);
}

/* ---- information ------------------------------------------------------------------------------------------------- */

enum { LOW_FRAGMENTATION = 2 };

static DWORD set_compatibility(heap_t *heap, const ULONG *value, SIZE_T length) {
    if (value == NULL || length < sizeof *value) return ERROR_INSUFFICIENT_BUFFER;
    if (*value > LOW_FRAGMENTATION) return ERROR_GEN_FAILURE;
    cc__platform_lock(CC__LOCK_HEAPS);
    bool good = heap->compatibility != LOW_FRAGMENTATION || *value == LOW_FRAGMENTATION; /* that is for good */
    if (good) heap->compatibility = *value;
    cc__platform_unlock(CC__LOCK_HEAPS);
    return good ? NO_ERROR : ERROR_GEN_FAILURE;
}

BOOL HeapSetInformation(HANDLE handle, HEAP_INFORMATION_CLASS what, PVOID information, SIZE_T length) {
    if (what == HeapEnableTerminationOnCorruption || what == HeapOptimizeResources) return TRUE;
    if (what != HeapCompatibilityInformation) return cc__platform_false(ERROR_INVALID_PARAMETER);
    heap_t *heap = cc__heap_checked(handle);
    if (heap == NULL) return FALSE;
    DWORD error = set_compatibility(heap, information, length);
    return error == NO_ERROR ? TRUE : cc__platform_false(error);
}

BOOL HeapQueryInformation(HANDLE handle, HEAP_INFORMATION_CLASS what, PVOID information, SIZE_T length,
                          PSIZE_T needed) {
    if (what != HeapCompatibilityInformation) return cc__platform_false(ERROR_INVALID_PARAMETER);
    if (handle == NULL) return cc__platform_false(ERROR_NOACCESS); /* as Windows does, by its tests */
    heap_t *heap = cc__heap_checked(handle);
    if (heap == NULL) return FALSE;
    if (needed != NULL) *needed = sizeof(ULONG);
    if (information == NULL || length < sizeof(ULONG)) return cc__platform_false(ERROR_INSUFFICIENT_BUFFER);
    cc__platform_lock(CC__LOCK_HEAPS);
    memcpy(information, &heap->compatibility, sizeof(ULONG));
    cc__platform_unlock(CC__LOCK_HEAPS);
    return TRUE;
}
