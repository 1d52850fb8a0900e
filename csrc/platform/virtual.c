/* platform/virtual.c: VirtualAlloc and its kin. Address space is reserved from the system at multiples of 64 KiB; committing pages
 * makes them accessible, decommitting maps them anew, so that their memory and their commit charge are gone. */
#include "platform_internal.h"

#include <stdlib.h>

#include "compat/memory_wrapper.h"
#include "region_table.h"

enum { GRANULARITY = 64 * 1024 };

/* What user code can address, as on Windows. */
#define ADDRESS_LIMIT ((uintptr_t)1 << 47)

#define PROTECT_MODIFIERS (PAGE_GUARD | PAGE_NOCACHE | PAGE_WRITECOMBINE)

/* Whole pages in a region. */
typedef struct range {
    region_t *region;
    size_t first, count;
} range_t;

static void lock(void) {
    cc__platform_lock(CC__LOCK_REGIONS);
}

static void unlock(void) {
    cc__platform_unlock(CC__LOCK_REGIONS);
}

static void *address_of(const range_t *range) {
    return (void *)(range->region->base + range->first * cc__os_page_size());
}

static size_t bytes_of(const range_t *range) {
    return range->count * cc__os_page_size();
}

/* All pages that have a byte of address .. address + size - 1. False when they are not all in one region.
 * pre: size > 0, the lock is held. */
static bool find_range(range_t *range, LPCVOID address, SIZE_T size) {
    uintptr_t at = (uintptr_t)address;
    size_t page = cc__os_page_size();
    region_t *region = cc__region_find(at);
    if (region == NULL || size > region->page_count * page - (at - region->base)) return false;
    range->region = region;
    range->first = (at - region->base) / page;
    range->count = cc__round_up(at - region->base + size, page) / page - range->first;
    return true;
}

static bool all_committed(const range_t *range) {
    for (size_t i = 0; i < range->count; i++)
        if (range->region->pages[range->first + i] == 0) return false;
    return true;
}

/* Sets the pages' protection; whether they are locked stays. */
static void set_pages(const range_t *range, DWORD protect) {
    uint16_t *pages = &range->region->pages[range->first];
    for (size_t i = 0; i < range->count; i++) pages[i] = (uint16_t)((pages[i] & PAGE_IS_LOCKED) | protect);
}

/* ---- protection -------------------------------------------------------------------------------------------------- */

static bool is_protection(DWORD protect) {
    DWORD modifiers = protect & PROTECT_MODIFIERS;
    switch (protect & ~(DWORD)PROTECT_MODIFIERS) {
    case PAGE_NOACCESS: return modifiers == 0;
    case PAGE_READONLY:
    case PAGE_READWRITE:
    case PAGE_EXECUTE:
    case PAGE_EXECUTE_READ:
    case PAGE_EXECUTE_READWRITE: return true;
    default: return false; /* copy on write is for files' pages */
    }
}

static unsigned access_of(DWORD protect) {
    if ((protect & PAGE_GUARD) != 0) return CC__OS_NONE;
    switch (protect & ~(DWORD)PROTECT_MODIFIERS) {
    case PAGE_READONLY: return CC__OS_READ;
    case PAGE_READWRITE: return CC__OS_READ | CC__OS_WRITE;
    case PAGE_EXECUTE: return CC__OS_EXECUTE;
    case PAGE_EXECUTE_READ: return CC__OS_READ | CC__OS_EXECUTE;
    case PAGE_EXECUTE_READWRITE: return CC__OS_READ | CC__OS_WRITE | CC__OS_EXECUTE;
    default: return CC__OS_NONE;
    }
}

/* ---- VirtualAlloc ------------------------------------------------------------------------------------------------ */

/* A region that is in the table; NULL after a failure. pre: the lock is held. */
static region_t *reserve(LPVOID address, SIZE_T size, DWORD protect) {
    size_t page = cc__os_page_size();
    uintptr_t base = (uintptr_t)address & ~(uintptr_t)(GRANULARITY - 1);
    size_t bytes = cc__round_up((uintptr_t)address - base + size, page);
    if (address != NULL && base == 0) return cc__platform_fail(ERROR_INVALID_PARAMETER); /* the first 64 KiB are nobody's */
    region_t *region = cc__region_new(bytes / page);
    if (region == NULL) return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    void *got = cc__os_reserve((void *)base, bytes, GRANULARITY > page ? GRANULARITY : page);
    if (got == NULL) {
        free(region);
        return cc__platform_fail(address != NULL ? ERROR_INVALID_ADDRESS : ERROR_NOT_ENOUGH_MEMORY);
    }
    region->base = (uintptr_t)got;
    region->protect = protect;
    if (cc__region_add(region)) return region;
    cc__os_unmap(got, bytes);
    free(region);
    return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
}

