/* profile/tap.h: counting and forgetting a block: the inlines that every source is made of.
 *
 * A *tap* is a function in an allocator's place. It passes on at once when its domain is not recorded; in a sampled
 * session nearly all calls do after one countdown or one look into a bitmap. The thread's observer_state says in one
 * comparison that the thread knows the present configuration and is not already inside a tap (CPython's object
 * allocator calls the raw one for large blocks: only the outermost call is recorded).
 *
 * A tap does this, whatever the session and the thread:
 *     cc__tap_t tap = cc__tap_allocation(source, config, size);
 *     pointer = (the allocator below, at least tap.least bytes);
 *     return cc__tap_allocated(source, &tap, pointer, size);
 * and the same with cc__tap_reallocation … cc__tap_reallocated, or cc__tap_free … cc__tap_freed. A free is recorded
 * before the block is given back, an allocation after it is there and before the caller has it.
 *
 * Before that a tap may look whether it need do anything (cc__tap_config, cc__tap_passes_unsampled,
 * cc__tap_may_be_recorded), and handle the common case of an exact session apart (cc__tap_common, cc__tap_record_small,
 * cc__tap_forget_small).
 *
 * `source` is always the address of a constant, whose fields the compiler then knows; all here is inlined, but for what
 * is rare (tap.c). */
#ifndef CC_PROFILE_TAP_H
#define CC_PROFILE_TAP_H

#include "../base/cycles.h"
#include "baseline.h"
#include "recorder.h"
#include "source.h"

#define CC__TAP_INLINE static inline __attribute__((always_inline))
/* For the parts of a tap that are not to be inlined into the small function in front. */
#define CC__TAP_APART static __attribute__((noinline))

/* Up to this size, with debug hooks or without, CPython's object allocator serves requests from its own pools and calls
 * no other allocator. So a thread need not be marked as inside, and a free can end in a jump. (If the system has no
 * memory for a new pool, the raw wrapper counts such a block too.) */
enum { CC__UNGUARDED_SIZE = CC__SMALL_SIZE - 32 };

/* ---- what is rare (tap.c) --------------------------------------------------------------------------------------- */

/* The shard of a thread that has not seen this configuration; NULL when it is inside a tap, paused, or without
 * memory. */
cc__shard_t *cc__tap_sync(uint64_t config, unsigned domain);
/* What comes before a timed operation; cycles are read after it. */
void cc__tap_prepare_timing(cc__shard_t *shard);
void cc__tap_finish_timing(cc__shard_t *shard, _Atomic(uint64_t) *histogram, uint64_t cycles);
/* The leaf of an address that has none yet; NULL, and counted, when there is no memory. */
cc__leaf_t *cc__tap_add_leaf(cc__shard_t *shard, uintptr_t address);
/* Puts the time of an allocation beside its record `word`, and returns its site in place for a record: what only leak
 * detection asks for. */
uint64_t cc__tap_put_origin(cc__shard_t *shard, cc__frames_t frames, _Atomic(uint64_t) *word);

/* ---- recording -------------------------------------------------------------------------------------------------- */

/* Writes the record of a new block. False when there is no memory for it. */
CC__TAP_INLINE bool cc__put_record(const cc__source_t *source, cc__shard_t *shard, uint64_t config, void *pointer,
                                   size_t size) {
    uintptr_t address = (uintptr_t)pointer;
    cc__leaf_t *leaf = cc__shadow_leaf(address);
    if (CC_UNLIKELY(leaf == NULL)) {
        leaf = cc__tap_add_leaf(shard, address);
        if (leaf == NULL) return false;
    }
    size_t index = cc__shadow_index(address);
    uint64_t record = shard->stamp;
    if (CC_UNLIKELY((config & (CC__STACKS | CC__TIMES)) != 0)) {
        shard->clock_is_due = true;
        record |= cc__tap_put_origin(shard, source->frames, &leaf->words[index]);
    }
    /* The locked instruction comes before the stores, which may miss the cache: it would wait for them. */
    if ((config & CC__EXACT) == 0) cc__or_relaxed(&leaf->sampled[index / 64], (uint64_t)1 << (index % 64));
    if (CC_UNLIKELY(size >= CC__SIZE_BESIDE)) {
        cc__store_relaxed(&leaf->words[index + 2], size < CC__BESIDE_LIMIT ? size : CC__BESIDE_LIMIT - 1);
        size = CC__SIZE_BESIDE;
    }
    cc__store_relaxed(&leaf->words[index], record | size);
    return true;
}

