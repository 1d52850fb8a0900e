/* platform/virtual.h: regions of pages, for the files that hand them out: virtual.c, query.c and mapping.c. All under
 * CC__LOCK_REGIONS, which is the caller's to take. */
#ifndef CC_PLATFORM_VIRTUAL_H
#define CC_PLATFORM_VIRTUAL_H

#include "compat/win32_virtual.h"
#include "region_table.h"

enum { CC__GRANULARITY = 64 * 1024 };

/* What user code can address, as on Windows. */
#define CC__ADDRESS_LIMIT ((uintptr_t)1 << 47)

/* Whole pages in a region. */
typedef struct range {
    region_t *region;
    size_t first, count;
} range_t;

/* All pages that have a byte of address .. address + size - 1. False when they are not all in one region. pre: size >
 * 0. */
bool cc__range_find(range_t *range, LPCVOID address, SIZE_T size);
bool cc__range_is_committed(const range_t *range);

/* Gives the pages a protection, for the system and in the table. NO_ERROR or the code. */
DWORD cc__range_protect(const range_t *range, DWORD protect);

/* Whether a protection may be asked for; copy on write is for files' pages. What it lets a program do, as CC__OS_. */
bool cc__protection_is_valid(DWORD protect, bool of_file);
unsigned cc__protection_access(DWORD protect);

/* A region that is in the table, all of it reserved; NULL after a failure. `address` NULL: anywhere. */
region_t *cc__region_reserve(LPVOID address, SIZE_T size, DWORD type, DWORD protect);

/* Unmaps it and frees it. */
void cc__region_release(region_t *region);

#endif
