/* profile/source.h: what the room knows of a source of allocations. Each source is one file, source_….c, that defines
 * its cc__source_t's and taps its allocators with the inlines of tap.h, and one row of CC_PROFILE_DOMAIN_LIST. */
#ifndef CC_PROFILE_SOURCE_H
#define CC_PROFILE_SOURCE_H

#include "sites.h"

typedef struct cc__source {
    unsigned domain; /* CC_PROFILE_… */
    /* Its requests of more than CC__UNGUARDED_SIZE bytes go on to an allocator of another domain, which is tapped too:
     * so they must be marked as being inside this tap. All others get there never, or only marked. */
    bool nests;
    cc__frames_t frames;
    /* Bytes of the block that a request of `size` > 0 bytes gets: at least `size`. pre: lock held. */
    uint64_t (*block_size)(uint64_t size);
    /* Begins or ends that calls come to the tap; it may be called again with the same argument. NULL: somebody else
     * does that (for wrapped allocators the binding). pre: lock held. */
    void (*attach)(bool on);
} cc__source_t;

#endif
