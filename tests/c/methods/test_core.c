/* test_core.c: configuration, status, limits, releasers and alarm of the core, on each backend. */
#include "cc/methods.h"

#include "../check.h"

static char buffer[1 << 16];

static void configure(const char *backend) {
    cc_mem_config_t config = {.backend = backend, .debug = {.without_stacks = true}};
    CHECK_EQUAL(cc_mem_config(&config), CC_OK);
}

static void test_defaults_begin_by_themselves(void) {
    CHECK(strcmp(cc_mem_configured(), "mimalloc") == 0);
    void *block = cc_mem_malloc(100);
    CHECK(block != NULL);
    CHECK_EQUAL(cc_mem_used(), cc_mem_size(block));
    CHECK_EQUAL(cc_mem_config(NULL), CC_ERROR_STATE);
    cc_mem_free(block);
    CHECK_EQUAL(cc_mem_config(NULL), CC_ERROR_STATE); /* it is running */
    cc_mem_shutdown();
    CHECK_EQUAL(cc_mem_config(NULL), CC_OK);
    cc_mem_free(NULL);
    CHECK_EQUAL(cc_mem_size(NULL), 0);
    cc_mem_shutdown(); /* never begun */
}

static void test_bad_configurations(void) {
    cc_mem_config_t config = {.backend = "nothing"};
    CHECK_EQUAL(cc_mem_config(&config), CC_ERROR_ARGUMENT);
    config = (cc_mem_config_t){.backend = "debug", .debug_below = "debug"};
    CHECK_EQUAL(cc_mem_config(&config), CC_ERROR_ARGUMENT);
    config.debug_below = "nothing";
    CHECK_EQUAL(cc_mem_config(&config), CC_ERROR_ARGUMENT);
    config = (cc_mem_config_t){.debug = {.frames = 1000}};
    CHECK_EQUAL(cc_mem_config(&config), CC_ERROR_ARGUMENT);
    config = (cc_mem_config_t){.backend = "static", .buffer = buffer, .buffer_bytes = 20};
    CHECK_EQUAL(cc_mem_config(&config), CC_ERROR_ARGUMENT);
    config = (cc_mem_config_t){.backend = "static", .buffer = buffer};
    CHECK_EQUAL(cc_mem_config(&config), CC_ERROR_ARGUMENT);
    config = (cc_mem_config_t){.backend = "buddy", .min_block = (size_t)1 << 30};
    CHECK_EQUAL(cc_mem_config(&config), CC_ERROR_ARGUMENT);
    CHECK(strcmp(cc_mem_configured(), "mimalloc") == 0);
}

