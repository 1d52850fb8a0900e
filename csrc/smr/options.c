/* smr/options.c: the schemes' names, the table of options and the process's defaults. */
#include <string.h>

#include "../base/fork.h"
#include "smr_internal.h"

static const char *const names[] = {NULL, "ibr", "debra", "epoch", "none"};

const char *cc_smr_scheme_name(int scheme) {
    return scheme >= CC_SMR_IBR && scheme <= CC_SMR_NONE ? names[scheme] : NULL;
}

int cc_smr_scheme_by_name(const char *name) {
    for (int scheme = CC_SMR_IBR; name != NULL && scheme <= CC_SMR_NONE; scheme++)
        if (strcmp(names[scheme], name) == 0) return scheme;
    return -1;
}

static const cc_smr_option_t rows[] = {
#define ROW(field, initial, least, most) {#field, initial, least, most},
    CC_SMR_OPTIONS(ROW)
#undef ROW
};

static cc__mutex_t lock;
static cc_smr_scheme_t default_scheme = CC_SMR_IBR;
static cc_smr_options_t defaults = {.name = "",
#define FIELD(field, initial, least, most) .field = initial,
                                    CC_SMR_OPTIONS(FIELD)
#undef FIELD
};

const cc_smr_option_t *cc_smr_option(size_t index) {
    return index < sizeof rows / sizeof *rows ? &rows[index] : NULL;
}

cc_smr_options_t cc_smr_options(void) {
    cc__mutex_lock(&lock);
    cc_smr_options_t copy = defaults;
    cc__mutex_unlock(&lock);
    return copy;
}

const cc_smr_option_t *cc_smr_check_options(const cc_smr_options_t *options) {
    const cc_smr_option_t *row = rows;
#define CHECK(field, initial, least, most) \
    if (options->field - (least) > (uint64_t)(most) - (least)) return row; \
    row++;
    CC_SMR_OPTIONS(CHECK)
#undef CHECK
    return NULL;
}

int cc_smr_set_defaults(cc_smr_scheme_t scheme, const cc_smr_options_t *options) {
    if (scheme != CC_SMR_DEFAULT && cc_smr_scheme_name((int)scheme) == NULL) return CC_ERROR_ARGUMENT;
    if (options != NULL && cc_smr_check_options(options) != NULL) return CC_ERROR_ARGUMENT;
    cc__mutex_lock(&lock);
    if (scheme != CC_SMR_DEFAULT) default_scheme = scheme;
    if (options != NULL) defaults = *options;
    cc__mutex_unlock(&lock);
    return CC_OK;
}

cc_smr_scheme_t cc_smr_default_scheme(void) {
    cc__mutex_lock(&lock);
    cc_smr_scheme_t scheme = default_scheme;
    cc__mutex_unlock(&lock);
    return scheme;
}

CC__HOLD_OVER_FORK(CC__FORK_SMR_OPTIONS, lock);
