/* test_fault.c: every request for memory of each call fails, one after the other: NULL or FALSE with an error code, the
 * statistics as they were, and the next attempt succeeds.
 * variants: fault fault-libc */
#include "base/fault.h"
#include "compat/memory_wrapper.h"

#include "../check.h"

/* A call that needs memory and gives it back; false when it failed. */
typedef bool (*work_t)(void);

static bool block(void) {
    void *pointer = Platform_Alloc(100, MEM_NORMAL);
    Platform_Free(pointer, 100);
    return pointer != NULL;
}

static bool special_block(void) {
    void *pointer = Platform_Alloc(100, MEM_TEMP | MEM_CLEAR);
    Platform_Free(pointer, 100);
    return pointer != NULL;
}

static bool large_block(void) {
    void *pointer = Platform_Alloc(1 << 20, MEM_NORMAL);
    Platform_Free(pointer, 0);
    return pointer != NULL;
}

static bool locked_block(void) {
    Platform_Mem_EnableLocking(true);
    void *pointer = Platform_Alloc(100, MEM_LOCK);
    Platform_Mem_EnableLocking(false);
    Platform_Free(pointer, 100);
    return pointer != NULL;
}

static bool resized_block(void) {
    unsigned char *pointer = Platform_Alloc(100, MEM_NORMAL);
    if (pointer == NULL) return false;
    memset(pointer, 5, 100);
    unsigned char *moved = Platform_Realloc(pointer, 100, 30000);
    CHECK((moved != NULL ? moved : pointer)[99] == 5);
    Platform_Free(moved != NULL ? moved : pointer, 0);
    return moved != NULL;
}

static bool heap(void) {
    HANDLE made = HeapCreate(0, 0, 100000);
    if (made == NULL) return false;
    char *one = HeapAlloc(made, HEAP_ZERO_MEMORY, 100), *other = HeapAlloc(made, 0, 300);
    char *moved = one != NULL ? HeapReAlloc(made, HEAP_ZERO_MEMORY, one, 50000) : NULL;
    if (moved != NULL) one = moved;
    for (int i = 0; one != NULL && i < 100; i++) CHECK(one[i] == 0);
    CHECK(HeapFree(made, 0, other));
    /* what failed is not counted against the limit */
    char *rest = moved != NULL ? HeapAlloc(made, 0, 40000) : NULL;
    bool good = one != NULL && other != NULL && moved != NULL && rest != NULL;
    CHECK(HeapDestroy(made));
    return good;
}

static bool fixed_memory(void) {
    HGLOBAL memory = GlobalAlloc(GPTR, 100);
    HGLOBAL larger = memory != NULL ? GlobalReAlloc(memory, 5000, GMEM_MOVEABLE) : NULL;
    HGLOBAL handle = larger != NULL ? GlobalReAlloc(larger, 0, GMEM_MODIFY | GMEM_MOVEABLE) : NULL;
    CHECK(GlobalFree(handle != NULL ? handle : larger != NULL ? larger : memory) == NULL);
    return handle != NULL;
}

static bool movable_memory(void) {
    HGLOBAL memory = GlobalAlloc(GHND, 100);
    if (memory == NULL) return false;
    bool good = GlobalReAlloc(memory, 50000, GMEM_ZEROINIT) != NULL;
    CHECK_EQUAL(GlobalSize(memory), good ? 50000 : 100);
    CHECK(GlobalFree(memory) == NULL);
    return good;
}

static bool pages(void) {
    char *base = VirtualAlloc(NULL, 1 << 20, MEM_RESERVE, PAGE_READWRITE);
    if (base == NULL) return false;
    DWORD old;
    bool good = VirtualAlloc(base, 8192, MEM_COMMIT, PAGE_READWRITE) != NULL &&
                VirtualProtect(base, 8192, PAGE_READONLY, &old) && VirtualLock(base, 4096) && VirtualUnlock(base, 4096);
    CHECK(VirtualFree(base, 0, MEM_RELEASE));
    return good;
}

