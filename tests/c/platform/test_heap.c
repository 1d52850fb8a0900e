/* test_heap.c: private heaps by number: many blocks, threads, limits, and what is destroyed with them.
 * variants: release debug asan tsan valgrind */
#include "compat/memory_wrapper.h"

#include <stdatomic.h>

#include "../check.h"

enum { MANY = 300000 };
static void *blocks[MANY];

static void test_destroy_frees_everything(void) {
    for (int round = 0; round < 2; round++) {
        HANDLE heap = HeapCreate(0, 0, 0);
        CHECK(heap != NULL);
        for (size_t i = 0; i < SCALED(MANY); i++) {
            blocks[i] = HeapAlloc(heap, i % 50 == 0 ? HEAP_ZERO_MEMORY : 0, 1 + i % 200);
            CHECK(blocks[i] != NULL);
            *(char *)blocks[i] = (char)i;
        }
        for (size_t i = 0; i < SCALED(MANY); i += 3) CHECK(HeapFree(heap, 0, blocks[i]));
        for (size_t i = 1; i < SCALED(MANY); i += 3) CHECK_EQUAL(HeapSize(heap, 0, blocks[i]), 1 + i % 200);
        CHECK(HeapAlloc(heap, 0, 10 << 20) != NULL);
        CHECK(HeapDestroy(heap));
    }
}

static void test_heaps_are_apart(void) {
    enum { HEAPS = 40 };
    HANDLE heaps[HEAPS];
    char *own[HEAPS];
    for (size_t i = 0; i < HEAPS; i++) {
        heaps[i] = HeapCreate(i % 2 == 0 ? HEAP_NO_SERIALIZE : 0, 0, i % 4 == 0 ? 100000 : 0);
        CHECK(heaps[i] != NULL);
        own[i] = HeapAlloc(heaps[i], 0, 100);
        memset(own[i], (int)i, 100);
    }
    for (size_t i = 1; i < HEAPS; i++) {
        SetLastError(NO_ERROR);
        CHECK(!HeapFree(heaps[i], 0, own[i - 1]));
        CHECK_EQUAL(GetLastError(), ERROR_INVALID_PARAMETER);
        CHECK(!HeapValidate(heaps[i], 0, own[i - 1]));
        CHECK_EQUAL(HeapSize(heaps[i], 0, own[i - 1]), (SIZE_T)-1);
        CHECK(HeapReAlloc(heaps[i], 0, own[i - 1], 5) == NULL);
        CHECK(!HeapFree(heaps[i], 0, own[i] + 16));
        CHECK(!HeapFree(heaps[i], 0, own[i] + 1));
    }
    for (size_t i = 0; i < HEAPS; i += 2) CHECK(HeapDestroy(heaps[i]));
    for (size_t i = 1; i < HEAPS; i += 2) {
        for (size_t at = 0; at < 100; at++) CHECK_EQUAL(own[i][at], i);
        CHECK(HeapDestroy(heaps[i]));
    }
    CHECK(HeapAlloc(NULL, 0, 10) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_HANDLE);
    CHECK(HeapCreate(0, 100000, 4096) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_PARAMETER);
    CHECK(HeapCreate(0, 0, check_hide(SIZE_MAX)) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_NOT_ENOUGH_MEMORY);
}

/* A limit is kept to the byte, and what is freed counts again. */
static void test_limit(void) {
    HANDLE heap = HeapCreate(0, 0, 40960);
    void *kept[40];
    for (size_t i = 0; i < 40; i++) CHECK((kept[i] = HeapAlloc(heap, 0, 1024 - 16)) != NULL);
    SetLastError(NO_ERROR);
    CHECK(HeapAlloc(heap, 0, 0) == NULL);
    CHECK_EQUAL(GetLastError(), ERROR_NOT_ENOUGH_MEMORY);
    CHECK(HeapReAlloc(heap, 0, kept[0], 1024) == NULL);
    CHECK((kept[0] = HeapReAlloc(heap, 0, kept[0], 500)) != NULL);
    CHECK((kept[0] = HeapReAlloc(heap, HEAP_ZERO_MEMORY, kept[0], 1024 - 16)) != NULL);
    CHECK(HeapReAlloc(heap, 0, kept[0], check_hide(SIZE_MAX)) == NULL);
    CHECK(HeapFree(heap, 0, kept[39]));
    CHECK(HeapAlloc(heap, 0, 1024) == NULL);
    CHECK((kept[39] = HeapAlloc(heap, 0, 1024 - 16)) != NULL);
    CHECK(HeapDestroy(heap));
}

