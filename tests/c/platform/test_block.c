/* test_block.c: Platform_Alloc, Platform_Free, Platform_Realloc: blocks, flags, errors, and the statistics of one
 * thread.
 * variants: release debug asan tsan valgrind */
#include "compat/memory_wrapper.h"

#include "../check.h"

static bool all_are(const void *bytes, size_t count, unsigned char value) {
    for (size_t i = 0; i < count; i++)
        if (((const unsigned char *)bytes)[i] != value) return false;
    return true;
}

/* What the macros do and what the exported functions do is the same. */
typedef struct calls {
    void *(*allocate)(size_t size, uint32_t flags);
    void (*release)(void *pointer, size_t size);
} calls_t;

static void *allocate_inline(size_t size, uint32_t flags) {
    return Platform_Alloc(size, flags);
}

static void release_inline(void *pointer, size_t size) {
    Platform_Free(pointer, size);
}

static const calls_t both[] = {{allocate_inline, release_inline}, {Platform_Alloc, Platform_Free}};

static void test_blocks(void) {
    for (size_t way = 0; way < 2; way++) {
        for (size_t size = 1; size < 3000; size += 1 + size / 7) {
            for (uint32_t flags = 0; flags < 8; flags++) {
                size_t before = Platform_Mem_GetAllocated(), count = Platform_Mem_GetCount();
                size_t temp = Platform_Mem_GetTempAllocated(), temp_count = Platform_Mem_GetTempCount();
                bool is_temp = (flags & MEM_TEMP) != 0;
                unsigned char *block = both[way].allocate(size, flags);
                CHECK(block != NULL);
                CHECK_EQUAL((uintptr_t)block % 16, 0);
                if ((flags & MEM_CLEAR) != 0) CHECK(all_are(block, size, 0));
                memset(block, 0xEE, size);
                CHECK_EQUAL(Platform_Mem_GetAllocated() - before, size);
                CHECK_EQUAL(Platform_Mem_GetCount() - count, 1);
                CHECK_EQUAL(Platform_Mem_GetTempAllocated() - temp, is_temp ? size : 0);
                CHECK_EQUAL(Platform_Mem_GetTempCount() - temp_count, is_temp);
                both[way].release(block, flags % 2 == 0 ? size : 0);
                CHECK_EQUAL(Platform_Mem_GetAllocated(), before);
                CHECK_EQUAL(Platform_Mem_GetCount(), count);
                CHECK_EQUAL(Platform_Mem_GetTempAllocated(), temp);
                CHECK_EQUAL(Platform_Mem_GetTempCount(), temp_count);
            }
        }
    }
}

static void test_errors(void) {
    size_t before = Platform_Mem_GetAllocated();
    for (size_t way = 0; way < 2; way++) {
        static const struct {
            size_t size;
            uint32_t flags;
            DWORD error;
        } bad[] = {
            {0, MEM_NORMAL, ERROR_INVALID_PARAMETER},
            {0, MEM_CLEAR, ERROR_INVALID_PARAMETER},
            {10, 8, ERROR_INVALID_PARAMETER},
            {10, 0x80000000u | MEM_CLEAR, ERROR_INVALID_PARAMETER},
            {10, MEM_COMMIT, ERROR_INVALID_PARAMETER},
            {SIZE_MAX, MEM_NORMAL, ERROR_NOT_ENOUGH_MEMORY},
            {SIZE_MAX - 15, MEM_NORMAL, ERROR_NOT_ENOUGH_MEMORY},
            {SIZE_MAX - 16, MEM_TEMP | MEM_CLEAR, ERROR_NOT_ENOUGH_MEMORY},
            {PTRDIFF_MAX, MEM_NORMAL, ERROR_NOT_ENOUGH_MEMORY},
            {PTRDIFF_MAX - 100, MEM_NORMAL, ERROR_NOT_ENOUGH_MEMORY},
            {PTRDIFF_MAX / 2, MEM_CLEAR, ERROR_NOT_ENOUGH_MEMORY},
        };
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            SetLastError(NO_ERROR);
            CHECK(both[way].allocate(check_hide(bad[i].size), bad[i].flags) == NULL);
            CHECK_EQUAL(GetLastError(), bad[i].error);
        }
        both[way].release(NULL, 0);
        both[way].release(NULL, 100);
    }
    CHECK_EQUAL(Platform_Mem_GetAllocated(), before);
}

