/* methods/system.c: the process's own malloc as a backend (as SQLite's mem1). */
#include "pass.h"

static void *system_malloc(size_t size, void *context) {
    (void)context;
    size_t bytes = cc__pass_whole(size);
    return CC_LIKELY(bytes != 0) ? cc__libc_allocate(bytes, 1, false) : NULL;
}

static void system_free(void *pointer, void *context) {
    (void)context;
    free(pointer);
}

static void *system_realloc(void *pointer, size_t size, void *context) {
    (void)context;
    size_t bytes = cc__pass_whole(size), old_block, block;
    return bytes != 0 ? cc__libc_reallocate(pointer, bytes, &old_block, &block) : NULL;
}

static size_t system_size(void *pointer, void *context) {
    (void)context;
    return pointer != NULL ? cc__libc_usable_size(pointer) : 0;
}

const cc__backend_t cc__system_backend = {
    .name = "system",
    .methods = {system_malloc, system_free, system_realloc, system_size, cc__pass_roundup, cc__pass_init,
                cc__pass_shutdown, NULL},
};
