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

/* Whether the frame provider says that blocks of this site are held by the interpreter. */
bool cc__site_held(uint32_t site);

/* Sites are 1 .. cc__sites_count(). */
size_t cc__sites_count(void);

typedef struct cc__old_sites {
    struct site *sites;
    uint32_t count;
} cc__old_sites_t;

/* Forgets all sites, under the recorder's lock (the next profile's must not be among them). Their frames stay pinned
 * until cc__sites_drop, which is called without any lock: it may free code objects, and run what watches them. */
cc__old_sites_t cc__sites_take(void);
void cc__sites_drop(cc__old_sites_t old);

#endif
