/* test_sqlite.c: the real SQLite on each backend: the same answers as on its own allocator, no leak, at limits and in
 * threads.
 * libraries: sqlite3 */
#include <limits.h>
#include <sqlite3.h>

#include "cc/methods.h"

#include "../check.h"

enum { ANSWER_SIZE = 64 };
static const char *backends[32];
static size_t backend_count;

/* Before main, as many times as it likes. */
__attribute__((constructor)) static void begin_before_main(void) {
    while ((backends[backend_count] = cc_mem_backend_name(backend_count)) != NULL) backend_count++;
    for (size_t i = 0; i < 3 * backend_count; i++) {
        CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, cc_sqlite3_mem_methods(backends[i % backend_count])) == SQLITE_OK);
        CHECK(sqlite3_initialize() == SQLITE_OK);
        CHECK(sqlite3_shutdown() == SQLITE_OK);
    }
}

/* NULL: SQLite's own. Leaves SQLite shut down, so that a test may configure more. */
static void plug(const char *backend) {
    sqlite3_mem_methods own;
    memset(&own, 0, sizeof own);
    CHECK_EQUAL(sqlite3_shutdown(), SQLITE_OK);
    const void *methods = backend != NULL ? cc_sqlite3_mem_methods(backend) : &own;
    CHECK(methods != NULL);
    CHECK_EQUAL(sqlite3_config(SQLITE_CONFIG_MALLOC, methods), SQLITE_OK);
}

/* ---- the work ---------------------------------------------------------------------------------------------------- */

static int add_row(void *value, int count, char **texts, char **names) {
    (void)names;
    uint64_t *hash = value;
    for (int i = 0; i < count; i++)
        for (const char *text = texts[i] != NULL ? texts[i] : "NULL"; *text != '\0'; text++)
            *hash = (*hash ^ (uint64_t)(unsigned char)*text) * 0x100000001B3u; /* FNV-1a */
    return 0;
}

#if CHECK_DIVISOR > 4
#define ROWS "200"
#else
#define ROWS "600"
#endif

/* A hash of all that the script answers, or the first error (and 0). */
static int script(const char *file, uint64_t *answer) {
    static const char *const lines[] = {
        "PRAGMA cache_size = 20",
        "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c)",
        "BEGIN",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " ROWS ") "
        "INSERT INTO t SELECT i, printf('%.*c', i % 190, 'x') || (i * 7919 % 1009), i * 1.5 FROM n",
        "COMMIT",
        "CREATE INDEX tb ON t(b)",
        "UPDATE t SET b = upper(b) || a WHERE a % 3 = 0",
        "DELETE FROM t WHERE a % 7 = 0",
        "SELECT a, b, max(c) OVER (ORDER BY b) FROM t ORDER BY b DESC LIMIT 200",
        "SELECT group_concat(b), count(*) FROM t GROUP BY a % 11",
        "SELECT count(*) FROM t x JOIN t y ON y.a = x.a + 1 WHERE x.b < y.b",
        "CREATE TRIGGER g AFTER DELETE ON t BEGIN UPDATE t SET c = old.b WHERE a = old.a + 1; END",
        "DELETE FROM t WHERE a IN (SELECT a FROM t ORDER BY random() LIMIT 0) OR a % 5 = 1",
        "VACUUM",
        "SELECT sum(length(hex(b))), total(c) FROM t"};
    sqlite3 *db = NULL;
    *answer = 0xCBF29CE484222325u;
    int status = sqlite3_open(file, &db);
    for (size_t i = 0; status == SQLITE_OK && i < sizeof lines / sizeof *lines; i++)
        status = sqlite3_exec(db, lines[i], add_row, answer, NULL);
    if (db != NULL) CHECK_EQUAL(sqlite3_close(db), SQLITE_OK);
    if (status != SQLITE_OK) *answer = 0;
    return status;
}

static uint64_t right_answer(void) {
    static uint64_t answer;
    if (answer == 0) {
        plug(NULL);
        CHECK_EQUAL(script(":memory:", &answer), SQLITE_OK);
        CHECK(answer != 0);
    }
    return answer;
}

