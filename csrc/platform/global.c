/* platform/global.c: GlobalAlloc and LocalAlloc, which are one. Fixed memory is a block of the process's heap; movable memory is a
 * handle: the address of an entry in a table, plus 8, so that no pointer to a block (a multiple of 16) looks like it. */
#include "platform_internal.h"

#include <string.h>

#include "compat/memory_wrapper.h"

typedef struct entry {
    _Alignas(32) void *block;   /* of the process's heap; NULL: discarded, or the entry is free */
    struct entry *next_free;
    unsigned locks;
    bool live, discardable;
} entry_t;

/* A handle is the address of an entry's second field. */
enum { HANDLE_OFFSET = 8, ENTRIES = 1 << 20, LOCKS_MAX = 255 };

static entry_t *entries; /* all under the lock */
static size_t entry_count;
static entry_t *free_entries;

static void lock(void) {
    cc__platform_lock(CC__LOCK_HANDLES);
}

static void unlock(void) {
    cc__platform_unlock(CC__LOCK_HANDLES);
}

static bool is_pointer(const void *memory) {
    return ((uintptr_t)memory & 15) == 0;
}

static HGLOBAL handle_of(entry_t *entry) {
    return (char *)entry + HANDLE_OFFSET;
}

/* NULL when the handle is none of ours, or was freed. pre: the lock is held. */
static entry_t *entry_of(HGLOBAL handle) {
    uintptr_t at = (uintptr_t)handle - HANDLE_OFFSET - (uintptr_t)entries;
    if (entries == NULL || at % sizeof(entry_t) != 0 || at / sizeof(entry_t) >= entry_count) return NULL;
    entry_t *entry = &entries[at / sizeof(entry_t)];
    return entry->live ? entry : NULL;
}

/* pre: the lock is held. */
static entry_t *take_entry(void) {
    entry_t *entry = free_entries;
    if (entry != NULL) {
        free_entries = entry->next_free;
    } else {
        if (entries == NULL) entries = cc__os_map(ENTRIES * sizeof *entries); /* untouched parts cost nothing */
        if (entries == NULL || entry_count == ENTRIES) return NULL;
        entry = &entries[entry_count++];
    }
    *entry = (entry_t){.live = true};
    return entry;
}

/* pre: the lock is held. */
static void give_entry(entry_t *entry) {
    entry->live = false;
    entry->next_free = free_entries;
    free_entries = entry;
}

static DWORD zero_flag(UINT flags) {
    return (flags & GMEM_ZEROINIT) != 0 ? HEAP_ZERO_MEMORY : 0;
}

/* A block that is given out by pointer tells itself by its place in the process's heap. */
static bool is_fixed(HGLOBAL memory) {
    return memory != NULL && is_pointer(memory) && HeapValidate(GetProcessHeap(), 0, memory);
}

HGLOBAL GlobalAlloc(UINT flags, SIZE_T size) {
    if ((flags & GMEM_MOVEABLE) == 0) return HeapAlloc(GetProcessHeap(), zero_flag(flags), size);
    void *block = NULL;
    if (size > 0 && (block = HeapAlloc(GetProcessHeap(), zero_flag(flags), size)) == NULL) return NULL;
    lock();
    entry_t *entry = take_entry();
    if (entry != NULL) {
        entry->block = block;
        entry->discardable = (flags & GMEM_DISCARDABLE) != 0;
    }
    unlock();
    if (entry != NULL) return handle_of(entry);
    (void)HeapFree(GetProcessHeap(), 0, block);
    return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
}

/* ---- resizing ---------------------------------------------------------------------------------------------------- */

static HGLOBAL resize_fixed(HGLOBAL memory, SIZE_T size, UINT flags) {
    if (!is_fixed(memory)) return cc__platform_fail(ERROR_INVALID_HANDLE);
    if ((flags & GMEM_MODIFY) != 0) {
        if ((flags & GMEM_MOVEABLE) == 0) return memory;
        lock();
        entry_t *entry = take_entry();
        if (entry != NULL) entry->block = memory;
        unlock();
        return entry != NULL ? handle_of(entry) : cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    }
    /* Its address is the handle: it stays unless it may move. */
    DWORD in_place = (flags & GMEM_MOVEABLE) == 0 ? HEAP_REALLOC_IN_PLACE_ONLY : 0;
    return HeapReAlloc(GetProcessHeap(), in_place | zero_flag(flags), memory, size);
}

