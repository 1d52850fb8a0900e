/* test_virtual.c: VirtualAlloc and its kin where the pages are looked at: against a model, what may be touched, what
 * the system has of it, limits, threads. What each call gives and which error, tests/platform/conformance.c tells.
 * variants: release asan tsan */
#define _GNU_SOURCE
#include "compat/memory_wrapper.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../check.h"

enum { PAGE = 4096, GRANULARITY = 65536 };

#if !defined(CHECK_VALGRIND) /* which would report the faults */
/* Whether a byte can be read or written: a fault comes back here. */
static sigjmp_buf back;

static void on_fault(int signal) {
    siglongjmp(back, signal);
}

static bool can_read(const volatile char *byte) {
    if (sigsetjmp(back, 1) != 0) return false;
    (void)*byte;
    return true;
}

static bool can_write(volatile char *byte) {
    if (sigsetjmp(back, 1) != 0) return false;
    *byte = *byte;
    return true;
}

static void test_protection_holds(void) {
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER}, old_segv, old_bus;
    sigaction(SIGSEGV, &action, &old_segv);
    sigaction(SIGBUS, &action, &old_bus);
    char *base = VirtualAlloc(NULL, 4 * PAGE, MEM_RESERVE, PAGE_READWRITE);
    DWORD old;
    CHECK(!can_read(base));
    CHECK(VirtualAlloc(base + PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE) == base + PAGE);
    CHECK(can_write(base + PAGE) && can_write(base + 2 * PAGE - 1));
    CHECK(!can_read(base + PAGE - 1) && !can_read(base + 2 * PAGE));
    CHECK(VirtualProtect(base + PAGE, 1, PAGE_READONLY, &old));
    CHECK(can_read(base + PAGE) && !can_write(base + PAGE));
    CHECK(VirtualProtect(base + PAGE, 1, PAGE_NOACCESS, &old));
    CHECK(!can_read(base + PAGE));
    CHECK(VirtualProtect(base + PAGE, 1, PAGE_READWRITE | PAGE_GUARD, &old));
    CHECK(!can_read(base + PAGE));
    CHECK(VirtualProtect(base + PAGE, 1, PAGE_EXECUTE_READWRITE, &old));
    CHECK(can_write(base + PAGE));
    CHECK(VirtualFree(base + PAGE, PAGE, MEM_DECOMMIT));
    CHECK(!can_read(base + PAGE));
    CHECK(VirtualFree(base, 0, MEM_RELEASE));
    CHECK(!can_read(base + PAGE));
    sigaction(SIGSEGV, &old_segv, NULL);
    sigaction(SIGBUS, &old_bus, NULL);
}

