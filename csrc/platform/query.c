/* platform/query.c: what a page is and may be used for: VirtualQuery, VirtualProtect, VirtualLock and IsBadReadPtr with
 * their kin. Memory that VirtualAlloc and MapViewOfFile did not give (the program's data, its stacks, malloc's) is as
 * the system lists it. */
#include "../base/mappings.h"
#include "virtual.h"

static void lock(void) {
    cc__platform_lock(CC__LOCK_REGIONS);
}

static void unlock(void) {
    cc__platform_unlock(CC__LOCK_REGIONS);
}

/* No region has a byte of it. pre: size > 0, the lock is held. */
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

/* The PAGE_ constant for what may be done with pages. */
static DWORD protection_of(const cc__mapping_t *mapping) {
    bool write = (mapping->access & CC__OS_WRITE) != 0, read = write || (mapping->access & CC__OS_READ) != 0;
    if ((mapping->access & CC__OS_EXECUTE) != 0)
        return write ? PAGE_EXECUTE_READWRITE : read ? PAGE_EXECUTE_READ : PAGE_EXECUTE;
    return write ? PAGE_READWRITE : read ? PAGE_READONLY : PAGE_NOACCESS;
}

/* ---- VirtualQuery ------------------------------------------------------------------------------------------------ */

/* Pages from `first` on that are in the same state. */
static size_t alike(const region_t *region, size_t first) {
    size_t end = first;
    unsigned state = region->pages[first] & ~PAGE_IS_LOCKED;
    while (end < region->page_count && (region->pages[end] & ~PAGE_IS_LOCKED) == (int)state) end++;
    return end - first;
}

static void describe_own(PMEMORY_BASIC_INFORMATION information, const region_t *region, uintptr_t at) {
    size_t page = cc__os_page_size(), first = (at - region->base) / page;
    unsigned state = region->pages[first];
    information->AllocationBase = (PVOID)region->base;
    information->AllocationProtect = region->protect;
    information->RegionSize = alike(region, first) * page;
    information->State = state != 0 ? MEM_COMMIT : MEM_RESERVE;
    information->Protect = state & ~(unsigned)PAGE_IS_LOCKED;
    information->Type = region->type;
}

/* What lies between mappings. On Windows all allocations begin at multiples of 64 KiB, so what is free ends at one:
 * programs that look for room count on it. The pages before a mapping that begins in between are told as reserved. */
static void describe_gap(PMEMORY_BASIC_INFORMATION information, uintptr_t at, uintptr_t start, uintptr_t end) {
    uintptr_t rest = end & ~(uintptr_t)(CC__GRANULARITY - 1);
    information->State = at < rest ? MEM_FREE : MEM_RESERVE;
    information->RegionSize = (at < rest ? rest : end) - at;
    if (at < rest) {
        information->Protect = PAGE_NOACCESS;
        return;
    }
    information->AllocationBase = (PVOID)(start > rest ? start : rest);
    information->AllocationProtect = PAGE_NOACCESS;
    information->Type = MEM_PRIVATE;
}

static void describe_foreign(PMEMORY_BASIC_INFORMATION information, uintptr_t at) {
    static const DWORD types[] = {
        [CC__MAPPING_MEMORY] = MEM_PRIVATE,
        [CC__MAPPING_STACK_ROOM] = MEM_PRIVATE,
        [CC__MAPPING_FILE] = MEM_MAPPED,
        [CC__MAPPING_IMAGE] = MEM_IMAGE,
    };
    uintptr_t end = cc__region_after(at);
    cc__mapping_t mapping;
    if (end > CC__ADDRESS_LIMIT) end = CC__ADDRESS_LIMIT;
    if (!cc__mapping_at(at, &mapping)) mapping = (cc__mapping_t){.kind = CC__MAPPING_FREE, .start = at, .end = end};
    if (end > mapping.end) end = mapping.end;
    if (mapping.kind == CC__MAPPING_FREE) {
        describe_gap(information, at, mapping.start, end);
        return;
    }
    bool room = mapping.kind == CC__MAPPING_STACK_ROOM;
    information->AllocationBase = (PVOID)mapping.first;
    information->RegionSize = end - at;
    information->State = room ? MEM_RESERVE : MEM_COMMIT;
    information->Protect = room ? 0 : protection_of(&mapping);
    information->AllocationProtect = room ? PAGE_READWRITE : information->Protect;
    if (mapping.kind == CC__MAPPING_IMAGE) information->AllocationProtect = PAGE_EXECUTE_WRITECOPY;
    information->Type = types[mapping.kind];
}

SIZE_T VirtualQuery(LPCVOID address, PMEMORY_BASIC_INFORMATION information, SIZE_T length) {
    uintptr_t at = (uintptr_t)address & ~(uintptr_t)(cc__os_page_size() - 1);
    if (information == NULL) return (SIZE_T)cc__platform_false(ERROR_NOACCESS);
    if (length < sizeof *information) return (SIZE_T)cc__platform_false(ERROR_BAD_LENGTH);
    if (at >= CC__ADDRESS_LIMIT) return (SIZE_T)cc__platform_false(ERROR_INVALID_PARAMETER);
    *information = (MEMORY_BASIC_INFORMATION){.BaseAddress = (PVOID)at};
    lock();
    const region_t *region = cc__region_find(at);
    if (region != NULL)
        describe_own(information, region, at);
    else
        describe_foreign(information, at);
    unlock();
    return sizeof *information;
}

