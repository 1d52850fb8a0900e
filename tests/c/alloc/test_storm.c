/* test_storm.c: eight threads allocate and free across each other while another takes snapshots: exact afterwards
 * against the threads' own arithmetic, never negative in between. */
#include "cc/alloc.h"

#include <stdatomic.h>

#include "../check.h"

enum { THREADS = 8, SHARED = 512 };

typedef struct block {
    size_t size;
    size_t way;
} block_t;

typedef struct sums {
    uint64_t alloc_count, alloc_bytes, free_count, free_bytes, unsized, failed, usable;
    uint64_t padding[9];
} sums_t;

static _Atomic(block_t *) shared[SHARED];
static sums_t sums[THREADS + 1];
static atomic_bool done;

static block_t *take(sums_t *own, uint64_t *state) {
    size_t size = sizeof(block_t) + check_random(state) % (check_random(state) % 32 == 0 ? 20000 : 300);
    size_t way = check_random(state) % 4;
    block_t *block = way == 0   ? cc_alloc(size)
                     : way == 1 ? cc_alloc_node(size)
                     : way == 2 ? cc_calloc(1, size)
                                : cc_alloc_aligned(size, 128);
    CHECK(block != NULL);
    block->size = size;
    block->way = way;
    own->alloc_count++;
    own->alloc_bytes += size;
    own->usable += cc_usable_size(block);
    return block;
}

static void give_back(sums_t *own, block_t *block, uint32_t choice) {
    size_t usable = cc_usable_size(block);
    bool sized = choice % 4 != 0;
    own->free_count++;
    own->free_bytes += sized ? block->size : usable;
    if (sized) {
        cc_free(block, block->size);
    } else {
        own->unsized++;
        cc_free_unsized(block);
    }
}

static block_t *resize(sums_t *own, block_t *block, size_t size) {
    own->free_count++;
    own->free_bytes += block->size;
    block = cc_realloc(block, block->size, size);
    CHECK(block != NULL);
    block->size = size;
    own->alloc_count++;
    own->alloc_bytes += size;
    own->usable += cc_usable_size(block);
    return block;
}

static void storm(size_t index, void *rounds) {
    uint64_t state = 0xD1B54A32D192ED03u + index;
    sums_t *own = &sums[index];
    for (int i = 0; i < *(int *)rounds; i++) {
        block_t *block = take(own, &state);
        if (check_random(&state) % 8 == 0) block = resize(own, block, sizeof *block + check_random(&state) % 1000);
        if (check_random(&state) % 64 == 0) {
            CHECK(cc_alloc_aligned(8, 7) == NULL);
            own->failed++;
        }
        block_t *old = atomic_exchange(&shared[check_random(&state) % SHARED], block);
        if (old != NULL) give_back(own, old, check_random(&state));
    }
}

/* Nothing is freed more often than allocated; no sum shrinks. Bytes are left out: an unsized free credits more than
 * was asked. */
static void sample(size_t index, void *unused) {
    (void)index, (void)unused;
    cc_alloc_snapshot_t last = cc_alloc_stats_snapshot();
    while (!atomic_load(&done)) {
        cc_alloc_snapshot_t now = cc_alloc_stats_snapshot();
        CHECK(now.alloc_count >= now.free_count);
        CHECK(now.alloc_block_bytes >= now.free_block_bytes);
        CHECK(now.unsized_free_count <= now.free_count);
        CHECK_EQUAL(now.current_block_bytes, now.alloc_block_bytes - now.free_block_bytes);
        CHECK(now.current_allocated < (uint64_t)1 << 40 && now.current_block_bytes < (uint64_t)1 << 40);
        CHECK(now.alloc_count >= last.alloc_count && now.free_count >= last.free_count);
        CHECK(now.alloc_bytes >= last.alloc_bytes && now.free_bytes >= last.free_bytes);
        CHECK(now.alloc_block_bytes >= last.alloc_block_bytes);
        CHECK(now.failed_count >= last.failed_count);
        last = now;
    }
}

