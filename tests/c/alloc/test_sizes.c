/* test_sizes.c: debug builds report a free or a reallocation with another size than the one that was asked for.
 * variants: debug */
#include "cc/alloc.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"

static void good(void) {
    cc_free(cc_alloc(100), 100);
    cc_free(cc_calloc(3, 7), 21);
    cc_free(cc_alloc_node(24), 24);
    cc_free(cc_alloc_aligned(100, 4096), 100);
    cc_free_unsized(cc_alloc(5));
    cc_free(cc_realloc(cc_realloc(NULL, 0, 10), 10, 5000), 5000);
    void *block = cc_alloc(100);
    CHECK(cc_realloc(block, 100, SIZE_MAX) == NULL);
    CHECK(cc_realloc(block, 100, PTRDIFF_MAX - 1) == NULL);
    cc_free(block, 100);
}

static void less(void) {
    cc_free(cc_alloc(100), 99);
}

static void more(void) {
    cc_free(cc_alloc(100), 101);
}

static void rounded_node(void) {
    cc_free(cc_alloc_node(24), 64);
}

static void moved_with_another(void) {
    cc_free(cc_realloc(cc_alloc(100), 50, 200), 200);
}

static void old_size_after_moving(void) {
    cc_free(cc_realloc(cc_alloc(100), 100, 200), 100);
}

/* The signal that ends a child which runs it; 0: none. */
static int signal_of(void (*run)(void), char *said, size_t size) {
    int ends[2];
    CHECK_EQUAL(pipe(ends), 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(dup2(ends[1], STDERR_FILENO) >= 0);
        run();
        _exit(0);
    }
    (void)close(ends[1]);
    size_t length = 0;
    for (ssize_t got; length < size - 1 && (got = read(ends[0], said + length, size - 1 - length)) > 0;)
        length += (size_t)got;
    said[length] = 0;
    (void)close(ends[0]);
    int status;
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_other_sizes_are_reported(void) {
    char said[256];
    CHECK_EQUAL(signal_of(good, said, sizeof said), 0);
    CHECK_EQUAL(said[0], 0);
    CHECK_EQUAL(signal_of(less, said, sizeof said), SIGABRT);
    CHECK(strstr(said, "is freed with a size of 99, but 100 was asked for") != NULL);
    CHECK_EQUAL(signal_of(more, said, sizeof said), SIGABRT);
    CHECK_EQUAL(signal_of(rounded_node, said, sizeof said), SIGABRT);
    CHECK(strstr(said, "is freed with a size of 64, but 24 was asked for") != NULL);
    CHECK_EQUAL(signal_of(moved_with_another, said, sizeof said), SIGABRT);
    CHECK_EQUAL(signal_of(old_size_after_moving, said, sizeof said), SIGABRT);
}

int main(void) {
    RUN(test_other_sizes_are_reported);
    return 0;
}
