/* profile/domains.c: the wrappers around the allocators of each domain: what happens at every allocation and free.
 *
 * A call passes on at once when its domain is not recorded; in a sampled session nearly all calls do after one countdown or
 * one look into a bitmap. The thread's observer_state says in one comparison that the thread knows the present
 * configuration and is not already inside a wrapper (CPython's object allocator calls the raw one for large blocks:
 * only the outermost call is recorded). Order: a free is recorded before the block is given back, an allocation after it
 * is there and before the caller has it. */
#include <string.h>

#include "recorder_internal.h"

_Alignas(CC_CACHE_LINE_SIZE) _Atomic(uint64_t) cc__profile_config[CC_PROFILE_DOMAINS];

/* Copies that are never changed or freed: a call in flight may hold one for ever. */
enum { MAX_ORIGINALS = 64 };
static cc_profile_allocator_t originals[MAX_ORIGINALS];
static size_t originals_used;
static const cc_profile_allocator_t *_Atomic original[CC_PROFILE_DOMAINS];

#define INLINE static inline __attribute__((always_inline))

/* ---- what lies below -------------------------------------------------------------------------------------------- */

typedef enum { MALLOC, CALLOC, REALLOC } kind_t;

/* A request, in registers after inlining. */
typedef struct {
    kind_t kind;
    size_t size;      /* what the caller asked for */
    size_t count;     /* CALLOC: size = count * element */
    void *pointer;    /* REALLOC */
    size_t element;   /* CALLOC */
    cc__request_t *observed; /* observed allocators: the whole request */
    const cc__allocator_t *below;
} request_t;

/* Hands the request to the allocator below; at least `least` bytes of it. */
INLINE void *perform(unsigned domain, request_t request, size_t least) {
    if (domain == CC_PROFILE_RUNTIME || domain == CC_PROFILE_SQLITE) {
        cc__request_t *observed = request.observed;
        if (observed->bytes < least) observed->bytes = least;
        if (domain == CC_PROFILE_RUNTIME)
            return request.kind == REALLOC ? cc__base_reallocate(observed) : cc__base_allocate(observed);
        return request.kind == REALLOC ? request.below->reallocate(request.below, observed)
                                       : request.below->allocate(request.below, observed);
    }
    /* acquire pairs with the release in cc_profile_wrap */
    const cc_profile_allocator_t *below = cc__load_acquire(&original[domain]);
    bool raise = request.size < least;
    switch (request.kind) {
    case MALLOC: return below->malloc(below->context, raise ? least : request.size);
    case CALLOC:
        if (CC_UNLIKELY(raise)) return below->calloc(below->context, 1, least);
        return below->calloc(below->context, request.count, request.element);
    default: return below->realloc(below->context, request.pointer, raise ? least : request.size);
    }
}

INLINE void perform_free(unsigned domain, request_t request, void *pointer) {
    if (domain == CC_PROFILE_RUNTIME) {
        cc__base_release(request.observed);
        return;
    }
    if (domain == CC_PROFILE_SQLITE) {
        request.below->release(request.below, request.observed);
        return;
    }
    const cc_profile_allocator_t *below = cc__load_acquire(&original[domain]); /* as in perform() */
    below->free(below->context, pointer);
}

/* ---- timing ----------------------------------------------------------------------------------------------------- */

/* The next timed operation: every 64th on average, at distances that no loop of the program is in step with. */
static void draw_timing(cc__shard_t *shard) {
    shard->random = shard->random * 6364136223846793005u + 1442695040888963407u; /* Knuth, TAOCP 3.3.4, MMIX */
    shard->timing_countdown = (int32_t)(CC__TIMING_PERIOD / 2 + (shard->random >> 33) % CC__TIMING_PERIOD);
}

/* Whether a recorded operation is timed: when the countdown ends, and every 16th of the few that are sampled. */
INLINE bool is_timed(cc__shard_t *shard, bool exact) {
    return exact ? shard->timing_countdown-- <= 0 : ++shard->samples_seen % CC__SAMPLES_PER_TIMING == 0;
}

