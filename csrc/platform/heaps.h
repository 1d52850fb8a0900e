/* platform/heaps.h: what a heap and a block of one are, for heap.c (blocks), heap_list.c (all heaps, their locks,
 * walks) and global.c. */
#ifndef CC_PLATFORM_HEAPS_H
#define CC_PLATFORM_HEAPS_H

#include "platform_internal.h"

#include "../alloc/backend.h"
#include "compat/win32_heap.h"

typedef struct heap {
    _Atomic(uint32_t) mark; /* what it is, see below */
    DWORD options;
    cc__heap_t *blocks;       /* NULL: the process's heap */
    size_t most;              /* bytes that all blocks may take with their headers; 0: any */
    _Atomic(size_t) used;     /* of them; counted where there is a limit */
    _Atomic(uintptr_t) owner; /* the thread that HeapLock gave the heap to, or 0 */
    unsigned depth;           /* how often; the owner's */
    cc__mutex_t lock;         /* held by the owner */
    struct heap *next;        /* in the list of heaps; like the rest under CC__LOCK_HEAPS */
    struct heap **link;       /* what points to this one */
    ULONG compatibility;
    struct heap_walk *walk; /* the one that is going on, or NULL */
} heap_t;

/* A block has its heap and its size before it, so that HeapSize tells what was asked for and a block of another heap,
 * or a freed one, is refused. The first word lies where the allocators below link freed blocks. */
typedef struct header {
    _Alignas(16) heap_t *heap;
    uint64_t word; /* the size; whether it is another than the allocator below knows; the number of the GlobalAlloc
                      handle, or 0 */
} header_t;

/* CC__HEAP_PLAIN: a private heap without a limit or options, whose calls take the short way. */
enum { CC__HEAP_ANY = 0x48454150, CC__HEAP_PLAIN, CC__BLOCK_HANDLE_SHIFT = 47 };
#define CC__BLOCK_RESIZED ((uint64_t)1 << 46)
#define CC__BLOCK_SIZE_MASK (CC__BLOCK_RESIZED - 1)

static inline size_t cc__block_size(const header_t *header) {
    return (size_t)(header->word & CC__BLOCK_SIZE_MASK);
}

static inline bool cc__heap_is_marked(const heap_t *heap) {
    uint32_t mark = cc__load_relaxed(&heap->mark);
    return mark == CC__HEAP_ANY || mark == CC__HEAP_PLAIN;
}

/* The block's header; NULL when it is not a live block of the heap, with *error ERROR_NOACCESS where nothing can be
 * read, or ERROR_INVALID_PARAMETER. */
header_t *cc__block_header(const heap_t *heap, LPCVOID block, DWORD *error);

/* ---- heap_list.c ------------------------------------------------------------------------------------------------- */

extern heap_t cc__process_heap;

/* The heap; NULL with ERROR_INVALID_HANDLE when the handle is none, wherever it points to. */
heap_t *cc__heap_checked(HANDLE handle);

/* A new heap comes into the list; one that is destroyed leaves it, and its walk ends. */
void cc__heap_enlist(heap_t *heap);
void cc__heap_delist(heap_t *heap);

/* The calling thread is the heap's owner; no other is in a call of it then. */
void cc__heap_lock(heap_t *heap);

/* False when the calling thread is not its owner. */
bool cc__heap_unlock(heap_t *heap);

static inline uintptr_t cc__heap_this_thread(void) {
    return (uintptr_t)&cc__platform_last_error; /* no two living threads have the same */
}

#endif
