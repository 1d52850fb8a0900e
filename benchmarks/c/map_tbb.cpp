/* map_tbb.cpp: oneTBB's concurrent_map, a skip list. Its erase is not safe beside other calls, so it is measured
 * reading and scanning only. */
#include <cstdint>

#include <oneapi/tbb/concurrent_map.h>

#define MAP_NAME "oneTBB concurrent_map"
#define MAP_NO_REMOVE

static tbb::concurrent_map<uint64_t, uint64_t> map;

static void map_create(uint64_t) {}
static void map_attach() {}
static void map_detach() {}

static inline bool map_get(uint64_t key, uint64_t *value) {
    auto found = map.find(key);
    if (found == map.end()) return false;
    *value = found->second;
    return true;
}
static inline bool map_put(uint64_t key, uint64_t value) {
    return map.emplace(key, value).second;
}
static inline uint64_t map_scan(uint64_t key, unsigned count) {
    uint64_t sum = 0;
    for (auto at = map.lower_bound(key); at != map.end() && count != 0; ++at, count--) sum += at->second;
    return sum;
}

#include "map_load.h"
