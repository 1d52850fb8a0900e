/* test_debug.c: each kind of misuse is found, with the right block, distance and stacks, over each other backend. */
#include "cc/methods.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"

static struct {
    size_t count;
    cc_mem_problem_t last;
    char title[CC_MEM_TITLE_SIZE], text[8192];
    size_t leaked_blocks, leaked_bytes, leak_groups;
} seen;

static void see(const cc_mem_problem_t *problem, void *context) {
    CHECK(context == &seen);
    seen.count++;
    seen.last = *problem;
    snprintf(seen.title, sizeof seen.title, "%s", problem->title);
    snprintf(seen.text, sizeof seen.text, "%s", problem->text);
    if (problem->kind != CC_MEM_LEAK) return;
    seen.leak_groups++;
    seen.leaked_blocks += problem->blocks;
    seen.leaked_bytes += problem->bytes;
}

/* Whether the report has this stack; it has none where the C library has no backtrace(). */
static bool tells(const char *stack) {
#if __has_include(<execinfo.h>)
    return strstr(seen.text, stack) != NULL;
#else
    return strstr(seen.text, stack) == NULL;
#endif
}

static cc_mem_methods_t methods, below;
static char buffer[1 << 18];

static void *take(size_t size) {
    return methods.malloc(size, methods.context);
}

static void give(void *pointer) {
    methods.free(pointer, methods.context);
}

static void begin(cc_mem_debug_options_t options) {
    memset(&seen, 0, sizeof seen);
    if (below.malloc == NULL) below = *cc_mem_backend("system");
    options.report = see;
    options.report_context = &seen;
    CHECK_EQUAL(cc_mem_debug_create(&methods, &below, &options), CC_OK);
    CHECK_EQUAL(methods.init(methods.context), CC_OK);
}

static void end(void) {
    methods.shutdown(methods.context);
    cc_mem_debug_destroy(&methods);
}

/* Exactly one problem since the last call. */
static void expect(cc_mem_problem_kind_t kind, const void *pointer, size_t bytes, ptrdiff_t distance,
                   const char *word) {
    CHECK_EQUAL(seen.count, 1);
    CHECK_EQUAL(seen.last.kind, kind);
    CHECK(seen.last.pointer == pointer);
    CHECK_EQUAL(seen.last.bytes, bytes);
    CHECK_EQUAL(seen.last.distance, distance);
    CHECK(strstr(seen.text, word) == seen.text);
    seen.count = 0;
}

static const cc_mem_debug_options_t defaults;

static void test_good_use_is_silent(void) {
    begin(defaults);
    unsigned char *block = take(100);
    CHECK_EQUAL((uintptr_t)block % 16, 0);
    CHECK_EQUAL(methods.size(block, methods.context), 100);
    for (int i = 0; i < 100; i++) CHECK_EQUAL(block[i], 0x55);
    memset(block, 1, 100);
    block = methods.realloc(block, 1000, methods.context);
    CHECK(block[99] == 1 && block[100] == 0x55 && block[999] == 0x55);
    memset(block, 2, 1000);
    block = methods.realloc(block, 10, methods.context);
    CHECK(block[9] == 2);
    CHECK_EQUAL(methods.size(block, methods.context), 10);
    CHECK_EQUAL(cc_mem_debug_check(&methods), 0);
    give(block);
    give(NULL);
    CHECK_EQUAL(methods.size(NULL, methods.context), 0);
    CHECK(take(0) == NULL && take(check_hide(SIZE_MAX)) == NULL);
    CHECK_EQUAL(methods.roundup(check_hide(SIZE_MAX), methods.context), 0);
    CHECK_EQUAL(methods.roundup(13, methods.context), 13);
    for (int i = 0; i < 20000; i++) give(take(1 + (size_t)i % 500)); /* the quarantine turns over */
    CHECK_EQUAL(cc_mem_debug_check(&methods), 0);
    end();
    CHECK_EQUAL(seen.count, 0);
}