static void test_every_backend_does_the_same(void) {
    for (size_t i = 0; cc_mem_backend_name(i) != NULL; i++) {
        configure(cc_mem_backend_name(i));
        CHECK(strcmp(cc_mem_configured(), cc_mem_backend_name(i)) == 0);
        CHECK(cc_mem_malloc(0) == NULL && cc_mem_zalloc(0) == NULL);
        CHECK_EQUAL(cc_mem_status(0).failed, 0);
        CHECK(cc_mem_malloc(check_hide(SIZE_MAX)) == NULL && cc_mem_malloc(check_hide(PTRDIFF_MAX)) == NULL);
        CHECK_EQUAL(cc_mem_status(0).failed, 2);
        CHECK_EQUAL(cc_mem_status(0).largest, SIZE_MAX);
        unsigned char *blocks[50];
        uint64_t sum = 0;
        for (size_t at = 0; at < 50; at++) {
            blocks[at] = at % 2 == 0 ? cc_mem_malloc(1 + at * 37) : cc_mem_zalloc(1 + at * 37);
            CHECK(blocks[at] != NULL && cc_mem_size(blocks[at]) >= 1 + at * 37);
            for (size_t byte = 0; at % 2 == 1 && byte < cc_mem_size(blocks[at]); byte++)
                CHECK_EQUAL(blocks[at][byte], 0);
            memset(blocks[at], (int)at, cc_mem_size(blocks[at]));
            sum += cc_mem_size(blocks[at]);
        }
        CHECK_EQUAL(cc_mem_used(), sum);
        for (size_t at = 0; at < 50; at++) {
            size_t kept = cc_mem_size(blocks[at]), size = 1 + (at * 997) % 3000;
            sum -= kept;
            blocks[at] = cc_mem_realloc(blocks[at], size);
            if (kept > size) kept = size;
            for (size_t byte = 0; byte < kept; byte++) CHECK_EQUAL(blocks[at][byte], at);
            sum += cc_mem_size(blocks[at]);
        }
        CHECK(cc_mem_realloc(blocks[0], check_hide(SIZE_MAX)) == NULL);
        CHECK_EQUAL(blocks[0][0], 0);
        cc_mem_status_t status = cc_mem_status(0);
        CHECK_EQUAL(status.current, sum);
        CHECK(status.high_water >= sum);
        CHECK_EQUAL(status.count, 50);
        CHECK_EQUAL(status.current_count, 50);
        CHECK_EQUAL(status.highest_count, 50);
        CHECK_EQUAL(status.failed, 3);
        for (size_t at = 0; at < 50; at++) {
            if (at % 2 == 0)
                cc_mem_free(blocks[at]);
            else
                CHECK(cc_mem_realloc(blocks[at], 0) == NULL);
        }
        CHECK_EQUAL(cc_mem_used(), 0);
        CHECK_EQUAL(cc_mem_status(0).current_count, 0);
        void *last = cc_mem_realloc(NULL, 10);
        CHECK(last != NULL);
        cc_mem_free(last);
        cc_mem_shutdown();
        CHECK_EQUAL(cc_mem_status(0).high_water, 0);
    }
}

static void test_zeroed_arrays_and_copies(void) {
    configure("debug");
    unsigned char *zeros = cc_mem_calloc(10, 30);
    for (size_t i = 0; i < 300; i++) CHECK_EQUAL(zeros[i], 0);
    CHECK(cc_mem_calloc(check_hide(SIZE_MAX / 2), 4) == NULL);
    CHECK(cc_mem_calloc(0, 5) == NULL && cc_mem_calloc(5, 0) == NULL);
    CHECK_EQUAL(cc_mem_status(0).failed, 1); /* the product that overflows */
    char *copy = cc_mem_strdup("a text"), *empty = cc_mem_strdup("");
    CHECK(strcmp(copy, "a text") == 0 && cc_mem_size(copy) == 7 && empty[0] == 0);
    CHECK(cc_mem_strdup(NULL) == NULL);
    cc_mem_free(zeros);
    cc_mem_free(copy);
    cc_mem_free(empty);
    CHECK_EQUAL(cc_mem_used(), 0);
    cc_mem_shutdown();
}

static void test_blocks_of_zero(void) {
    for (size_t i = 0; cc_mem_backend_name(i) != NULL; i++) {
        for (int without_status = 0; without_status < 2; without_status++) {
            cc_mem_config_t config = {.backend = cc_mem_backend_name(i), .blocks_of_zero = true};
            config.without_status = without_status != 0;
            CHECK_EQUAL(cc_mem_config(&config), CC_OK);
            void *blocks[4] = {cc_mem_malloc(0), cc_mem_zalloc(0), cc_mem_calloc(0, 5), cc_mem_realloc(NULL, 0)};
            for (int j = 0; j < 4; j++) {
                CHECK(blocks[j] != NULL && cc_mem_size(blocks[j]) >= 1);
                for (int k = 0; k < j; k++) CHECK(blocks[j] != blocks[k]);
            }
            CHECK(cc_mem_realloc(blocks[0], 0) == NULL); /* is free */
            for (int j = 1; j < 4; j++) cc_mem_free(blocks[j]);
            CHECK_EQUAL(cc_mem_status(0).current_count | cc_mem_status(0).failed, 0);
            cc_mem_shutdown();
            CHECK(cc_mem_malloc(0) == NULL);
            cc_mem_shutdown();
        }
    }
}

