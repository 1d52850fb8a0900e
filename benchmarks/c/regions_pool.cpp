// regions_pool.cpp: a block from a pool and back, beside mimalloc and boost's pools, with 1 to 4 threads.
//
//     regions_pool <mimalloc> <rounds> <count>        prints one JSON object a line
//
// Each thread takes 1 to 16 blocks of 64 bytes and gives them back, over and over. Figures are nanoseconds of processor
// time of all threads for one block there and back. Peers: cc_pool (growing and shared), cc_pool fixed and shared
// (exact: without caches of threads), cc_pool with one owner (one thread only); mi_malloc; boost::lockfree's free
// lists, growing and fixed; boost::pool with one owner, and with the mutex of boost::singleton_pool by default.
#include <dlfcn.h>
#include <pthread.h>
#include <time.h>

#include <atomic>
#include <boost/lockfree/detail/freelist.hpp>
#include <boost/pool/pool.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "cc/regions.h"

namespace {

struct block {
    char bytes[64];
};

void *(*mi_malloc_)(size_t);
void (*mi_free_)(void *);
size_t count;
constexpr int most_threads = 4, most_held = 16;

struct cc_kind {
    cc_pool_t *pool;
    cc_kind(bool shared, bool fixed) {
        cc_pool_options_t options = {};
        options.block_size = sizeof(block);
        options.shared = shared;
        options.fixed = fixed;
        options.blocks = most_threads * most_held;
        pool = cc_pool_create(&options);
    }
    ~cc_kind() {
        cc_pool_destroy(pool);
    }
    void *take() {
        return cc_pool_alloc(pool);
    }
    void give(void *pointer) {
        (void)cc_pool_free(pool, pointer);
    }
};
struct cc_shared : cc_kind {
    cc_shared() : cc_kind(true, false) {}
};
struct cc_fixed : cc_kind {
    cc_fixed() : cc_kind(true, true) {}
};
struct cc_owned : cc_kind {
    cc_owned() : cc_kind(false, false) {}
};
struct mimalloc_kind {
    void *take() {
        return mi_malloc_(sizeof(block));
    }
    void give(void *pointer) {
        mi_free_(pointer);
    }
};
struct boost_lockfree {
    boost::lockfree::detail::freelist_stack<block> list{std::allocator<block>(), most_threads * most_held};
    void *take() {
        return list.template construct<true, false>();
    }
    void give(void *pointer) {
        list.template destruct<true>(static_cast<block *>(pointer));
    }
};
struct boost_lockfree_fixed {
    boost::lockfree::detail::fixed_size_freelist<block, boost::lockfree::detail::runtime_sized_freelist_storage<block>>
        list{std::allocator<block>(), most_threads * most_held};
    void *take() {
        return list.template construct<true, true>();
    }
    void give(void *pointer) {
        list.template destruct<true>(static_cast<block *>(pointer));
    }
};
struct boost_owned {
    boost::pool<> pool{sizeof(block)};
    void *take() {
        return pool.malloc();
    }
    void give(void *pointer) {
        pool.free(pointer);
    }
};
struct boost_mutex {
    boost::pool<> pool{sizeof(block)};
    std::mutex mutex;
    void *take() {
        std::lock_guard<std::mutex> guard(mutex);
        return pool.malloc();
    }
    void give(void *pointer) {
        std::lock_guard<std::mutex> guard(mutex);
        pool.free(pointer);
    }
};

template <class kind> struct work {
    kind *pool;
    pthread_barrier_t *barrier;
    double ns;
};

template <class kind> void *run(void *argument) {
    auto *self = static_cast<work<kind> *>(argument);
    kind &pool = *self->pool;
    void *held[most_held];
    for (int i = 0; i < 16; i++) pool.give(pool.take());
    pthread_barrier_wait(self->barrier);
    timespec begin, end;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    size_t done = 0;
    for (unsigned n = 1; done < count; n = n % most_held + 1) {
        for (unsigned i = 0; i < n; i++) {
            held[i] = pool.take();
            *static_cast<char *>(held[i]) = 1;
        }
        for (unsigned i = 0; i < n; i++) pool.give(held[i]);
        done += n;
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    self->ns = (double(end.tv_sec - begin.tv_sec) * 1e9 + double(end.tv_nsec - begin.tv_nsec)) / double(done);
    return nullptr;
}

template <class kind> void measure(const char *name, int threads, int round) {
    kind pool;
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, nullptr, unsigned(threads));
    work<kind> works[most_threads];
    pthread_t ids[most_threads];
    for (int i = 0; i < threads; i++) {
        works[i] = {&pool, &barrier, 0};
        pthread_create(&ids[i], nullptr, run<kind>, &works[i]);
    }
    double sum = 0;
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], nullptr);
        sum += works[i].ns;
    }
    pthread_barrier_destroy(&barrier);
    if (round > 0)
        std::printf("{\"workload\": \"pool\", \"size\": 64, \"peer\": \"%s\", \"threads\": %d, \"round\": %d, "
                    "\"nanoseconds\": %.3f}\n",
                    name, threads, round, sum / threads);
}

} // namespace

int main(int argc, char **arguments) {
    if (argc < 4) return 2;
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return std::fprintf(stderr, "%s\n", dlerror()), 1;
    mi_malloc_ = reinterpret_cast<void *(*)(size_t)>(dlsym(library, "mi_malloc"));
    mi_free_ = reinterpret_cast<void (*)(void *)>(dlsym(library, "mi_free"));
    int rounds = std::atoi(arguments[2]);
    count = size_t(std::atoll(arguments[3]));
    for (int round = 0; round < rounds + 1; round++) { // the first one warms up
        for (int threads = 1; threads <= most_threads; threads++) {
            measure<cc_shared>("cc_pool", threads, round);
            measure<cc_fixed>("cc_pool fixed", threads, round);
            measure<mimalloc_kind>("mi_malloc", threads, round);
            measure<boost_lockfree>("boost lockfree", threads, round);
            measure<boost_lockfree_fixed>("boost lockfree fixed", threads, round);
            measure<boost_mutex>("boost pool + mutex", threads, round);
            if (threads > 1) continue;
            measure<cc_owned>("cc_pool, one owner", 1, round);
            measure<boost_owned>("boost pool", 1, round);
        }
    }
}