static void test_overruns_and_underruns(void) {
    begin(defaults);
    for (size_t size = 1; size < 40; size += 6) {
        for (ptrdiff_t distance = -16; distance < 8; distance++) {
            char *block = take(size);
            volatile char *wrong = block + (distance < 0 ? distance : (ptrdiff_t)size + distance);
            *wrong = 1;
            give(block);
            expect(distance < 0 ? CC_MEM_UNDERRUN : CC_MEM_OVERRUN, block, size, distance,
                   distance < 0 ? "underrun: " : "overrun: ");
            block = take(size);
            wrong = block + (distance < 0 ? distance : (ptrdiff_t)size + distance);
            *wrong = 1;
            CHECK_EQUAL(cc_mem_debug_check(&methods), 1);
            expect(distance < 0 ? CC_MEM_UNDERRUN : CC_MEM_OVERRUN, block, size, distance,
                   distance < 0 ? "underrun: " : "overrun: ");
            CHECK_EQUAL(cc_mem_debug_check(&methods), 0); /* mended */
            give(block);
        }
    }
    end();
    CHECK_EQUAL(seen.count, 0);
}

static void test_wrong_frees(void) {
    begin(defaults);
    char *block = take(100), *other = take(50), local;
    give(block);
    give(block);
    expect(CC_MEM_DOUBLE_FREE, block, 100, 0, "double free: ");
    CHECK(tells("freed by:"));
    CHECK(methods.realloc(block, 10, methods.context) == NULL);
    expect(CC_MEM_DOUBLE_FREE, block, 100, 0, "double free: ");
    CHECK_EQUAL(methods.size(block, methods.context), 0);
    expect(CC_MEM_DOUBLE_FREE, block, 100, 0, "double free: ");
    give(other + 8);
    expect(CC_MEM_FOREIGN_FREE, other + 8, 50, 8, "foreign free: ");
    give(other - 1);
    expect(CC_MEM_FOREIGN_FREE, other - 1, 50, -1, "foreign free: ");
    give(&local);
    expect(CC_MEM_FOREIGN_FREE, &local, 0, 0, "foreign free: ");
    give(other);
    end();
    CHECK_EQUAL(seen.count, 0);
}

static void test_writes_after_free(void) {
    begin(defaults);
    char *block = take(100);
    give(block);
    ((volatile char *)block)[42] = 1;
    CHECK_EQUAL(cc_mem_debug_check(&methods), 1);
    expect(CC_MEM_USE_AFTER_FREE, block, 100, 42, "use after free: ");
    CHECK(tells("freed by:"));
    ((volatile char *)block)[0] = 1;
    ((volatile char *)block)[-1] = 1;
    end();
    expect(CC_MEM_UNDERRUN, block, 100, -1, "underrun: ");

    cc_mem_debug_options_t options = {.quarantine_bytes = 1000};
    begin(options);
    block = take(600);
    give(block);
    ((volatile char *)block)[599] = 1;
    give(take(400)); /* still held: 1000 bytes */
    CHECK_EQUAL(seen.count, 0);
    give(take(1));
    expect(CC_MEM_USE_AFTER_FREE, block, 600, 599, "use after free: ");
    end();

    options.quarantine_bytes = 1;
    begin(options);
    block = take(10);
    give(block);
    give(block);
    expect(CC_MEM_FOREIGN_FREE, block, 0, 0, "foreign free: "); /* it is not known any more */
    end();
    CHECK_EQUAL(seen.count, 0);
}

static __attribute__((noinline)) void *leak_one(size_t size) {
    void *volatile block = take(size);
    return block;
}

