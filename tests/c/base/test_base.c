/* test_base.c: cc/base.h. */
#include "cc/base.h"

#include "cc/alloc.h"

#include "../check.h"

static void test_every_status_has_its_own_text(void) {
    for (int status = CC_OK; status <= CC_ERROR_SYSTEM; status++) {
        CHECK(cc_strerror(status) != NULL && cc_strerror(status)[0] != 0);
        CHECK(strcmp(cc_strerror(status), "unknown status") != 0);
        for (int other = CC_OK; other < status; other++) CHECK(strcmp(cc_strerror(status), cc_strerror(other)) != 0);
    }
}

static void test_other_numbers_are_an_unknown_status(void) {
    static const int numbers[] = {-1, CC_ERROR_SYSTEM + 1, 1000, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        CHECK(strcmp(cc_strerror(numbers[i]), "unknown status") == 0);
}

static void test_version_is_the_headers(void) {
    char text[64];
    snprintf(text, sizeof text, "%d.%d.%d", CC_VERSION_MAJOR, CC_VERSION_MINOR, CC_VERSION_PATCH);
    CHECK(strcmp(cc_version(), text) == 0);
    CHECK(cc_version() == cc_version());
    CHECK_EQUAL(cc_abi_version(), CC_ABI_VERSION);
}

static void test_cache_line_is_a_constant_of_the_target(void) {
#if defined(__APPLE__) && defined(__aarch64__)
    CHECK_EQUAL(CC_CACHE_LINE_SIZE, 128);
#elif !CC_ALLOC_STATS
    CHECK_EQUAL(CC_CACHE_LINE_SIZE, 128); /* the variant nostats is built with these lines */
#else
    CHECK_EQUAL(CC_CACHE_LINE_SIZE, 64);
#endif
}

int main(void) {
    RUN(test_every_status_has_its_own_text);
    RUN(test_other_numbers_are_an_unknown_status);
    RUN(test_version_is_the_headers);
    RUN(test_cache_line_is_a_constant_of_the_target);
    return 0;
}
