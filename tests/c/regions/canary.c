/* canary.c: not a test but a fault that the sanitizer and valgrind builds must report: the use of what a region has
 * taken back, or of a gap between two blocks, in the way that the first argument names. */
#include "cc/regions.h"

#include "../check.h"

int main(int count, char **arguments) {
    const char *way = count > 1 ? arguments[1] : "";
    volatile char *block = NULL;
    cc_arena_t *arena = NULL;
    cc_heap_t *heap = NULL;
    cc_pool_t *pool = NULL;
    if (strstr(way, "arena") != NULL) {
        arena = cc_arena_create(0, NULL);
        cc_arena_mark_t mark = cc_arena_mark(arena);
        block = cc_arena_alloc(arena, 24);
        if (strstr(way, "rewind") != NULL) (void)cc_arena_rewind(arena, mark);
        if (strstr(way, "reset") != NULL) cc_arena_reset(arena);
    } else if (strstr(way, "heap") != NULL) {
        heap = cc_heap_create(NULL);
        cc_heap_checkpoint_t checkpoint = cc_heap_checkpoint(heap);
        block = cc_heap_alloc(heap, 24);
        if (strstr(way, "release") != NULL) (void)cc_heap_release(heap, checkpoint);
        if (strstr(way, "top") != NULL) (void)cc_heap_free_top(heap);
        if (strstr(way, "empty") != NULL) cc_heap_empty(heap);
    } else {
        cc_pool_options_t options = {.block_size = 24, .shared = strstr(way, "shared") != NULL};
        options.fixed = strstr(way, "exact") != NULL;
        pool = cc_pool_create(&options);
        block = cc_pool_alloc(pool);
        if (strstr(way, "free") != NULL) (void)cc_pool_free(pool, (void *)(uintptr_t)block);
    }
    size_t at = strstr(way, "gap") != NULL ? check_hide(24) : 10;
    if (strstr(way, "good") != NULL) block[at] = 1;
    int value = block[at]; /* the fault */
    printf("unnoticed: %d\n", value != 77);
    cc_arena_destroy(arena);
    cc_heap_destroy(heap);
    cc_pool_destroy(pool);
    return 0;
}
