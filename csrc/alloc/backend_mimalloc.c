/* alloc/backend_mimalloc.c: what mimalloc tells of itself and of its heaps. Empty in builds with another backend. */
#if !defined(CC_BACKEND_LIBC)
#include "backend.h"

#include <mimalloc-stats.h>

/* Debug builds of mimalloc pad their blocks. */
bool cc__main_keeps_good_sizes(void) {
    static const size_t samples[] = {1, 8, 100, CC__MAIN_SMALL_MAX - 1};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        size_t block = 0; /* so it stays without memory, which counts as no */
        void *pointer = mi_umalloc(samples[i], &block);
        mi_free(pointer);
        if (block != mi_good_size(samples[i])) return false;
    }
    return true;
}

int cc__main_heap_bytes(size_t *committed, size_t *reserved) {
    mi_stats_t_decl(figures);
    if (!mi_stats_get(&figures)) return CC_ERROR_SUPPORT;
    *committed = figures.committed.current > 0 ? (size_t)figures.committed.current : 0;
    *reserved = figures.reserved.current > 0 ? (size_t)figures.reserved.current : 0;
    return CC_OK;
}

typedef struct visitor {
    void (*visit)(void *block, size_t size, void *context);
    void *context;
} visitor_t;

/* mimalloc tells of an area first, without a block. */
static bool visit_block(const mi_heap_t *heap, const mi_heap_area_t *area, void *block, size_t size, void *context) {
    (void)heap, (void)area;
    const visitor_t *visitor = context;
    if (block != NULL) visitor->visit(block, size, visitor->context);
    return true;
}

void cc__heap_visit(cc__heap_t *heap, void (*visit)(void *block, size_t size, void *context), void *context) {
    visitor_t visitor = {visit, context};
    (void)mi_heap_visit_blocks(heap, true, visit_block, &visitor);
}
#endif
