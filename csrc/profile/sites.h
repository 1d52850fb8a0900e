/* profile/sites.h: call stacks, each kept once under a number, its *site*. */
#ifndef CC_PROFILE_SITES_H
#define CC_PROFILE_SITES_H

#include "shard.h"

/* Which threads call a source, and what it means when one of them has no Python frame. */
typedef enum cc__frames {
    CC__FRAMES_ANYWHERE = 0, /* any thread. It may run no Python: then the empty stack is a site like any other */
    CC__FRAMES_UNATTACHED,   /* Python's threads, attached to the interpreter or not. No frame: the interpreter's own */
    CC__FRAMES_ATTACHED      /* threads that are attached to the interpreter. No frame: the interpreter's own */
} cc__frames_t;

/* The site of the calling thread's present call stack; 0 when there is none. */
uint32_t cc__site_capture(cc__shard_t *shard, cc__frames_t frames);

/* Sites are 1 .. cc__sites_count(). */
size_t cc__sites_count(void);

/* Writes for sites 0 .. count - 1 whether the frame provider says that their blocks are held by the interpreter. pre:
 * count - 1 <= cc__sites_count(). */
void cc__sites_read_held(bool *held, size_t count);

/* Forgets all sites. pre: the recorder's lock is held (the next profile's must not be among them). */
void cc__sites_clear(void);

#endif
