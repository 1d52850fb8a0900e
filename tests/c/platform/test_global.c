/* test_global.c: handles by number, from many threads, and the memory's status under an override.
 * variants: release asan tsan valgrind */
#include "compat/memory_wrapper.h"

#include "../check.h"

static void test_many_handles(void) {
    enum { MANY = 20000 };
    static HGLOBAL handles[MANY];
    uint64_t random = 3;
    for (size_t i = 0; i < SCALED(MANY); i++) {
        handles[i] = GlobalAlloc(i % 2 == 0 ? GHND : GMEM_FIXED, 1 + i % 100);
        CHECK(handles[i] != NULL);
        memset(GlobalLock(handles[i]), (int)i, 1 + i % 100);
        GlobalUnlock(handles[i]);
    }
    for (size_t round = 0; round < SCALED(MANY); round++) {
        size_t i = check_random(&random) % SCALED(MANY);
        CHECK_EQUAL(GlobalSize(handles[i]), 1 + i % 100);
        CHECK_EQUAL(*(unsigned char *)GlobalLock(handles[i]), (unsigned char)i);
        CHECK(GlobalUnlock(handles[i]) == (i % 2 == 1));
        CHECK(GlobalFree(handles[i]) == NULL);
        handles[i] = GlobalAlloc(i % 2 == 0 ? GMEM_MOVEABLE : GMEM_FIXED, 1 + i % 100);
        *(unsigned char *)GlobalLock(handles[i]) = (unsigned char)i;
        GlobalUnlock(handles[i]);
    }
    for (size_t i = 0; i < SCALED(MANY); i++) CHECK(GlobalFree(handles[i]) == NULL);
    for (size_t i = 0; i < SCALED(MANY); i += 2) CHECK(GlobalFree(handles[i]) == handles[i]);
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_HANDLE);
}

static void test_what_is_no_handle(void) {
    char *handle = GlobalAlloc(GHND, 10);
    static const ptrdiff_t distances[] = {-64, -32, -4, 4, 32, 64, 1 << 20};
    for (size_t i = 0; i < sizeof distances / sizeof *distances; i++) {
        CHECK(GlobalLock(handle + distances[i]) == NULL);
        CHECK_EQUAL(GlobalFlags(handle + distances[i]), GMEM_INVALID_HANDLE);
        CHECK(GlobalFree(handle + distances[i]) == handle + distances[i]);
    }
    CHECK(GlobalFree(handle) == NULL);
}

/* Movable memory may move while it is not locked, and stays where it is while it is. */
static void test_locked_memory_stays(void) {
    HGLOBAL handle = GlobalAlloc(GMEM_MOVEABLE, 100);
    char *block = GlobalLock(handle);
    memset(block, 6, 100);
    CHECK(GlobalReAlloc(handle, 10 << 20, 0) == NULL);
    CHECK(GlobalReAlloc(handle, 50, 0) == handle && GlobalLock(handle) == block);
    GlobalUnlock(handle);
    GlobalUnlock(handle);
    CHECK(GlobalReAlloc(handle, 10 << 20, GMEM_ZEROINIT) == handle);
    block = GlobalLock(handle);
    CHECK(block[49] == 6 && block[50] == 0 && block[(10 << 20) - 1] == 0);
    CHECK(GlobalFree(handle) == NULL);
}

static void churn(size_t index, void *common) {
    uint64_t random = 7 + index;
    for (size_t round = 0; round < SCALED(20000); round++) {
        size_t size = 1 + check_random(&random) % 300;
        HGLOBAL own = GlobalAlloc(GHND, size);
        char *block = GlobalLock(own);
        CHECK(block != NULL && block[size - 1] == 0);
        block[size - 1] = 1;
        CHECK(GlobalLock(common) != NULL);
        CHECK_EQUAL(GlobalSize(common), 77);
        (void)GlobalUnlock(common);
        CHECK(GlobalFree(own) == NULL);
    }
}

static void test_threads(void) {
    HGLOBAL common = GlobalAlloc(GHND, 77);
    check_threads(8, churn, common);
    CHECK_EQUAL(GlobalFlags(common), 0);
    CHECK(GlobalFree(common) == NULL);
}

static void test_memory_of_the_machine(void) {
    MEMORYSTATUS status;
    size_t total = Platform_Total_Ram_Free(), free_bytes = Platform_Ram_Free();
    CHECK(total > 16 << 20 && free_bytes > 0 && free_bytes <= total);
    Platform_Ram_Override(PLATFORM_RAM_FREE_PRESET, PLATFORM_RAM_TOTAL_PRESET);
    CHECK_EQUAL(Platform_Ram_Free(), 268435456);
    CHECK_EQUAL(Platform_Total_Ram_Free(), 536870912);
    GlobalMemoryStatus(&status);
    CHECK_EQUAL(status.dwTotalPhys, 536870912);
    CHECK_EQUAL(status.dwAvailPhys, 268435456);
    CHECK_EQUAL(status.dwTotalPageFile, 536870912);
    CHECK_EQUAL(status.dwMemoryLoad, 50);
    Platform_Ram_Override(0, 0);
    CHECK_EQUAL(Platform_Total_Ram_Free(), total);
}

int main(void) {
    RUN(test_many_handles);
    RUN(test_what_is_no_handle);
    RUN(test_locked_memory_stays);
    RUN(test_threads);
    RUN(test_memory_of_the_machine);
    return 0;
}
