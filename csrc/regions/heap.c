/* regions/heap.c: a stack of allocations in blocks, in the manner of InnoDB's mem_heap_t.
 *
 * A block's content, from its start to its top, is entries one behind the other:
 *     | `size` bytes, rounded up to 8 | gap, in builds that watch | header: size << 1 |
 *     | so many bytes to align what follows                      | header: size << 1 | 1 |
 * The header lies behind, so that the latest entry is found from the top without a link, and so is the one before
 * it. */
#include "cc/heap.h"

#include "pool.h"
#include "regions_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { WORD = sizeof(size_t), SMALLEST_POOLED = 256 };

typedef struct block {
    struct block *before;
    size_t size; /* all of it */
    char *top;
    char *end;
    bool pooled;
} block_t;

struct cc_heap {
    block_t *block; /* the newest; the heap itself lies at the beginning of the oldest */
    block_t *spare;
    cc_heap_options_t options;
    size_t total_size, block_count;
};

static char *start_of(const block_t *block) {
    char *start = (char *)(uintptr_t)block + cc__round_up(sizeof *block, CC__ALIGNMENT);
    return block->before == NULL ? start + cc__round_up(sizeof(cc_heap_t), CC__ALIGNMENT) : start;
}

static size_t block_overhead(bool oldest) {
    return cc__round_up(sizeof(block_t), CC__ALIGNMENT) + (oldest ? cc__round_up(sizeof(cc_heap_t), CC__ALIGNMENT) : 0);
}

/* What an allocation of `size` bytes takes, without what aligns it. */
static inline size_t entry_size(size_t size) {
    return cc__round_up(size, WORD) + CC__GAP + WORD;
}

static inline size_t header_of(const char *end) {
    size_t header;
    memcpy(&header, end - WORD, sizeof header);
    return header;
}

static inline void write_header(char *end, size_t header) {
    cc__unpoison(end - WORD, WORD);
    memcpy(end - WORD, &header, sizeof header);
}

/* The entry that ends at `end`: what lies in it begins where it begins. */
static inline char *entry_start(const char *end) {
    size_t header = header_of(end), size = header >> 1;
    return (char *)(uintptr_t)end - ((header & 1) != 0 ? size + WORD : entry_size(size));
}

/* ---- checks ------------------------------------------------------------------------------------------------------ */

/* Whether the header at `end` is an entry's; in debug builds also whether nothing was written behind its bytes. */
static bool entry_is_valid(const block_t *block, const char *end) {
    size_t room = (size_t)(end - start_of(block));
    if (room < WORD) return false;
    size_t header = header_of(end), size = header >> 1;
    if (size > room || entry_start(end) < start_of(block)) return false;
#if defined(CC_DEBUG)
    if ((header & 1) == 0) {
        char *from = entry_start(end) + size;
        size_t gap = (size_t)(end - WORD - from);
        cc__unpoison_kept(from, gap);
        bool good = cc__is_filled(from, CC__FILL_GUARD, gap);
        cc__poison(from, gap);
        return good;
    }
#endif
    return true;
}

/* From the top down to `from`; that must be an entry's beginning. */
static bool block_is_valid(const block_t *block, const char *from) {
    const char *end = block->top;
    if (end < start_of(block) || end > block->end) return false;
    while (end > from) {
        if (!entry_is_valid(block, end)) return false;
        end = entry_start(end);
    }
    return end == from;
}

