/* test_fork.c: a child of a process whose other threads are inside this layer all the time.
 * variants: release debug */
#define _GNU_SOURCE
#include "cc/alloc.h"
#include "compat/memory_wrapper.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"

/* The thread sanitizer takes a fork's handlers for a deadlock of its own; valgrind the other threads' blocks for the
 * child's leaks. */
#if !defined(__SANITIZE_THREAD__) && !defined(CHECK_VALGRIND)
enum { THREADS = 3 };
static atomic_bool done;

static void storm(size_t index, void *unused) {
    (void)unused;
    while (!atomic_load(&done)) {
        void *block = Platform_AllocEx(20000, MEM_TEMP, "storm.c", (int)index);
        HGLOBAL memory = GlobalAlloc(GHND, 100);
        void *pages = VirtualAlloc(NULL, 100, MEM_COMMIT, PAGE_READWRITE);
        CHECK(block != NULL && memory != NULL && pages != NULL);
        CHECK(VirtualFree(pages, 0, MEM_RELEASE));
        CHECK(GlobalFree(memory) == NULL);
        Platform_Free(block, 0);
    }
}

/* All of the layer's locks are free in the child, and its tables whole. */
static int use_all(void) {
    for (int i = 0; i < 20; i++) {
        void *block = Platform_AllocEx(100, MEM_NORMAL, "child.c", i);
        HGLOBAL memory = GlobalAlloc(GHND, 100);
        void *pages = VirtualAlloc(NULL, 100, MEM_COMMIT, PAGE_READWRITE);
        if (block == NULL || memory == NULL || pages == NULL) return 2;
        if (GlobalLock(memory) == NULL || GlobalFree(memory) != NULL || !VirtualFree(pages, 0, MEM_RELEASE)) return 3;
        Platform_Free(block, 100);
    }
    return 0;
}

static void test_fork_in_a_storm(void) {
    check_thread_t threads[THREADS];
    CHECK_EQUAL(cc_alloc_select("libc"), CC_OK); /* mimalloc's own locks no child may rely on: see cc/alloc.h */
    Platform_Mem_TrackLeaks(true);
    for (size_t i = 0; i < THREADS; i++) {
        threads[i] = (check_thread_t){.function = storm, .index = i};
        CHECK(pthread_create(&threads[i].thread, NULL, check_thread_main, &threads[i]) == 0);
    }
    for (size_t i = 0; i < SCALED(100); i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            alarm(60);
            _exit(use_all());
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK_EQUAL(status, 0);
    }
    atomic_store(&done, true);
    for (size_t i = 0; i < THREADS; i++) check_join(&threads[i]);
    Platform_Mem_TrackLeaks(false);
}
#endif

static void test_statistics_go_on_in_the_child(void) {
    size_t before = Platform_Mem_GetAllocated();
    void *kept = Platform_Alloc(1000, MEM_NORMAL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        bool good = Platform_Mem_GetAllocated() == before + 1000;
        Platform_Free(kept, 1000);
        _exit(good && Platform_Mem_GetAllocated() == before ? 0 : 1);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQUAL(status, 0);
    CHECK_EQUAL(Platform_Mem_GetAllocated(), before + 1000);
    Platform_Free(kept, 1000);
}

int main(void) {
#if !defined(__SANITIZE_THREAD__) && !defined(CHECK_VALGRIND)
    RUN(test_fork_in_a_storm);
#endif
    RUN(test_statistics_go_on_in_the_child);
    return 0;
}
