/* test_fork.c: a child of a process whose other threads are inside the allocators all the time. */
#include "cc/methods.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"

enum { THREADS = 3 };

static atomic_bool done;
static cc_mem_methods_t methods[3];
static char buffers[2][1 << 17];

static void use(uint64_t *state, int rounds) {
    void *blocks[16] = {NULL};
    size_t which[16] = {0};
    for (int i = 0; i < rounds; i++) {
        size_t at = check_random(state) % 16, size = 1 + check_random(state) % 500;
        if (blocks[at] != NULL && which[at] == 3)
            cc_mem_free(blocks[at]);
        else if (blocks[at] != NULL)
            methods[which[at]].free(blocks[at], methods[which[at]].context);
        which[at] = check_random(state) % 4;
        blocks[at] = which[at] == 3 ? cc_mem_malloc(size) : methods[which[at]].malloc(size, methods[which[at]].context);
        if (blocks[at] != NULL) memset(blocks[at], 1, size);
    }
    for (size_t at = 0; at < 16; at++) {
        if (blocks[at] == NULL) continue;
        if (which[at] == 3)
            cc_mem_free(blocks[at]);
        else
            methods[which[at]].free(blocks[at], methods[which[at]].context);
    }
}

static void storm(size_t index, void *unused) {
    (void)unused;
    uint64_t state = index + 99;
    while (!atomic_load(&done)) use(&state, 100);
}

static void leave_child(int status) {
#if defined(CHECK_VALGRIND)
    if (status == 0) kill(getpid(), SIGKILL); /* what only the other threads' stacks lead to is not lost */
#endif
    _exit(status);
}

static void fork_often(int forks) {
    for (int i = 0; i < forks; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            uint64_t state = (uint64_t)i + 1;
            alarm(60); /* a lock that nobody holds any more would hang here */
            use(&state, 300);
            (void)cc_mem_status(0);
            (void)cc_mem_release(1);
            cc_mem_alarm(NULL, NULL, 0);
            leave_child(0);
        }
        int status = -1;
        CHECK(waitpid(child, &status, 0) == child);
#if defined(CHECK_VALGRIND)
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) continue;
#endif
        CHECK_EQUAL(status, 0);
    }
}

static size_t press(size_t bytes, void *context) {
    (void)bytes, (void)context;
    return 0;
}

static void test_children_of_a_storm(void) {
    check_thread_t threads[THREADS];
    atomic_store(&done, false);
    for (size_t i = 0; i < THREADS; i++) check_start(&threads[i], storm, NULL);
    fork_often(SCALED(100));
    atomic_store(&done, true);
    for (size_t i = 0; i < THREADS; i++) check_join(&threads[i]);
    CHECK_EQUAL(cc_mem_used(), 0);
}

int main(void) {
    cc_mem_config_t config = {.backend = "buddy"}; /* mimalloc's and libc's own locks are not the matter here */
    CHECK_EQUAL(cc_mem_config(&config), CC_OK);
    CHECK_EQUAL(cc_mem_add_releaser(press, NULL), CC_OK);
    (void)cc_mem_soft_limit(1);
    CHECK_EQUAL(cc_mem_static_create(&methods[0], buffers[0], sizeof buffers[0]), CC_OK);
    CHECK_EQUAL(cc_mem_buddy_create(&methods[1], buffers[1], sizeof buffers[1], 0), CC_OK);
    cc_mem_debug_options_t options = {.quarantine_bytes = 1000, .without_stacks = true};
    CHECK_EQUAL(cc_mem_debug_create(&methods[2], &methods[0], &options), CC_OK);
    CHECK_EQUAL(methods[1].init(methods[1].context), CC_OK);
    CHECK_EQUAL(methods[2].init(methods[2].context), CC_OK); /* and the one below it */
    RUN(test_children_of_a_storm);
    methods[2].shutdown(methods[2].context);
    cc_mem_debug_destroy(&methods[2]);
    cc_mem_shutdown();
    return 0;
}
