/* alloc/thread.c: the registry of threads that use libcc. It owns the thread records. */
#include <string.h>

#include "../base/fork.h"
#include "../base/records.h"
#include "alloc_internal.h"

__thread cc__thread_t *cc__thread_self CC_STATIC_THREAD_LOCAL;

/* How often this thread has ended: once, and once more for each time that a later destructor used the library. The
 * system runs a few rounds of destructors only (POSIX: 4), so a record given out after the third end might never come
 * back. */
static __thread unsigned ends CC_STATIC_THREAD_LOCAL;
enum { ENDS_MAX = 3 };

static cc__mutex_t registry_lock;
static _Atomic(cc__thread_t *) first_thread;
static cc__records_t records = CC__RECORDS(cc__thread_t, next_free, 64); /* under registry_lock, like the rest here */
static uint64_t last_id;
static void (*exit_functions[CC__SLOT_COUNT])(cc__thread_t *);

void cc__thread_lock(void) {
    cc__mutex_lock(&registry_lock);
}

void cc__thread_unlock(void) {
    cc__mutex_unlock(&registry_lock);
}

cc__thread_t *cc__thread_first(void) {
    return cc__load_acquire(&first_thread); /* pairs with the release store in take_record: the record is complete */
}

void cc__thread_at_exit(enum cc__thread_slot slot, void (*function)(cc__thread_t *)) {
    cc__thread_lock();
    exit_functions[slot] = function;
    cc__thread_unlock();
}

/* Makes the calling thread's record free for a new thread. */
static void detach(cc__thread_t *thread) {
    cc__thread_self = NULL; /* first: once it is in the list, another thread may own it */
    cc__thread_lock();
    thread->alive = false;
    cc__records_give(&records, thread);
    cc__thread_unlock();
}

/* What the thread does after this attaches it anew. */
static void end_thread(void *value) {
    cc__thread_t *thread = value;
    for (int slot = 0; slot < CC__SLOT_COUNT; slot++) {
        if (thread->slots[slot] != NULL) exit_functions[slot](thread);
    }
    ends++;
    detach(thread);
}

/* Only the forking thread goes on: the others' records keep their totals and wait for new threads. */
static void after_fork_in_child(void) {
    records.free = NULL;
    for (cc__thread_t *thread = cc__thread_first(); thread != NULL; thread = thread->next) {
        if (thread == cc__thread_self) {
            thread->native_id = cc__os_thread_id();
        } else {
            thread->alive = false;
            cc__records_give(&records, thread);
        }
    }
}

CC__AT_FORK(CC__FORK_THREADS, .locks = &registry_lock, .count = 1, .in_child = after_fork_in_child);

/* pre: the lock is held. */
static cc__thread_t *take_record(void) {
    bool fresh;
    cc__thread_t *thread = cc__records_take(&records, &fresh);
    if (thread == NULL || !fresh) return thread;
    thread->next = cc__load_relaxed(&first_thread); /* only changed under the lock */
    cc__store_release(&first_thread, thread);       /* pairs with the acquire load in cc__thread_first */
    return thread;
}

cc__thread_t *cc__thread_attach(void) {
    if (ends >= ENDS_MAX) return NULL;
    cc__thread_lock();
    cc__thread_t *thread = take_record();
    if (thread != NULL) {
        thread->id = ++last_id;
        thread->native_id = cc__os_thread_id();
        thread->name[0] = 0;
        thread->alive = true;
        thread->observer_state = 0;
        memset(thread->slots, 0, sizeof thread->slots);
    }
    cc__thread_unlock();
    if (thread == NULL) return NULL;
    cc__thread_self = thread;
    if (cc__os_at_thread_exit(end_thread, thread) != CC_OK) {
        detach(thread); /* a record that nobody would take back must not be given out */
        return NULL;
    }
    return thread;
}

bool cc__thread_set_name(uint64_t native_id, const char *name) {
    size_t length = strlen(name);
    if (length >= CC__THREAD_NAME_SIZE) {
        length = CC__THREAD_NAME_SIZE - 1;
        while (length > 0 && ((unsigned char)name[length] & 0xC0) == 0x80) length--;
    }
    bool found = false;
    cc__thread_lock();
    for (cc__thread_t *thread = cc__thread_first(); thread != NULL && !found; thread = thread->next) {
        if (!thread->alive || thread->native_id != native_id) continue;
        memcpy(thread->name, name, length);
        thread->name[length] = 0;
        found = true;
    }
    cc__thread_unlock();
    return found;
}