/* Nothing is left of SQLite's, neither by its own account nor by the backend's. */
static void check_empty(const char *backend) {
    CHECK_EQUAL(sqlite3_memory_used(), 0);
    const cc_mem_methods_t *methods = cc_mem_backend(backend);
    cc_mem_buffer_status_t full;
    if (cc_mem_buffer_status(methods, &full) == CC_OK) CHECK_EQUAL(full.live_blocks, 0);
    CHECK_EQUAL(cc_mem_debug_check(methods), 0);
    CHECK_EQUAL(cc_mem_debug_leaks(methods, 0), 0);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void test_the_same_answers(void) {
    uint64_t answer = right_answer();
    for (size_t i = 0; i < 2 * backend_count; i++) {
        uint64_t found;
        plug(backends[i % backend_count]);
        /* "": a file that goes with the connection */
        CHECK_EQUAL(script(i < backend_count ? ":memory:" : "", &found), SQLITE_OK);
        CHECK_EQUAL(found, answer);
        CHECK(sqlite3_memory_highwater(1) > 20000);
        check_empty(backends[i % backend_count]);
    }
}

static void test_begin_and_end_many_times(void) {
    for (int round = 0; round < SCALED(200); round++) {
        plug(backends[round % backend_count]);
        CHECK_EQUAL(sqlite3_initialize(), SQLITE_OK);
        void *block = sqlite3_malloc(100);
        CHECK(block != NULL);
        sqlite3_free(block);
        check_empty(backends[round % backend_count]);
    }
}

static void test_soft_limits(void) {
    uint64_t answer = right_answer(), found;
    for (size_t i = 0; i < backend_count; i++) {
        plug(backends[i]);
        (void)sqlite3_soft_heap_limit64(30000);
        CHECK_EQUAL(script("", &found), SQLITE_OK);
        CHECK_EQUAL(found, answer);
        (void)sqlite3_soft_heap_limit64(0);
        check_empty(backends[i]);
    }
}

/* From a limit under which nothing works to one under which all does: NOMEM each time, and nothing is lost. */
static void test_hard_limits(void) {
    uint64_t answer = right_answer(), found;
    for (size_t i = 0; i < backend_count; i++) {
        plug(backends[i]);
        int refused = 0, status = SQLITE_NOMEM;
        (void)sqlite3_memory_highwater(1);
        for (sqlite3_int64 limit = 1000; status != SQLITE_OK; limit += limit / (CHECK_DIVISOR > 1 ? 1 : 10)) {
            CHECK(limit < 100000000);
            (void)sqlite3_hard_heap_limit64(limit);
            status = script(":memory:", &found);
            CHECK(status == SQLITE_OK || status == SQLITE_NOMEM);
            CHECK(sqlite3_memory_highwater(1) <= limit + limit / 4); /* SQLite asks by roundup() and adds up size() */
            check_empty(backends[i]);
            refused += status != SQLITE_OK;
        }
        CHECK_EQUAL(found, answer);
        CHECK(refused > 3);
        (void)sqlite3_hard_heap_limit64(0);
    }
}

static void test_full_buffers(void) {
    uint64_t answer = right_answer(), found;
    for (size_t i = 0; i < backend_count; i++) {
        int refused = 0, status = SQLITE_NOMEM;
        if (strcmp(backends[i], "static") != 0 && strcmp(backends[i], "buddy") != 0) continue;
        for (size_t bytes = 20000; status != SQLITE_OK; bytes += bytes / (CHECK_DIVISOR > 1 ? 1 : 10)) {
            char text[32];
            (void)snprintf(text, sizeof text, "%zu", bytes);
            plug(backends[i]);
            CHECK(setenv("CC_SQLITE_BUFFER_BYTES", text, 1) == 0);
            CHECK(bytes < 100000000);
            CHECK_EQUAL(sqlite3_initialize(), SQLITE_OK);
            cc_mem_buffer_status_t full;
            CHECK_EQUAL(cc_mem_buffer_status(cc_mem_backend(backends[i]), &full), CC_OK);
            CHECK(full.capacity <= bytes);
            status = script(":memory:", &found);
            CHECK(status == SQLITE_OK || status == SQLITE_NOMEM);
            check_empty(backends[i]);
            refused += status != SQLITE_OK;
        }
        CHECK_EQUAL(found, answer);
        CHECK(refused > 1);
    }
    static const char *const wrong[] = {"lots", "-1", "0", "1e6", "64M", "99999999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        plug("buddy");
        CHECK(setenv("CC_SQLITE_BUFFER_BYTES", wrong[i], 1) == 0);
        CHECK_EQUAL(sqlite3_initialize(), SQLITE_MISUSE);
    }
    CHECK(unsetenv("CC_SQLITE_BUFFER_BYTES") == 0);
}

static void one_thread(size_t index, void *answer) {
    uint64_t found;
    for (int round = 0; round < (CHECK_DIVISOR > 4 ? 1 : 2); round++) {
        CHECK_EQUAL(script(index % 2 == 0 ? ":memory:" : "", &found), SQLITE_OK);
        CHECK_EQUAL(found, *(uint64_t *)answer);
    }
}

/* With SQLite's statistics off its calls come from all threads at once. */
static void test_threads(void) {
    uint64_t answer = right_answer();
    for (size_t i = 0; i < 2 * backend_count; i++) {
        plug(backends[i % backend_count]);
        CHECK_EQUAL(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, (int)(i / backend_count)), SQLITE_OK);
        CHECK_EQUAL(sqlite3_initialize(), SQLITE_OK);
        check_threads(4, one_thread, &answer);
        check_empty(backends[i % backend_count]);
    }
}