/* Debug builds look at what they take back. */
static void look_at(const block_t *block, const char *from) {
#if defined(CC_DEBUG)
    if (block_is_valid(block, from)) return;
    fprintf(stderr, "cc_heap: something was written behind an allocation in the block at %p, or over its header\n",
            (const void *)block);
    abort();
#else
    (void)block;
    (void)from;
#endif
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

static void give_block(const cc_heap_options_t *options, block_t *block) {
    if (!block->pooled) {
        cc__region_give(options->allocator, block, block->size);
        return;
    }
    cc__unpoison(block, block->size);
    (void)cc_pool_free(options->pool, block);
}

/* A block with room for at least `content` bytes, of `wish` bytes if possible. NULL, and the reason in *status. */
static block_t *take_block(const cc_heap_options_t *options, size_t content, size_t wish, bool oldest, int *status) {
    size_t least = block_overhead(oldest) + content, size = wish > least ? wish : least;
    bool pooled = false;
    block_t *block = NULL;
    *status = CC_ERROR_MEMORY;
    if (options->pool != NULL) {
        size_t most = cc__pool_block_size(options->pool);
        if (least > most) {
            *status = CC_ERROR_LIMIT;
            return NULL;
        }
        pooled = options->type == CC_HEAP_SEARCH || size >= most / 2;
        if (pooled || size > most) size = most;
    }
    if (pooled) {
        block = cc_pool_alloc(options->pool);
    } else {
        size = cc__round_up(size, WORD);
        block = cc__region_take(options->allocator, size);
    }
    if (block == NULL) return NULL;
    *block = (block_t){.size = size, .end = (char *)block + (size & ~(size_t)(WORD - 1)), .pooled = pooled};
    *status = CC_OK;
    return block;
}

/* Puts a block on top. */
static void push_block(cc_heap_t *heap, block_t *block) {
    block->before = heap->block;
    block->top = start_of(block);
    heap->block = block;
    heap->total_size += block->size;
    heap->block_count++;
    cc__region_close(block->top, (size_t)(block->end - block->top));
}

/* Takes the newest block away. pre: it is not the oldest. */
static void pop_block(cc_heap_t *heap) {
    block_t *block = heap->block;
    heap->block = block->before;
    heap->total_size -= block->size;
    heap->block_count--;
    give_block(&heap->options, block);
}

cc_heap_t *cc_heap_create(const cc_heap_options_t *given) {
    cc_heap_options_t options = given != NULL ? *given : (cc_heap_options_t){0};
    if (options.start_size == 0) options.start_size = CC_HEAP_START_SIZE;
    if (options.standard_size == 0) options.standard_size = CC_HEAP_STANDARD_SIZE;
    if (options.start_size > CC__MOST || options.standard_size > CC__MOST) return NULL;
    if (options.type == CC_HEAP_DYNAMIC) options.pool = NULL;
    if (options.type == CC_HEAP_BUFFER && options.pool == NULL) return NULL;
    if (options.pool != NULL && cc__pool_block_size(options.pool) < SMALLEST_POOLED) return NULL;
    if (options.pool != NULL) {
        size_t most = cc__pool_block_size(options.pool) - block_overhead(true);
        if (options.start_size > most) options.start_size = most;
    }
    int status;
    block_t *block = take_block(&options, options.start_size, 0, true, &status);
    if (block == NULL) return NULL;
    cc_heap_t *heap = (cc_heap_t *)(void *)((char *)block + cc__round_up(sizeof *block, CC__ALIGNMENT));
    *heap = (cc_heap_t){.options = options};
    push_block(heap, block);
    return heap;
}

static void release_to(cc_heap_t *heap, const block_t *block, char *top) {
    while (heap->block != block) {
        look_at(heap->block, start_of(heap->block));
        pop_block(heap);
    }
    look_at(block, top);
    cc__region_close(top, (size_t)(heap->block->top - top));
    heap->block->top = top;
}

static block_t *oldest(const cc_heap_t *heap) {
    return (block_t *)(void *)((char *)(uintptr_t)heap - cc__round_up(sizeof(block_t), CC__ALIGNMENT));
}

void cc_heap_empty(cc_heap_t *heap) {
    release_to(heap, oldest(heap), start_of(oldest(heap)));
}

void cc_heap_destroy(cc_heap_t *heap) {
    if (heap == NULL) return;
    cc_heap_empty(heap);
    cc_heap_options_t options = heap->options; /* it lies in the block */
    if (heap->spare != NULL) give_block(&options, heap->spare);
    give_block(&options, heap->block);
}

int cc_heap_add_spare(cc_heap_t *heap, size_t size) {
    if (heap->options.type != CC_HEAP_SEARCH) return CC_ERROR_STATE;
    if (size > CC__MOST) return CC_ERROR_MEMORY;
    size_t content = entry_size(size) + CC__ALIGNMENT;
    if (heap->spare != NULL && heap->spare->size >= block_overhead(false) + content) return CC_OK;
    int status;
    block_t *block = take_block(&heap->options, content, heap->options.standard_size, false, &status);
    if (block == NULL) return status;
    if (heap->spare != NULL) give_block(&heap->options, heap->spare);
    heap->spare = block;
    return CC_OK;
}

/* A block on top with room for `content` bytes. */
static bool add_block(cc_heap_t *heap, size_t content) {
    block_t *block = heap->spare;
    if (heap->options.type == CC_HEAP_SEARCH) {
        if (block == NULL || block->size < block_overhead(false) + content) return false;
        heap->spare = NULL;
    } else {
        size_t standard = heap->options.standard_size, wish = heap->block->size * 2;
        int status;
        block = take_block(&heap->options, content, wish < standard ? wish : standard, false, &status);
        if (block == NULL) return false;
    }
    push_block(heap, block);
    return true;
}

/* ---- allocations ------------------------------------------------------------------------------------------------- */

/* pre: there is room. */
static inline char *push_entry(block_t *block, size_t size) {
    char *pointer = block->top, *end = pointer + entry_size(size);
    block->top = end;
    write_header(end, size << 1);
    if (CC__WATCHED) {
        char *gap = pointer + size;
        cc__unpoison(gap, (size_t)(end - WORD - gap));
        memset(gap, CC__FILL_GUARD, (size_t)(end - WORD - gap));
        cc__poison(gap, (size_t)(end - WORD - gap));
        cc__region_open(pointer, size);
    }
    return pointer;
}

void *cc_heap_alloc(cc_heap_t *heap, size_t size) {
    if (CC_UNLIKELY(size - 1 >= CC__MOST)) return NULL;
    size_t entry = entry_size(size);
    if (CC_UNLIKELY(entry > (size_t)(heap->block->end - heap->block->top)) && !add_block(heap, entry)) return NULL;
    return push_entry(heap->block, size);
}

void *cc_heap_alloc_aligned(cc_heap_t *heap, size_t size, size_t alignment) {
    if (!cc__is_power_of_two(alignment) || alignment > CC__MOST || size - 1 >= CC__MOST) return NULL;
    if (alignment <= WORD) return cc_heap_alloc(heap, size);
    for (bool again = false;; again = true) {
        block_t *block = heap->block;
        size_t gap = cc__gap(block->top, alignment), room = (size_t)(block->end - block->top);
        if (gap <= room && entry_size(size) <= room - gap) {
            if (gap > 0) {
                block->top += gap;
                write_header(block->top, (gap - WORD) << 1 | 1);
            }
            return push_entry(block, size);
        }
        if (again || !add_block(heap, entry_size(size) + alignment)) return NULL;
    }
}

void *cc_heap_zalloc(cc_heap_t *heap, size_t size) {
    void *pointer = cc_heap_alloc(heap, size);
    return pointer != NULL ? memset(pointer, 0, size) : NULL;
}

void *cc_heap_dup(cc_heap_t *heap, const void *data, size_t size) {
    void *copy = data != NULL ? cc_heap_alloc(heap, size) : NULL;
    return copy != NULL ? memcpy(copy, data, size) : NULL;
}

char *cc_heap_strdupl(cc_heap_t *heap, const char *text, size_t length) {
    char *copy = text != NULL && length < CC__MOST ? cc_heap_alloc(heap, length + 1) : NULL;
    if (copy == NULL) return NULL;
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

char *cc_heap_strdup(cc_heap_t *heap, const char *text) {
    return cc_heap_strdupl(heap, text, text != NULL ? strlen(text) : 0);
}

char *cc_heap_strcat(cc_heap_t *heap, const char *first, const char *second) {
    if (first == NULL || second == NULL) return NULL;
    size_t length = strlen(first), rest = strlen(second) + 1;
    char *copy = cc_heap_alloc(heap, length + rest);
    if (copy == NULL) return NULL;
    memcpy(copy, first, length);
    memcpy(copy + length, second, rest);
    return copy;
}

char *cc_heap_vprintf(cc_heap_t *heap, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = length >= 0 ? cc_heap_alloc(heap, (size_t)length + 1) : NULL;
    if (text != NULL) (void)vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}

char *cc_heap_printf(cc_heap_t *heap, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = cc_heap_vprintf(heap, format, arguments);
    va_end(arguments);
    return text;
}

/* ---- the top ----------------------------------------------------------------------------------------------------- */

/* The newest block with an entry; a release may have left newer ones empty. NULL if there is none. */
static block_t *top_block(const cc_heap_t *heap) {
    block_t *block = heap->block;
    while (block != NULL && block->top == start_of(block)) block = block->before;
    return block;
}

void *cc_heap_get_top(const cc_heap_t *heap, size_t *size) {
    const block_t *block = top_block(heap);
    if (block == NULL) return NULL;
    if (size != NULL) *size = header_of(block->top) >> 1;
    return entry_start(block->top);
}

int cc_heap_free_top(cc_heap_t *heap) {
    block_t *block = top_block(heap);
    if (block == NULL) return CC_ERROR_STATE;
    char *top = entry_start(block->top), *start = start_of(block);
    while (top > start && (header_of(top) & 1) != 0) top = entry_start(top); /* what aligned it */
    release_to(heap, block, top);
    if (top == start && block->before != NULL) pop_block(heap);
    return CC_OK;
}

cc_heap_checkpoint_t cc_heap_checkpoint(const cc_heap_t *heap) {
    return (cc_heap_checkpoint_t){heap->block, heap->block->top};
}

int cc_heap_release(cc_heap_t *heap, cc_heap_checkpoint_t checkpoint) {
    block_t *block = heap->block;
    while (block != NULL && block != checkpoint.block) block = block->before;
    if (block == NULL || checkpoint.top < start_of(block) || checkpoint.top > block->top) return CC_ERROR_STATE;
    release_to(heap, block, checkpoint.top);
    return CC_OK;
}

/* ---- what is known ----------------------------------------------------------------------------------------------- */

size_t cc_heap_total_size(const cc_heap_t *heap) {
    return heap->total_size;
}

size_t cc_heap_block_count(const cc_heap_t *heap) {
    return heap->block_count;
}

bool cc_heap_validate(const cc_heap_t *heap) {
    size_t total = 0, count = 0;
    for (const block_t *block = heap->block; block != NULL; block = block->before) {
        if (count == heap->block_count || !block_is_valid(block, start_of(block))) return false;
        if (block->end < start_of(block) || (size_t)(block->end - (const char *)block) > block->size) return false;
        if (block->before == NULL && block != oldest(heap)) return false;
        total += block->size;
        count++;
    }
    return total == heap->total_size && count == heap->block_count;
}

void cc_heap_print(const cc_heap_t *heap, FILE *stream) {
    static const char *const types[] = {"dynamic", "buffer", "search"};
    size_t number = heap->block_count;
    fprintf(stream, "heap %p: %s, %zu bytes in %zu blocks%s\n", (const void *)heap, types[heap->options.type],
            heap->total_size, heap->block_count, heap->spare != NULL ? " and a spare one" : "");
    for (const block_t *block = heap->block; block != NULL; block = block->before) {
        size_t entries = 0, used = (size_t)(block->top - start_of(block));
        const char *end = block->top;
        for (; end > start_of(block) && entry_is_valid(block, end); end = entry_start(end))
            entries += (header_of(end) & 1) == 0;
        fprintf(stream, "  block %zu at %p: %zu bytes%s, %zu used, %zu allocations%s\n", number--, (const void *)block,
                block->size, block->pooled ? " of the pool" : "", used, entries,
                end == start_of(block) ? "" : " above a damaged header");
    }
}
