/* platform/leaks.c: live blocks by the place that allocated them. Places are few and stay for ever; a block's header
 * has the number of its place, so that nothing but the place's two sums is touched for a block. */
#include "platform_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer names lose their beginning. */
enum { NAME_SIZE = 104 };

typedef struct place {
    _Alignas(CC_CACHE_LINE_SIZE) _Atomic(int64_t) count;
    _Atomic(int64_t) bytes;
    int line;
    _Atomic(uint32_t) next; /* in its bucket, by number */
    char file[NAME_SIZE];
} place_t;

/* Places come in chunks that double, so that they never move and a number finds its place: chunk k begins at FIRST *
 * (2^k - 1). */
enum { BUCKETS = 1024, FIRST = 64, CHUNKS = 20 };
static place_t *_Atomic chunks[CHUNKS];
static _Atomic(uint32_t) buckets[BUCKETS];
static _Atomic(uint32_t) place_count; /* the largest number, 0 is none's */

static place_t *place_of(uint32_t number) {
    uint32_t index = number - 1, from = 0, chunk = 0;
    for (uint32_t size = FIRST; index - from >= size; size *= 2) from += size, chunk++;
    /* acquire pairs with the release store in add_place */
    return cc__load_acquire(&chunks[chunk]) + (index - from);
}

/* FNV-1a */
static uint32_t bucket_of(const char *file, int line) {
    uint32_t hash = 2166136261u ^ (uint32_t)line;
    for (; *file != 0; file++) hash = (hash ^ (unsigned char)*file) * 16777619u;
    return (hash ^ hash >> 16) % BUCKETS;
}

static uint32_t find(uint32_t bucket, const char *file, int line) {
    /* acquire pairs with the release store in add_place: the place is complete */
    for (uint32_t number = cc__load_acquire(&buckets[bucket]); number != 0;) {
        place_t *place = place_of(number);
        if (place->line == line && strcmp(place->file, file) == 0) return number;
        number = cc__load_relaxed(&place->next); /* immutable once linked */
    }
    return 0;
}

/* pre: the lock is held. */
static uint32_t add_place(uint32_t bucket, const char *file, int line) {
    uint32_t index = cc__load_relaxed(&place_count), from = 0, size = FIRST, chunk = 0;
    for (; index - from >= size; size *= 2) from += size, chunk++;
    if (chunk == CHUNKS) return 0;
    place_t *places = cc__load_relaxed(&chunks[chunk]);
    if (places == NULL) {
        places = cc__os_map(size * sizeof *places);
        if (places == NULL) return 0;
        cc__store_release(&chunks[chunk], places); /* pairs with the acquire load in place_of */
    }
    place_t *place = &places[index - from];
    memcpy(place->file, file, strlen(file) + 1);
    place->line = line;
    cc__store_relaxed(&place->next, cc__load_relaxed(&buckets[bucket]));
    cc__store_release(&buckets[bucket], index + 1); /* pairs with the acquire load in find */
    cc__store_release(&place_count, index + 1);     /* pairs with the acquire load in Platform_Mem_DumpLeaksTo */
    return index + 1;
}

uint32_t cc__platform_place(const char *file, int line) {
    if (file == NULL) file = "?", line = 0;
    size_t length = strlen(file);
    if (length >= NAME_SIZE) file += length - (NAME_SIZE - 1);
    uint32_t bucket = bucket_of(file, line), number = find(bucket, file, line);
    if (number != 0) return number;
    cc__platform_lock(CC__LOCK_PLACES);
    number = find(bucket, file, line);
    if (number == 0) number = add_place(bucket, file, line);
    cc__platform_unlock(CC__LOCK_PLACES);
    return number;
}

void cc__platform_place_add(uint32_t number, int64_t count, int64_t bytes) {
    place_t *place = place_of(number);
    cc__add_relaxed(&place->count, count);
    cc__add_relaxed(&place->bytes, bytes);
}

const char *cc__platform_place_name(uint32_t number, int *line) {
    if (number == 0) return "?";
    *line = place_of(number)->line;
    return place_of(number)->file;
}

/* ---- reports ----------------------------------------------------------------------------------------------------- */

static bool leak_of(uint32_t number, Platform_Leak *leak) {
    place_t *place = place_of(number);
    int64_t count = cc__load_relaxed(&place->count), bytes = cc__load_relaxed(&place->bytes);
    if (count <= 0) return false;
    *leak = (Platform_Leak){place->file, place->line, (size_t)count, bytes > 0 ? (size_t)bytes : 0};
    return true;
}

static int by_bytes(const void *one, const void *other) {
    const Platform_Leak *left = one, *right = other;
    if (left->bytes != right->bytes) return left->bytes < right->bytes ? 1 : -1;
    int order = strcmp(left->file, right->file);
    return order != 0 ? order : left->line - right->line;
}

static void print_leak(const Platform_Leak *leak, void *context) {
    (void)context;
    fprintf(stderr, "libcc: leak: %zu bytes in %zu block%s from %s:%d\n", leak->bytes, leak->count,
            leak->count == 1 ? "" : "s", leak->file, leak->line);
}

size_t Platform_Mem_DumpLeaksTo(Platform_LeakCallback callback, void *context) {
    if (callback == NULL) callback = print_leak;
    uint32_t most = cc__load_acquire(&place_count); /* pairs with the release store in add_place */
    Platform_Leak *leaks = cc__own_calloc(most, sizeof *leaks), leak;
    size_t count = 0;
    for (uint32_t number = 1; number <= most; number++) {
        if (!leak_of(number, &leak)) continue;
        if (leaks != NULL)
            leaks[count] = leak;
        else
            callback(&leak, context); /* no memory to sort them */
        count++;
    }
    if (leaks != NULL) {
        qsort(leaks, count, sizeof *leaks, by_bytes);
        for (size_t i = 0; i < count; i++) callback(&leaks[i], context);
    }
    free(leaks);
    return count;
}

static void add_up(const Platform_Leak *leak, void *context) {
    Platform_Leak *sum = context;
    sum->count += leak->count;
    sum->bytes += leak->bytes;
}

void Platform_Mem_DumpLeaks(void) {
    Platform_Leak sum = {0};
    (void)Platform_Mem_DumpLeaksTo(add_up, &sum);
    fprintf(stderr, "libcc: %zu bytes in %zu tracked blocks are not freed\n", sum.bytes, sum.count);
    (void)Platform_Mem_DumpLeaksTo(NULL, NULL);
}