static void test_code_can_run(void) {
#if defined(__x86_64__)
    static const unsigned char code[] = {0xB8, 42, 0, 0, 0, 0xC3}; /* mov eax, 42; ret */
    void *page = VirtualAlloc(NULL, sizeof code, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    DWORD old;
    memcpy(page, code, sizeof code);
    CHECK(VirtualProtect(page, sizeof code, PAGE_EXECUTE_READ, &old));
    int (*function)(void);
    memcpy(&function, &page, sizeof function);
    CHECK_EQUAL(function(), 42);
    CHECK(VirtualFree(page, 0, MEM_RELEASE));
#endif
}
#endif

/* Random commits, decommits and protections of one region, each page of which a model knows. */
static void test_against_a_model(void) {
    enum { PAGES = 64 };
    static const DWORD protections[] = {PAGE_NOACCESS, PAGE_READONLY, PAGE_READWRITE};
    DWORD state[PAGES] = {0}; /* 0: reserved */
    unsigned char contents[PAGES] = {0};
    uint64_t random = 4711;
    unsigned char *base = VirtualAlloc(NULL, PAGES * PAGE, MEM_RESERVE, PAGE_NOACCESS);
    for (size_t step = 0; step < SCALED(20000); step++) {
        size_t first = check_random(&random) % PAGES, count = 1 + check_random(&random) % 8;
        if (first + count > PAGES) count = PAGES - first;
        DWORD protect = protections[check_random(&random) % 3], old = 0;
        bool committed = true;
        for (size_t i = first; i < first + count; i++) committed = committed && state[i] != 0;
        switch (check_random(&random) % 4) {
        case 0:
            CHECK(VirtualAlloc(base + first * PAGE, count * PAGE, MEM_COMMIT, protect) == base + first * PAGE);
            for (size_t i = first; i < first + count; i++) state[i] = protect;
            break;
        case 1:
            CHECK(VirtualFree(base + first * PAGE, count * PAGE, MEM_DECOMMIT));
            for (size_t i = first; i < first + count; i++) state[i] = contents[i] = 0;
            break;
        case 2:
            CHECK_EQUAL(VirtualProtect(base + first * PAGE, count * PAGE, protect, &old), committed);
            if (committed) CHECK_EQUAL(old, state[first]);
            for (size_t i = first; committed && i < first + count; i++) state[i] = protect;
            break;
        default:
            for (size_t i = first; i < first + count; i++) {
                if (state[i] == PAGE_READWRITE)
                    memset(base + i * PAGE, contents[i] = (unsigned char)(1 + step % 255), PAGE);
            }
        }
        size_t at = check_random(&random) % PAGES, end = at;
        MEMORY_BASIC_INFORMATION found;
        CHECK_EQUAL(VirtualQuery(base + at * PAGE + 100, &found, sizeof found), sizeof found);
        while (end < PAGES && state[end] == state[at]) end++;
        CHECK(found.BaseAddress == base + at * PAGE && found.AllocationBase == base);
        CHECK_EQUAL(found.RegionSize, (end - at) * PAGE);
        CHECK_EQUAL(found.State, state[at] != 0 ? MEM_COMMIT : MEM_RESERVE);
        CHECK_EQUAL(found.Protect, state[at]);
        if (state[at] > PAGE_NOACCESS)
            CHECK(base[at * PAGE] == contents[at] && base[at * PAGE + PAGE - 1] == contents[at]);
    }
    CHECK(VirtualFree(base, 0, MEM_RELEASE));
}

/* What is decommitted or released is the system's again: resident pages of the mapping, none after it. */
static void test_memory_goes_back(void) {
    enum { PAGES = 256 };
    unsigned char resident[PAGES];
    char *base = VirtualAlloc(NULL, PAGES * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    memset(base, 1, PAGES * PAGE);
    CHECK(mincore(base, PAGES * PAGE, resident) == 0 && resident[0] % 2 == 1 && resident[100] % 2 == 1);
    CHECK(VirtualFree(base, 0, MEM_DECOMMIT));
    CHECK(mincore(base, PAGES * PAGE, resident) == 0);
    for (size_t i = 0; i < PAGES; i++) CHECK_EQUAL(resident[i] % 2, 0);
    CHECK(VirtualFree(base, 0, MEM_RELEASE));
    CHECK(mincore(base, PAGES * PAGE, resident) != 0);
}

static void test_many_regions(void) {
    enum { REGIONS = 2000 };
    static char *regions[REGIONS];
    uint64_t random = 5;
    size_t live = 0;
    for (size_t step = 0; step < SCALED(20000); step++) {
        size_t at = check_random(&random) % REGIONS;
        if (regions[at] == NULL) {
            size_t size = 1 + check_random(&random) % 200000;
            regions[at] = VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
            CHECK(regions[at] != NULL && (uintptr_t)regions[at] % GRANULARITY == 0);
            regions[at][0] = regions[at][size - 1] = (char)at;
            live++;
        } else {
            CHECK_EQUAL(regions[at][0], (char)at);
            CHECK(VirtualFree(regions[at], 0, MEM_RELEASE));
            regions[at] = NULL;
            live--;
        }
    }
    for (size_t at = 0; at < REGIONS; at++) {
        if (regions[at] == NULL) continue;
        CHECK(VirtualFree(regions[at], 0, MEM_RELEASE));
        live--;
    }
    CHECK_EQUAL(live, 0);
}

/* A large reservation costs nothing until it is committed. */
static void test_large_reservation(void) {
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__) && !defined(CHECK_VALGRIND)
    size_t size = (size_t)1 << 38;
    char *base = VirtualAlloc(NULL, size, MEM_RESERVE, PAGE_NOACCESS);
    CHECK(base != NULL);
    CHECK(VirtualAlloc(base + size / 2, 1, MEM_COMMIT, PAGE_READWRITE) == base + size / 2);
    base[size / 2] = 1;
    CHECK(VirtualFree(base, 0, MEM_RELEASE));
#endif
}

static void test_limits(void) {
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__) && !defined(CHECK_VALGRIND)
    struct rlimit old, small = {(rlim_t)4 << 30, RLIM_INFINITY};
    CHECK(getrlimit(RLIMIT_AS, &old) == 0);
    small.rlim_max = old.rlim_max;
    CHECK(setrlimit(RLIMIT_AS, &small) == 0);
    SetLastError(NO_ERROR);
    CHECK(VirtualAlloc(NULL, (SIZE_T)8 << 30, MEM_RESERVE, PAGE_READWRITE) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_NOT_ENOUGH_MEMORY);
    SetLastError(NO_ERROR);
    CHECK(Platform_Alloc(check_hide((size_t)8 << 30), MEM_NORMAL) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_NOT_ENOUGH_MEMORY);
    SetLastError(NO_ERROR);
    CHECK(HeapAlloc(GetProcessHeap(), 0, (SIZE_T)8 << 30) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_NOT_ENOUGH_MEMORY);
    CHECK(setrlimit(RLIMIT_AS, &old) == 0);
#endif
}

