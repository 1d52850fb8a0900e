/* alloc/backend.h: the allocator below libcc, the main one. A build has one: mimalloc, or (CC_BACKEND_LIBC, for
 * sanitizers and valgrind, because mimalloc's archive carries no hooks for them) libc's malloc. A backend is a header
 * and a source named backend_…, which define all of what is listed here; this is the only place that chooses.
 *
 * Every request passes cc__fault_due(), so that test builds can make the n-th one fail. Any thread may call anything.
 * pre (all): 0 < size <= PTRDIFF_MAX unless said otherwise; alignment a power of two; pointers are live blocks of this
 * backend.
 *
 * CC__MAIN_NAME                      as cc_alloc_select knows it
 *
 * The hot requests. Without fault injection they are the allocator's own functions and nothing else.
 * cc__main_allocate(size)            any size; aligned to 16 (8 for sizes up to 8)
 * cc__main_allocate_small(size)      the same for at most CC__MAIN_SMALL_MAX bytes
 * cc__main_allocate_lines(bytes, size)  the same for `bytes`; `size` is not looked at
 * cc__main_release(pointer, size)    `size` is not looked at
 *
 * The others. *block gets the bytes of the whole block on success. It may be a word that others read at the same time.
 * cc__main_allocate_any(size, alignment, zero, block)
 * cc__main_reallocate(pointer, size, old_block, block)   NULL and the old block intact when there is no memory
 * cc__main_release_block(pointer, block)
 * cc__main_usable_size(pointer)
 * cc__main_good_size(size)           the usable bytes that a request of `size` gets, by its size classes
 * cc__main_keeps_good_sizes()        whether the whole block of each small request has exactly its good size
 * cc__main_owns(pointer)             false for a block of libc's; any live block of either
 * cc__main_contains(address)        whether it is known to lie in readable memory of the backend's; false tells nothing
 * cc__main_heap_bytes(committed, reserved)   as cc_alloc_heap_bytes
 *
 * Private heaps (cc__heap_t): blocks that can be freed one by one, and all at once with their heap. Neither the
 * statistics nor the observer of cc_alloc sees them, and cc_alloc_select does not change them.
 * cc__heap_create()                  NULL when there is no memory
 * cc__heap_destroy(heap)             frees the heap's blocks. pre: nobody else is inside of the heap
 * cc__heap_alloc(heap, size, zero)   aligned to 16; NULL when there is no memory
 * cc__heap_realloc(heap, pointer, size)  NULL and the old block intact without memory; new bytes are not zeroed
 * cc__heap_expand(heap, pointer, size)   the same without moving it; whether it could
 * cc__heap_free(heap, pointer)
 * cc__heap_collect(heap)             gives unused memory of the calling thread's back to the system
 * cc__heap_visit(heap, visit, context)   calls visit(block, size, context) for each live block and its bytes, at least
 *                                    those that were asked for. pre: nobody else is inside of the heap, nor is
 * `visit` */
#ifndef CC_ALLOC_BACKEND_H
#define CC_ALLOC_BACKEND_H

#include "libc.h"

#if defined(CC_BACKEND_LIBC)
#include "backend_libc.h"
#else
#include "backend_mimalloc.h"
#endif

#endif
