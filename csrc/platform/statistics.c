/* platform/statistics.c: what is allocated, by a shard for each thread that only its owner writes. The peak needs a sum
 * at every moment: each thread brings its changes into a global one when they exceed PLATFORM_PEAK_ERROR. */
#include "platform_internal.h"

#include "../base/records.h"

static _Atomic(cc__platform_shard_t *) first_shard;
static cc__records_t shards = CC__RECORDS(cc__platform_shard_t, next_free, 32); /* under the lock */
static cc__platform_shard_t common; /* of threads that got none for want of memory; written under the lock */
static _Atomic(int64_t) told_sum;
static _Atomic(int64_t) peak;

__thread struct cc_platform_shard *cc_platform_shard CC_STATIC_THREAD_LOCAL;

/* ---- shards ------------------------------------------------------------------------------------------------------ */

/* Its sums stay, the next thread goes on with them. */
static void end_thread(cc__thread_t *thread) {
    cc__platform_shard_t *shard = thread->slots[CC__SLOT_PLATFORM];
    thread->slots[CC__SLOT_PLATFORM] = NULL;
    cc_platform_shard = NULL;
    cc__platform_lock(CC__LOCK_SHARDS);
    cc__records_give(&shards, shard);
    cc__platform_unlock(CC__LOCK_SHARDS);
}

/* pre: the lock is held. */
static cc__platform_shard_t *take_shard(void) {
    bool fresh;
    cc__platform_shard_t *shard = cc__records_take(&shards, &fresh);
    if (shard == NULL || !fresh) return shard;
    shard->open.low = -PLATFORM_PEAK_ERROR;
    shard->next = cc__load_relaxed(&first_shard); /* only changed under the lock */
    cc__store_release(&first_shard, shard);       /* pairs with the acquire load in sum_up: the shard is complete */
    return shard;
}

cc__platform_shard_t *cc__platform_attach_shard(void) {
    cc__thread_t *thread = cc__thread_get();
    if (thread == NULL) return NULL;
    cc__platform_lock(CC__LOCK_SHARDS);
    cc__platform_shard_t *shard = take_shard();
    cc__platform_unlock(CC__LOCK_SHARDS);
    if (shard == NULL) return NULL;
    thread->slots[CC__SLOT_PLATFORM] = shard; /* so that end_thread is called */
    cc_platform_shard = &shard->open;
    return shard;
}

cc__platform_shard_t *cc__platform_shards(void) {
    return cc__load_acquire(&first_shard); /* pairs with the release store in take_shard */
}

__attribute__((constructor)) static void set_exit_function(void) {
    common.open.low = -PLATFORM_PEAK_ERROR;
    cc__thread_at_exit(CC__SLOT_PLATFORM, end_thread);
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

#define READ(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)

/* Brings the shard's changes into the global sum. It need not come back before it has risen by PLATFORM_PEAK_ERROR or,
 * if it takes less, to a new peak. */
static void tell(cc__platform_shard_t *shard, int64_t bytes) {
    int64_t change = bytes - shard->told, sum = cc__add_relaxed(&told_sum, change) + change;
    __atomic_store_n(&shard->told, bytes, __ATOMIC_RELAXED);
    cc__raise_relaxed(&peak, sum);
    int64_t below_peak = cc__load_relaxed(&peak) - sum;
    shard->open.top = bytes + (below_peak < PLATFORM_PEAK_ERROR ? below_peak : PLATFORM_PEAK_ERROR);
    shard->open.low = bytes - PLATFORM_PEAK_ERROR;
}

static void risen(cc__platform_shard_t *shard, int64_t bytes) {
    if (bytes - shard->told >= PLATFORM_PEAK_ERROR) {
        tell(shard, bytes);
    } else {
        cc__raise_relaxed(&peak, cc__load_relaxed(&told_sum) + bytes - shard->told);
        shard->open.top = bytes;
    }
}

void cc_platform_risen(int64_t bytes) {
    risen((cc__platform_shard_t *)cc_platform_shard, bytes);
}

void cc_platform_fallen(int64_t bytes) {
    tell((cc__platform_shard_t *)cc_platform_shard, bytes);
}

static void count_in(cc__platform_shard_t *shard, int64_t count, int64_t bytes, bool temporary) {
    (void)cc_platform_add(&shard->open.count, count);
    if (temporary) {
        (void)cc_platform_add(&shard->open.temp_bytes, bytes);
        (void)cc_platform_add(&shard->open.temp_count, count);
    }
    int64_t now = cc_platform_add(&shard->open.bytes, bytes);
    if (now > shard->open.top) risen(shard, now);
    if (now < shard->open.low) tell(shard, now);
}

void cc__platform_count(int64_t count, int64_t bytes, bool temporary) {
    cc__platform_shard_t *shard = cc__platform_shard();
    if (CC_LIKELY(shard != NULL)) {
        count_in(shard, count, bytes, temporary);
        return;
    }
    cc__platform_lock(CC__LOCK_SHARDS);
    count_in(&common, count, bytes, temporary);
    cc__platform_unlock(CC__LOCK_SHARDS);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

typedef struct sums {
    int64_t bytes, count, temp_bytes, temp_count;
    int64_t untold; /* of bytes, what the global sum does not know */
} sums_t;

static void add_shard(sums_t *sums, cc__platform_shard_t *shard) {
    int64_t bytes = READ(shard->open.bytes), untold = bytes - READ(shard->told);
    sums->bytes += bytes;
    sums->count += READ(shard->open.count);
    sums->temp_bytes += READ(shard->open.temp_bytes);
    sums->temp_count += READ(shard->open.temp_count);
    /* It is within this; read in the middle of a change it may seem more. */
    if (untold > PLATFORM_PEAK_ERROR) untold = PLATFORM_PEAK_ERROR;
    if (untold < -PLATFORM_PEAK_ERROR) untold = -PLATFORM_PEAK_ERROR;
    sums->untold += untold;
}

static sums_t sum_up(void) {
    sums_t sums = {0};
    add_shard(&sums, &common);
    for (cc__platform_shard_t *shard = cc__platform_shards(); shard != NULL; shard = shard->next)
        add_shard(&sums, shard);
    return sums;
}

/* A sum that is taken while threads count may miss an allocation whose free it sees. */
static size_t not_negative(int64_t sum) {
    return sum > 0 ? (size_t)sum : 0;
}

size_t Platform_Mem_GetAllocated(void) {
    return not_negative(sum_up().bytes);
}

size_t Platform_Mem_GetCount(void) {
    return not_negative(sum_up().count);
}

size_t Platform_Mem_GetTempAllocated(void) {
    return not_negative(sum_up().temp_bytes);
}

size_t Platform_Mem_GetTempCount(void) {
    return not_negative(sum_up().temp_count);
}

size_t Platform_Mem_GetPeak(void) {
    cc__raise_relaxed(&peak, cc__load_relaxed(&told_sum) + sum_up().untold);
    return not_negative(cc__load_relaxed(&peak));
}
