/* collections/domain.h: the domain of queues and stacks that are given none: one for all of them, there as long as
 * there are any. */
#ifndef CC_COLLECTIONS_DOMAIN_H
#define CC_COLLECTIONS_DOMAIN_H

#include "cc/smr.h"

/* The domain; NULL when there is no memory. Each is given back. */
cc_smr_t *cc__collections_domain_get(void);
void cc__collections_domain_put(void);

#endif
