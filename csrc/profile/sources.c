/* profile/sources.c: the table of domains. */
#include "cc/profile.h"

#include <string.h>

#define ROW(id, name, kind, about) {name, about, CC_PROFILE_KIND_##kind},
static const struct {
    const char *name, *about;
    int kind;
} domains[CC_PROFILE_DOMAINS] = {CC_PROFILE_DOMAIN_LIST(ROW)};

const char *cc_profile_domain_name(unsigned domain) {
    return domain < CC_PROFILE_DOMAINS ? domains[domain].name : NULL;
}

const char *cc_profile_domain_about(unsigned domain) {
    return domain < CC_PROFILE_DOMAINS ? domains[domain].about : NULL;
}

int cc_profile_domain_kind(unsigned domain) {
    return domain < CC_PROFILE_DOMAINS ? domains[domain].kind : -1;
}

unsigned cc_profile_domain_by_name(const char *name) {
    unsigned domain = name != NULL ? 0 : CC_PROFILE_DOMAINS;
    while (domain < CC_PROFILE_DOMAINS && strcmp(domains[domain].name, name) != 0) domain++;
    return domain;
}