/* What comes before a timed operation; the clock is read after it. */
static __attribute__((noinline)) void prepare_timing(cc__shard_t *shard) {
    draw_timing(shard);
    shard->clock_is_due = true;
    cc__shard_flush(shard);
    if (++shard->timings % CC__TIMINGS_PER_CHECK == 0 || !shard->session.exact) cc__timeline_check(cc__os_coarse_ns());
}

static __attribute__((noinline)) void finish_timing(cc__shard_t *shard, _Atomic(uint64_t) *histogram, uint64_t cycles) {
    if ((shard->sync_word & CC__LATENCY) != 0) cc__own_add(&histogram[cc__histogram_index(cycles)], 1);
}

INLINE void *perform_timed(cc__shard_t *shard, unsigned domain, request_t request, size_t least, bool timed) {
    if (CC_LIKELY(!timed)) return perform(domain, request, least);
    prepare_timing(shard);
    uint64_t before = cc__cycles();
    void *pointer = perform(domain, request, least);
    finish_timing(shard, shard->alloc_latency, cc__cycles() - before);
    return pointer;
}

INLINE void perform_free_timed(cc__shard_t *shard, unsigned domain, request_t request, void *pointer,
                               bool timed) {
    if (CC_LIKELY(!timed)) {
        perform_free(domain, request, pointer);
        return;
    }
    prepare_timing(shard);
    uint64_t before = cc__cycles();
    perform_free(domain, request, pointer);
    finish_timing(shard, shard->free_latency, cc__cycles() - before);
}

/* ---- recording -------------------------------------------------------------------------------------------------- */

INLINE void add_balance(cc__shard_t *shard, int64_t bytes) {
    int64_t balance = cc__load_relaxed(&shard->balance) + bytes;
    cc__store_relaxed(&shard->balance, balance);
    if (CC_UNLIKELY((uint64_t)(balance + shard->quantum) > 2 * (uint64_t)shard->quantum)) cc__shard_flush(shard);
}

static __attribute__((noinline)) cc__leaf_t *add_leaf(cc__shard_t *shard, uintptr_t address) {
    cc__leaf_t *leaf = cc__shadow_add_leaf(address);
    if (leaf == NULL) cc__own_add(&shard->dropped_records, 1);
    return leaf;
}

static __attribute__((noinline)) uint64_t read_origin_time(cc__shard_t *shard, int64_t second) {
    shard->clock_is_due = false;
    shard->origin_second = second;
    return shard->origin_time =
               (cc__os_coarse_ns() - cc__load_relaxed(&cc__recorder.epoch_coarse_ns)) >> CC__TIME_SHIFT;
}

/* The time of an allocation; for a small block it may be that of an earlier one, by less than a second: the clock is read when
 * the wall clock's second changes, which costs a load to know, with each timed operation, and for all that is not small. */
INLINE uint64_t origin_time(cc__shard_t *shard) {
    int64_t second = cc__os_wall_second();
    if (CC_UNLIKELY(shard->clock_is_due || second != shard->origin_second)) return read_origin_time(shard, second);
    return shard->origin_time;
}

/* What only leak detection asks for: the time goes beside the record, the site is returned in place for it. */
INLINE uint64_t put_origin(cc__shard_t *shard, unsigned domain, _Atomic(uint64_t) *word) {
    if ((shard->sync_word & CC__TIMES) != 0) cc__store_relaxed(word + 1, origin_time(shard));
    if ((shard->sync_word & CC__STACKS) == 0) return 0;
    return (uint64_t)cc__site_capture(shard, domain) << CC__SITE_SHIFT;
}

