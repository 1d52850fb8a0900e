/* What the calls do that look at memory which others gave, that map files, and that list heaps. See say.h. */
#include "say.h"

static int zeros[16384];
static const char constant[] = "constant";

/* State and type alone: sizes and addresses are the program's. */
static void say_state(const char *name, const void *address) {
    MEMORY_BASIC_INFORMATION found;
    if (VirtualQuery(address, &found, sizeof found) == 0)
        say(name, 0);
    else
        printf("%s: state %x, type %x\n", name, (unsigned)found.State, (unsigned)found.Type);
}

/* How often a search for free room finds some that it does not get. */
static void test_search(void) {
    MEMORY_BASIC_INFORMATION found;
    char *at = (char *)((size_t)zeros & ~(size_t)0xFFFF);
    int refused = 0, steps = 0;
    while (steps++ < 10000 && VirtualQuery(at, &found, sizeof found) != 0) {
        size_t end = (size_t)found.BaseAddress + found.RegionSize;
        if (found.State == MEM_FREE && found.RegionSize >= 0x10000 && ((size_t)at & 0xFFFF) == 0) {
            void *got = VirtualAlloc(at, 0x10000, MEM_RESERVE, PAGE_NOACCESS);
            if (got != NULL) {
                VirtualFree(got, 0, MEM_RELEASE);
                break;
            }
            refused++;
        }
        at = (char *)((end + (found.State == MEM_FREE ? 0 : 0xFFFF)) & ~(size_t)0xFFFF);
    }
    say_number("VirtualQuery, room that is free and is not to be had", (size_t)refused);
    say("VirtualQuery, free room is found", steps < 10000);
}

static void test_what_others_gave(void) {
    char *page = (char *)(((size_t)zeros + 4095) & ~(size_t)4095);
    MEMORY_BASIC_INFORMATION found;
    DWORD old = 0;
    int local = 0;
    say_state("VirtualQuery, static data", page);
    say_state("VirtualQuery, a constant", constant);
    say_state("VirtualQuery, code", (const void *)(size_t)&test_search);
    say_state("VirtualQuery, the stack", &local);
    say_state("VirtualQuery, address 0", NULL);
    say("VirtualProtect, static data", VirtualProtect(page, 4096, PAGE_READONLY, &old));
    VirtualQuery(page, &found, sizeof found);
    say_number("VirtualQuery, static data, protection", found.Protect);
    say("IsBadWritePtr, read-only data", !IsBadWritePtr(page, 1));
    say("VirtualProtect, static data, back", VirtualProtect(page, 4096, PAGE_READWRITE, &old));
    say_number("VirtualProtect, static data, the old protection", old);
    page[0] = 1;
    say("VirtualProtect, nothing there", VirtualProtect((void *)((size_t)1 << 40), 4096, PAGE_READONLY, &old));
    say("VirtualAlloc, reserve what the program has", VirtualAlloc(page, 4096, MEM_RESERVE, PAGE_READWRITE) != NULL);
}

