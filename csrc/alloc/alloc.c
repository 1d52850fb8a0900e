/* alloc/alloc.c: the calls of cc/alloc.h with everything that may be switched on. The hot three and the switches are in
 * calls.c. */
#include "../base/blocking.h"
#include "../base/fill.h"
#include "../base/round.h"
#include "backend.h"
#include "counting.h"
#include "sizes.h"

_Atomic(unsigned) cc__alloc_mode;
_Atomic(const cc__allocator_t *) cc__alloc_observer;
_Atomic(bool) cc__libc_selected;
_Atomic(const cc__allocator_t *) cc__plugged_observer;
_Atomic(const cc__allocator_t *) cc__plugged_last;

/* ---- below the statistics and the observer ---------------------------------------------------------------------- */

/* Once libc was selected beside another backend, blocks of both live side by side. */
static inline bool is_libc(const void *pointer) {
    return (cc__load_relaxed(&cc__alloc_mode) & CC__MODE_MIXED) != 0 && !cc__main_owns(pointer);
}

void *cc__base_allocate(cc__request_t *request) {
    size_t bytes = request->bytes, alignment = request->alignment;
    /* acquire pairs with cc_alloc_select: whoever takes a block of libc's also finds the mixed mode when it frees it */
    if (!cc__load_acquire(&cc__libc_selected))
        return cc__main_allocate_any(bytes, alignment, request->zero, &request->taken);
    return cc__libc_allocate_any(bytes, alignment, request->zero, &request->taken);
}

void *cc__base_reallocate(cc__request_t *request) {
    void *pointer = request->pointer;
    if (!is_libc(pointer)) return cc__main_reallocate(pointer, request->bytes, &request->released, &request->taken);
    return cc__libc_reallocate(pointer, request->bytes, &request->released, &request->taken);
}

void cc__base_release(cc__request_t *request) {
    if (is_libc(request->pointer))
        cc__libc_release_block(request->pointer, &request->released);
    else
        cc__main_release_block(request->pointer, &request->released);
}

size_t cc_usable_size(const void *pointer) {
    if (pointer == NULL) return 0;
    void *block = (void *)(uintptr_t)pointer;
    return is_libc(block) ? cc__libc_usable_size(block) : cc__main_usable_size(block);
}

size_t cc__base_good_size(size_t size) {
    return cc__load_relaxed(&cc__libc_selected) ? cc__libc_good_size(size) : cc__main_good_size(size);
}

/* The observer, when it is to be called. pre: `mode` was read with acquire. */
static const cc__allocator_t *observed(unsigned mode) {
    if ((mode & CC__MODE_OBSERVED) == 0) return NULL;
    return cc__load_acquire(&cc__alloc_observer); /* pairs with the release store in cc__alloc_observe */
}

/* ---- allocation ------------------------------------------------------------------------------------------------- */

void *cc__alloc_watched(size_t size, size_t bytes, size_t alignment, bool zero) {
    cc__may_block("an allocation");
    unsigned mode = cc__load_acquire(&cc__alloc_mode); /* pairs with cc__alloc_observe: the observer is installed */
    if (size == 0 || bytes < size || bytes > PTRDIFF_MAX || !cc__is_power_of_two(alignment))
        return cc__count_failure(mode);
    cc__request_t request; /* the other fields are not looked at */
    request.size = size;
    request.bytes = bytes;
    request.alignment = alignment;
    request.zero = zero;
    const cc__allocator_t *watcher = observed(mode);
    void *pointer = watcher != NULL ? watcher->allocate(NULL, &request) : cc__base_allocate(&request);
    if (pointer == NULL) return cc__count_failure(mode);
    if (!zero) cc__debug_fill(pointer, CC__FILL_FRESH, size);
    cc__size_remember(pointer, size);
    if (cc__counting(mode)) cc__count_allocation(cc__thread_get(), size, request.taken);
    return pointer;
}

void *cc_calloc(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) bytes = 0;
    return cc__alloc_watched(bytes, bytes, 1, true);
}

void *cc_alloc_aligned(size_t size, size_t alignment) {
    return cc__alloc_watched(size, size, alignment, false);
}

/* ---- freeing ---------------------------------------------------------------------------------------------------- */

void cc__free_watched(void *pointer, size_t size, bool sized) {
    if (pointer == NULL) return;
    cc__may_block("a free");
    unsigned mode = cc__load_acquire(&cc__alloc_mode); /* pairs with cc__alloc_observe */
    cc__size_forget(pointer, sized ? &size : NULL);
    if (!sized) size = cc_usable_size(pointer);
    cc__debug_fill(pointer, CC__FILL_FREED, cc_usable_size(pointer));
    cc__request_t request; /* the other fields are not looked at */
    request.pointer = pointer;
    const cc__allocator_t *watcher = observed(mode);
    if (watcher != NULL)
        watcher->release(NULL, &request);
    else
        cc__base_release(&request);
    if (cc__counting(mode)) cc__count_free(cc__thread_get(), size, request.released, sized);
}

void cc_free_unsized(void *pointer) {
    cc__free_watched(pointer, 0, false);
}

void *cc_realloc(void *pointer, size_t old_size, size_t new_size) {
    if (pointer == NULL) return cc__alloc_watched(new_size, new_size, 1, false);
    if (new_size == 0) {
        cc__free_watched(pointer, old_size, true);
        return NULL;
    }
    cc__may_block("an allocation");
    unsigned mode = cc__load_acquire(&cc__alloc_mode); /* pairs with cc__alloc_observe */
    if (new_size > PTRDIFF_MAX) return cc__count_failure(mode);
    cc__size_forget(pointer, &old_size);
    cc__request_t request; /* the other fields are not looked at */
    request.pointer = pointer;
    request.size = request.bytes = new_size;
    const cc__allocator_t *watcher = observed(mode);
    void *moved = watcher != NULL ? watcher->reallocate(NULL, &request) : cc__base_reallocate(&request);
    cc__size_remember(moved != NULL ? moved : pointer, moved != NULL ? new_size : old_size);
    if (moved == NULL) return cc__count_failure(mode);
    if (new_size > old_size) cc__debug_fill((char *)moved + old_size, CC__FILL_FRESH, new_size - old_size);
    if (cc__counting(mode)) {
        cc__thread_t *thread = cc__thread_get();
        /* The allocation first: a snapshot between the two must not find more freed than allocated. */
        cc__count_allocation(thread, new_size, request.taken);
        cc__count_free(thread, old_size, request.released, true);
    }
    return moved;
}
