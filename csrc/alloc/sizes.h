/* alloc/sizes.h: debug builds remember the size that each block was asked for, to find a free with another one. */
#ifndef CC_ALLOC_SIZES_H
#define CC_ALLOC_SIZES_H

#include "cc/base.h"

#if defined(CC_DEBUG)
/* Without memory the size of this block is not known. */
void cc__size_remember(const void *pointer, size_t size);

/* Before the block is given back, since another thread may get it at once. Ends the process with a report if the
 * caller's size (NULL: it gave none) is another than the one remembered. */
void cc__size_forget(const void *pointer, const size_t *size);
#else
#define cc__size_remember(pointer, size) ((void)0)
#define cc__size_forget(pointer, size) ((void)0)
#endif

#endif
