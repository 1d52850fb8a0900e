/* platform/mapping.c: CreateFileMapping and its views. A mapping is a file descriptor of its own, of a file or of
 * nameless memory; a view is a region of the table. Handles are numbers: of a place in the table of handles, or of a
 * file descriptor. */
#include "../base/files.h"

#include <stdlib.h>
#include <string.h>

#include "compat/win32_mapping.h"
#include "virtual.h"

typedef struct mapping {
    int file;
    uint64_t size;
    unsigned access;  /* CC__OS_ bits that a shared view may have */
    uint32_t handles; /* how many there are; the last one frees it */
    char name[];      /* "": none */
} mapping_t;

/* Under CC__LOCK_MAPPINGS. */
static mapping_t **table; /* by handle; NULL: free */
static size_t table_size;

/* Handles are multiples of 4, as on Windows, and never 0; those of files lie above those of mappings. */
#define FILE_HANDLES ((uintptr_t)1 << 40)

static void lock(void) {
    cc__platform_lock(CC__LOCK_MAPPINGS);
}

static void unlock(void) {
    cc__platform_unlock(CC__LOCK_MAPPINGS);
}

/* ---- handles ----------------------------------------------------------------------------------------------------- */

intptr_t _get_osfhandle(int file) {
    uint64_t size;
    unsigned access;
    if (cc__file_look_at(file, &size, &access) == CC_ERROR_ARGUMENT) {
        (void)cc__platform_false(ERROR_INVALID_HANDLE);
        return -1;
    }
    return (intptr_t)(FILE_HANDLES + 4 * (uintptr_t)file);
}

/* The descriptor, or -1. */
static int file_of(HANDLE handle) {
    uintptr_t distance = (uintptr_t)handle - FILE_HANDLES;
    return distance % 4 == 0 && distance / 4 <= INT32_MAX ? (int)(distance / 4) : -1;
}

/* The place of a mapping's handle, or NULL. pre: the lock is held. */
static mapping_t **place_of(HANDLE handle) {
    uintptr_t number = (uintptr_t)handle;
    if (number == 0 || number % 4 != 0 || number / 4 > table_size) return NULL;
    mapping_t **place = &table[number / 4 - 1];
    return *place != NULL ? place : NULL;
}

/* A new handle of the mapping; NULL when there is no memory. pre: the lock is held. */
static HANDLE new_handle(mapping_t *mapping) {
    size_t at = 0;
    while (at < table_size && table[at] != NULL) at++;
    if (at == table_size) {
        size_t more = table_size > 0 ? 2 * table_size : 16;
        mapping_t **grown = cc__own_calloc(more, sizeof(mapping_t *));
        if (grown == NULL) return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
        if (table_size > 0) memcpy(grown, table, table_size * sizeof *table);
        free(table);
        table = grown;
        table_size = more;
    }
    table[at] = mapping;
    mapping->handles++;
    return (HANDLE)(4 * (uintptr_t)(at + 1));
}

/* pre: the lock is held. */
static mapping_t *named(LPCSTR name) {
    for (size_t i = 0; i < table_size; i++)
        if (table[i] != NULL && table[i]->name[0] != 0 && strcmp(table[i]->name, name) == 0) return table[i];
    return NULL;
}

BOOL CloseHandle(HANDLE handle) {
    int file = file_of(handle);
    if (file >= 0) {
        uint64_t size;
        unsigned access;
        if (cc__file_look_at(file, &size, &access) == CC_ERROR_ARGUMENT)
            return cc__platform_false(ERROR_INVALID_HANDLE);
        cc__file_close(file);
        return TRUE;
    }
    lock();
    mapping_t **place = place_of(handle);
    if (place != NULL) {
        mapping_t *mapping = *place;
        *place = NULL;
        if (--mapping->handles == 0) {
            cc__file_close(mapping->file);
            free(mapping);
        }
    }
    unlock();
    return place != NULL ? TRUE : cc__platform_false(ERROR_INVALID_HANDLE);
}

/* ---- creating ---------------------------------------------------------------------------------------------------- */

/* What views may do, of a mapping with this protection; 0 when it is none for a mapping. */
static unsigned access_of(DWORD protect) {
    switch (protect) {
    case PAGE_READONLY:
    case PAGE_WRITECOPY: return CC__OS_READ;
    case PAGE_READWRITE: return CC__OS_READ | CC__OS_WRITE;
    case PAGE_EXECUTE_READ:
    case PAGE_EXECUTE_WRITECOPY: return CC__OS_READ | CC__OS_EXECUTE;
    case PAGE_EXECUTE_READWRITE: return CC__OS_READ | CC__OS_WRITE | CC__OS_EXECUTE;
    default: return 0;
    }
}