static void test_resets(void) {
    configure("buddy"); /* sizes are known there */
    void *a = cc_mem_malloc(1024), *b = cc_mem_malloc(100);
    cc_mem_free(a);
    cc_mem_status_t status = cc_mem_status(0);
    CHECK_EQUAL(status.current, 128);
    CHECK_EQUAL(status.high_water, 1152);
    CHECK_EQUAL(cc_mem_highwater(false), 1152);
    CHECK_EQUAL(cc_mem_highwater(true), 1152); /* as it was */
    CHECK_EQUAL(cc_mem_highwater(false), 128);
    status = cc_mem_status(CC_MEM_RESET_LARGEST | CC_MEM_RESET_COUNT);
    CHECK_EQUAL(status.largest, 1024);
    CHECK_EQUAL(status.count, 2);
    CHECK_EQUAL(status.highest_count, 2);
    status = cc_mem_status(CC_MEM_RESET_ALL);
    CHECK_EQUAL(status.largest, 0);
    CHECK_EQUAL(status.count, 0);
    CHECK_EQUAL(status.highest_count, 2);
    status = cc_mem_status(0);
    CHECK_EQUAL(status.highest_count, 1);
    CHECK_EQUAL(status.current, 128);
    cc_mem_free(b);
    cc_mem_shutdown();
}

static void test_without_status(void) {
    cc_mem_config_t config = {.without_status = true};
    CHECK_EQUAL(cc_mem_config(&config), CC_OK);
    (void)cc_mem_hard_limit(10);
    void *block = cc_mem_malloc(1000);
    CHECK(block != NULL);
    block = cc_mem_realloc(block, 2000);
    CHECK(cc_mem_malloc(check_hide(SIZE_MAX)) == NULL);
    cc_mem_status_t status = cc_mem_status(0);
    CHECK_EQUAL(status.current | status.count | status.failed | status.largest, 0);
    cc_mem_free(block);
    cc_mem_shutdown();
}

/* ---- limits ------------------------------------------------------------------------------------------------------ */

static void *cache[64];
static size_t cached, asked, asked_bytes;

/* A cache of blocks that it gives back when it is asked to. */
static size_t give_back(size_t bytes, void *context) {
    size_t given = 0;
    CHECK(context == cache);
    asked++;
    asked_bytes = bytes;
    while (cached > 0 && given < bytes) {
        given += cc_mem_size(cache[--cached]);
        cc_mem_free(cache[cached]);
    }
    void *own = cc_mem_malloc(16); /* asks nobody, whatever the limits */
    cc_mem_free(own);
    return given;
}

static void fill_cache(size_t count, size_t size) {
    asked = 0;
    for (cached = 0; cached < count; cached++) CHECK((cache[cached] = cc_mem_malloc(size)) != NULL);
}

static void test_soft_limit(void) {
    configure("buddy");
    CHECK_EQUAL(cc_mem_add_releaser(give_back, cache), CC_OK);
    CHECK_EQUAL(cc_mem_add_releaser(give_back, cache), CC_ERROR_STATE);
    CHECK_EQUAL(cc_mem_add_releaser(NULL, cache), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_mem_soft_limit(4096), 0);
    CHECK_EQUAL(cc_mem_soft_limit(-1), 4096);
    fill_cache(8, 512);
    CHECK_EQUAL(asked, 0); /* at the limit, not above */
    void *more = cc_mem_malloc(1024);
    CHECK(more != NULL);
    CHECK_EQUAL(asked, 1);
    CHECK_EQUAL(asked_bytes, 1024);
    CHECK_EQUAL(cached, 6);
    CHECK_EQUAL(cc_mem_used(), 4096);
    more = cc_mem_realloc(more, 2048);
    CHECK_EQUAL(cc_mem_used(), 4096);
    CHECK_EQUAL(cached, 4);
    void *huge = cc_mem_malloc(8192); /* more than the cache can give: it goes ahead all the same */
    CHECK(huge != NULL);
    CHECK_EQUAL(cached, 0);
    CHECK_EQUAL(cc_mem_used(), 2048 + 8192);
    CHECK_EQUAL(cc_mem_release(1), 0);
    CHECK_EQUAL(cc_mem_remove_releaser(give_back, cache), CC_OK);
    CHECK_EQUAL(cc_mem_remove_releaser(give_back, cache), CC_ERROR_ARGUMENT);
    asked = 0;
    cc_mem_free(cc_mem_malloc(100));
    CHECK_EQUAL(asked, 0);
    cc_mem_free(more);
    cc_mem_free(huge);
    for (uintptr_t i = 0; i < 16; i++) CHECK_EQUAL(cc_mem_add_releaser(give_back, (void *)i), CC_OK);
    CHECK_EQUAL(cc_mem_add_releaser(give_back, cache), CC_ERROR_LIMIT);
    cc_mem_shutdown();
    CHECK_EQUAL(cc_mem_release(1), 0);
}

