/* test_westwood.cpp: code as it was written for Westwood's library compiles with compat/westwood.h, and does what it
 * did.
 * variants: release asan */
#define WESTWOOD_NEW_DELETE
#include "compat/westwood.h"

#include <stdint.h>

#include "../check.h"

static int errors;

static void count_error(void) {
    errors++;
}

static void test_flags(void) {
    CHECK(MEM_NORMAL == 0 && MEM_NEW == 1 && MEM_CLEAR == 2 && MEM_REAL == 4 && MEM_TEMP == 8 && MEM_LOCK == 0x10);
    char *block = (char *)Alloc(1000, (MemoryFlagType)(MEM_NEW | MEM_CLEAR | MEM_REAL));
    for (int i = 0; i < 1000; i++) CHECK_EQUAL(block[i], 0);
    CHECK_EQUAL(Platform_Mem_GetTempCount(), 0);
    void *scratch = Alloc(10, MEM_TEMP);
    CHECK_EQUAL(Platform_Mem_GetTempCount(), 1);
    Free(scratch);
    char const *constant = block;
    Free(constant);
    Free(NULL);
    void *empty = Alloc(0, MEM_NORMAL);
    CHECK(empty != NULL);
    Free(empty);
    Platform_Mem_EnableLocking(true); /* MEM_LOCK is 2 for Platform_Alloc, where Westwood has MEM_CLEAR */
    block = (char *)Alloc(10, MEM_CLEAR);
    CHECK(block != NULL && block[9] == 0);
    Platform_Mem_EnableLocking(false);
    Free(block);
}

static void test_resize(void) {
    char *block = (char *)Resize_Alloc(NULL, 10);
    memset(block, 5, 10);
    block = (char *)Resize_Alloc(block, 100000);
    CHECK(block[9] == 5);
    block[99999] = 1;
    Free(block);
    Memory_Error = count_error;
    CHECK(Alloc(~0UL / 4, MEM_NORMAL) == NULL && errors == 1);
    CHECK(Resize_Alloc(NULL, ~0UL / 4) == NULL && errors == 2);
    Memory_Error = NULL;
    CHECK(Alloc(~0UL / 4, MEM_NORMAL) == NULL && errors == 2);
}

static void test_memory_of_the_machine(void) {
    long heap = Heap_Size(MEM_NORMAL);
    CHECK(heap > 0 && Ram_Free(MEM_NORMAL) > 0 && Total_Ram_Free(MEM_REAL) > 0);
    Platform_Ram_Override(PLATFORM_RAM_FREE_PRESET, PLATFORM_RAM_TOTAL_PRESET);
    CHECK_EQUAL(Ram_Free(MEM_NORMAL), 256 << 20);
    CHECK_EQUAL(Heap_Size(MEM_NORMAL), heap); /* as it was at first */
    Platform_Ram_Override(0, 0);
    CHECK(MinRam == 0 && MaxRam == 0);
}

static void test_bytes(void) {
    char one[20] = "0123456789", other[20];
    Mem_Copy(one, other, sizeof one);
    CHECK(memcmp(one, other, sizeof one) == 0);
    Mem_Copy(one, one + 1, 10);
    CHECK(memcmp(one, "00123456789", 11) == 0);
    CHECK(Add_Long_To_Pointer(one, 5) == one + 5);
    Force_VM_Page_In(one, sizeof one);
    Force_VM_Page_In(NULL, 0);
    DPMI_Lock(one, sizeof one);
    DPMI_Unlock(one, sizeof one);
    RtlZeroMemory(one, sizeof one); /* Win32's calls are there as well */
    CHECK(one[0] == 0 && GetLastError() != 12345);
}

/* A class with members of the library's names, as games have. */
struct Buffer {
    void *Alloc(unsigned long size) {
        return ::Alloc(size, MEM_CLEAR);
    }
    void Free(void *pointer) {
        ::Free(pointer);
    }
    int Value;
};

static void test_new(void) {
    size_t before = Platform_Mem_GetCount();
    Buffer *buffer = new (MEM_CLEAR) Buffer;
    CHECK_EQUAL(buffer->Value, 0);
    buffer->Free(buffer->Alloc(10));
    unsigned char *bytes = new (MEM_CLEAR) unsigned char[1000];
    for (int i = 0; i < 1000; i++) CHECK_EQUAL(bytes[i], 0);
    int *plain = new int[10], *one = new (MEM_TEMP) int;
    CHECK_EQUAL(Platform_Mem_GetCount(), before + 4);
    delete buffer;
    delete[] bytes;
    delete[] plain;
    Free(one); /* what new gave, as the library's users do */
    CHECK_EQUAL(Platform_Mem_GetCount(), before);
}

static int place_line;
static const char *place_file;

static void note(const Platform_Leak *leak, void *) {
    place_line = leak->line;
    place_file = leak->file;
}

static void test_leaks_have_places(void) {
    Platform_Mem_TrackLeaks(true);
    int line = __LINE__ + 1;
    void *forgotten = Alloc(10, MEM_NORMAL);
    CHECK_EQUAL(Platform_Mem_DumpLeaksTo(note, NULL), 1);
    CHECK_EQUAL(place_line, line);
    CHECK(strstr(place_file, "test_westwood.cpp") != NULL);
    Free(forgotten);
    Platform_Mem_TrackLeaks(false);
}

int main() {
    RUN(test_flags);
    RUN(test_resize);
    RUN(test_memory_of_the_machine);
    RUN(test_bytes);
    RUN(test_new);
    RUN(test_leaks_have_places);
    return 0;
}
