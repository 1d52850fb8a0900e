/* test_heap_list.c: heaps as a whole: their locks among threads, walks, the list of them.
 * variants: release debug asan tsan */
#include "compat/memory_wrapper.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"

/* ---- walks ------------------------------------------------------------------------------------------------------- */

enum { MANY = 5000 };

static void test_a_walk_finds_each_block_once(void) {
    static void *blocks[MANY];
    HANDLE heap = HeapCreate(0, 0, 0), other = HeapCreate(0, 0, 0);
    size_t live = 0, found = 0;
    uintptr_t last = 0;
    for (size_t i = 0; i < MANY; i++) {
        blocks[i] = HeapAlloc(heap, 0, i % 100 == 0 ? 100000 : i % 300);
        CHECK(blocks[i] != NULL && HeapAlloc(other, 0, 50) != NULL);
    }
    for (size_t i = 0; i < MANY; i++) {
        if (i % 3 == 0) CHECK(HeapFree(heap, 0, blocks[i]));
        live += i % 3 != 0;
    }
    PROCESS_HEAP_ENTRY entry = {.lpData = NULL};
    CHECK(HeapWalk(heap, &entry));
    CHECK(entry.wFlags == PROCESS_HEAP_REGION && entry.lpData == heap && entry.Region.dwCommittedSize > 0);
    while (HeapWalk(heap, &entry)) {
        CHECK_EQUAL(entry.wFlags, PROCESS_HEAP_ENTRY_BUSY);
        CHECK_EQUAL(entry.cbData, HeapSize(heap, 0, entry.lpData));
        CHECK((uintptr_t)entry.lpData > last);
        last = (uintptr_t)entry.lpData;
        found++;
    }
    CHECK_EQUAL(GetLastError(), ERROR_NO_MORE_ITEMS);
    CHECK_EQUAL(found, live);
    CHECK(!HeapWalk(heap, &entry)); /* it has ended */
    entry.lpData = NULL;
    CHECK(HeapWalk(other, &entry)); /* one that nobody ends */
    CHECK(HeapDestroy(heap) && HeapDestroy(other));
}

/* Blocks of threads that have ended are the heap's as well. */
static void fill(size_t index, void *heap) {
    for (size_t i = 0; i < 100; i++) CHECK(HeapAlloc(heap, 0, 1000 + index) != NULL);
}

static size_t count_blocks(HANDLE heap) {
    PROCESS_HEAP_ENTRY entry = {.lpData = NULL};
    size_t count = 0;
    while (HeapWalk(heap, &entry)) count += entry.wFlags == PROCESS_HEAP_ENTRY_BUSY;
    return count;
}

static void test_blocks_of_ended_threads(void) {
    HANDLE heap = HeapCreate(0, 0, 0);
    check_threads(4, fill, heap);
    CHECK_EQUAL(count_blocks(heap), 400);
    CHECK(HeapDestroy(heap));
}

/* ---- locks ------------------------------------------------------------------------------------------------------- */

static _Atomic(bool) stop;

static void churn(size_t index, void *heap) {
    uint64_t random = 3 + index;
    void *kept[50] = {NULL};
    while (!atomic_load(&stop)) {
        size_t at = check_random(&random) % 50, size = 1 + check_random(&random) % 2000;
        switch (check_random(&random) % 3) {
        case 0:
            CHECK(HeapFree(heap, 0, kept[at]));
            CHECK((kept[at] = HeapAlloc(heap, HEAP_ZERO_MEMORY, size)) != NULL);
            break;
        case 1:
            if (kept[at] != NULL) CHECK((kept[at] = HeapReAlloc(heap, 0, kept[at], size)) != NULL);
            break;
        default: CHECK(HeapFree(heap, 0, kept[at])); kept[at] = NULL;
        }
    }
    for (size_t at = 0; at < 50; at++) CHECK(HeapFree(heap, 0, kept[at]));
}

/* While a heap is locked, nothing of it changes: two walks find the same, however busy others are. */
static void test_a_locked_heap_stands_still(void) {
    for (int limited = 0; limited < 2; limited++) {
        HANDLE heap = HeapCreate(0, 0, limited ? 16 << 20 : 0);
        check_thread_t threads[4];
        atomic_store(&stop, false);
        for (size_t i = 0; i < 4; i++) check_start(&threads[i], churn, heap);
        for (size_t round = 0; round < SCALED(100) + 2; round++) {
            CHECK(HeapLock(heap));
            void *own = HeapAlloc(heap, 0, 10);
            size_t count = count_blocks(heap);
            CHECK_EQUAL(count_blocks(heap), count);
            CHECK(own != NULL && HeapFree(heap, 0, own));
            CHECK_EQUAL(count_blocks(heap), count - 1);
            CHECK(HeapUnlock(heap));
            (void)count_blocks(heap); /* which locks it by itself */
        }
        atomic_store(&stop, true);
        for (size_t i = 0; i < 4; i++) check_join(&threads[i]);
        CHECK_EQUAL(count_blocks(heap), 0);
        CHECK(HeapDestroy(heap));
    }
}

typedef struct turn {
    HANDLE heap;
    _Atomic(int) plain; /* by turns, under the lock */
} turn_t;