/* Writes the record of a new block. False when there is no memory for it. */
INLINE bool put_record(cc__shard_t *shard, uint64_t config, unsigned domain, void *pointer, size_t size) {
    uintptr_t address = (uintptr_t)pointer;
    cc__leaf_t *leaf = cc__shadow_leaf(address);
    if (CC_UNLIKELY(leaf == NULL)) {
        leaf = add_leaf(shard, address);
        if (leaf == NULL) return false;
    }
    size_t index = cc__shadow_index(address);
    uint64_t record = shard->stamp;
    if (CC_UNLIKELY((config & (CC__STACKS | CC__TIMES)) != 0)) {
        shard->clock_is_due = true;
        record |= put_origin(shard, domain, &leaf->words[index]);
    }
    /* The locked instruction comes before the stores, which may miss the cache: it would wait for them. */
    if ((config & CC__EXACT) == 0)
        cc__or_relaxed(&leaf->sampled[index / 64], (uint64_t)1 << (index % 64));
    if (CC_UNLIKELY(size >= CC__SIZE_BESIDE)) {
        cc__store_relaxed(&leaf->words[index + 2], size < CC__BESIDE_LIMIT ? size : CC__BESIDE_LIMIT - 1);
        size = CC__SIZE_BESIDE;
    }
    cc__store_relaxed(&leaf->words[index], record | size);
    return true;
}

INLINE void count_allocation(cc__shard_t *shard, uint64_t config, unsigned domain, void *pointer, size_t size) {
    if (CC_UNLIKELY(pointer == NULL)) {
        cc__own_add(&shard->failed, 1);
        return;
    }
    if (CC_UNLIKELY(!put_record(shard, config, domain, pointer, size))) return;
    cc__count_alloc(&shard->counted[domain], size);
    add_balance(shard, (int64_t)size);
}

/* The two ways out of the common case after the call; they return the pointer. */
static __attribute__((noinline)) void *count_allocation_slowly(cc__shard_t *shard, unsigned domain, void *pointer,
                                                               size_t size) {
    count_allocation(shard, shard->sync_word, domain, pointer, size);
    return pointer;
}

static __attribute__((noinline)) void *record_with_origin(cc__shard_t *shard, unsigned domain, void *pointer,
                                                          size_t size, _Atomic(uint64_t) *word) {
    cc__store_relaxed(word, put_origin(shard, domain, word) | shard->stamp | size);
    cc__own_add(&shard->counted[domain].alloc_small[size], 1);
    cc__own_add(&shard->balance, (int64_t)size);
    return pointer;
}

/* A sampled block stands for `weight` others like it. */
static void count_sample(cc__shard_t *shard, uint64_t config, unsigned domain, void *pointer, size_t size) {
    if (pointer == NULL) {
        cc__own_add(&shard->failed, 1);
        return;
    }
    if (!put_record(shard, config, domain, pointer, size)) return;
    double weight = cc__session_weight(&shard->session, size);
    double variance = weight * (weight - 1); /* (1 - p) / p^2, Horvitz and Thompson 1952 */
    cc__estimated_t *sums = &shard->estimated[domain];
    cc__own_add(&shard->samples, 1);
    cc__own_add(&sums->alloc_bins[cc__bin(size)], weight);
    cc__own_add(&sums->alloc_bytes, weight * (double)size);
    cc__own_add(&sums->alloc_count_variance, variance);
    cc__own_add(&sums->alloc_bytes_variance, variance * (double)size * (double)size);
    add_balance(shard, (int64_t)(weight * (double)size + 0.5));
}

/* Takes the record of a block that is about to be freed; 0 when it has none. */
INLINE uint64_t take_record(uintptr_t address, uint64_t config, cc__leaf_t **leaf, size_t *index) {
    *leaf = cc__shadow_leaf(address);
    if (*leaf == NULL) return 0;
    *index = cc__shadow_index(address);
    uint64_t record = cc__load_relaxed(&(*leaf)->words[*index]);
    if (record == 0) return 0;
    cc__store_relaxed(&(*leaf)->words[*index], 0);
    if (CC_UNLIKELY((config & (CC__RATE | CC__INTERVAL | CC__ALL_FREES)) != 0) &&
        cc__shadow_sampled(*leaf, *index))
        cc__and_relaxed(&(*leaf)->sampled[*index / 64], ~((uint64_t)1 << (*index % 64)));
    return record;
}