static void test_leaks(void) {
    begin(defaults);
    void *blocks[30];
    for (size_t i = 0; i < 10; i++) blocks[i] = leak_one(100); /* one stack */
    uint64_t mark = cc_mem_debug_mark(&methods);
    cc_mem_debug_title("the others");
    for (size_t i = 10; i < 15; i++) blocks[i] = leak_one(8);
    cc_mem_debug_title(NULL);
    CHECK_EQUAL(cc_mem_debug_leaks(&methods, mark), 5);
    expect(CC_MEM_LEAK, blocks[10], 40, 0, "leak: 5 blocks, 40 bytes");
    CHECK_EQUAL(seen.last.blocks, 5);
    CHECK(strcmp(seen.title, "the others") == 0);
    CHECK(strstr(seen.text, "title: the others\n") != NULL);
    CHECK(tells("allocated by:\n    #0 "));
    for (size_t i = 10; i < 15; i++) give(blocks[i]);
    CHECK_EQUAL(cc_mem_debug_leaks(&methods, mark), 0);
    CHECK_EQUAL(cc_mem_debug_leaks(&methods, 0), 10);
    memset(&seen, 0, sizeof seen);
    give(blocks[3]);
    end();
    CHECK_EQUAL(seen.leak_groups, 1);
    CHECK_EQUAL(seen.leaked_blocks, 9);
    CHECK_EQUAL(seen.leaked_bytes, 900);
    for (size_t i = 0; i < 10; i++) /* what leaked is still the caller's problem: give it back to the one below */
        if (i != 3) below.free((char *)blocks[i] - 16, below.context);
}

/* A long title is cut at a character, and is the thread's own. */
static void other_thread(size_t index, void *block) {
    (void)index;
    *(void **)block = take(5);
}

static void test_titles(void) {
    begin(defaults);
    cc_mem_debug_title("012345678901234567890123456789012345678901234567890123456789");
    char *block = take(5), *other;
    check_threads(1, other_thread, &other);
    cc_mem_debug_title("01234567890123456789012345678901234567890123456\xC3\xA4");
    char *third = take(5);
    cc_mem_debug_title("");
    give(block), give(block);
    CHECK(strcmp(seen.title, "01234567890123456789012345678901234567890123456") == 0);
    give(other), give(other);
    CHECK(strcmp(seen.title, "") == 0);
    give(third), give(third);
    CHECK(strcmp(seen.title, "01234567890123456789012345678901234567890123456") == 0);
    end();
}

static void test_stacks_may_be_left_out(void) {
    begin((cc_mem_debug_options_t){.without_stacks = true});
    char *block = take(5);
    give(block), give(block);
    CHECK(strstr(seen.text, "#0") == NULL);
    end();
    begin((cc_mem_debug_options_t){.frames = 2});
    block = take(5);
    give(block), give(block);
    CHECK(tells("#1") && strstr(seen.text, "#2") == NULL);
    end();
    cc_mem_debug_options_t options = {.frames = CC_MEM_DEBUG_FRAMES_MAX + 1};
    CHECK_EQUAL(cc_mem_debug_create(&methods, &below, &options), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_mem_debug_create(NULL, &below, NULL), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_mem_debug_create(&methods, NULL, NULL), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_mem_debug_check(&below), 0);
    CHECK_EQUAL(cc_mem_debug_leaks(&below, 0), 0);
    CHECK_EQUAL(cc_mem_debug_mark(&below), 0);
}

/* Symbols of exported functions are named: here the core's, which allocates on the test's behalf. */
static void test_symbols(void) {
    memset(&seen, 0, sizeof seen);
    cc_mem_config_t config = {.backend = "debug", .debug = {.report = see, .report_context = &seen}};
    CHECK_EQUAL(cc_mem_config(&config), CC_OK);
    void *leaked = cc_mem_zalloc(33);
    CHECK(leaked != NULL);
    cc_mem_shutdown();
    CHECK_EQUAL(seen.leaked_bytes, 33);
    CHECK(tells("cc_mem_zalloc+0x"));
    CHECK(tells("(libcc.so"));
    below.free((char *)leaked - 16, below.context);
}

static void test_bad_frees_through_the_core(void) {
    memset(&seen, 0, sizeof seen);
    cc_mem_config_t config = {.backend = "debug", .debug = {.report = see, .report_context = &seen}};
    CHECK_EQUAL(cc_mem_config(&config), CC_OK);
    char *block = cc_mem_malloc(33), *other = cc_mem_malloc(10);
    cc_mem_free(block);
    cc_mem_free(block);
    expect(CC_MEM_DOUBLE_FREE, block, 33, 0, "double free: ");
    CHECK_EQUAL(cc_mem_used(), 10);
    CHECK_EQUAL(cc_mem_status(0).current_count, 1);
    cc_mem_free(other);
    cc_mem_shutdown();
    CHECK_EQUAL(seen.count, 0);
}

