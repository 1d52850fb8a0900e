/* test_reclaim.c: which nodes are freed when: sections, intervals, batches, polls, drains, free functions that
 * retire. */
#include <stdatomic.h>

#include "cc/smr.h"

#include "../check.h"

static atomic_uint_fast64_t freed;

static void count_free(void *node, size_t size) {
    atomic_fetch_add(&freed, 1);
    cc_smr_free_node(node, size);
}

/* A domain of its own for each test. */
typedef struct {
    cc_smr_t *domain;
    cc_smr_thread_t *self;
} setting_t;

static setting_t begin(cc_smr_scheme_t scheme, cc_smr_options_t options) {
    atomic_store(&freed, 0);
    setting_t setting = {cc_smr_create(scheme, &options), NULL};
    CHECK(setting.domain != NULL);
    setting.self = cc_smr_self(setting.domain);
    CHECK(setting.self != NULL);
    return setting;
}

static void end(setting_t setting) {
    CHECK_EQUAL(cc_smr_destroy(setting.domain), CC_OK);
}

static cc_smr_stats_t stats_of(cc_smr_t *domain) {
    cc_smr_stats_t stats;
    CHECK_EQUAL(cc_smr_stats(cc_smr_id(domain), &stats), CC_OK);
    return stats;
}

static void retire_some(cc_smr_thread_t *self, size_t count, size_t size) {
    for (size_t i = 0; i < count; i++) {
        void *node = cc_smr_alloc_node(self, size);
        CHECK(node != NULL);
        cc_smr_retire(self, node, size, count_free);
    }
}

/* A thread that stands inside a section from `enter` to `leave`. */
typedef struct {
    cc_smr_t *domain;
    pthread_barrier_t inside, leave;
    check_thread_t thread;
    unsigned nested;
    void *const *slot;
} reader_t;

static void read_inside(size_t index, void *argument) {
    (void)index;
    reader_t *reader = (reader_t *)argument;
    cc_smr_thread_t *self = cc_smr_self(reader->domain);
    CHECK(self != NULL);
    for (unsigned i = 0; i <= reader->nested; i++) cc_smr_enter(self);
    for (unsigned i = 0; i < reader->nested; i++) cc_smr_exit(self);
    unsigned char *node = reader->slot != NULL ? (unsigned char *)cc_smr_protect(self, reader->slot) : NULL;
    (void)pthread_barrier_wait(&reader->inside);
    (void)pthread_barrier_wait(&reader->leave);
    if (node != NULL) CHECK_EQUAL(*node, 42); /* still there: what the sanitizers look at */
    cc_smr_exit(self);
}

static void enter_elsewhere(reader_t *reader) {
    CHECK(pthread_barrier_init(&reader->inside, NULL, 2) == 0);
    CHECK(pthread_barrier_init(&reader->leave, NULL, 2) == 0);
    check_start(&reader->thread, read_inside, reader);
    (void)pthread_barrier_wait(&reader->inside);
}

static void leave_elsewhere(reader_t *reader) {
    (void)pthread_barrier_wait(&reader->leave);
    check_join(&reader->thread);
    pthread_barrier_destroy(&reader->inside);
    pthread_barrier_destroy(&reader->leave);
}

static void test_nothing_is_kept_without_readers(void) {
    for (int scheme = CC_SMR_IBR; scheme <= CC_SMR_EPOCH; scheme++) {
        setting_t at = begin((cc_smr_scheme_t)scheme, cc_smr_options());
        retire_some(at.self, 1000, 24);
        CHECK_EQUAL(stats_of(at.domain).pending_nodes, 1000 - freed);
        CHECK_EQUAL(cc_smr_drain(at.self, 0), CC_OK);
        CHECK_EQUAL(freed, 1000);
        cc_smr_stats_t stats = stats_of(at.domain);
        CHECK_EQUAL(stats.pending_nodes, 0);
        CHECK_EQUAL(stats.pending_bytes, 0);
        CHECK_EQUAL(stats.reclaimed_bytes, 24000);
        end(at);
    }
}

