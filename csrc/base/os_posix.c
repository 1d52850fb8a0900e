/* base/os_posix.c: base/os.h for Linux and other POSIX systems. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "os.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#if defined(__has_include)
#if __has_include(<execinfo.h>)
#include <execinfo.h>
#define HAS_BACKTRACE 1
#endif
#endif
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

#include "atomics.h"
#include "fault.h"

#if !defined(MAP_NORESERVE)
#define MAP_NORESERVE 0
#endif

void *cc__os_map(size_t size) {
    if (cc__fault_due()) return NULL;
    void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) return NULL;
#if defined(MADV_NOHUGEPAGE)
    /* One touched word must not cost 2 MiB; where the kernel refuses, only memory is lost. */
    (void)madvise(address, size, MADV_NOHUGEPAGE);
#endif
    return address;
}

void cc__os_unmap(void *address, size_t size) {
    (void)munmap(address, size);
}

void cc__os_discard(void *address, size_t size) {
#if defined(__linux__)
    if (madvise(address, size, MADV_DONTNEED) == 0) return;
#endif
    memset(address, 0, size);
}

size_t cc__os_page_size(void) {
    static _Atomic(size_t) size;
    size_t known = cc__load_relaxed(&size);
    if (CC_UNLIKELY(known == 0)) cc__store_relaxed(&size, known = (size_t)sysconf(_SC_PAGESIZE));
    return known;
}

void *cc__os_reserve(void *wanted, size_t size, size_t alignment) {
    if (cc__fault_due()) return NULL;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    if (wanted != NULL) {
#if defined(MAP_FIXED_NOREPLACE)
        flags |= MAP_FIXED_NOREPLACE; /* which old kernels take as a hint */
#endif
        void *address = mmap(wanted, size, PROT_NONE, flags, -1, 0);
        if (address == wanted || address == MAP_FAILED) return address == MAP_FAILED ? NULL : address;
        (void)munmap(address, size);
        return NULL;
    }
    size_t slack = alignment - cc__os_page_size();
    if (size > SIZE_MAX - slack) return NULL;
    char *address = mmap(NULL, size + slack, PROT_NONE, flags, -1, 0);
    if (address == MAP_FAILED) return NULL;
    size_t before = (alignment - ((uintptr_t)address & (alignment - 1))) & (alignment - 1);
    if (before > 0) (void)munmap(address, before);
    if (slack > before) (void)munmap(address + before + size, slack - before);
    return address + before;
}

int cc__os_protect(void *address, size_t size, unsigned access) {
    if (cc__fault_due()) return CC_ERROR_MEMORY;
    int protection = PROT_NONE;
    if ((access & CC__OS_READ) != 0) protection |= PROT_READ;
    if ((access & CC__OS_WRITE) != 0) protection |= PROT_READ | PROT_WRITE;
    if ((access & CC__OS_EXECUTE) != 0) protection |= PROT_EXEC;
    return mprotect(address, size, protection) == 0 ? CC_OK : CC_ERROR_MEMORY;
}

int cc__os_decommit(void *address, size_t size) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    return mmap(address, size, PROT_NONE, flags, -1, 0) != MAP_FAILED ? CC_OK : CC_ERROR_MEMORY;
}

void cc__os_reset(void *address, size_t size) {
#if defined(MADV_FREE)
    (void)madvise(address, size, MADV_FREE);
#else
    (void)address;
    (void)size;
#endif
}

int cc__os_lock(void *address, size_t size) {
    if (cc__fault_due()) return CC_ERROR_MEMORY;
    if (mlock(address, size) == 0) return CC_OK;
    unsigned char resident;
    size_t page = cc__os_page_size(), last = (size - 1) / page * page;
    bool mapped =
        mincore(address, 1, (void *)&resident) == 0 && mincore((char *)address + last, 1, (void *)&resident) == 0;
    return mapped ? CC_ERROR_LIMIT : CC_ERROR_ARGUMENT;
}

void cc__os_unlock(void *address, size_t size) {
    (void)munlock(address, size);
}

unsigned cc__os_processor_count(void) {
#if defined(CPU_COUNT)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return (unsigned)CPU_COUNT(&set);
#endif
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (unsigned)count : 1;
}