/* Counts the free of the block that `record` is of. */
INLINE void count_free(cc__shard_t *shard, unsigned domain, uint64_t record, uint64_t size) {
    unsigned session = cc__record_session(record);
    if (CC_UNLIKELY(session < shard->plain_session)) {
        if (session < shard->oldest_session)
            cc__own_add(&shard->untracked_frees, 1);
        else
            cc__free_special(shard, domain, record, size);
        return;
    }
    cc__count_free(&shard->counted[domain], size);
    if (CC_UNLIKELY(cc__record_slot(record) != shard->slot))
        cc__flow_count(shard, cc__record_slot(record), 1, (double)size);
    add_balance(shard, -(int64_t)size);
}

/* ---- threads that are not in line ------------------------------------------------------------------------------- */

/* The thread has not seen this configuration, or is inside a wrapper, or paused. NULL: pass on. */
static __attribute__((noinline)) cc__shard_t *sync_thread(uint64_t config, unsigned domain) {
    cc__thread_t *self = cc__thread_get();
    if (self == NULL) {
        __atomic_fetch_add(&cc__recorder.lost_records, 1, __ATOMIC_RELAXED);
        return NULL;
    }
    if (self->observer_state == CC__THREAD_PROBING + domain) self->observer_state = CC__THREAD_PROBED;
    if (self->observer_state >= CC__THREAD_INSIDE && self->observer_state < CC__THREAD_PROBING + CC_PROFILE_DOMAINS)
        return NULL;
    if (config < ((uint64_t)1 << CC__CONFIG_SESSION_SHIFT)) return NULL; /* only another thread's probe */
    cc__shard_t *shard = cc__shard_sync(self, config);
    if (shard == NULL) __atomic_fetch_add(&cc__recorder.lost_records, 1, __ATOMIC_RELAXED);
    return shard;
}

/* The calling thread's shard, in line with the configuration; NULL: pass on. */
INLINE cc__shard_t *own_shard(uint64_t config, unsigned domain) {
    cc__thread_t *thread = cc__thread_self;
    if (CC_LIKELY(thread != NULL && thread->observer_state == config)) return thread->slots[CC__SLOT_PROFILE];
    return sync_thread(config, domain);
}

/* The same for a free: pausing is for allocations alone. *state is what observer_state must become again. */
INLINE cc__shard_t *own_shard_for_free(uint64_t config, unsigned domain, uint64_t *state) {
    cc__thread_t *thread = cc__thread_self;
    bool paused = thread != NULL && thread->observer_state == CC__THREAD_PAUSED;
    if (CC_UNLIKELY(paused)) thread->observer_state = CC__THREAD_UNSYNCED;
    cc__shard_t *shard = own_shard(config, domain);
    if (CC_UNLIKELY(paused && shard == NULL)) thread->observer_state = CC__THREAD_PAUSED;
    *state = paused ? CC__THREAD_PAUSED : config;
    return shard;
}

/* The wrapper that lies below a small request is never reached: it is for what CPython's object allocator can't serve from
 * its own pools, which begins above UNGUARDED_SIZE, with debug hooks or without. So the thread need not be marked as inside,
 * and the free can end in a jump. (If the system has no memory for a new pool, the raw wrapper counts such a block too.) */
enum { UNGUARDED_SIZE = CC__SMALL_SIZE - 32 };

/* ---- allocation ------------------------------------------------------------------------------------------------- */

/* An allocation that is recorded for sure: all in an exact session, those that are due in a sampled one. */
INLINE void *allocate_recorded(cc__shard_t *shard, uint64_t config, unsigned domain, request_t request) {
    cc__thread_t *thread = shard->thread;
    bool exact = (config & CC__EXACT) != 0;
    thread->observer_state = CC__THREAD_INSIDE;
    bool timed = is_timed(shard, exact);
    void *pointer = perform_timed(shard, domain, request, shard->least_size, timed);
    if (CC_LIKELY(exact))
        count_allocation(shard, config, domain, pointer, request.size);
    else
        count_sample(shard, config, domain, pointer, request.size);
    thread->observer_state = config;
    return pointer;
}

/* Takes one allocation, or size + 1 bytes, off the countdown. */
INLINE bool sample_is_due(cc__thread_t *thread, size_t size) {
    thread->observer_countdown += ~(int64_t)(size & thread->observer_mask);
    return CC_UNLIKELY(thread->observer_countdown <= 0);
}

