/* fake_allocators.h: what stands for CPython's three allocators: over malloc, with failures on demand; the object
 * allocator has pools for small blocks and calls the wrapped raw one for large ones. wrap_all() puts the wrappers in
 * place. SQLite is played by calls of the methods that it would be given. */
#ifndef FAKE_ALLOCATORS_H
#define FAKE_ALLOCATORS_H

#include "profile_check.h"

#include "cc/methods.h"

/* The domains that domain_alloc and its kin play. */
enum { FAKE_ALL = BIT_RUNTIME | BIT_RAW | BIT_MEM | BIT_OBJECT | BIT_SQLITE };

typedef struct fake {
    cc_profile_allocator_t below, top; /* the original, and its wrapper */
} fake_t;

static fake_t fakes[CC_PROFILE_DOMAINS];
static __thread bool fake_refuse;              /* the next requests of this thread get nothing */
static __thread size_t fake_asked, fake_calls; /* by the last request that reached an original; how many did */

static void *fake_note(size_t size) {
    fake_asked = size;
    fake_calls++;
    return fake_refuse ? NULL : (void *)1;
}

static void *fake_malloc(void *context, size_t size) {
    CHECK(context == &fakes[CC_PROFILE_RAW] || context == &fakes[CC_PROFILE_MEM]);
    return fake_note(size) == NULL ? NULL : malloc(size > 0 ? size : 1);
}

static void *fake_calloc(void *context, size_t count, size_t size) {
    (void)context;
    return fake_note(count * size) == NULL ? NULL : calloc(count > 0 ? count : 1, size > 0 ? size : 1);
}

static void *fake_realloc(void *context, void *pointer, size_t size) {
    (void)context;
    return fake_note(size) == NULL ? NULL : realloc(pointer, size > 0 ? size : 1);
}

static void fake_free(void *context, void *pointer) {
    (void)context;
    free(pointer);
}

/* The object allocator: a header tells whether a block came from malloc (small) or from the wrapped raw allocator. */
enum { FAKE_SMALL = 512, FAKE_HEADER = 16 };

static void *object_malloc(void *context, size_t size) {
    CHECK(context == &fakes[CC_PROFILE_OBJECT]);
    if (fake_note(size) == NULL) return NULL;
    const cc_profile_allocator_t *raw = &fakes[CC_PROFILE_RAW].top;
    char *block = size <= FAKE_SMALL ? malloc(size + FAKE_HEADER) : raw->malloc(raw->context, size + FAKE_HEADER);
    if (block == NULL) return NULL;
    memcpy(block, &size, sizeof size);
    return block + FAKE_HEADER;
}

static void *object_calloc(void *context, size_t count, size_t size) {
    void *block = object_malloc(context, count * size);
    return block != NULL ? memset(block, 0, count * size) : NULL;
}

static void object_free(void *context, void *pointer) {
    (void)context;
    if (pointer == NULL) return;
    char *block = (char *)pointer - FAKE_HEADER;
    size_t size;
    memcpy(&size, block, sizeof size);
    const cc_profile_allocator_t *raw = &fakes[CC_PROFILE_RAW].top;
    if (size <= FAKE_SMALL)
        free(block);
    else
        raw->free(raw->context, block);
}

static void *object_realloc(void *context, void *pointer, size_t size) {
    char *moved = object_malloc(context, size);
    if (moved == NULL || pointer == NULL) return moved;
    size_t old;
    memcpy(&old, (char *)pointer - FAKE_HEADER, sizeof old);
    memcpy(moved, pointer, old < size ? old : size);
    object_free(context, pointer);
    return moved;
}

/* sqlite3_mem_methods, as SQLite declares it. */
typedef struct fake_sqlite {
    void *(*xMalloc)(int);
    void (*xFree)(void *);
    void *(*xRealloc)(void *, int);
    int (*xSize)(void *);
    int (*xRoundup)(int);
    int (*xInit)(void *);
    void (*xShutdown)(void *);
    void *pAppData;
} fake_sqlite_t;
static const fake_sqlite_t *fake_sqlite;

static inline void plug(const char *backend) {
    if (fake_sqlite != NULL) fake_sqlite->xShutdown(fake_sqlite->pAppData);
    fake_sqlite = (const fake_sqlite_t *)cc_sqlite3_mem_methods(backend);
    CHECK(fake_sqlite != NULL);
    CHECK(fake_sqlite->xInit(fake_sqlite->pAppData) == 0);
}

static inline void wrap_all(void) {
    plug("system");
    for (unsigned d = CC_PROFILE_RAW; d <= CC_PROFILE_OBJECT; d++) {
        cc_profile_allocator_t plain = {&fakes[d], fake_malloc, fake_calloc, fake_realloc, fake_free};
        cc_profile_allocator_t object = {&fakes[d], object_malloc, object_calloc, object_realloc, object_free};
        fakes[d].below = d == CC_PROFILE_OBJECT ? object : plain;
        CHECK_EQUAL(cc_profile_wrap(d, &fakes[d].below, CC_PROFILE_CLASSES_16, &fakes[d].top), CC_OK);
        CHECK(fakes[d].top.context == fakes[d].below.context);
    }
}

static inline void *domain_alloc(unsigned domain, size_t size) {
    if (domain == CC_PROFILE_RUNTIME) return cc_alloc(size);
    if (domain == CC_PROFILE_SQLITE) return fake_sqlite->xMalloc((int)size);
    return fakes[domain].top.malloc(fakes[domain].top.context, size);
}

static inline void *domain_calloc(unsigned domain, size_t count, size_t size) {
    if (domain == CC_PROFILE_RUNTIME) return cc_calloc(count, size);
    if (domain == CC_PROFILE_SQLITE) {
        void *block = fake_sqlite->xMalloc((int)(count * size));
        return block != NULL ? memset(block, 0, count * size) : NULL;
    }
    return fakes[domain].top.calloc(fakes[domain].top.context, count, size);
}

static inline void *domain_realloc(unsigned domain, void *pointer, size_t old_size, size_t size) {
    if (domain == CC_PROFILE_RUNTIME) return cc_realloc(pointer, old_size, size);
    if (domain == CC_PROFILE_SQLITE) return fake_sqlite->xRealloc(pointer, (int)size);
    return fakes[domain].top.realloc(fakes[domain].top.context, pointer, size);
}

static inline void domain_free(unsigned domain, void *pointer, size_t size) {
    if (domain == CC_PROFILE_RUNTIME)
        cc_free(pointer, size);
    else if (domain == CC_PROFILE_SQLITE)
        fake_sqlite->xFree(pointer);
    else
        fakes[domain].top.free(fakes[domain].top.context, pointer);
}

#endif
