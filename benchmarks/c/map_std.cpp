/* map_std.cpp: std::map behind one std::mutex. */
#include <cstdint>
#include <map>
#include <mutex>

#define MAP_NAME "std::map + mutex"

static std::map<uint64_t, uint64_t> map;
static std::mutex mutex;

static void map_create(uint64_t) {}
static void map_attach() {}
static void map_detach() {}

static inline bool map_get(uint64_t key, uint64_t *value) {
    std::lock_guard<std::mutex> guard(mutex);
    auto found = map.find(key);
    if (found == map.end()) return false;
    *value = found->second;
    return true;
}
static inline bool map_put(uint64_t key, uint64_t value) {
    std::lock_guard<std::mutex> guard(mutex);
    return map.emplace(key, value).second;
}
static inline bool map_remove(uint64_t key) {
    std::lock_guard<std::mutex> guard(mutex);
    return map.erase(key) != 0;
}
static inline uint64_t map_scan(uint64_t key, unsigned count) {
    std::lock_guard<std::mutex> guard(mutex);
    uint64_t sum = 0;
    for (auto at = map.lower_bound(key); at != map.end() && count != 0; ++at, count--) sum += at->second;
    return sum;
}

#include "map_load.h"
