/* What each Win32 call of compat/memory_wrapper.h does: virtual memory, heaps, global memory. See say.h. */
#include "say.h"

/* ---- virtual memory ---------------------------------------------------------------------------------------------- */

static void test_reserve_and_commit(void) {
    base = (char *)VirtualAlloc(NULL, 10 * MIB, MEM_RESERVE, PAGE_READWRITE);
    say("VirtualAlloc, reserve", base != NULL);
    say_number("VirtualAlloc, reserve, below 64 KiB granularity", (size_t)base & 0xFFFF);
    say_query("VirtualQuery, reserved", base);
    say_query("VirtualQuery, reserved, in the middle", base + 5 * MIB + 17);
    say_address("VirtualAlloc, commit in the middle of pages",
                VirtualAlloc(base + 4097, 4096, MEM_COMMIT, PAGE_READWRITE));
    say_query("VirtualQuery, before what is committed", base);
    say_query("VirtualQuery, committed", base + 4096);
    say_query("VirtualQuery, committed, second page", base + 8192);
    say_query("VirtualQuery, behind what is committed", base + 12288);
    say("VirtualAlloc, committed pages are zero", all_are(base + 4096, 8192, 0));
    memset(base + 4096, 7, 8192);
    say_address("VirtualAlloc, commit again, other protection",
                VirtualAlloc(base + 4096, 4096, MEM_COMMIT, PAGE_READONLY));
    say("VirtualAlloc, commit again, contents stay", all_are(base + 4096, 8192, 7));
    say_query("VirtualQuery, committed again", base + 4096);
    say_address("VirtualAlloc, commit across committed and reserved",
                VirtualAlloc(base, 32 * KIB, MEM_COMMIT, PAGE_READWRITE));
    say_query("VirtualQuery, committed across", base);
    say_address("VirtualAlloc, commit past the end",
                VirtualAlloc(base + 10 * MIB - 4096, 8192, MEM_COMMIT, PAGE_READWRITE));
    say_address("VirtualAlloc, reserve what is reserved",
                VirtualAlloc(base + 64 * KIB, 4096, MEM_RESERVE, PAGE_READWRITE));
    say("VirtualFree, decommit a page", VirtualFree(base + 4096, 4096, MEM_DECOMMIT));
    say_query("VirtualQuery, decommitted", base + 4096);
    say("VirtualFree, decommit it again", VirtualFree(base + 4096, 4096, MEM_DECOMMIT));
    say_address("VirtualAlloc, commit what was decommitted",
                VirtualAlloc(base + 4096, 4096, MEM_COMMIT, PAGE_READWRITE));
    say("VirtualAlloc, it is zero", all_are(base + 4096, 4096, 0));
    say("VirtualFree, decommit two bytes on two pages", VirtualFree(base + 8191, 2, MEM_DECOMMIT));
    say_query("VirtualQuery, two pages decommitted", base + 4096);
    say("VirtualFree, decommit all by size 0", VirtualFree(base, 0, MEM_DECOMMIT));
    say_query("VirtualQuery, all decommitted", base);
    say("VirtualFree, decommit size 0 not at the base", VirtualFree(base + 4096, 0, MEM_DECOMMIT));
    say("VirtualFree, decommit past the end", VirtualFree(base + 10 * MIB - 4096, 8192, MEM_DECOMMIT));
    say("VirtualFree, release with a size", VirtualFree(base, 4096, MEM_RELEASE));
    say("VirtualFree, release not at the base", VirtualFree(base + 64 * KIB, 0, MEM_RELEASE));
    say("VirtualFree, release and decommit", VirtualFree(base, 0, MEM_RELEASE | MEM_DECOMMIT));
    say("VirtualFree, neither", VirtualFree(base, 0, 0));
    say("VirtualFree, release", VirtualFree(base, 0, MEM_RELEASE));
    say_query("VirtualQuery, released", base);
    say("VirtualFree, release again", VirtualFree(base, 0, MEM_RELEASE));
    say("VirtualFree, decommit what is released", VirtualFree(base, 4096, MEM_DECOMMIT));
    say("VirtualFree, NULL", VirtualFree(NULL, 0, MEM_RELEASE));
}

