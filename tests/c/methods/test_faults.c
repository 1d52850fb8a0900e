/* test_faults.c: which requests of the core fail when faults are armed. */
#include "cc/methods.h"

#include "../check.h"

/* Asks `count` times, in each way, and returns which failed as bits. */
static uint64_t ask(unsigned count) {
    uint64_t failed = 0;
    void *kept = NULL;
    for (unsigned i = 0; i < count; i++) {
        void *block = i % 3 == 2 && kept != NULL ? cc_mem_realloc(kept, 100 + i)
                      : i % 2                    ? cc_mem_zalloc(10)
                                                 : cc_mem_malloc(10);
        if (block == NULL) {
            failed |= (uint64_t)1 << i;
        } else {
            if (i % 3 != 2 || kept == NULL) cc_mem_free(kept);
            kept = block;
        }
    }
    cc_mem_free(kept);
    return failed;
}

static void test_by_number(void) {
    CHECK_EQUAL(ask(20), 0);
    for (unsigned n = 1; n <= 20; n++) {
        cc_mem_faults_t faults = {.fail_at = n};
        CHECK_EQUAL(cc_mem_arm_faults(&faults), CC_OK);
        CHECK_EQUAL(ask(20), (uint64_t)1 << (n - 1));
        cc_mem_fault_status_t status = cc_mem_fault_status();
        CHECK_EQUAL(status.requests, 20);
        CHECK_EQUAL(status.failed, 1);
        CHECK_EQUAL(status.failed_benign, 0);
    }
    CHECK_EQUAL(cc_mem_arm_faults(&(cc_mem_faults_t){.fail_at = 5, .repeat = 3}), CC_OK);
    CHECK_EQUAL(ask(20), 7u << 4);
    CHECK_EQUAL(cc_mem_arm_faults(&(cc_mem_faults_t){.fail_at = 5, .persistent = true}), CC_OK);
    CHECK_EQUAL(ask(20), 0xFFFFFu & ~0xFu);
    CHECK_EQUAL(cc_mem_arm_faults(NULL), CC_OK);
    CHECK_EQUAL(ask(20), 0);
    CHECK_EQUAL(cc_mem_fault_status().failed, 16); /* as it was */
    CHECK_EQUAL(cc_mem_used(), 0);
}

static void test_by_chance(void) {
    cc_mem_faults_t faults = {.probability = 0.25, .seed = 42};
    uint64_t first[50], failed = 0;
    (void)cc_mem_arm_faults(&faults);
    for (int i = 0; i < 50; i++) first[i] = ask(60);
    failed = cc_mem_fault_status().failed;
    CHECK(failed > 600 && failed < 900); /* of 3000; six standard deviations */
    (void)cc_mem_arm_faults(&faults);
    for (int i = 0; i < 50; i++) CHECK_EQUAL(ask(60), first[i]); /* the same seed */
    faults.seed = 43;
    (void)cc_mem_arm_faults(&faults);
    CHECK(ask(60) != first[0]);
    faults.probability = 1;
    (void)cc_mem_arm_faults(&faults);
    CHECK_EQUAL(ask(60), ((uint64_t)1 << 60) - 1);
    faults.probability = 0;
    (void)cc_mem_arm_faults(&faults);
    CHECK_EQUAL(ask(60), 0);
    CHECK_EQUAL(cc_mem_arm_faults(&(cc_mem_faults_t){.probability = 1.5}), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_mem_arm_faults(&(cc_mem_faults_t){.probability = -0.5}), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_mem_arm_faults(&(cc_mem_faults_t){.probability = 0.0 / (double)check_hide(0)}), CC_ERROR_ARGUMENT);
    (void)cc_mem_arm_faults(NULL);
}

static void ask_elsewhere(size_t index, void *unused) {
    (void)index, (void)unused;
    CHECK_EQUAL(ask(5), 31);
}

static void test_benign_sections(void) {
    (void)cc_mem_arm_faults(&(cc_mem_faults_t){.fail_at = 1, .persistent = true});
    (void)ask(3);
    cc_mem_begin_benign();
    cc_mem_begin_benign();
    (void)ask(4);
    cc_mem_end_benign();
    (void)ask(2);
    check_threads(1, ask_elsewhere, NULL); /* the section is this thread's */
    cc_mem_end_benign();
    (void)ask(1);
    cc_mem_fault_status_t status = cc_mem_fault_status();
    CHECK_EQUAL(status.failed, 15);
    CHECK_EQUAL(status.failed_benign, 6);
    cc_mem_end_benign(); /* one too many does no harm */
    (void)cc_mem_arm_faults(NULL);
}

/* A failed realloc leaves the block, and the status fits. */
static void test_what_a_fault_leaves(void) {
    char *block = cc_mem_malloc(50);
    memset(block, 3, 50);
    uint64_t used = cc_mem_used(), failed = cc_mem_status(0).failed;
    (void)cc_mem_hard_limit(1 << 20);
    (void)cc_mem_arm_faults(&(cc_mem_faults_t){.fail_at = 1});
    CHECK(cc_mem_realloc(block, 5000) == NULL);
    CHECK(block[0] == 3 && block[49] == 3);
    CHECK_EQUAL(cc_mem_used(), used);
    CHECK_EQUAL(cc_mem_status(0).failed, failed + 1);
    block = cc_mem_realloc(block, 5000);
    CHECK(block != NULL && block[49] == 3);
    cc_mem_free(block);
    cc_mem_shutdown();
    CHECK_EQUAL(ask(10), 0);
}

static void test_without_status_too(void) {
    cc_mem_shutdown();
    CHECK_EQUAL(cc_mem_config(&(cc_mem_config_t){.without_status = true}), CC_OK);
    (void)cc_mem_arm_faults(&(cc_mem_faults_t){.fail_at = 2});
    CHECK_EQUAL(ask(10), 2);
    cc_mem_shutdown();
}

int main(void) {
    RUN(test_by_number);
    RUN(test_by_chance);
    RUN(test_benign_sections);
    RUN(test_what_a_fault_leaves);
    RUN(test_without_status_too);
    return 0;
}
