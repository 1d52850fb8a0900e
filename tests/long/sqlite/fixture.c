/* fixture.c: what SQLite's testfixture is linked with in the place of two of its functions, whose own forms were
 * renamed to …Own: the one that chooses the default allocator, and the one that gives out memsys5. So SQLite's tests
 * run on libcc from before main on, also when they ask for the default anew.
 *
 *   CC_FIXTURE_BACKEND   own (SQLite's default), memsys5 (its own, on 64 MiB), or a backend of libcc
 *   CC_FIXTURE_MEMSYS5   own, or buddy: what SQLITE_CONFIG_HEAP installs
 *   CC_FIXTURE_COUNTS    a file that gets the number of blocks taken from each at exit, as NAME=COUNT lines */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqliteInt.h"

#include "cc/methods.h"

void sqlite3MemSetDefaultOwn(void);
const sqlite3_mem_methods *sqlite3MemGetMemsys5Own(void);

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value != NULL ? value : "own";
}

/* ---- the default allocator -------------------------------------------------------------------------------------- */

static const sqlite3_mem_methods *plugged;
static unsigned long default_count, heap_count;

static void *counted_malloc(int size) {
    __atomic_fetch_add(&default_count, 1, __ATOMIC_RELAXED);
    return plugged->xMalloc(size);
}

static void *counted_realloc(void *pointer, int size) {
    __atomic_fetch_add(&default_count, 1, __ATOMIC_RELAXED);
    return plugged->xRealloc(pointer, size);
}

static char memsys5_buffer[64 << 20] __attribute__((aligned(64)));

void sqlite3MemSetDefault(void) {
    const char *backend = setting("CC_FIXTURE_BACKEND");
    if (strcmp(backend, "own") == 0) {
        sqlite3MemSetDefaultOwn();
        return;
    }
    if (strcmp(backend, "memsys5") == 0) {
        sqlite3GlobalConfig.pHeap = memsys5_buffer;
        sqlite3GlobalConfig.nHeap = sizeof memsys5_buffer;
        sqlite3GlobalConfig.mnReq = 16;
        plugged = sqlite3MemGetMemsys5Own();
    } else {
        plugged = cc_sqlite3_mem_methods(backend);
    }
    if (plugged == NULL) {
        fprintf(stderr, "fixture: CC_FIXTURE_BACKEND=%s is no backend\n", backend);
        abort();
    }
    sqlite3_mem_methods methods = *plugged;
    methods.xMalloc = counted_malloc;
    methods.xRealloc = counted_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}

/* ---- memsys5 ----------------------------------------------------------------------------------------------------- */

/* An instance over the buffer that the test gave to SQLITE_CONFIG_HEAP. */
static cc_mem_methods_t heap;

static int heap_init(void *unused) {
    (void)unused;
    int status = cc_mem_buddy_create(&heap, sqlite3GlobalConfig.pHeap, (size_t)sqlite3GlobalConfig.nHeap,
                                     sqlite3GlobalConfig.mnReq > 8 ? (size_t)sqlite3GlobalConfig.mnReq : 8);
    if (status != CC_OK) return SQLITE_NOMEM;
    return heap.init(heap.context) == CC_OK ? SQLITE_OK : SQLITE_NOMEM;
}

static void heap_shutdown(void *unused) {
    (void)unused;
    heap.shutdown(heap.context);
}

static void *heap_malloc(int size) {
    __atomic_fetch_add(&heap_count, 1, __ATOMIC_RELAXED);
    return heap.malloc((size_t)size, heap.context);
}

static void heap_free(void *pointer) {
    heap.free(pointer, heap.context);
}

static void *heap_realloc(void *pointer, int size) {
    __atomic_fetch_add(&heap_count, 1, __ATOMIC_RELAXED);
    return size > 0 ? heap.realloc(pointer, (size_t)size, heap.context) : NULL;
}

static int heap_size(void *pointer) {
    return (int)heap.size(pointer, heap.context);
}

static int heap_roundup(int size) {
    size_t rounded = heap.roundup((size_t)size, heap.context);
    return rounded <= 0x7fffffff ? (int)rounded : 0;
}

const sqlite3_mem_methods *sqlite3MemGetMemsys5(void) {
    static const sqlite3_mem_methods methods = {heap_malloc,  heap_free, heap_realloc,  heap_size,
                                                heap_roundup, heap_init, heap_shutdown, NULL};
    return strcmp(setting("CC_FIXTURE_MEMSYS5"), "buddy") == 0 ? &methods : sqlite3MemGetMemsys5Own();
}

/* ---- before main and after --------------------------------------------------------------------------------------- */

__attribute__((constructor)) static void begin_before_main(void) {
    for (int i = 0; i < 3; i++) {
        if (sqlite3_initialize() != SQLITE_OK || sqlite3_shutdown() != SQLITE_OK) {
            fprintf(stderr, "fixture: SQLite does not begin before main\n");
            abort();
        }
    }
}

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("CC_FIXTURE_COUNTS");
    FILE *file = path != NULL ? fopen(path, "w") : NULL;
    if (file == NULL) return;
    fprintf(file, "default=%lu\nheap=%lu\n", default_count, heap_count);
    fclose(file);
}