static void test_realloc(void) {
    size_t before = Platform_Mem_GetAllocated(), count = Platform_Mem_GetCount(),
           temp = Platform_Mem_GetTempAllocated();
    unsigned char *block = Platform_Realloc(NULL, 0, 10);
    CHECK(block != NULL);
    memset(block, 1, 10);
    static const size_t sizes[] = {20, 5000, 300000, 77, 1, 64};
    size_t old = 10;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        block = Platform_Realloc(block, i % 2 == 0 ? old : 0, sizes[i]);
        CHECK(block != NULL);
        CHECK_EQUAL((uintptr_t)block % 16, 0);
        CHECK(all_are(block, old < sizes[i] ? old : sizes[i], 1));
        memset(block, 1, sizes[i]);
        old = sizes[i];
        CHECK_EQUAL(Platform_Mem_GetAllocated() - before, sizes[i]);
        CHECK_EQUAL(Platform_Mem_GetCount() - count, 1);
    }
    SetLastError(NO_ERROR);
    CHECK(Platform_Realloc(block, old, check_hide(SIZE_MAX)) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_NOT_ENOUGH_MEMORY);
    SetLastError(NO_ERROR);
    CHECK(Platform_Realloc(block, old, check_hide(PTRDIFF_MAX / 2)) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_NOT_ENOUGH_MEMORY);
    CHECK(all_are(block, old, 1));
    CHECK_EQUAL(Platform_Mem_GetAllocated() - before, old);
    CHECK(Platform_Realloc(block, old, 0) == NULL);
    CHECK_EQUAL(Platform_Mem_GetAllocated(), before);
    CHECK_EQUAL(Platform_Mem_GetCount(), count);

    block = Platform_Alloc(100, MEM_TEMP); /* it stays what it is */
    block = Platform_Realloc(block, 100, 1000);
    CHECK_EQUAL(Platform_Mem_GetTempAllocated() - temp, 1000);
    Platform_Free(block, 0);
    CHECK_EQUAL(Platform_Mem_GetTempAllocated(), temp);
    CHECK(Platform_Realloc(NULL, 0, 0) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_PARAMETER);
}

static void test_peak(void) {
    size_t before = Platform_Mem_GetAllocated(), peak = Platform_Mem_GetPeak();
    CHECK(peak >= before);
    static const size_t sizes[] = {100, 1, 70000, 3, 1 << 20, 16384, 16383, 5};
    void *blocks[8];
    for (size_t i = 0; i < 8; i++) {
        size_t now = Platform_Mem_GetAllocated();
        blocks[i] = Platform_Alloc(sizes[i], i % 3 == 0 ? MEM_TEMP : MEM_NORMAL);
        if (now + sizes[i] > peak) peak = now + sizes[i];
        CHECK_EQUAL(Platform_Mem_GetPeak(), peak);
    }
    size_t all = Platform_Mem_GetAllocated();
    CHECK_EQUAL(peak, all);
    /* up and down in small steps, as the sum is told rarely */
    for (size_t round = 0; round < 300; round++) {
        void *block = Platform_Alloc(1 + round * 7, MEM_NORMAL);
        if (all + 1 + round * 7 > peak) peak = all + 1 + round * 7;
        Platform_Free(block, 0);
        if (round % 10 == 0) CHECK_EQUAL(Platform_Mem_GetPeak(), peak);
    }
    for (size_t i = 0; i < 8; i++) Platform_Free(blocks[i], sizes[i]);
    CHECK_EQUAL(Platform_Mem_GetPeak(), peak);
    peak = before + (3 << 20); /* come and gone before anybody looks */
    Platform_Free(Platform_Alloc(3 << 20, MEM_NORMAL), 0);
    CHECK_EQUAL(Platform_Mem_GetPeak(), peak);
    CHECK_EQUAL(Platform_Mem_GetAllocated(), before);
}

static void test_old_macros(void) {
    size_t before = Platform_Mem_GetAllocated();
    const char *text = Alloc(20, MEM_CLEAR);
    CHECK_EQUAL(Platform_Mem_GetAllocated() - before, 20);
    Free(text);
    CHECK_EQUAL(Platform_Mem_GetAllocated(), before);
}

static void test_bytes(void) {
    unsigned char one[8] = {1, 2, 3, 200, 5, 6, 7, 8}, other[8] = {0};
    Platform_MemCopy(other, one, 8);
    CHECK_EQUAL(Platform_MemCmp(one, other, 8), 0);
    other[3] = 100;
    CHECK_EQUAL(Platform_MemCmp(one, other, 8), 100);
    CHECK_EQUAL((int64_t)Platform_MemCmp(other, one, 8), -100);
    CHECK_EQUAL(Platform_MemCmp(one, other, 3), 0);
    CHECK_EQUAL(Platform_MemCmp(one, other, 0), 0);
    CHECK_EQUAL(Platform_MemCmp(NULL, other, 8), 0);
    CHECK_EQUAL(Platform_MemCmp(one, NULL, 8), 0);
    Platform_MemMove(one + 1, one, 4);
    CHECK(memcmp(one, (unsigned char[]){1, 1, 2, 3, 200, 6, 7, 8}, 8) == 0);
    Platform_MemCopy(one, one + 1, 4);
    CHECK(memcmp(one, (unsigned char[]){1, 2, 3, 200, 200, 6, 7, 8}, 8) == 0);
    Platform_MemSet(one, 0x1FF, 2);
    CHECK(all_are(one, 2, 0xFF));
    Platform_ZeroMemory(one, 8);
    CHECK(all_are(one, 8, 0));
    Platform_MemCopy(NULL, one, 8);
    Platform_MemMove(one, NULL, 8);
    Platform_MemSet(NULL, 1, 8);
    Platform_ZeroMemory(NULL, 8);
    Platform_MemCopy(one, other, 0);
    CHECK(all_are(one, 8, 0));
}

int main(void) {
    RUN(test_blocks);
    RUN(test_errors);
    RUN(test_realloc);
    RUN(test_peak);
    RUN(test_old_macros);
    RUN(test_bytes);
    return 0;
}
