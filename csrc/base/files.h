/* base/files.h: files as memory: the part of the contract with the operating system that files_posix.c fulfils. Functions that
 * return int give 0 or a cc_status_t. */
#ifndef CC_BASE_FILES_H
#define CC_BASE_FILES_H

#include "cc/base.h"

/* A mapped regular file. `writable`: private to the process. */
typedef struct cc__file_map {
    char *address;
    size_t size; /* of the file when it was mapped, > 0 */
    int file;    /* kept open for cc__file_read */
} cc__file_map_t;

/* CC_ERROR_MISSING, _ACCESS, _DIRECTORY, _EMPTY, _KIND, _MEMORY, _LIMIT (open files), _SYSTEM. */
int cc__file_map(const char *path, bool writable, cc__file_map_t *map);
void cc__file_unmap(cc__file_map_t *map);

/* As cc_file_advice_t. The range is widened to pages. */
int cc__file_advise(const cc__file_map_t *map, size_t start, size_t length, int advice);

/* From the file, not the memory. CC_ERROR_TRUNCATED when it ends before, CC_ERROR_SYSTEM. */
int cc__file_read(const cc__file_map_t *map, size_t start, void *target, size_t length);

/* The file's size now; SIZE_MAX when the system does not tell. */
size_t cc__file_size(const cc__file_map_t *map);

/* Guards a mapping against SIGBUS: the page that is missing becomes zeros, which guard_hit tells of. The place's number, or -1 when
 * all are taken or the system refuses the handler. `writable` as in the map. */
int cc__file_guard(const cc__file_map_t *map, bool writable);
void cc__file_unguard(int guard);
bool cc__file_guard_hit(int guard);

#endif
