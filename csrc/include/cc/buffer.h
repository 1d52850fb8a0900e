/* cc/buffer.h: a buffer: bytes with a reference count.
 *
 * Units are bytes. `allocator` is one of cc/methods.h, NULL: cc_alloc; the table must outlive the buffer and be
 * initialized. Every function may be called from any thread. */
#ifndef CC_BUFFER_H
#define CC_BUFFER_H

#include "cc/methods.h"
#include "cc/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that several owners hold, also in several threads; the last release frees them. */
typedef struct cc_buffer cc_buffer_t;

/* A buffer with one reference. NULL without memory, for size 0, or where `data` is NULL.
 *   create  `size` bytes of its own, to be written before the buffer is shared
 *   copy    the same, filled from `data`
 *   take    takes `data` over and calls release(data, size, context) at the end; release NULL: cc_free. On failure
 *           `data` stays the caller's.
 *   view    shows `data`, which stays the caller's and must outlive the buffer */
CC_API cc_buffer_t *cc_buffer_create(size_t size, const cc_mem_methods_t *allocator) CC_ATTRIBUTE((warn_unused_result));
CC_API cc_buffer_t *cc_buffer_copy(const void *data, size_t size, const cc_mem_methods_t *allocator)
    CC_ATTRIBUTE((warn_unused_result));
CC_API cc_buffer_t *cc_buffer_take(void *data, size_t size, void (*release)(void *data, size_t size, void *context),
                                   void *context, const cc_mem_methods_t *allocator) CC_ATTRIBUTE((warn_unused_result));
CC_API cc_buffer_t *cc_buffer_view(const void *data, size_t size, const cc_mem_methods_t *allocator)
    CC_ATTRIBUTE((warn_unused_result));

/* One reference more, for another owner; returns the buffer. NULL is ignored, too. */
CC_API cc_buffer_t *cc_buffer_retain(cc_buffer_t *buffer);
/* One reference less; the last one frees. NULL is ignored. */
CC_API void cc_buffer_release(cc_buffer_t *buffer);
/* How many references there are; only 1 says something that lasts. 0 for NULL. */
CC_API size_t cc_buffer_references(const cc_buffer_t *buffer);

/* The bytes, as long as the caller holds its reference. Empty for NULL. */
CC_API cc_slice_t cc_buffer_slice(const cc_buffer_t *buffer);

/* Copy on write: the bytes to write to. If *buffer has other owners or is a view, the caller's reference is exchanged
 * for one to a copy. NULL without memory: then nothing has changed. NULL also where *buffer is NULL. */
CC_API char *cc_buffer_write(cc_buffer_t **buffer) CC_ATTRIBUTE((warn_unused_result));

/* For CC_CLEANUP. */
static inline void cc_buffer_cleanup(cc_buffer_t **buffer) {
    cc_buffer_release(*buffer);
}

#ifdef __cplusplus
}
#endif
#endif