static void test_a_section_keeps_what_it_can_reach(void) {
    for (int scheme = CC_SMR_IBR; scheme <= CC_SMR_NONE; scheme++) {
        for (unsigned nested = 0; nested < 3; nested++) {
            setting_t at = begin((cc_smr_scheme_t)scheme, cc_smr_options());
            void *volatile slot = cc_smr_alloc_node(at.self, 40);
            *(unsigned char *)slot = 42;
            reader_t reader = {.domain = at.domain, .nested = nested, .slot = (void *const *)&slot};
            enter_elsewhere(&reader);
            void *node = __atomic_exchange_n(&slot, NULL, __ATOMIC_ACQ_REL);
            cc_smr_retire(at.self, node, 40, count_free);
            CHECK_EQUAL(cc_smr_drain(at.self, 0), CC_ERROR_LIMIT);
            for (int i = 0; i < 5; i++) (void)cc_smr_poll(at.self);
            CHECK_EQUAL(freed, 0);
            CHECK_EQUAL(stats_of(at.domain).pending_nodes, 1);
            leave_elsewhere(&reader);
            CHECK_EQUAL(cc_smr_drain(at.self, 0), scheme == CC_SMR_NONE ? CC_ERROR_LIMIT : CC_OK);
            CHECK_EQUAL(freed, scheme == CC_SMR_NONE ? 0 : 1);
            end(at);
            CHECK_EQUAL(freed, 1);
        }
    }
}

/* The one difference between the schemes: a section that stays long keeps nodes born later, or it does not. */
static void test_what_is_born_after_a_stalled_section_began(void) {
    for (int scheme = CC_SMR_IBR; scheme <= CC_SMR_NONE; scheme++) {
        cc_smr_options_t options = cc_smr_options();
        options.epoch_frequency = 10;
        setting_t at = begin((cc_smr_scheme_t)scheme, options);
        reader_t reader = {.domain = at.domain};
        enter_elsewhere(&reader);
        retire_some(at.self, 1000, 24);
        CHECK_EQUAL(cc_smr_drain(at.self, 0), CC_ERROR_LIMIT);
        CHECK_EQUAL(freed, scheme == CC_SMR_IBR ? 990 : 0); /* those of the epoch in which it began are kept */
        leave_elsewhere(&reader);
        end(at);
        CHECK_EQUAL(freed, 1000);
    }
}

/* A reader that enters, waits for a node that is born later, and protects that. */
typedef struct {
    cc_smr_t *domain;
    pthread_barrier_t inside, published, protected_, leave;
    void *slot;
} late_t;

static void read_late(size_t index, void *argument) {
    (void)index;
    late_t *late = (late_t *)argument;
    cc_smr_thread_t *self = cc_smr_self(late->domain);
    cc_smr_enter(self);
    (void)pthread_barrier_wait(&late->inside);
    (void)pthread_barrier_wait(&late->published);
    unsigned char *node = (unsigned char *)cc_smr_protect(self, &late->slot);
    (void)pthread_barrier_wait(&late->protected_);
    (void)pthread_barrier_wait(&late->leave);
    CHECK_EQUAL(*node, 42);
    cc_smr_exit(self);
}

static void test_an_interval_grows_with_what_is_protected(void) {
    cc_smr_options_t options = cc_smr_options();
    options.epoch_frequency = 1;
    setting_t at = begin(CC_SMR_IBR, options);
    late_t late = {.domain = at.domain};
    pthread_barrier_t *barriers[] = {&late.inside, &late.published, &late.protected_, &late.leave};
    for (int i = 0; i < 4; i++) CHECK(pthread_barrier_init(barriers[i], NULL, 2) == 0);
    check_thread_t thread;
    check_start(&thread, read_late, &late);
    (void)pthread_barrier_wait(&late.inside);
    retire_some(at.self, 100, 24); /* later epochs */
    unsigned char *node = (unsigned char *)cc_smr_alloc_node(at.self, 40);
    *node = 42;
    __atomic_store_n(&late.slot, node, __ATOMIC_RELEASE);
    (void)pthread_barrier_wait(&late.published);
    (void)pthread_barrier_wait(&late.protected_);
    __atomic_store_n(&late.slot, NULL, __ATOMIC_RELEASE);
    CHECK_EQUAL(cc_smr_drain(at.self, 0), CC_ERROR_LIMIT);
    uint64_t before = freed;
    cc_smr_retire(at.self, node, 40, count_free);
    retire_some(at.self, 100, 24); /* born after what it protected */
    CHECK_EQUAL(cc_smr_drain(at.self, 0), CC_ERROR_LIMIT);
    CHECK(freed >= before + 99 && freed <= before + 100); /* one may be of the same epoch */
    (void)pthread_barrier_wait(&late.leave);
    check_join(&thread);
    CHECK_EQUAL(cc_smr_drain(at.self, 0), CC_OK);
    CHECK_EQUAL(freed, 201);
    for (int i = 0; i < 4; i++) pthread_barrier_destroy(barriers[i]);
    end(at);
}

