/* wine_shim.h: what tests of Wine's need beside compat/memory_wrapper.h, for tests/long/wine: how an assertion is
 * noted, and as much of Windows' events, threads and undocumented calls as stands around the memory calls in them. */
#ifndef WINE_SHIM_H
#define WINE_SHIM_H

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "compat/memory_wrapper.h"

/* ---- assertions -------------------------------------------------------------------------------------------------- */

void note(const char *function, int line, int good);
#define ok(condition, ...) note(__func__, __LINE__, (condition) ? 1 : 0)
#define broken(condition) 0
#define todo_wine
#define todo_wine_if(condition)
#define winetest_push_context(...)
#define winetest_pop_context()

/* ---- names that the tests use beside ----------------------------------------------------------------------------- */

typedef int NTSTATUS;
#define STATUS_SUCCESS 0
#define STATUS_ACCESS_VIOLATION ((NTSTATUS)0xC0000005)
#define AT_ROUND_TO_PAGE 0x40000000
#define ARRAY_SIZE(array) (sizeof(array) / sizeof *(array))
#define CONTAINING_RECORD(address, type, field) ((type *)((char *)(address)-offsetof(type, field)))
#define LongToHandle(value) ((HANDLE)(LONG_PTR)(int)(value))
#define INFINITE 0xFFFFFFFFu
#define WAIT_TIMEOUT 258

#define GetModuleHandleW(name) ((HMODULE)0)
#define GetProcAddress(module, name) procedure(name)

/* Of undocumented calls: that they fail. */
static inline BOOLEAN user_info(HANDLE heap, ULONG flags, void *block, void **value, ULONG *own) {
    (void)heap, (void)flags, (void)block, (void)value, (void)own;
    return FALSE;
}
static inline BOOLEAN set_user_value(HANDLE heap, ULONG flags, void *block, void *value) {
    (void)heap, (void)flags, (void)block, (void)value;
    return FALSE;
}
static inline ULONG RtlWalkHeap(HANDLE heap, void *entry) {
    (void)heap, (void)entry;
    return 1;
}

static inline void *procedure(const char *name) {
    static const struct {
        const char *name;
        void *address;
    } known[] = {
        {"HeapAlloc", (void *)&HeapAlloc},
        {"HeapReAlloc", (void *)&HeapReAlloc},
        {"HeapFree", (void *)&HeapFree},
        {"HeapQueryInformation", (void *)&HeapQueryInformation},
        {"HeapSetInformation", (void *)&HeapSetInformation},
        {"GlobalAlloc", (void *)&GlobalAlloc},
        {"GlobalFlags", (void *)&GlobalFlags},
        {"GlobalFree", (void *)&GlobalFree},
        {"LocalAlloc", (void *)&LocalAlloc},
        {"LocalFree", (void *)&LocalFree},
        {"RtlGetUserInfoHeap", (void *)&user_info},
        {"RtlSetUserValueHeap", (void *)&set_user_value},
    };
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (strcmp(known[i].name, name) == 0) return known[i].address;
    return NULL;
}

static inline NTSTATUS protect(HANDLE process, PVOID *address, SIZE_T *size, ULONG protection, ULONG *old) {
    (void)process;
    if (VirtualProtect(*address, *size, protection, old)) return STATUS_SUCCESS;
    return GetLastError() == ERROR_NOACCESS ? STATUS_ACCESS_VIOLATION : -1;
}

/* The lower end of a thread's stack, where pages are reserved but not there. */
struct teb {
    void *DeallocationStack;
};
static inline struct teb *NtCurrentTeb(void) {
    static struct teb teb;
    if (teb.DeallocationStack == NULL)
        teb.DeallocationStack = mmap(NULL, 16384, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return &teb;
}

/* ---- events and threads ------------------------------------------------------------------------------------------ */

struct waitable {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int set, stays_set;
    DWORD (*work)(void *);
    void *argument;
};

static inline struct waitable *new_waitable(int stays_set) {
    struct waitable *object = calloc(1, sizeof *object);
    pthread_mutex_init(&object->lock, NULL);
    pthread_cond_init(&object->changed, NULL);
    object->stays_set = stays_set;
    return object;
}

static inline BOOL SetEvent(HANDLE event) {
    struct waitable *object = event;
    pthread_mutex_lock(&object->lock);
    object->set = 1;
    pthread_cond_broadcast(&object->changed);
    pthread_mutex_unlock(&object->lock);
    return TRUE;
}
#define CreateEventW(attributes, manual, initial, name) ((HANDLE)new_waitable(0))

static inline void *run_thread(void *argument) {
    struct waitable *object = argument;
    object->work(object->argument);
    SetEvent(object);
    return NULL;
}

static inline HANDLE CreateThread(void *attributes, SIZE_T stack, DWORD (*work)(void *), void *argument, DWORD flags,
                                  DWORD *id) {
    (void)attributes, (void)stack, (void)flags, (void)id;
    struct waitable *object = new_waitable(1);
    pthread_t thread;
    object->work = work;
    object->argument = argument;
    if (pthread_create(&thread, NULL, run_thread, object) != 0) return NULL;
    pthread_detach(thread);
    return object;
}

static inline DWORD WaitForSingleObject(HANDLE handle, DWORD milliseconds) {
    struct waitable *object = handle;
    struct timespec until;
    int error = 0;
    if (milliseconds != INFINITE)
        milliseconds *= 10; /* Wine's tests wait 0.1 s for what takes longer on a busy machine */
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += milliseconds / 1000;
    until.tv_nsec += milliseconds % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) until.tv_sec++, until.tv_nsec -= 1000000000L;
    pthread_mutex_lock(&object->lock);
    while (!object->set && error == 0)
        error = milliseconds == INFINITE ? pthread_cond_wait(&object->changed, &object->lock)
                                         : pthread_cond_timedwait(&object->changed, &object->lock, &until);
    if (error == 0 && !object->stays_set) object->set = 0;
    pthread_mutex_unlock(&object->lock);
    return error == 0 ? 0 : WAIT_TIMEOUT;
}

#endif