/* An unsampled allocation of a thread in line: one countdown, and the call is passed on. Only the allocators for small
 * objects hand large requests to another domain, whose wrapper must not count them again. */
INLINE bool may_pass_unsampled(uint64_t config, unsigned domain, size_t size) {
    if (CC_UNLIKELY((config & CC__EXACT) != 0)) return false; /* so costs the exact session, which is slower, the jump */
    if (CC_UNLIKELY(size > UNGUARDED_SIZE) && domain > CC_PROFILE_RAW) return false;
    cc__thread_t *thread = cc__thread_self;
    if (CC_UNLIKELY(thread == NULL) || CC_UNLIKELY(thread->observer_state != config)) return false;
    return CC_LIKELY(!sample_is_due(thread, size));
}

/* All that is not passed on at once. In a sampled session the countdown was taken if may_pass_unsampled got that far;
 * then it stands at 0 or below. */
INLINE void *allocate_slowly(uint64_t config, unsigned domain, request_t request) {
    cc__shard_t *shard = config != 0 ? own_shard(config, domain) : NULL;
    if (CC_UNLIKELY(shard == NULL)) return perform(domain, request, 0);
    if (CC_LIKELY((config & CC__EXACT) != 0)) return allocate_recorded(shard, config, domain, request);
    cc__thread_t *thread = shard->thread;
    if (thread->observer_countdown > 0 && !sample_is_due(thread, request.size)) {
        thread->observer_state = CC__THREAD_INSIDE;
        void *pointer = perform(domain, request, 0);
        thread->observer_state = config;
        return pointer;
    }
    thread->observer_countdown = cc__draw_countdown(shard);
    return allocate_recorded(shard, config, domain, request);
}

/* ---- free ------------------------------------------------------------------------------------------------------- */

INLINE void release_slowly(uint64_t config, unsigned domain, request_t request, void *pointer) {
    uint64_t state;
    cc__shard_t *shard = pointer != NULL && config != 0 ? own_shard_for_free(config, domain, &state) : NULL;
    if (CC_UNLIKELY(shard == NULL)) {
        perform_free(domain, request, pointer);
        return;
    }
    cc__thread_t *thread = shard->thread;
    bool exact = (config & CC__EXACT) != 0;
    thread->observer_state = CC__THREAD_INSIDE;
    cc__leaf_t *leaf;
    size_t index;
    uint64_t record = take_record((uintptr_t)pointer, config, &leaf, &index);
    if (CC_LIKELY(cc__record_session(record) != 0))
        count_free(shard, domain, record, cc__record_size(leaf, index, record));
    else if (exact)
        cc__own_add(&shard->untracked_frees, 1);
    perform_free_timed(shard, domain, request, pointer, is_timed(shard, exact));
    thread->observer_state = state;
}

/* Whether the block may have a record: in a sampled session the bitmap knows. */
INLINE bool may_be_recorded(uint64_t config, void *pointer) {
    if (CC_UNLIKELY((config & CC__FILTERED) == 0)) return true;
    cc__leaf_t *leaf = cc__shadow_leaf((uintptr_t)pointer);
    return leaf != NULL && CC_UNLIKELY(cc__shadow_sampled(leaf, cc__shadow_index((uintptr_t)pointer)));
}

/* ---- realloc ---------------------------------------------------------------------------------------------------- */

/* One free and one allocation by this thread, in place or moved. The old record is taken before the call, because the
 * old address may be another thread's block when it returns; on failure it is put back. */