static void test_hard_limit(void) {
    configure("buddy");
    CHECK_EQUAL(cc_mem_hard_limit(4096), 0);
    CHECK_EQUAL(cc_mem_soft_limit(-1), 4096); /* the hard limit is the largest soft one */
    CHECK_EQUAL(cc_mem_soft_limit(1000000), 4096);
    CHECK_EQUAL(cc_mem_soft_limit(0), 4096);
    CHECK_EQUAL(cc_mem_soft_limit(2048), 4096);
    void *blocks[4];
    for (int i = 0; i < 4; i++) CHECK((blocks[i] = cc_mem_malloc(1000)) != NULL);
    CHECK(cc_mem_malloc(1) == NULL);
    CHECK(cc_mem_realloc(blocks[0], 1025) == NULL);
    CHECK_EQUAL(cc_mem_status(0).failed, 2);
    CHECK_EQUAL(cc_mem_status(0).high_water, 4096);
    CHECK_EQUAL(cc_mem_hard_limit(8192), 4096);
    blocks[0] = cc_mem_realloc(blocks[0], 1025);
    CHECK(blocks[0] != NULL);
    CHECK_EQUAL(cc_mem_used(), 5120);
    /* Releasers are asked first. */
    fill_cache(6, 512);
    CHECK_EQUAL(cc_mem_used(), 8192);
    CHECK_EQUAL(cc_mem_add_releaser(give_back, cache), CC_OK);
    void *more = cc_mem_malloc(1024);
    CHECK(more != NULL);
    CHECK_EQUAL(asked, 1);
    CHECK(cc_mem_used() <= 8192);
    CHECK_EQUAL(cc_mem_hard_limit(0), 8192);
    CHECK_EQUAL(cc_mem_soft_limit(-1), 0); /* as in SQLite */
    CHECK_EQUAL(cc_mem_hard_limit(8192), 0);
    CHECK_EQUAL(cc_mem_hard_limit(0), 8192);
    CHECK_EQUAL(cc_mem_soft_limit(-1), 0); /* what the hard limit set goes with it */
    void *huge = cc_mem_malloc(20000);
    CHECK(huge != NULL);
    cc_mem_free(huge);
    cc_mem_free(more);
    while (cached > 0) cc_mem_free(cache[--cached]);
    for (int i = 0; i < 4; i++) cc_mem_free(blocks[i]);
    CHECK_EQUAL(cc_mem_used(), 0);
    cc_mem_shutdown();
}

/* When the backend itself has no memory, releasers are asked too. */
static void test_a_full_backend(void) {
    cc_mem_config_t config = {.backend = "static", .buffer = buffer, .buffer_bytes = 10000};
    CHECK_EQUAL(cc_mem_config(&config), CC_OK);
    CHECK_EQUAL(cc_mem_add_releaser(give_back, cache), CC_OK);
    fill_cache(9, 1000);
    void *more = cc_mem_malloc(3000);
    CHECK(more != NULL);
    CHECK((char *)more > buffer && (char *)more < buffer + sizeof buffer);
    CHECK_EQUAL(asked, 1);
    CHECK(cc_mem_malloc(9000) == NULL);
    CHECK_EQUAL(cached, 0);
    cc_mem_buffer_status_t status;
    CHECK_EQUAL(cc_mem_buffer_status(cc_mem_backend("static"), &status), CC_OK);
    CHECK(status.capacity < 10000 && status.live_blocks == 1);
    cc_mem_config_t other = {.backend = "buddy", .buffer = buffer, .buffer_bytes = 10000};
    CHECK_EQUAL(cc_mem_config(&other), CC_ERROR_STATE);
    cc_mem_shutdown();
    CHECK_EQUAL(cc_mem_buffer_status(cc_mem_backend("static"), &status), CC_ERROR_STATE);
    CHECK_EQUAL(cc_mem_buffer_status(cc_mem_backend("system"), &status), CC_ERROR_SUPPORT);
    CHECK_EQUAL(cc_mem_buffer_status(NULL, &status), CC_ERROR_ARGUMENT);
}

