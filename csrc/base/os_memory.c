/* base/os_memory.c: how much memory there is, as /proc and the control groups tell it on Linux. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "os.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT = 8192, PATH = 4096 };

/* Reads a file's beginning as text. False when there is none. */
static bool read_text(char text[TEXT], const char *root, const char *directory, const char *name) {
    char path[3 * PATH];
    int length = snprintf(path, sizeof path, "%s%s%s", root, directory, name);
    if (length < 0 || (size_t)length >= sizeof path) return false;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    size_t used = 0;
    for (ssize_t got; used < TEXT - 1 && (got = read(file, text + used, TEXT - 1 - used)) > 0;) used += (size_t)got;
    (void)close(file);
    text[used] = 0;
    return used > 0;
}

/* The number behind `name` at the beginning of a line; 0 when it is not there. */
static uint64_t number_of(const char *text, const char *name) {
    size_t length = strlen(name);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, name, length) == 0) return strtoull(line + length, NULL, 10);
    }
    return 0;
}

/* One version of the control groups' files. */
typedef struct version {
    const char *mount, *limit, *usage, *inactive;
} version_t;

/* A group's limit, if it has one that is less than what is known. */
static void apply_limit(const char *root, const char *directory, const version_t *version, cc__os_memory_t *memory) {
    char text[TEXT];
    if (!read_text(text, root, directory, version->limit)) return;
    char *end;
    uint64_t limit = strtoull(text, &end, 10); /* "max" is no number */
    if (end == text) return;
    if (limit < memory->total) memory->total = limit;
    if (!read_text(text, root, directory, version->usage)) return;
    uint64_t usage = strtoull(text, NULL, 10);
    /* Files' pages that nobody uses are given up before the limit is felt. */
    uint64_t inactive = read_text(text, root, directory, "/memory.stat") ? number_of(text, version->inactive) : 0;
    usage = usage > inactive ? usage - inactive : 0;
    uint64_t left = limit > usage ? limit - usage : 0;
    if (left < memory->available) memory->available = left;
}

/* The limits of the group and of all above it. */
static void apply_limits(const char *root, const char *group, const version_t *version, cc__os_memory_t *memory) {
    char directory[2 * PATH];
    int length = snprintf(directory, sizeof directory, "%s%s", version->mount, group);
    if (length < 0 || (size_t)length >= sizeof directory) return;
    size_t mount = strlen(version->mount);
    for (;;) {
        apply_limit(root, directory, version, memory);
        char *slash = strrchr(directory + mount, '/');
        if (slash == NULL) return;
        *slash = 0;
    }
}

static void apply_groups(const char *root, cc__os_memory_t *memory) {
    static const version_t second = {"/sys/fs/cgroup", "/memory.max", "/memory.current", "inactive_file "};
    static const version_t first = {"/sys/fs/cgroup/memory", "/memory.limit_in_bytes", "/memory.usage_in_bytes",
                                    "total_inactive_file "};
    char text[TEXT], *rest = text;
    if (!read_text(text, root, "/proc/self", "/cgroup")) return;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        /* number:controllers:path */
        char *controllers = strchr(line, ':'), *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (path == NULL) continue;
        *controllers++ = 0;
        *path++ = 0;
        if (controllers[0] == 0)
            apply_limits(root, path, &second, memory);
        else if (strstr(controllers, "memory") != NULL)
            apply_limits(root, path, &first, memory);
    }
}

int cc__os_memory_below(const char *root, cc__os_memory_t *memory) {
    *memory = (cc__os_memory_t){0};
    char text[TEXT];
    if (!read_text(text, root, "/proc", "/meminfo")) return CC_ERROR_SUPPORT;
    memory->total = number_of(text, "MemTotal:") * 1024;
    memory->available = number_of(text, "MemAvailable:") * 1024;
    memory->swap_total = number_of(text, "SwapTotal:") * 1024;
    memory->swap_available = number_of(text, "SwapFree:") * 1024;
    memory->address_total = (uint64_t)1 << 47;
    if (read_text(text, root, "/proc/self", "/statm"))
        memory->address_used = strtoull(text, NULL, 10) * cc__os_page_size();
    apply_groups(root, memory);
    return CC_OK;
}

int cc__os_memory(cc__os_memory_t *memory) {
    return cc__os_memory_below("", memory);
}
