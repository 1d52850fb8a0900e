/* base/files.h: files as memory: the part of the contract with the operating system that files_posix.c fulfils.
 * Functions that return int give 0 or a cc_status_t. */
#ifndef CC_BASE_FILES_H
#define CC_BASE_FILES_H

#include "cc/base.h"

/* A mapped regular file. `writable`: the process may write to its memory, and the file stays as it is. */
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

/* ---- files that are mapped in parts ------------------------------------------------------------------------------ */

/* Descriptors that programs do not inherit, to be closed with cc__file_close; -1 when there is none. The first is a
 * file of `size` zeros that has no name and goes with its last mapping; the second is another one for what `file` is
 * open for. */
int cc__file_of_memory(uint64_t size);
int cc__file_duplicate(int file);
void cc__file_close(int file);

/* The size of a regular file, and whether it is open for reading and for writing (CC__OS_ bits). CC_ERROR_ARGUMENT when
 * `file` is no descriptor, CC_ERROR_KIND when it is of something else. */
int cc__file_look_at(int file, uint64_t *size, unsigned *access);

/* Makes a file longer. CC_ERROR_SYSTEM. */
int cc__file_extend(int file, uint64_t size);

/* Maps `size` bytes (whole pages) from `offset` on in place of what cc__os_reserve gave at `address`. `private_copy`:
 * writes stay in the process. CC_ERROR_ACCESS when the file is not open for it, CC_ERROR_MEMORY. */
int cc__file_view(void *address, size_t size, int file, uint64_t offset, unsigned access, bool private_copy);

/* Writes what was changed in a shared mapping to its file. CC_ERROR_SYSTEM. */
int cc__file_flush(void *address, size_t size);

/* Guards a mapping against SIGBUS: a page that is missing becomes zeros, and cc__file_guard_hit tells of it. The
 * guard's number, or -1 when all are taken or the system refuses the handler. `writable` as in the map. */
int cc__file_guard(const cc__file_map_t *map, bool writable);
void cc__file_unguard(int guard);
bool cc__file_guard_hit(int guard);

#endif