/* An instance that somebody else uses is shared, and cannot be set up anew. */
static void test_instances_are_shared(void) {
    const cc_mem_methods_t *buddy = cc_mem_backend("buddy"), *debug = cc_mem_backend("debug");
    CHECK_EQUAL(buddy->init(buddy->context), CC_OK);
    CHECK_EQUAL(debug->init(debug->context), CC_OK);
    void *theirs = buddy->malloc(100, buddy->context);
    cc_mem_config_t config = {.backend = "buddy", .buffer_bytes = 100000};
    CHECK_EQUAL(cc_mem_config(&config), CC_ERROR_STATE);
    config = (cc_mem_config_t){.debug_below = "static"};
    CHECK_EQUAL(cc_mem_config(&config), CC_ERROR_STATE);
    config = (cc_mem_config_t){.backend = "buddy"};
    CHECK_EQUAL(cc_mem_config(&config), CC_OK);
    void *ours = cc_mem_malloc(100);
    cc_mem_buffer_status_t status;
    CHECK_EQUAL(cc_mem_buffer_status(buddy, &status), CC_OK);
    CHECK_EQUAL(status.live_blocks, 2);
    CHECK_EQUAL(cc_mem_status(0).current_count, 1);
    cc_mem_free(ours);
    cc_mem_shutdown();
    memset(theirs, 1, 100); /* still there */
    buddy->free(theirs, buddy->context);
    buddy->shutdown(buddy->context);
    CHECK_EQUAL(cc_mem_buffer_status(buddy, &status), CC_ERROR_STATE);
    debug->shutdown(debug->context);
    for (int i = 0; i < 5; i++) { /* as often as one likes */
        CHECK_EQUAL(buddy->init(buddy->context), CC_OK);
        CHECK(buddy->malloc(1000, buddy->context) != NULL);
        buddy->shutdown(buddy->context);
    }
}

static struct {
    uint64_t used;
    size_t bytes, calls;
} alarmed;

static void note_alarm(uint64_t used, size_t bytes, void *context) {
    CHECK(context == &alarmed);
    alarmed.used = used;
    alarmed.bytes = bytes;
    alarmed.calls++;
}