/* pre: the lock is held. */
static HGLOBAL resize_movable(entry_t *entry, SIZE_T size, UINT flags) {
    if ((flags & GMEM_MODIFY) != 0) {
        if ((flags & GMEM_DISCARDABLE) != 0) entry->discardable = true;
        return handle_of(entry);
    }
    void *block;
    if (size == 0) {
        if (entry->locks > 0) return cc__platform_fail(ERROR_INVALID_HANDLE);
        (void)HeapFree(GetProcessHeap(), 0, entry->block);
        entry->block = NULL;
        return handle_of(entry);
    }
    if (entry->block == NULL) {
        block = HeapAlloc(GetProcessHeap(), zero_flag(flags), size);
    } else {
        DWORD in_place = entry->locks > 0 && (flags & GMEM_MOVEABLE) == 0 ? HEAP_REALLOC_IN_PLACE_ONLY : 0;
        block = HeapReAlloc(GetProcessHeap(), in_place | zero_flag(flags), entry->block, size);
    }
    if (block == NULL) return NULL;
    entry->block = block;
    return handle_of(entry);
}

HGLOBAL GlobalReAlloc(HGLOBAL memory, SIZE_T size, UINT flags) {
    if (is_pointer(memory)) return resize_fixed(memory, size, flags);
    lock();
    entry_t *entry = entry_of(memory);
    HGLOBAL result = entry != NULL ? resize_movable(entry, size, flags) : cc__platform_fail(ERROR_INVALID_HANDLE);
    unlock();
    return result;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

HGLOBAL GlobalFree(HGLOBAL memory) {
    if (memory == NULL) return NULL;
    if (is_pointer(memory)) {
        if (HeapFree(GetProcessHeap(), 0, memory)) return NULL;
        cc__platform_last_error = ERROR_INVALID_HANDLE;
        return memory;
    }
    lock();
    entry_t *entry = entry_of(memory);
    void *block = NULL;
    if (entry != NULL) {
        block = entry->block;
        give_entry(entry);
    }
    unlock();
    if (entry == NULL) {
        cc__platform_last_error = ERROR_INVALID_HANDLE;
        return memory;
    }
    (void)HeapFree(GetProcessHeap(), 0, block);
    return NULL;
}

SIZE_T GlobalSize(HGLOBAL memory) {
    SIZE_T size = (SIZE_T)-1;
    if (is_pointer(memory)) {
        if (is_fixed(memory)) size = HeapSize(GetProcessHeap(), 0, memory);
    } else {
        lock();
        entry_t *entry = entry_of(memory);
        if (entry != NULL) size = entry->block != NULL ? HeapSize(GetProcessHeap(), 0, entry->block) : 0;
        unlock();
    }
    if (size != (SIZE_T)-1) return size;
    cc__platform_last_error = ERROR_INVALID_HANDLE;
    return 0;
}

UINT GlobalFlags(HGLOBAL memory) {
    UINT flags = GMEM_INVALID_HANDLE;
    if (is_pointer(memory)) {
        if (is_fixed(memory)) flags = 0;
    } else {
        lock();
        entry_t *entry = entry_of(memory);
        if (entry != NULL)
            flags = entry->locks | (entry->discardable ? GMEM_DISCARDABLE : 0) | (entry->block == NULL ? GMEM_DISCARDED : 0);
        unlock();
    }
    if (flags == GMEM_INVALID_HANDLE) cc__platform_last_error = ERROR_INVALID_HANDLE;
    return flags;
}

LPVOID GlobalLock(HGLOBAL memory) {
    if (memory == NULL) return NULL;
    if (is_pointer(memory)) return is_fixed(memory) ? memory : cc__platform_fail(ERROR_INVALID_HANDLE);
    lock();
    entry_t *entry = entry_of(memory);
    void *block = entry != NULL ? entry->block : NULL;
    if (block != NULL && entry->locks < LOCKS_MAX) entry->locks++;
    unlock();
    return block != NULL ? block : cc__platform_fail(entry != NULL ? ERROR_DISCARDED : ERROR_INVALID_HANDLE);
}

BOOL GlobalUnlock(HGLOBAL memory) {
    if (is_pointer(memory)) return is_fixed(memory) ? TRUE : cc__platform_false(ERROR_INVALID_HANDLE);
    DWORD error = NO_ERROR;
    bool locked = false;
    lock();
    entry_t *entry = entry_of(memory);
    if (entry == NULL)
        error = ERROR_INVALID_HANDLE;
    else if (entry->locks == 0)
        error = ERROR_NOT_LOCKED;
    else
        locked = --entry->locks > 0;
    unlock();
    return locked ? TRUE : cc__platform_false(error);
}

BOOL LocalUnlock(HLOCAL memory) {
    return is_fixed(memory) ? cc__platform_false(ERROR_NOT_LOCKED) : GlobalUnlock(memory);
}

HGLOBAL GlobalHandle(LPCVOID pointer) {
    if (!is_fixed((HGLOBAL)(uintptr_t)pointer)) return cc__platform_fail(ERROR_INVALID_HANDLE);
    HGLOBAL found = NULL;
    lock();
    for (size_t i = 0; i < entry_count && found == NULL; i++)
        if (entries[i].live && entries[i].block == pointer) found = handle_of(&entries[i]);
    unlock();
    return found != NULL ? found : (HGLOBAL)(uintptr_t)pointer;
}