/* Counts a new block of an exact session; NULL: a failure. */
CC__TAP_INLINE void cc__count_block(const cc__source_t *source, cc__shard_t *shard, uint64_t config, void *pointer,
                                    size_t size) {
    if (CC_UNLIKELY(pointer == NULL)) {
        cc__own_add(&shard->failed, 1);
        return;
    }
    if (CC_UNLIKELY(!cc__put_record(source, shard, config, pointer, size))) return;
    cc__count_alloc(&shard->counted[source->domain], size);
    cc__shard_add_balance(shard, (int64_t)size);
}

/* The same for a sampled block, which stands for others like it. */
CC__TAP_INLINE void cc__count_sample(const cc__source_t *source, cc__shard_t *shard, uint64_t config, void *pointer,
                                     size_t size) {
    if (pointer == NULL) {
        cc__own_add(&shard->failed, cc__session_weight(&shard->session, size));
        return;
    }
    if (!cc__put_record(source, shard, config, pointer, size)) return;
    double weight = cc__estimate(&shard->estimated[source->domain].alloc, &shard->session, size);
    cc__own_add(&shard->samples, 1);
    cc__shard_add_balance(shard, (int64_t)(weight * (double)size + 0.5));
}

/* Takes the record of a block that is about to be freed; 0 when it has none. */
CC__TAP_INLINE uint64_t cc__take_record(uintptr_t address, uint64_t config, cc__leaf_t **leaf, size_t *index) {
    *leaf = cc__shadow_leaf(address);
    if (*leaf == NULL) return 0;
    *index = cc__shadow_index(address);
    uint64_t record = cc__load_relaxed(&(*leaf)->words[*index]);
    if (record == 0) return 0;
    cc__store_relaxed(&(*leaf)->words[*index], 0);
    if (CC_UNLIKELY((config & (CC__RATE | CC__INTERVAL | CC__ALL_FREES)) != 0) && cc__shadow_sampled(*leaf, *index))
        cc__and_relaxed(&(*leaf)->sampled[*index / 64], ~((uint64_t)1 << (*index % 64)));
    return record;
}

/* Counts the free of the block that `record` is of. */
CC__TAP_INLINE void cc__forget_block(const cc__source_t *source, cc__shard_t *shard, uint64_t record, uint64_t size) {
    unsigned session = cc__record_session(record);
    if (CC_UNLIKELY(session < shard->plain_session)) {
        if (session < shard->oldest_session)
            cc__own_add(&shard->untracked_frees, 1);
        else
            cc__free_special(shard, source->domain, record, size);
        return;
    }
    cc__count_free(&shard->counted[source->domain], size);
    if (CC_UNLIKELY(cc__record_slot(record) != shard->slot))
        cc__flow_count(shard, cc__record_slot(record), 1, (double)size, false);
    cc__shard_add_balance(shard, -(int64_t)size);
}

/* ---- the thread ------------------------------------------------------------------------------------------------- */

/* The calling thread's shard, in line with the configuration; NULL: pass on. */
CC__TAP_INLINE cc__shard_t *cc__tap_shard(uint64_t config, unsigned domain) {
    cc__thread_t *thread = cc__thread_self;
    if (CC_LIKELY(thread != NULL && thread->observer_state == config)) return thread->slots[CC__SLOT_PROFILE];
    return cc__tap_sync(config, domain);
}

/* The same for a free: pausing is for allocations alone. *state is what observer_state must become again. */
CC__TAP_INLINE cc__shard_t *cc__tap_shard_for_free(uint64_t config, unsigned domain, uint64_t *state) {
    cc__thread_t *thread = cc__thread_self;
    bool paused = thread != NULL && thread->observer_state == CC__THREAD_PAUSED;
    if (CC_UNLIKELY(paused)) thread->observer_state = CC__THREAD_UNSYNCED;
    cc__shard_t *shard = cc__tap_shard(config, domain);
    if (CC_UNLIKELY(paused && shard == NULL)) thread->observer_state = CC__THREAD_PAUSED;
    *state = paused ? CC__THREAD_PAUSED : config;
    return shard;
}