static void test_alarm(void) {
    configure("buddy");
    cc_mem_alarm(note_alarm, &alarmed, 1000);
    void *first = cc_mem_malloc(900); /* 1024 */
    CHECK_EQUAL(alarmed.calls, 1);
    CHECK_EQUAL(alarmed.used, 0);
    CHECK_EQUAL(alarmed.bytes, 1024);
    void *second = cc_mem_malloc(10);
    CHECK_EQUAL(alarmed.calls, 2);
    CHECK_EQUAL(alarmed.used, 1024);
    cc_mem_alarm(NULL, NULL, 0);
    cc_mem_free(cc_mem_malloc(5000));
    CHECK_EQUAL(alarmed.calls, 2);
    cc_mem_free(first);
    cc_mem_free(second);
    cc_mem_shutdown();
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

enum { THREADS = 4, HELD = 50 };

static pthread_barrier_t barrier;

/* All threads hold all their blocks at once in between: the marks must be exactly that. */
static void hold_and_let_go(size_t index, void *unused) {
    (void)unused;
    void *blocks[HELD];
    for (int round = 0; round < SCALED(200); round++) {
        for (size_t i = 0; i < HELD; i++) blocks[i] = cc_mem_malloc(64);
        for (size_t i = 0; i < HELD; i++) blocks[i] = cc_mem_realloc(blocks[i], 128);
        pthread_barrier_wait(&barrier);
        if (index == 0) {
            cc_mem_status_t status = cc_mem_status(0);
            CHECK_EQUAL(status.current, THREADS * HELD * 128);
            CHECK_EQUAL(status.high_water, THREADS * HELD * 128);
            CHECK_EQUAL(status.current_count, THREADS * HELD);
            CHECK_EQUAL(status.highest_count, THREADS * HELD);
        }
        pthread_barrier_wait(&barrier);
        for (size_t i = 0; i < HELD; i++) cc_mem_free(blocks[i]);
        pthread_barrier_wait(&barrier);
        if (index == 0) {
            CHECK_EQUAL(cc_mem_used(), 0);
            (void)cc_mem_status(CC_MEM_RESET_ALL);
        }
        pthread_barrier_wait(&barrier);
    }
}

static void test_marks_are_exact(void) {
    configure("buddy");
    CHECK(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
    check_threads(THREADS, hold_and_let_go, NULL);
    pthread_barrier_destroy(&barrier);
    cc_mem_shutdown();
}

/* However many threads there are, the sum never passes the hard limit. */
static void press_on(size_t index, void *unused) {
    (void)unused;
    uint64_t state = index + 1;
    void *blocks[32] = {NULL};
    for (int i = 0; i < SCALED(20000); i++) {
        size_t at = check_random(&state) % 32, size = 1 + check_random(&state) % 1024;
        if (blocks[at] == NULL || i % 3 == 0) {
            cc_mem_free(blocks[at]);
            blocks[at] = cc_mem_malloc(size);
        } else {
            void *moved = cc_mem_realloc(blocks[at], size);
            if (moved != NULL) blocks[at] = moved;
        }
        if (blocks[at] != NULL) memset(blocks[at], (int)index, cc_mem_size(blocks[at]));
        if (i % 64 == 0) CHECK(cc_mem_used() <= 16384);
    }
    for (int at = 0; at < 32; at++) cc_mem_free(blocks[at]);
}

static void test_hard_limit_under_threads(void) {
    static const char *const exact[] = {"static", "buddy", "debug"}; /* where roundup() is size() */
    for (size_t i = 0; i < 3; i++) {
        configure(exact[i]);
        (void)cc_mem_hard_limit(16384);
        CHECK_EQUAL(cc_mem_add_releaser(give_back, cache), CC_OK);
        cached = 0;
        check_threads(THREADS, press_on, NULL);
        cc_mem_status_t status = cc_mem_status(0);
        CHECK_EQUAL(status.current, 0);
        CHECK_EQUAL(status.current_count, 0);
        CHECK(status.high_water <= 16384 && status.failed > 0);
        cc_mem_shutdown();
    }
}

/* Whoever comes first begins the backend; nobody sees it half begun. */
static void begin_together(size_t index, void *unused) {
    (void)unused;
    void *block = cc_mem_malloc(100 + index);
    CHECK(block != NULL);
    memset(block, 1, 100);
    cc_mem_free(block);
}

static void test_a_common_beginning(void) {
    for (int i = 0; i < SCALED(100); i++) {
        configure(cc_mem_backend_name((size_t)i % 5));
        check_threads(THREADS, begin_together, NULL);
        CHECK_EQUAL(cc_mem_used(), 0);
        cc_mem_shutdown();
    }
}

int main(void) {
    RUN(test_defaults_begin_by_themselves);
    RUN(test_bad_configurations);
    RUN(test_every_backend_does_the_same);
    RUN(test_zeroed_arrays_and_copies);
    RUN(test_blocks_of_zero);
    RUN(test_resets);
    RUN(test_without_status);
    RUN(test_soft_limit);
    RUN(test_hard_limit);
    RUN(test_a_full_backend);
    RUN(test_instances_are_shared);
    RUN(test_alarm);
    RUN(test_marks_are_exact);
    RUN(test_hard_limit_under_threads);
    RUN(test_a_common_beginning);
    return 0;
}
