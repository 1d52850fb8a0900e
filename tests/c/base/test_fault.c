/* test_fault.c: base/fault.h, and the points of base/ that ask the system for memory.
 * variants: fault fault-libc */
#include "base/fault.h"

#include "../check.h"
#include "base/os.h"

static void test_only_the_nth_fails(void) {
    cc_fault_arm(3, false);
    for (int number = 1; number <= 6; number++) CHECK_EQUAL(cc__fault_due(), number == 3);
    CHECK_EQUAL(cc_fault_requests(), 6);
}

static void test_all_from_the_nth_fail_when_persistent(void) {
    cc_fault_arm(3, true);
    for (int number = 1; number <= 6; number++) CHECK_EQUAL(cc__fault_due(), number >= 3);
    CHECK_EQUAL(cc_fault_requests(), 6);
}

static void test_zero_lets_all_pass(void) {
    cc_fault_arm(0, true);
    for (int number = 1; number <= 6; number++) CHECK(!cc__fault_due());
    CHECK_EQUAL(cc_fault_requests(), 6);
}

static void nothing(void *value) {
    (void)value;
}

static void test_the_system_is_asked_through_the_seam(void) {
    cc_fault_arm(1, true);
    CHECK(cc__os_map(4096) == NULL);
    CHECK_EQUAL(cc__os_at_thread_exit(nothing, NULL), CC_ERROR_MEMORY);
    CHECK_EQUAL(cc_fault_requests(), 2);
    cc_fault_arm(0, false);
    void *page = cc__os_map(4096);
    CHECK(page != NULL);
    cc__os_unmap(page, 4096);
    CHECK_EQUAL(cc__os_at_thread_exit(nothing, NULL), CC_OK);
    CHECK_EQUAL(cc_fault_requests(), 2);
}

int main(void) {
    RUN(test_only_the_nth_fails);
    RUN(test_all_from_the_nth_fail_when_persistent);
    RUN(test_zero_lets_all_pass);
    RUN(test_the_system_is_asked_through_the_seam);
    return 0;
}