/* Of nodes that were kept together, those go that only the newer section reached. */
static void test_kept_nodes_go_as_sections_end(void) {
    cc_smr_options_t options = cc_smr_options();
    options.epoch_frequency = 1;
    setting_t at = begin(CC_SMR_IBR, options);
    enum { EACH = 20 };
    void *nodes[2 * EACH];
    reader_t older = {.domain = at.domain}, newer = {.domain = at.domain};
    for (int i = 0; i < EACH; i++) nodes[i] = cc_smr_alloc_node(at.self, 24);
    enter_elsewhere(&older);
    for (int i = EACH; i < 2 * EACH; i++) nodes[i] = cc_smr_alloc_node(at.self, 24);
    enter_elsewhere(&newer);
    for (int i = 0; i < 2 * EACH; i++) cc_smr_retire(at.self, nodes[i], 24, count_free);
    CHECK_EQUAL(cc_smr_drain(at.self, 0), CC_ERROR_LIMIT);
    CHECK_EQUAL(freed, 0);
    leave_elsewhere(&newer);
    CHECK_EQUAL(cc_smr_drain(at.self, 0), CC_ERROR_LIMIT);
    CHECK_EQUAL(freed, EACH - 1); /* the first of the later ones is of the epoch in which the older section began */
    leave_elsewhere(&older);
    CHECK_EQUAL(cc_smr_drain(at.self, 0), CC_OK);
    CHECK_EQUAL(freed, 2 * EACH);
    end(at);
}

static void test_own_sections_keep_too(void) {
    setting_t at = begin(CC_SMR_EPOCH, cc_smr_options());
    cc_smr_enter(at.self);
    retire_some(at.self, 100, 24);
    CHECK_EQUAL(cc_smr_drain(at.self, 0), CC_ERROR_STATE);
    CHECK_EQUAL(cc_smr_poll(at.self), 0);
    cc_smr_exit(at.self);
    CHECK_EQUAL(cc_smr_drain(at.self, 0), CC_OK);
    CHECK_EQUAL(freed, 100);
    end(at);
}

static void test_protect_follows_the_epoch(void) {
    cc_smr_options_t options = cc_smr_options();
    options.epoch_frequency = 1;
    setting_t at = begin(CC_SMR_IBR, options);
    cc_smr_enter(at.self);
    void *node = cc_smr_alloc_node(at.self, 8); /* of a later epoch than the section's first */
    void *slot = node;
    retire_some(at.self, 3, 8);
    CHECK((cc_smr_protect)(at.self, &slot) == node && cc_smr_protect(at.self, &slot) == node);
    cc_smr_stats_t stats = stats_of(at.domain);
    CHECK(stats.epoch > stats.oldest_epoch);
    CHECK_EQUAL(at.self->lower, stats.oldest_epoch);
    CHECK_EQUAL(at.self->upper, stats.epoch);
    slot = (void *)((uintptr_t)node | 1); /* marks are left alone */
    CHECK(cc_smr_protect(at.self, &slot) == slot);
    cc_smr_exit(at.self);
    cc_smr_retire(at.self, node, 8, NULL);
    end(at);
}

static void test_plain_form_reclaims_in_small_steps(void) {
    cc_smr_options_t options = cc_smr_options();
    options.plain_fence = 1;
    setting_t at = begin(CC_SMR_IBR, options);
    CHECK_EQUAL(stats_of(at.domain).asymmetric, 0);
    uint64_t before = 0, most = 0;
    for (int i = 0; i < 10000; i++) {
        retire_some(at.self, 1, 24);
        most = freed - before > most ? freed - before : most;
        before = freed;
        CHECK(stats_of(at.domain).pending_nodes <= 2 * 64 + 2);
    }
    CHECK_EQUAL(most, 32); /* reclaim_per_poll */
    CHECK_EQUAL(stats_of(at.domain).barriers, 0);
    end(at);
    CHECK_EQUAL(freed, 10000);
}

