/* profile/sources.c: the table of sources, made of the list in cc/profile.h. */
#include "sources.h"

#include <string.h>

#define DECLARE(id, name, kind, about) extern const cc__source_t cc__source_##name;
#define ROW(id, name, kind, about) [CC_PROFILE_##id] = &cc__source_##name,
#define TEXTS(id, name, kind, about) [CC_PROFILE_##id] = {#name, about, CC_PROFILE_KIND_##kind},

CC_PROFILE_DOMAIN_LIST(DECLARE)
static const cc__source_t *const sources[CC_PROFILE_DOMAINS] = {CC_PROFILE_DOMAIN_LIST(ROW)};

static const struct {
    const char *name, *about;
    int kind;
} texts[CC_PROFILE_DOMAINS] = {CC_PROFILE_DOMAIN_LIST(TEXTS)};

const char *cc_profile_domain_name(unsigned domain) {
    return domain < CC_PROFILE_DOMAINS ? texts[domain].name : NULL;
}

const char *cc_profile_domain_about(unsigned domain) {
    return domain < CC_PROFILE_DOMAINS ? texts[domain].about : NULL;
}

int cc_profile_domain_kind(unsigned domain) {
    return domain < CC_PROFILE_DOMAINS ? texts[domain].kind : -1;
}

unsigned cc_profile_domain_by_name(const char *name) {
    unsigned domain = name != NULL ? 0 : CC_PROFILE_DOMAINS;
    while (domain < CC_PROFILE_DOMAINS && strcmp(texts[domain].name, name) != 0) domain++;
    return domain;
}

void cc__sources_attach(unsigned domains) {
    for (unsigned domain = 0; domain < CC_PROFILE_DOMAINS; domain++)
        if (sources[domain]->attach != NULL) sources[domain]->attach((domains >> domain & 1) != 0);
}

/* All sizes of a small bin take the same block: no allocator's classes are closer than 8 bytes. */
double cc__source_small_blocks(unsigned domain, unsigned bin, double count) {
    if (count == 0) return 0;
    uint64_t limit = cc_profile_bin_limit(bin);
    return count * (double)sources[domain]->block_size(limit > 0 ? limit : 1);
}

double cc__source_large_padding(unsigned domain, unsigned bin, double count) {
    if (count == 0) return 0;
    enum { SAMPLES = 16 }; /* at distances that no multiple of 16 divides */
    uint64_t limit = cc_profile_bin_limit(bin), step = (limit - cc_profile_bin_limit(bin - 1)) / SAMPLES;
    double sum = 0;
    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t size = limit - i * step - i;
        sum += (double)(sources[domain]->block_size(size) - size);
    }
    return count * sum / SAMPLES;
}
