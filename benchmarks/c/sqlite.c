/* sqlite.c: SQL work on SQLite with each of libcc's backends and with SQLite's own allocators: mem1 (the C library's
 * malloc) always, mem3 and mem5 where SQLite was compiled with them. Peers take turns round by round in one process.
 *
 *   sqlite ROUNDS SCALE THREADS STATUS    STATUS 1: SQLite counts its memory (its default), 0: it does not
 *
 * Each thread has a database of its own in memory. Lookaside is off, as in Debian's SQLite, so that small requests
 * reach the allocator. Each turn begins with a run that is not timed: while the others had theirs, an allocator may
 * have given memory back to the system. One JSON line for each peer: seconds of each round, and what the memory came
 * to. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sqlite3.h>

#include "cc/methods.h"

enum { BUFFER_BYTES = 256 << 20, MAX_ROUNDS = 1000, MAX_THREADS = 16 };

static char *buffer;
static int scale;

static void check(int condition, const char *what) {
    if (condition) return;
    fprintf(stderr, "sqlite benchmark: %s\n", what);
    exit(1);
}

/* ---- the work ---------------------------------------------------------------------------------------------------- */

static unsigned next_random(unsigned *state) {
    *state = *state * 1664525u + 1013904223u; /* Numerical Recipes' */
    return *state >> 8;
}

/* A number in words: text of varying length. */
static void spell(unsigned number, char *text) {
    static const char *const words[] = {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"};
    char digits[16], *end = text;
    sprintf(digits, "%u", number);
    for (char *digit = digits; *digit != '\0'; digit++) end += sprintf(end, "%s ", words[*digit - '0']);
}

static void run_sql(sqlite3 *db, const char *sql) {
    char *error = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &error) == SQLITE_OK) return;
    fprintf(stderr, "sqlite benchmark: %s: %s\n", sql, error);
    exit(1);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql) {
    sqlite3_stmt *statement = NULL;
    check(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, sqlite3_errmsg(db));
    return statement;
}

static void insert_rows(sqlite3 *db, int rows, unsigned *state) {
    run_sql(db, "BEGIN");
    sqlite3_stmt *statement = prepare(db, "INSERT INTO t(a, b, c) VALUES(?, ?, ?)");
    for (int i = 0; i < rows; i++) {
        char text[200];
        unsigned number = next_random(state) % 1000000;
        spell(number, text);
        sqlite3_bind_int(statement, 1, i);
        sqlite3_bind_int(statement, 2, (int)number);
        sqlite3_bind_text(statement, 3, text, -1, SQLITE_TRANSIENT);
        check(sqlite3_step(statement) == SQLITE_DONE, "insert");
        sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
    run_sql(db, "COMMIT");
}

/* Statements that are prepared, run and finalized one by one: most of what allocates. */
static void query_each(sqlite3 *db, int count, int rows, unsigned *state) {
    for (int i = 0; i < count; i++) {
        char sql[300];
        unsigned low = next_random(state) % 1000000;
        sprintf(sql, "SELECT count(*), avg(b), max(upper(c) || %d) FROM t WHERE b BETWEEN %u AND %u", i, low,
                low + 20000);
        sqlite3_stmt *statement = prepare(db, sql);
        check(sqlite3_step(statement) == SQLITE_ROW, "select");
        sqlite3_finalize(statement);
        sprintf(sql, "UPDATE t SET c = printf('%%s %%d', substr(c, 1, 20), b), b = b + 1 WHERE a = %u",
                next_random(state) % (unsigned)rows);
        run_sql(db, sql);
    }
}

static void work(int number) {
    sqlite3 *db = NULL;
    unsigned state = 12345u + (unsigned)number;
    check(sqlite3_open(":memory:", &db) == SQLITE_OK, "open");
    run_sql(db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b INTEGER, c TEXT); CREATE INDEX tb ON t(b)");
    int rows = 300 * scale;
    insert_rows(db, rows, &state);
    query_each(db, 60 * scale, rows, &state);
    run_sql(db, "CREATE INDEX tc ON t(c)");
    run_sql(db, "SELECT c, count(*) FROM t GROUP BY substr(c, 1, 9) ORDER BY 2 DESC, 1");
    run_sql(db, "SELECT group_concat(c, ','), length(group_concat(hex(c))) FROM t GROUP BY b % 97");
    run_sql(db, "CREATE TABLE u AS SELECT x.a AS a, y.c AS c FROM t x JOIN t y ON y.a = x.b % 1000");
    run_sql(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
                "SELECT sum(length(replace(printf('%.*c', i, 'x'), 'x', 'yz'))) FROM n");
    run_sql(db, "DELETE FROM t WHERE b % 3 = 0; DELETE FROM u WHERE a % 2; VACUUM");
    check(sqlite3_close(db) == SQLITE_OK, "close");
}

static void *thread_main(void *number) {
    work((int)(size_t)number);
    return NULL;
}

/* ---- the peers --------------------------------------------------------------------------------------------------- */

typedef struct peer {
    const char *name;
    double seconds[MAX_ROUNDS];
    long long highwater;
    long long largest;
    cc_mem_buffer_status_t full;
    int has_buffer;
} peer_t;

static peer_t peers[] = {{.name = "mem1"},
#if defined(WITH_MEM3)
                         {.name = "mem3"},
#endif
#if defined(WITH_MEM5)
                         {.name = "mem5"},
#endif
                         {.name = "system"}, {.name = "mimalloc"}, {.name = "static"},
                         {.name = "buddy"},  {.name = "debug"}};
enum { PEERS = sizeof peers / sizeof *peers };

/* Each backend's buffer or quarantine is set up once; SQLite then gets whatever is wanted. */
static void configure(const char *backend) {
    cc_mem_config_t config;
    memset(&config, 0, sizeof config);
    config.backend = backend;
    config.buffer = buffer;
    config.buffer_bytes = BUFFER_BYTES;
    config.debug.without_stacks = true;
    cc_mem_shutdown();
    check(cc_mem_config(&config) == CC_OK, "cc_mem_config");
}

static void begin(const char *name, int status) {
    sqlite3_mem_methods own;
    memset(&own, 0, sizeof own);
    check(sqlite3_config(SQLITE_CONFIG_MALLOC, &own) == SQLITE_OK, "config");
    if (strncmp(name, "mem", 3) != 0) {
        configure(name);
        const void *methods = cc_sqlite3_mem_methods(name);
        check(methods != NULL && sqlite3_config(SQLITE_CONFIG_MALLOC, methods) == SQLITE_OK, name);
    } else if (strcmp(name, "mem1") != 0) {
        check(sqlite3_config(SQLITE_CONFIG_HEAP, buffer, (int)BUFFER_BYTES, 16) == SQLITE_OK, "heap");
    }
    check(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, status) == SQLITE_OK, "status");
    check(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK, "lookaside");
    check(sqlite3_initialize() == SQLITE_OK, name);
}

