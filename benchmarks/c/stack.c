/* stack.c: cc_stack_t of cc/stack.h, bounded. */
#include "load.h"

#include "cc/stack.h"

#define QUEUE_NAME "cc_stack"
#define QUEUE_NOT_FIFO

static cc_stack_t *queue;
static _Thread_local cc_smr_thread_t *self;

static void queue_create(uint64_t capacity) {
    queue = cc_stack_create(NULL, capacity);
    if (queue == NULL) load_die("no memory");
}
static void queue_attach(void) {
    self = cc_smr_self(cc_stack_domain(queue));
    if (self == NULL) load_die("no memory");
}
static void queue_detach(void) {
    cc_smr_detach(self);
}
static inline bool queue_put(uint64_t value) {
    return cc_stack_put(queue, self, (void *)(uintptr_t)value) == 1;
}
static inline bool queue_get(uint64_t *value) {
    void *got;
    if (cc_stack_get(queue, self, &got) != 1) return false;
    *value = (uint64_t)(uintptr_t)got;
    return true;
}

#include "queue_load.h"
