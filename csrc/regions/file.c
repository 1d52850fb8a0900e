/* regions/file.c: files as memory. The system's part is base/files.h. */
#include "cc/file.h"

#include "../base/files.h"
#include "../base/fault.h"
#include "regions_internal.h"

struct cc_file {
    cc__file_map_t mapping;
    int guard; /* -1: none */
};

int cc_file_open(const char *path, unsigned flags, cc_file_t **result) {
    if (result == NULL) return CC_ERROR_ARGUMENT;
    *result = NULL;
    if (path == NULL || (flags & ~(unsigned)(CC_FILE_COPY_ON_WRITE | CC_FILE_GUARDED)) != 0) return CC_ERROR_ARGUMENT;
    bool writable = (flags & CC_FILE_COPY_ON_WRITE) != 0;
    cc_file_t *file = cc_alloc(sizeof *file);
    if (file == NULL) return CC_ERROR_MEMORY;
    file->guard = -1;
    int status = cc__file_map(path, writable, &file->mapping);
    if (status != CC_OK) {
        cc_free(file, sizeof *file);
        return status;
    }
    if ((flags & CC_FILE_GUARDED) != 0 && (file->guard = cc__file_guard(&file->mapping, writable)) < 0) {
        cc_file_close(file);
        return CC_ERROR_LIMIT;
    }
    *result = file;
    return CC_OK;
}

void cc_file_close(cc_file_t *file) {
    if (file == NULL) return;
    if (file->guard >= 0) cc__file_unguard(file->guard);
    cc__file_unmap(&file->mapping);
    cc_free(file, sizeof *file);
}

cc_slice_t cc_file_slice(const cc_file_t *file) {
    return cc_slice(file->mapping.address, file->mapping.size);
}

int cc_file_advise(cc_file_t *file, size_t start, size_t length, cc_file_advice_t advice) {
    cc_slice_t range = cc_slice_sub(cc_file_slice(file), start, length);
    size_t from = (size_t)(range.data - file->mapping.address);
    return cc__file_advise(&file->mapping, from, range.length, (int)advice);
}

int cc_file_read(const cc_file_t *file, size_t start, void *target, size_t length) {
    if (start > file->mapping.size || length > file->mapping.size - start) return CC_ERROR_ARGUMENT;
    return cc__file_read(&file->mapping, start, target, length);
}

bool cc_file_truncated(const cc_file_t *file) {
    return (file->guard >= 0 && cc__file_guard_hit(file->guard)) || cc__file_size(&file->mapping) < file->mapping.size;
}
