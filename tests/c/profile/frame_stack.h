/* frame_stack.h: a frame provider whose call stack is what the calling thread says. */
#ifndef FRAME_STACK_H
#define FRAME_STACK_H

#include <stdatomic.h>

#include "profile_check.h"

/* The provider's stack is what the thread says; code 9 is held by the interpreter. */
static __thread uintptr_t stack[CC_PROFILE_MAX_DEPTH];
static __thread unsigned depth;
static atomic_long pinned, pins;

static inline unsigned capture(cc_profile_frame_t *frames, unsigned limit, bool attached) {
    CHECK(!attached); /* the runtime's callers need not be */
    unsigned count = depth < limit ? depth : limit;
    for (unsigned i = 0; i < count; i++) frames[i] = (cc_profile_frame_t){(void *)stack[i], i};
    return count;
}

static inline uint64_t identify(uint64_t seed, unsigned limit, bool attached) {
    cc_profile_frame_t frames[CC_PROFILE_MAX_DEPTH];
    unsigned count = capture(frames, limit, attached);
    for (unsigned i = 0; i < count; i++) seed = cc_profile_mix(seed, (uintptr_t)frames[i].code << 8 ^ frames[i].offset);
    return seed;
}

static inline bool pin(const cc_profile_frame_t *frames, unsigned count) {
    atomic_fetch_add(&pinned, (long)count);
    atomic_fetch_add(&pins, 1);
    return count > 0 && (uintptr_t)frames[0].code == 9;
}

static inline void unpin(const cc_profile_frame_t *frames, unsigned count) {
    CHECK(count == 0 || frames[0].code != NULL);
    atomic_fetch_sub(&pinned, (long)count);
}

static const cc_profile_frame_provider_t provider = {identify, capture, pin, unpin};

static inline void stand_at(uintptr_t code, unsigned frames) {
    depth = frames;
    for (unsigned i = 0; i < frames; i++) stack[i] = code + i;
}

static inline cc_profile_t *start_stacks(unsigned frames, bool timestamps) {
    cc_profile_options_t options = exact_options(BIT_RUNTIME);
    options.stack_depth = frames;
    options.timestamps = timestamps;
    return start_with(options);
}

#endif
