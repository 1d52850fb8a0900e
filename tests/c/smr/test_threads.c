/* test_threads.c: threads that come and go: handing on, handles, growth, destruction while threads live and end. */
#include <stdatomic.h>

#include "cc/smr.h"

#include "../check.h"

static atomic_uint_fast64_t freed;

static void count_free(void *node, size_t size) {
    atomic_fetch_add(&freed, 1);
    cc_smr_free_node(node, size);
}

static void retire_some(cc_smr_thread_t *self, size_t count) {
    for (size_t i = 0; i < count; i++) {
        void *node = cc_smr_alloc_node(self, 24);
        CHECK(node != NULL);
        cc_smr_retire(self, node, 24, count_free);
    }
}

static cc_smr_t *make(cc_smr_scheme_t scheme) {
    atomic_store(&freed, 0);
    cc_smr_t *domain = cc_smr_create(scheme, NULL);
    CHECK(domain != NULL);
    return domain;
}

static cc_smr_stats_t stats_of(cc_smr_t *domain) {
    cc_smr_stats_t stats;
    CHECK_EQUAL(cc_smr_stats(cc_smr_id(domain), &stats), CC_OK);
    return stats;
}

static void retire_and_end(size_t index, void *domain) {
    (void)index;
    retire_some(cc_smr_self((cc_smr_t *)domain), 100);
}

static void test_an_ending_thread_frees_what_it_can(void) {
    for (int scheme = CC_SMR_IBR; scheme <= CC_SMR_EPOCH; scheme++) {
        cc_smr_t *domain = make((cc_smr_scheme_t)scheme);
        check_threads(5, retire_and_end, domain);
        CHECK_EQUAL(freed, 500);
        CHECK_EQUAL(stats_of(domain).threads, 0);
        CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
    }
}

static void test_an_ending_thread_hands_on_the_rest(void) {
    for (int scheme = CC_SMR_IBR; scheme <= CC_SMR_NONE; scheme++) {
        cc_smr_t *domain = make((cc_smr_scheme_t)scheme);
        cc_smr_thread_t *self = cc_smr_self(domain);
        cc_smr_enter(self);
        for (int round = 0; round < 30; round++)
            check_threads(1, retire_and_end, domain); /* more groups than there is room for */
        if (scheme != CC_SMR_IBR) CHECK_EQUAL(freed, 0);
        CHECK(freed < 3000); /* the first thread's first nodes are as old as the section */
        CHECK_EQUAL(stats_of(domain).pending_nodes, 3000 - freed);
        CHECK_EQUAL(stats_of(domain).pending_bytes, 24 * (3000 - freed));
        cc_smr_exit(self);
        if (scheme != CC_SMR_NONE) {
            CHECK_EQUAL(cc_smr_drain(self, 0), CC_OK);
            CHECK_EQUAL(freed, 3000);
            CHECK_EQUAL(stats_of(domain).orphaned_nodes, 0);
            CHECK_EQUAL(stats_of(domain).pending_bytes, 0);
        }
        CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
        CHECK_EQUAL(freed, 3000);
    }
}

static void enter_and_end(size_t index, void *domain) {
    (void)index;
    cc_smr_thread_t *self = cc_smr_self((cc_smr_t *)domain);
    cc_smr_enter(self);
    cc_smr_enter(self);
    retire_some(self, 10);
}

static void test_a_section_ends_with_its_thread(void) {
    cc_smr_t *domain = make(CC_SMR_EPOCH);
    check_threads(1, enter_and_end, domain);
    cc_smr_thread_t *self = cc_smr_self(domain); /* the same handle again, probably */
    CHECK_EQUAL(self->lower, CC_SMR_IDLE);
    CHECK_EQUAL(cc_smr_drain(self, 0), CC_OK);
    CHECK_EQUAL(freed, 10);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
}

static void test_detach(void) {
    cc_smr_t *domain = make(CC_SMR_IBR);
    cc_smr_thread_t *self = cc_smr_self(domain);
    retire_some(self, 10);
    cc_smr_detach(self);
    CHECK_EQUAL(freed, 10);
    CHECK_EQUAL(stats_of(domain).threads, 0);
    cc_smr_detach(NULL);
    self = cc_smr_self(domain);
    CHECK_EQUAL(stats_of(domain).threads, 1);
    retire_some(self, 10);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
    CHECK_EQUAL(freed, 20);
}

enum { MANY = 300 };
static pthread_barrier_t together;

static void *live_together(void *domain) {
    cc_smr_thread_t *self = cc_smr_self((cc_smr_t *)domain);
    CHECK(self != NULL);
    cc_smr_enter(self);
    (void)pthread_barrier_wait(&together);
    if (((uintptr_t)self & 1) == 0) retire_some(self, 3);
    (void)pthread_barrier_wait(&together);
    cc_smr_exit(self);
    return NULL;
}