/* Not root, so that limits on locked memory hold. */
static void test_locking(void) {
#if !defined(CHECK_VALGRIND) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__) /* where mlock does nothing */
    struct rlimit some = {65536, 65536};
    if (setrlimit(RLIMIT_MEMLOCK, &some) != 0 || (geteuid() == 0 && seteuid(65534) != 0)) return;
    char *base = VirtualAlloc(NULL, 1 << 20, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    static char buffer[PAGE]; /* what VirtualAlloc did not give may be locked, too */
    CHECK(VirtualLock(base, PAGE) && VirtualUnlock(base, PAGE));
    CHECK(VirtualLock(buffer, sizeof buffer) && VirtualUnlock(buffer, sizeof buffer));
    SetLastError(NO_ERROR);
    CHECK(!VirtualLock(base, 1 << 20));
    CHECK_EQUAL(GetLastError(), ERROR_WORKING_SET_QUOTA);
    CHECK(VirtualFree(base, 0, MEM_RELEASE));

    size_t before = Platform_Mem_GetAllocated();
    void *ignored = Platform_Alloc(1 << 20, MEM_LOCK);
    CHECK(ignored != NULL);
    Platform_Mem_EnableLocking(true);
    unsigned char *locked = Platform_Alloc(100, MEM_LOCK | MEM_CLEAR | MEM_TEMP);
    CHECK(locked != NULL && locked[0] == 0 && locked[99] == 0);
    memset(locked, 3, 100);
    SetLastError(NO_ERROR);
    CHECK(Platform_Alloc(1 << 20, MEM_LOCK) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_WORKING_SET_QUOTA);
    CHECK((locked = Platform_Realloc(locked, 100, 5000)) != NULL);
    CHECK(locked[0] == 3 && locked[99] == 3);
    CHECK(Platform_Realloc(locked, 5000, 1 << 20) == NULL && locked[99] == 3);
    CHECK_EQUAL(Platform_Mem_GetAllocated() - before, (1 << 20) + 5000);
    CHECK_EQUAL(Platform_Mem_GetTempAllocated(), 5000);
    Platform_Mem_EnableLocking(false);
    Platform_Free(locked, 5000);
    Platform_Free(ignored, 0);
    CHECK_EQUAL(Platform_Mem_GetAllocated(), before);
    if (geteuid() == 65534 && getuid() == 0) CHECK(seteuid(0) == 0);
#endif
}

static void churn(size_t index, void *unused) {
    (void)unused;
    uint64_t random = 17 + index;
    for (size_t round = 0; round < SCALED(1500); round++) {
        size_t pages = 1 + check_random(&random) % 40;
        char *base = VirtualAlloc(NULL, pages * PAGE, MEM_RESERVE, PAGE_NOACCESS);
        CHECK(base != NULL);
        size_t at = check_random(&random) % pages;
        CHECK(VirtualAlloc(base + at * PAGE, PAGE, MEM_COMMIT, PAGE_READWRITE) != NULL);
        base[at * PAGE] = (char)index;
        MEMORY_BASIC_INFORMATION found;
        CHECK(VirtualQuery(base, &found, sizeof found) != 0 && found.AllocationBase == base);
        CHECK(VirtualFree(base, 0, MEM_RELEASE));
    }
}

static void test_threads(void) {
    check_threads(8, churn, NULL);
}

static void fail(size_t index, void *unused) {
    (void)unused;
    CHECK_EQUAL(GetLastError(), NO_ERROR);
    for (int i = 0; i < 1000; i++) {
        SetLastError((DWORD)index);
        CHECK_EQUAL(GetLastError(), index);
    }
}

static void test_error_codes_are_each_threads_own(void) {
    SetLastError(1);
    check_threads(4, fail, NULL);
    CHECK_EQUAL(GetLastError(), 1);
}

int main(void) {
#if !defined(CHECK_VALGRIND)
    RUN(test_protection_holds);
    RUN(test_code_can_run);
#endif
    RUN(test_against_a_model);
#if defined(CHECK_EMULATED)
    LEAVE_OUT(test_memory_goes_back, "qemu's mincore refuses pages that nobody may read");
#else
    RUN(test_memory_goes_back);
#endif
    RUN(test_many_regions);
    RUN(test_large_reservation);
#if defined(CHECK_EMULATED)
    LEAVE_OUT(test_limits, "qemu does not hold a program to RLIMIT_AS");
#else
    RUN(test_limits);
#endif
    RUN(test_locking);
    RUN(test_threads);
    RUN(test_error_codes_are_each_threads_own);
    return 0;
}
