/* test_fault.c: every request of this layer to the system and to the allocators below fails, one after the other: an
 * error or NULL, nothing lost, and the next attempt succeeds.
 * variants: fault fault-libc */
#include "base/fault.h"
#include "cc/debug_malloc.h"

#undef malloc
#undef free
#include "../check.h"

#include <errno.h>

static size_t leaks, leaked_blocks, others;
static bool debug_failed; /* one of the calls of use_debug_malloc got no memory */

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
        blocks[i] = i % 2 == 0 ? cc_mem_malloc(100 + i) : cc_mem_calloc(10, 100);
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

/* cc/debug_malloc.h: NULL or ENOMEM, and nothing lost. */
static void use_debug_malloc(void) {
    char *one = cc_debug_malloc(10, "file.c", 1), *other = cc_debug_calloc(10, 10, "file.c", 2);
    if (one != NULL) memset(one, 1, 10);
    char *moved = one != NULL ? cc_debug_realloc(one, 1000, "file.c", 3) : NULL;
    if (moved != NULL) one = moved;
    for (int i = 0; one != NULL && i < 10; i++) CHECK_EQUAL(one[i], 1);
    char *text = cc_debug_strdup("text", "file.c", 4);
    void *aligned = cc_debug_aligned_alloc(1 << 12, 10, "file.c", 5), *page = NULL;
    bool failed = one == NULL || moved == NULL || other == NULL || text == NULL || aligned == NULL;
    int status = cc_debug_posix_memalign(&page, 1 << 12, 10, "file.c", 6);
    CHECK_EQUAL(status, page == NULL ? ENOMEM : 0);
    failed = failed || page == NULL;
    void *blocks[] = {one, other, text, aligned, page};
    for (int i = 0; i < 5; i++) cc_debug_free(blocks[i], "file.c", 7);
    CHECK_EQUAL(cc_debug_malloc_leaks(), 0);
    debug_failed = failed;
}

static void test_debug_malloc(void) {
    for (int persistent = 0; persistent < 2; persistent++) {
        for (uint64_t number = 1, requests = number; number <= requests; number++) {
            cc_fault_arm(number, persistent);
            use_debug_malloc();
            if (number == 1) CHECK(debug_failed);
            cc_fault_arm(0, false);
            use_debug_malloc();
            CHECK(!debug_failed);
            requests = cc_fault_requests(); /* without a failure, so that no early end hides the later ones */
        }
    }
}

int main(void) {
    RUN(test_the_core_on_each_backend);
    RUN(test_instances);
    RUN(test_the_debug_table_cannot_grow);
    RUN(test_debug_malloc);
    return 0;
}
