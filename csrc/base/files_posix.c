/* base/files_posix.c: base/files.h for POSIX systems. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"
#include "fork.h"

/* ---- files ------------------------------------------------------------------------------------------------------- */

static int status_of(int error) {
    switch (error) {
    case ENOENT:
    case ENOTDIR: return CC_ERROR_MISSING;
    case EACCES:
    case EPERM: return CC_ERROR_ACCESS;
    case EISDIR: return CC_ERROR_DIRECTORY;
    case ENOMEM:
    case EAGAIN: return CC_ERROR_MEMORY;
    case EMFILE:
    case ENFILE: return CC_ERROR_LIMIT;
    case ENAMETOOLONG:
    case ELOOP:
    case EINVAL: return CC_ERROR_ARGUMENT;
    case ENXIO:
    case ENODEV: return CC_ERROR_KIND;
    default: return CC_ERROR_SYSTEM;
    }
}

static int look_at(int file, struct stat *about) {
    if (fstat(file, about) != 0) return CC_ERROR_SYSTEM;
    if (S_ISDIR(about->st_mode)) return CC_ERROR_DIRECTORY;
    if (!S_ISREG(about->st_mode)) return CC_ERROR_KIND;
    if (about->st_size == 0) return CC_ERROR_EMPTY;
    return (uint64_t)about->st_size <= PTRDIFF_MAX ? CC_OK : CC_ERROR_MEMORY;
}

int cc__file_map(const char *path, bool writable, cc__file_map_t *map) {
    int file;
    do { /* not blocking: a FIFO must not wait for a writer */
        file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    } while (file < 0 && errno == EINTR);
    if (file < 0) return status_of(errno);
    struct stat about;
    int status = look_at(file, &about);
    if (status == CC_OK) {
        int protection = PROT_READ | (writable ? PROT_WRITE : 0);
        void *address = cc__fault_due() ? (errno = ENOMEM, MAP_FAILED)
                                        : mmap(NULL, (size_t)about.st_size, protection, MAP_PRIVATE, file, 0);
        if (address != MAP_FAILED) {
            *map = (cc__file_map_t){address, (size_t)about.st_size, file};
            return CC_OK;
        }
        status = status_of(errno);
    }
    (void)close(file);
    return status;
}

void cc__file_unmap(cc__file_map_t *map) {
    (void)munmap(map->address, map->size);
    (void)close(map->file);
}

int cc__file_advise(const cc__file_map_t *map, size_t start, size_t length, int advice) {
    static const int advices[] = {MADV_NORMAL, MADV_SEQUENTIAL, MADV_RANDOM, MADV_WILLNEED, MADV_DONTNEED};
    if (advice < 0 || (size_t)advice >= sizeof advices / sizeof *advices) return CC_ERROR_ARGUMENT;
    size_t before = start % cc__os_page_size();
    return madvise(map->address + start - before, length + before, advices[advice]) == 0 ? CC_OK : CC_ERROR_SYSTEM;
}

