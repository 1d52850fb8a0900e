/* test_pool_shared.c: pools that many threads use: no block is given out twice, none is lost, whoever frees it and
 * whichever thread ends. */
#include "cc/pool.h"

#include "../check.h"

#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, SLOTS = 512 };

typedef struct block {
    _Atomic(uint64_t) owner;
} block_t;

static cc_pool_t *pool;
static _Atomic(block_t *) slots[SLOTS]; /* blocks on their way from one thread to another */
static _Atomic(uint64_t) live;

static void use(size_t index, void *argument) {
    uint64_t state = index * 77 + 1;
    block_t *own[64] = {0};
    uint64_t mark = index + 1;
    for (size_t i = 0, count = SCALED(*(size_t *)argument); i < count; i++) {
        block_t **mine = &own[check_random(&state) % 64];
        if (*mine == NULL) {
            *mine = cc_pool_alloc(pool);
            if (*mine == NULL) continue;
            atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
            atomic_store_explicit(&(*mine)->owner, mark, memory_order_relaxed);
        } else if (check_random(&state) % 2 == 0) {
            CHECK_EQUAL(atomic_load_explicit(&(*mine)->owner, memory_order_relaxed), mark);
            CHECK_EQUAL(cc_pool_free(pool, *mine), CC_OK);
            *mine = NULL;
            atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
        } else {
            *mine = atomic_exchange(&slots[check_random(&state) % SLOTS], *mine);
            if (*mine != NULL) atomic_store_explicit(&(*mine)->owner, mark, memory_order_relaxed);
        }
    }
    for (size_t i = 0; i < 64; i++) {
        if (own[i] == NULL) continue;
        CHECK_EQUAL(atomic_load_explicit(&own[i]->owner, memory_order_relaxed), mark);
        CHECK_EQUAL(cc_pool_free(pool, own[i]), CC_OK);
        atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    }
}

static void storm(const cc_pool_options_t *options) {
    size_t count = 100000;
    pool = cc_pool_create(options);
    CHECK(pool != NULL);
    for (int turn = 0; turn < 3; turn++) { /* each with new threads */
        check_threads(THREADS, use, &count);
        CHECK_EQUAL(cc_pool_status(pool).live, live);
    }
    for (size_t i = 0; i < SLOTS; i++) {
        block_t *block = atomic_exchange(&slots[i], NULL);
        if (block != NULL) CHECK_EQUAL(cc_pool_free(pool, block), CC_OK);
    }
    live = 0;
    CHECK_EQUAL(cc_pool_status(pool).live, 0);
    cc_pool_destroy(pool);
}

static void test_storm(void) {
    cc_pool_options_t growing = {.block_size = sizeof(block_t), .shared = true, .blocks = 16};
    storm(&growing);
    growing.checked = true;
    storm(&growing);
    cc_pool_options_t exact = {.block_size = sizeof(block_t), .shared = true, .fixed = true, .blocks = 300};
    storm(&exact);
    cc_pool_options_t cached = {
        .block_size = sizeof(block_t), .shared = true, .fixed = true, .cached = true, .blocks = 900};
    storm(&cached);
    cc_pool_options_t large = {.block_size = 70000, .shared = true}; /* a batch of one */
    storm(&large);
}

/* An exact pool has as many blocks as it has, whoever freed them. */
static void take_half(size_t index, void *blocks) {
    for (size_t i = 0; i < 50; i++) CHECK((((void **)blocks)[index * 50 + i] = cc_pool_alloc(pool)) != NULL);
}
static void free_all(size_t index, void *blocks) {
    (void)index;
    for (size_t i = 0; i < 100; i++) CHECK_EQUAL(cc_pool_free(pool, ((void **)blocks)[i]), CC_OK);
}
static void test_a_fixed_pool_is_exact(void) {
    cc_pool_options_t options = {.block_size = 40, .shared = true, .fixed = true, .blocks = 100};
    pool = cc_pool_create(&options);
    void *blocks[100];
    for (int turn = 0; turn < 5; turn++) {
        check_threads(2, take_half, blocks);
        CHECK(cc_pool_alloc(pool) == NULL);
        check_threads(1, free_all, blocks);
    }
    cc_pool_destroy(pool);
}

/* Threads that come and go neither lose blocks nor make the pool grow. */
static void come_and_go(size_t index, void *argument) {
    (void)index, (void)argument;
    void *blocks[100];
    for (size_t i = 0; i < 100; i++) CHECK((blocks[i] = cc_pool_alloc(pool)) != NULL);
    for (size_t i = 0; i < 100; i++) CHECK_EQUAL(cc_pool_free(pool, blocks[i]), CC_OK);
}
static void test_ended_threads_leave_their_blocks(void) {
    cc_pool_options_t options = {.block_size = 64, .shared = true};
    pool = cc_pool_create(&options);
    for (int turn = 0; turn < 200 / (CHECK_DIVISOR < 20 ? CHECK_DIVISOR : 20); turn++)
        check_threads(2, come_and_go, NULL);
    /* 200 blocks at once if the threads ever met, and those that lie in caches: two chunks of the pool's. */
    CHECK(cc_pool_status(pool).reserved < 500 * 64);
    CHECK_EQUAL(cc_pool_status(pool).live, 0);
    cc_pool_destroy(pool);
}

/* A pool's number goes to a later one, and what threads keep of the old one must not. */
static void test_one_pool_after_the_other(void) {
    for (int turn = 0; turn < 50; turn++) {
        cc_pool_options_t options = {.block_size = 64, .shared = true};
        cc_pool_t *pools[20];
        for (size_t i = 0; i < 20; i++) {
            pools[i] = cc_pool_create(&options);
            void *block = cc_pool_alloc(pools[i]);
            memset(block, 1, 64);
            CHECK_EQUAL(cc_pool_free(pools[i], block), CC_OK);
            CHECK_EQUAL(cc_pool_status(pools[i]).live, 0);
        }
        for (size_t i = 0; i < 20; i++) cc_pool_destroy(pools[i]);
    }
}

static atomic_bool done;
static void keep_busy(size_t index, void *argument) {
    (void)index, (void)argument;
    while (!atomic_load(&done)) come_and_go(0, NULL);
}
static void test_a_forked_child_goes_on(void) {
    cc_pool_options_t options = {.block_size = 64, .shared = true, .blocks = 8};
    pool = cc_pool_create(&options);
    check_thread_t thread;
    check_start(&thread, keep_busy, NULL);
    for (int turn = 0; turn < 20; turn++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            come_and_go(0, NULL);
            _exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK_EQUAL(status, 0);
    }
    atomic_store(&done, true);
    check_join(&thread);
    cc_pool_destroy(pool);
}

int main(void) {
    RUN(test_storm);
    RUN(test_a_fixed_pool_is_exact);
    RUN(test_ended_threads_leave_their_blocks);
    RUN(test_one_pool_after_the_other);
    RUN(test_a_forked_child_goes_on);
    return 0;
}
