/* platform/global.c: GlobalAlloc and LocalAlloc. Fixed memory is a block of the process's heap. Movable memory is a
 * handle: the address of the second word of an entry in a table, where its block's address stands, as on Windows: no
 * pointer to a block (a multiple of 16) looks like it, and old code that reads the block's address there finds it. */
#include "heaps.h"

#include <string.h>

#include "../base/mappings.h"
#include "compat/win32_global.h"

/* Both words are as Windows has them. */
typedef struct entry {
    _Alignas(16) uintptr_t flags; /* ENTRY_ bits and, above them, the count of locks; else what next_free() says */
    void *block;                  /* of the process's heap; NULL: discarded, or the entry is free */
} entry_t;

enum {
    ENTRY_LIVE = 1,
    ENTRY_MOVABLE = 2,
    ENTRY_DISCARDABLE = 4,
    ENTRY_DISCARDED = 8,
    ENTRY_SHARED = 0x8000,
    ENTRY_LOCK = 0x10000,
    LOCKS_MAX = 255,
    ENTRIES = 1 << 16, /* of both kinds, as on Windows */
};

/* What the two kinds of calls do otherwise. */
typedef struct kind {
    UINT discardable; /* the flags that ask for it */
    bool converts;    /* fixed memory becomes movable when it is modified so */
} kind_t;

static const kind_t global = {.discardable = GMEM_DISCARDABLE, .converts = true};
static const kind_t local = {.discardable = LMEM_DISCARDABLE, .converts = false};

static entry_t *entries; /* all under the lock */
static entry_t *free_entry;

static void lock(void) {
    cc__platform_lock(CC__LOCK_HANDLES);
}