/* NO_ERROR, or the code. SEC_RESERVE commits as well: memory that is not touched costs nothing. */
static DWORD check_section(DWORD section) {
    DWORD kinds = section & (SEC_COMMIT | SEC_RESERVE | SEC_IMAGE);
    if (section == SEC_IMAGE) return ERROR_BAD_EXE_FORMAT;
    if ((section & ~(DWORD)(SEC_COMMIT | SEC_RESERVE | SEC_NOCACHE | SEC_WRITECOMBINE)) != 0)
        return ERROR_INVALID_PARAMETER;
    return section == 0 || kinds == SEC_COMMIT || kinds == SEC_RESERVE ? NO_ERROR : ERROR_INVALID_PARAMETER;
}

/* A descriptor for the mapping alone, and the mapping's size, which *size may leave to the file; else -1. */
static int open_file(HANDLE handle, unsigned access, uint64_t *size) {
    uint64_t file_size = 0;
    unsigned file_access = 0;
    int given = file_of(handle), file = -1;
    DWORD error = ERROR_NOT_ENOUGH_MEMORY;
    if (handle == INVALID_HANDLE_VALUE) {
        if (*size == 0) error = ERROR_INVALID_PARAMETER;
        if (*size > 0 && *size <= (uint64_t)INT64_MAX) file = cc__file_of_memory(*size);
    } else if (given < 0 || cc__file_look_at(given, &file_size, &file_access) != CC_OK) {
        error = ERROR_INVALID_HANDLE;
    } else if ((access & (CC__OS_READ | CC__OS_WRITE) & ~file_access) != 0) {
        error = ERROR_ACCESS_DENIED;
    } else if (*size == 0 && file_size == 0) {
        error = ERROR_FILE_INVALID;
    } else if (*size > file_size && (access & CC__OS_WRITE) == 0) {
        error = ERROR_NOT_ENOUGH_MEMORY;
    } else if (*size > file_size && (*size > (uint64_t)INT64_MAX || cc__file_extend(given, *size) != CC_OK)) {
        error = ERROR_DISK_FULL;
    } else {
        if (*size == 0) *size = file_size;
        file = cc__file_duplicate(given);
    }
    if (file < 0) (void)cc__platform_false(error);
    return file;
}

/* A handle of a new mapping. pre: the lock is held. */
static HANDLE create(HANDLE file, unsigned access, uint64_t size, LPCSTR name) {
    mapping_t *mapping = cc__own_calloc(1, sizeof *mapping + strlen(name) + 1);
    if (mapping == NULL) return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    mapping->file = open_file(file, access, &size);
    mapping->size = size;
    mapping->access = access;
    memcpy(mapping->name, name, strlen(name) + 1);
    HANDLE handle = mapping->file >= 0 ? new_handle(mapping) : NULL;
    if (handle == NULL) {
        if (mapping->file >= 0) cc__file_close(mapping->file);
        free(mapping);
    }
    return handle;
}

HANDLE CreateFileMappingA(HANDLE file, LPSECURITY_ATTRIBUTES attributes, DWORD protect, DWORD size_high, DWORD size_low,
                          LPCSTR name) {
    (void)attributes;
    unsigned access = access_of(protect & 0xFF);
    DWORD error = access != 0 ? check_section(protect & ~(DWORD)0xFF) : ERROR_INVALID_PARAMETER;
    if (error != NO_ERROR) return cc__platform_fail(error);
    lock();
    mapping_t *same = name != NULL ? named(name) : NULL;
    uint64_t size = (uint64_t)size_high << 32 | size_low;
    HANDLE handle = same != NULL ? new_handle(same) : create(file, access, size, name != NULL ? name : "");
    unlock();
    if (handle != NULL) SetLastError(same != NULL ? ERROR_ALREADY_EXISTS : NO_ERROR);
    return handle;
}

HANDLE OpenFileMappingA(DWORD access, BOOL inherit, LPCSTR name) {
    (void)access, (void)inherit;
    if (name == NULL) return cc__platform_fail(ERROR_INVALID_PARAMETER);
    lock();
    mapping_t *mapping = named(name);
    HANDLE handle = mapping != NULL ? new_handle(mapping) : cc__platform_fail(ERROR_FILE_NOT_FOUND);
    unlock();
    return handle;
}

/* ---- views ------------------------------------------------------------------------------------------------------- */

/* The protection of a view's pages. */
static DWORD protection_of(DWORD access) {
    bool execute = (access & FILE_MAP_EXECUTE) != 0;
    access &= FILE_MAP_COPY | FILE_MAP_WRITE | FILE_MAP_READ;
    if (access == FILE_MAP_COPY) return execute ? PAGE_EXECUTE_WRITECOPY : PAGE_WRITECOPY;
    if ((access & FILE_MAP_WRITE) != 0) return execute ? PAGE_EXECUTE_READWRITE : PAGE_READWRITE;
    if ((access & FILE_MAP_READ) != 0) return execute ? PAGE_EXECUTE_READ : PAGE_READONLY;
    return PAGE_NOACCESS;
}