static bool committed_pages(void) {
    void *base = VirtualAlloc(NULL, 1 << 20, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (base != NULL) CHECK(VirtualFree(base, 0, MEM_RELEASE));
    return base != NULL;
}

static bool view(void) {
    HANDLE mapping = CreateFileMapping(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 100000, "sweep");
    if (mapping == NULL) return false;
    char *address = MapViewOfFile(mapping, FILE_MAP_WRITE, 0, 0, 0);
    if (address != NULL) CHECK(address[99999] == 0 && UnmapViewOfFile(address));
    CHECK(CloseHandle(mapping));
    return address != NULL;
}

static bool walk(void) {
    HANDLE made = HeapCreate(0, 0, 0);
    if (made == NULL) return false;
    PROCESS_HEAP_ENTRY entry = {.lpData = NULL};
    bool good = HeapAlloc(made, 0, 10) != NULL && HeapWalk(made, &entry) && HeapWalk(made, &entry);
    CHECK(HeapDestroy(made));
    return good;
}

static void sweep(work_t work, const char *name) {
    size_t bytes = Platform_Mem_GetAllocated(), count = Platform_Mem_GetCount(), failures = 0;
    for (int persistent = 0; persistent < 2; persistent++) {
        for (uint64_t number = 1, requests = number; requests >= number; number++) {
            SetLastError(NO_ERROR);
            cc_fault_arm(number, persistent != 0);
            bool good = work();
            requests = cc_fault_requests();
            cc_fault_arm(0, false);
            failures += !good;
            if (!good) CHECK(GetLastError() != NO_ERROR);
            CHECK(work());
            CHECK_EQUAL(Platform_Mem_GetAllocated(), bytes);
            CHECK_EQUAL(Platform_Mem_GetCount(), count);
        }
    }
    printf("    %s: %zu failures\n", name, failures);
    CHECK(failures > 0);
}

static void sweep_all(void) {
    sweep(block, "block");
    sweep(special_block, "special_block");
    sweep(large_block, "large_block");
    sweep(locked_block, "locked_block");
    sweep(resized_block, "resized_block");
    sweep(heap, "heap");
    sweep(fixed_memory, "fixed_memory");
    sweep(movable_memory, "movable_memory");
    sweep(pages, "pages");
    sweep(committed_pages, "committed_pages");
    sweep(view, "view");
    sweep(walk, "walk");
}

static void test_calls(void) {
    sweep_all();
}

/* A thread whose every request fails from its first on gets no shard of its own: its blocks are counted all the same.
 */
static void without_a_shard(size_t index, void *unused) {
    (void)index, (void)unused;
    size_t bytes = Platform_Mem_GetAllocated(), temp = Platform_Mem_GetTempAllocated();
    for (uint64_t number = 1; number <= 6; number++) {
        cc_fault_arm(number, false);
        void *one = Platform_Alloc(100, MEM_NORMAL), *other = Platform_Alloc(50, MEM_TEMP);
        cc_fault_arm(0, false);
        CHECK_EQUAL(Platform_Mem_GetAllocated() - bytes, (one != NULL ? 100 : 0) + (other != NULL ? 50 : 0));
        CHECK_EQUAL(Platform_Mem_GetTempAllocated() - temp, other != NULL ? 50 : 0);
        Platform_Free(one, 100);
        Platform_Free(other, 0);
        CHECK_EQUAL(Platform_Mem_GetAllocated(), bytes);
    }
}

static void test_threads_without_a_record(void) {
    for (int i = 0; i < 100; i++) { /* more than one map of shards */
        check_thread_t thread;
        check_start(&thread, without_a_shard, NULL);
        check_join(&thread);
    }
}

static size_t told;

static void note(const Platform_Leak *leak, void *context) {
    (void)context;
    told += leak->bytes;
}

/* A place that cannot be noted is no reason to fail; a report needs no memory. */
static void test_tracking(void) {
    Platform_Mem_TrackLeaks(true);
    cc_fault_arm(2, true); /* the first is for the block, the next for the first place */
    void *unknown = Platform_AllocEx(7, MEM_NORMAL, "b.c", 2), *kept;
    CHECK(unknown != NULL && cc_fault_requests() > 1);
    cc_fault_arm(0, false);
    CHECK((kept = Platform_AllocEx(123, MEM_NORMAL, "a.c", 1)) != NULL);
    cc_fault_arm(1, true);
    CHECK_EQUAL(Platform_Mem_DumpLeaksTo(note, NULL), 1);
    cc_fault_arm(0, false);
    CHECK_EQUAL(told, 123);
    CHECK_EQUAL(Platform_Mem_GetAllocated(), 130);
    Platform_Free(unknown, 7);
    Platform_Free(kept, 123);
    CHECK_EQUAL(Platform_Mem_GetAllocated(), 0);
    sweep_all();
    CHECK_EQUAL(Platform_Mem_DumpLeaksTo(note, NULL), 0);
    Platform_Mem_TrackLeaks(false);
}

int main(void) {
    RUN(test_tracking);
    RUN(test_threads_without_a_record);
    RUN(test_calls);
    return 0;
}