INLINE void *reallocate_slowly(uint64_t config, unsigned domain, request_t request) {
    uint64_t state;
    cc__shard_t *shard = own_shard_for_free(config, domain, &state);
    if (CC_UNLIKELY(shard == NULL)) return perform(domain, request, 0);
    cc__thread_t *thread = shard->thread;
    bool exact = (config & CC__EXACT) != 0, paused = state == CC__THREAD_PAUSED;
    bool sample = !exact && !paused && sample_is_due(thread, request.size);
    thread->observer_state = CC__THREAD_INSIDE;
    cc__leaf_t *leaf = NULL;
    size_t index = 0;
    uint64_t record = 0, old_size = 0;
    if (request.pointer != NULL && may_be_recorded(config, request.pointer)) {
        record = take_record((uintptr_t)request.pointer, config, &leaf, &index);
        if (cc__record_session(record) != 0) old_size = cc__record_size(leaf, index, record);
    }
    if (sample) thread->observer_countdown = cc__draw_countdown(shard);
    bool recorded = sample || (exact && !paused);
    void *pointer = perform_timed(shard, domain, request, recorded ? shard->least_size : 0,
                                  (exact || sample) && is_timed(shard, exact));
    if (CC_UNLIKELY(pointer == NULL)) {
        if (record != 0) {
            cc__store_relaxed(&leaf->words[index], record);
            if (cc__record_session(record) != 0 && !cc__recorder.sessions[cc__record_session(record)].exact)
                cc__or_relaxed(&leaf->sampled[index / 64], (uint64_t)1 << (index % 64));
        }
        cc__own_add(&shard->failed, 1);
    } else {
        if (recorded && exact) count_allocation(shard, config, domain, pointer, request.size);
        if (sample) count_sample(shard, config, domain, pointer, request.size);
        if (cc__record_session(record) != 0)
            count_free(shard, domain, record, old_size);
        else if (request.pointer != NULL && exact)
            cc__own_add(&shard->untracked_frees, 1);
    }
    thread->observer_state = state;
    return pointer;
}

/* ---- the common case of an exact session ------------------------------------------------------------------------ */

/* Small blocks, a thread in line, nothing due: most of what a program does. The same as above with all that is not needed
 * left out; whatever is not of this case is left to the code above, before anything is changed. */

/* The calling thread's shard when the operation is of the common case so far. */
INLINE cc__shard_t *common_shard(uint64_t config) {
    cc__thread_t *thread = cc__thread_self;
    if (CC_UNLIKELY(thread == NULL || thread->observer_state != config || (config & CC__EXACT) == 0)) return NULL;
    cc__shard_t *shard = thread->slots[CC__SLOT_PROFILE];
    return CC_LIKELY(shard->timing_countdown > 0) ? shard : NULL;
}

INLINE void *record_small(cc__shard_t *shard, unsigned domain, void *pointer, size_t size) {
    cc__leaf_t *leaf = cc__shadow_leaf((uintptr_t)pointer);
    if (CC_UNLIKELY(leaf == NULL || pointer == NULL)) return count_allocation_slowly(shard, domain, pointer, size);
    _Atomic(uint64_t) *word = &leaf->words[cc__shadow_index((uintptr_t)pointer)];
    if (CC_UNLIKELY(shard->wants_origin)) return record_with_origin(shard, domain, pointer, size, word);
    cc__store_relaxed(word, shard->stamp | size);
    cc__own_add(&shard->counted[domain].alloc_small[size], 1);
    cc__own_add(&shard->balance, (int64_t)size); /* flushed with the next timed operation */
    return pointer;
}

/* Counts the free if it is of the common case. */
INLINE bool forget_small(cc__shard_t *shard, unsigned domain, void *pointer) {
    cc__leaf_t *leaf = cc__shadow_leaf((uintptr_t)pointer);
    if (CC_UNLIKELY(leaf == NULL)) return false;
    _Atomic(uint64_t) *word = &leaf->words[cc__shadow_index((uintptr_t)pointer)];
    uint64_t record = cc__load_relaxed(word), size = record & CC__SIZE_BESIDE;
    if (CC_UNLIKELY(cc__record_session(record) < shard->plain_session || size > UNGUARDED_SIZE ||
                    cc__record_slot(record) != shard->slot))
        return false;
    cc__store_relaxed(word, 0);
    shard->timing_countdown--;
    cc__own_add_release(&shard->counted[domain].free_small[size], 1);
    cc__own_add(&shard->balance, -(int64_t)size);
    return true;
}

/* ---- the wrappers ----------------------------------------------------------------------------------------------- */

