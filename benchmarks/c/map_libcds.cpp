/* map_libcds.cpp: libcds' ordered maps. -DPEER=1 skip list over RCU, 2 skip list over hazard pointers, 3 Bronson's
 * AVL tree over RCU (general purpose, buffered, in both). None of them can begin a walk at a key. */
#include <cstdint>

#include <cds/init.h>
#include <cds/gc/hp.h>
#include <cds/urcu/general_buffered.h>
#include <cds/container/skip_list_map_hp.h>
#include <cds/container/skip_list_map_rcu.h>
#include <cds/container/bronson_avltree_map_rcu.h>

typedef cds::urcu::gc<cds::urcu::general_buffered<>> rcu_t;

#if PEER == 1
#define MAP_NAME "libcds skip list, RCU"
typedef cds::container::SkipListMap<rcu_t, uint64_t, uint64_t,
                                    cds::container::skip_list::make_traits<cds::opt::less<std::less<uint64_t>>>::type>
    map_t;
#elif PEER == 2
#define MAP_NAME "libcds skip list, HP"
typedef cds::container::SkipListMap<cds::gc::HP, uint64_t, uint64_t,
                                    cds::container::skip_list::make_traits<cds::opt::less<std::less<uint64_t>>>::type>
    map_t;
#else
#define MAP_NAME "libcds Bronson AVL, RCU"
typedef cds::container::BronsonAVLTreeMap<
    rcu_t, uint64_t, uint64_t, cds::container::bronson_avltree::make_traits<cds::opt::less<std::less<uint64_t>>>::type>
    map_t;
#endif
#define MAP_NO_SCAN

static map_t *map;

static void map_create(uint64_t) {
    cds::Initialize();
#if PEER == 2
    static cds::gc::HP collector(map_t::c_nHazardPtrCount);
#else
    static rcu_t collector;
#endif
    cds::threading::Manager::attachThread();
    map = new map_t;
    cds::threading::Manager::detachThread();
}
static void map_attach() {
    cds::threading::Manager::attachThread();
}
static void map_detach() {
    cds::threading::Manager::detachThread();
}

static inline bool map_get(uint64_t key, uint64_t *value) {
#if PEER == 3
    return map->find(key, [value](uint64_t, uint64_t &found) { *value = found; });
#else
    return map->find(key, [value](map_t::value_type &found) { *value = found.second; });
#endif
}
static inline bool map_put(uint64_t key, uint64_t value) {
    return map->insert(key, value);
}
static inline bool map_remove(uint64_t key) {
    return map->erase(key);
}

#include "map_load.h"