/* ---- the methods by themselves ----------------------------------------------------------------------------------- */

static void check_block(const sqlite3_mem_methods *methods, unsigned char *block, int size) {
    CHECK(block != NULL && ((uintptr_t)block & 7) == 0);
    int usable = methods->xSize(block);
    CHECK(usable >= size);
    memset(block, size & 0xFF, (size_t)usable);
    CHECK_EQUAL(methods->xSize(block), usable);
}

static void test_methods(void) {
    enum { MOST = 0x7ffffeff };
    CHECK_EQUAL(sqlite3_shutdown(), SQLITE_OK);
    for (size_t i = 0; i < backend_count; i++) {
        const sqlite3_mem_methods *methods = (const sqlite3_mem_methods *)cc_sqlite3_mem_methods(backends[i]);
        CHECK_EQUAL(methods->xInit(methods->pAppData), SQLITE_OK);
        for (int size = 1; size < 70000; size += size / 8 + 1) {
            unsigned char *block = methods->xMalloc(size);
            check_block(methods, block, size);
            CHECK(methods->xRoundup(size) <= methods->xSize(block));
            int usable = methods->xSize(block);
            block = methods->xRealloc(block, 3 * size);
            CHECK(block[0] == (size & 0xFF) && block[usable - 1] == (size & 0xFF));
            check_block(methods, block, 3 * size);
            methods->xFree(block);
        }
        bool huge = CHECK_DIVISOR == 1 && strcmp(backends[i], "debug") != 0; /* who writes to all of it takes long */
        for (int size = 1, last = 0;; size = size > MOST / 3 ? MOST : size * 3) {
            int rounded = methods->xRoundup(size);
            CHECK(rounded >= size || rounded == 0);
            /* may be had; NULL, not an abort, if not */
            void *block = huge && size > MOST / 3 ? methods->xMalloc(size) : NULL;
            if (block != NULL) CHECK(methods->xSize(block) >= size);
            methods->xFree(block);
            if (size == last) break;
            last = size;
        }
        /* by its size and not by mimalloc's size class, also when it shrinks */
        if (strcmp(backends[i], "mimalloc") == 0) {
            void *page = methods->xMalloc(1291);
            CHECK_EQUAL(methods->xSize(page), 1296);
            page = methods->xRealloc(page, 20);
            CHECK_EQUAL(methods->xSize(page), 24);
            methods->xFree(page);
        }
        CHECK(methods->xMalloc(0) == NULL && methods->xMalloc(-1) == NULL && methods->xMalloc(INT_MIN) == NULL);
        CHECK(methods->xRoundup(0) <= 8 && methods->xRoundup(INT_MAX) >= 0 && methods->xSize(NULL) == 0);
        unsigned char *block = methods->xMalloc(100);
        check_block(methods, block, 100);
        CHECK(methods->xRealloc(block, 0) == NULL); /* after a roundup of 0: no memory, the block is as it was */
        CHECK(block[0] == 100 && block[methods->xSize(block) - 1] == 100);
        methods->xFree(block);
        methods->xShutdown(methods->pAppData);
    }
    CHECK(cc_sqlite3_mem_methods("best") == NULL && cc_sqlite3_mem_methods("") == NULL);
    CHECK(cc_sqlite3_mem_methods(NULL) == NULL);
}

int main(void) {
    cc_mem_config_t config = {.backend = "debug", .debug = {.without_stacks = true}}; /* which cost the most time */
    CHECK_EQUAL(cc_mem_config(&config), CC_OK);
    RUN(test_the_same_answers);
    RUN(test_begin_and_end_many_times);
    RUN(test_soft_limits);
    RUN(test_hard_limits);
    RUN(test_full_buffers);
    RUN(test_threads);
    RUN(test_methods);
    plug(NULL);
    return 0;
}