static void test_exact_after_a_storm(void) {
    int rounds = SCALED(100000);
    check_thread_t sampler;
    memset(sums, 0, sizeof sums);
    atomic_store(&done, false);
    cc_alloc_snapshot_t before = cc_alloc_stats_snapshot();
    check_start(&sampler, sample, NULL);
    check_threads(THREADS, storm, &rounds);
    atomic_store(&done, true);
    check_join(&sampler);
    for (size_t i = 0; i < SHARED; i++) {
        block_t *block = atomic_exchange(&shared[i], NULL);
        if (block != NULL) give_back(&sums[THREADS], block, (uint32_t)i);
    }
    sums_t all = {0};
    for (size_t i = 0; i <= THREADS; i++) {
        all.alloc_count += sums[i].alloc_count;
        all.alloc_bytes += sums[i].alloc_bytes;
        all.usable += sums[i].usable;
        all.free_count += sums[i].free_count;
        all.free_bytes += sums[i].free_bytes;
        all.unsized += sums[i].unsized;
        all.failed += sums[i].failed;
    }
    CHECK_EQUAL(all.alloc_count, all.free_count);
    cc_alloc_snapshot_t found = cc_alloc_stats_snapshot();
    CHECK_EQUAL(found.alloc_count - before.alloc_count, all.alloc_count);
    CHECK_EQUAL(found.alloc_bytes - before.alloc_bytes, all.alloc_bytes);
    uint64_t block_bytes = found.alloc_block_bytes - before.alloc_block_bytes;
    CHECK(block_bytes >= all.usable &&
          block_bytes < 2 * all.usable); /* more where an aligned pointer lies inside its block */
    CHECK_EQUAL(found.free_count - before.free_count, all.free_count);
    CHECK_EQUAL(found.free_bytes - before.free_bytes, all.free_bytes);
    CHECK_EQUAL(found.free_block_bytes - before.free_block_bytes, block_bytes);
    CHECK_EQUAL(found.unsized_free_count - before.unsized_free_count, all.unsized);
    CHECK_EQUAL(found.failed_count - before.failed_count, all.failed);
    CHECK_EQUAL(found.current_block_bytes, before.current_block_bytes);
    CHECK_EQUAL(found.thread_count, before.thread_count); /* the storm's threads are gone */
}

/* Sized frees alone: then the callers' bytes, too, never show more freed than allocated, and return to their start. */
static void sized_storm(size_t index, void *rounds) {
    uint64_t state = 0xA0761D6478BD642Fu + index;
    for (int i = 0; i < *(int *)rounds; i++) {
        size_t size = sizeof(block_t) + check_random(&state) % 500;
        block_t *block = size % 2 == 0 ? cc_alloc(size) : cc_alloc_node(size);
        CHECK(block != NULL);
        block->size = size;
        block = atomic_exchange(&shared[check_random(&state) % SHARED], block);
        if (block != NULL) cc_free(block, block->size);
    }
}

static void sample_bytes(size_t index, void *unused) {
    (void)index, (void)unused;
    while (!atomic_load(&done)) {
        cc_alloc_snapshot_t now = cc_alloc_stats_snapshot();
        CHECK(now.alloc_count >= now.free_count);
        CHECK(now.alloc_bytes >= now.free_bytes);
        CHECK(now.alloc_block_bytes >= now.free_block_bytes);
        CHECK_EQUAL(now.current_allocated, now.alloc_bytes - now.free_bytes);
    }
}

static void test_bytes_return_to_their_start(void) {
    int rounds = SCALED(200000);
    check_thread_t sampler;
    cc_alloc_stats_reset();
    atomic_store(&done, false);
    check_start(&sampler, sample_bytes, NULL);
    check_threads(THREADS, sized_storm, &rounds);
    atomic_store(&done, true);
    check_join(&sampler);
    for (size_t i = 0; i < SHARED; i++) {
        block_t *block = atomic_exchange(&shared[i], NULL);
        if (block != NULL) cc_free(block, block->size);
    }
    cc_alloc_snapshot_t found = cc_alloc_stats_snapshot();
    CHECK_EQUAL(found.alloc_count, (uint64_t)rounds * THREADS);
    CHECK_EQUAL(found.free_count, found.alloc_count);
    CHECK_EQUAL(found.current_allocated, 0);
    CHECK_EQUAL(found.current_block_bytes, 0);
}

/* At most one block alive for each thread: what the sums are off by in between has nothing to hide behind. */
static void pairs(size_t index, void *rounds) {
    for (int i = 0; i < *(int *)rounds; i++) {
        size_t size = 1 + (size_t)i % 1024;
        void *block = index % 2 == 0 ? cc_alloc(size) : cc_alloc_node(size);
        CHECK(block != NULL);
        cc_free(block, size);
    }
}