static void release(region_t *region) {
    cc__region_remove(region);
    cc__os_unmap((void *)region->base, region->page_count * cc__os_page_size());
    free(region);
}

/* pre: the lock is held. */
static void *commit(const range_t *range, DWORD protect) {
    if (cc__os_protect(address_of(range), bytes_of(range), access_of(protect)) != CC_OK)
        return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    set_pages(range, protect);
    return address_of(range);
}

static void *reserve_and_commit(LPVOID address, SIZE_T size, DWORD type, DWORD protect) {
    region_t *region = reserve(address, size, protect);
    if (region == NULL) return NULL;
    range_t all = {region, 0, region->page_count};
    if ((type & MEM_COMMIT) == 0) return (void *)region->base;
    void *committed = commit(&all, protect);
    if (committed == NULL) release(region);
    return committed;
}

LPVOID VirtualAlloc(LPVOID address, SIZE_T size, DWORD type, DWORD protect) {
    DWORD known = MEM_COMMIT | MEM_RESERVE | MEM_RESET | MEM_TOP_DOWN;
    DWORD work = type & (MEM_COMMIT | MEM_RESERVE | MEM_RESET);
    if (size == 0 || (type & ~known) != 0 || work == 0 || ((work & MEM_RESET) != 0 && work != MEM_RESET))
        return cc__platform_fail(ERROR_INVALID_PARAMETER);
    if (!is_protection(protect)) return cc__platform_fail(ERROR_INVALID_PARAMETER);
    if (size > ADDRESS_LIMIT - GRANULARITY || (uintptr_t)address > ADDRESS_LIMIT - GRANULARITY - size)
        return cc__platform_fail(ERROR_INVALID_PARAMETER);

    void *result = NULL;
    range_t range;
    lock();
    if ((work & MEM_RESERVE) != 0 || (address == NULL && work == MEM_COMMIT)) {
        result = reserve_and_commit(address, size, type, protect);
    } else if (!find_range(&range, address, size)) {
        cc__platform_last_error = ERROR_INVALID_ADDRESS;
    } else if (work == MEM_COMMIT) {
        result = commit(&range, protect);
    } else if (!all_committed(&range)) {
        cc__platform_last_error = ERROR_INVALID_ADDRESS;
    } else {
        cc__os_reset(address_of(&range), bytes_of(&range));
        result = address_of(&range);
    }
    unlock();
    return result;
}

/* ---- VirtualFree ------------------------------------------------------------------------------------------------- */

/* 0, or the error. pre: the lock is held. */
static DWORD release_at(LPVOID address, SIZE_T size) {
    region_t *region = cc__region_find((uintptr_t)address);
    if (size != 0) return ERROR_INVALID_PARAMETER;
    if (region == NULL || region->base != (uintptr_t)address) return ERROR_INVALID_ADDRESS;
    release(region);
    return NO_ERROR;
}

/* pre: the lock is held. */
static DWORD decommit_at(LPVOID address, SIZE_T size) {
    region_t *region = cc__region_find((uintptr_t)address);
    range_t range = {region, 0, region != NULL ? region->page_count : 0};
    if (region == NULL || (size == 0 && region->base != (uintptr_t)address)) return ERROR_INVALID_ADDRESS;
    if (size != 0 && !find_range(&range, address, size)) return ERROR_INVALID_PARAMETER;
    if (cc__os_decommit(address_of(&range), bytes_of(&range)) != CC_OK) return ERROR_NOT_ENOUGH_MEMORY;
    for (size_t i = 0; i < range.count; i++) region->pages[range.first + i] = 0;
    return NO_ERROR;
}

BOOL VirtualFree(LPVOID address, SIZE_T size, DWORD type) {
    if (type != MEM_RELEASE && type != MEM_DECOMMIT) return cc__platform_false(ERROR_INVALID_PARAMETER);
    lock();
    DWORD error = type == MEM_RELEASE ? release_at(address, size) : decommit_at(address, size);
    unlock();
    return error == NO_ERROR ? TRUE : cc__platform_false(error);
}

/* ---- the others -------------------------------------------------------------------------------------------------- */

