#define _GNU_SOURCE
/* test_debug_malloc.c: cc/debug_malloc.h: problems are found and name the lines of this file. */
#include "../check.h"

#include <errno.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cc/debug_malloc.h"

static cc_mem_problem_kind_t kind;
static size_t told;
static char title[100], text[9000];

static void see(const cc_mem_problem_t *problem, void *context) {
    CHECK(context == &told);
    told++;
    kind = problem->kind;
    snprintf(title, sizeof title, "%s", problem->title);
    snprintf(text, sizeof text, "%s", problem->text);
}

static void check_told(cc_mem_problem_kind_t expected, int allocated, int found) {
    char place[100], call[100];
    CHECK_EQUAL(told, 1);
    CHECK_EQUAL(kind, expected);
    snprintf(place, sizeof place, "test_debug_malloc.c:%d", allocated);
    snprintf(call, sizeof call, "test_debug_malloc.c:%d\n", found);
    if (allocated != 0)
        CHECK(strlen(title) >= strlen(place) && strcmp(title + strlen(title) - strlen(place), place) == 0);
    CHECK((strstr(text, call) != NULL) == (found != 0));
    told = 0;
}

static void test_problems_name_their_lines(void) {
    size_t six = check_hide(6);
    char *block = malloc(6);
    int line = __LINE__ - 1;
    block[six] = 1;
    free(block);
    check_told(CC_MEM_OVERRUN, line, __LINE__ - 1);
    free(block);
    check_told(CC_MEM_DOUBLE_FREE, line, __LINE__ - 1);
    char local[10];
    free(local + six);
    check_told(CC_MEM_FOREIGN_FREE, 0, __LINE__ - 1);
    CHECK(realloc(local + six, 5) == NULL);
    check_told(CC_MEM_FOREIGN_FREE, 0, __LINE__ - 1);
    block = strdup("12345");
    line = __LINE__ - 1;
    block[six] = 1;
    CHECK_EQUAL(cc_debug_malloc_check(), 1);
    check_told(CC_MEM_OVERRUN, line, 0);
    block = realloc(block, 10);
    line = __LINE__ - 1;
    CHECK(strcmp(block, "12345") == 0);
    CHECK_EQUAL(cc_debug_malloc_leaks(), 1);
    check_told(CC_MEM_LEAK, line, 0);
    free(block);
    CHECK_EQUAL(cc_debug_malloc_leaks(), 0);
}

static void test_they_are_the_functions_that_they_replace(void) {
    char *zeros = calloc(10, 10);
    for (int i = 0; i < 100; i++) CHECK_EQUAL(zeros[i], 0);
    char *text_copy = strndup("12345", 3), *all = strndup("12345", 10), *nothing = malloc(0);
    CHECK(strcmp(text_copy, "123") == 0 && strcmp(all, "12345") == 0 && nothing != NULL);
    CHECK(calloc(check_hide(SIZE_MAX / 2), 4) == NULL);
    CHECK(malloc(check_hide(SIZE_MAX)) == NULL);
    char *grown = realloc(NULL, 5);
    free(grown);
    free(zeros);
    free(text_copy);
    free(all);
    free(nothing);
    free(NULL);
    CHECK_EQUAL(told, 0);
    cc_mem_methods_t other; /* the place is no title of what other debug allocators give */
    cc_mem_debug_options_t options = {.report = see, .report_context = &told};
    CHECK_EQUAL(cc_mem_debug_create(&other, cc_mem_backend("system"), &options), CC_OK);
    CHECK_EQUAL(other.init(other.context), CC_OK);
    void *block = other.malloc(10, other.context); /* a member's name, not the macro's */
    CHECK_EQUAL(cc_mem_debug_leaks(&other, 0), 1);
    CHECK(title[0] == 0);
    other.free(block, other.context);
    other.shutdown(other.context);
    cc_mem_debug_destroy(&other);
    told = 0;
}

