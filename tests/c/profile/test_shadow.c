/* test_shadow.c: records at the ends of leaves, of sizes without bound, and of blocks that would share a granule.
 * variants: release debug asan tsan valgrind */
#include <sys/mman.h>

#include "fake_allocators.h"

static char *bump, *bump_last;

static void *bump_malloc(void *context, size_t size) {
    (void)context;
    bump_last = bump;
    bump += (size + 15) & ~(size_t)15;
    return bump_last;
}

static void *bump_realloc(void *context, void *pointer, size_t size) {
    (void)pointer; /* nothing is copied */
    return bump_malloc(context, size);
}

static void *bump_calloc(void *context, size_t count, size_t size) {
    return bump_malloc(context, count * size);
}

static void bump_free(void *context, void *pointer) {
    (void)context;
    (void)pointer;
}

enum { LEAF = 32 << 20 };

/* A block of each size in each of the last granules of a leaf, with all that is written beside its record. */
static void test_blocks_across_the_end_of_a_leaf(void) {
    char *area = mmap(NULL, 4 * (size_t)LEAF, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(area != MAP_FAILED);
    char *boundary = (char *)(((uintptr_t)area + 2 * (size_t)LEAF) & ~(uintptr_t)(LEAF - 1));
    cc_profile_allocator_t below = {NULL, bump_malloc, bump_calloc, bump_realloc, bump_free}, top;
    CHECK_EQUAL(cc_profile_wrap(CC_PROFILE_MEM, &below, CC_PROFILE_CLASSES_16, &top), CC_OK);
    cc_profile_options_t options = exact_options(BIT_MEM);
    options.timestamps = true;
    static const size_t across[] = {0, 17, 65534, 65535, 1 << 20};
    for (int sampled = 0; sampled < 2; sampled++) {
        options.sample_rate = sampled ? 1 - 1e-12 : 1; /* all of them, and the bitmap */
        cc_profile_t *profile = start_with(options);
        double count = 0, bytes = 0;
        for (int before = 4; before >= 1; before--) {
            for (size_t i = 0; i < sizeof across / sizeof *across; i++) {
                bump = boundary - 16 * before;
                void *block = top.malloc(NULL, across[i]);
                CHECK(block == boundary - 16 * before);
                count++;
                bytes += (double)across[i];
                cc_profile_live_t *live = live_now(profile, 4);
                CHECK_NEAR(live->count, 1, 1e-6);
                CHECK_EQUAL(live->block_count, 1);
                CHECK_EQUAL(live->blocks[0].address, (uintptr_t)block);
                CHECK_EQUAL(live->blocks[0].size, across[i]);
                CHECK(live->blocks[0].wall_ns != 0);
                cc_profile_live_free(live);
                top.free(NULL, block);
            }
        }
        cc_profile_snapshot_t *snapshot = read_checked(profile);
        CHECK_NEAR(snapshot->alloc_count, count, 1e-6);
        CHECK_NEAR(snapshot->free_bytes, bytes, 1);
        CHECK_NEAR(snapshot->current, 0, 1e-6);
        cc_profile_snapshot_free(snapshot);
        cc_profile_free(profile);
    }
    CHECK_EQUAL(munmap(area, 4 * (size_t)LEAF), 0);
    wrap_all();
}

/* Sizes that no memory backs. */
static void test_huge_blocks(void) {
    cc_profile_allocator_t below = {NULL, bump_malloc, bump_calloc, bump_realloc, bump_free}, top;
    CHECK_EQUAL(cc_profile_wrap(CC_PROFILE_MEM, &below, CC_PROFILE_CLASSES_16, &top), CC_OK);
    static const size_t huge[] = {(size_t)1 << 32, ((size_t)1 << 32) + 1, (size_t)1 << 40, ((size_t)1 << 46) - 16};
    cc_profile_t *profile = start_exact(BIT_MEM);
    double bytes = 0;
    void *blocks[4];
    for (size_t i = 0; i < 4; i++) {
        bump = (char *)(((uintptr_t)1 << 45) + i * LEAF);
        blocks[i] = top.malloc(NULL, huge[i]);
        bytes += (double)huge[i];
    }
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->alloc_bytes, bytes);
    CHECK_NEAR(snapshot->peak, bytes, snapshot->peak_error);
    cc_profile_snapshot_free(snapshot);
    for (size_t i = 0; i < 4; i++) top.free(NULL, blocks[i]);
    snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->free_bytes, bytes);
    cc_profile_snapshot_free(snapshot);

    /* Beyond the table's addresses: dropped, and said so. */
    bump = (char *)((uintptr_t)1 << 52);
    void *beyond = top.malloc(NULL, 100);
    CHECK(beyond == (char *)((uintptr_t)1 << 52));
    top.free(NULL, beyond);
    snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->dropped_records, 1);
    CHECK_DOUBLE(snapshot->alloc_count, 4);
    cc_profile_snapshot_free(snapshot);
    cc_profile_free(profile);
    wrap_all();
}

/* An exact session's small blocks never share a granule, though the allocator packs 8-byte blocks. */
static void test_eight_byte_blocks(void) {
    cc_profile_t *profile = start_exact(BIT_RUNTIME);
    enum { BLOCKS = 5000 };
    static void *blocks[BLOCKS];
    int count = SCALED(BLOCKS);
    for (int i = 0; i < count; i++) {
        blocks[i] = i % 3 == 2 ? cc_calloc(1, 1 + (size_t)i % 8) : cc_alloc(1 + (size_t)i % 8);
        if (i > 0) CHECK((uintptr_t)blocks[i] / 16 != (uintptr_t)blocks[i - 1] / 16);
    }
    cc_profile_live_t *live = live_now(profile, 0);
    CHECK_DOUBLE(live->count, count);
    CHECK_EQUAL(live->block_count, 0);
    cc_profile_live_free(live);
    for (int i = 0; i < count; i += 2) cc_free(blocks[i], 1 + (size_t)i % 8);
    cc_profile_snapshot_t *snapshot = read_checked(profile);
    CHECK_DOUBLE(snapshot->free_count, (count + 1) / 2);
    cc_profile_snapshot_free(snapshot);
    for (int i = 1; i < count; i += 2) cc_free(blocks[i], 1 + (size_t)i % 8);
    cc_profile_free(profile);
}

int main(void) {
    RUN(test_blocks_across_the_end_of_a_leaf); /* first: the fewer blocks there were, the faster its walks */
    RUN(test_huge_blocks);
    RUN(test_eight_byte_blocks);
    return 0;
}
