/* profile/source_python.c: Python's three domains. They are attached by the binding, which puts a wrapper in the place
 * of an allocator (cc_profile_wrap) and takes it away (cc_profile_unwrap).
 *
 * When nothing is profiled no wrapper is installed, but for calls in flight. Each wrapper is a small function that
 * passes the call on by a jump, a larger one beside it for the common case of an exact session, and a large one for the
 * rest. */
#include <string.h>

#include "../alloc/observer.h"
#include "tap.h"

/* Copies that are never changed or freed: a call in flight may hold one for ever. */
enum { MAX_ORIGINALS = 64 };
static cc_profile_allocator_t originals[MAX_ORIGINALS];
static size_t originals_used;
static const cc_profile_allocator_t *_Atomic original[CC_PROFILE_DOMAINS];

/* CC_PROFILE_CLASSES_… Under the recorder's lock. */
static unsigned classes[CC_PROFILE_DOMAINS];

/* What lies below a wrapper: acquire pairs with the release in cc_profile_wrap. */
#define BELOW(source) cc__load_acquire(&original[(source)->domain])

static inline size_t at_least(size_t least, size_t size) {
    return size < least ? least : size;
}

CC__TAP_INLINE void *call_malloc(const cc_profile_allocator_t *below, size_t size) {
    return below->malloc(below->context, size);
}

CC__TAP_INLINE void *call_calloc(const cc_profile_allocator_t *below, size_t count, size_t size) {
    return below->calloc(below->context, count, size);
}

CC__TAP_INLINE void *call_realloc(const cc_profile_allocator_t *below, void *pointer, size_t size) {
    return below->realloc(below->context, pointer, size);
}

CC__TAP_INLINE void call_free(const cc_profile_allocator_t *below, void *pointer) {
    below->free(below->context, pointer);
}

/* ---- the wrappers ----------------------------------------------------------------------------------------------- */

static uint64_t block_size(unsigned domain, uint64_t size) {
    return classes[domain] == CC_PROFILE_CLASSES_MIMALLOC ? cc__base_good_size(size) : (size + 15) & ~(uint64_t)15;
}

#define DEFINE_SOURCE(name, id, nests, frames) \
    static uint64_t name##_block_size(uint64_t size) { \
        return block_size(id, size); \
    } \
    const cc__source_t cc__source_##name = {id, nests, frames, name##_block_size, NULL};

#define DEFINE_ALLOCATIONS(name, source) \
    CC__TAP_APART void *name##_malloc_slowly(size_t size, uint64_t config) { \
        cc__tap_t tap = cc__tap_allocation(source, config, size); \
        return cc__tap_allocated(source, &tap, call_malloc(BELOW(source), at_least(tap.least, size)), size); \
    } \
    CC__TAP_APART void *name##_malloc_recorded(size_t size, uint64_t config) { \
        cc__shard_t *shard = cc__tap_common(config); \
        if (CC_UNLIKELY(shard == NULL || size > CC__UNGUARDED_SIZE)) return name##_malloc_slowly(size, config); \
        shard->timing_countdown--; \
        void *pointer = call_malloc(BELOW(source), at_least(shard->least_size, size)); \
        return cc__tap_record_small(source, shard, pointer, size); \
    } \
    static void *name##_malloc(void *context, size_t size) { \
        (void)context; \
        uint64_t config = cc__tap_config(source); \
        if (CC_UNLIKELY(!cc__tap_passes_unsampled(source, config, size))) return name##_malloc_recorded(size, config); \
        return call_malloc(BELOW(source), size); \
    } \
    CC__TAP_APART void *name##_calloc_slowly(size_t count, size_t size, size_t bytes, uint64_t config) { \
        cc__tap_t tap = cc__tap_allocation(source, config, bytes); \
        bool raise = bytes < tap.least; \
        void *pointer = call_calloc(BELOW(source), raise ? 1 : count, raise ? tap.least : size); \
        return cc__tap_allocated(source, &tap, pointer, bytes); \
    } \
    static void *name##_calloc(void *context, size_t count, size_t size) { \
        (void)context; \
        size_t bytes; \
        if (__builtin_mul_overflow(count, size, &bytes)) return NULL; \
        uint64_t config = cc__tap_config(source); \
        if (CC_UNLIKELY(!cc__tap_passes_unsampled(source, config, bytes))) \
            return name##_calloc_slowly(count, size, bytes, config); \
        return call_calloc(BELOW(source), count, size); \
    }

#define DEFINE_REALLOCATION(name, source) \
    CC__TAP_APART void *name##_realloc_slowly(void *pointer, size_t size, uint64_t config) { \
        cc__tap_t tap = cc__tap_reallocation(source, config, pointer, size); \
        void *moved = call_realloc(BELOW(source), pointer, at_least(tap.least, size)); \
        return cc__tap_reallocated(source, &tap, moved, size); \
    } \
    static void *name##_realloc(void *context, void *pointer, size_t size) { \
        (void)context; \
        uint64_t config = cc__tap_config(source); \
        if (CC_LIKELY(config == 0)) return call_realloc(BELOW(source), pointer, size); \
        return name##_realloc_slowly(pointer, size, config); \
    }

#define DEFINE_FREES(name, source) \
    CC__TAP_APART void name##_free_slowly(void *pointer, uint64_t config) { \
        cc__tap_t tap = cc__tap_free(source, config, pointer); \
        call_free(BELOW(source), pointer); \
        cc__tap_freed(&tap); \
    } \
    CC__TAP_APART void name##_free_recorded(void *pointer, uint64_t config) { \
        cc__shard_t *shard = cc__tap_common(config); \
        if (CC_UNLIKELY(shard == NULL || !cc__tap_forget_small(source, shard, pointer))) \
            name##_free_slowly(pointer, config); \
        else \
            call_free(BELOW(source), pointer); \
    } \
    static void name##_free(void *context, void *pointer) { \
        (void)context; \
        uint64_t config = cc__tap_config(source); \
        if (CC_UNLIKELY(cc__tap_may_be_recorded(config, pointer))) \
            name##_free_recorded(pointer, config); \
        else \
            call_free(BELOW(source), pointer); \
    }