static void run_threads(int threads) {
    pthread_t thread[MAX_THREADS];
    for (int i = 1; i < threads; i++)
        check(pthread_create(&thread[i], NULL, thread_main, (void *)(size_t)i) == 0, "thread");
    work(0);
    for (int i = 1; i < threads; i++) pthread_join(thread[i], NULL);
}

static void run_round(peer_t *peer, int round, int threads, int status) {
    struct timespec from, to;
    begin(peer->name, status);
    run_threads(threads);
    clock_gettime(CLOCK_MONOTONIC, &from);
    run_threads(threads);
    clock_gettime(CLOCK_MONOTONIC, &to);
    peer->seconds[round] = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9;
    sqlite3_int64 now, most;
    sqlite3_status64(SQLITE_STATUS_MEMORY_USED, &now, &most, 1);
    check(now == 0, "memory was not freed");
    peer->highwater = most;
    sqlite3_status64(SQLITE_STATUS_MALLOC_SIZE, &now, &most, 1);
    peer->largest = most;
    const cc_mem_methods_t *backend = cc_mem_backend(peer->name);
    peer->has_buffer = backend != NULL && cc_mem_buffer_status(backend, &peer->full) == CC_OK;
    check(sqlite3_shutdown() == SQLITE_OK, "shutdown");
}

int main(int count, char **arguments) {
    check(count == 5, "use: sqlite ROUNDS SCALE THREADS STATUS");
    int rounds = atoi(arguments[1]), threads = atoi(arguments[3]), status = atoi(arguments[4]);
    scale = atoi(arguments[2]);
    check(rounds > 0 && rounds <= MAX_ROUNDS && scale > 0 && threads > 0 && threads <= MAX_THREADS, "wrong arguments");
    buffer = aligned_alloc(64, BUFFER_BYTES);
    check(buffer != NULL, "no memory");
    for (int round = 0; round < rounds; round++)
        for (size_t i = 0; i < PEERS; i++) run_round(&peers[(i + (size_t)round) % PEERS], round, threads, status);
    for (size_t i = 0; i < PEERS; i++) {
        const peer_t *peer = &peers[i];
        printf("{\"peer\": \"%s\", \"threads\": %d, \"status\": %d, \"highwater\": %lld, \"largest\": %lld, "
               "\"seconds\": [",
               peer->name, threads, status, peer->highwater, peer->largest);
        for (int round = 0; round < rounds; round++) printf("%s%.6f", round > 0 ? ", " : "", peer->seconds[round]);
        printf("]");
        if (peer->has_buffer)
            printf(", \"peak_used\": %zu, \"free_blocks\": %zu, \"failed\": %llu", peer->full.peak_used,
                   peer->full.free_blocks, (unsigned long long)peer->full.failed);
        if (strcmp(peer->name, "buddy") == 0 && status)
            printf(", \"worst_case\": %zu", cc_mem_buddy_bytes((size_t)peer->highwater, (size_t)peer->largest, 16));
        printf("}\n");
    }
    return 0;
}
