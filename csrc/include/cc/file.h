/* cc/file.h: a file's bytes as memory, without reading them first. Units are bytes. */
#ifndef CC_FILE_H
#define CC_FILE_H

#include "cc/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A mapped file. Any thread may read its bytes. */
typedef struct cc_file cc_file_t;

enum {
    /* the bytes may be written; that is seen through this cc_file_t only and never reaches the file */
    CC_FILE_COPY_ON_WRITE = 1,
    CC_FILE_GUARDED = 2 /* see cc_file_truncated */
};

/* Maps a whole file, in the size that it has now, and gives it in *file; the caller closes it. `flags` is a sum of the
 * above. Errors, with *file NULL: CC_ERROR_MISSING (there is no such file), CC_ERROR_ACCESS, CC_ERROR_DIRECTORY,
 * CC_ERROR_EMPTY, CC_ERROR_KIND (not a regular file), CC_ERROR_MEMORY, CC_ERROR_LIMIT (too many open files, or more
 * than 1024 guarded ones), CC_ERROR_ARGUMENT. */
CC_API int cc_file_open(const char *path, unsigned flags, cc_file_t **file);
/* Unmaps it; its bytes are gone. NULL is ignored. */
CC_API void cc_file_close(cc_file_t *file);

/* The bytes, until cc_file_close. With CC_FILE_COPY_ON_WRITE they may be written through a cast. */
CC_API cc_slice_t cc_file_slice(const cc_file_t *file);

/* What the system may expect of a range (cut to the file's size): a hint that may be ignored. */
typedef enum cc_file_advice {
    CC_FILE_NORMAL = 0,
    CC_FILE_SEQUENTIAL = 1,
    CC_FILE_RANDOM = 2,
    CC_FILE_WILL_NEED = 3,
    CC_FILE_DONT_NEED = 4 /* drops the pages: what was written with CC_FILE_COPY_ON_WRITE is lost */
} cc_file_advice_t;
CC_API int cc_file_advise(cc_file_t *file, size_t start, size_t length, cc_file_advice_t advice);

/* Copies `length` bytes from `start` on, out of the file itself and not its memory: safe whatever has become of the
 * file. CC_ERROR_ARGUMENT for a range that goes beyond cc_file_slice; CC_ERROR_TRUNCATED when the file ends before the
 * range does; CC_ERROR_SYSTEM when it cannot be read. */
CC_API int cc_file_read(const cc_file_t *file, size_t start, void *target, size_t length);

/* Whether the file has become shorter than it was when it was opened.
 *
 * Reading memory behind the file's new end raises SIGBUS, which kills the process. A file opened with CC_FILE_GUARDED
 * survives that: the missing pages read as zeros from then on, one message for the file goes to stderr, and this
 * function returns true for good. The guard is one handler of SIGBUS for the process, which the first guarded file sets
 * up. A SIGBUS elsewhere goes to the handler that was there before. A handler that the program sets later replaces the
 * guard. */
CC_API bool cc_file_truncated(const cc_file_t *file);

/* For CC_CLEANUP. */
static inline void cc_file_cleanup(cc_file_t **file) {
    cc_file_close(*file);
}

#ifdef __cplusplus
}
#endif
#endif