#define DEFINE_WRAPPERS(name, id, nests, frames) \
    DEFINE_SOURCE(name, id, nests, frames) \
    DEFINE_ALLOCATIONS(name, &cc__source_##name) \
    DEFINE_REALLOCATION(name, &cc__source_##name) \
    DEFINE_FREES(name, &cc__source_##name)

DEFINE_WRAPPERS(raw, CC_PROFILE_RAW, false, CC__FRAMES_UNATTACHED)
DEFINE_WRAPPERS(mem, CC_PROFILE_MEM, true, CC__FRAMES_ATTACHED)
DEFINE_WRAPPERS(object, CC_PROFILE_OBJECT, true, CC__FRAMES_ATTACHED)

#define WRAPPER(name) {NULL, name##_malloc, name##_calloc, name##_realloc, name##_free}
static const cc_profile_allocator_t wrappers[CC_PROFILE_DOMAINS] = {
    [CC_PROFILE_RAW] = WRAPPER(raw), [CC_PROFILE_MEM] = WRAPPER(mem), [CC_PROFILE_OBJECT] = WRAPPER(object)};

/* ---- wrapping and unwrapping ------------------------------------------------------------------------------------ */

static bool is_wrapped(unsigned domain) {
    return domain < CC_PROFILE_DOMAINS && wrappers[domain].malloc != NULL;
}

/* The lasting copy of an allocator's table; NULL when there are too many. pre: lock held. */
static const cc_profile_allocator_t *keep(const cc_profile_allocator_t *allocator) {
    for (size_t i = 0; i < originals_used; i++)
        if (memcmp(&originals[i], allocator, sizeof *allocator) == 0) return &originals[i];
    if (originals_used == MAX_ORIGINALS) return NULL;
    originals[originals_used] = *allocator;
    return &originals[originals_used++];
}

int cc_profile_wrap(unsigned domain, const cc_profile_allocator_t *below, unsigned size_classes,
                    cc_profile_allocator_t *wrapper) {
    if (!is_wrapped(domain) || below == NULL || wrapper == NULL || size_classes > CC_PROFILE_CLASSES_MIMALLOC)
        return CC_ERROR_ARGUMENT;
    cc__mutex_lock(&cc__recorder_lock);
    const cc_profile_allocator_t *copy = keep(below);
    if (copy != NULL) {
        classes[domain] = size_classes;
        cc__store_release(&original[domain], copy); /* pairs with the acquire loads of BELOW */
    }
    cc__mutex_unlock(&cc__recorder_lock);
    if (copy == NULL) return CC_ERROR_LIMIT;
    *wrapper = wrappers[domain];
    wrapper->context = below->context;
    return CC_OK;
}

bool cc_profile_unwrap(unsigned domain, const cc_profile_allocator_t *present, cc_profile_allocator_t *below) {
    if (!is_wrapped(domain) || present->malloc != wrappers[domain].malloc) return false;
    *below = *cc__load_acquire(&original[domain]); /* as in BELOW */
    return true;
}

/* ---- probing ---------------------------------------------------------------------------------------------------- */

/* When idle, a word without a session makes wrappers look at the thread's state. Its low byte counts the threads that
 * probe. No lock is held: the allocator may take locks of its own. */
static uint64_t begin_probe(unsigned domain) {
    uint64_t seen = 0, word;
    do {
        if (seen >= (uint64_t)1 << CC__CONFIG_SESSION_SHIFT) return seen; /* a session looks anyhow */
        word = (seen != 0 ? seen : CC__PROBE) + 1;
    } while (!cc__swap_if_acq_rel(&cc__profile_config[domain], &seen, word));
    return CC__PROBE;
}

/* Whether wrappers looked all the time since begin_probe returned `begun`, as far as can be told. */
static bool end_probe(unsigned domain, uint64_t begun) {
    uint64_t seen = cc__load_acquire(&cc__profile_config[domain]); /* pairs with cc__session_begin */
    if (begun != CC__PROBE) return seen == begun;
    for (;;) {
        if (seen < CC__PROBE || seen >= (uint64_t)1 << CC__CONFIG_SESSION_SHIFT) return false;
        uint64_t left = seen - 1 > CC__PROBE ? seen - 1 : 0;
        if (cc__swap_if_acq_rel(&cc__profile_config[domain], &seen, left)) return true;
    }
}

bool cc_profile_reaches(unsigned domain, const cc_profile_allocator_t *allocator) {
    if (!is_wrapped(domain)) return false;
    cc__thread_t *thread = cc__thread_get();
    if (thread == NULL) return true; /* no memory */
    uint64_t state = thread->observer_state;
    bool seen = false;
    /* Starts and stops meanwhile may take the word away and put it back: three misses are needed to believe one. */
    for (int tries = 0, misses = 0; tries < 1000 && misses < 3 && !seen; tries++) {
        uint64_t begun = begin_probe(domain);
        thread->observer_state = CC__THREAD_PROBING + domain;
        void *pointer = allocator->malloc(allocator->context, 1);
        seen = pointer == NULL || thread->observer_state == CC__THREAD_PROBED;
        if (pointer != NULL) allocator->free(allocator->context, pointer);
        thread->observer_state = state;
        misses += end_probe(domain, begun);
    }
    return seen;
}
