// test_language.cpp: cc/regions.h from C++.
#include "cc/regions.h"

#include "../check.h"

static void test_the_inlines() {
    CC_CLEANUP(cc_arena_cleanup) cc_arena_t *arena = cc_arena_create(0, nullptr);
    int *number = static_cast<int *>(cc_arena_alloc(arena, sizeof *number));
    *number = 7;
    cc_pool_options_t options = {};
    options.block_size = sizeof(double);
    CC_CLEANUP(cc_pool_cleanup) cc_pool_t *pool = cc_pool_create(&options);
    double *value = static_cast<double *>(cc_pool_alloc(pool));
    *value = 7;
    CHECK_EQUAL(cc_pool_free(pool, value), CC_OK);
    cc_slice_t rest = cc_slice_text("a,b"), part;
    CHECK(cc_slice_split_byte(&rest, ',', &part) && cc_slice_equal(part, cc_slice_text("a")));
    int *numbers = static_cast<int *>(cc_alloc_array(10, sizeof *numbers));
    numbers[9] = *number;
    CC_SAFE_FREE(numbers);
    CHECK(numbers == nullptr);
}

int main() {
    RUN(test_the_inlines);
    return 0;
}
