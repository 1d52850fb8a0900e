/* regions/map.c: files as memory. The system's part is base/files.h. */
#include "../base/files.h"
#include "../base/fault.h"
#include "regions_internal.h"

struct cc_map {
    cc__file_map_t file;
    int guard; /* -1: none */
};

int cc_map_file(const char *path, unsigned flags, cc_map_t **result) {
    if (result == NULL) return CC_ERROR_ARGUMENT;
    *result = NULL;
    if (path == NULL || (flags & ~(unsigned)(CC_MAP_COPY_ON_WRITE | CC_MAP_GUARDED)) != 0) return CC_ERROR_ARGUMENT;
    bool writable = (flags & CC_MAP_COPY_ON_WRITE) != 0;
    cc_map_t *map = cc_alloc(sizeof *map);
    if (map == NULL) return CC_ERROR_MEMORY;
    map->guard = -1;
    int status = cc__file_map(path, writable, &map->file);
    if (status != CC_OK) {
        cc_free(map, sizeof *map);
        return status;
    }
    if ((flags & CC_MAP_GUARDED) != 0 && (map->guard = cc__file_guard(&map->file, writable)) < 0) {
        cc_unmap(map);
        return CC_ERROR_LIMIT;
    }
    *result = map;
    return CC_OK;
}

void cc_unmap(cc_map_t *map) {
    if (map == NULL) return;
    if (map->guard >= 0) cc__file_unguard(map->guard);
    cc__file_unmap(&map->file);
    cc_free(map, sizeof *map);
}

cc_slice_t cc_map_slice(const cc_map_t *map) {
    return cc_slice(map->file.address, map->file.size);
}

int cc_map_advise(cc_map_t *map, size_t start, size_t length, cc_map_advice_t advice) {
    cc_slice_t range = cc_slice_sub(cc_map_slice(map), start, length);
    size_t from = (size_t)(range.data - map->file.address);
    return cc__file_advise(&map->file, from, range.length, (int)advice);
}

int cc_map_read(const cc_map_t *map, size_t start, void *target, size_t length) {
    if (start > map->file.size || length > map->file.size - start) return CC_ERROR_ARGUMENT;
    return cc__file_read(&map->file, start, target, length);
}

bool cc_map_truncated(const cc_map_t *map) {
    return (map->guard >= 0 && cc__file_guard_hit(map->guard)) || cc__file_size(&map->file) < map->file.size;
}
