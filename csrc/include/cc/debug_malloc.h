/* cc/debug_malloc.h: a debug allocator for one file's code. Include it behind all other headers: from there on malloc,
 * calloc, realloc, reallocarray, aligned_alloc, posix_memalign, memalign, free, strdup and strndup are those of a debug
 * allocator (cc/methods.h). It knows the file and line of each allocation and finds overruns, double and foreign frees,
 * writes after a free, and leaks.
 *
 * Problems are written to stderr as they are found, leaks when the process ends; cc_debug_malloc_report has them told
 * otherwise. A block that is freed here must have been allocated by code that includes this header, and the other way
 * round: a foreign free is reported, and nothing is done. So what another library allocates (getline, realpath) is
 * freed by (free)(pointer), which is the C library's. Any thread may call all of it.
 *
 * The names are macros. Members of such names can still be called with another number of arguments, as
 * methods->malloc(size, context) of cc/methods.h; otherwise by (object.free)(pointer). In C++ only the calls without
 * std:: are meant. */
#ifndef CC_DEBUG_MALLOC_H
#define CC_DEBUG_MALLOC_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cc/methods.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As their namesakes, but that size 0 gives a block of one byte. `file` and `line` name the caller: the last parts of
 * the name, as far as CC_MEM_TITLE_SIZE goes. cc_debug_free and cc_debug_realloc do nothing with a pointer that is no
 * live block (realloc: NULL). An alignment is any power of two, for cc_debug_posix_memalign a multiple of a pointer's
 * size as well; realloc does not keep it. */
CC_API void *cc_debug_malloc(size_t size, const char *file, int line);
CC_API void *cc_debug_calloc(size_t count, size_t size, const char *file, int line);
CC_API void *cc_debug_realloc(void *pointer, size_t size, const char *file, int line);
CC_API void *cc_debug_reallocarray(void *pointer, size_t count, size_t size, const char *file, int line);
CC_API void *cc_debug_aligned_alloc(size_t alignment, size_t size, const char *file, int line);
CC_API int cc_debug_posix_memalign(void **pointer, size_t alignment, size_t size, const char *file, int line);
CC_API void cc_debug_free(void *pointer, const char *file, int line);
CC_API char *cc_debug_strdup(const char *text, const char *file, int line);
CC_API char *cc_debug_strndup(const char *text, size_t length, const char *file, int line);

/* Has problems told to `report` from now on, as cc_mem_debug_options_t has it; NULL: to stderr again. */
CC_API void cc_debug_malloc_report(void (*report)(const cc_mem_problem_t *problem, void *context), void *context);

/* Has every call write a line to `stream` from now on (NULL: no more):
 *     ALLOC: 0x5581e0 size=100 at main.c:12
 *     FREE: 0x5581e0 at main.c:14
 * A call that fails has the address (nil). A realloc writes both lines, if it succeeds. The stream stays the caller's;
 * it must stay open until the trace is ended and no call is on its way. */
CC_API void cc_debug_malloc_trace(FILE *stream);

/* Looks at all blocks now; reports and returns the number of damaged ones. */
CC_API size_t cc_debug_malloc_check(void);

/* Reports what is allocated now as leaked; returns the number of blocks. */
CC_API size_t cc_debug_malloc_leaks(void);

#ifdef __cplusplus
}
#endif

#undef malloc
#undef calloc
#undef realloc
#undef reallocarray
#undef aligned_alloc
#undef posix_memalign
#undef memalign
#undef free
#undef strdup
#undef strndup

#define CC__DEBUG_malloc(size) cc_debug_malloc((size), __FILE__, __LINE__)
#define CC__DEBUG_calloc(count, size) cc_debug_calloc((count), (size), __FILE__, __LINE__)
#define CC__DEBUG_realloc(pointer, size) cc_debug_realloc((pointer), (size), __FILE__, __LINE__)
#define CC__DEBUG_reallocarray(pointer, count, size) \
    cc_debug_reallocarray((pointer), (count), (size), __FILE__, __LINE__)
#define CC__DEBUG_aligned(alignment, size) cc_debug_aligned_alloc((alignment), (size), __FILE__, __LINE__)
#define CC__DEBUG_posix_memalign(pointer, alignment, size) \
    cc_debug_posix_memalign((pointer), (alignment), (size), __FILE__, __LINE__)
#define CC__DEBUG_free(pointer) cc_debug_free((pointer), __FILE__, __LINE__)
#define CC__DEBUG_strdup(text) cc_debug_strdup((text), __FILE__, __LINE__)
#define CC__DEBUG_strndup(text, length) cc_debug_strndup((text), (length), __FILE__, __LINE__)

/* The fifth argument: behind the 1 to 4 arguments of a call stand four names, for a call with 4, 3, 2 and 1 of them. A
 * macro's own name is not replaced inside it, so a call with another number stays as it is. */
#define CC__DEBUG_PICK(first, second, third, fourth, chosen, ...) chosen
#define malloc(...) CC__DEBUG_PICK(__VA_ARGS__, malloc, malloc, malloc, CC__DEBUG_malloc, 0)(__VA_ARGS__)
#define calloc(...) CC__DEBUG_PICK(__VA_ARGS__, calloc, calloc, CC__DEBUG_calloc, calloc, 0)(__VA_ARGS__)
#define realloc(...) CC__DEBUG_PICK(__VA_ARGS__, realloc, realloc, CC__DEBUG_realloc, realloc, 0)(__VA_ARGS__)
#define reallocarray(...) \
    CC__DEBUG_PICK(__VA_ARGS__, reallocarray, CC__DEBUG_reallocarray, reallocarray, reallocarray, 0)(__VA_ARGS__)
#define aligned_alloc(...) \
    CC__DEBUG_PICK(__VA_ARGS__, aligned_alloc, aligned_alloc, CC__DEBUG_aligned, aligned_alloc, 0)(__VA_ARGS__)
#define memalign(...) CC__DEBUG_PICK(__VA_ARGS__, memalign, memalign, CC__DEBUG_aligned, memalign, 0)(__VA_ARGS__)
#define posix_memalign(...) \
    CC__DEBUG_PICK(__VA_ARGS__, posix_memalign, CC__DEBUG_posix_memalign, posix_memalign, posix_memalign, 0) \
    (__VA_ARGS__)
#define free(...) CC__DEBUG_PICK(__VA_ARGS__, free, free, free, CC__DEBUG_free, 0)(__VA_ARGS__)
#define strdup(...) CC__DEBUG_PICK(__VA_ARGS__, strdup, strdup, strdup, CC__DEBUG_strdup, 0)(__VA_ARGS__)
#define strndup(...) CC__DEBUG_PICK(__VA_ARGS__, strndup, strndup, CC__DEBUG_strndup, strndup, 0)(__VA_ARGS__)
#endif
