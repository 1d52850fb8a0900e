/* profile/source_plugged.c: allocations of a library that uses one of libcc's allocators in the place of its own,
 * through the observer of whatever is plugged in. SQLite is the one there is. */
#include "../alloc/observer.h"
#include "tap.h"

/* By the allocator that was plugged in last. */
static uint64_t block_size(uint64_t size) {
    const cc__allocator_t *plugged = cc__load_acquire(&cc__plugged_last); /* pairs with who plugged it in */
    return plugged != NULL ? plugged->good_size(plugged, size) : size;
}

static const cc__allocator_t observer;

static void attach(bool on) {
    /* release pairs with the acquire loads of whoever is plugged in; calls that hold it still are passed on */
    cc__store_release(&cc__plugged_observer, on ? &observer : NULL);
}

const cc__source_t cc__source_sqlite = {CC_PROFILE_SQLITE, false, CC__FRAMES_ANYWHERE, block_size, attach};
#define SOURCE &cc__source_sqlite

static void *tap_allocate(const cc__allocator_t *below, cc__request_t *request) {
    cc__tap_t tap = cc__tap_allocation(SOURCE, cc__tap_config(SOURCE), request->size);
    if (request->bytes < tap.least) request->bytes = tap.least;
    return cc__tap_allocated(SOURCE, &tap, below->allocate(below, request), request->size);
}

static void *tap_reallocate(const cc__allocator_t *below, cc__request_t *request) {
    cc__tap_t tap = cc__tap_reallocation(SOURCE, cc__tap_config(SOURCE), request->pointer, request->size);
    if (request->bytes < tap.least) request->bytes = tap.least;
    return cc__tap_reallocated(SOURCE, &tap, below->reallocate(below, request), request->size);
}

static void tap_release(const cc__allocator_t *below, cc__request_t *request) {
    uint64_t config = cc__tap_config(SOURCE);
    if (config == 0 || !cc__tap_may_be_recorded(config, request->pointer)) {
        below->release(below, request);
        return;
    }
    cc__tap_t tap = cc__tap_free(SOURCE, config, request->pointer);
    below->release(below, request);
    cc__tap_freed(&tap);
}

static const cc__allocator_t observer = {tap_allocate, tap_reallocate, tap_release, NULL};
