/* base/os.h: the whole contract with the operating system; os_posix.c and os_memory.c fulfil it. Functions that return
 * int give 0 or a cc_status_t. Nothing here allocates from the C heap. */
#ifndef CC_BASE_OS_H
#define CC_BASE_OS_H

#include "cc/base.h"

#include "atomics.h"
#include "blocking.h"

/* Address space of `size` bytes (> 0, rounded up to pages), zeroed, readable and writable, not backed by memory until
 * it is touched and never by huge pages. NULL when there is none. */
void *cc__os_map(size_t size);

/* Gives back what cc__os_map returned. pre: the same size. */
void cc__os_unmap(void *address, size_t size);

/* Drops the memory behind a range of a mapping: it reads as zeros again. pre: page-aligned. */
void cc__os_discard(void *address, size_t size);

/* Bytes of a page, a power of two. */
size_t cc__os_page_size(void);

/* ---- ranges of address space, page by page ----------------------------------------------------------------------- */

/* What may be done with a page. */
enum { CC__OS_NONE = 0, CC__OS_READ = 1, CC__OS_WRITE = 2, CC__OS_EXECUTE = 4 };

/* `size` bytes (> 0, whole pages) of address space that nothing may be done with: at `wanted` and nowhere else, or
 * (NULL) at a multiple of `alignment` (a power of two, a page at least). NULL when there is none. To be given back with
 * cc__os_unmap. */
void *cc__os_reserve(void *wanted, size_t size, size_t alignment);

/* Changes what may be done with the pages; with reserved ones this commits them, zeroed. CC_ERROR_MEMORY. */
int cc__os_protect(void *address, size_t size, unsigned access);

/* Makes pages reserved ones again; their memory goes back to the system. */
int cc__os_decommit(void *address, size_t size);

/* What the pages hold may be dropped (then they are zeros) until they are written to again. */
void cc__os_reset(void *address, size_t size);

/* Keeps pages in memory. CC_ERROR_LIMIT when the system allows no more of that, CC_ERROR_ARGUMENT when nothing is
 * there. pre: address page-aligned, size > 0. */
int cc__os_lock(void *address, size_t size);
void cc__os_unlock(void *address, size_t size);

/* ---- the machine's memory ---------------------------------------------------------------------------------------- */

typedef struct cc__os_memory {
    uint64_t total, available;           /* RAM, the limits of control groups (cgroup v1 and v2) included */
    uint64_t swap_total, swap_available; /* in addition */
    uint64_t address_total, address_used;
} cc__os_memory_t;

/* CC_ERROR_SUPPORT where the system does not tell; then all fields are 0. */
int cc__os_memory(cc__os_memory_t *memory);

/* The same, with `root` in the place of the root directory: for tests. */
int cc__os_memory_below(const char *root, cc__os_memory_t *memory);

/* ---- time and threads -------------------------------------------------------------------------------------------- */

/* Nanoseconds of the monotonic clock; of the wall clock since 1970. */
uint64_t cc__os_monotonic_ns(void);
uint64_t cc__os_wall_ns(void);

/* The monotonic clock at the resolution of the kernel's tick (about 4 ms), a third of the price. */
uint64_t cc__os_coarse_ns(void);

/* The wall clock's second: a load where the system has it in memory. */
int64_t cc__os_wall_second(void);

/* The system's id of the calling thread, as /proc and threading.Thread.native_id know it. */
uint64_t cc__os_thread_id(void);

/* How many processors the process may run on, >= 1. */
unsigned cc__os_processor_count(void);

/* A mutex that needs no initialization call and no destruction: static storage, all zero, is an unlocked one. */
typedef struct cc__mutex {
    _Atomic(unsigned) state;
} cc__mutex_t;

/* For the inlines below: waits for the mutex and takes it; wakes who waits. */
void cc__mutex_wait(cc__mutex_t *mutex);
void cc__mutex_wake(cc__mutex_t *mutex);

/* The state: 0 free, 1 held, 2 held with waiters (Drepper, "Futexes Are Tricky", mutex 2). */
static inline bool cc__mutex_try_lock(cc__mutex_t *mutex) {
    unsigned expected = 0;
    /* acquire on success pairs with the release in cc__mutex_unlock */
    return cc__swap_if_acq_rel(&mutex->state, &expected, 1u);
}

static inline void cc__mutex_lock(cc__mutex_t *mutex) {
    cc__may_block("a lock");
    if (CC_UNLIKELY(!cc__mutex_try_lock(mutex))) cc__mutex_wait(mutex);
}

static inline void cc__mutex_unlock(cc__mutex_t *mutex) {
    /* release pairs with the acquire of the next owner */
    if (CC_UNLIKELY(atomic_exchange_explicit(&mutex->state, 0u, memory_order_release) == 2)) cc__mutex_wake(mutex);
}

/* Sleeps while *word is `expected`, until cc__os_wake; may wake without. CC_ERROR_LIMIT after timeout_ns (UINT64_MAX:
 * never), CC_ERROR_STATE when a signal interrupts it. */
int cc__os_wait(_Atomic(uint32_t) *word, uint32_t expected, uint64_t timeout_ns);

/* Wakes one thread that sleeps on the word, the first to have come, or all. The word's value was changed before. */
void cc__os_wake(_Atomic(uint32_t) *word, bool all);

/* Tells the processor that this is a short loop that waits. */
static inline void cc__os_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
    __asm__ volatile("isb"); /* yield does nothing on most */
#endif
}

/* Lets another thread run; lets `ns` nanoseconds pass. */
void cc__os_yield(void);
void cc__os_sleep(uint64_t ns);

/* Whether cc__os_barrier does anything: the system has membarrier(2), and the process is registered for it (the first
 * call does that: up to 10 ms in a process with threads). */
bool cc__os_barrier_available(void);

/* Each running thread of the process executes a full memory barrier between the begin and the end of this call (one
 * that does not run had one when it stopped). pre: cc__os_barrier_available(). About 15 us while other threads run. */
void cc__os_barrier(void);

/* Calls `function(value)` when a thread that called cc__os_at_thread_exit ends. One function for the process; calling
 * again from such a function makes it run once more, a few times at most. CC_ERROR_MEMORY when the system has no
 * key. */
int cc__os_at_thread_exit(void (*function)(void *), void *value);

/* The return addresses of the calling thread's stack, the innermost first, without this function's own; at most `most`
 * of them, 0 where the system cannot tell. The first call may take memory from the C heap and locks of the loader's. */
unsigned cc__os_backtrace(void **frames, unsigned most);

/* What lies at a code address, as "function+0x1f (library+0x2ab)" with what is known of it; always terminated. Only
 * names that a library exports are known. */
void cc__os_describe(const void *address, char *text, size_t size);

/* Registers fork handlers: before (parent), after in the parent, after in the child. For fork.c alone. */
int cc__os_at_fork(void (*before)(void), void (*parent)(void), void (*child)(void));

#endif
