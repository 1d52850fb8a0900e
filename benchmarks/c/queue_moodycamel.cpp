/* queue_moodycamel.cpp: moodycamel::ConcurrentQueue without tokens. Not linearizable: it keeps the order of each
 * producer alone. */
#include "load.h"

#include <concurrentqueue/concurrentqueue.h>

#define QUEUE_NAME "moodycamel"

static moodycamel::ConcurrentQueue<uint64_t> *queue;

static void queue_create(uint64_t capacity) {
    queue = new moodycamel::ConcurrentQueue<uint64_t>(capacity);
}
static void queue_attach() {}
static void queue_detach() {}
static inline bool queue_put(uint64_t value) {
    return queue->enqueue(value);
}
static inline bool queue_get(uint64_t *value) {
    return queue->try_dequeue(*value);
}

#include "queue_load.h"
