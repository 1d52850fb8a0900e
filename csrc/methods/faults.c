/* methods/faults.c: which requests of the core are made to fail. */
#include "methods_internal.h"

/* Under CC__LOCK_FAULTS. */
static cc_mem_faults_t armed;
static cc_mem_fault_status_t figures;
static uint64_t random_state; /* splitmix64 */
static uint64_t left;         /* requests that are still to fail, because one before them did */

static __thread unsigned benign_depth;

static double chance(void) {
    uint64_t z = random_state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0; /* 2^53: from 0, below 1 */
}

bool cc__mem_fault_due(void) {
    cc__mutex_t *lock = cc__mem_lock(CC__LOCK_FAULTS);
    cc__mutex_lock(lock);
    uint64_t number = ++figures.requests;
    /* drawn always: a sequence by the seed alone */
    bool by_chance = armed.probability > 0 && chance() < armed.probability;
    if (left == 0 && (by_chance || number == armed.fail_at))
        left = armed.persistent ? UINT64_MAX : armed.repeat > 0 ? armed.repeat : 1;
    bool fails = left > 0;
    if (fails) {
        if (left != UINT64_MAX) left--;
        figures.failed++;
        if (benign_depth > 0) figures.failed_benign++;
    }
    cc__mutex_unlock(lock);
    return fails;
}

int cc__mem_set_faults(const cc_mem_faults_t *faults) {
    static const cc_mem_faults_t none;
    if (faults != NULL && !(faults->probability >= 0 && faults->probability <= 1)) return CC_ERROR_ARGUMENT;
    cc__mutex_t *lock = cc__mem_lock(CC__LOCK_FAULTS);
    cc__mutex_lock(lock);
    armed = faults != NULL ? *faults : none;
    if (faults != NULL) figures = (cc_mem_fault_status_t){0, 0, 0};
    random_state = armed.seed;
    left = 0;
    cc__mutex_unlock(lock);
    return CC_OK;
}

cc_mem_fault_status_t cc_mem_fault_status(void) {
    cc__mutex_t *lock = cc__mem_lock(CC__LOCK_FAULTS);
    cc__mutex_lock(lock);
    cc_mem_fault_status_t found = figures;
    cc__mutex_unlock(lock);
    return found;
}

void cc_mem_begin_benign(void) {
    benign_depth++;
}

void cc_mem_end_benign(void) {
    if (benign_depth > 0) benign_depth--;
}
