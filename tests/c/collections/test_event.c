/* test_event.c: waiting: no signal is lost, times out, is interrupted, insists, and is over in a forked child. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queues.h"

static cc_event_t event;
static atomic_uint_fast64_t turn;

static void pass_on(size_t index, void *argument) {
    uint64_t threads = *(uint64_t *)argument;
    for (uint64_t mine = index; mine < SCALED(5000) * threads; mine += threads) {
        while (atomic_load(&turn) != mine) {
            uint32_t ticket = cc_event_begin(&event);
            if (atomic_load(&turn) != mine) (void)cc_event_wait(&event, ticket, UINT64_MAX);
            cc_event_end(&event);
        }
        atomic_store(&turn, mine + 1);
        cc_event_signal_all(&event);
    }
}

/* Threads in turn: one signal lost, and all would stand. */
static void test_no_signal_is_lost(void) {
    for (uint64_t threads = 2; threads <= 4; threads++) {
        atomic_store(&turn, 0);
        check_threads(threads, pass_on, &threads);
        CHECK_EQUAL(event.waiters, 0);
    }
}

static void test_timeout(void) {
    uint64_t began = check_now();
    uint32_t ticket = cc_event_begin(&event);
    int result;
    while ((result = cc_event_wait(&event, ticket, 20000000)) == 0) {} /* it may wake without a reason */
    cc_event_end(&event);
    CHECK_EQUAL(result, -CC_ERROR_LIMIT);
    CHECK(check_now() - began >= 19000000);
    ticket = cc_event_begin(&event);
    cc_event_signal(&event);
    CHECK_EQUAL(cc_event_wait(&event, ticket, UINT64_MAX), 0); /* the signal came first */
    cc_event_end(&event);
}

static void on_signal(int number) {
    (void)number;
}

static atomic_bool interrupted;

static void wait_for_interrupt(size_t index, void *argument) {
    (void)index, (void)argument;
    uint32_t ticket = cc_event_begin(&event);
    int result;
    while ((result = cc_event_wait(&event, ticket, UINT64_MAX)) == 0) {}
    CHECK_EQUAL(result, -CC_ERROR_STATE);
    cc_event_end(&event);
    atomic_store(&interrupted, true);
}

static void test_interrupt(void) {
    struct sigaction action = {.sa_handler = on_signal}; /* without SA_RESTART */
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    check_thread_t thread;
    check_start(&thread, wait_for_interrupt, NULL);
    while (!atomic_load(&interrupted)) { /* until it sleeps */
        (void)pthread_kill(thread.thread, SIGUSR1);
        struct timespec time = {0, 1000000};
        nanosleep(&time, NULL);
    }
    check_join(&thread);
}

static void test_insisting(void) {
    CHECK(!cc_event_insisted(&event));
    cc_event_insist(&event);
    cc_event_insist(&event);
    cc_event_relent(&event);
    CHECK(cc_event_insisted(&event));
    cc_event_relent(&event);
    CHECK(!cc_event_insisted(&event));
}

static atomic_bool release;

static void wait_for_release(size_t index, void *argument) {
    (void)index, (void)argument;
    while (!atomic_load(&release)) {
        uint32_t ticket = cc_event_begin(&event);
        if (!atomic_load(&release)) (void)cc_event_wait(&event, ticket, UINT64_MAX);
        cc_event_end(&event);
    }
}

/* The child finds nobody waiting, and can wait itself. */
static void test_fork(void) {
    check_thread_t thread;
    check_start(&thread, wait_for_release, NULL);
    while (__atomic_load_n(&event.waiters, __ATOMIC_SEQ_CST) == 0) {}
    cc_event_insist(&event);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        if (cc_event_insisted(&event)) _exit(1);
        cc_event_signal(&event);
        if (event.waiters != 0) _exit(2);
        cc_event_relent(&event); /* of before: no harm */
        uint32_t ticket = cc_event_begin(&event);
        if ((event.waiters & 0xFFFFF) != 1) _exit(3);
        cc_event_signal(&event);
        if (cc_event_wait(&event, ticket, UINT64_MAX) != 0) _exit(4);
        cc_event_end(&event);
        _exit(event.waiters == 0 && !cc_event_insisted(&event) ? 0 : 5);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_EQUAL(WEXITSTATUS(status), 0);
    CHECK(cc_event_insisted(&event));
    cc_event_relent(&event);
    atomic_store(&release, true);
    cc_event_signal_all(&event);
    check_join(&thread);
    CHECK_EQUAL(event.waiters, 0);
}

/* The recipe of the header: consumers that sleep, producers that signal one each time. */
typedef struct {
    box_t box;
    uint64_t count;
    atomic_uint_fast64_t got;
} meeting_t;

static cc_event_t not_empty, not_full;

static void meet(size_t index, void *argument) {
    meeting_t *meeting = (meeting_t *)argument;
    cc_smr_thread_t *self = box_self(&meeting->box);
    bool puts = index % 2 == 0;
    for (uint64_t i = 0; i < meeting->count; i++) {
        cc_event_t *mine = puts ? &not_full : &not_empty, *theirs = puts ? &not_empty : &not_full;
        uint64_t value = 7;
        int result = 0;
        while (result == 0) {
            uint32_t ticket = cc_event_begin(mine);
            result = puts ? box_put(&meeting->box, self, 7) : box_get(&meeting->box, self, &value);
            if (result == 0) (void)cc_event_wait(mine, ticket, UINT64_MAX);
            cc_event_end(mine);
        }
        CHECK(result == 1 && value == 7);
        cc_event_signal(theirs);
    }
}

static void test_producers_and_consumers_sleep(void) {
    for (int stack = 0; stack < 2; stack++) {
        meeting_t meeting = {.box = box_create(stack != 0, NULL, 3), .count = SCALED(4000)};
        check_threads(6, meet, &meeting);
        CHECK_EQUAL(box_count(&meeting.box, box_self(&meeting.box)), 0);
        CHECK_EQUAL(not_empty.waiters, 0);
        CHECK_EQUAL(not_full.waiters, 0);
        box_destroy(&meeting.box);
    }
}

int main(void) {
    RUN(test_no_signal_is_lost);
    RUN(test_timeout);
    RUN(test_interrupt);
    RUN(test_insisting);
    RUN(test_fork);
    RUN(test_producers_and_consumers_sleep);
    return 0;
}
