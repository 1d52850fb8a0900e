/* test_sources.c: the table of domains says one thing of each. */
#include "profile_check.h"

static void test_each_domain_has_a_name_a_kind_and_a_text(void) {
    for (unsigned domain = 0; domain < CC_PROFILE_DOMAINS; domain++) {
        const char *name = cc_profile_domain_name(domain);
        CHECK(name != NULL && strlen(name) > 0);
        CHECK(strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name)); /* an identifier in reports and options */
        CHECK(cc_profile_domain_about(domain) != NULL && strlen(cc_profile_domain_about(domain)) > 0);
        CHECK(cc_profile_domain_kind(domain) >= 0 && cc_profile_domain_kind(domain) < CC_PROFILE_KINDS);
        CHECK_EQUAL(cc_profile_domain_by_name(name), domain); /* so names differ */
    }
}

static void test_the_domains_that_reports_have_known_for_long(void) {
    static const struct {
        unsigned domain;
        const char *name;
        int kind;
    } known[] = {{CC_PROFILE_RUNTIME, "runtime", CC_PROFILE_KIND_OWN},
                 {CC_PROFILE_RAW, "raw", CC_PROFILE_KIND_WRAPPED},
                 {CC_PROFILE_MEM, "mem", CC_PROFILE_KIND_WRAPPED},
                 {CC_PROFILE_OBJECT, "object", CC_PROFILE_KIND_WRAPPED},
                 {CC_PROFILE_SQLITE, "sqlite", CC_PROFILE_KIND_PLUGGED}};
    for (unsigned i = 0; i < sizeof known / sizeof *known; i++) {
        CHECK_EQUAL(known[i].domain, i);
        CHECK(strcmp(cc_profile_domain_name(i), known[i].name) == 0);
        CHECK_EQUAL(cc_profile_domain_kind(i), known[i].kind);
    }
}

static void test_there_are_no_others(void) {
    static const unsigned none[] = {CC_PROFILE_DOMAINS, CC_PROFILE_DOMAINS + 1, ~0u};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        CHECK(cc_profile_domain_name(none[i]) == NULL);
        CHECK(cc_profile_domain_about(none[i]) == NULL);
        CHECK_EQUAL(cc_profile_domain_kind(none[i]), -1);
    }
    CHECK_EQUAL(cc_profile_domain_by_name("Runtime"), CC_PROFILE_DOMAINS);
    CHECK_EQUAL(cc_profile_domain_by_name(""), CC_PROFILE_DOMAINS);
    CHECK_EQUAL(cc_profile_domain_by_name(NULL), CC_PROFILE_DOMAINS);
}

int main(void) {
    RUN(test_each_domain_has_a_name_a_kind_and_a_text);
    RUN(test_the_domains_that_reports_have_known_for_long);
    RUN(test_there_are_no_others);
    return 0;
}
