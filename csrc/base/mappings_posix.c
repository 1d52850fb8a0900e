/* base/mappings_posix.c: base/mappings.h for Linux, from /proc/self/maps and by system calls that say EFAULT. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "mappings.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

#include "atomics.h"
#include "os.h"

/* ---- /proc/self/maps --------------------------------------------------------------------------------------------- */

typedef struct reader {
    int file;
    ssize_t used, at;
    char text[4096];
} reader_t;

/* -1 at the end. */
static int next_char(reader_t *reader) {
    if (reader->at == reader->used) {
        do {
            reader->used = read(reader->file, reader->text, sizeof reader->text);
        } while (reader->used < 0 && errno == EINTR);
        reader->at = 0;
        if (reader->used <= 0) {
            reader->used = 0;
            return -1;
        }
    }
    return (unsigned char)reader->text[reader->at++];
}

/* A number to any base up to 16 and the character behind it. */
static uint64_t read_number(reader_t *reader, unsigned base, int *end) {
    uint64_t number = 0;
    for (;;) {
        int c = *end = next_char(reader);
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return number;
        number = number * base + (unsigned)digit;
    }
}

typedef struct line {
    uintptr_t start, end;
    unsigned access;
    uint64_t device, file; /* 0: of no file */
    bool is_stack;
} line_t;

/* "start-end rwxp offset major:minor inode   path"; false at the end of the file. */
static bool read_line(reader_t *reader, line_t *line) {
    int c;
    *line = (line_t){0};
    line->start = (uintptr_t)read_number(reader, 16, &c);
    if (c != '-') return false;
    line->end = (uintptr_t)read_number(reader, 16, &c);
    if (next_char(reader) == 'r') line->access |= CC__OS_READ;
    if (next_char(reader) == 'w') line->access |= CC__OS_WRITE;
    if (next_char(reader) == 'x') line->access |= CC__OS_EXECUTE;
    (void)next_char(reader), (void)next_char(reader);
    (void)read_number(reader, 16, &c);
    line->device = read_number(reader, 16, &c) << 32;
    line->device |= read_number(reader, 16, &c);
    line->file = read_number(reader, 10, &c);
    while (c == ' ') c = next_char(reader);
    static const char stack[] = "[stack";
    size_t same = 0;
    while (c >= 0 && c != '\n') {
        if (same < sizeof stack - 1) same = c == stack[same] ? same + 1 : sizeof stack;
        c = next_char(reader);
    }
    line->is_stack = same == sizeof stack - 1;
    return true;
}

/* Whether a line goes on with what the one before it belongs to: the same file, or a program's data that begin as
 * zeros. */
static bool goes_on(const line_t *before, const line_t *line) {
    if (before->file == 0 || line->start != before->end) return false;
    if (line->file == 0) return (before->access & CC__OS_WRITE) != 0 && line->access == before->access;
    return line->file == before->file && line->device == before->device;
}

/* How far down the stack may grow that lies in this line. */
static uintptr_t lowest_of_stack(const line_t *line, uintptr_t before) {
    struct rlimit limit;
    uintptr_t room = (uintptr_t)8 << 20;
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < line->end) room = (uintptr_t)limit.rlim_cur;
    uintptr_t lowest = (line->end - room) & ~(uintptr_t)(cc__os_page_size() - 1);
    if (lowest > line->start) lowest = line->start;
    return lowest > before ? lowest : before;
}

/* The gap before `line` (or before the end of all, NULL), in which the address lies. */
static void describe_gap(cc__mapping_t *mapping, uintptr_t address, uintptr_t start, const line_t *line) {
    uintptr_t end = line != NULL ? line->start : UINTPTR_MAX;
    *mapping = (cc__mapping_t){.kind = CC__MAPPING_FREE, .start = start, .end = end, .first = start};
    if (line == NULL || !line->is_stack) return;
    uintptr_t lowest = lowest_of_stack(line, start);
    if (address < lowest)
        mapping->end = lowest;
    else
        *mapping = (cc__mapping_t){.kind = CC__MAPPING_STACK_ROOM, .start = lowest, .end = end, .first = lowest};
}

