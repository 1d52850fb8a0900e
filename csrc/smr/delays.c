/* smr/delays.c: the recording of delays, from a retire to the free. statistics.c switches it on and reads it. */
#include "smr_internal.h"

uint32_t cc__smr_stamp(void) {
    uint32_t stamp = (uint32_t)(cc__os_monotonic_ns() >> CC__SMR_STAMP_SHIFT);
    return stamp != 0 ? stamp : 1;
}

void cc__smr_record_delay(cc_smr_t *domain, uint32_t steps) {
    uint64_t ns = (uint64_t)steps << CC__SMR_STAMP_SHIFT;
    _Atomic(uint64_t) *delays =
        cc__load_acquire(&domain->delays); /* pairs with cc_smr_record_delays: they are zeroed */
    cc__add_relaxed(&delays[cc__histogram_index(steps)], 1);
    cc__add_relaxed(&domain->delay_sum, ns);
    cc__raise_relaxed(&domain->delay_max, ns);
}