/* Takes an allocation off the countdown: as one, or as its bytes and the session's step. */
CC__TAP_INLINE bool cc__sample_is_due(cc__thread_t *thread, size_t size) {
    thread->observer_countdown -= (int64_t)((size & (size_t)(ptrdiff_t)thread->observer_mask) + thread->observer_step);
    return CC_UNLIKELY(thread->observer_countdown <= 0);
}

enum { CC__SAMPLES_PER_TIMING = 16 };

/* Whether a recorded operation is timed: when the countdown ends, and every 16th of the few that are sampled. */
CC__TAP_INLINE bool cc__is_timed(cc__shard_t *shard, bool exact) {
    return exact ? shard->timing_countdown-- <= 0 : ++shard->samples_seen % CC__SAMPLES_PER_TIMING == 0;
}

/* ---- the first look --------------------------------------------------------------------------------------------- */

/* The domain's configuration. Without a session (0) a call is passed on. Acquire pairs with the release store in
 * cc__session_begin: who sees a session sees what was made for it. */
CC__TAP_INLINE uint64_t cc__tap_config(const cc__source_t *source) {
    return cc__load_acquire(&cc__profile_config[source->domain]);
}

/* An unsampled allocation of a thread in line: one countdown, and the call is passed on as it is. */
CC__TAP_INLINE bool cc__tap_passes_unsampled(const cc__source_t *source, uint64_t config, size_t size) {
    if (CC_UNLIKELY((config & CC__EXACT) != 0)) return false; /* the exact session, slower anyhow, pays the jump */
    if (source->nests && CC_UNLIKELY(size > CC__UNGUARDED_SIZE)) return false;
    cc__thread_t *thread = cc__thread_self;
    if (CC_UNLIKELY(thread == NULL) || CC_UNLIKELY(thread->observer_state != config)) return false;
    return CC_LIKELY(!cc__sample_is_due(thread, size));
}

/* Whether the block may have a record: in a sampled session the bitmap knows. When not, a free is passed on as it
 * is. */
CC__TAP_INLINE bool cc__tap_may_be_recorded(uint64_t config, void *pointer) {
    if (CC_UNLIKELY((config & CC__FILTERED) == 0)) return true;
    cc__leaf_t *leaf = cc__shadow_leaf((uintptr_t)pointer);
    return leaf != NULL && CC_UNLIKELY(cc__shadow_sampled(leaf, cc__shadow_index((uintptr_t)pointer)));
}

/* ---- any call --------------------------------------------------------------------------------------------------- */

/* A call on its way, in registers after inlining. */
typedef struct cc__tap {
    cc__shard_t *shard; /* NULL: it is passed on as it is */
    uint64_t config;
    uint64_t state; /* what observer_state becomes again */
    size_t least;   /* bytes to take from the allocator below, at least; 0: as many as were asked for */
    bool exact, recorded;
    uint64_t began; /* in cycles; 0: it is not timed */
    /* reallocation: the old block */
    void *pointer;
    cc__leaf_t *leaf;
    size_t index;
    uint64_t record, old_size;
} cc__tap_t;

CC__TAP_INLINE void cc__tap_begin_timing(cc__tap_t *tap) {
    if (CC_LIKELY(!cc__is_timed(tap->shard, tap->exact))) return;
    cc__tap_prepare_timing(tap->shard);
    tap->began = cc__cycles();
}

CC__TAP_INLINE void cc__tap_end_timing(const cc__tap_t *tap, _Atomic(uint64_t) *histogram) {
    if (CC_UNLIKELY(tap->began != 0)) cc__tap_finish_timing(tap->shard, histogram, cc__cycles() - tap->began);
}

/* In a sampled session the countdown was taken if cc__tap_passes_unsampled got that far; then it stands at 0 or
 * below. */
CC__TAP_INLINE cc__tap_t cc__tap_allocation(const cc__source_t *source, uint64_t config, size_t size) {
    cc__tap_t tap = {.config = config, .state = config, .exact = (config & CC__EXACT) != 0};
    tap.shard = config != 0 ? cc__tap_shard(config, source->domain) : NULL;
    if (CC_UNLIKELY(tap.shard == NULL)) return tap;
    cc__thread_t *thread = tap.shard->thread;
    tap.recorded = true;
    if (!tap.exact) {
        tap.recorded = thread->observer_countdown <= 0 || cc__sample_is_due(thread, size);
        if (tap.recorded) thread->observer_countdown = cc__sampler_draw(&tap.shard->sampler);
    }
    thread->observer_state = CC__THREAD_INSIDE;
    if (!tap.recorded) return tap;
    tap.least = tap.shard->least_size;
    cc__tap_begin_timing(&tap);
    return tap;
}

