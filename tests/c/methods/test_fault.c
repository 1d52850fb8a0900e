/* test_fault.c: every request of this layer to the system and to the allocators below fails, one after the other: an
 * error or NULL, nothing lost, and the next attempt succeeds.
 * variants: fault fault-libc */
#include "base/fault.h"
#include "cc/methods.h"

#include "../check.h"

static size_t leaks, leaked_blocks, others;

static void see(const cc_mem_problem_t *problem, void *context) {
    (void)context;
    leaks += problem->kind == CC_MEM_LEAK;
    leaked_blocks += problem->kind == CC_MEM_LEAK ? problem->blocks : 0;
    others += problem->kind != CC_MEM_LEAK;
}

/* Uses the core on a backend, and returns the number of failures that it met. */
static size_t use(const char *backend, bool leak) {
    size_t nulls = 0;
    cc_mem_config_t config = {.backend = backend, .debug = {.report = see, .frames = 2, .quarantine_bytes = 3000}};
    CHECK_EQUAL(cc_mem_config(&config), CC_OK);
    void *blocks[8];
    for (size_t i = 0; i < 8; i++) {
        blocks[i] = i % 2 == 0 ? cc_mem_malloc(100 + i) : cc_mem_zalloc(1000);
        nulls += blocks[i] == NULL;
        if (blocks[i] == NULL) continue;
        memset(blocks[i], 7, 100);
        unsigned char *moved = cc_mem_realloc(blocks[i], 2000);
        nulls += moved == NULL;
        if (moved != NULL) blocks[i] = moved;
        for (size_t byte = 0; byte < 100; byte++) CHECK_EQUAL(((unsigned char *)blocks[i])[byte], 7);
    }
    cc_mem_status_t status = cc_mem_status(0);
    CHECK_EQUAL(status.failed, nulls);
    for (size_t i = leak ? 1 : 0; i < 8; i++) cc_mem_free(blocks[i]);
    CHECK_EQUAL(cc_mem_status(0).current_count, leak && blocks[0] != NULL);
    void *leaked = leak ? blocks[0] : NULL;
    leaks = leaked_blocks = others = 0;
    cc_mem_shutdown();
    CHECK_EQUAL(leaks, leaked != NULL);
    CHECK_EQUAL(leaked_blocks, leaked != NULL);
    CHECK_EQUAL(others, 0);
    if (leaked != NULL) cc_mem_backend("system")->free((char *)leaked - 16, NULL);
    return nulls;
}

static void sweep(const char *backend, bool leak, bool persistent) {
    for (uint64_t number = 1, requests = number; number <= requests; number++) {
        cc_fault_arm(number, persistent);
        (void)use(backend, leak);
        requests = cc_fault_requests();
        cc_fault_arm(0, false);
        CHECK_EQUAL(use(backend, leak), 0);
        if (number == 1) CHECK(requests > 0);
    }
}

static void test_the_core_on_each_backend(void) {
    for (size_t i = 0; cc_mem_backend_name(i) != NULL; i++) {
        sweep(cc_mem_backend_name(i), false, false);
        sweep(cc_mem_backend_name(i), false, true);
    }
    sweep("debug", true, false); /* the leak report has memory of its own */
    sweep("debug", true, true);
}

static void test_instances(void) {
    cc_mem_methods_t methods;
    cc_fault_arm(1, false);
    CHECK_EQUAL(cc_mem_debug_create(&methods, cc_mem_backend("system"), NULL), CC_ERROR_MEMORY);
    CHECK_EQUAL(cc_mem_debug_create(&methods, cc_mem_backend("buddy"), NULL), CC_OK);
    cc_fault_arm(1, false); /* the buddy's buffer */
    CHECK_EQUAL(methods.init(methods.context), CC_ERROR_MEMORY);
    cc_fault_arm(2, false); /* debug's own table: the buddy must be ended again */
    CHECK_EQUAL(methods.init(methods.context), CC_ERROR_MEMORY);
    cc_mem_buffer_status_t status;
    CHECK_EQUAL(cc_mem_buffer_status(cc_mem_backend("buddy"), &status), CC_ERROR_STATE);
    cc_fault_arm(0, false);
    CHECK_EQUAL(methods.init(methods.context), CC_OK);
    void *block = methods.malloc(10, methods.context);
    CHECK(block != NULL);
    methods.free(block, methods.context);
    methods.shutdown(methods.context);
    cc_mem_debug_destroy(&methods);
}

/* A table that cannot grow costs time, nothing else. */
static void test_the_debug_table_cannot_grow(void) {
    enum { MANY = 6000 };
    static void *blocks[MANY];
    cc_mem_methods_t methods, buddy;
    static char buffer[4 << 20];
    CHECK_EQUAL(cc_mem_buddy_create(&buddy, buffer, sizeof buffer, 16), CC_OK);
    cc_mem_debug_options_t options = {.without_stacks = true, .report = see};
    CHECK_EQUAL(cc_mem_debug_create(&methods, &buddy, &options), CC_OK);
    CHECK_EQUAL(methods.init(methods.context), CC_OK);
    for (size_t i = 0; i < MANY; i++) {
        bool full = i >= 4096; /* the table would grow now */
        cc_fault_arm(full ? 1 : 0, false);
        blocks[i] = methods.malloc(10, methods.context);
        if (full && blocks[i] == NULL) { /* the first request was for records */
            cc_fault_arm(2, false);
            blocks[i] = methods.malloc(10, methods.context);
        }
        CHECK(blocks[i] != NULL);
    }
    cc_fault_arm(0, false);
    for (size_t i = 0; i < MANY; i++) methods.free(blocks[i], methods.context);
    leaks = 0;
    methods.shutdown(methods.context);
    CHECK_EQUAL(leaks, 0);
    cc_mem_debug_destroy(&methods);
}

int main(void) {
    RUN(test_the_core_on_each_backend);
    RUN(test_instances);
    RUN(test_the_debug_table_cannot_grow);
    return 0;
}
