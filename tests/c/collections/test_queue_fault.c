/* test_queue_fault.c: each request for memory fails once, for every n: a put that fails has changed nothing.
 * variants: fault fault-libc */
#include "base/fault.h"

#include "queues.h"

enum { VALUES = 300 };

static uint64_t failures;

static void use(bool stack, bool locked) {
    cc_smr_options_t options = cc_smr_options();
    options.initial_threads = 1;
    options.batch_nodes = 2;
    cc_smr_t *domain = cc_smr_create(CC_SMR_IBR, &options);
    box_t own = box_create(stack, NULL, 5), box = {NULL, NULL, false, 0};
    failures += !box_exists(&own);
    box_destroy(&own);
    if (domain != NULL) box = box_create(stack, domain, 0);
    failures += !box_exists(&box);
    if (!box_exists(&box)) {
        CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
        return;
    }
    box.locked = locked;
    cc_smr_thread_t *self = cc_smr_self(domain);
    failures += self == NULL;
    uint64_t put = 0, value = 0;
    while (self != NULL && put < VALUES) {
        int result = box_put(&box, self, put + 1);
        CHECK(result == 1 || result == -CC_ERROR_MEMORY);
        CHECK_EQUAL(box_count(&box, self), put + (result == 1));
        if (result == 1)
            put++;
        else if (++failures > 50) /* for good */
            break;
    }
    if (self != NULL) box_close(&box, self); /* needs none */
    for (uint64_t i = 0; self != NULL && i < put / 2; i++) {
        CHECK_EQUAL(box_get(&box, self, &value), 1);
        CHECK_EQUAL(value, stack ? put - i : i + 1);
    }
    box_destroy(&box);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
}

/* A stack, a queue, a queue whose users exclude one another. */
enum { KINDS = 3 };

static void use_in_thread(size_t index, void *kind) {
    (void)index;
    use(*(int *)kind == 0, *(int *)kind == 1);
}

static void sweep(int kind, bool persistent) {
    uint64_t number = 0, requests = 0;
    do {
        number++;
        failures = 0;
        cc_fault_arm(number, persistent);
        check_threads(1, use_in_thread, &kind);
        requests = cc_fault_requests();
        cc_fault_arm(0, false);
        if (number <= requests) CHECK(failures > 0);
        CHECK_EQUAL(cc_smr_list(NULL, 0), 0);
    } while (number <= requests);
    CHECK(number > 15);
}

static void test_each_request_fails_once(void) {
    for (int kind = 0; kind < KINDS; kind++) sweep(kind, false);
}

static void test_all_requests_fail_from_one_on(void) {
    for (int kind = 0; kind < KINDS; kind++) sweep(kind, true);
}

int main(void) {
    RUN(test_each_request_fails_once);
    RUN(test_all_requests_fail_from_one_on);
    return 0;
}