/* pre: `base` is where the last test had its memory. */
static void test_addresses(void) {
    char *other;
    other = (char *)VirtualAlloc(base, 1, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    say_address("VirtualAlloc, at a given address", other);
    say_query("VirtualQuery, one byte is a page", base);
    say("VirtualFree, at a given address", VirtualFree(base, 0, MEM_RELEASE));
    other = (char *)VirtualAlloc(base + 64 * KIB + 5000, 4096, MEM_RESERVE, PAGE_READONLY);
    say_address("VirtualAlloc, reserve at an address in between", other);
    say_query("VirtualQuery, reserved at an address in between", base + 64 * KIB);
    say("VirtualFree, it", VirtualFree(base + 64 * KIB, 0, MEM_RELEASE));
    other = (char *)VirtualAlloc(base + 64 * KIB + 5000, 4096, MEM_RESERVE | MEM_COMMIT, PAGE_READONLY);
    say_address("VirtualAlloc, reserve and commit at an address in between", other);
    say("VirtualFree, it too", VirtualFree(base + 64 * KIB, 0, MEM_RELEASE));
    other = (char *)VirtualAlloc(NULL, 100, MEM_COMMIT, PAGE_READWRITE);
    say("VirtualAlloc, commit alone without an address reserves", other != NULL && ((size_t)other & 0xFFFF) == 0);
    say("VirtualFree, what that reserved", VirtualFree(other, 0, MEM_RELEASE));
    other = (char *)VirtualAlloc(NULL, 100 * KIB, MEM_RESERVE | MEM_COMMIT | MEM_TOP_DOWN, PAGE_READWRITE);
    say("VirtualAlloc, top down", other != NULL && ((size_t)other & 0xFFFF) == 0);
    memset(other, 1, 100 * KIB);
    say("VirtualFree, top down", VirtualFree(other, 0, MEM_RELEASE));
}

static void say_no_memory(const char *name, void *address) {
    say(name, address != NULL);
    if (address != NULL) VirtualFree(address, 0, MEM_RELEASE);
    SetLastError(12345);
}

static void test_bad_arguments(void) {
    say_no_memory("VirtualAlloc, size 0", VirtualAlloc(NULL, 0, MEM_RESERVE, PAGE_READWRITE));
    say_no_memory("VirtualAlloc, no type", VirtualAlloc(NULL, 4096, 0, PAGE_READWRITE));
    say_no_memory("VirtualAlloc, top down alone", VirtualAlloc(NULL, 4096, MEM_TOP_DOWN, PAGE_READWRITE));
    say_no_memory("VirtualAlloc, unknown type", VirtualAlloc(NULL, 4096, MEM_RESERVE | 0x4, PAGE_READWRITE));
    say_no_memory("VirtualAlloc, release as type", VirtualAlloc(NULL, 4096, MEM_RESERVE | MEM_RELEASE, PAGE_READWRITE));
    say_no_memory("VirtualAlloc, protection 0", VirtualAlloc(NULL, 4096, MEM_RESERVE, 0));
    say_no_memory("VirtualAlloc, two protections",
                  VirtualAlloc(NULL, 4096, MEM_RESERVE, PAGE_READWRITE | PAGE_READONLY));
    say_no_memory("VirtualAlloc, copy on write", VirtualAlloc(NULL, 4096, MEM_RESERVE | MEM_COMMIT, PAGE_WRITECOPY));
    say_no_memory("VirtualAlloc, executable copy on write",
                  VirtualAlloc(NULL, 4096, MEM_RESERVE | MEM_COMMIT, PAGE_EXECUTE_WRITECOPY));
    say_no_memory("VirtualAlloc, no access and guard",
                  VirtualAlloc(NULL, 4096, MEM_RESERVE | MEM_COMMIT, PAGE_NOACCESS | PAGE_GUARD));
    say_no_memory("VirtualAlloc, all of the address space",
                  VirtualAlloc(NULL, (SIZE_T)1 << 62, MEM_RESERVE, PAGE_READWRITE));
    say_no_memory("VirtualAlloc, more than there is",
                  VirtualAlloc(NULL, (SIZE_T)0x7FFF00000000, MEM_RESERVE, PAGE_READWRITE));
    say_no_memory("VirtualAlloc, SIZE_MAX", VirtualAlloc(NULL, (SIZE_T)-1, MEM_RESERVE, PAGE_READWRITE));
    say_no_memory("VirtualAlloc, behind the address space",
                  VirtualAlloc((void *)((size_t)1 << 60), 4096, MEM_RESERVE, PAGE_READWRITE));
    say_no_memory("VirtualAlloc, around the end",
                  VirtualAlloc((void *)~(size_t)0xFFFF, 128 * KIB, MEM_RESERVE, PAGE_READWRITE));
    say_no_memory("VirtualAlloc, address 1", VirtualAlloc((void *)1, 4096, MEM_RESERVE, PAGE_READWRITE));
    base = (char *)VirtualAlloc(NULL, 16 * MIB, MEM_RESERVE, PAGE_READWRITE);
    VirtualFree(base, 0, MEM_RELEASE);
    SetLastError(12345);
    say_no_memory("VirtualAlloc, commit where nothing is reserved",
                  VirtualAlloc(base, 4096, MEM_COMMIT, PAGE_READWRITE));
    say_no_memory("VirtualAlloc, reset where nothing is reserved", VirtualAlloc(base, 4096, MEM_RESET, PAGE_READWRITE));
    say_no_memory("VirtualAlloc, reset and commit", VirtualAlloc(NULL, 4096, MEM_RESET | MEM_COMMIT, PAGE_READWRITE));
}

static void test_protect(void) {
    static const DWORD all[] = {PAGE_NOACCESS, PAGE_READONLY,     PAGE_READWRITE,
                                PAGE_EXECUTE,  PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE};
    DWORD old = 99;
    size_t i;
    base = (char *)VirtualAlloc(NULL, 64 * KIB, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    say("VirtualProtect, memory for it", base != NULL);
    for (i = 0; i < sizeof all / sizeof *all; i++) {
        char name[64];
        sprintf(name, "VirtualProtect, %x", (unsigned)all[i]);
        say(name, VirtualProtect(base, 4096, all[i], &old));
        sprintf(name, "VirtualProtect, protection before %x", (unsigned)all[i]);
        say_number(name, old);
        sprintf(name, "VirtualQuery, protected %x", (unsigned)all[i]);
        say_query(name, base);
    }
    say("VirtualProtect, no access and guard", VirtualProtect(base, 1, PAGE_NOACCESS | PAGE_GUARD, &old));
    say("VirtualProtect, guard", VirtualProtect(base, 1, PAGE_READWRITE | PAGE_GUARD, &old));
    say_query("VirtualQuery, guard", base);
    say("VirtualProtect, two bytes on two pages", VirtualProtect(base + 4095, 2, PAGE_READONLY, &old));
    say_number("VirtualProtect, old protection is the first page's", old);
    say_query("VirtualQuery, two pages protected", base);
    say("VirtualProtect, copy on write", VirtualProtect(base, 4096, PAGE_WRITECOPY, &old));
    say("VirtualProtect, protection 0", VirtualProtect(base, 4096, 0, &old));
    say("VirtualProtect, unknown protection", VirtualProtect(base, 4096, 0x10000, &old));
    say("VirtualProtect, without an old protection", VirtualProtect(base, 4096, PAGE_READWRITE, NULL));
    say("VirtualProtect, size 0", VirtualProtect(base, 0, PAGE_READWRITE, &old));
    say("VirtualProtect, past the end", VirtualProtect(base, 65 * KIB, PAGE_READWRITE, &old));
    VirtualFree(base + 8192, 4096, MEM_DECOMMIT);
    say("VirtualProtect, a page is not committed", VirtualProtect(base, 64 * KIB, PAGE_READWRITE, &old));
    say("VirtualProtect, whole, back", VirtualProtect(base, 8192, PAGE_READWRITE, &old));
    base[0] = 3;
    say_address("VirtualAlloc, reset", VirtualAlloc(base + 1, 4096, MEM_RESET, PAGE_NOACCESS));
    base[0] = 4;
    say_number("VirtualAlloc, written after a reset", (size_t)base[0]);
    say_query("VirtualQuery, reset changes no protection", base);
    say_address("VirtualAlloc, reset what is not committed",
                VirtualAlloc(base + 8192, 4096, MEM_RESET, PAGE_READWRITE));
    say("VirtualLock", VirtualLock(base, 4096));
    say("VirtualLock, again", VirtualLock(base + 10, 1));
    say("VirtualUnlock", VirtualUnlock(base, 4096));
    say("VirtualUnlock, again", VirtualUnlock(base, 4096));
    say("VirtualLock, not committed", VirtualLock(base + 8192, 4096));
    say("VirtualLock, size 0", VirtualLock(base, 0));
    say("VirtualUnlock, never locked", VirtualUnlock(base + 16 * KIB, 4096));
    say("VirtualFree, protected memory", VirtualFree(base, 0, MEM_RELEASE));
    say("VirtualProtect, what is released", VirtualProtect(base, 4096, PAGE_READWRITE, &old));
    say("VirtualLock, what is released", VirtualLock(base, 4096));
}

static void test_query(void) {
    MEMORY_BASIC_INFORMATION found;
    base = (char *)VirtualAlloc(NULL, 64 * KIB, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    say_number("VirtualQuery, a length", VirtualQuery(base, &found, sizeof found) == sizeof found);
    say("VirtualQuery, too short", VirtualQuery(base, &found, sizeof found - 1) != 0);
    say("VirtualQuery, behind the address space", VirtualQuery((void *)~(size_t)0xFFFF, &found, sizeof found) != 0);
    say_query("VirtualQuery, address 0", NULL);
    VirtualFree(base, 0, MEM_RELEASE);
}

/* ---- heaps ------------------------------------------------------------------------------------------------------- */

static void test_heap(void) {
    HANDLE heap = HeapCreate(0, 0, 0), other = HeapCreate(HEAP_NO_SERIALIZE, 1000, 0);
    char *block, *more;
    size_t size;
    int good = 1;
    say("HeapCreate, growable", heap != NULL);
    say("HeapCreate, without serialization", other != NULL);
    for (size = 0; size < 300; size++) {
        block = (char *)HeapAlloc(heap, HEAP_ZERO_MEMORY, size);
        good = good && block != NULL && HeapSize(heap, 0, block) == size && ((size_t)block & 15) == 0 &&
               all_are(block, size, 0);
        if (block != NULL) memset(block, 1, size);
    }
    say("HeapAlloc, sizes", good);
    block = (char *)HeapAlloc(heap, 0, 3 * MIB);
    say("HeapAlloc, large", block != NULL);
    say_number("HeapSize, large", HeapSize(heap, 0, block));
    memset(block, 2, 3 * MIB);
    say("HeapFree, large", HeapFree(heap, 0, block));
    block = (char *)HeapAlloc(heap, 0, 100);
    memset(block, 5, 100);
    more = (char *)HeapReAlloc(heap, HEAP_ZERO_MEMORY, block, 5000);
    say("HeapReAlloc, larger", more != NULL && all_are(more, 100, 5));
    say("HeapReAlloc, new bytes are zero", all_are(more + 100, 4900, 0));
    say_number("HeapSize, after it", HeapSize(heap, 0, more));
    block = (char *)HeapReAlloc(heap, 0, more, 10);
    say("HeapReAlloc, smaller", block != NULL && all_are(block, 10, 5));
    say_number("HeapSize, after that", HeapSize(heap, 0, block));
    more = (char *)HeapReAlloc(heap, HEAP_ZERO_MEMORY, block, 20);
    say("HeapReAlloc, bytes that come back are zero", more != NULL && all_are(more + 10, 10, 0));
    block = (char *)HeapReAlloc(heap, 0, more, 0);
    say("HeapReAlloc, to size 0", block != NULL);
    say_number("HeapSize, 0", HeapSize(heap, 0, block));
    say("HeapValidate, a block", HeapValidate(heap, 0, block));
    say("HeapFree, it", HeapFree(heap, 0, block));
    say("HeapFree, NULL", HeapFree(heap, 0, NULL));
    say("HeapReAlloc, NULL", HeapReAlloc(heap, 0, NULL, 10) != NULL);
    say("HeapAlloc, too much", HeapAlloc(heap, 0, (SIZE_T)-1) != NULL);
    say("HeapAlloc, much too much", HeapAlloc(heap, 0, (SIZE_T)1 << 60) != NULL);
    block = (char *)HeapAlloc(heap, 0, 50);
    memset(block, 6, 50);
    say("HeapReAlloc, too much", HeapReAlloc(heap, 0, block, (SIZE_T)1 << 60) != NULL);
    say("HeapReAlloc, the block is intact", all_are(block, 50, 6));
    more = (char *)HeapReAlloc(heap, HEAP_REALLOC_IN_PLACE_ONLY, block, 20);
    say("HeapReAlloc, in place, smaller", more == block);
    say("HeapReAlloc, in place, much larger", HeapReAlloc(heap, HEAP_REALLOC_IN_PLACE_ONLY, block, MIB) != NULL);
    say_number("HeapSize, unchanged", HeapSize(heap, 0, block));
    say("HeapValidate, another heap's block", HeapValidate(other, 0, block));
    say("HeapValidate, a heap", HeapValidate(heap, 0, NULL));
    say("HeapDestroy, with blocks in it", HeapDestroy(heap));
    say("HeapDestroy, empty", HeapDestroy(other));
    say("HeapDestroy, NULL", HeapDestroy(NULL));
}

static void test_process_heap(void) {
    char *block;
    say("GetProcessHeap", GetProcessHeap() != NULL && GetProcessHeap() == GetProcessHeap());
    block = (char *)HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, 1000);
    say("HeapAlloc, the process's heap", block != NULL && all_are(block, 1000, 0));
    say_number("HeapSize, the process's heap", HeapSize(GetProcessHeap(), 0, block));
    block = (char *)HeapReAlloc(GetProcessHeap(), 0, block, 2000);
    say_number("HeapSize, the process's heap, larger", HeapSize(GetProcessHeap(), 0, block));
    say("HeapFree, the process's heap", HeapFree(GetProcessHeap(), 0, block));
    say("HeapDestroy, the process's heap", HeapDestroy(GetProcessHeap()));
}

static void test_fixed_heap(void) {
    HANDLE heap = HeapCreate(0, 4 * KIB, 256 * KIB);
    char *block[300];
    int count = 0, again = 0;
    say("HeapCreate, fixed", heap != NULL);
    while (count < 300 && (block[count] = (char *)HeapAlloc(heap, 0, 1000)) != NULL) count++;
    say("HeapAlloc, a fixed heap is full", count == 300);
    say("HeapAlloc, most of a fixed heap is for blocks", count >= 220 && count <= 262);
    say("HeapFree, in a full heap", HeapFree(heap, 0, block[3]));
    say("HeapAlloc, there is room again", (block[3] = (char *)HeapAlloc(heap, 0, 1000)) != NULL);
    while (count > 0) HeapFree(heap, 0, block[--count]);
    while (again < 300 && (block[again] = (char *)HeapAlloc(heap, 0, 1000)) != NULL) again++;
    say("HeapAlloc, as many again", again >= 220);
    say("HeapReAlloc, no room", HeapReAlloc(heap, 0, block[0], 200 * KIB) != NULL);
    say("HeapAlloc, more than the heap", HeapAlloc(heap, 0, MIB) != NULL);
    say("HeapDestroy, fixed", HeapDestroy(heap));
    heap = HeapCreate(0, 0, 100 * KIB);
    say("HeapCreate, fixed, no initial size", heap != NULL);
    say("HeapDestroy, it", HeapDestroy(heap));
}

/* ---- global memory ----------------------------------------------------------------------------------------------- */

static void test_global_fixed(void) {
    char *block = (char *)GlobalAlloc(GMEM_FIXED, 100), *more;
    say("GlobalAlloc, fixed", block != NULL);
    say("GlobalAlloc, it can be written to", memset(block, 1, 100) != NULL);
    say_number("GlobalSize, fixed", GlobalSize(block));
    say("GlobalLock, fixed is itself", GlobalLock(block) == block);
    say("GlobalUnlock, fixed", GlobalUnlock(block));
    say_number("GlobalFlags, fixed", GlobalFlags(block));
    say("GlobalHandle, fixed", GlobalHandle(block) == block);
    more = (char *)GlobalReAlloc(block, 5000, GMEM_MOVEABLE | GMEM_ZEROINIT);
    say("GlobalReAlloc, fixed, may move", more != NULL && all_are(more, 100, 1) && all_are(more + 100, 4900, 0));
    say_number("GlobalSize, after it", GlobalSize(more));
    say("GlobalReAlloc, fixed, must not move", GlobalReAlloc(more, 3 * MIB, 0) != NULL);
    say("GlobalFree, fixed", GlobalFree(more) == NULL);
    block = (char *)GlobalAlloc(GPTR, 1000);
    say("GlobalAlloc, GPTR is zero", block != NULL && all_are(block, 1000, 0));
    say("GlobalFree, GPTR", GlobalFree(block) == NULL);
    say("GlobalFree, NULL", GlobalFree(NULL) == NULL);
    block = (char *)GlobalAlloc(GMEM_FIXED, 0);
    say("GlobalAlloc, fixed, size 0", block != NULL);
    say("GlobalFree, size 0", GlobalFree(block) == NULL);
    say("GlobalAlloc, too much", GlobalAlloc(GMEM_FIXED, (SIZE_T)1 << 60) != NULL);
    say("GlobalAlloc, movable, too much", GlobalAlloc(GMEM_MOVEABLE, (SIZE_T)1 << 60) != NULL);
}

static void test_global_movable(void) {
    HGLOBAL memory = GlobalAlloc(GHND, 100), same;
    char *block = (char *)GlobalLock(memory), *second;
    int i;
    say("GlobalAlloc, movable", memory != NULL);
    say("GlobalLock, a handle is no pointer", block != NULL && (HGLOBAL)block != memory);
    say("GlobalAlloc, GHND is zero", all_are(block, 100, 0));
    memset(block, 9, 100);
    say_number("GlobalSize, movable", GlobalSize(memory));
    say_number("GlobalFlags, locked once", GlobalFlags(memory));
    say("GlobalHandle, movable", GlobalHandle(block) == memory);
    second = (char *)GlobalLock(memory);
    say("GlobalLock, twice", second == block);
    say_number("GlobalFlags, locked twice", GlobalFlags(memory));
    say("GlobalUnlock, still locked", GlobalUnlock(memory));
    say("GlobalUnlock, the last time", GlobalUnlock(memory));
    say("GlobalUnlock, not locked", GlobalUnlock(memory));
    say_number("GlobalFlags, not locked", GlobalFlags(memory));
    same = GlobalReAlloc(memory, 100000, GMEM_ZEROINIT);
    block = (char *)GlobalLock(memory);
    say("GlobalReAlloc, the handle stays", same == memory);
    say("GlobalReAlloc, contents", block != NULL && all_are(block, 100, 9) && all_are(block + 100, 99900, 0));
    say_number("GlobalSize, larger", GlobalSize(memory));
    say("GlobalFree, while it is locked", GlobalFree(memory) == NULL);

    memory = GlobalAlloc(GMEM_MOVEABLE, 0);
    say("GlobalAlloc, movable, size 0", memory != NULL);
    say_number("GlobalFlags, size 0 is discarded", GlobalFlags(memory));
    say_number("GlobalSize, discarded", GlobalSize(memory));
    say("GlobalLock, discarded", GlobalLock(memory) != NULL);
    say("GlobalReAlloc, discarded, comes back", GlobalReAlloc(memory, 50, 0) == memory);
    say_number("GlobalSize, came back", GlobalSize(memory));
    say("GlobalReAlloc, to size 0", GlobalReAlloc(memory, 0, GMEM_MOVEABLE) == memory);
    say_number("GlobalFlags, discarded by size 0", GlobalFlags(memory));
    say("GlobalFree, discarded", GlobalFree(memory) == NULL);

    memory = GlobalAlloc(GMEM_MOVEABLE | GMEM_DISCARDABLE, 10);
    say_number("GlobalFlags, discardable", GlobalFlags(memory));
    for (i = 0; i < 300; i++) GlobalLock(memory);
    say_number("GlobalFlags, locked 300 times", GlobalFlags(memory) & GMEM_LOCKCOUNT);
    say("GlobalFree, discardable", GlobalFree(memory) == NULL);
    memory = GlobalAlloc(GMEM_FIXED, 10);
    say("GlobalReAlloc, fixed becomes movable", (same = GlobalReAlloc(memory, 0, GMEM_MODIFY | GMEM_MOVEABLE)) != NULL);
    say("GlobalLock, what was fixed", GlobalLock(same) != NULL);
    say_number("GlobalSize, what was fixed", GlobalSize(same));
    say("GlobalFree, what was fixed", GlobalFree(same) == NULL);
    say("GlobalLock, NULL", GlobalLock(NULL) != NULL);
    say_number("GlobalSize, NULL", GlobalSize(NULL));
    say("GlobalUnlock, NULL", GlobalUnlock(NULL));
    say("GlobalReAlloc, NULL", GlobalReAlloc(NULL, 10, GMEM_MOVEABLE) != NULL);
    say_number("GlobalFlags, NULL", GlobalFlags(NULL));
}

static void test_global_freed(void) {
    HGLOBAL memory = GlobalAlloc(GMEM_MOVEABLE, 10);
    say("GlobalFree, a handle", GlobalFree(memory) == NULL);
    say("GlobalLock, freed", GlobalLock(memory) != NULL);
    say_number("GlobalSize, freed", GlobalSize(memory));
    say_number("GlobalFlags, freed", GlobalFlags(memory));
    say("GlobalUnlock, freed", GlobalUnlock(memory));
    say("GlobalReAlloc, freed", GlobalReAlloc(memory, 20, 0) != NULL);
    say("GlobalFree, freed", GlobalFree(memory) == NULL);
}

static void test_local(void) {
    HLOCAL memory = LocalAlloc(LPTR, 77), handle = LocalAlloc(LHND, 5);
    char *block;
    say("LocalAlloc, fixed", memory != NULL && all_are((char *)memory, 77, 0));
    say_number("LocalSize", LocalSize(memory));
    say("LocalLock, fixed", LocalLock(memory) == memory);
    say("LocalUnlock, fixed", LocalUnlock(memory));
    memory = LocalReAlloc(memory, 99, LMEM_MOVEABLE);
    say_number("LocalSize, larger", LocalSize(memory));
    say("LocalFree", LocalFree(memory) == NULL);
    block = (char *)LocalLock(handle);
    say("LocalLock, movable", block != NULL && all_are(block, 5, 0));
    say_number("LocalFlags, locked", LocalFlags(handle));
    say("LocalHandle", LocalHandle(block) == handle);
    say("LocalUnlock, movable", LocalUnlock(handle));
    say("LocalUnlock, not locked", LocalUnlock(handle));
    say("LocalFree, movable", LocalFree(handle) == NULL);
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

static void test_macros_and_status(void) {
    char bytes[64], copy[64];
    MEMORYSTATUS status;
    ZeroMemory(bytes, sizeof bytes);
    say("ZeroMemory", all_are(bytes, sizeof bytes, 0));
    FillMemory(bytes, 10, 0xFF);
    say("FillMemory", all_are(bytes, 10, (char)0xFF) && bytes[10] == 0);
    CopyMemory(copy, bytes, sizeof bytes);
    say("CopyMemory", memcmp(copy, bytes, sizeof bytes) == 0);
    MoveMemory(bytes + 5, bytes, 10);
    say("MoveMemory", all_are(bytes, 15, (char)0xFF) && bytes[15] == 0);
    memset(&status, 0xAA, sizeof status);
    GlobalMemoryStatus(&status);
    say_number("GlobalMemoryStatus, length", status.dwLength);
    say("GlobalMemoryStatus, physical", status.dwTotalPhys > 0 && status.dwAvailPhys <= status.dwTotalPhys);
    say("GlobalMemoryStatus, page file",
        status.dwTotalPageFile > 0 && status.dwAvailPageFile <= status.dwTotalPageFile);
    say("GlobalMemoryStatus, virtual", status.dwTotalVirtual > 0 && status.dwAvailVirtual < status.dwTotalVirtual);
    say("GlobalMemoryStatus, load", status.dwMemoryLoad <= 100);
    SetLastError(77);
    say_number("SetLastError", GetLastError());
    say_number("sizeof MEMORY_BASIC_INFORMATION", sizeof(MEMORY_BASIC_INFORMATION));
    say_number("sizeof DWORD", sizeof(DWORD));
}

int main(void) {
    SetLastError(12345);
    test_reserve_and_commit();
    test_addresses();
    test_bad_arguments();
    test_protect();
    test_query();
    test_heap();
    test_process_heap();
    test_fixed_heap();
    test_global_fixed();
    test_global_movable();
    test_global_freed();
    test_local();
    test_macros_and_status();
    return 0;
}
