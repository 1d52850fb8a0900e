/* profile/source_runtime.c: the runtime's own allocations: cc_alloc and its kin, through their observer. */
#include "../alloc/observer.h"
#include "tap.h"

static uint64_t block_size(uint64_t size) {
    return cc__base_good_size(size);
}

static const cc__allocator_t observer;

static void attach(bool on) {
    cc__alloc_observe(on ? &observer : NULL);
}

const cc__source_t cc__source_runtime = {CC_PROFILE_RUNTIME, false, CC__FRAMES_ANYWHERE, block_size, attach};
#define SOURCE &cc__source_runtime

static void *tap_allocate(const cc__allocator_t *below, cc__request_t *request) {
    (void)below;
    cc__tap_t tap = cc__tap_allocation(SOURCE, cc__tap_config(SOURCE), request->size);
    if (request->bytes < tap.least) request->bytes = tap.least;
    return cc__tap_allocated(SOURCE, &tap, cc__base_allocate(request), request->size);
}

static void *tap_reallocate(const cc__allocator_t *below, cc__request_t *request) {
    (void)below;
    uint64_t config = cc__tap_config(SOURCE);
    cc__tap_t tap = cc__tap_reallocation(SOURCE, config, request->pointer, request->size);
    if (request->bytes < tap.least) request->bytes = tap.least;
    return cc__tap_reallocated(SOURCE, &tap, cc__base_reallocate(request), request->size);
}

static void tap_release(const cc__allocator_t *below, cc__request_t *request) {
    (void)below;
    uint64_t config = cc__tap_config(SOURCE);
    if (config == 0 || !cc__tap_may_be_recorded(config, request->pointer)) {
        cc__base_release(request);
        return;
    }
    cc__tap_t tap = cc__tap_free(SOURCE, config, request->pointer);
    cc__base_release(request);
    cc__tap_freed(&tap);
}

static const cc__allocator_t observer = {tap_allocate, tap_reallocate, tap_release, NULL};
