/* collections/domain.c: see domain.h. */
#include "domain.h"

#include <string.h>

#include "../base/fork.h"

/* What waits to be freed should still be in the cache when it is used again. */
enum { BATCH_BYTES = 128 * 1024 };

static cc__mutex_t lock; /* taken before those of smr/ */
static cc_smr_t *domain;
static size_t users;

cc_smr_t *cc__collections_domain_get(void) {
    cc__mutex_lock(&lock);
    if (users == 0) {
        cc_smr_options_t options = cc_smr_options();
        if (options.batch_bytes > BATCH_BYTES) options.batch_bytes = BATCH_BYTES;
        strcpy(options.name, "queues");
        domain = cc_smr_create(CC_SMR_DEFAULT, &options);
    }
    users += domain != NULL;
    cc__mutex_unlock(&lock);
    return domain;
}

void cc__collections_domain_put(void) {
    cc__mutex_lock(&lock);
    if (--users == 0) (void)cc_smr_destroy(domain);
    cc__mutex_unlock(&lock);
}

CC__HOLD_OVER_FORK(CC__FORK_COLLECTIONS, lock);
