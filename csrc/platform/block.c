/* platform/block.c: Platform_Alloc, Platform_Free, Platform_Realloc. A block has a header of 16 bytes before it, so
 * that a free without a size is accounted exactly; the memory is cc_alloc's, that of locked blocks whole pages of the
 * system's. */
#include "platform_internal.h"

#include <stdio.h>
#include <string.h>

#include "cc/alloc.h"
#include "compat/memory_wrapper.h"

/* The word lies where the allocator below links freed blocks, so a second free finds another one there. */
typedef struct cc_platform_header header_t;
_Static_assert(sizeof(header_t) == 16, "blocks are aligned to 16");

/* The mark of blocks with `more`: KIND_ bits, and the place's number in the low half. */
#define MARK_MORE (CC_PLATFORM_MARK + 1)
#define KIND_LOCKED ((uint64_t)1 << 32)
#define KIND_CHECKED ((uint64_t)1 << 33) /* the size that it is freed with */

static bool is_block(const header_t *header) {
    uint64_t mark = header->word >> 48;
    return mark == CC_PLATFORM_MARK || mark == MARK_MORE;
}

static size_t size_of(const header_t *header) {
    return (size_t)(header->word & (CC_PLATFORM_TEMP - 1));
}

static bool is_temporary(const header_t *header) {
    return (header->word & CC_PLATFORM_TEMP) != 0;
}

/* KIND_ bits and the place. */
static uint64_t more_of(const header_t *header) {
    return header->word >> 48 == MARK_MORE ? header->more : 0;
}

static uint32_t place_of(const header_t *header) {
    return (uint32_t)more_of(header);
}

static void fill(header_t *header, size_t size, bool temporary, uint64_t more) {
    uint64_t mark = more != 0 ? MARK_MORE : CC_PLATFORM_MARK;
    header->word = mark << 48 | (temporary ? CC_PLATFORM_TEMP : 0) | size;
    header->more = more;
}

enum { KNOWN_FLAGS = MEM_TEMP | MEM_LOCK | MEM_CLEAR };

/* Off the inlines' path goes everything while one of these is on. */
enum { MODE_TRACKING = 1 << 16, MODE_LOCKING = 1 << 17, MODE_DEBUG = 1 << 18 };
#if defined(CC_DEBUG)
uint32_t cc_platform_mode = MODE_DEBUG;
#else
uint32_t cc_platform_mode;
#endif

static uint32_t mode(void) {
    return __atomic_load_n(&cc_platform_mode, __ATOMIC_RELAXED);
}

static void set_mode(uint32_t bit, bool on) {
    if (on)
        (void)__atomic_fetch_or(&cc_platform_mode, bit, __ATOMIC_RELAXED);
    else
        (void)__atomic_fetch_and(&cc_platform_mode, ~bit, __ATOMIC_RELAXED);
}

void Platform_Mem_EnableLocking(bool enable) {
    set_mode(MODE_LOCKING, enable);
}

void Platform_Mem_TrackLeaks(bool enable) {
    set_mode(MODE_TRACKING, enable);
}

/* ---- allocation -------------------------------------------------------------------------------------------------- */

/* Adds to *more. */
static header_t *take(size_t bytes, uint32_t flags, uint64_t *more) {
    if ((flags & MEM_LOCK) == 0 || (mode() & MODE_LOCKING) == 0) {
        header_t *header = (flags & MEM_CLEAR) != 0 ? cc_calloc(1, bytes) : cc_alloc(bytes);
        return header != NULL ? header : cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    }
    header_t *header = cc__os_map(bytes);
    if (header == NULL) return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    if (cc__os_lock(header, bytes) != CC_OK) {
        cc__os_unmap(header, bytes);
        return cc__platform_fail(ERROR_WORKING_SET_QUOTA);
    }
    *more |= KIND_LOCKED;
    return header;
}

void *Platform_AllocEx(size_t size, uint32_t flags, const char *file, int line) {
    if (size == 0 || (flags & ~(uint32_t)KNOWN_FLAGS) != 0) return cc__platform_fail(ERROR_INVALID_PARAMETER);
    if (size >= CC_PLATFORM_SIZE_LIMIT) return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    uint64_t more = 0;
    header_t *header = take(sizeof *header + size, flags, &more);
    if (header == NULL) return NULL;
    uint32_t active = mode();
    if ((active & (MODE_TRACKING | MODE_DEBUG)) != 0) more |= KIND_CHECKED;
    if ((active & MODE_TRACKING) != 0) {
        uint32_t place = cc__platform_place(file, line);
        if (place != 0) cc__platform_place_add(place, 1, (int64_t)size);
        more |= place;
    }
    fill(header, size, (flags & MEM_TEMP) != 0, more);
    cc__platform_count(1, (int64_t)size, (flags & MEM_TEMP) != 0);
    return header + 1;
}