/* Without a session (config 0) a call takes the slow way and is passed on there: then no wrapper is installed, but for calls in
 * flight. Each is a small function that passes the call on by a jump, a larger one beside it for the common case of an exact
 * session, and a large one for the rest. Acquire loads of the configuration pair with the release store in begin_session:
 * who sees a session sees the table made for it. */

#define APART static __attribute__((noinline))

#define DEFINE_WRAPPERS(name, domain) \
    APART void *name##_malloc_slowly(size_t size, uint64_t config) { \
        request_t request = {.kind = MALLOC, .size = size}; \
        return allocate_slowly(config, domain, request); \
    } \
    APART void *name##_malloc_recorded(size_t size, uint64_t config) { \
        cc__shard_t *shard = common_shard(config); \
        if (CC_UNLIKELY(shard == NULL || size > UNGUARDED_SIZE)) return name##_malloc_slowly(size, config); \
        request_t request = {.kind = MALLOC, .size = size}; \
        shard->timing_countdown--; \
        return record_small(shard, domain, perform(domain, request, shard->least_size), size); \
    } \
    static void *name##_malloc(void *context, size_t size) { \
        (void)context; \
        request_t request = {.kind = MALLOC, .size = size}; \
        uint64_t config = cc__load_acquire(&cc__profile_config[domain]); \
        if (CC_UNLIKELY(!may_pass_unsampled(config, domain, size))) return name##_malloc_recorded(size, config); \
        return perform(domain, request, 0); \
    } \
    APART void *name##_calloc_slowly(size_t count, size_t size, uint64_t config) { \
        request_t request = {.kind = CALLOC, .size = count * size, .count = count, .element = size}; \
        return allocate_slowly(config, domain, request); \
    } \
    static void *name##_calloc(void *context, size_t count, size_t size) { \
        (void)context; \
        size_t bytes; \
        if (__builtin_mul_overflow(count, size, &bytes)) return NULL; \
        request_t request = {.kind = CALLOC, .size = bytes, .count = count, .element = size}; \
        uint64_t config = cc__load_acquire(&cc__profile_config[domain]); \
        if (CC_UNLIKELY(!may_pass_unsampled(config, domain, bytes))) return name##_calloc_slowly(count, size, config); \
        return perform(domain, request, 0); \
    } \
    APART void *name##_realloc_slowly(void *pointer, size_t size, uint64_t config) { \
        request_t request = {.kind = REALLOC, .size = size, .pointer = pointer}; \
        return reallocate_slowly(config, domain, request); \
    } \
    static void *name##_realloc(void *context, void *pointer, size_t size) { \
        (void)context; \
        request_t request = {.kind = REALLOC, .size = size, .pointer = pointer}; \
        uint64_t config = cc__load_acquire(&cc__profile_config[domain]); \
        if (CC_LIKELY(config == 0)) return perform(domain, request, 0); \
        return name##_realloc_slowly(pointer, size, config); \
    } \
    APART void name##_free_slowly(void *pointer, uint64_t config) { \
        release_slowly(config, domain, (request_t){0}, pointer); \
    } \
    APART void name##_free_recorded(void *pointer, uint64_t config) { \
        cc__shard_t *shard = common_shard(config); \
        if (CC_UNLIKELY(shard == NULL || !forget_small(shard, domain, pointer))) \
            name##_free_slowly(pointer, config); \
        else \
            perform_free(domain, (request_t){0}, pointer); \
    } \
    static void name##_free(void *context, void *pointer) { \
        (void)context; \
        uint64_t config = cc__load_acquire(&cc__profile_config[domain]); \
        if (CC_UNLIKELY(may_be_recorded(config, pointer))) \
            name##_free_recorded(pointer, config); \
        else \
            perform_free(domain, (request_t){0}, pointer); \
    }

DEFINE_WRAPPERS(raw, CC_PROFILE_RAW)
DEFINE_WRAPPERS(mem, CC_PROFILE_MEM)
DEFINE_WRAPPERS(object, CC_PROFILE_OBJECT)

