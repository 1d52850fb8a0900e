/* test_fault.c: each request for memory fails once, for every n: NULL or success, and no node that was retired is lost.
 * variants: fault fault-libc */
#include "base/fault.h"

#include "stress.h"

static uint64_t nulls;

static void *note(void *pointer) {
    nulls += pointer == NULL;
    return pointer;
}

/* All that takes memory; returns how many nodes were retired. */
static uint64_t use_everything(cc_smr_scheme_t scheme) {
    cc_smr_options_t options = cc_smr_options();
    options.initial_threads = 1;
    options.batch_nodes = 4;
    uint64_t retired = 0;
    cc_smr_t *others[20] = {NULL}, *domain = note(cc_smr_create(scheme, &options));
    cc_smr_thread_t *self = NULL;
    if (domain == NULL) return 0;
    for (int i = 0; i < 20; i++) { /* the thread's table grows */
        others[i] = note(cc_smr_create(CC_SMR_IBR, &options));
        if (others[i] != NULL) (void)note(cc_smr_self(others[i]));
    }
    self = note(cc_smr_self(domain));
    for (int i = 0; self != NULL && i < 10; i++) {
        node_t *node = note(cc_smr_alloc_node(self, sizeof *node));
        if (node == NULL) continue;
        atomic_init(&node->stamp, LIVING);
        give_up(self, node);
        retired++;
    }
    nulls += cc_smr_record_delays(cc_smr_id(domain), true) != CC_OK;
    cc_smr_stats_t stats;
    CHECK_EQUAL(cc_smr_stats(cc_smr_id(domain), &stats), CC_OK);
    CHECK_EQUAL(stats.retired_nodes, retired);
    if (self != NULL && scheme != CC_SMR_NONE) CHECK_EQUAL(cc_smr_drain(self, 0), CC_OK);
    for (int i = 0; i < 20; i++) CHECK_EQUAL(cc_smr_destroy(others[i]), CC_OK);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
    return retired;
}

/* In a thread of its own, so that it begins without a record and a table. */
static void use_in_thread(size_t index, void *argument) {
    (void)index;
    uint64_t *retired = (uint64_t *)argument;
    *retired = use_everything((cc_smr_scheme_t)*retired);
}

static void sweep(cc_smr_scheme_t scheme, bool persistent) {
    uint64_t number = 0, requests = 0;
    do {
        number++;
        nulls = 0;
        atomic_store(&nodes_freed, 0);
        uint64_t retired = scheme;
        cc_fault_arm(number, persistent);
        check_threads(1, use_in_thread, &retired);
        requests = cc_fault_requests();
        cc_fault_arm(0, false);
        if (number <= requests) CHECK(nulls > 0);
        CHECK_EQUAL(atomic_load(&nodes_freed), retired);
        CHECK_EQUAL(cc_smr_list(NULL, 0), 0);
    } while (number <= requests);
    CHECK(number > 30); /* it did fail here and there */
}

static void test_each_request_fails_once(void) {
    for (int scheme = CC_SMR_IBR; scheme <= CC_SMR_NONE; scheme++) sweep((cc_smr_scheme_t)scheme, false);
}

static void test_all_later_requests_fail(void) {
    for (int scheme = CC_SMR_IBR; scheme <= CC_SMR_NONE; scheme++) {
        for (uint64_t number = 1; number < 80; number++) {
            uint64_t retired = (uint64_t)scheme;
            atomic_store(&nodes_freed, 0);
            cc_fault_arm(number, true);
            check_threads(1, use_in_thread, &retired);
            cc_fault_arm(0, false);
            CHECK_EQUAL(atomic_load(&nodes_freed), retired);
        }
    }
}

/* A second handle takes another chunk, which there is no memory for. */
static void need_handle(size_t index, void *domain) {
    (void)index;
    (void)cc_alloc_stats_snapshot();
    cc_fault_arm(1, true);
    CHECK(cc_smr_self((cc_smr_t *)domain) == NULL);
    cc_fault_arm(0, false);
    CHECK(cc_smr_self((cc_smr_t *)domain) != NULL); /* and the next try succeeds */
}

static void test_no_memory_for_growth(void) {
    cc_smr_options_t options = cc_smr_options();
    options.initial_threads = 1;
    cc_smr_t *domain = cc_smr_create(CC_SMR_IBR, &options);
    CHECK(cc_smr_self(domain) != NULL);
    check_threads(1, need_handle, domain);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
}

int main(void) {
    RUN(test_each_request_fails_once);
    RUN(test_all_later_requests_fail);
    RUN(test_no_memory_for_growth);
    return 0;
}