void *cc_platform_no_memory(void) {
    return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
}

void *(Platform_Alloc)(size_t size, uint32_t flags) {
    return cc_platform_alloc_inline(size, flags, NULL, 0);
}

/* ---- reports ----------------------------------------------------------------------------------------------------- */

static void report_pointer(const char *function, const void *pointer) {
    fprintf(stderr, "libcc: %s: %p is not a live block (freed twice, overwritten, or of another allocator)\n", function,
            pointer);
}

static void check_size(const char *function, const header_t *header, size_t size) {
    if ((more_of(header) & KIND_CHECKED) == 0 || size == 0 || size == size_of(header)) return;
    int line = 0;
    const char *file = cc__platform_place_name(place_of(header), &line);
    fprintf(stderr, "libcc: %s: %p has %zu bytes (allocated at %s:%d), not %zu\n", function, (const void *)(header + 1),
            size_of(header), file, line, size);
}

/* ---- free -------------------------------------------------------------------------------------------------------- */

void(Platform_Free)(void *pointer, size_t size) {
    cc_platform_free_inline(pointer, size);
}

void cc_platform_free_rarely(void *pointer, size_t size) {
    header_t *header = (header_t *)pointer - 1;
    if (!is_block(header)) {
        report_pointer("Platform_Free", pointer);
        cc__platform_last_error = ERROR_INVALID_PARAMETER;
        return;
    }
    check_size("Platform_Free", header, size);
    int64_t bytes = (int64_t)size_of(header);
    uint32_t place = place_of(header);
    if (place != 0) cc__platform_place_add(place, -1, -bytes);
    cc__platform_count(-1, -bytes, is_temporary(header));
    if ((more_of(header) & KIND_LOCKED) != 0) {
        cc__os_unmap(header, sizeof *header + (size_t)bytes);
        return;
    }
    header->word = 0; /* as in cc_platform_free_inline */
    cc_free(header, sizeof *header + (size_t)bytes);
}

/* ---- realloc ----------------------------------------------------------------------------------------------------- */

/* Locked blocks do not grow in place. */
static header_t *move_locked(header_t *header, size_t size, size_t new_size) {
    uint64_t more = more_of(header) & ~KIND_LOCKED;
    header_t *moved = take(sizeof *moved + new_size, MEM_LOCK, &more);
    if (moved == NULL) return NULL;
    memcpy(moved + 1, header + 1, size < new_size ? size : new_size);
    fill(moved, new_size, is_temporary(header), more);
    cc__os_unmap(header, sizeof *header + size);
    return moved;
}

static header_t *move(header_t *header, size_t size, size_t new_size) {
    header_t *moved = cc_realloc(header, sizeof *header + size, sizeof *header + new_size);
    if (moved == NULL) return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    fill(moved, new_size, is_temporary(moved), more_of(moved));
    return moved;
}

void *Platform_Realloc(void *pointer, size_t old_size, size_t new_size) {
    if (pointer == NULL) return Platform_Alloc(new_size, MEM_NORMAL);
    if (new_size == 0) {
        Platform_Free(pointer, old_size);
        return NULL;
    }
    header_t *header = (header_t *)pointer - 1;
    if (!is_block(header)) {
        report_pointer("Platform_Realloc", pointer);
        return cc__platform_fail(ERROR_INVALID_PARAMETER);
    }
    check_size("Platform_Realloc", header, old_size);
    if (new_size >= CC_PLATFORM_SIZE_LIMIT) return cc__platform_fail(ERROR_NOT_ENOUGH_MEMORY);
    size_t size = size_of(header);
    uint32_t place = place_of(header);
    header = (more_of(header) & KIND_LOCKED) != 0 ? move_locked(header, size, new_size) : move(header, size, new_size);
    if (header == NULL) return NULL;
    int64_t change = (int64_t)new_size - (int64_t)size;
    if (place != 0) cc__platform_place_add(place, 0, change);
    cc__platform_count(0, change, is_temporary(header));
    return header + 1;
}