static void take_turns(size_t index, void *context) {
    turn_t *turn = context;
    (void)index;
    for (size_t round = 0; round < SCALED(200) + 1; round++) {
        CHECK(HeapLock(turn->heap) && HeapLock(turn->heap));
        int before = atomic_load_explicit(&turn->plain, memory_order_relaxed);
        CHECK(HeapUnlock(turn->heap));
        CHECK_EQUAL(atomic_load_explicit(&turn->plain, memory_order_relaxed), before);
        atomic_store_explicit(&turn->plain, before + 1, memory_order_relaxed);
        CHECK(HeapUnlock(turn->heap));
    }
}

static void test_locks_exclude_each_other(void) {
    turn_t turn = {.heap = HeapCreate(0, 0, 0)};
    check_threads(4, take_turns, &turn);
    CHECK_EQUAL(turn.plain, 4 * (SCALED(200) + 1));
    SetLastError(NO_ERROR);
    CHECK(!HeapUnlock(turn.heap));
    CHECK_EQUAL(GetLastError(), ERROR_NOT_OWNER);
    CHECK(HeapDestroy(turn.heap));
    HANDLE heap = HeapCreate(HEAP_NO_SERIALIZE, 0, 0);
    CHECK(HeapLock(heap) && HeapUnlock(heap) && HeapUnlock(heap) && HeapDestroy(heap));
    CHECK(HeapLock(GetProcessHeap()) && GlobalFree(GlobalAlloc(GHND, 5)) == NULL && HeapUnlock(GetProcessHeap()));
}

#if !defined(__SANITIZE_THREAD__)
/* A child locks a heap that threads of its parent were busy with when it was made. */
static void test_a_child_may_lock(void) {
    HANDLE heap = HeapCreate(0, 0, 0);
    check_thread_t thread;
    atomic_store(&stop, false);
    check_start(&thread, churn, heap);
    for (size_t round = 0; round < SCALED(20) + 1; round++) {
        pid_t child = fork();
        if (child == 0) _exit(HeapLock(heap) && HeapUnlock(heap) ? 0 : 1);
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    atomic_store(&stop, true);
    check_join(&thread);
    CHECK(HeapDestroy(heap));
}
#endif

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

static void test_the_list(void) {
    HANDLE all[8], one = HeapCreate(0, 0, 0), two = HeapCreate(0, 0, 0), three = HeapCreate(0, 0, 0);
    CHECK_EQUAL(GetProcessHeaps(8, all), 4);
    CHECK(all[0] == GetProcessHeap() && all[1] == one && all[2] == two && all[3] == three);
    CHECK(HeapDestroy(two));
    CHECK_EQUAL(GetProcessHeaps(2, all), 3);
    CHECK(all[1] == one && HeapDestroy(three));
    CHECK((two = HeapCreate(0, 0, 0)) != NULL);
    CHECK_EQUAL(GetProcessHeaps(8, all), 3);
    CHECK(all[1] == one && all[2] == two && HeapDestroy(one) && HeapDestroy(two));
    CHECK_EQUAL(GetProcessHeaps(0, NULL), 1);
}

/* Calls that are given no heap say so, wherever the handle points to. */
static void test_what_is_no_heap(void) {
    static char bytes[256];
    HANDLE wrong[] = {NULL, (HANDLE)(uintptr_t)0xDEAD0000, (HANDLE)(uintptr_t)0xDEAD0001, bytes, (HANDLE)-1};
    PROCESS_HEAP_ENTRY entry = {.lpData = NULL};
    ULONG value = 0;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK(!HeapValidate(wrong[i], 0, NULL) && !HeapLock(wrong[i]) && !HeapUnlock(wrong[i]) &&
              !HeapDestroy(wrong[i]));
        CHECK(!HeapWalk(wrong[i], &entry) && HeapCompact(wrong[i], 0) == 0);
        CHECK(!HeapQueryInformation(wrong[i], HeapCompatibilityInformation, &value, sizeof value, NULL));
        CHECK(!HeapSetInformation(wrong[i], HeapCompatibilityInformation, &value, sizeof value));
    }
}

/* A large block that becomes smaller stays, and its pages are the system's again. */
static void test_shrinking_stays_in_place(void) {
    HANDLE heaps[] = {HeapCreate(0, 0, 0), GetProcessHeap()};
    for (size_t i = 0; i < 2; i++) {
        char *block = HeapAlloc(heaps[i], 0, 1 << 20);
        memset(block, 7, 1 << 20);
        CHECK(HeapReAlloc(heaps[i], 0, block, 100) == block);
        for (size_t at = 0; at < 100; at++) CHECK_EQUAL(block[at], 7);
        CHECK_EQUAL(HeapSize(heaps[i], 0, block), 100);
        char *moved = HeapReAlloc(heaps[i], HEAP_ZERO_MEMORY, block, 2 << 20);
        CHECK(moved != NULL && moved[99] == 7 && moved[100] == 0 && moved[(2 << 20) - 1] == 0);
        CHECK(HeapFree(heaps[i], 0, moved));
    }
    CHECK(HeapDestroy(heaps[0]));
}

int main(void) {
    RUN(test_the_list);
    RUN(test_a_walk_finds_each_block_once);
    RUN(test_blocks_of_ended_threads);
    RUN(test_a_locked_heap_stands_still);
    RUN(test_locks_exclude_each_other);
#if !defined(__SANITIZE_THREAD__)
    RUN(test_a_child_may_lock);
#endif
    RUN(test_what_is_no_heap);
    RUN(test_shrinking_stays_in_place);
    return 0;
}
