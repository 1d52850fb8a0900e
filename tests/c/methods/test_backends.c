/* test_backends.c: the process's one instance of each backend: its place in all lists, its beginning and end by several
 * users. */
#include "cc/methods.h"

#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"

static void test_every_backend_is_everywhere(void) {
    size_t count = 0;
    for (const char *name; (name = cc_mem_backend_name(count)) != NULL; count++) {
        const cc_mem_methods_t *methods = cc_mem_backend(name);
        CHECK(methods != NULL && cc_sqlite3_mem_methods(name) != NULL);
        CHECK(methods == cc_mem_backend(name));
        for (size_t other = 0; other < count; other++)
            CHECK(methods->malloc != cc_mem_backend(cc_mem_backend_name(other))->malloc);
        cc_mem_config_t config = {.backend = name};
        CHECK_EQUAL(cc_mem_config(&config), CC_OK);
        CHECK(cc_mem_configured() == name);
        config = (cc_mem_config_t){.backend = "debug", .debug_below = name};
        CHECK_EQUAL(cc_mem_config(&config), strcmp(name, "debug") == 0 ? CC_ERROR_ARGUMENT : CC_OK);
        cc_mem_buffer_status_t status;
        CHECK(cc_mem_buffer_status(methods, &status) != CC_OK); /* not begun, or without a buffer */
    }
    static const char *const first[] = {"system", "mimalloc", "debug", "static", "buddy"}; /* the numbers are public */
    for (size_t i = 0; i < 5; i++) CHECK(strcmp(cc_mem_backend_name(i), first[i]) == 0);
    CHECK(cc_mem_backend_name(check_hide(SIZE_MAX)) == NULL);
    CHECK(cc_mem_backend(NULL) == NULL && cc_mem_backend("") == NULL && cc_mem_backend("statics") == NULL);
    CHECK(cc_sqlite3_mem_methods(NULL) == NULL && cc_sqlite3_mem_methods("statics") == NULL);
    cc_mem_shutdown();
}

static void test_an_instance_ends_with_its_last_user(void) {
    const cc_mem_methods_t *methods = cc_mem_backend("static");
    cc_mem_buffer_status_t status;
    CHECK_EQUAL(methods->init(methods->context), CC_OK);
    CHECK_EQUAL(methods->init(methods->context), CC_OK);
    methods->shutdown(methods->context);
    CHECK_EQUAL(cc_mem_buffer_status(methods, &status), CC_OK);
    methods->shutdown(methods->context);
    CHECK_EQUAL(cc_mem_buffer_status(methods, &status), CC_ERROR_STATE);
    methods->shutdown(methods->context); /* one too many */
    CHECK_EQUAL(methods->init(methods->context), CC_OK);
    CHECK_EQUAL(cc_mem_buffer_status(methods, &status), CC_OK);
    methods->shutdown(methods->context);
}

/* Whoever is told that an instance has begun can use it, though another thread begins or ends it at the same time. */
static void begin_and_end(size_t index, void *backend) {
    const cc_mem_methods_t *methods = backend;
    (void)index;
    CHECK_EQUAL(methods->init(methods->context), CC_OK);
    void *block = methods->malloc(100, methods->context);
    CHECK(block != NULL);
    methods->free(block, methods->context);
    methods->shutdown(methods->context);
}

static void test_many_begin_at_once(void) {
    cc_mem_config_t config = {.buffer_bytes = 1 << 16};
    CHECK_EQUAL(cc_mem_config(&config), CC_OK);
    for (size_t i = 0; cc_mem_backend_name(i) != NULL; i++)
        for (int round = 0; round < SCALED(300); round++)
            check_threads(3, begin_and_end, (void *)(uintptr_t)cc_mem_backend(cc_mem_backend_name(i)));
    cc_mem_shutdown();
}

static void use_core(size_t index, void *unused) {
    (void)index, (void)unused;
    void *block = cc_mem_malloc(100);
    CHECK(block != NULL);
    cc_mem_free(block);
}

static void test_many_use_the_core_first(void) {
    for (int round = 0; round < SCALED(300); round++) {
        cc_mem_config_t config = {.backend = "debug"};
        CHECK_EQUAL(cc_mem_config(&config), CC_OK);
        check_threads(3, use_core, NULL);
        cc_mem_shutdown();
    }
    CHECK_EQUAL(cc_mem_config(NULL), CC_OK); /* nobody has stayed a user */
    cc_mem_config_t config = {.debug = {.frames = 3}};
    CHECK_EQUAL(cc_mem_config(&config), CC_OK);
    cc_mem_shutdown();
}

/* A report function runs while the instance ends: it may do all that a program may, but not begin the same instance. */
static int reports;

static void report_from_inside(const cc_mem_problem_t *problem, void *unused) {
    (void)unused;
    CHECK_EQUAL(problem->kind, CC_MEM_LEAK);
    reports++;
    const cc_mem_methods_t *debug = cc_mem_backend("debug"), *buddy = cc_mem_backend("buddy");
    CHECK_EQUAL(debug->init(debug->context), CC_ERROR_STATE);
    CHECK(cc_mem_malloc(10) == NULL);
    begin_and_end(0, (void *)(uintptr_t)buddy);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        begin_and_end(0, (void *)(uintptr_t)buddy);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_what_a_report_function_may_do(void) {
    cc_mem_config_t config = {.backend = "debug", .debug_below = "static", .debug = {.report = report_from_inside}};
    CHECK_EQUAL(cc_mem_config(&config), CC_OK);
    CHECK(cc_mem_malloc(100) != NULL);
    cc_mem_shutdown();
    CHECK_EQUAL(reports, 1);
    use_core(0, NULL);
    cc_mem_shutdown();
}

/* A buffer that nobody gave is as large as SQLite's environment says, and so min_block is compared with that. */
static void test_the_default_size_is_the_one_that_counts(void) {
    struct {
        void *calls[5];
        int (*init)(void *data);
        void (*shutdown)(void *data);
        void *data;
    } const *sqlite = cc_sqlite3_mem_methods("system");
    cc_mem_config_t config = {.backend = "buddy", .min_block = 1 << 16};
    CHECK_EQUAL(cc_mem_config(&config), CC_OK);
    CHECK(setenv("CC_SQLITE_BUFFER_BYTES", "16384", 1) == 0);
    CHECK_EQUAL(sqlite->init(sqlite->data), 0);
    CHECK_EQUAL(cc_mem_config(&config), CC_ERROR_ARGUMENT);
    CHECK(setenv("CC_SQLITE_BUFFER_BYTES", "", 1) == 0);
    CHECK_EQUAL(sqlite->init(sqlite->data), 0);
    CHECK_EQUAL(cc_mem_config(&config), CC_OK);
    cc_mem_shutdown();
}

int main(void) {
    RUN(test_every_backend_is_everywhere);
    RUN(test_an_instance_ends_with_its_last_user);
    RUN(test_many_begin_at_once);
    RUN(test_many_use_the_core_first);
    RUN(test_what_a_report_function_may_do);
    RUN(test_the_default_size_is_the_one_that_counts);
    return 0;
}
