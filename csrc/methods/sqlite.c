/* methods/sqlite.c: SQLite on the backends: what cc_sqlite3_mem_methods returns.
 *
 * SQLite's methods get no context in a call, so that each backend has functions of its own here. SQLite counts in ints;
 * it asks size() most often of all. A profiler that looks at SQLite's memory goes between (alloc/observer.h). */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../alloc/backend.h"
#include "../alloc/observer.h"
#include "backend.h"

/* The layout of SQLite's sqlite3_mem_methods, and some of its result codes. */
typedef struct sqlite_methods {
    void *(*malloc)(int size);
    void (*free)(void *pointer);
    void *(*realloc)(void *pointer, int size);
    int (*size)(void *pointer);
    int (*roundup)(int size);
    int (*init)(void *data);
    void (*shutdown)(void *data);
    void *data;
} sqlite_methods_t;

enum { SQLITE_OK = 0, SQLITE_NOMEM = 7, SQLITE_MISUSE = 21 };

/* The largest size that is told: an int, in whole words. */
enum { MOST = INT_MAX & ~7 };

/* A backend as it is plugged in. */
typedef struct plug {
    cc__allocator_t plugged; /* first: the observer gives it back */
    _Atomic(const cc_mem_methods_t *) below;
} plug_t;

/* pre: SQLite was given its methods by cc_sqlite3_mem_methods. Relaxed is enough: SQLite hands its methods on to its
 * threads under locks of its own. */
static inline const cc_mem_methods_t *below(const cc__allocator_t *self) {
    return cc__load_relaxed(&((const plug_t *)self)->below);
}

static void *allocate(const cc__allocator_t *self, cc__request_t *request) {
    const cc_mem_methods_t *methods = below(self);
    return methods->malloc(request->bytes, methods->context);
}

static void *reallocate(const cc__allocator_t *self, cc__request_t *request) {
    const cc_mem_methods_t *methods = below(self);
    return methods->realloc(request->pointer, request->bytes, methods->context);
}

static void release(const cc__allocator_t *self, cc__request_t *request) {
    const cc_mem_methods_t *methods = below(self);
    methods->free(request->pointer, methods->context);
}

static size_t good_size(const cc__allocator_t *self, size_t size) {
    const cc_mem_methods_t *methods = below(self);
    size_t rounded = methods->roundup(size, methods->context);
    return rounded >= size ? rounded : size;
}

static inline const cc__allocator_t *observer(void) {
    return cc__load_acquire(&cc__plugged_observer); /* pairs with who installed it */
}

/* False when the variable is set to anything but a number of bytes. */
static bool read_environment(void) {
    const char *text = getenv("CC_SQLITE_BUFFER_BYTES");
    char *end = NULL;
    unsigned long long bytes = 0;
    if (text != NULL && *text != '\0') {
        bytes = strtoull(text, &end, 10);
        if (*text < '0' || *text > '9' || *end != '\0' || bytes == 0 || bytes > PTRDIFF_MAX) return false;
    }
    cc__instances_set_default_bytes((size_t)bytes);
    return true;
}

/* ---- mimalloc with headers --------------------------------------------------------------------------------------- */

/* mimalloc knows a block's size class alone, which is up to a fifth more than was asked for, and SQLite would add that
 * up. So 8 bytes before each of SQLite's blocks tell its size, as in mem1; they are also faster to ask. */
typedef uint64_t header_t;

/* The whole block for `size` bytes, which is rounded up to 8; 0 when it is too large. */
static inline size_t with_header(size_t *size) {
    if (CC_UNLIKELY(*size > PTRDIFF_MAX - 7 - sizeof(header_t))) return 0;
    *size = (*size + 7) & ~(size_t)7;
    return *size + sizeof(header_t);
}

static inline void *behind_header(header_t *block, size_t size) {
    if (CC_UNLIKELY(block == NULL)) return NULL;
    *block = size;
    return block + 1;
}

static void *headed_malloc(size_t size, void *context) {
    (void)context;
    size_t bytes = with_header(&size);
    return CC_LIKELY(bytes != 0) ? behind_header(cc__main_allocate(bytes), size) : NULL;
}

static void headed_free(void *pointer, void *context) {
    (void)context;
    if (pointer != NULL) cc__main_release((header_t *)pointer - 1, 0);
}

static void *headed_realloc(void *pointer, size_t size, void *context) {
    (void)context;
    size_t bytes = with_header(&size), old_block, block;
    return bytes != 0 ? behind_header(cc__main_reallocate((header_t *)pointer - 1, bytes, &old_block, &block), size)
                      : NULL;
}

static size_t headed_size(void *pointer, void *context) {
    (void)context;
    return pointer != NULL ? (size_t)((header_t *)pointer)[-1] : 0;
}

static size_t headed_roundup(size_t size, void *context) {
    (void)context;
    return with_header(&size) != 0 ? size : 0;
}

static int headed_init(void *context) {
    (void)context;
    return CC_OK;
}

static void headed_shutdown(void *context) {
    (void)context;
}

static const cc_mem_methods_t headed_mimalloc = {
    headed_malloc, headed_free, headed_realloc, headed_size, headed_roundup, headed_init, headed_shutdown, NULL,
};

/* ---- the functions of a plug ------------------------------------------------------------------------------------- */

/* `methods` is what lies below `plug`: given apart, so that the compiler can call mimalloc's functions directly. */

/* The same calls when somebody looks. */