/* However little is freed at once, it keeps pace with what is retired. */
static void test_slow_reclaiming_keeps_pace(void) {
    cc_smr_options_t options = cc_smr_options();
    options.plain_fence = 1;
    options.reclaim_per_poll = 1;
    setting_t at = begin(CC_SMR_IBR, options);
    for (int i = 0; i < 20000; i++) {
        retire_some(at.self, 1, 24);
        CHECK(stats_of(at.domain).pending_nodes < 1000);
    }
    end(at);
}

static void test_batches_are_freed_in_steps(void) {
    cc_smr_options_t options = cc_smr_options();
    options.batch_nodes = 1024;
    setting_t at = begin(CC_SMR_IBR, options);
    if (stats_of(at.domain).asymmetric) {
        uint64_t before = 0;
        for (int i = 0; i < 10 * 1024; i++) {
            retire_some(at.self, 1, 24);
            CHECK(stats_of(at.domain).pending_nodes <= 1024 + 128);
            CHECK(freed - before <= 80); /* as cc_smr_retire says */
            before = freed;
        }
        cc_smr_stats_t stats = stats_of(at.domain);
        CHECK_EQUAL(stats.scans, 9);
        CHECK_EQUAL(stats.barriers, 9);
        CHECK_EQUAL(stats.peak_pending_nodes, 1024 + 128);
        CHECK_EQUAL(stats.reclaimed_nodes, 9 * 1024);
    }
    end(at);
}

static void test_bytes_limit_a_batch(void) {
    for (int plain = 0; plain < 2; plain++) {
        cc_smr_options_t options = cc_smr_options();
        options.plain_fence = (uint64_t)plain;
        options.retire_threshold = 100000;
        options.batch_nodes = 100000;
        options.batch_bytes = 10000;
        setting_t at = begin(CC_SMR_IBR, options);
        for (int i = 0; i < 1000; i++) {
            retire_some(at.self, 1, 1000);
            CHECK(stats_of(at.domain).pending_bytes <= 2 * 11000);
        }
        end(at);
    }
}

static void test_poll(void) {
    cc_smr_options_t options = cc_smr_options();
    options.retire_threshold = 100;
    setting_t at = begin(CC_SMR_IBR, options);
    CHECK_EQUAL(cc_smr_poll(at.self), 0);
    retire_some(at.self, 99, 24);
    CHECK_EQUAL(cc_smr_poll(at.self), 0); /* not worth a look */
    retire_some(at.self, 1, 24);
    uint64_t seen[4];
    for (int i = 0; i < 4; i++) seen[i] = cc_smr_poll(at.self);
    CHECK_EQUAL(seen[0], 32);
    CHECK_EQUAL(seen[1], 32);
    CHECK_EQUAL(seen[2], 32);
    CHECK_EQUAL(seen[3], 4);
    CHECK_EQUAL(freed, 100);
    CHECK_EQUAL(stats_of(at.domain).polls, 6);
    CHECK_EQUAL(stats_of(at.domain).scans, 1);
    end(at);
}

static void test_poll_frees_what_a_reader_kept(void) {
    cc_smr_options_t options = cc_smr_options();
    options.retire_threshold = 100;
    setting_t at = begin(CC_SMR_EPOCH, options);
    reader_t reader = {.domain = at.domain};
    enter_elsewhere(&reader);
    retire_some(at.self, 100, 24);
    CHECK_EQUAL(cc_smr_poll(at.self), 0);
    leave_elsewhere(&reader);
    uint64_t sum = 0;
    for (int i = 0; i < 5; i++) sum += cc_smr_poll(at.self);
    CHECK_EQUAL(sum, 100);
    end(at);
}

/* A list whose nodes retire their successors. */
typedef struct link {
    struct link *next;
} link_t;

static _Thread_local cc_smr_t *chain_domain;
static _Thread_local bool destroying;

static void free_link(void *node, size_t size) {
    link_t *next = ((link_t *)node)->next;
    cc_smr_thread_t *self = cc_smr_self(chain_domain);
    CHECK(self != NULL);
    if (next != NULL) cc_smr_retire(self, next, size, free_link);
    void *more = cc_smr_alloc_node(self, 16);
    CHECK(more != NULL);
    cc_smr_retire(self, more, 16, count_free);
    size_t polled = cc_smr_poll(self);
    if (!destroying) CHECK_EQUAL(polled, 0); /* not from inside a collection */
    atomic_fetch_add(&freed, 1);
    cc_smr_free_node(node, size);
}

