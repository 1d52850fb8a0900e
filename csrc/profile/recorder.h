/* profile/recorder.h: the recorder's life: it is opened, generations begin, threads join and leave. */
#ifndef CC_PROFILE_RECORDER_H
#define CC_PROFILE_RECORDER_H

#include "shard.h"

/* The clock of records: their times are counted from here. */
typedef struct cc__epoch {
    _Atomic(uint64_t) coarse_ns;
    uint64_t wall_ns; /* the same moment, since 1970; under the lock */
} cc__epoch_t;
extern cc__epoch_t cc__epoch;

/* Makes what the recorder needs all its life. CC_ERROR_MEMORY. pre: lock held. */
int cc__recorder_open(void);

/* Begins a generation: nobody has a profile. pre: lock held, open. */
void cc__recorder_restart(void);

/* Brings the thread in line with the configuration and returns its shard; NULL when there is no memory for one. */
cc__shard_t *cc__recorder_sync(cc__thread_t *thread, uint64_t config);

#endif
