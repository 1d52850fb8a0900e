/* platform/virtual.c: VirtualAlloc and VirtualFree. Address space is reserved from the system at multiples of 64 KiB;
 * committing pages makes them accessible, decommitting maps them anew, so that their memory and their commit charge are
 * gone. */
#include "virtual.h"

#include <stdlib.h>

#define PROTECT_MODIFIERS (PAGE_GUARD | PAGE_NOCACHE | PAGE_WRITECOMBINE)

/* These are the region's, once for all of its pages. */
#define PROTECT_CACHING (PAGE_NOCACHE | PAGE_WRITECOMBINE)

static void lock(void) {
    cc__platform_lock(CC__LOCK_REGIONS);
}

static void unlock(void) {
    cc__platform_unlock(CC__LOCK_REGIONS);
}

/* ---- ranges ------------------------------------------------------------------------------------------------------ */

static void *address_of(const range_t *range) {
    return (void *)(range->region->base + range->first * cc__os_page_size());
}

static size_t bytes_of(const range_t *range) {
    return range->count * cc__os_page_size();
}

bool cc__range_find(range_t *range, LPCVOID address, SIZE_T size) {
    uintptr_t at = (uintptr_t)address;
    size_t page = cc__os_page_size();
    region_t *region = cc__region_find(at);
    if (region == NULL || size > region->page_count * page - (at - region->base)) return false;
    range->region = region;
    range->first = (at - region->base) / page;
    range->count = cc__round_up(at - region->base + size, page) / page - range->first;
    return true;
}

bool cc__range_is_committed(const range_t *range) {
    for (size_t i = 0; i < range->count; i++)
        if (range->region->pages[range->first + i] == 0) return false;
    return true;
}

DWORD cc__range_protect(const range_t *range, DWORD protect) {
    unsigned access = cc__protection_access(protect);
    if ((access & ~range->region->most) != 0) return ERROR_INVALID_PARAMETER;
    if (cc__os_protect(address_of(range), bytes_of(range), access) != CC_OK) return ERROR_NOT_ENOUGH_MEMORY;
    protect = (protect & ~(DWORD)PROTECT_CACHING) | (range->region->protect & PROTECT_CACHING);
    uint16_t *pages = &range->region->pages[range->first];
    for (size_t i = 0; i < range->count; i++) pages[i] = (uint16_t)((pages[i] & PAGE_IS_LOCKED) | protect);
    return NO_ERROR;
}

/* ---- protection -------------------------------------------------------------------------------------------------- */

bool cc__protection_is_valid(DWORD protect, bool of_file) {
    DWORD modifiers = protect & PROTECT_MODIFIERS;
    switch (protect & ~(DWORD)PROTECT_MODIFIERS) {
    case PAGE_NOACCESS: return modifiers == 0;
    case PAGE_READONLY:
    case PAGE_READWRITE:
    case PAGE_EXECUTE:
    case PAGE_EXECUTE_READ:
    case PAGE_EXECUTE_READWRITE: return true;
    case PAGE_WRITECOPY:
    case PAGE_EXECUTE_WRITECOPY: return of_file;
    default: return false;
    }
}

unsigned cc__protection_access(DWORD protect) {
    if ((protect & PAGE_GUARD) != 0) return CC__OS_NONE;
    switch (protect & ~(DWORD)PROTECT_MODIFIERS) {
    case PAGE_READONLY: return CC__OS_READ;
    case PAGE_READWRITE:
    case PAGE_WRITECOPY: return CC__OS_READ | CC__OS_WRITE;
    case PAGE_EXECUTE: return CC__OS_EXECUTE;
    case PAGE_EXECUTE_READ: return CC__OS_READ | CC__OS_EXECUTE;
    case PAGE_EXECUTE_READWRITE:
    case PAGE_EXECUTE_WRITECOPY: return CC__OS_READ | CC__OS_WRITE | CC__OS_EXECUTE;
    default: return CC__OS_NONE;
    }
}

/* ---- VirtualAlloc ------------------------------------------------------------------------------------------------ */