static __attribute__((noinline)) void *seen_malloc(const cc__allocator_t *seen_by, const plug_t *plug, size_t size) {
    cc__request_t request = {.size = size, .bytes = size, .alignment = 1};
    return seen_by->allocate(&plug->plugged, &request);
}

static __attribute__((noinline)) void seen_free(const cc__allocator_t *seen_by, const plug_t *plug, void *pointer) {
    cc__request_t request = {.pointer = pointer};
    seen_by->release(&plug->plugged, &request);
}

static __attribute__((noinline)) void *seen_realloc(const cc__allocator_t *seen_by, const plug_t *plug, void *pointer,
                                                    size_t size) {
    cc__request_t request = {.pointer = pointer, .size = size, .bytes = size};
    return seen_by->reallocate(&plug->plugged, &request);
}

static inline void *plug_malloc(const plug_t *plug, const cc_mem_methods_t *methods, int size) {
    if (CC_UNLIKELY(size <= 0)) return NULL;
    const cc__allocator_t *seen_by = observer();
    if (CC_UNLIKELY(seen_by != NULL)) return seen_malloc(seen_by, plug, (size_t)size);
    return methods->malloc((size_t)size, methods->context);
}

static inline void plug_free(const plug_t *plug, const cc_mem_methods_t *methods, void *pointer) {
    const cc__allocator_t *seen_by = observer();
    if (CC_UNLIKELY(seen_by != NULL))
        seen_free(seen_by, plug, pointer);
    else
        methods->free(pointer, methods->context);
}

/* SQLite asks for size 0 when roundup gave 0, which means too large: no memory, and the block stays. */
static inline void *plug_realloc(const plug_t *plug, const cc_mem_methods_t *methods, void *pointer, int size) {
    if (CC_UNLIKELY(size <= 0)) return NULL;
    if (CC_UNLIKELY(pointer == NULL)) return plug_malloc(plug, methods, size);
    const cc__allocator_t *seen_by = observer();
    if (CC_UNLIKELY(seen_by != NULL)) return seen_realloc(seen_by, plug, pointer, (size_t)size);
    return methods->realloc(pointer, (size_t)size, methods->context);
}

static inline int plug_size(const cc_mem_methods_t *methods, void *pointer) {
    size_t size = methods->size(pointer, methods->context);
    return CC_LIKELY(size <= MOST) ? (int)size : MOST;
}

static inline int plug_roundup(const cc_mem_methods_t *methods, int size) {
    if (size <= 0) return 0;
    size_t rounded = methods->roundup((size_t)size, methods->context);
    if (CC_LIKELY(rounded <= MOST)) return (int)rounded;
    return size <= MOST ? (size + 7) & ~7 : 0;
}

/* ---- the tables -------------------------------------------------------------------------------------------------- */

static int plug_init(void *data) {
    const plug_t *plug = data;
    const cc_mem_methods_t *methods = below(&plug->plugged);
    if (!read_environment()) return SQLITE_MISUSE;
    int status = methods->init(methods->context);
    if (status != CC_OK) return status == CC_ERROR_MEMORY ? SQLITE_NOMEM : SQLITE_MISUSE;
    cc__store_release(&cc__plugged_last, &plug->plugged); /* pairs with the readers of block sizes */
    return SQLITE_OK;
}

static void plug_shutdown(void *data) {
    const cc_mem_methods_t *methods = below(&((const plug_t *)data)->plugged);
    methods->shutdown(methods->context);
}

#define NUMBER(name) NUMBER_##name,
enum { CC__BACKENDS(NUMBER) BACKEND_COUNT };

#define PLUG(name) {.plugged = {allocate, reallocate, release, good_size}},
static plug_t plugs[BACKEND_COUNT] = {CC__BACKENDS(PLUG)};

#define METHODS_OF(name) (NUMBER_##name == NUMBER_mimalloc ? &headed_mimalloc : below(&plugs[NUMBER_##name].plugged))

#define FUNCTIONS(name) \
    static void *name##_malloc(int size) { return plug_malloc(&plugs[NUMBER_##name], METHODS_OF(name), size); } \
    static void name##_free(void *pointer) { plug_free(&plugs[NUMBER_##name], METHODS_OF(name), pointer); } \
    static void *name##_realloc(void *pointer, int size) { \
        return plug_realloc(&plugs[NUMBER_##name], METHODS_OF(name), pointer, size); \
    } \
    static int name##_size(void *pointer) { return plug_size(METHODS_OF(name), pointer); } \
    static int name##_roundup(int size) { return plug_roundup(METHODS_OF(name), size); }
CC__BACKENDS(FUNCTIONS)

#define METHODS(name) \
    {name##_malloc, name##_free, name##_realloc, name##_size, name##_roundup, plug_init, plug_shutdown, \
     &plugs[NUMBER_##name]},
static const sqlite_methods_t methods_of[BACKEND_COUNT] = {CC__BACKENDS(METHODS)};

#define NAME(name) #name,
static const char *const names[BACKEND_COUNT] = {CC__BACKENDS(NAME)};

const void *cc_sqlite3_mem_methods(const char *backend) {
    const cc_mem_methods_t *methods = cc_mem_backend(backend);
    if (methods == NULL) return NULL;
    for (unsigned i = 0; i < BACKEND_COUNT; i++) {
        if (strcmp(names[i], backend) != 0) continue;
        if (i == NUMBER_mimalloc) methods = &headed_mimalloc;
        cc__store_relaxed(&plugs[i].below, methods); /* always the same */
        return &methods_of[i];
    }
    return NULL;
}
