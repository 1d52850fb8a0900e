/* test_debug_malloc.c: cc/debug_malloc.h: problems are found and name the lines of this file. */
#include "../check.h"

#include <unistd.h>

#include <sys/wait.h>

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
    if (allocated != 0) CHECK(strlen(title) >= strlen(place) && strcmp(title + strlen(title) - strlen(place), place) == 0);
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
    void *block = (other.malloc)(10, other.context);
    CHECK_EQUAL(cc_mem_debug_leaks(&other, 0), 1);
    CHECK(title[0] == 0);
    (other.free)(block, other.context);
    other.shutdown(other.context);
    cc_mem_debug_destroy(&other);
    told = 0;
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
    while (fgets(line, sizeof line, stream) != NULL) found = found || strstr(line, "leak: 1 block, 1234 bytes in all") != NULL;
    CHECK(found);
    fclose(stream);
    CHECK(waitpid(child, NULL, 0) == child);
}

int main(void) {
    cc_debug_malloc_report(see, &told);
    RUN(test_problems_name_their_lines);
    RUN(test_they_are_the_functions_that_they_replace);
    RUN(test_leaks_are_told_at_the_end);
    return 0;
}
