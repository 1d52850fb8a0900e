/* base/fault.c: see fault.h. Empty but in builds with fault injection. */
#include "fault.h"

#include "atomics.h"

#if defined(CC_FAULT_INJECTION)
static _Atomic(uint64_t) requests;
static _Atomic(uint64_t) fail_at;
static _Atomic(bool) fail_on;

void cc_fault_arm(uint64_t n, bool persistent) {
    cc__store_relaxed(&fail_at, 0);
    cc__store_relaxed(&requests, 0);
    cc__store_relaxed(&fail_on, persistent);
    cc__store_relaxed(&fail_at, n);
}

uint64_t cc_fault_requests(void) {
    return cc__load_relaxed(&requests);
}

bool cc__fault_due(void) {
    uint64_t number = cc__add_relaxed(&requests, 1) + 1;
    uint64_t at = cc__load_relaxed(&fail_at);
    return at != 0 && (number == at || (number > at && cc__load_relaxed(&fail_on)));
}
#endif
