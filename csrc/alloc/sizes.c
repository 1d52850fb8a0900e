/* alloc/sizes.c: see sizes.h. Empty but in debug builds. */
#if defined(CC_DEBUG)
#include "sizes.h"

#include <stdio.h>
#include <stdlib.h>

#include "../base/fork.h"
#include "../base/records.h"

typedef struct block {
    const void *pointer;
    size_t size;
    struct block *next; /* in its chain, or among the free records */
} block_t;

enum { CHAINS = 1 << 16 };

static cc__mutex_t lock;
static block_t *chains[CHAINS];
static cc__records_t records = CC__RECORDS(block_t, next, 4096);
CC__HOLD_OVER_FORK(CC__FORK_SIZES, lock);

static block_t **chain_of(const void *pointer) {
    return &chains[((uint64_t)(uintptr_t)pointer * 0x9E3779B97F4A7C15u) >> 48];
}

void cc__size_remember(const void *pointer, size_t size) {
    cc__mutex_lock(&lock);
    block_t *block = cc__records_take(&records, NULL), **chain = chain_of(pointer);
    if (block != NULL) {
        *block = (block_t){pointer, size, *chain};
        *chain = block;
    }
    cc__mutex_unlock(&lock);
}

void cc__size_forget(const void *pointer, const size_t *size) {
    cc__mutex_lock(&lock);
    block_t **link = chain_of(pointer);
    while (*link != NULL && (*link)->pointer != pointer) link = &(*link)->next;
    block_t *block = *link;
    size_t known = block != NULL ? block->size : 0;
    if (block != NULL) {
        *link = block->next;
        cc__records_give(&records, block);
    }
    cc__mutex_unlock(&lock);
    if (block == NULL || size == NULL || *size == known) return;
    fprintf(stderr, "cc_free: the block at %p is freed with a size of %zu, but %zu was asked for\n", pointer, *size,
            known);
    abort();
}
#endif
