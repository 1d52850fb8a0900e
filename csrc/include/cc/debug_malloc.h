/* cc/debug_malloc.h: opt in by including it, behind all other headers: in this file's code, malloc, calloc, realloc, free, strdup and
 * strndup are those of a debug allocator (cc/methods.h) that knows the file and line of each allocation and finds overruns,
 * double and foreign frees, writes after a free, and leaks.
 *
 * Problems are written to stderr as they are found, leaks when the process ends; cc_debug_malloc_report has them told otherwise. A
 * block that is freed here must have been allocated by code that includes this header, and the other way round: a foreign free is
 * reported, and nothing is done. Any thread may call all of it. In C++ only the calls without std:: are meant. */
#ifndef CC_DEBUG_MALLOC_H
#define CC_DEBUG_MALLOC_H

#include <stdlib.h>
#include <string.h>

#include "cc/methods.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As their namesakes, but that size 0 gives a block of one byte. `file` and `line` name the caller: the last parts of the name, as far
 * as CC_MEM_TITLE_SIZE goes. cc_debug_free and cc_debug_realloc do nothing with a pointer that is no live block (realloc: NULL). */
CC_API void *cc_debug_malloc(size_t size, const char *file, int line);
CC_API void *cc_debug_calloc(size_t count, size_t size, const char *file, int line);
CC_API void *cc_debug_realloc(void *pointer, size_t size, const char *file, int line);
CC_API void cc_debug_free(void *pointer, const char *file, int line);
CC_API char *cc_debug_strdup(const char *text, const char *file, int line);
CC_API char *cc_debug_strndup(const char *text, size_t length, const char *file, int line);

/* Has problems told to `report` from now on, as cc_mem_debug_options_t has it; NULL: to stderr again. */
CC_API void cc_debug_malloc_report(void (*report)(const cc_mem_problem_t *problem, void *context), void *context);

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
#undef free
#undef strdup
#undef strndup
#define malloc(size) cc_debug_malloc((size), __FILE__, __LINE__)
#define calloc(count, size) cc_debug_calloc((count), (size), __FILE__, __LINE__)
#define realloc(pointer, size) cc_debug_realloc((pointer), (size), __FILE__, __LINE__)
#define free(pointer) cc_debug_free((pointer), __FILE__, __LINE__)
#define strdup(text) cc_debug_strdup((text), __FILE__, __LINE__)
#define strndup(text, length) cc_debug_strndup((text), (length), __FILE__, __LINE__)
#endif