static void test_bad_pointers(void) {
    char *some = (char *)VirtualAlloc(NULL, 8192, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    DWORD old;
    int local = 0;
    memset(some, 'x', 8192);
    VirtualProtect(some + 4096, 4096, PAGE_NOACCESS, &old);
    SetLastError(12345);
    say_number("IsBadReadPtr, all of a page", (size_t)IsBadReadPtr(some, 4096));
    say_number("IsBadReadPtr, one byte more", (size_t)IsBadReadPtr(some, 4097));
    say_number("IsBadReadPtr, NULL", (size_t)IsBadReadPtr(NULL, 1));
    say_number("IsBadReadPtr, NULL, no byte", (size_t)IsBadReadPtr(NULL, 0));
    say_number("IsBadReadPtr, around the end", (size_t)IsBadReadPtr((void *)~(size_t)0, 10));
    say_number("IsBadWritePtr, all of a page", (size_t)IsBadWritePtr(some, 4096));
    say_number("IsBadWritePtr, one byte more", (size_t)IsBadWritePtr(some, 4097));
    say_number("IsBadWritePtr, a constant", (size_t)IsBadWritePtr((void *)(size_t)constant, 1));
    say_number("IsBadWritePtr, the stack", (size_t)IsBadWritePtr(&local, sizeof local));
    say_number("IsBadCodePtr, NULL", (size_t)IsBadCodePtr(NULL));
    say_number("IsBadCodePtr, code", (size_t)IsBadCodePtr((FARPROC)(size_t)&test_search));
    say_number("IsBadStringPtr, a text", (size_t)IsBadStringPtrA(constant, 100));
    say_number("IsBadStringPtr, without an end", (size_t)IsBadStringPtrA(some, 10000));
    say_number("IsBadStringPtr, as much as is there", (size_t)IsBadStringPtrA(some, 4096));
    say_number("IsBadStringPtr, NULL", (size_t)IsBadStringPtrA(NULL, 10));
    say_number("a byte after all that", (size_t)some[4095]);
}

static void test_mapping(void) {
    HANDLE mapping = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 100000, NULL);
    char *whole, *part, *copy;
    DWORD old;
    say("CreateFileMapping", mapping != NULL);
    whole = (char *)MapViewOfFile(mapping, FILE_MAP_WRITE, 0, 0, 0);
    part = (char *)MapViewOfFile(mapping, FILE_MAP_READ, 0, 65536, 0);
    base = whole;
    say("MapViewOfFile", whole != NULL && ((size_t)whole & 0xFFFF) == 0 && all_are(whole, 100000, 0));
    say_query("VirtualQuery, a view", whole);
    whole[65536] = 5;
    say_number("MapViewOfFile, another view sees what is written", (size_t)part[0]);
    copy = (char *)MapViewOfFile(mapping, FILE_MAP_COPY, 0, 0, 100);
    copy[0] = 1;
    say_number("MapViewOfFile, a copy keeps what is written", (size_t)whole[0]);
    base = copy;
    say_query("VirtualQuery, a copy", copy);
    SetLastError(12345);
    say("MapViewOfFile, an odd offset", MapViewOfFile(mapping, FILE_MAP_READ, 0, 1, 0) != NULL);
    say("MapViewOfFile, more than there is", MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 200000) != NULL);
    say("MapViewOfFile, behind the end", MapViewOfFile(mapping, FILE_MAP_READ, 0, 131072, 0) != NULL);
    say("MapViewOfFile, NULL", MapViewOfFile(NULL, FILE_MAP_READ, 0, 0, 0) != NULL);
    say("MapViewOfFile, no handle", MapViewOfFile((HANDLE)12345, FILE_MAP_READ, 0, 0, 0) != NULL);
    say("MapViewOfFile, code in what is data",
        MapViewOfFile(mapping, FILE_MAP_READ | FILE_MAP_EXECUTE, 0, 0, 0) != NULL);
    say("MapViewOfFileEx, where a view is", MapViewOfFileEx(mapping, FILE_MAP_READ, 0, 0, 0, whole) != NULL);
    say("MapViewOfFileEx, an odd address", MapViewOfFileEx(mapping, FILE_MAP_READ, 0, 0, 0, whole + 1) != NULL);
    say("VirtualFree, a view", VirtualFree(whole, 0, MEM_RELEASE));
    say("VirtualFree, decommit a view", VirtualFree(whole, 4096, MEM_DECOMMIT));
    say("VirtualProtect, a view", VirtualProtect(whole, 4096, PAGE_READONLY, &old));
    say("VirtualProtect, a view for reading", VirtualProtect(part, 4096, PAGE_READWRITE, &old));
    say("UnmapViewOfFile, from the middle", UnmapViewOfFile(whole + 5000));
    say("UnmapViewOfFile, again", UnmapViewOfFile(whole));
    say("UnmapViewOfFile, NULL", UnmapViewOfFile(NULL));
    say("CloseHandle", CloseHandle(mapping));
    say_number("CloseHandle, views stay", (size_t)part[0]);
    say("UnmapViewOfFile, after CloseHandle", UnmapViewOfFile(part));
    say("CloseHandle, again", CloseHandle(mapping));
    mapping = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READONLY, 0, 100, "conformance");
    say("MapViewOfFile, writing to what is read-only", MapViewOfFile(mapping, FILE_MAP_WRITE, 0, 0, 0) != NULL);
    say("MapViewOfFile, a copy of it", MapViewOfFile(mapping, FILE_MAP_COPY, 0, 0, 0) != NULL);
    CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READONLY, 0, 100, "conformance");
    say_number("CreateFileMapping, the same name", GetLastError());
    say("OpenFileMapping", OpenFileMappingA(FILE_MAP_READ, FALSE, "conformance") != NULL);
    say("OpenFileMapping, another name", OpenFileMappingA(FILE_MAP_READ, FALSE, "something else") != NULL);
    say("CreateFileMapping, no size",
        CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 0, NULL) != NULL);
    say("CreateFileMapping, no access",
        CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_NOACCESS, 0, 10, NULL) != NULL);
    say("CreateFileMapping, no file", CreateFileMappingA((HANDLE)12345, NULL, PAGE_READWRITE, 0, 10, NULL) != NULL);
    say("CreateFileMapping, two sections",
        CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE | SEC_RESERVE | SEC_COMMIT, 0, 10, NULL) != NULL);
}