static link_t *make_chain(cc_smr_thread_t *self, size_t length) {
    link_t *first = NULL;
    for (size_t i = 0; i < length; i++) {
        link_t *link = (link_t *)cc_smr_alloc_node(self, sizeof *link);
        CHECK(link != NULL);
        link->next = first;
        first = link;
    }
    return first;
}

static void test_a_free_function_may_retire(void) {
    enum { LENGTH = 300 };
    for (int plain = 0; plain < 2; plain++) {
        cc_smr_options_t options = cc_smr_options();
        options.plain_fence = (uint64_t)plain;
        options.batch_nodes = 7;
        for (int drained = 0; drained < 2; drained++) {
            setting_t at = begin(CC_SMR_IBR, options);
            chain_domain = at.domain;
            for (int i = 0; i < 10; i++) cc_smr_retire(at.self, make_chain(at.self, LENGTH), sizeof(link_t), free_link);
            if (!drained) { /* what free functions retired is counted like the rest */
                (void)cc_smr_poll(at.self);
                cc_smr_stats_t stats = stats_of(at.domain);
                CHECK_EQUAL(stats.pending_nodes, stats.retired_nodes - stats.reclaimed_nodes);
                CHECK(stats.retired_nodes >= 10 + freed - stats.reclaimed_nodes);
            }
            if (drained) {
                CHECK_EQUAL(cc_smr_drain(at.self, 0), CC_OK);
                CHECK_EQUAL(freed, 10 * 2 * LENGTH);
                CHECK_EQUAL(stats_of(at.domain).pending_nodes, 0);
            }
            destroying = true;
            end(at);
            destroying = false;
            CHECK_EQUAL(freed, 10 * 2 * LENGTH); /* destroying goes to the end of it, too */
        }
    }
}

/* The caller of destroy has no handle: the free functions make one. */
static void destroy_chain(size_t index, void *domain) {
    (void)index;
    chain_domain = (cc_smr_t *)domain;
    destroying = true;
    CHECK_EQUAL(cc_smr_destroy(chain_domain), CC_OK);
}

static void test_free_functions_in_a_thread_without_a_handle(void) {
    setting_t at = begin(CC_SMR_EPOCH, cc_smr_options());
    cc_smr_retire(at.self, make_chain(at.self, 100), sizeof(link_t), free_link);
    check_threads(1, destroy_chain, at.domain);
    CHECK_EQUAL(freed, 200);
}

/* There is a reader at every moment, but none stays for longer than two batches. */
static void test_many_short_sections_keep_nothing(void) {
    cc_smr_options_t options = cc_smr_options();
    options.batch_nodes = options.retire_threshold = 50;
    setting_t at = begin(CC_SMR_EPOCH, options);
    reader_t readers[2] = {{.domain = at.domain}, {.domain = at.domain}};
    enter_elsewhere(&readers[0]);
    for (int i = 1; i < 60; i++) {
        retire_some(at.self, 50, 24);
        enter_elsewhere(&readers[i % 2]);
        leave_elsewhere(&readers[(i + 1) % 2]);
        CHECK(stats_of(at.domain).pending_nodes <= 5 * 50);
    }
    leave_elsewhere(&readers[59 % 2]);
    end(at);
}

int main(void) {
    RUN(test_nothing_is_kept_without_readers);
    RUN(test_a_section_keeps_what_it_can_reach);
    RUN(test_what_is_born_after_a_stalled_section_began);
    RUN(test_an_interval_grows_with_what_is_protected);
    RUN(test_kept_nodes_go_as_sections_end);
    RUN(test_own_sections_keep_too);
    RUN(test_protect_follows_the_epoch);
    RUN(test_plain_form_reclaims_in_small_steps);
    RUN(test_slow_reclaiming_keeps_pace);
    RUN(test_batches_are_freed_in_steps);
    RUN(test_bytes_limit_a_batch);
    RUN(test_poll);
    RUN(test_poll_frees_what_a_reader_kept);
    RUN(test_a_free_function_may_retire);
    RUN(test_free_functions_in_a_thread_without_a_handle);
    RUN(test_many_short_sections_keep_nothing);
    return 0;
}
