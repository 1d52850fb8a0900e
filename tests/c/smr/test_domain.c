/* test_domain.c: options, names, creation and destruction of domains, and the table of a thread's handles. */
#include "cc/smr.h"

#include "../check.h"

static void test_scheme_names(void) {
    static const char *const names[] = {"ibr", "debra", "epoch", "none"};
    for (int i = 0; i < 4; i++) {
        CHECK(strcmp(cc_smr_scheme_name(CC_SMR_IBR + i), names[i]) == 0);
        CHECK_EQUAL(cc_smr_scheme_by_name(names[i]), CC_SMR_IBR + i);
    }
    CHECK(cc_smr_scheme_name(0) == NULL && cc_smr_scheme_name(5) == NULL && cc_smr_scheme_name(-1) == NULL);
    CHECK_EQUAL(cc_smr_scheme_by_name("hazard"), -1);
    CHECK_EQUAL(cc_smr_scheme_by_name(""), -1);
    CHECK_EQUAL(cc_smr_scheme_by_name(NULL), -1);
}

static uint64_t *field(cc_smr_options_t *options, size_t index) {
    return &options->retire_threshold + index; /* the options are consecutive */
}

static void test_each_option_is_checked(void) {
    cc_smr_options_t options = cc_smr_options();
    CHECK_EQUAL(options.retire_threshold, 64);
    CHECK_EQUAL(options.reclaim_per_poll, 32);
    CHECK_EQUAL(options.initial_threads, 256);
    CHECK(cc_smr_check_options(&options) == NULL);
    size_t count = 0;
    for (const cc_smr_option_t *row; (row = cc_smr_option(count)) != NULL; count++) {
        CHECK_EQUAL(*field(&options, count), row->initial);
        CHECK(row->least <= row->initial && row->initial <= row->most);
        uint64_t wrong[] = {row->most + 1, UINT64_MAX, row->least - 1}; /* least 0: wraps to the greatest */
        for (size_t i = 0; i < 3; i++) {
            cc_smr_options_t bad = options;
            *field(&bad, count) = wrong[i];
            CHECK(cc_smr_check_options(&bad) == row);
            CHECK(cc_smr_create(CC_SMR_IBR, &bad) == NULL);
            CHECK_EQUAL(cc_smr_set_defaults(CC_SMR_DEFAULT, &bad), CC_ERROR_ARGUMENT);
        }
        cc_smr_options_t good = options;
        *field(&good, count) = row->least;
        CHECK(cc_smr_check_options(&good) == NULL);
        *field(&good, count) = row->most;
        CHECK(cc_smr_check_options(&good) == NULL);
    }
    CHECK_EQUAL(sizeof options, sizeof options.name + count * sizeof(uint64_t));
}

static void test_defaults(void) {
    CHECK_EQUAL(cc_smr_default_scheme(), CC_SMR_IBR);
    cc_smr_options_t before = cc_smr_options(), options = before;
    options.batch_nodes = 77;
    CHECK_EQUAL(cc_smr_set_defaults(CC_SMR_EPOCH, &options), CC_OK);
    CHECK_EQUAL(cc_smr_options().batch_nodes, 77);
    cc_smr_t *domain = cc_smr_create(CC_SMR_DEFAULT, NULL);
    CHECK(domain != NULL);
    CHECK_EQUAL(cc_smr_scheme(domain), CC_SMR_EPOCH);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
    CHECK_EQUAL(cc_smr_set_defaults(CC_SMR_DEFAULT, &before), CC_OK);
    CHECK_EQUAL(cc_smr_default_scheme(), CC_SMR_EPOCH);
    CHECK_EQUAL(cc_smr_set_defaults(CC_SMR_IBR, NULL), CC_OK);
    CHECK_EQUAL(cc_smr_set_defaults((cc_smr_scheme_t)5, NULL), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_smr_default_scheme(), CC_SMR_IBR);
}