static void test_aligned_blocks(void) {
    for (size_t alignment = 1; alignment <= 1 << 16; alignment *= 2) {
        void *blocks[4] = {aligned_alloc(alignment, 100), memalign(alignment, 1), NULL, NULL};
        int line = __LINE__ - 1;
        CHECK_EQUAL(posix_memalign(&blocks[2], alignment, 64), alignment < sizeof(void *) ? EINVAL : 0);
        CHECK((blocks[2] == NULL) == (alignment < sizeof(void *)));
        blocks[3] = malloc(3);
        for (int i = 0; i < 3; i++) CHECK((uintptr_t)blocks[i] % alignment == 0);
        memset(blocks[0], 1, 100);
        ((char *)blocks[0])[check_hide(100)] = 1;
        CHECK_EQUAL(cc_debug_malloc_check(), 1);
        check_told(CC_MEM_OVERRUN, line, 0);
        ((char *)blocks[0])[check_hide(SIZE_MAX)] = 1; /* -1 */
        free(blocks[0]);
        check_told(CC_MEM_UNDERRUN, line, __LINE__ - 1);
        for (int i = 1; i < 4; i++) free(blocks[i]);
    }
    CHECK(aligned_alloc(check_hide(24), 100) == NULL && aligned_alloc(check_hide(0), 100) == NULL);
    void *block = NULL;
    CHECK_EQUAL(posix_memalign(&block, check_hide(24), 100), EINVAL);
    CHECK_EQUAL(posix_memalign(&block, 64, check_hide(SIZE_MAX)), ENOMEM);
    CHECK(block == NULL && aligned_alloc(check_hide((size_t)1 << 63), 1) == NULL);
    CHECK(reallocarray(NULL, check_hide(SIZE_MAX / 2), 4) == NULL);
    block = reallocarray(NULL, 5, 4);
    memset(block, 1, 20);
    free(block);
    CHECK_EQUAL(cc_debug_malloc_leaks(), 0);
    CHECK_EQUAL(told, 0);
}

static void test_a_trace_of_each_call(void) {
    char *lines = NULL, expected[1000], *at = expected;
    size_t length = 0;
    FILE *stream = open_memstream(&lines, &length);
    cc_debug_malloc_trace(stream);
    void *block = malloc(100);
    at += sprintf(at, "ALLOC: %p size=100 at %s:%d\n", block, __FILE__, __LINE__ - 1);
    void *moved = realloc(block, 200);
    at += sprintf(at, "FREE: %p at %s:%d\n", block, __FILE__, __LINE__ - 1);
    at += sprintf(at, "ALLOC: %p size=200 at %s:%d\n", moved, __FILE__, __LINE__ - 2);
    CHECK(malloc(check_hide(SIZE_MAX)) == NULL);
    at += sprintf(at, "ALLOC: %p size=%zu at %s:%d\n", NULL, (size_t)SIZE_MAX, __FILE__, __LINE__ - 1);
    free(moved);
    at += sprintf(at, "FREE: %p at %s:%d\n", moved, __FILE__, __LINE__ - 1);
    free(NULL);
    cc_debug_malloc_trace(NULL);
    free(malloc(1));
    (void)fclose(stream);
    CHECK(strcmp(lines, expected) == 0);
    (free)(lines); /* the C library's */
}

static void test_leaks_are_told_at_the_end(void) {
    int ends[2];
    CHECK(pipe(ends) == 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        CHECK(dup2(ends[1], 2) == 2);
        cc_debug_malloc_report(NULL, NULL);
        CHECK(malloc(1234) != NULL);
        exit(0); /* in the child of the sanitizers' builds their own report may follow */
    }
    close(ends[1]);
    FILE *stream = fdopen(ends[0], "r");
    char line[1000];
    bool found = false;
    while (fgets(line, sizeof line, stream) != NULL)
        found = found || strstr(line, "leak: 1 block, 1234 bytes in all") != NULL;
    CHECK(found);
    fclose(stream);
    CHECK(waitpid(child, NULL, 0) == child);
}

int main(void) {
    cc_debug_malloc_report(see, &told);
    RUN(test_problems_name_their_lines);
    RUN(test_they_are_the_functions_that_they_replace);
    RUN(test_aligned_blocks);
    RUN(test_a_trace_of_each_call);
    RUN(test_leaks_are_told_at_the_end);
    return 0;
}
