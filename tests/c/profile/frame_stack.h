/* frame_stack.h: a frame provider whose call stack is what the calling thread says. */
#ifndef FRAME_STACK_H
#define FRAME_STACK_H

#include <stdatomic.h>

#include "profile_check.h"

/* The provider's stack is what the thread says; code 9 is held by the interpreter. A frame of code n at offset m is
 * called "file n", "function n", line m. */
static __thread uintptr_t stack[CC_PROFILE_MAX_DEPTH];
static __thread unsigned depth;
static atomic_long described;
static uintptr_t named; /* what code 700 is called; 0: 700. No other thread may be inside */

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

static inline void describe(const cc_profile_frame_t *frame, cc_profile_place_t *place) {
    static char file[40], function[40]; /* good until the next call */
    uintptr_t code = (uintptr_t)frame->code;
    if (code == 700 && named != 0) code = named;
    (void)snprintf(file, sizeof file, "file %lu", (unsigned long)code);
    (void)snprintf(function, sizeof function, "function %lu", (unsigned long)code);
    *place = (cc_profile_place_t){file, function, (uint32_t)frame->offset, code == 9};
    atomic_fetch_add(&described, 1);
}

static const cc_profile_frame_provider_t provider = {identify, capture, describe};

static inline uintptr_t code_of(const cc_profile_place_t *place) {
    unsigned long code = 0, again = 0;
    CHECK(sscanf(place->file, "file %lu", &code) == 1 && sscanf(place->function, "function %lu", &again) == 1);
    CHECK_EQUAL(code, again);
    return code;
}

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
