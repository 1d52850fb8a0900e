/* canary.c: not a test but a fault that the sanitizer and valgrind builds must report: a use after cc_free, in the
 * way that the first argument names. */
#include "cc/alloc.h"

#include "../check.h"

int main(int count, char **arguments) {
    const char *way = count > 1 ? arguments[1] : "";
    cc_alloc_stats_enable(strstr(way, "counted") != NULL);
    volatile char *block = strstr(way, "node") != NULL ? cc_alloc_node(100) : cc_alloc(100);
    if (block == NULL) return 2;
    block[0] = 1;
    if (strstr(way, "unsized") != NULL)
        cc_free_unsized((void *)(uintptr_t)block);
    else
        cc_free((void *)(uintptr_t)block, 100);
    int value = block[0]; /* the fault */
    printf("unnoticed: %d\n", value);
    return 0;
}