/* What a walk tells of one block: its size, and that it is in use. */
static void say_walk(HANDLE heap, const void *block) {
    PROCESS_HEAP_ENTRY entry;
    int times = 0;
    entry.lpData = NULL;
    while (HeapWalk(heap, &entry)) {
        if (entry.lpData != block) continue;
        printf("HeapWalk, a block: %d bytes, flags %x\n", (int)entry.cbData, entry.wFlags);
        times++;
    }
    say("HeapWalk, the end", 0);
    say_number("HeapWalk, how often a block is told", (size_t)times);
}

static void test_heaps(void) {
    HANDLE heap = HeapCreate(0, 0, 0), all[20];
    DWORD count = GetProcessHeaps(0, NULL);
    ULONG value = 99;
    SIZE_T needed = 0;
    int i, found = 0;
    void *block = HeapAlloc(heap, 0, 100);
    for (i = 0; i < 5; i++) (void)HeapAlloc(heap, 0, 1000 * (SIZE_T)i);
    say_number("GetProcessHeaps, as many as without room", GetProcessHeaps(20, all) == count);
    for (i = 0; i < (int)count; i++) found += all[i] == heap || all[i] == GetProcessHeap();
    say_number("GetProcessHeaps, the two that are known", (size_t)found);
    say("GetProcessHeaps, the process's comes first", all[0] == GetProcessHeap());
    say_walk(heap, block);
    say("HeapLock", HeapLock(heap));
    say("HeapLock, again", HeapLock(heap));
    say("HeapAlloc, in a locked heap", HeapAlloc(heap, 0, 10) != NULL);
    say("HeapUnlock", HeapUnlock(heap));
    say("HeapUnlock, again", HeapUnlock(heap));
    say("HeapQueryInformation",
        HeapQueryInformation(heap, HeapCompatibilityInformation, &value, sizeof value, &needed));
    say_number("HeapQueryInformation, at first", value);
    say_number("HeapQueryInformation, bytes", needed);
    say("HeapQueryInformation, no room", HeapQueryInformation(heap, HeapCompatibilityInformation, NULL, 0, &needed));
    value = 2;
    say("HeapSetInformation", HeapSetInformation(heap, HeapCompatibilityInformation, &value, sizeof value));
    say("HeapSetInformation, corruption", HeapSetInformation(NULL, HeapEnableTerminationOnCorruption, NULL, 0));
    say("HeapValidate, NULL", HeapValidate(NULL, 0, NULL));
    HeapDestroy(heap);
    say_number("GetProcessHeaps, one less", count - GetProcessHeaps(0, NULL));
}

static void test_fixed_heap(void) {
    HANDLE heap = HeapCreate(0, 0, 16 * MIB);
    say("HeapAlloc, a megabyte of a fixed heap", HeapAlloc(heap, 0, MIB) != NULL);
    say("HeapAlloc, half of that", HeapAlloc(heap, 0, MIB / 2) != NULL);
    HeapDestroy(heap);
}

static void test_system(void) {
    SYSTEM_INFO information;
    MEMORYSTATUSEX status;
    GetSystemInfo(&information);
    say_number("GetSystemInfo, page size", information.dwPageSize);
    say_number("GetSystemInfo, granularity", information.dwAllocationGranularity);
    say_number("GetSystemInfo, lowest address", (size_t)information.lpMinimumApplicationAddress);
    say_number("GetSystemInfo, highest address", (size_t)information.lpMaximumApplicationAddress);
    say("GetSystemInfo, processors", information.dwNumberOfProcessors > 0 && information.dwActiveProcessorMask != 0);
    say("FlushInstructionCache", FlushInstructionCache(GetCurrentProcess(), (const void *)(size_t)&test_search, 10));
    status.dwLength = 5;
    say("GlobalMemoryStatusEx, a wrong length", GlobalMemoryStatusEx(&status));
    status.dwLength = sizeof status;
    say("GlobalMemoryStatusEx", GlobalMemoryStatusEx(&status));
    say("GlobalMemoryStatusEx, physical", status.ullTotalPhys > 0 && status.ullAvailPhys <= status.ullTotalPhys);
    say_number("sizeof MEMORYSTATUSEX", sizeof status);
    say_number("sizeof SYSTEM_INFO", sizeof information);
    say_number("sizeof PROCESS_HEAP_ENTRY", sizeof(PROCESS_HEAP_ENTRY));
    say_number("sizeof LONG", sizeof(LONG));
    say_number("sizeof ULONG", sizeof(ULONG));
    say_number("MAX_PATH", MAX_PATH);
}

int main(void) {
    SetLastError(12345);
    test_search();
    test_what_others_gave();
    test_bad_pointers();
    test_mapping();
    test_heaps();
    test_fixed_heap();
    test_system();
    return 0;
}