int cc__file_read(const cc__file_map_t *map, size_t start, void *target, size_t length) {
    for (size_t done = 0; done < length;) {
        ssize_t got = pread(map->file, (char *)target + done, length - done, (off_t)(start + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return CC_ERROR_SYSTEM;
        if (got == 0) return CC_ERROR_TRUNCATED;
        done += (size_t)got;
    }
    return CC_OK;
}

size_t cc__file_size(const cc__file_map_t *map) {
    struct stat about;
    return fstat(map->file, &about) == 0 ? (size_t)about.st_size : SIZE_MAX;
}

/* ---- in parts ---------------------------------------------------------------------------------------------------- */

int cc__file_of_memory(uint64_t size) {
    if (cc__fault_due()) return -1;
#if defined(__linux__)
    int file = memfd_create("libcc", MFD_CLOEXEC);
#else
    char name[] = "/tmp/libcc.XXXXXX";
    int file = mkstemp(name);
    if (file >= 0) (void)unlink(name);
#endif
    if (file < 0 || ftruncate(file, (off_t)size) == 0) return file;
    (void)close(file);
    return -1;
}

int cc__file_duplicate(int file) {
    return cc__fault_due() ? -1 : fcntl(file, F_DUPFD_CLOEXEC, 0);
}

void cc__file_close(int file) {
    (void)close(file);
}

int cc__file_look_at(int file, uint64_t *size, unsigned *access) {
    struct stat about;
    int flags = fcntl(file, F_GETFL);
    if (flags < 0 || fstat(file, &about) != 0) return CC_ERROR_ARGUMENT;
    if (!S_ISREG(about.st_mode)) return CC_ERROR_KIND;
    *size = (uint64_t)about.st_size;
    *access = (flags & O_ACCMODE) != O_WRONLY ? CC__OS_READ : CC__OS_NONE;
    if ((flags & O_ACCMODE) != O_RDONLY) *access |= CC__OS_WRITE;
    return CC_OK;
}

int cc__file_extend(int file, uint64_t size) {
    return ftruncate(file, (off_t)size) == 0 ? CC_OK : CC_ERROR_SYSTEM;
}

int cc__file_view(void *address, size_t size, int file, uint64_t offset, unsigned access, bool private_copy) {
    if (cc__fault_due()) return CC_ERROR_MEMORY;
    int protection = PROT_NONE, flags = MAP_FIXED | (private_copy ? MAP_PRIVATE : MAP_SHARED);
    if ((access & CC__OS_READ) != 0) protection |= PROT_READ;
    if ((access & CC__OS_WRITE) != 0) protection |= PROT_READ | PROT_WRITE;
    if ((access & CC__OS_EXECUTE) != 0) protection |= PROT_EXEC;
    if (mmap(address, size, protection, flags, file, (off_t)offset) != MAP_FAILED) return CC_OK;
    return errno == EACCES || errno == EPERM ? CC_ERROR_ACCESS : CC_ERROR_MEMORY;
}

int cc__file_flush(void *address, size_t size) {
    return msync(address, size, MS_SYNC) == 0 ? CC_OK : CC_ERROR_SYSTEM;
}

/* ---- the guard --------------------------------------------------------------------------------------------------- */

enum { GUARDS = 1024, FREE = 0, MAKING = 1, READ_ONLY = 2, WRITABLE = 3 };

/* The handler reads these; whoever owns a place writes it. */
static struct {
    _Atomic(int) state; /* release stores of READ_ONLY and WRITABLE pair with the handler's acquire loads: the range */
    _Atomic(uintptr_t) begin, end;
    _Atomic(bool) hit;
} guards[GUARDS];

static cc__mutex_t handler_lock;
CC__HOLD_OVER_FORK(CC__FORK_FILES, handler_lock);
static bool handler_set; /* under handler_lock */
static struct sigaction before;
static size_t page; /* set before the handler is */

static void say(void) {
    static const char text[] = "libcc: a file became shorter while it was mapped; the missing part reads as zeros\n";
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written;
}

/* mmap is no function that POSIX permits here; it is a plain system call on the systems that are supported. */
static bool fill(uintptr_t address) {
    for (size_t i = 0; i < GUARDS; i++) {
        int state = cc__load_acquire(&guards[i].state); /* pairs with the release store in cc__file_guard */
        if (state < READ_ONLY || address < cc__load_relaxed(&guards[i].begin) ||
            address >= cc__load_relaxed(&guards[i].end))
            continue;
        void *start = (void *)(address & ~(uintptr_t)(page - 1));
        int protection = PROT_READ | (state == WRITABLE ? PROT_WRITE : 0);
        if (mmap(start, page, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) return false;
        if (!atomic_exchange_explicit(&guards[i].hit, true, memory_order_relaxed)) say();
        return true;
    }
    return false;
}

static void handle(int number, siginfo_t *information, void *context) {
    int saved = errno;
    bool filled = information->si_code > 0 && fill((uintptr_t)information->si_addr);
    errno = saved;
    if (filled) return;
    if (before.sa_flags & SA_SIGINFO) {
        before.sa_sigaction(number, information, context);
    } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
        before.sa_handler(number);
    } else { /* what would have happened: the access faults again, or a sent signal comes again */
        (void)sigaction(number, &before, NULL);
        if (information->si_code <= 0) (void)raise(number);
    }
}

/* Once for the process: a handler that is put in its place later is in charge of what comes. */
static bool set_handler(void) {
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    sigemptyset(&action.sa_mask);
    cc__mutex_lock(&handler_lock);
    page = cc__os_page_size();
    if (!handler_set) /* what was there is known before the handler can run */
        handler_set = sigaction(SIGBUS, NULL, &before) == 0 && sigaction(SIGBUS, &action, NULL) == 0;
    bool set = handler_set;
    cc__mutex_unlock(&handler_lock);
    return set;
}

int cc__file_guard(const cc__file_map_t *map, bool writable) {
    if (!set_handler()) return -1;
    for (int i = 0; i < GUARDS; i++) {
        int free = FREE;
        if (!cc__swap_if_acq_rel(&guards[i].state, &free, MAKING)) continue; /* acquire pairs with cc__file_unguard */
        cc__store_relaxed(&guards[i].begin, (uintptr_t)map->address);
        cc__store_relaxed(&guards[i].end, (uintptr_t)map->address + map->size);
        cc__store_relaxed(&guards[i].hit, false);
        cc__store_release(&guards[i].state, writable ? WRITABLE : READ_ONLY); /* pairs with the handler */
        return i;
    }
    return -1;
}

void cc__file_unguard(int guard) {
    cc__store_release(&guards[guard].state, FREE); /* pairs with the next owner's exchange */
}

bool cc__file_guard_hit(int guard) {
    return cc__load_relaxed(&guards[guard].hit);
}
