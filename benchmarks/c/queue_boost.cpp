/* queue_boost.cpp: boost::lockfree with its nodes allocated beforehand. -DPEER=1 queue, 2 stack. */
#include "load.h"

#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/stack.hpp>

#if PEER == 1
#define QUEUE_NAME "boost::lockfree::queue"
static boost::lockfree::queue<uint64_t> *queue;
#else
#define QUEUE_NAME "boost::lockfree::stack"
#define QUEUE_NOT_FIFO
static boost::lockfree::stack<uint64_t> *queue;
#endif

static void queue_create(uint64_t capacity) {
    queue = new std::remove_pointer<decltype(queue)>::type(capacity);
}
static void queue_attach() {}
static void queue_detach() {}
static inline bool queue_put(uint64_t value) {
    return queue->bounded_push(value);
}
static inline bool queue_get(uint64_t *value) {
    return queue->pop(*value);
}

#include "queue_load.h"