static void test_in_place(void) {
    HANDLE heap = HeapCreate(0, 0, 0), both[2] = {heap, GetProcessHeap()};
    for (size_t i = 0; i < 2; i++) {
        char *block = HeapAlloc(both[i], 0, 3000);
        memset(block, 4, 3000);
        CHECK(HeapReAlloc(both[i], HEAP_REALLOC_IN_PLACE_ONLY, block, 100) == block);
        CHECK_EQUAL(HeapSize(both[i], 0, block), 100);
        CHECK(HeapReAlloc(both[i], HEAP_REALLOC_IN_PLACE_ONLY | HEAP_ZERO_MEMORY, block, 3000) == block);
        for (size_t at = 0; at < 3000; at++) CHECK_EQUAL(block[at], at < 100 ? 4 : 0);
        CHECK(HeapReAlloc(both[i], HEAP_REALLOC_IN_PLACE_ONLY, block, 300000) == NULL);
        CHECK_EQUAL(HeapSize(both[i], 0, block), 3000);
        CHECK(HeapFree(both[i], 0, block));
    }
    CHECK(HeapDestroy(heap));
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

enum { THREADS = 8, SHARED = 512 };
static void *_Atomic shared[SHARED];

/* Frees what others allocated. */
static void exchange(size_t index, void *heap) {
    uint64_t state = 99 + index;
    for (size_t round = 0; round < SCALED(40000); round++) {
        size_t size = 1 + check_random(&state) % 300;
        char *block = HeapAlloc(heap, 0, size);
        CHECK(block != NULL);
        memset(block, (int)size, size);
        block = atomic_exchange(&shared[check_random(&state) % SHARED], block);
        if (block == NULL) continue;
        size = HeapSize(heap, 0, block);
        CHECK(size > 0 && size <= 300 && block[0] == (char)size && block[size - 1] == (char)size);
        CHECK(HeapFree(heap, 0, block));
    }
}

static void test_threads(void) {
    for (int limited = 0; limited < 2; limited++) {
        HANDLE heap = HeapCreate(0, 0, limited ? 4 << 20 : 0);
        check_threads(THREADS, exchange, heap);
        for (size_t i = 0; i < SHARED; i++) shared[i] = NULL;
        CHECK(HeapDestroy(heap)); /* with what is left; its threads have ended */
    }
}

/* Heaps come and go while other threads have theirs. */
static void come_and_go(size_t index, void *unused) {
    (void)unused;
    for (size_t round = 0; round < SCALED(200); round++) {
        HANDLE heap = HeapCreate(0, 0, 0);
        CHECK(heap != NULL);
        for (size_t i = 0; i < 100; i++) {
            char *block = HeapAlloc(heap, HEAP_ZERO_MEMORY, 100 + index);
            CHECK(block != NULL && block[99] == 0);
            block[99] = 1;
        }
        CHECK(HeapDestroy(heap));
    }
}

static void test_heaps_of_threads(void) {
    check_threads(THREADS, come_and_go, NULL);
}

/* A thread that is still there has allocated from a heap that another destroys. */
static pthread_barrier_t allocated, destroyed;

static void outlive(size_t index, void *heap) {
    (void)index;
    for (size_t i = 0; i < 1000; i++) CHECK(HeapAlloc(heap, 0, 100) != NULL);
    pthread_barrier_wait(&allocated);
    pthread_barrier_wait(&destroyed);
    HANDLE other = HeapCreate(0, 0, 0);
    for (size_t i = 0; i < 1000; i++) CHECK(HeapAlloc(other, 0, 100) != NULL);
    CHECK(HeapDestroy(other));
}

static void test_destroyed_by_another_thread(void) {
    pthread_barrier_init(&allocated, NULL, 2);
    pthread_barrier_init(&destroyed, NULL, 2);
    HANDLE heap = HeapCreate(0, 0, 0);
    check_thread_t thread;
    check_start(&thread, outlive, heap);
    pthread_barrier_wait(&allocated);
    CHECK(HeapDestroy(heap));
    pthread_barrier_wait(&destroyed);
    check_join(&thread);
}

int main(void) {
    RUN(test_destroy_frees_everything);
    RUN(test_heaps_are_apart);
    RUN(test_limit);
    RUN(test_in_place);
    RUN(test_threads);
    RUN(test_heaps_of_threads);
    RUN(test_destroyed_by_another_thread);
    return 0;
}
