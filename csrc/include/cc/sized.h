/* cc/sized.h: blocks that know their size: freed without being told it. */
#ifndef CC_SIZED_H
#define CC_SIZED_H

#include "cc/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A block of `size` bytes; aligned and refused as cc_alloc's. All three are for any thread. */
CC_API void *cc_sized_alloc(size_t size) CC_ATTRIBUTE((malloc, alloc_size(1), warn_unused_result));
/* NULL is ignored. */
CC_API void cc_sized_free(void *pointer);
/* The size that was asked for; 0 for NULL. */
CC_API size_t cc_sized_size(const void *pointer);

#ifdef __cplusplus
}
#endif
#endif