BOOL VirtualProtect(LPVOID address, SIZE_T size, DWORD protect, PDWORD old_protect) {
    if (old_protect == NULL) return cc__platform_false(ERROR_NOACCESS);
    if (size == 0 || !is_protection(protect)) return cc__platform_false(ERROR_INVALID_PARAMETER);
    DWORD error = NO_ERROR;
    range_t range;
    lock();
    if (!find_range(&range, address, size) || !all_committed(&range)) {
        error = ERROR_INVALID_ADDRESS;
    } else if (cc__os_protect(address_of(&range), bytes_of(&range), access_of(protect)) != CC_OK) {
        error = ERROR_NOT_ENOUGH_MEMORY;
    } else {
        *old_protect = range.region->pages[range.first] & ~(DWORD)PAGE_IS_LOCKED;
        set_pages(&range, protect);
    }
    unlock();
    return error == NO_ERROR ? TRUE : cc__platform_false(error);
}

/* Pages from `first` on that are in the same state. */
static size_t alike(const region_t *region, size_t first) {
    size_t end = first;
    unsigned state = region->pages[first] & ~PAGE_IS_LOCKED;
    while (end < region->page_count && (region->pages[end] & ~PAGE_IS_LOCKED) == (int)state) end++;
    return end - first;
}

SIZE_T VirtualQuery(LPCVOID address, PMEMORY_BASIC_INFORMATION information, SIZE_T length) {
    size_t page = cc__os_page_size();
    uintptr_t at = (uintptr_t)address & ~(uintptr_t)(page - 1);
    if (information == NULL) return (SIZE_T)cc__platform_false(ERROR_NOACCESS);
    if (length < sizeof *information) return (SIZE_T)cc__platform_false(ERROR_BAD_LENGTH);
    if (at >= ADDRESS_LIMIT) return (SIZE_T)cc__platform_false(ERROR_INVALID_PARAMETER);
    *information = (MEMORY_BASIC_INFORMATION){.BaseAddress = (PVOID)at, .State = MEM_FREE, .Protect = PAGE_NOACCESS};
    lock();
    const region_t *region = cc__region_find(at);
    if (region == NULL) {
        uintptr_t end = cc__region_after(at);
        information->RegionSize = (end < ADDRESS_LIMIT ? end : ADDRESS_LIMIT) - at;
    } else {
        size_t first = (at - region->base) / page;
        unsigned state = region->pages[first];
        information->AllocationBase = (PVOID)region->base;
        information->AllocationProtect = region->protect;
        information->RegionSize = alike(region, first) * page;
        information->State = state != 0 ? MEM_COMMIT : MEM_RESERVE;
        information->Protect = state & ~(unsigned)PAGE_IS_LOCKED;
        information->Type = MEM_PRIVATE;
    }
    unlock();
    return sizeof *information;
}

/* Memory that VirtualAlloc did not give may be locked, too: static buffers often are. */
static bool is_foreign(LPCVOID address, SIZE_T size) {
    uintptr_t at = (uintptr_t)address;
    return cc__region_find(at) == NULL && cc__region_after(at) - at >= size;
}

/* The whole pages of a range of addresses. */
static void whole_pages(LPVOID *address, SIZE_T *size) {
    size_t page = cc__os_page_size(), before = (uintptr_t)*address & (page - 1);
    *address = (char *)*address - before;
    *size = cc__round_up(*size + before, page);
}

BOOL VirtualLock(LPVOID address, SIZE_T size) {
    if (size == 0 || size > ADDRESS_LIMIT) return cc__platform_false(ERROR_INVALID_PARAMETER);
    range_t range = {NULL, 0, 0};
    bool good;
    int status = CC_OK;
    lock();
    if (find_range(&range, address, size))
        good = all_committed(&range);
    else
        good = is_foreign(address, size);
    if (good) {
        whole_pages(&address, &size);
        status = cc__os_lock(address, size);
        for (size_t i = 0; status == CC_OK && i < range.count; i++) range.region->pages[range.first + i] |= PAGE_IS_LOCKED;
    }
    unlock();
    if (good && status == CC_OK) return TRUE;
    return cc__platform_false(good && status == CC_ERROR_LIMIT ? ERROR_WORKING_SET_QUOTA : ERROR_NOACCESS);
}

BOOL VirtualUnlock(LPVOID address, SIZE_T size) {
    if (size == 0 || size > ADDRESS_LIMIT) return cc__platform_false(ERROR_INVALID_PARAMETER);
    range_t range = {NULL, 0, 0};
    lock();
    bool good = find_range(&range, address, size) || is_foreign(address, size);
    for (size_t i = 0; i < range.count; i++) good = good && (range.region->pages[range.first + i] & PAGE_IS_LOCKED) != 0;
    if (good) {
        whole_pages(&address, &size);
        cc__os_unlock(address, size);
        for (size_t i = 0; i < range.count; i++) range.region->pages[range.first + i] &= (uint16_t)~PAGE_IS_LOCKED;
    }
    unlock();
    return good ? TRUE : cc__platform_false(ERROR_NOT_LOCKED);
}