/* ---- VirtualProtect ---------------------------------------------------------------------------------------------- */

/* NO_ERROR, or the code. pre: the lock is held, no region has a byte of it. */
static DWORD protect_foreign(LPVOID address, SIZE_T size, DWORD protect, PDWORD old_protect) {
    whole_pages(&address, &size);
    uintptr_t at = (uintptr_t)address, end = at + size;
    DWORD old = 0;
    while (at < end) {
        cc__mapping_t mapping;
        if (!cc__mapping_at(at, &mapping)) return ERROR_INVALID_ADDRESS;
        if (mapping.kind == CC__MAPPING_FREE || mapping.kind == CC__MAPPING_STACK_ROOM) return ERROR_INVALID_ADDRESS;
        if (!cc__protection_is_valid(protect, mapping.kind != CC__MAPPING_MEMORY)) return ERROR_INVALID_PARAMETER;
        if (old == 0) old = protection_of(&mapping);
        at = mapping.end;
    }
    if (cc__os_protect(address, size, cc__protection_access(protect)) != CC_OK) return ERROR_NOT_ENOUGH_MEMORY;
    *old_protect = old;
    return NO_ERROR;
}

/* The same for pages of ours. */
static DWORD protect_own(const range_t *range, DWORD protect, PDWORD old_protect) {
    if (!cc__protection_is_valid(protect, range->region->type != MEM_PRIVATE)) return ERROR_INVALID_PARAMETER;
    if (!cc__range_is_committed(range)) return ERROR_INVALID_ADDRESS;
    DWORD old = range->region->pages[range->first] & ~(DWORD)PAGE_IS_LOCKED;
    DWORD error = cc__range_protect(range, protect);
    if (error == NO_ERROR) *old_protect = old;
    return error;
}

BOOL VirtualProtect(LPVOID address, SIZE_T size, DWORD protect, PDWORD old_protect) {
    if (old_protect == NULL) return cc__platform_false(ERROR_NOACCESS);
    if (size == 0 || !cc__protection_is_valid(protect, true)) return cc__platform_false(ERROR_INVALID_PARAMETER);
    uintptr_t limit = CC__ADDRESS_LIMIT;
    if (size > limit || (uintptr_t)address > limit - size) return cc__platform_false(ERROR_INVALID_ADDRESS);
    DWORD error = ERROR_INVALID_ADDRESS;
    range_t range;
    lock();
    if (cc__range_find(&range, address, size))
        error = protect_own(&range, protect, old_protect);
    else if (is_foreign(address, size))
        error = protect_foreign(address, size, protect, old_protect);
    unlock();
    return error == NO_ERROR ? TRUE : cc__platform_false(error);
}

/* ---- VirtualLock: of static buffers, too, which programs lock often ---------------------------------------------- */

BOOL VirtualLock(LPVOID address, SIZE_T size) {
    if (size == 0 || size > CC__ADDRESS_LIMIT) return cc__platform_false(ERROR_INVALID_PARAMETER);
    range_t range = {NULL, 0, 0};
    bool good;
    int status = CC_OK;
    lock();
    if (cc__range_find(&range, address, size))
        good = cc__range_is_committed(&range);
    else
        good = is_foreign(address, size);
    if (good) {
        whole_pages(&address, &size);
        status = cc__os_lock(address, size);
        for (size_t i = 0; status == CC_OK && i < range.count; i++)
            range.region->pages[range.first + i] |= PAGE_IS_LOCKED;
    }
    unlock();
    if (good && status == CC_OK) return TRUE;
    return cc__platform_false(good && status == CC_ERROR_LIMIT ? ERROR_WORKING_SET_QUOTA : ERROR_NOACCESS);
}

BOOL VirtualUnlock(LPVOID address, SIZE_T size) {
    if (size == 0 || size > CC__ADDRESS_LIMIT) return cc__platform_false(ERROR_INVALID_PARAMETER);
    range_t range = {NULL, 0, 0};
    lock();
    bool good = cc__range_find(&range, address, size) || is_foreign(address, size);
    for (size_t i = 0; i < range.count; i++)
        good = good && (range.region->pages[range.first + i] & PAGE_IS_LOCKED) != 0;
    if (good) {
        whole_pages(&address, &size);
        cc__os_unlock(address, size);
        for (size_t i = 0; i < range.count; i++) range.region->pages[range.first + i] &= (uint16_t)~PAGE_IS_LOCKED;
    }
    unlock();
    return good ? TRUE : cc__platform_false(ERROR_NOT_LOCKED);
}

/* ---- IsBadReadPtr and its kin ------------------------------------------------------------------------------------ */

BOOL IsBadReadPtr(LPCVOID address, UINT_PTR size) {
    return !cc__memory_readable(address, size);
}

BOOL IsBadWritePtr(LPVOID address, UINT_PTR size) {
    return !cc__memory_writable(address, size);
}

BOOL IsBadCodePtr(FARPROC function) {
    return !cc__memory_readable((const void *)(uintptr_t)function, 1);
}

BOOL IsBadStringPtrA(LPCSTR text, UINT_PTR most) {
    size_t page = cc__os_page_size();
    if (text == NULL) return TRUE;
    for (UINT_PTR i = 0; i < most; i++) {
        if ((i == 0 || ((uintptr_t)(text + i) & (page - 1)) == 0) && !cc__memory_readable(text + i, 1)) return TRUE;
        if (text[i] == 0) return FALSE;
    }
    return FALSE;
}
