/* base/atomics.h: the atomic operations that libcc uses most, each with its order in its name. The few others are
 * written out where they are used. The word "pairs" beside a use names the other side. */
#ifndef CC_BASE_ATOMICS_H
#define CC_BASE_ATOMICS_H

#include <stdatomic.h>
#include <stdint.h>

#define cc__load_relaxed(object) atomic_load_explicit((object), memory_order_relaxed)
#define cc__load_acquire(object) atomic_load_explicit((object), memory_order_acquire)
#define cc__store_relaxed(object, value) atomic_store_explicit((object), (value), memory_order_relaxed)
#define cc__store_release(object, value) atomic_store_explicit((object), (value), memory_order_release)
#define cc__add_acq_rel(object, value) atomic_fetch_add_explicit((object), (value), memory_order_acq_rel)
#define cc__add_relaxed(object, value) atomic_fetch_add_explicit((object), (value), memory_order_relaxed)
#define cc__add_release(object, value) atomic_fetch_add_explicit((object), (value), memory_order_release)
#define cc__or_relaxed(object, value) atomic_fetch_or_explicit((object), (value), memory_order_relaxed)
#define cc__and_relaxed(object, value) atomic_fetch_and_explicit((object), (value), memory_order_relaxed)
#define cc__exchange_relaxed(object, value) atomic_exchange_explicit((object), (value), memory_order_relaxed)
#define cc__swap_if_relaxed(object, expected, value) \
    atomic_compare_exchange_weak_explicit((object), (expected), (value), memory_order_relaxed, memory_order_relaxed)
#define cc__swap_if_acq_rel(object, expected, value) \
    atomic_compare_exchange_strong_explicit((object), (expected), (value), memory_order_acq_rel, memory_order_acquire)
/* In one total order with each other: for a store here and a load there that must not both miss the other side's. */
#define cc__load_seq_cst(object) atomic_load_explicit((object), memory_order_seq_cst)
#define cc__add_seq_cst(object, value) atomic_fetch_add_explicit((object), (value), memory_order_seq_cst)
#define cc__swap_if_seq_cst(object, expected, value) \
    atomic_compare_exchange_strong_explicit((object), (expected), (value), memory_order_seq_cst, memory_order_seq_cst)

/* Raises an _Atomic(uint64_t) or _Atomic(int64_t) to `value` where that is more. */
#define CC__DEFINE_RAISE(name, type) \
    static inline void name(_Atomic(type) *object, type value) { \
        type seen = cc__load_relaxed(object); \
        while (seen < value && !cc__swap_if_relaxed(object, &seen, value)) continue; \
    }
CC__DEFINE_RAISE(cc__raise_unsigned, uint64_t)
CC__DEFINE_RAISE(cc__raise_signed, int64_t)
#undef CC__DEFINE_RAISE
#define cc__raise_relaxed(object, value) \
    _Generic((object), _Atomic(uint64_t) *: cc__raise_unsigned, _Atomic(int64_t) *: cc__raise_signed)((object), (value))

/* Orders stores before it against loads after it (store buffering needs one on both sides). The thread sanitizer knows
 * no fences; a sequentially consistent operation does for it. */
static inline void cc__fence_seq_cst(void) {
#if defined(__SANITIZE_THREAD__)
    static _Atomic(int) anything;
    (void)atomic_fetch_add_explicit(&anything, 0, memory_order_seq_cst);
#else
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

/* A counter that only one thread writes: a plain add in two relaxed halves, several times cheaper than a locked add. */
#define cc__own_add_halves(object, value, order) \
    atomic_store_explicit((object), cc__load_relaxed(object) + (value), (order))

/* The same for a counter of frees: the release store pairs with the acquire load of a snapshot, which then also sees
 * the allocation that came before this free. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
/* Compilers do not join the halves into one instruction, which x86 has: without the lock prefix it is not atomic
 * towards other writers, of which there are none, and like every store there it is a release. */
static inline void cc__own_add_word(volatile void *word, uint64_t value) {
    __asm__ volatile("addq %1, %0" : "+m"(*(volatile uint64_t *)word) : "re"(value) : "memory");
}
#define cc__own_add_any(object, value, order) \
    _Generic((object), \
        _Atomic(uint64_t) *: cc__own_add_word((object), (uint64_t)(value)), \
        default: cc__own_add_halves(object, value, order))
#else
#define cc__own_add_any cc__own_add_halves
#endif
#define cc__own_add(object, value) cc__own_add_any(object, value, memory_order_relaxed)
#define cc__own_add_release(object, value) cc__own_add_any(object, value, memory_order_release)

#endif
