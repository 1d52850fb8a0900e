/* platform/region_table.h: what VirtualAlloc reserved and MapViewOfFile mapped, by address, with a state for each page.
 * All under CC__LOCK_REGIONS. */
#ifndef CC_PLATFORM_REGION_TABLE_H
#define CC_PLATFORM_REGION_TABLE_H

#include "platform_internal.h"

typedef struct region {
    uintptr_t base; /* a multiple of 64 KiB */
    size_t page_count;
    uint32_t type;    /* MEM_PRIVATE, or MEM_MAPPED: a view of a file */
    uint32_t protect; /* as asked for at the reservation */
    unsigned most;    /* CC__OS_ bits that its pages may have */
    uint16_t pages[]; /* 0: reserved; else committed: its PAGE_ bits, and PAGE_IS_LOCKED */
} region_t;

enum { PAGE_IS_LOCKED = 0x8000 };

/* The region that the address lies in, or NULL. */
region_t *cc__region_find(uintptr_t address);

/* Where the first region above the address begins; UINTPTR_MAX when there is none. */
uintptr_t cc__region_after(uintptr_t address);

/* A region, zeroed but for page_count, which is in no table yet; NULL when there is no memory. free() gives it back. */
region_t *cc__region_new(size_t page_count);

/* Puts it into the table, which owns it until cc__region_remove. False when there is no memory.
 * pre: it overlaps none. */
bool cc__region_add(region_t *region);
void cc__region_remove(region_t *region);

#endif
