/* test_dlopen.c: libcc loaded late, into a process whose threads run already; its thread-locals are of the static kind.
 * link: none */
#define _GNU_SOURCE
#define CC_ALLOC_NO_INLINE
#include "cc/alloc.h"

#include <dlfcn.h>

#include "../check.h"

static struct {
    void *(*alloc)(size_t);
    void *(*alloc_node)(size_t);
    void (*free)(void *, size_t);
    void (*enable)(bool);
    bool (*enabled)(void);
    cc_alloc_snapshot_t (*snapshot)(void);
    int (*abi_version)(void);
} library;
static const char *path;
static pthread_barrier_t loaded;

static void load(void) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) fprintf(stderr, "%s\n", dlerror());
    CHECK(handle != NULL);
    *(void **)&library.alloc = dlsym(handle, "cc_alloc");
    *(void **)&library.alloc_node = dlsym(handle, "cc_alloc_node");
    *(void **)&library.free = dlsym(handle, "cc_free");
    *(void **)&library.enable = dlsym(handle, "cc_alloc_stats_enable");
    *(void **)&library.enabled = dlsym(handle, "cc_alloc_stats_enabled");
    *(void **)&library.snapshot = dlsym(handle, "cc_alloc_stats_snapshot");
    *(void **)&library.abi_version = dlsym(handle, "cc_abi_version");
    CHECK(library.alloc != NULL && library.alloc_node != NULL && library.free != NULL && library.abi_version != NULL);
    CHECK(library.enable != NULL && library.enabled != NULL && library.snapshot != NULL);
    CHECK_EQUAL(library.abi_version(), CC_ABI_VERSION);
    library.enable(true);
    CHECK(dlclose(handle) == 0); /* it stays: threads that end later run its code */
}

static void use(size_t index, void *unused) {
    (void)index, (void)unused;
    (void)pthread_barrier_wait(&loaded); /* these threads are older than the library */
    if (index == 0) load();
    (void)pthread_barrier_wait(&loaded);
    for (int i = 0; i < 1000; i++) {
        void *block = library.alloc(100), *node = library.alloc_node(24);
        CHECK(block != NULL && node != NULL);
        memset(block, 1, 100);
        library.free(node, 24);
        library.free(block, 100);
    }
}

static void test_threads_older_than_the_library(void) {
    CHECK(pthread_barrier_init(&loaded, NULL, 4) == 0);
    check_threads(4, use, NULL);
    cc_alloc_snapshot_t found = library.snapshot();
    CHECK_EQUAL(found.alloc_count, library.enabled() ? 8000 : 0);
    CHECK_EQUAL(found.free_count, found.alloc_count);
    CHECK_EQUAL(found.current_block_bytes, 0);
    CHECK_EQUAL(found.thread_count, 0);
}

int main(int count, char **arguments) {
    CHECK(count > 1);
    path = arguments[1];
    RUN(test_threads_older_than_the_library);
    return 0;
}