/* Reads on behind the address's line as long as lines belong to it: a library's code comes after its constants. */
static void search(reader_t *reader, uintptr_t address, cc__mapping_t *mapping) {
    line_t before = {0}, line;
    bool found = false, of_file = false, has_code = false;
    uintptr_t first = 0;
    while (read_line(reader, &line)) {
        if (!goes_on(&before, &line)) {
            if (found) break;
            first = line.is_stack ? lowest_of_stack(&line, before.end) : line.start;
            of_file = line.file != 0;
            has_code = false;
        }
        has_code = has_code || (line.access & CC__OS_EXECUTE) != 0;
        if (!found && line.start > address) {
            describe_gap(mapping, address, before.end, &line);
            return;
        }
        if (!found && line.end > address) {
            found = true;
            *mapping = (cc__mapping_t){.start = line.start, .end = line.end, .access = line.access};
        }
        before = line;
    }
    if (!found) {
        describe_gap(mapping, address, before.end, NULL);
        return;
    }
    mapping->first = first;
    mapping->kind = !of_file ? CC__MAPPING_MEMORY : has_code ? CC__MAPPING_IMAGE : CC__MAPPING_FILE;
}

bool cc__mapping_at(uintptr_t address, cc__mapping_t *mapping) {
    int saved = errno;
    reader_t reader = {.file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)};
    if (reader.file >= 0) {
        search(&reader, address, mapping);
        (void)close(reader.file);
    }
    errno = saved;
    return reader.file >= 0;
}

/* ---- probing ----------------------------------------------------------------------------------------------------- */

/* Whether the mappings from the address on allow it, for systems where the calls below tell nothing. */
static bool look_up(uintptr_t at, size_t size, unsigned access) {
    uintptr_t end = at + size;
    while (at < end) {
        cc__mapping_t mapping;
        if (!cc__mapping_at(at, &mapping)) return true; /* not known: as if nobody had asked */
        if (mapping.kind == CC__MAPPING_FREE || (mapping.access & access) == 0) return false;
        at = mapping.end;
    }
    return true;
}

/* valgrind complains of what they are given on purpose. */
#if defined(__linux__) && defined(SYS_rt_sigprocmask) && defined(SYS_futex) && !defined(CC_VALGRIND)

/* The kernel reads the mask before it refuses what should be done with it. No sandbox forbids the call. */
static bool can_read_word(uintptr_t at) {
    return syscall(SYS_rt_sigprocmask, ~0, at & ~(uintptr_t)7, NULL, (size_t)8) == -1 && errno != EFAULT;
}

/* Adds 0 to the word at the address, atomically, and wakes nobody. */
static bool can_write_word(uintptr_t at) {
    uint32_t unused = 0;
    int operation = FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG;
    return syscall(SYS_futex, &unused, operation, 0, NULL, at & ~(uintptr_t)3,
                   FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0)) >= 0;
}

/* Whether the two tell what is known already: emulators may refuse before they look at the address. */
static bool calls_tell(void) {
    static _Atomic(int) known; /* 1: they do, 2: they do not */
    int state = cc__load_relaxed(&known);
    if (CC_UNLIKELY(state == 0)) {
        uint64_t own = 0;
        uintptr_t here = (uintptr_t)&own, nowhere = 64; /* of the first page, which the system keeps free */
        bool right = can_read_word(here) && can_write_word(here) && !can_read_word(nowhere) && !can_write_word(nowhere);
        cc__store_relaxed(&known, state = right ? 1 : 2);
    }
    return state == 1;
}

static bool probe(uintptr_t at, size_t size, unsigned access) {
    if (!calls_tell()) return look_up(at, size, access);
    size_t page = cc__os_page_size();
    for (uintptr_t last = at + (size - 1);; at = (at & ~(uintptr_t)(page - 1)) + page) {
        if (!(access == CC__OS_READ ? can_read_word(at) : can_write_word(at))) return false;
        if (last - at < page - (at & (page - 1))) return true;
    }
}
#else
#define probe look_up
#endif

static bool allows(uintptr_t at, size_t size, unsigned access) {
    if (size == 0) return true;
    if (size - 1 > UINTPTR_MAX - at) return false;
    int saved = errno;
    bool allowed = probe(at, size, access);
    errno = saved;
    return allowed;
}

bool cc__memory_readable(const void *address, size_t size) {
    return allows((uintptr_t)address, size, CC__OS_READ);
}

bool cc__memory_writable(void *address, size_t size) {
    return allows((uintptr_t)address, size, CC__OS_WRITE);
}