static uint64_t read_clock(clockid_t clock) {
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t cc__os_monotonic_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t cc__os_wall_ns(void) {
    return read_clock(CLOCK_REALTIME);
}

uint64_t cc__os_coarse_ns(void) {
#if defined(CLOCK_MONOTONIC_COARSE)
    return read_clock(CLOCK_MONOTONIC_COARSE);
#else
    return read_clock(CLOCK_MONOTONIC);
#endif
}

int64_t cc__os_wall_second(void) {
    return time(NULL);
}

uint64_t cc__os_thread_id(void) {
#if defined(__linux__)
    return (uint64_t)syscall(SYS_gettid);
#elif defined(__APPLE__)
    uint64_t id = 0;
    pthread_threadid_np(NULL, &id);
    return id;
#else
    return (uint64_t)(uintptr_t)pthread_self();
#endif
}

int cc_resident_bytes(size_t *current, size_t *peak) {
#if defined(__linux__)
    char text[128];
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (file < 0) return CC_ERROR_SUPPORT;
    ssize_t length = read(file, text, sizeof text - 1);
    (void)close(file);
    unsigned long total = 0, resident = 0;
    if (length <= 0) return CC_ERROR_SUPPORT;
    text[length] = 0;
    if (sscanf(text, "%lu %lu", &total, &resident) != 2) return CC_ERROR_SUPPORT;
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return CC_ERROR_SUPPORT;
    *current = (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
    *peak = (size_t)usage.ru_maxrss * 1024u;
    if (*peak < *current) *peak = *current; /* ru_maxrss is updated in batches */
    return CC_OK;
#else
    (void)current;
    (void)peak;
    return CC_ERROR_SUPPORT;
#endif
}

void cc__mutex_wait(cc__mutex_t *mutex) {
    /* acquire pairs with the release in cc__mutex_unlock */
    while (atomic_exchange_explicit(&mutex->state, 2u, memory_order_acquire) != 0) {
#if defined(__linux__)
        (void)syscall(SYS_futex, &mutex->state, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
#else
        sched_yield();
#endif
    }
}

void cc__mutex_wake(cc__mutex_t *mutex) {
#if defined(__linux__)
    (void)syscall(SYS_futex, &mutex->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
#else
    (void)mutex;
#endif
}

#if defined(__linux__)
int cc__os_wait(_Atomic(uint32_t) *word, uint32_t expected, uint64_t timeout_ns) {
    struct timespec time = {.tv_sec = (time_t)(timeout_ns / 1000000000u), .tv_nsec = (long)(timeout_ns % 1000000000u)};
    if (syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout_ns != UINT64_MAX ? &time : NULL, NULL, 0) == 0)
        return CC_OK;
    return errno == ETIMEDOUT ? CC_ERROR_LIMIT : errno == EINTR ? CC_ERROR_STATE : CC_OK;
}

void cc__os_wake(_Atomic(uint32_t) *word, bool all) {
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, all ? INT_MAX : 1, NULL, NULL, 0);
}
#else
/* One room for all words; who is woken for another one goes on waiting in the caller. Signals do not interrupt it: it
 * wakes by itself. */
static pthread_mutex_t room_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t room = PTHREAD_COND_INITIALIZER;

int cc__os_wait(_Atomic(uint32_t) *word, uint32_t expected, uint64_t timeout_ns) {
    enum { MOST_NS = 50000000 };
    uint64_t end = cc__os_wall_ns() + (timeout_ns < MOST_NS ? timeout_ns : MOST_NS);
    struct timespec time = {.tv_sec = (time_t)(end / 1000000000u), .tv_nsec = (long)(end % 1000000000u)};
    int status = 0;
    (void)pthread_mutex_lock(&room_lock);
    if (cc__load_relaxed(word) == expected) status = pthread_cond_timedwait(&room, &room_lock, &time);
    (void)pthread_mutex_unlock(&room_lock);
    if (status != ETIMEDOUT) return CC_OK;
    return timeout_ns < MOST_NS ? CC_ERROR_LIMIT : CC_ERROR_STATE;
}

void cc__os_wake(_Atomic(uint32_t) *word, bool all) {
    (void)word, (void)all;
    (void)pthread_mutex_lock(&room_lock);
    (void)pthread_cond_broadcast(&room);
    (void)pthread_mutex_unlock(&room_lock);
}
#endif

void cc__os_yield(void) {
    (void)sched_yield();
}

void cc__os_sleep(uint64_t ns) {
    struct timespec time = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
    (void)nanosleep(&time, NULL);
}

#if defined(__linux__) && defined(SYS_membarrier) && !defined(__SANITIZE_THREAD__)
/* The numbers of linux/membarrier.h, which old systems lack. */
enum { QUERY = 0, EXPEDITED = 1 << 3, REGISTER_EXPEDITED = 1 << 4 };

static pthread_once_t barrier_once = PTHREAD_ONCE_INIT;
static bool barrier_available;

static void register_for_barriers(void) {
    long commands = syscall(SYS_membarrier, QUERY, 0, 0);
    barrier_available =
        commands > 0 && (commands & EXPEDITED) != 0 && syscall(SYS_membarrier, REGISTER_EXPEDITED, 0, 0) == 0;
}

bool cc__os_barrier_available(void) {
    pthread_once(&barrier_once, register_for_barriers);
    return barrier_available;
}

void cc__os_barrier(void) {
    if (syscall(SYS_membarrier, EXPEDITED, 0, 0) == 0) return;
    /* A forked child may have to register again. */
    (void)syscall(SYS_membarrier, REGISTER_EXPEDITED, 0, 0);
    if (syscall(SYS_membarrier, EXPEDITED, 0, 0) == 0) return;
    fprintf(stderr, "libcc: membarrier(2) was there and is not any more (a seccomp filter?)\n");
    abort(); /* going on would free memory that is in use */
}
#else
/* The thread sanitizer does not know it. */
bool cc__os_barrier_available(void) {
    return false;
}

void cc__os_barrier(void) {}
#endif

static pthread_once_t exit_once = PTHREAD_ONCE_INIT;
static pthread_key_t exit_key;
static bool exit_key_made;
static void (*_Atomic exit_function)(void *);

static void run_exit_function(void *value) {
    cc__load_relaxed (&exit_function)(value);
}

static void make_exit_key(void) {
    exit_key_made = pthread_key_create(&exit_key, run_exit_function) == 0;
}

int cc__os_at_thread_exit(void (*function)(void *), void *value) {
    if (cc__fault_due()) return CC_ERROR_MEMORY;
    cc__store_relaxed(&exit_function, function); /* always the same one */
    pthread_once(&exit_once, make_exit_key);
    return exit_key_made && pthread_setspecific(exit_key, value) == 0 ? CC_OK : CC_ERROR_MEMORY;
}

int cc__os_at_fork(void (*before)(void), void (*parent)(void), void (*child)(void)) {
    return pthread_atfork(before, parent, child) == 0 ? CC_OK : CC_ERROR_MEMORY;
}

__attribute__((noinline)) unsigned cc__os_backtrace(void **frames, unsigned most) {
#if defined(HAS_BACKTRACE)
    enum { MOST = 128 };
    void *found[MOST];
    int count = backtrace(found, (int)(most < MOST - 1 ? most + 1 : MOST));
    for (int i = 1; i < count; i++) frames[i - 1] = found[i];
    return count > 1 ? (unsigned)count - 1 : 0;
#else
    (void)frames;
    (void)most;
    return 0;
#endif
}

void cc__os_describe(const void *address, char *text, size_t size) {
    Dl_info info = {0};
    if (dladdr(address, &info) == 0 || info.dli_fname == NULL) {
        (void)snprintf(text, size, "%p", address);
        return;
    }
    const char *slash = strrchr(info.dli_fname, '/'), *library = slash != NULL ? slash + 1 : info.dli_fname;
    size_t offset = (size_t)((const char *)address - (const char *)info.dli_fbase);
    if (info.dli_sname != NULL)
        (void)snprintf(text, size, "%s+0x%zx (%s+0x%zx)", info.dli_sname,
                       (size_t)((const char *)address - (const char *)info.dli_saddr), library, offset);
    else
        (void)snprintf(text, size, "%s+0x%zx", library, offset);
}