static void test_domains_are_listed_while_they_live(void) {
    uint64_t ids[8];
    CHECK_EQUAL(cc_smr_list(ids, 8), 0);
    cc_smr_t *domains[3];
    for (int i = 0; i < 3; i++) domains[i] = cc_smr_create(CC_SMR_IBR, NULL);
    CHECK_EQUAL(cc_smr_list(ids, 8), 3);
    for (int i = 0; i < 3; i++) CHECK_EQUAL(ids[i], cc_smr_id(domains[i]));
    CHECK(ids[0] < ids[1] && ids[1] < ids[2]);
    CHECK_EQUAL(cc_smr_list(NULL, 0), 3);
    uint64_t gone = ids[1];
    CHECK_EQUAL(cc_smr_destroy(domains[1]), CC_OK);
    cc_smr_stats_t stats;
    CHECK_EQUAL(cc_smr_stats(gone, &stats), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_smr_list(ids, 1), 2);
    CHECK_EQUAL(ids[0], cc_smr_id(domains[0]));
    domains[1] = cc_smr_create(CC_SMR_IBR, NULL);
    CHECK(cc_smr_id(domains[1]) > cc_smr_id(domains[2])); /* ids are never reused */
    for (int i = 0; i < 3; i++) CHECK_EQUAL(cc_smr_destroy(domains[i]), CC_OK);
    CHECK_EQUAL(cc_smr_destroy(NULL), CC_OK);
    CHECK_EQUAL(cc_smr_list(ids, 8), 0);
}

static void test_wrong_schemes(void) {
    CHECK(cc_smr_create((cc_smr_scheme_t)5, NULL) == NULL);
    CHECK(cc_smr_create((cc_smr_scheme_t)-1, NULL) == NULL);
}

static void test_a_thread_has_one_handle_for_each_domain(void) {
    enum { COUNT = 40 };
    cc_smr_t *domains[COUNT];
    cc_smr_thread_t *handles[COUNT];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            domains[i] = cc_smr_create((cc_smr_scheme_t)(CC_SMR_IBR + i % 4), NULL);
            handles[i] = cc_smr_self(domains[i]);
            CHECK(handles[i] != NULL && cc_smr_domain(handles[i]) == domains[i]);
        }
        for (int i = 0; i < COUNT; i++) {
            CHECK(cc_smr_self(domains[i]) == handles[i]);
            for (int j = 0; j < i; j++) CHECK(handles[i] != handles[j]);
        }
        for (int i = 0; i < COUNT; i += 2) CHECK_EQUAL(cc_smr_destroy(domains[i]), CC_OK);
        for (int i = 0; i < COUNT; i += 2) { /* a new domain under an old index knows nothing of the old handle */
            domains[i] = cc_smr_create(CC_SMR_IBR, NULL);
            cc_smr_thread_t *self = cc_smr_self(domains[i]);
            CHECK(self != NULL && cc_smr_domain(self) == domains[i]);
        }
        for (int i = 0; i < COUNT; i++) CHECK_EQUAL(cc_smr_destroy(domains[i]), CC_OK);
    }
}

static void test_destroying_waits_for_no_section(void) {
    cc_smr_t *domain = cc_smr_create(CC_SMR_IBR, NULL);
    cc_smr_thread_t *self = cc_smr_self(domain);
    cc_smr_enter(self);
    cc_smr_enter(self);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_ERROR_STATE);
    cc_smr_exit(self);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_ERROR_STATE); /* still inside the outer one */
    cc_smr_exit(self);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
}

static void test_node_sizes(void) {
    cc_smr_t *domain = cc_smr_create(CC_SMR_IBR, NULL);
    cc_smr_thread_t *self = cc_smr_self(domain);
    CHECK(cc_smr_alloc_node(self, check_hide(0)) == NULL);
    CHECK(cc_smr_alloc_node(self, check_hide(SIZE_MAX)) == NULL);
    CHECK(cc_smr_alloc_node(self, check_hide((size_t)UINT32_MAX + 1)) == NULL);
    for (size_t size = 1; size < 5000; size += 1 + size / 7) {
        unsigned char *node = (unsigned char *)cc_smr_alloc_node(self, size);
        CHECK(node != NULL);
        CHECK_EQUAL((uintptr_t)node % 16, 0);
        CHECK_EQUAL((uintptr_t)(node - CC_SMR_HEADER_SIZE) % CC_CACHE_LINE_SIZE, 0);
        memset(node, 7, size);
        if (size % 2 == 0)
            cc_smr_free_node(node, size);
        else
            (cc_smr_retire)(self, node, size, NULL);
    }
    cc_smr_free_node(NULL, 10);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
}

int main(void) {
    RUN(test_scheme_names);
    RUN(test_each_option_is_checked);
    RUN(test_defaults);
    RUN(test_domains_are_listed_while_they_live);
    RUN(test_wrong_schemes);
    RUN(test_a_thread_has_one_handle_for_each_domain);
    RUN(test_destroying_waits_for_no_section);
    RUN(test_node_sizes);
    return 0;
}
