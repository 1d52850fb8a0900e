/* test_sized.c: cc/sized.h. */
#include "cc/sized.h"

#include "../check.h"

#include <string.h>

static void test_sizes_are_kept(void) {
    CHECK(cc_sized_alloc(check_hide(0)) == NULL);
    CHECK(cc_sized_alloc(check_hide(SIZE_MAX - 4)) == NULL);
    for (size_t size = 1; size < 3000; size += 97) {
        char *block = cc_sized_alloc(size);
        CHECK_EQUAL((uintptr_t)block % 16, 0);
        memset(block, 1, size);
        CHECK_EQUAL(cc_sized_size(block), size);
        cc_sized_free(block);
    }
    CHECK_EQUAL(cc_sized_size(NULL), 0);
    cc_sized_free(NULL);
}

int main(void) {
    RUN(test_sizes_are_kept);
    return 0;
}
