/* smr_stall.c: how much is retired and not freed while one thread sleeps inside a section and another goes on
 * replacing the nodes of a table and retiring the old ones: the curve for each scheme of cc/smr.h, and the bound:
 * the nodes alive at the stall and epoch_frequency for each thread.
 *
 * A call is `smr_stall [NODES]`: nodes to retire, 10 million if left out. The exit status is 1 when a bound does not
 * hold. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cc/smr.h"

enum { ALIVE = 100000, SIZE = 24, POINTS = 20, THREADS = 2 };

static _Noreturn void die(const char *text) {
    fprintf(stderr, "smr_stall: %s\n", text);
    exit(1);
}

typedef struct stall {
    cc_smr_t *domain;
    atomic_bool asleep, awake;
    _Atomic(void *) slots[ALIVE];
} stall_t;

static stall_t stall;

static void *sleep_inside(void *unused) {
    (void)unused;
    cc_smr_thread_t *self = cc_smr_self(stall.domain);
    if (self == NULL) die("no memory");
    volatile bool slept = false;
    cc_smr_enter(self);
    CC_SMR_SEARCH(self);
    (void)cc_smr_protect(self, &stall.slots[0]);
    if (!slept) { /* interrupted, it begins anew and need not sleep again */
        slept = true;
        atomic_store(&stall.asleep, true);
        while (!atomic_load(&stall.awake)) usleep(1000);
    }
    cc_smr_search_end(self);
    cc_smr_exit(self);
    return NULL;
}

static uint64_t pending(void) {
    cc_smr_stats_t stats;
    if (cc_smr_stats(cc_smr_id(stall.domain), &stats) != CC_OK) die("no statistics");
    return stats.pending_nodes;
}

static void *new_node(cc_smr_thread_t *self) {
    void *node = cc_smr_alloc_node(self, SIZE);
    if (node == NULL) die("no memory");
    return node;
}

/* Fills curve[] with the pending nodes at equal distances, and returns the most seen. */
static uint64_t run(cc_smr_scheme_t scheme, size_t count, uint64_t *curve) {
    stall.domain = cc_smr_create(scheme, NULL);
    if (stall.domain == NULL) die("no domain");
    cc_smr_thread_t *self = cc_smr_self(stall.domain);
    if (self == NULL) die("no memory");
    for (size_t i = 0; i < ALIVE; i++) stall.slots[i] = new_node(self);
    atomic_store(&stall.asleep, false);
    atomic_store(&stall.awake, false);
    pthread_t sleeper;
    if (pthread_create(&sleeper, NULL, sleep_inside, NULL) != 0) die("no thread");
    while (!atomic_load(&stall.asleep)) usleep(100);

    uint64_t most = 0;
    size_t point = 0;
    for (size_t i = 0; i < count; i++) {
        cc_smr_retire(self, atomic_exchange(&stall.slots[i % ALIVE], new_node(self)), SIZE, NULL);
        if ((i + 1) % 1024 != 0 && i + 1 != (point + 1) * count / POINTS) continue;
        uint64_t now = pending();
        if (now > most) most = now;
        if (i + 1 == (point + 1) * count / POINTS) curve[point++] = now;
    }
    atomic_store(&stall.awake, true);
    pthread_join(sleeper, NULL);
    for (size_t i = 0; i < ALIVE; i++) cc_smr_free_node(stall.slots[i], SIZE);
    if (cc_smr_drain(self, 0) != CC_OK || cc_smr_destroy(stall.domain) != CC_OK) die("not all was freed in the end");
    return most;
}

int main(int arguments, char **values) {
    size_t count = arguments > 1 ? strtoul(values[1], NULL, 10) : 10000000;
    if (count < POINTS) die("NODES is 20 or more");
    static const cc_smr_scheme_t schemes[] = {CC_SMR_IBR, CC_SMR_DEBRA, CC_SMR_EPOCH};
    enum { SCHEMES = sizeof schemes / sizeof *schemes };
    uint64_t curves[SCHEMES][POINTS] = {{0}}, most[SCHEMES];
    for (int i = 0; i < SCHEMES; i++) most[i] = run(schemes[i], count, curves[i]);

    /* What is gathered in batches is less than the epochs' part of the thread that sleeps. */
    uint64_t bound = ALIVE + THREADS * cc_smr_options().epoch_frequency;
    printf("Retired and not freed, one thread asleep inside its section, %d nodes alive, one thread retiring:\n\n",
           ALIVE);
    printf("%12s %12s %12s %12s\n", "retired", "ibr", "debra", "epoch");
    for (int point = 0; point < POINTS; point++) {
        printf("%12zu", (size_t)(point + 1) * count / POINTS);
        for (int i = 0; i < SCHEMES; i++) printf(" %12llu", (unsigned long long)curves[i][point]);
        printf("\n");
    }
    printf("%12s", "most");
    for (int i = 0; i < SCHEMES; i++) printf(" %12llu", (unsigned long long)most[i]);
    printf("\n%12s %12llu %12llu %12s\n%12s", "bound", (unsigned long long)bound, (unsigned long long)bound, "none",
           "most, bytes");
    for (int i = 0; i < SCHEMES; i++) printf(" %12llu", (unsigned long long)most[i] * SIZE);
    printf("\n");
    return most[0] <= bound && most[1] <= bound ? 0 : 1;
}