/* More threads at once than the domain has room for at first. */
static void test_growth(void) {
    cc_smr_options_t options = cc_smr_options();
    for (size_t first = 1; first <= 256; first *= 256) {
        options.initial_threads = first;
        atomic_store(&freed, 0);
        cc_smr_t *domain = cc_smr_create(CC_SMR_EPOCH, &options);
        cc_smr_thread_t *self = cc_smr_self(domain);
        static pthread_t threads[MANY];
        pthread_attr_t attributes;
        CHECK(pthread_barrier_init(&together, NULL, MANY) == 0);
        CHECK(pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, 256 * 1024) == 0);
        for (int i = 0; i < MANY; i++) CHECK(pthread_create(&threads[i], &attributes, live_together, domain) == 0);
        while (stats_of(domain).threads < MANY + 1 && freed == 0) retire_some(self, 1);
        for (int i = 0; i < MANY; i++) CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(pthread_attr_destroy(&attributes) == 0);
        pthread_barrier_destroy(&together);
        CHECK_EQUAL(stats_of(domain).threads, 1);
        CHECK_EQUAL(cc_smr_drain(self, 0), CC_OK);
        cc_smr_stats_t stats = stats_of(domain);
        CHECK_EQUAL(stats.retired_nodes, freed);
        CHECK(stats.retired_nodes >= 3 * MANY);
        CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
    }
}

typedef struct {
    cc_smr_t *domain;
    pthread_barrier_t ready, destroyed;
} shared_t;

static void outlive(size_t index, void *argument) {
    (void)index;
    shared_t *shared = (shared_t *)argument;
    retire_some(cc_smr_self(shared->domain), 10);
    (void)pthread_barrier_wait(&shared->ready);
    (void)pthread_barrier_wait(&shared->destroyed);
    cc_smr_t *next = cc_smr_create(CC_SMR_IBR, NULL); /* most likely under the index of the old one */
    cc_smr_thread_t *self = cc_smr_self(next);
    CHECK(self != NULL && cc_smr_domain(self) == next);
    retire_some(self, 1);
    CHECK_EQUAL(cc_smr_destroy(next), CC_OK);
}

static void test_threads_outlive_a_domain(void) {
    for (int scheme = CC_SMR_IBR; scheme <= CC_SMR_NONE; scheme++) {
        shared_t shared = {.domain = make((cc_smr_scheme_t)scheme)};
        CHECK(pthread_barrier_init(&shared.ready, NULL, 2) == 0);
        CHECK(pthread_barrier_init(&shared.destroyed, NULL, 2) == 0);
        check_thread_t thread;
        check_start(&thread, outlive, &shared);
        (void)pthread_barrier_wait(&shared.ready);
        retire_some(cc_smr_self(shared.domain), 10);
        CHECK_EQUAL(cc_smr_destroy(shared.domain), CC_OK);
        CHECK_EQUAL(freed, 20);
        (void)pthread_barrier_wait(&shared.destroyed);
        check_join(&thread);
        pthread_barrier_destroy(&shared.ready);
        pthread_barrier_destroy(&shared.destroyed);
    }
}

static void use_and_end(size_t index, void *argument) {
    (void)index;
    shared_t *shared = (shared_t *)argument;
    retire_some(cc_smr_self(shared->domain), 10);
    (void)pthread_barrier_wait(&shared->ready);
}

/* The domain goes while threads that have used it are ending. */
static void test_destroying_meets_ending_threads(void) {
    enum { THREADS = 4, ROUNDS = 300 };
    for (int round = 0; round < SCALED(ROUNDS); round++) {
        shared_t shared = {.domain = make(CC_SMR_IBR)};
        CHECK(pthread_barrier_init(&shared.ready, NULL, THREADS + 1) == 0);
        check_thread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++) check_start(&threads[i], use_and_end, &shared);
        (void)pthread_barrier_wait(&shared.ready);
        CHECK_EQUAL(cc_smr_destroy(shared.domain), CC_OK);
        for (int i = 0; i < THREADS; i++) check_join(&threads[i]);
        CHECK_EQUAL(freed, THREADS * 10);
        pthread_barrier_destroy(&shared.ready);
    }
}

/* A free function that uses another domain while its thread ends. */
static cc_smr_t *second;

static void use_second(void *node, size_t size) {
    retire_some(cc_smr_self(second), 5);
    cc_smr_free_node(node, size);
}

static void retire_into_second(size_t index, void *domain) {
    (void)index;
    cc_smr_thread_t *self = cc_smr_self((cc_smr_t *)domain);
    cc_smr_retire(self, cc_smr_alloc_node(self, 24), 24, use_second);
}

static void test_free_functions_at_a_threads_end(void) {
    cc_smr_t *domain = make(CC_SMR_IBR);
    second = cc_smr_create(CC_SMR_EPOCH, NULL);
    check_threads(3, retire_into_second, domain);
    CHECK_EQUAL(freed, 15);
    CHECK_EQUAL(stats_of(second).threads, 0);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
    CHECK_EQUAL(cc_smr_destroy(second), CC_OK);
}

int main(void) {
    RUN(test_an_ending_thread_frees_what_it_can);
    RUN(test_an_ending_thread_hands_on_the_rest);
    RUN(test_a_section_ends_with_its_thread);
    RUN(test_detach);
    RUN(test_growth);
    RUN(test_threads_outlive_a_domain);
    RUN(test_destroying_meets_ending_threads);
    RUN(test_free_functions_at_a_threads_end);
    return 0;
}
