/* test_stall.c: what is pending while one thread sleeps inside a section and the others go on.
 * benchmarks/c/smr_stall.c prints the whole curve. */
#include <stdatomic.h>
#include <unistd.h>

#include "cc/smr.h"

#include "../check.h"

enum { ALIVE = 2000, NODES = 10000000, SIZE = 24, RETIRERS = 2 };

typedef struct {
    cc_smr_t *domain;
    atomic_bool asleep, awake;
    _Atomic(void *) slots[ALIVE];
    atomic_uint_fast64_t most_nodes;
} stall_t;

static void sleep_in_section(size_t index, void *argument) {
    (void)index;
    stall_t *stall = (stall_t *)argument;
    cc_smr_thread_t *self = cc_smr_self(stall->domain);
    volatile bool slept = false;
    cc_smr_enter(self);
    CC_SMR_SEARCH(self);
    (void)cc_smr_protect(self, &stall->slots[0]);
    if (!slept) {
        slept = true;
        atomic_store(&stall->asleep, true);
        while (!atomic_load(&stall->awake)) usleep(1000);
    }
    cc_smr_search_end(self);
    cc_smr_exit(self);
}

/* Two threads take samples at once: neither may put a smaller one over the other's. */
static void raise_to(atomic_uint_fast64_t *most, uint64_t value) {
    uint_fast64_t seen = atomic_load(most);
    while (seen < value && !atomic_compare_exchange_weak(most, &seen, value)) continue;
}

static cc_smr_stats_t sample(stall_t *stall) {
    cc_smr_stats_t stats;
    CHECK_EQUAL(cc_smr_stats(cc_smr_id(stall->domain), &stats), CC_OK);
    raise_to(&stall->most_nodes, stats.pending_nodes);
    return stats;
}

static void replace_nodes(size_t index, void *argument) {
    stall_t *stall = (stall_t *)argument;
    cc_smr_thread_t *self = cc_smr_self(stall->domain);
    size_t count = SCALED(NODES) / 20 / RETIRERS;
    for (size_t i = 0; i < count; i++) {
        void *node = cc_smr_alloc_node(self, SIZE);
        CHECK(node != NULL);
        /* Outside a section: preempted inside one, this thread would be another that is stalled. */
        cc_smr_retire(self, atomic_exchange(&stall->slots[(i * RETIRERS + index) % ALIVE], node), SIZE, NULL);
        if (i % 1000 == 0) (void)sample(stall);
    }
}

static void report(const char *scheme, uint64_t nodes, uint64_t bound) {
    printf("    %s: %llu nodes, bound %llu\n", scheme, (unsigned long long)nodes, (unsigned long long)bound);
    fflush(stdout);
}

static uint64_t fallbacks; /* in the last run */

static uint64_t pending_under_stall(cc_smr_scheme_t scheme, const cc_smr_options_t *options) {
    static stall_t stall;
    memset(&stall, 0, sizeof stall);
    stall.domain = cc_smr_create(scheme, options);
    CHECK(stall.domain != NULL);
    cc_smr_thread_t *self = cc_smr_self(stall.domain);
    for (size_t i = 0; i < ALIVE; i++) CHECK((stall.slots[i] = cc_smr_alloc_node(self, SIZE)) != NULL);
    check_thread_t sleeper;
    check_start(&sleeper, sleep_in_section, &stall);
    while (!atomic_load(&stall.asleep)) usleep(100);
    check_threads(RETIRERS, replace_nodes, &stall);
    /* Exact now that nobody retires. (Who reads it beside retiring threads reads nodes and bytes one after the
     * other.) */
    cc_smr_stats_t stats = sample(&stall);
    CHECK_EQUAL(stats.pending_bytes, SIZE * stats.pending_nodes);
    CHECK(scheme != CC_SMR_EPOCH || stats.pending_nodes > 0);
    atomic_store(&stall.awake, true);
    check_join(&sleeper);
    for (size_t i = 0; i < ALIVE; i++) cc_smr_free_node(stall.slots[i], SIZE);
    CHECK_EQUAL(cc_smr_drain(self, 0), CC_OK); /* all of it is free once the thread has left */
    CHECK_EQUAL(cc_smr_stats(cc_smr_id(stall.domain), &stats), CC_OK);
    CHECK_EQUAL(stats.pending_nodes, 0);
    fallbacks = stats.fallbacks;
    CHECK_EQUAL(cc_smr_destroy(stall.domain), CC_OK);
    return atomic_load(&stall.most_nodes);
}

/* With these options what is gathered in batches is less than the epochs' part of the thread that sleeps. */
static void test_bounds(void) {
    for (uint64_t plain = 0; plain < 2; plain++) {
        cc_smr_options_t options = cc_smr_options();
        options.plain_fence = plain;
        options.batch_nodes = 512;
        options.epoch_frequency = 1024;
        options.stall_threshold = 2;
        uint64_t bound = ALIVE + (RETIRERS + 1) * options.epoch_frequency;
        uint64_t ibr = pending_under_stall(CC_SMR_IBR, &options);
        report("ibr", ibr, bound);
        CHECK(ibr <= bound);
        uint64_t debra = pending_under_stall(CC_SMR_DEBRA, &options);
        report("debra", debra, bound);
        if (fallbacks == 0) CHECK(debra <= bound); /* else the machine was too busy for an answer in time */
        uint64_t epoch = pending_under_stall(CC_SMR_EPOCH, &options);
        report("epoch", epoch, UINT64_MAX);
        CHECK(epoch >= SCALED(NODES) / 20 * 9 / 10); /* without any bound: nearly all of them */
    }
}

int main(void) {
    RUN(test_bounds);
    return 0;
}