CC__TAP_INLINE void *cc__tap_allocated(const cc__source_t *source, const cc__tap_t *tap, void *pointer, size_t size) {
    cc__shard_t *shard = tap->shard;
    if (CC_UNLIKELY(shard == NULL)) return pointer;
    cc__tap_end_timing(tap, shard->alloc_latency);
    if (CC_LIKELY(tap->exact))
        cc__count_block(source, shard, tap->config, pointer, size);
    else if (tap->recorded)
        cc__count_sample(source, shard, tap->config, pointer, size);
    shard->thread->observer_state = tap->state;
    return pointer;
}

/* One free and one allocation by this thread, in place or moved. The old record is taken before the call, because the
 * old address may be another thread's block when it returns; on failure it is put back. `pointer` may be NULL. */
CC__TAP_INLINE cc__tap_t cc__tap_reallocation(const cc__source_t *source, uint64_t config, void *pointer, size_t size) {
    cc__tap_t tap = {.config = config, .exact = (config & CC__EXACT) != 0, .pointer = pointer};
    tap.shard = config != 0 ? cc__tap_shard_for_free(config, source->domain, &tap.state) : NULL;
    if (CC_UNLIKELY(tap.shard == NULL)) return tap;
    cc__thread_t *thread = tap.shard->thread;
    bool paused = tap.state == CC__THREAD_PAUSED;
    tap.recorded = !paused && (tap.exact || cc__sample_is_due(thread, size));
    thread->observer_state = CC__THREAD_INSIDE;
    if (pointer != NULL && cc__tap_may_be_recorded(config, pointer)) {
        tap.record = cc__take_record((uintptr_t)pointer, config, &tap.leaf, &tap.index);
        if (cc__record_session(tap.record) != 0) tap.old_size = cc__record_size(tap.leaf, tap.index, tap.record);
    }
    if (tap.recorded && !tap.exact) thread->observer_countdown = cc__sampler_draw(&tap.shard->sampler);
    if (tap.recorded) tap.least = tap.shard->least_size;
    if (tap.exact || tap.recorded) cc__tap_begin_timing(&tap);
    return tap;
}

/* The old block stays, and so does its record. */
CC__TAP_INLINE void cc__put_back(const cc__tap_t *tap, size_t size) {
    if (tap->record != 0) {
        cc__store_relaxed(&tap->leaf->words[tap->index], tap->record);
        unsigned session = cc__record_session(tap->record);
        if (session != 0 && !cc__session_of(session)->exact)
            cc__or_relaxed(&tap->leaf->sampled[tap->index / 64], (uint64_t)1 << (tap->index % 64));
    }
    if (tap->recorded) cc__own_add(&tap->shard->failed, cc__session_weight(&tap->shard->session, size));
}

CC__TAP_INLINE void *cc__tap_reallocated(const cc__source_t *source, const cc__tap_t *tap, void *moved, size_t size) {
    cc__shard_t *shard = tap->shard;
    if (CC_UNLIKELY(shard == NULL)) return moved;
    cc__tap_end_timing(tap, shard->alloc_latency);
    if (CC_UNLIKELY(moved == NULL)) {
        cc__put_back(tap, size);
    } else {
        if (tap->recorded && tap->exact) cc__count_block(source, shard, tap->config, moved, size);
        if (tap->recorded && !tap->exact) cc__count_sample(source, shard, tap->config, moved, size);
        if (cc__record_session(tap->record) != 0)
            cc__forget_block(source, shard, tap->record, tap->old_size);
        else if (tap->pointer != NULL && tap->exact)
            cc__own_add(&shard->untracked_frees, 1);
    }
    shard->thread->observer_state = tap->state;
    return moved;
}

/* `pointer` may be NULL. */
CC__TAP_INLINE cc__tap_t cc__tap_free(const cc__source_t *source, uint64_t config, void *pointer) {
    cc__tap_t tap = {.config = config, .exact = (config & CC__EXACT) != 0};
    tap.shard = pointer != NULL && config != 0 ? cc__tap_shard_for_free(config, source->domain, &tap.state) : NULL;
    if (CC_UNLIKELY(tap.shard == NULL)) return tap;
    tap.shard->thread->observer_state = CC__THREAD_INSIDE;
    cc__leaf_t *leaf;
    size_t index;
    uint64_t record = cc__take_record((uintptr_t)pointer, config, &leaf, &index);
    if (CC_LIKELY(cc__record_session(record) != 0))
        cc__forget_block(source, tap.shard, record, cc__record_size(leaf, index, record));
    else if (tap.exact)
        cc__own_add(&tap.shard->untracked_frees, 1);
    cc__tap_begin_timing(&tap);
    return tap;
}