region_t *cc__region_reserve(LPVOID address, SIZE_T size, DWORD type, DWORD protect) {
    size_t page = cc__os_page_size();
    uintptr_t base = (uintptr_t)address & ~(uintptr_t)(CC__GRANULARITY - 1);
    size_t bytes = cc__round_up((uintptr_t)address - base + size, page);
    if (address != NULL && base == 0)
        return cc__platform_fail(ERROR_INVALID_PARAMETER); /* the first 64 KiB are nobody's */
    region_t *region = cc__region_new(bytes / page);
    if (region == NULL) return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    size_t alignment = CC__GRANULARITY;
    void *got = cc__os_reserve((void *)base, bytes, alignment > page ? alignment : page);
    if (got == NULL) {
        free(region);
        return cc__platform_fail(address != NULL ? ERROR_INVALID_ADDRESS : ERROR_NOT_ENOUGH_MEMORY);
    }
    region->base = (uintptr_t)got;
    region->type = type;
    region->protect = protect;
    region->most = CC__OS_READ | CC__OS_WRITE | CC__OS_EXECUTE;
    if (cc__region_add(region)) return region;
    cc__os_unmap(got, bytes);
    free(region);
    return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
}

void cc__region_release(region_t *region) {
    cc__region_remove(region);
    cc__os_unmap((void *)region->base, region->page_count * cc__os_page_size());
    free(region);
}

/* pre: the lock is held. */
static void *commit(const range_t *range, DWORD protect) {
    DWORD error = cc__range_protect(range, protect);
    return error == NO_ERROR ? address_of(range) : cc__platform_fail(error);
}

/* pre: the lock is held. */
static void *reserve_and_commit(LPVOID address, SIZE_T size, DWORD type, DWORD protect) {
    region_t *region = cc__region_reserve(address, size, MEM_PRIVATE, protect);
    if (region == NULL) return NULL;
    range_t all = {region, 0, region->page_count};
    if ((type & MEM_COMMIT) == 0) return (void *)region->base;
    void *committed = commit(&all, protect);
    if (committed == NULL) cc__region_release(region);
    return committed;
}

/* Pages that are only reserved have nothing that could be dropped. pre: the lock is held. */
static void *reset(const range_t *range) {
    size_t page = cc__os_page_size();
    char *address = address_of(range);
    for (size_t i = 0; i < range->count; i++)
        if (range->region->pages[range->first + i] != 0) cc__os_reset(address + i * page, page);
    return address;
}

LPVOID VirtualAlloc(LPVOID address, SIZE_T size, DWORD type, DWORD protect) {
    DWORD known = MEM_COMMIT | MEM_RESERVE | MEM_RESET | MEM_TOP_DOWN;
    DWORD work = type & (MEM_COMMIT | MEM_RESERVE | MEM_RESET);
    if (size == 0 || (type & ~known) != 0 || work == 0 || ((work & MEM_RESET) != 0 && work != MEM_RESET))
        return cc__platform_fail(ERROR_INVALID_PARAMETER);
    if (!cc__protection_is_valid(protect, false)) return cc__platform_fail(ERROR_INVALID_PARAMETER);
    uintptr_t limit = CC__ADDRESS_LIMIT - CC__GRANULARITY;
    if (size > limit || (uintptr_t)address > limit - size) return cc__platform_fail(ERROR_INVALID_PARAMETER);

    void *result;
    range_t range;
    lock();
    if ((work & MEM_RESERVE) != 0 || (address == NULL && work == MEM_COMMIT))
        result = reserve_and_commit(address, size, type, protect);
    else if (!cc__range_find(&range, address, size))
        result = cc__platform_fail(ERROR_INVALID_ADDRESS);
    else
        result = work == MEM_COMMIT ? commit(&range, protect) : reset(&range);
    unlock();
    return result;
}

/* ---- VirtualFree ------------------------------------------------------------------------------------------------- */

/* 0, or the error. pre: the lock is held. */
static DWORD release_at(LPVOID address, SIZE_T size) {
    region_t *region = cc__region_find((uintptr_t)address);
    if (size != 0 || (region != NULL && region->type != MEM_PRIVATE)) return ERROR_INVALID_PARAMETER;
    if (region == NULL || region->base != (uintptr_t)address) return ERROR_INVALID_ADDRESS;
    cc__region_release(region);
    return NO_ERROR;
}

/* pre: the lock is held. */
static DWORD decommit_at(LPVOID address, SIZE_T size) {
    region_t *region = cc__region_find((uintptr_t)address);
    range_t range = {region, 0, region != NULL ? region->page_count : 0};
    if (region != NULL && region->type != MEM_PRIVATE) return ERROR_INVALID_PARAMETER;
    if (region == NULL || (size == 0 && region->base != (uintptr_t)address)) return ERROR_INVALID_ADDRESS;
    if (size != 0 && !cc__range_find(&range, address, size)) return ERROR_INVALID_PARAMETER;
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
