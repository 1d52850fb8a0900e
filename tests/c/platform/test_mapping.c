/* test_mapping.c: files and shared memory as memory. What each call gives for memory of no file,
 * tests/platform/conformance_system.c tells.
 * variants: release asan tsan */
#include "compat/memory_wrapper.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"

enum { SIZE = 200000 };

static int open_file(char *name, int flags) {
    strcpy(name, "/tmp/cc-mapping-XXXXXX");
    int file = mkstemp(name);
    CHECK(file >= 0 && ftruncate(file, SIZE) == 0 && close(file) == 0);
    return open(name, flags | O_CLOEXEC);
}

static void test_a_file(void) {
    char name[40], byte = 0;
    int file = open_file(name, O_RDWR);
    HANDLE mapping = CreateFileMapping((HANDLE)_get_osfhandle(file), NULL, PAGE_READWRITE, 0, 0, NULL);
    CHECK(mapping != NULL);
    CHECK(CloseHandle((HANDLE)_get_osfhandle(file))); /* the mapping has one of its own */
    CHECK(_get_osfhandle(file) == -1);
    char *view = MapViewOfFile(mapping, FILE_MAP_ALL_ACCESS, 0, 65536, 0),
         *copy = MapViewOfFile(mapping, FILE_MAP_COPY, 0, 0, 0);
    CHECK(view != NULL && copy != NULL);
    view[5] = 7;
    copy[6] = 9;
    CHECK(FlushViewOfFile(view, 0) && FlushViewOfFile(view + 5, 1));
    CHECK(copy[65536 + 5] == 7 || copy[65536 + 5] == 0);
    file = open(name, O_RDONLY);
    CHECK(pread(file, &byte, 1, 65536 + 5) == 1 && byte == 7);
    CHECK(pread(file, &byte, 1, 6) == 1 && byte == 0);
    CHECK(CloseHandle(mapping) && UnmapViewOfFile(view) && UnmapViewOfFile(copy + SIZE - 1));
    /* open for reading only */
    HANDLE handle = (HANDLE)_get_osfhandle(file);
    CHECK(CreateFileMapping(handle, NULL, PAGE_READWRITE, 0, 0, NULL) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_ACCESS_DENIED);
    CHECK(CreateFileMapping(handle, NULL, PAGE_READONLY, 0, SIZE + 1, NULL) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_NOT_ENOUGH_MEMORY);
    CHECK((mapping = CreateFileMapping(handle, NULL, PAGE_WRITECOPY, 0, 0, NULL)) != NULL);
    CHECK(MapViewOfFile(mapping, FILE_MAP_WRITE, 0, 0, 0) == NULL);
    CHECK((copy = MapViewOfFile(mapping, FILE_MAP_COPY, 0, 0, 10)) != NULL);
    copy[0] = 1;
    CHECK(UnmapViewOfFile(copy) && CloseHandle(mapping) && CloseHandle(handle) && !CloseHandle(handle));
    unlink(name);
}

static void test_a_file_grows(void) {
    char name[40];
    int file = open_file(name, O_RDWR);
    HANDLE mapping = CreateFileMapping((HANDLE)_get_osfhandle(file), NULL, PAGE_READWRITE, 0, 2 * SIZE, NULL);
    char *view = MapViewOfFile(mapping, FILE_MAP_WRITE, 0, 0, 0);
    CHECK(view != NULL);
    view[2 * SIZE - 1] = 1;
    CHECK_EQUAL(lseek(file, 0, SEEK_END), 2 * SIZE);
    CHECK(ftruncate(file, 0) == 0);
    CHECK(CreateFileMapping((HANDLE)_get_osfhandle(file), NULL, PAGE_READONLY, 0, 0, NULL) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_FILE_INVALID);
    CHECK(UnmapViewOfFile(view) && CloseHandle(mapping));
    close(file);
    unlink(name);
    int ends[2];
    CHECK(pipe(ends) == 0);
    CHECK(CreateFileMapping((HANDLE)_get_osfhandle(ends[0]), NULL, PAGE_READONLY, 0, 10, NULL) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_HANDLE);
    close(ends[0]);
    close(ends[1]);
}

/* Two views of the same memory side by side, as ring buffers have them. */
static void test_a_ring(void) {
    HANDLE mapping = CreateFileMapping(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 65536, NULL);
    char *room = VirtualAlloc(NULL, 131072, MEM_RESERVE, PAGE_NOACCESS);
    CHECK(VirtualFree(room, 0, MEM_RELEASE));
    char *one = MapViewOfFileEx(mapping, FILE_MAP_WRITE, 0, 0, 0, room);
    char *other = MapViewOfFileEx(mapping, FILE_MAP_WRITE, 0, 0, 0, room + 65536);
    CHECK(one == room && other == room + 65536);
    memcpy(room + 65530, "0123456789ab", 12);
    __asm__ volatile("" ::: "memory"); /* the compiler does not know that the two views are one memory */
    CHECK(memcmp(room, "6789ab", 6) == 0);
    CHECK(UnmapViewOfFile(one) && UnmapViewOfFile(other) && CloseHandle(mapping));
}

static void test_a_child_shares_it(void) {
    HANDLE mapping = CreateFileMapping(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 100, "shared"), again;
    _Atomic(int) *view = MapViewOfFile(mapping, FILE_MAP_WRITE, 0, 0, 0);
    pid_t child = fork();
    if (child == 0) {
        *view = 4711;
        again = OpenFileMapping(FILE_MAP_WRITE, FALSE, "shared");
        _Atomic(int) *second = MapViewOfFile(again, FILE_MAP_WRITE, 0, 0, 0);
        second[1] = 4712;
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(view[0] == 4711 && view[1] == 4712);
    CHECK((again = CreateFileMapping(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 5, "shared")) != NULL &&
          again != mapping);
    CHECK_EQUAL(GetLastError(), ERROR_ALREADY_EXISTS);
    CHECK(CloseHandle(mapping));
    CHECK(OpenFileMapping(FILE_MAP_READ, FALSE, "shared") != NULL);
}

static void come_and_go(size_t index, void *unused) {
    (void)unused;
    for (size_t round = 0; round < SCALED(500); round++) {
        HANDLE mapping = CreateFileMapping(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 5000, NULL);
        char *one = MapViewOfFile(mapping, FILE_MAP_WRITE, 0, 0, 0),
             *other = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0);
        CHECK(CloseHandle(mapping));
        one[4999] = (char)index;
        CHECK(other[4999] == (char)index && other[0] == 0);
        CHECK(UnmapViewOfFile(one) && UnmapViewOfFile(other));
    }
}

static void test_threads(void) {
    check_threads(8, come_and_go, NULL);
}

int main(void) {
    RUN(test_a_file);
    RUN(test_a_file_grows);
    RUN(test_a_ring);
    RUN(test_a_child_shares_it);
    RUN(test_threads);
    return 0;
}
