/* profile/profile_internal.h: a profile, for the files that read or change it. */
#ifndef CC_PROFILE_INTERNAL_H
#define CC_PROFILE_INTERNAL_H

#include "baseline.h"
#include "timeline.h"

/* All but the atomics is under the recorder's lock. */
struct cc_profile {
    cc_profile_options_t options;
    bool active;
    unsigned last_session; /* of the profile's own; after its stop */
    uint64_t start_wall_ns;
    cc__baseline_t baseline;
    cc__timeline_t timeline;
    cc_profile_snapshot_t *final; /* after the stop */
    struct cc_profile *next;      /* in the list of active ones */
};

/* Reads an active profile's figures. CC_ERROR_MEMORY. pre: lock held. */
int cc__snapshot_build(cc_profile_t *profile, cc_profile_snapshot_t **result);

/* CC_ERROR_MEMORY. */
int cc__snapshot_copy(const cc_profile_snapshot_t *from, cc_profile_snapshot_t **result);

#endif