static void test_pairs_never_show_more_freed_than_allocated(void) {
    int rounds = SCALED(1000000);
    check_thread_t sampler;
    cc_alloc_stats_reset();
    atomic_store(&done, false);
    check_start(&sampler, sample_bytes, NULL);
    check_threads(4, pairs, &rounds);
    atomic_store(&done, true);
    check_join(&sampler);
    cc_alloc_snapshot_t found = cc_alloc_stats_snapshot();
    CHECK_EQUAL(found.alloc_count, 4 * (uint64_t)rounds);
    CHECK_EQUAL(found.free_count, found.alloc_count);
    CHECK_EQUAL(found.alloc_bytes, found.free_bytes);
    CHECK_EQUAL(found.alloc_block_bytes, found.free_block_bytes);
}

static void reset_often(size_t index, void *unused) {
    (void)index, (void)unused;
    while (!atomic_load(&done)) {
        cc_alloc_stats_reset();
        for (int i = 0; i < 100; i++) {
            cc_alloc_snapshot_t now = cc_alloc_stats_snapshot();
            CHECK(now.alloc_count < (uint64_t)1 << 40 && now.free_count < (uint64_t)1 << 40);
            CHECK(now.alloc_bytes < (uint64_t)1 << 40 && now.free_bytes < (uint64_t)1 << 40);
            CHECK(now.alloc_block_bytes < (uint64_t)1 << 40 && now.free_block_bytes < (uint64_t)1 << 40);
            CHECK(now.current_allocated < (uint64_t)1 << 40 && now.current_block_bytes < (uint64_t)1 << 40);
        }
    }
}

static void test_reset_in_a_storm_loses_nothing_that_comes_after(void) {
    int rounds = SCALED(50000);
    check_thread_t resetter;
    cc_alloc_stats_reset();
    atomic_store(&done, false);
    check_start(&resetter, reset_often, NULL);
    check_threads(THREADS, sized_storm, &rounds);
    atomic_store(&done, true);
    check_join(&resetter);
    cc_alloc_stats_reset();
    uint64_t left = 0;
    for (size_t i = 0; i < SHARED; i++) {
        block_t *block = atomic_exchange(&shared[i], NULL);
        if (block == NULL) continue;
        left++;
        cc_free(block, block->size);
    }
    cc_alloc_snapshot_t found = cc_alloc_stats_snapshot();
    CHECK_EQUAL(found.alloc_count, 0);
    CHECK_EQUAL(found.free_count, left);
}

static void switch_often(size_t index, void *unused) {
    (void)index, (void)unused;
    for (bool on = true; !atomic_load(&done); on = !on) {
        cc_alloc_stats_enable(on);
        (void)cc_alloc_select(on ? "libc" : "mimalloc");
    }
}

/* Switching statistics and allocators in a storm disturbs no block. */
static void test_switching_in_a_storm(void) {
    int rounds = SCALED(50000);
    check_thread_t switcher;
    atomic_store(&done, false);
    check_start(&switcher, switch_often, NULL);
    check_threads(THREADS, storm, &rounds);
    check_threads(THREADS, sized_storm, &rounds);
    atomic_store(&done, true);
    check_join(&switcher);
    for (size_t i = 0; i < SHARED; i++) {
        block_t *block = atomic_exchange(&shared[i], NULL);
        if (block != NULL) cc_free(block, block->size);
    }
}

int main(void) {
    cc_alloc_stats_enable(true);
    cc_free(cc_alloc(1), 1); /* the main thread has its record now */
    if (cc_alloc_stats_enabled()) {
        RUN(test_exact_after_a_storm);
        RUN(test_bytes_return_to_their_start);
        RUN(test_pairs_never_show_more_freed_than_allocated);
        RUN(test_reset_in_a_storm_loses_nothing_that_comes_after);
    }
    RUN(test_switching_in_a_storm);
    cc_alloc_stats_enable(true);
    cc_alloc_stats_reset(); /* while they were off, frees and allocations went uncounted */
    if (cc_alloc_stats_enabled()) { RUN(test_exact_after_a_storm); /* and once more with blocks of both allocators */ }
    return 0;
}