static void unlock(void) {
    cc__platform_unlock(CC__LOCK_HANDLES);
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

static bool is_pointer(const void *memory) {
    return ((uintptr_t)memory & 15) == 0;
}

static HGLOBAL handle_of(entry_t *entry) {
    return &entry->block;
}

static unsigned locks_of(const entry_t *entry) {
    return (unsigned)(entry->flags / ENTRY_LOCK);
}

/* NULL with ERROR_INVALID_HANDLE when the handle is none of ours, or was freed. pre: the lock is held. */
static entry_t *entry_of(HGLOBAL handle) {
    uintptr_t at = (uintptr_t)handle - offsetof(entry_t, block) - (uintptr_t)entries;
    if (entries != NULL && at % sizeof(entry_t) == 0 && at / sizeof(entry_t) < ENTRIES) {
        entry_t *entry = &entries[at / sizeof(entry_t)];
        if ((entry->flags & ENTRY_LIVE) != 0) return entry;
    }
    return cc__platform_fail(ERROR_INVALID_HANDLE);
}

/* The free entry after this one: its address; or 0 in one that was never used, and then it is the table's next. */
static entry_t *next_free(entry_t *entry) {
    return entry->flags != 0 ? (entry_t *)entry->flags : entry + 1;
}

/* A block's header has the number of its entry, so that a pointer leads to its handle. */
static void set_block(entry_t *entry, void *block) {
    entry->block = block;
    if (block == NULL) return;
    header_t *header = (header_t *)block - 1;
    uint64_t own = header->word & (CC__BLOCK_SIZE_MASK | CC__BLOCK_RESIZED);
    header->word = own | (uint64_t)(entry - entries + 1) << CC__BLOCK_HANDLE_SHIFT;
}

/* A handle for a block of the process's heap, or for none; NULL when no more are possible. */
static HGLOBAL new_handle(void *block, uintptr_t flags) {
    lock();
    if (entries == NULL)
        entries = free_entry = cc__os_map(ENTRIES * sizeof *entries); /* untouched parts cost nothing */
    entry_t *entry = entries != NULL && free_entry < entries + ENTRIES ? free_entry : NULL;
    if (entry != NULL) {
        free_entry = next_free(entry);
        entry->flags = ENTRY_LIVE | ENTRY_MOVABLE | flags | (block == NULL ? ENTRY_DISCARDED : 0);
        set_block(entry, block);
    }
    unlock();
    return entry != NULL ? handle_of(entry) : cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
}

/* ---- allocation -------------------------------------------------------------------------------------------------- */

/* The process's heap, as these calls use it: HeapLock of it does not stop them. */
static DWORD heap_flags(UINT flags) {
    return HEAP_NO_SERIALIZE | ((flags & GMEM_ZEROINIT) != 0 ? HEAP_ZERO_MEMORY : 0);
}

static void free_block(void *block) {
    (void)HeapFree(&cc__process_heap, HEAP_NO_SERIALIZE, block);
}

static HGLOBAL allocate_movable(const kind_t *kind, UINT flags, SIZE_T size) {
    void *block = NULL;
    if (size > 0 && (block = HeapAlloc(&cc__process_heap, heap_flags(flags), size)) == NULL) return NULL;
    uintptr_t own = (flags & kind->discardable) != 0 ? ENTRY_DISCARDABLE : 0;
    if ((flags & GMEM_DDESHARE) != 0) own |= ENTRY_SHARED;
    HGLOBAL handle = new_handle(block, own);
    if (handle == NULL) free_block(block);
    return handle;
}

HGLOBAL GlobalAlloc(UINT flags, SIZE_T size) {
    if ((flags & GMEM_MOVEABLE) != 0) return allocate_movable(&global, flags, size);
    if (size == 0) size = 1; /* as on Windows, where LocalAlloc gives 0 bytes */
    return HeapAlloc(&cc__process_heap, heap_flags(flags), size);
}

HLOCAL LocalAlloc(UINT flags, SIZE_T size) {
    if ((flags & LMEM_MOVEABLE) != 0) return allocate_movable(&local, flags, size);
    return HeapAlloc(&cc__process_heap, heap_flags(flags), size);
}

/* The header of fixed memory; NULL with the error code when it is none. */
static header_t *fixed(LPCVOID memory) {
    DWORD error;
    header_t *header = cc__block_header(&cc__process_heap, memory, &error);
    return header != NULL ? header : cc__platform_fail(error == ERROR_NOACCESS ? error : ERROR_INVALID_HANDLE);
}

/* ---- resizing ---------------------------------------------------------------------------------------------------- */

static HGLOBAL resize_fixed(const kind_t *kind, HGLOBAL memory, SIZE_T size, UINT flags) {
    if (memory == NULL) return cc__platform_fail(ERROR_INVALID_HANDLE);
    if (fixed(memory) == NULL) return NULL;
    if ((flags & GMEM_MODIFY) != 0) {
        if (!kind->converts || (flags & GMEM_MOVEABLE) == 0) return memory;
        return new_handle(memory, (flags & kind->discardable) != 0 ? ENTRY_DISCARDABLE : 0);
    }
    if ((flags & kind->discardable) != 0) return cc__platform_fail(ERROR_INVALID_PARAMETER);
    /* Its address is the handle: it stays unless it may move. */
    DWORD in_place = (flags & GMEM_MOVEABLE) == 0 ? HEAP_REALLOC_IN_PLACE_ONLY : 0;
    return HeapReAlloc(&cc__process_heap, in_place | heap_flags(flags), memory, size);
}

/* pre: the lock is held. */
static HGLOBAL discard(entry_t *entry, UINT flags) {
    if ((flags & GMEM_MOVEABLE) == 0) return cc__platform_fail(ERROR_INVALID_PARAMETER);
    if (locks_of(entry) > 0) return cc__platform_fail(ERROR_INVALID_HANDLE);
    free_block(entry->block);
    entry->block = NULL;
    entry->flags |= ENTRY_DISCARDED;
    return handle_of(entry);
}

/* pre: the lock is held. */
static HGLOBAL resize_movable(const kind_t *kind, entry_t *entry, SIZE_T size, UINT flags) {
    bool discardable = (flags & kind->discardable) != 0;
    if ((flags & GMEM_MODIFY) != 0) {
        if (discardable) entry->flags |= ENTRY_DISCARDABLE;
        return handle_of(entry);
    }
    if (discardable) return cc__platform_fail(ERROR_INVALID_PARAMETER);
    if (size == 0) return discard(entry, flags);
    void *block;
    if (entry->block == NULL) {
        block = HeapAlloc(&cc__process_heap, heap_flags(flags), size);
    } else {
        DWORD in_place = locks_of(entry) > 0 && (flags & GMEM_MOVEABLE) == 0 ? HEAP_REALLOC_IN_PLACE_ONLY : 0;
        block = HeapReAlloc(&cc__process_heap, in_place | heap_flags(flags), entry->block, size);
    }
    if (block == NULL) return NULL;
    set_block(entry, block);
    entry->flags &= ~(uintptr_t)ENTRY_DISCARDED;
    return handle_of(entry);
}

static HGLOBAL resize(const kind_t *kind, HGLOBAL memory, SIZE_T size, UINT flags) {
    if (is_pointer(memory)) return resize_fixed(kind, memory, size, flags);
    lock();
    entry_t *entry = entry_of(memory);
    HGLOBAL result = entry != NULL ? resize_movable(kind, entry, size, flags) : NULL;
    unlock();
    return result;
}

HGLOBAL GlobalReAlloc(HGLOBAL memory, SIZE_T size, UINT flags) {
    return resize(&global, memory, size, flags);
}

HLOCAL LocalReAlloc(HLOCAL memory, SIZE_T size, UINT flags) {
    return resize(&local, memory, size, flags);
}

/* ---- freeing and telling ----------------------------------------------------------------------------------------- */

HGLOBAL GlobalFree(HGLOBAL memory) {
    if (memory == NULL) return NULL;
    if (is_pointer(memory)) {
        if (fixed(memory) == NULL) return memory;
        free_block(memory);
        return NULL;
    }
    lock();
    entry_t *entry = entry_of(memory);
    void *block = NULL;
    if (entry != NULL) {
        block = entry->block;
        *entry = (entry_t){.flags = (uintptr_t)free_entry};
        free_entry = entry;
    }
    unlock();
    if (entry == NULL) return memory;
    free_block(block);
    return NULL;
}

SIZE_T GlobalSize(HGLOBAL memory) {
    if (is_pointer(memory)) {
        header_t *header = fixed(memory);
        if (header != NULL) return cc__block_size(header);
        cc__platform_last_error = ERROR_INVALID_HANDLE;
        return 0;
    }
    lock();
    entry_t *entry = entry_of(memory);
    SIZE_T size = entry != NULL && entry->block != NULL ? cc__block_size((header_t *)entry->block - 1) : 0;
    unlock();
    return size;
}

/* What can be read is taken for fixed memory by the calls below, as on Windows. */
static bool is_readable(const void *memory) {
    return memory != NULL && (cc__main_contains(memory) || cc__memory_readable(memory, 1));
}

/* `unreadable`: the code for a pointer to nothing. */
static UINT flags_of(const kind_t *kind, HGLOBAL memory, DWORD unreadable) {
    UINT flags = GMEM_INVALID_HANDLE;
    if (is_pointer(memory)) {
        if (is_readable(memory)) return 0;
        cc__platform_last_error = memory != NULL ? unreadable : ERROR_INVALID_HANDLE;
        return flags;
    }
    lock();
    entry_t *entry = entry_of(memory);
    if (entry != NULL) {
        flags = locks_of(entry);
        if ((entry->flags & ENTRY_DISCARDABLE) != 0) flags |= kind->discardable;
        if ((entry->flags & ENTRY_DISCARDED) != 0) flags |= GMEM_DISCARDED;
        if ((entry->flags & ENTRY_SHARED) != 0) flags |= GMEM_DDESHARE;
    }
    unlock();
    return flags;
}

UINT GlobalFlags(HGLOBAL memory) {
    return flags_of(&global, memory, ERROR_INVALID_HANDLE);
}

UINT LocalFlags(HLOCAL memory) {
    return flags_of(&local, memory, ERROR_NOACCESS);
}

/* `unreadable` as above; NO_ERROR leaves the code alone. */
static HGLOBAL handle_from(LPCVOID pointer, DWORD unreadable) {
    if (pointer == NULL) return cc__platform_fail(ERROR_INVALID_PARAMETER);
    DWORD error;
    header_t *header = cc__block_header(&cc__process_heap, pointer, &error);
    if (header == NULL) return cc__platform_fail(error == ERROR_NOACCESS ? unreadable : ERROR_INVALID_HANDLE);
    uint64_t number = header->word >> CC__BLOCK_HANDLE_SHIFT;
    return number != 0 ? handle_of(&entries[number - 1]) : (HGLOBAL)(uintptr_t)pointer;
}

HGLOBAL GlobalHandle(LPCVOID pointer) {
    return handle_from(pointer, ERROR_INVALID_HANDLE);
}

HLOCAL LocalHandle(LPCVOID pointer) {
    return handle_from(pointer, ERROR_NOACCESS);
}

/* ---- locking ----------------------------------------------------------------------------------------------------- */

static LPVOID lock_movable(HGLOBAL memory) {
    lock();
    entry_t *entry = entry_of(memory);
    void *block = entry != NULL ? entry->block : NULL;
    if (block != NULL && locks_of(entry) < LOCKS_MAX) entry->flags += ENTRY_LOCK;
    unlock();
    if (entry == NULL) return NULL;
    return block != NULL ? block : cc__platform_fail(ERROR_DISCARDED);
}

/* TRUE while it stays locked. `freed`: what a handle gives that is none. */
static BOOL unlock_movable(HGLOBAL memory, BOOL freed) {
    bool locked = false;
    lock();
    entry_t *entry = entry_of(memory);
    if (entry != NULL && locks_of(entry) == 0) {
        cc__platform_last_error = ERROR_NOT_LOCKED;
    } else if (entry != NULL) {
        entry->flags -= ENTRY_LOCK;
        locked = locks_of(entry) > 0;
        if (!locked) cc__platform_last_error = NO_ERROR;
    }
    unlock();
    return entry != NULL ? locked : freed;
}

LPVOID GlobalLock(HGLOBAL memory) {
    if (!is_pointer(memory)) return lock_movable(memory);
    if (memory == NULL || is_readable(memory)) return memory;
    return cc__platform_fail(ERROR_INVALID_HANDLE);
}

LPVOID LocalLock(HLOCAL memory) {
    if (!is_pointer(memory)) return lock_movable(memory);
    return is_readable(memory) ? memory : NULL;
}

BOOL GlobalUnlock(HGLOBAL memory) {
    if (memory == NULL) return cc__platform_false(ERROR_INVALID_HANDLE);
    return is_pointer(memory) ? TRUE : unlock_movable(memory, TRUE);
}

BOOL LocalUnlock(HLOCAL memory) {
    if (memory == NULL) return cc__platform_false(ERROR_INVALID_HANDLE);
    return is_pointer(memory) ? cc__platform_false(ERROR_NOT_LOCKED) : unlock_movable(memory, FALSE);
}
