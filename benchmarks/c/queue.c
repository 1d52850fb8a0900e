/* queue.c: cc_queue_t of cc/queue.h, bounded; with -DUNBOUNDED without a bound. */
#include "load.h"

#include "cc/queue.h"

#if defined(UNBOUNDED)
#define QUEUE_NAME "cc_queue unbounded"
#else
#define QUEUE_NAME "cc_queue"
#endif

static cc_queue_t *queue;
static _Thread_local cc_smr_thread_t *self;

static void queue_create(uint64_t capacity) {
#if defined(UNBOUNDED)
    capacity = 0;
#endif
    queue = cc_queue_create(NULL, capacity);
    if (queue == NULL) load_die("no memory");
}
static void queue_attach(void) {
    self = cc_smr_self(cc_queue_domain(queue));
    if (self == NULL) load_die("no memory");
}
static void queue_detach(void) {
    cc_smr_detach(self);
}
static inline bool queue_put(uint64_t value) {
    return cc_queue_put(queue, self, (void *)(uintptr_t)value) == 1;
}
static inline bool queue_get(uint64_t *value) {
    void *got;
    if (cc_queue_get(queue, self, &got) != 1) return false;
    *value = (uint64_t)(uintptr_t)got;
    return true;
}

#include "queue_load.h"