/* The runtime's own allocations come through its observer, SQLite's through that of whatever allocator is plugged into it. */
#define DEFINE_OBSERVER(name, domain) \
    static void *name##_allocate(const cc__allocator_t *below, cc__request_t *observed) { \
        request_t request = {.kind = MALLOC, .size = observed->size, .observed = observed, .below = below}; \
        uint64_t config = cc__load_acquire(&cc__profile_config[domain]); \
        if (config == 0) return perform(domain, request, 0); \
        return allocate_slowly(config, domain, request); \
    } \
    static void *name##_reallocate(const cc__allocator_t *below, cc__request_t *observed) { \
        request_t request = {.kind = REALLOC, .size = observed->size, .pointer = observed->pointer, \
                             .observed = observed, .below = below}; \
        uint64_t config = cc__load_acquire(&cc__profile_config[domain]); \
        if (config == 0) return perform(domain, request, 0); \
        return reallocate_slowly(config, domain, request); \
    } \
    static void name##_release(const cc__allocator_t *below, cc__request_t *observed) { \
        request_t request = {.observed = observed, .below = below}; \
        uint64_t config = cc__load_acquire(&cc__profile_config[domain]); \
        if (config == 0 || !may_be_recorded(config, observed->pointer)) \
            perform_free(domain, request, observed->pointer); \
        else \
            release_slowly(config, domain, request, observed->pointer); \
    } \
    const cc__allocator_t cc__##name##_observer = {name##_allocate, name##_reallocate, name##_release, NULL};

DEFINE_OBSERVER(runtime, CC_PROFILE_RUNTIME)
DEFINE_OBSERVER(sqlite, CC_PROFILE_SQLITE)

/* The domains that cc_profile_wrap is for. */
static bool is_wrapped(unsigned domain) {
    return domain >= CC_PROFILE_RAW && domain <= CC_PROFILE_OBJECT;
}

#define WRAPPER(name) {NULL, name##_malloc, name##_calloc, name##_realloc, name##_free}
static const cc_profile_allocator_t wrappers[CC_PROFILE_DOMAINS] = {
    [CC_PROFILE_RAW] = WRAPPER(raw), [CC_PROFILE_MEM] = WRAPPER(mem), [CC_PROFILE_OBJECT] = WRAPPER(object)};

unsigned cc__profile_classes[CC_PROFILE_DOMAINS] = {[CC_PROFILE_RUNTIME] = CC_PROFILE_CLASSES_MIMALLOC};

int cc_profile_wrap(unsigned domain, const cc_profile_allocator_t *below, unsigned classes,
                    cc_profile_allocator_t *wrapper) {
    if (!is_wrapped(domain) || below == NULL || wrapper == NULL ||
        classes > CC_PROFILE_CLASSES_MIMALLOC)
        return CC_ERROR_ARGUMENT;
    int status = CC_OK;
    cc__mutex_lock(&cc__recorder.lock); /* readers of the classes hold it, and fork waits for it */
    const cc_profile_allocator_t *copy = NULL;
    for (size_t i = 0; i < originals_used && copy == NULL; i++)
        if (memcmp(&originals[i], below, sizeof *below) == 0) copy = &originals[i];
    if (copy == NULL && originals_used < MAX_ORIGINALS) {
        originals[originals_used] = *below;
        copy = &originals[originals_used++];
    }
    if (copy != NULL) cc__profile_classes[domain] = classes;
    if (copy != NULL)
        cc__store_release(&original[domain], copy); /* pairs with the acquire loads in perform and perform_free */
    else
        status = CC_ERROR_LIMIT;
    cc__mutex_unlock(&cc__recorder.lock);
    if (status != CC_OK) return status;
    *wrapper = wrappers[domain];
    wrapper->context = below->context;
    return CC_OK;
}

bool cc_profile_unwrap(unsigned domain, const cc_profile_allocator_t *present, cc_profile_allocator_t *below) {
    if (!is_wrapped(domain) || present->malloc != wrappers[domain].malloc)
        return false;
    *below = *cc__load_acquire(&original[domain]); /* as in perform() */
    return true;
}

/* Probing: when idle, a word without a session makes wrappers look at the thread's state. Its low byte counts the threads that
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
    uint64_t seen = cc__load_acquire(&cc__profile_config[domain]); /* pairs with begin_session, as in the wrappers */
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