static void test_abort_if_asked_to(void) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        begin((cc_mem_debug_options_t){.abort_on_problem = true});
        void *volatile block = take(10);
        give(block);
        signal(SIGABRT, SIG_DFL);
        give(block);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* The quarantine is given up before a request fails. */
static void test_a_full_allocator_below(void) {
    CHECK_EQUAL(cc_mem_static_create(&below, buffer, 20000), CC_OK);
    begin(defaults);
    for (int i = 0; i < 50; i++) give(take(6000));
    void *first = take(6000), *second = take(6000), *third = take(6000);
    CHECK(first != NULL && second != NULL && third != NULL);
    CHECK(take(6000) == NULL);
    CHECK(methods.realloc(first, 9000, methods.context) == NULL);
    CHECK_EQUAL(methods.size(first, methods.context), 6000);
    give(first), give(second), give(third);
    cc_mem_methods_t copy = below;
    methods.shutdown(methods.context);
    cc_mem_buffer_status_t status;
    CHECK_EQUAL(cc_mem_buffer_status(&copy, &status), CC_ERROR_STATE); /* it passed the shutdown on */
    cc_mem_debug_destroy(&methods);
    CHECK_EQUAL(seen.count, 0);
}

static void test_over_each_backend(void) {
    for (size_t i = 0; cc_mem_backend_name(i) != NULL; i++) {
        if (strcmp(cc_mem_backend_name(i), "debug") == 0) continue;
        below = *cc_mem_backend(cc_mem_backend_name(i));
        test_good_use_is_silent();
        test_overruns_and_underruns();
        test_wrong_frees();
        test_writes_after_free();
    }
    CHECK_EQUAL(cc_mem_static_create(&below, buffer, sizeof buffer), CC_OK);
    test_overruns_and_underruns();
    CHECK_EQUAL(cc_mem_buddy_create(&below, buffer, sizeof buffer, 8), CC_OK);
    test_wrong_frees();
    below = *cc_mem_backend("system");
}

static void storm(size_t index, void *unused) {
    (void)unused;
    uint64_t state = index + 5;
    unsigned char *blocks[64] = {NULL};
    for (int i = 0; i < SCALED(4000); i++) {
        size_t at = check_random(&state) % 64, size = 1 + check_random(&state) % 300;
        if (blocks[at] != NULL && i % 4 == 0) {
            blocks[at] = methods.realloc(blocks[at], size, methods.context);
        } else {
            give(blocks[at]);
            blocks[at] = take(size);
        }
        memset(blocks[at], (int)index, size);
        if (i % 500 == 0) CHECK_EQUAL(cc_mem_debug_mark(&methods) > 0, true);
    }
    for (int i = 0; i < 64; i++) give(blocks[i]);
}

static void test_threads(void) {
    begin((cc_mem_debug_options_t){.quarantine_bytes = 20000, .frames = 3});
    check_threads(4, storm, NULL);
    CHECK_EQUAL(cc_mem_debug_check(&methods), 0);
    end();
    CHECK_EQUAL(seen.count, 0);
}

int main(void) {
    RUN(test_good_use_is_silent);
    RUN(test_overruns_and_underruns);
    RUN(test_wrong_frees);
    RUN(test_writes_after_free);
    RUN(test_leaks);
    RUN(test_titles);
    RUN(test_stacks_may_be_left_out);
    RUN(test_symbols);
    RUN(test_bad_frees_through_the_core);
    RUN(test_a_full_allocator_below);
    below = *cc_mem_backend("system");
    RUN(test_over_each_backend);
    RUN(test_threads);
#if !defined(CHECK_VALGRIND)
    RUN(test_abort_if_asked_to);
#else
    (void)test_abort_if_asked_to;
#endif
    return 0;
}
