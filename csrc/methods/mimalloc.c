/* methods/mimalloc.c: the mimalloc inside libcc as a backend. */
#include "pass.h"

static void *mimalloc_malloc(size_t size, void *context) {
    (void)context;
    size_t bytes = cc__pass_whole(size);
    return CC_LIKELY(bytes != 0) ? cc__main_allocate(bytes) : NULL;
}

static void mimalloc_free(void *pointer, void *context) {
    (void)context;
    cc__main_release(pointer, 0);
}

static void *mimalloc_realloc(void *pointer, size_t size, void *context) {
    (void)context;
    size_t bytes = cc__pass_whole(size), old_block, block;
    return bytes != 0 ? cc__main_reallocate(pointer, bytes, &old_block, &block) : NULL;
}

static size_t mimalloc_size(void *pointer, void *context) {
    (void)context;
    return pointer != NULL ? cc__main_usable_size(pointer) : 0;
}

const cc__backend_t cc__mimalloc_backend = {
    .name = "mimalloc",
    .methods = {mimalloc_malloc, mimalloc_free, mimalloc_realloc, mimalloc_size, cc__pass_roundup, cc__pass_init,
                cc__pass_shutdown, NULL},
};
