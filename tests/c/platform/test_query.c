/* test_query.c: memory that others gave, and probing it: nothing that is in use is ever told as free, and no probe
 * touches or faults. What each call gives, tests/platform/conformance_system.c tells.
 * variants: release asan tsan */
#include "compat/memory_wrapper.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../check.h"

enum { PAGE = 4096 };

static char zeros[8 * PAGE] __attribute__((aligned(4096)));

static DWORD state_of(const void *address, MEMORY_BASIC_INFORMATION *found) {
    CHECK_EQUAL(VirtualQuery(address, found, sizeof *found), sizeof *found);
    return found->State;
}

/* Through the whole address space: each line of /proc/self/maps is found to be in use, page by page of its ends. */
static void test_what_is_mapped_is_in_use(void) {
    MEMORY_BASIC_INFORMATION found;
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[5000];
    int lines = 0;
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long start, end;
        CHECK(sscanf(line, "%lx-%lx", &start, &end) == 2);
        if (end > 1UL << 47) continue;
        CHECK(state_of((void *)start, &found) != MEM_FREE);
        CHECK(state_of((void *)(end - 1), &found) != MEM_FREE);
        lines++;
    }
    fclose(maps);
    CHECK(lines > 5);
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__) /* whose address space is theirs */
/* From the lowest address to the highest, in the steps that VirtualQuery gives, whatever it takes for free can be had.
 */
static void test_what_is_free_can_be_had(void) {
    MEMORY_BASIC_INFORMATION found;
    char *at = (char *)0x10000;
    int free_ranges = 0;
    while (VirtualQuery(at, &found, sizeof found) != 0) {
        CHECK(found.RegionSize > 0 && found.RegionSize % PAGE == 0);
        if (found.State == MEM_FREE) {
            CHECK_EQUAL(((uintptr_t)at + found.RegionSize) % 65536, 0);
            char *aligned = (char *)(((uintptr_t)at + 65535) & ~(uintptr_t)65535);
            if (aligned < at + found.RegionSize && (uintptr_t)aligned < ((uintptr_t)1 << 47) - 0x20000) {
                CHECK(VirtualAlloc(aligned, 65536, MEM_RESERVE, PAGE_NOACCESS) == aligned);
                CHECK(state_of(aligned, &found) == MEM_RESERVE);
                CHECK(VirtualFree(aligned, 0, MEM_RELEASE));
                CHECK(state_of(at, &found) == MEM_FREE);
                free_ranges++;
            }
        }
        at += found.RegionSize;
    }
    CHECK(free_ranges > 1 && (uintptr_t)at >= ((uintptr_t)1 << 47) - 65536);
}
#endif

static void test_protection_of_static_data(void) {
    MEMORY_BASIC_INFORMATION found;
    DWORD old = 0;
    CHECK(VirtualProtect(zeros + PAGE, 2 * PAGE, PAGE_NOACCESS, &old));
    CHECK_EQUAL(old, PAGE_READWRITE);
    CHECK(IsBadReadPtr(zeros + PAGE, 1) && !IsBadReadPtr(zeros, PAGE) && IsBadReadPtr(zeros, PAGE + 1));
    CHECK_EQUAL(state_of(zeros + PAGE, &found), MEM_COMMIT);
    CHECK_EQUAL(found.Protect, PAGE_NOACCESS);
    CHECK_EQUAL(found.RegionSize, 2 * PAGE);
    CHECK(VirtualProtect(zeros + PAGE, 2 * PAGE, PAGE_READONLY, &old));
    CHECK(!IsBadReadPtr(zeros, 4 * PAGE) && IsBadWritePtr(zeros, 4 * PAGE) && !IsBadWritePtr(zeros, PAGE));
    CHECK(VirtualProtect(zeros + PAGE, 2 * PAGE, PAGE_READWRITE, &old));
    CHECK(!IsBadWritePtr(zeros, sizeof zeros));
    /* across what is ours and what is not, and where nothing is */
    char *own = VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    CHECK(!VirtualProtect(own, 1 << 20, PAGE_READONLY, &old));
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_ADDRESS);
    CHECK(VirtualFree(own, 0, MEM_RELEASE));
    CHECK(!VirtualProtect(own, PAGE, PAGE_READONLY, &old));
    CHECK(!VirtualProtect((void *)-(intptr_t)PAGE, 2 * PAGE, PAGE_READONLY, &old));
}

/* A page of a file that has become shorter can't be read though it is mapped. */
static void test_probes_see_what_the_mapping_hides(void) {
    char name[] = "/tmp/cc-probe-XXXXXX";
    int file = mkstemp(name);
    CHECK(file >= 0 && ftruncate(file, 2 * PAGE) == 0);
    char *bytes = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    CHECK(bytes != MAP_FAILED);
    CHECK(!IsBadReadPtr(bytes, 2 * PAGE) && !IsBadWritePtr(bytes, 2 * PAGE));
    CHECK(ftruncate(file, PAGE) == 0);
    CHECK(!IsBadReadPtr(bytes, PAGE) && IsBadReadPtr(bytes, PAGE + 1) && IsBadWritePtr(bytes + PAGE, 1));
    munmap(bytes, 2 * PAGE);
    close(file);
    unlink(name);
}

static void write_on(size_t index, void *context) {
    _Atomic(uint32_t) *word = context;
    (void)index;
    for (size_t i = 0; i < SCALED(20000); i++) atomic_fetch_add(word, 1);
}

/* A probe for writing changes nothing, though others write at the same time. */
static void test_probing_changes_nothing(void) {
    static _Atomic(uint32_t) word;
    check_thread_t thread;
    check_start(&thread, write_on, (void *)&word);
    for (size_t i = 0; i < SCALED(20000); i++) CHECK(!IsBadWritePtr((void *)&word, sizeof word));
    check_join(&thread);
    CHECK_EQUAL(atomic_load(&word), SCALED(20000));
}

/* What a page holds that is reset may go, but for pages that were only reserved there is nothing to do. */
static void test_reset_of_what_is_partly_committed(void) {
    char *base = VirtualAlloc(NULL, 4 * PAGE, MEM_RESERVE, PAGE_READWRITE);
    CHECK(VirtualAlloc(base + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE) != NULL);
    base[PAGE] = 1;
    CHECK(VirtualAlloc(base, 4 * PAGE, MEM_RESET, PAGE_READWRITE) == base);
    base[PAGE] = 2;
    CHECK(base[PAGE] == 2 && IsBadReadPtr(base, 1));
    CHECK(VirtualAlloc(base, 5 * PAGE, MEM_RESET, PAGE_READWRITE) == NULL);
    CHECK(VirtualFree(base, 0, MEM_RELEASE));
}

int main(void) {
    RUN(test_what_is_mapped_is_in_use);
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
    RUN(test_what_is_free_can_be_had);
#endif
    RUN(test_protection_of_static_data);
#if defined(CHECK_EMULATED)
    LEAVE_OUT(test_probes_see_what_the_mapping_hides, "qemu itself dies of memory behind a file's end");
#else
    RUN(test_probes_see_what_the_mapping_hides);
#endif
    RUN(test_probing_changes_nothing);
    RUN(test_reset_of_what_is_partly_committed);
    return 0;
}