/* NO_ERROR when the view may be made. `*size` 0 becomes what is left of the mapping. */
static DWORD check_view(const mapping_t *mapping, DWORD protect, uint64_t offset, SIZE_T *size, LPCVOID wanted) {
    bool copy = protect == PAGE_WRITECOPY || protect == PAGE_EXECUTE_WRITECOPY;
    unsigned needed = cc__protection_access(protect) & (copy ? ~(unsigned)CC__OS_WRITE : ~0u);
    if ((offset | (uintptr_t)wanted) % CC__GRANULARITY != 0) return ERROR_MAPPED_ALIGNMENT;
    if ((needed & ~mapping->access) != 0) return ERROR_ACCESS_DENIED;
    if (offset >= mapping->size) return ERROR_INVALID_PARAMETER;
    uint64_t left = cc__round_up((size_t)(mapping->size - offset), cc__os_page_size());
    if (*size > left) return ERROR_ACCESS_DENIED;
    if (*size == 0) *size = (size_t)(mapping->size - offset);
    uintptr_t limit = CC__ADDRESS_LIMIT - CC__GRANULARITY;
    return *size <= limit && (uintptr_t)wanted <= limit - *size ? NO_ERROR : ERROR_INVALID_PARAMETER;
}

/* pre: both locks are held. */
static LPVOID map(const mapping_t *mapping, DWORD protect, uint64_t offset, SIZE_T size, LPVOID wanted) {
    bool copy = protect == PAGE_WRITECOPY || protect == PAGE_EXECUTE_WRITECOPY;
    region_t *region = cc__region_reserve(wanted, size, MEM_MAPPED, protect);
    if (region == NULL) return NULL;
    size_t bytes = region->page_count * cc__os_page_size();
    region->most = cc__protection_access(protect) | (mapping->access & (CC__OS_READ | CC__OS_EXECUTE));
    if (cc__file_view((void *)region->base, bytes, mapping->file, offset, cc__protection_access(protect), copy) !=
        CC_OK) {
        cc__region_release(region);
        return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    }
    for (size_t i = 0; i < region->page_count; i++) region->pages[i] = (uint16_t)protect;
    return (LPVOID)region->base;
}

LPVOID MapViewOfFileEx(HANDLE handle, DWORD access, DWORD offset_high, DWORD offset_low, SIZE_T size, LPVOID wanted) {
    DWORD protect = protection_of(access), error = ERROR_INVALID_HANDLE;
    uint64_t offset = (uint64_t)offset_high << 32 | offset_low;
    LPVOID view = NULL;
    lock();
    mapping_t **place = place_of(handle);
    if (place != NULL) error = check_view(*place, protect, offset, &size, wanted);
    if (error == NO_ERROR) {
        cc__platform_lock(CC__LOCK_REGIONS);
        view = map(*place, protect, offset, size, wanted);
        cc__platform_unlock(CC__LOCK_REGIONS);
    } else {
        (void)cc__platform_false(error);
    }
    unlock();
    return view;
}

LPVOID MapViewOfFile(HANDLE mapping, DWORD access, DWORD offset_high, DWORD offset_low, SIZE_T size) {
    return MapViewOfFileEx(mapping, access, offset_high, offset_low, size, NULL);
}

/* The view that the address lies in, or NULL. pre: the regions' lock is held. */
static region_t *view_of(LPCVOID address) {
    region_t *region = cc__region_find((uintptr_t)address);
    return region != NULL && region->type == MEM_MAPPED ? region : NULL;
}

BOOL UnmapViewOfFile(LPCVOID address) {
    cc__platform_lock(CC__LOCK_REGIONS);
    region_t *region = view_of(address);
    if (region != NULL) cc__region_release(region);
    cc__platform_unlock(CC__LOCK_REGIONS);
    return region != NULL ? TRUE : cc__platform_false(ERROR_INVALID_ADDRESS);
}

BOOL FlushViewOfFile(LPCVOID address, SIZE_T size) {
    size_t page = cc__os_page_size();
    cc__platform_lock(CC__LOCK_REGIONS);
    region_t *region = view_of(address);
    uintptr_t at = (uintptr_t)address & ~(uintptr_t)(page - 1);
    size_t left = region != NULL ? region->base + region->page_count * page - at : 0;
    if (size != 0 && size + ((uintptr_t)address - at) < left)
        left = cc__round_up(size + ((uintptr_t)address - at), page);
    bool good = region != NULL && cc__file_flush((void *)at, left) == CC_OK;
    cc__platform_unlock(CC__LOCK_REGIONS);
    return good ? TRUE : cc__platform_false(ERROR_INVALID_ADDRESS);
}
