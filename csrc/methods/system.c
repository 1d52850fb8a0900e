/* methods/system.c: the process's own malloc as a table of methods (as SQLite's mem1), and mimalloc the same way: both only
 * pass on. Sizes are rounded up to 8, which roundup() promises; tools that watch every byte see them so, too. */
#include "methods_internal.h"

#include "../alloc/backend.h"

/* 0 when it is too large. */
static inline size_t whole(size_t size) {
    return size <= PTRDIFF_MAX - 7 ? (size + 7) & ~(size_t)7 : 0;
}

static size_t pass_roundup(size_t size, void *context) {
    (void)context;
    return whole(size);
}

static int pass_init(void *context) {
    (void)context;
    return CC_OK;
}

static void pass_shutdown(void *context) {
    (void)context;
}

static void *system_malloc(size_t size, void *context) {
    (void)context;
    size_t bytes = whole(size);
    return CC_LIKELY(bytes != 0) ? cc__libc_allocate(bytes, 1, false) : NULL;
}

static void system_free(void *pointer, void *context) {
    (void)context;
    free(pointer);
}

static void *system_realloc(void *pointer, size_t size, void *context) {
    (void)context;
    size_t bytes = whole(size), old_block, block;
    return bytes != 0 ? cc__libc_reallocate(pointer, bytes, &old_block, &block) : NULL;
}

static size_t system_size(void *pointer, void *context) {
    (void)context;
    return pointer != NULL ? cc__libc_usable_size(pointer) : 0;
}

const cc_mem_methods_t cc__system_methods = {
    system_malloc, system_free, system_realloc, system_size, pass_roundup, pass_init, pass_shutdown, NULL,
};

static void *mimalloc_malloc(size_t size, void *context) {
    (void)context;
    size_t bytes = whole(size);
    return CC_LIKELY(bytes != 0) ? cc__main_allocate(bytes) : NULL;
}

static void mimalloc_free(void *pointer, void *context) {
    (void)context;
    cc__main_release(pointer, 0);
}

static void *mimalloc_realloc(void *pointer, size_t size, void *context) {
    (void)context;
    size_t bytes = whole(size), old_block, block;
    return bytes != 0 ? cc__main_reallocate(pointer, bytes, &old_block, &block) : NULL;
}

static size_t mimalloc_size(void *pointer, void *context) {
    (void)context;
    return pointer != NULL ? cc__main_usable_size(pointer) : 0;
}

const cc_mem_methods_t cc__mimalloc_methods = {
    mimalloc_malloc, mimalloc_free, mimalloc_realloc, mimalloc_size, pass_roundup, pass_init, pass_shutdown, NULL,
};