CC__TAP_INLINE void cc__tap_freed(const cc__tap_t *tap) {
    if (CC_UNLIKELY(tap->shard == NULL)) return;
    cc__tap_end_timing(tap, tap->shard->free_latency);
    tap->shard->thread->observer_state = tap->state;
}

/* ---- the common case of an exact session ------------------------------------------------------------------------ */

/* Small blocks, a thread in line, nothing due: most of what a program does. The same as above with all that is not
 * needed left out; whatever is not of this case is left to the code above, before anything is changed. */

/* The calling thread's shard when the operation is of the common case so far. */
CC__TAP_INLINE cc__shard_t *cc__tap_common(uint64_t config) {
    cc__thread_t *thread = cc__thread_self;
    if (CC_UNLIKELY(thread == NULL || thread->observer_state != config || (config & CC__EXACT) == 0)) return NULL;
    cc__shard_t *shard = thread->slots[CC__SLOT_PROFILE];
    return CC_LIKELY(shard->timing_countdown > 0) ? shard : NULL;
}

/* The two ways out of the common case after the call; they return the pointer. */
CC__TAP_APART void *cc__record_rarely(const cc__source_t *source, cc__shard_t *shard, void *pointer, size_t size) {
    cc__count_block(source, shard, shard->sync_word, pointer, size);
    return pointer;
}

CC__TAP_APART void *cc__record_with_origin(const cc__source_t *source, cc__shard_t *shard, void *pointer, size_t size,
                                           _Atomic(uint64_t) *word) {
    cc__store_relaxed(word, cc__tap_put_origin(shard, source->frames, word) | shard->stamp | size);
    cc__own_add(&shard->counted[source->domain].alloc_small[size], 1);
    cc__own_add(&shard->balance, (int64_t)size);
    return pointer;
}

/* Records what the allocator below returned. pre: the shard is cc__tap_common's, its timing_countdown was lowered by 1,
 * at least its least_size was asked for, and size <= CC__UNGUARDED_SIZE. */
CC__TAP_INLINE void *cc__tap_record_small(const cc__source_t *source, cc__shard_t *shard, void *pointer, size_t size) {
    cc__leaf_t *leaf = cc__shadow_leaf((uintptr_t)pointer);
    if (CC_UNLIKELY(leaf == NULL || pointer == NULL)) return cc__record_rarely(source, shard, pointer, size);
    _Atomic(uint64_t) *word = &leaf->words[cc__shadow_index((uintptr_t)pointer)];
    if (CC_UNLIKELY(shard->wants_origin)) return cc__record_with_origin(source, shard, pointer, size, word);
    cc__store_relaxed(word, shard->stamp | size);
    cc__own_add(&shard->counted[source->domain].alloc_small[size], 1);
    cc__own_add(&shard->balance, (int64_t)size); /* flushed with the next timed operation */
    return pointer;
}

/* Counts the free if it is of the common case. pre: the shard is cc__tap_common's. */
CC__TAP_INLINE bool cc__tap_forget_small(const cc__source_t *source, cc__shard_t *shard, void *pointer) {
    cc__leaf_t *leaf = cc__shadow_leaf((uintptr_t)pointer);
    if (CC_UNLIKELY(leaf == NULL)) return false;
    _Atomic(uint64_t) *word = &leaf->words[cc__shadow_index((uintptr_t)pointer)];
    uint64_t record = cc__load_relaxed(word), size = record & CC__SIZE_BESIDE;
    if (CC_UNLIKELY(cc__record_session(record) < shard->plain_session || size > CC__UNGUARDED_SIZE ||
                    cc__record_slot(record) != shard->slot))
        return false;
    cc__store_relaxed(word, 0);
    shard->timing_countdown--;
    cc__own_add_release(&shard->counted[source->domain].free_small[size], 1);
    cc__own_add(&shard->balance, -(int64_t)size);
    return true;
}

#endif
