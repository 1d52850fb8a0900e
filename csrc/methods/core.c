/* methods/core.c: the core: one backend for the process, with status and limits. */
#include <string.h>

#include "../base/fork.h"
#include "backend.h"
#include "methods_internal.h"

enum { COUNTED = 1, LIMITED = 2, FAULTS = 4 };

static _Atomic(const cc_mem_methods_t *) running; /* NULL before the first allocation and after shutdown */
static _Atomic(unsigned) mode = COUNTED;

static _Atomic(bool) blocks_of_zero;

/* Under CC__LOCK_CORE. */
static const char *backend_name = "mimalloc";

/* Under CC__LOCK_STATUS. */
static cc_mem_status_t status;
static uint64_t reserved; /* bytes that were admitted for allocations that are not counted yet */
static uint64_t soft_limit, hard_limit, alarm_threshold;

enum { RELEASERS_MAX = 16 };

/* Held while releasers and alarm are called: one thread at a time, and nobody removes them meanwhile. Whoever finds it
 * taken (also a releaser that allocates) goes on without them. It is not held across fork, since a releaser may
 * fork. */
static cc__mutex_t pressure_lock;
static struct {
    cc_mem_releaser_t call;
    void *context;
} releasers[RELEASERS_MAX];
static unsigned releaser_count;
static cc_mem_alarm_t alarm_call;
static void *alarm_context;

static void lock_status(void) {
    cc__mutex_lock(cc__mem_lock(CC__LOCK_STATUS));
}

static void unlock_status(void) {
    cc__mutex_unlock(cc__mem_lock(CC__LOCK_STATUS));
}

static void set_mode(unsigned flag, bool on) {
    if (on)
        (void)cc__or_relaxed(&mode, flag);
    else
        (void)cc__and_relaxed(&mode, ~flag);
}

int cc_mem_arm_faults(const cc_mem_faults_t *faults) {
    int result = cc__mem_set_faults(faults);
    if (result == CC_OK) set_mode(FAULTS, faults != NULL);
    return result;
}

static void free_pressure_lock(void) {
    cc__store_relaxed(&pressure_lock.state, 0u);
}

CC__AT_FORK(CC__FORK_PRESSURE, .in_child = free_pressure_lock);

/* ---- beginning and end ------------------------------------------------------------------------------------------- */

/* The backend's init is called without the lock, because it may wait for a thread that is in the program's report
 * function. If meanwhile another thread was quicker, or configured another backend, this init is undone. */
static const cc_mem_methods_t *start(void) {
    cc__mutex_t *lock = cc__mem_lock(CC__LOCK_CORE);
    for (;;) {
        cc__mutex_lock(lock);
        const cc_mem_methods_t *methods = cc_mem_backend(backend_name);
        cc__mutex_unlock(lock);
        /* pairs with the release store below */
        if (methods->init(methods->context) != CC_OK) return cc__load_acquire(&running);
        cc__mutex_lock(lock);
        const cc_mem_methods_t *first = cc__load_relaxed(&running); /* only changed under the lock */
        bool wanted = first == NULL && methods == cc_mem_backend(backend_name);
        if (wanted) cc__store_release(&running, methods); /* pairs with the acquire load in backend() */
        cc__mutex_unlock(lock);
        if (wanted) return methods;
        methods->shutdown(methods->context);
        if (first != NULL) return first;
    }
}

static inline const cc_mem_methods_t *backend(void) {
    const cc_mem_methods_t *methods = cc__load_acquire(&running); /* pairs with the release store in start() */
    return CC_LIKELY(methods != NULL) ? methods : start();
}

static void forget(void) {
    lock_status();
    memset(&status, 0, sizeof status);
    reserved = soft_limit = hard_limit = alarm_threshold = 0;
    unlock_status();
    set_mode(LIMITED, false);
}

int cc_mem_config(const cc_mem_config_t *config) {
    const char *name = config != NULL && config->backend != NULL ? config->backend : "mimalloc";
    cc__mutex_t *lock = cc__mem_lock(CC__LOCK_CORE);
    int result = CC_ERROR_ARGUMENT;
    cc__mutex_lock(lock);
    for (size_t i = 0; cc_mem_backend_name(i) != NULL; i++) {
        if (strcmp(name, cc_mem_backend_name(i)) != 0) continue;
        result = cc__load_relaxed(&running) != NULL ? CC_ERROR_STATE : cc__backends_configure(config);
        if (result == CC_OK) backend_name = cc_mem_backend_name(i);
    }
    if (result == CC_OK) {
        set_mode(COUNTED, config == NULL || !config->without_status);
        cc__store_relaxed(&blocks_of_zero, config != NULL && config->blocks_of_zero);
        forget();
    }
    cc__mutex_unlock(lock);
    return result;
}

void cc_mem_shutdown(void) {
    cc__mutex_t *lock = cc__mem_lock(CC__LOCK_CORE);
    cc__mutex_lock(lock);
    const cc_mem_methods_t *methods = cc__load_relaxed(&running);
    cc__store_release(&running, NULL); /* pairs with the acquire load in backend() */
    cc__mutex_unlock(lock);
    if (methods != NULL) methods->shutdown(methods->context); /* it may call the program */
    (void)cc_mem_arm_faults(NULL);
    cc__mutex_lock(&pressure_lock);
    releaser_count = 0;
    alarm_call = NULL;
    cc__mutex_unlock(&pressure_lock);
    (void)cc_mem_config(NULL);
}

const char *cc_mem_configured(void) {
    cc__mutex_t *lock = cc__mem_lock(CC__LOCK_CORE);
    cc__mutex_lock(lock);
    const char *name = backend_name;
    cc__mutex_unlock(lock);
    return name;
}

/* ---- pressure ---------------------------------------------------------------------------------------------------- */

/* pre: the pressure lock is held. */
static size_t ask_releasers(size_t bytes) {
    size_t given = 0;
    for (unsigned i = 0; i < releaser_count && given < bytes; i++)
        given += releasers[i].call(bytes - given, releasers[i].context);
    return given;
}

size_t cc_mem_release(size_t bytes) {
    if (!cc__mutex_try_lock(&pressure_lock)) return 0;
    size_t given = ask_releasers(bytes);
    cc__mutex_unlock(&pressure_lock);
    return given;
}

static void sound_alarm(uint64_t used, size_t bytes) {
    if (!cc__mutex_try_lock(&pressure_lock)) return;
    if (alarm_call != NULL) alarm_call(used, bytes, alarm_context);
    cc__mutex_unlock(&pressure_lock);
}

void cc_mem_alarm(cc_mem_alarm_t alarm, void *context, uint64_t threshold) {
    cc__mutex_lock(&pressure_lock);
    alarm_call = threshold > 0 ? alarm : NULL;
    alarm_context = context;
    cc__mutex_unlock(&pressure_lock);
    lock_status();
    alarm_threshold = alarm != NULL ? threshold : 0;
    set_mode(LIMITED, (soft_limit | hard_limit | alarm_threshold) != 0);
    unlock_status();
}

int cc_mem_add_releaser(cc_mem_releaser_t releaser, void *context) {
    if (releaser == NULL) return CC_ERROR_ARGUMENT;
    int result = CC_OK;
    cc__mutex_lock(&pressure_lock);
    for (unsigned i = 0; i < releaser_count; i++)
        if (releasers[i].call == releaser && releasers[i].context == context) result = CC_ERROR_STATE;
    if (result == CC_OK && releaser_count == RELEASERS_MAX) result = CC_ERROR_LIMIT;
    if (result == CC_OK) {
        releasers[releaser_count].call = releaser;
        releasers[releaser_count++].context = context;
    }
    cc__mutex_unlock(&pressure_lock);
    return result;
}

int cc_mem_remove_releaser(cc_mem_releaser_t releaser, void *context) {
    int result = CC_ERROR_ARGUMENT;
    cc__mutex_lock(&pressure_lock);
    for (unsigned i = 0; i < releaser_count && result != CC_OK; i++) {
        if (releasers[i].call != releaser || releasers[i].context != context) continue;
        memmove(&releasers[i], &releasers[i + 1], (--releaser_count - i) * sizeof *releasers);
        result = CC_OK;
    }
    cc__mutex_unlock(&pressure_lock);
    return result;
}

int64_t cc_mem_soft_limit(int64_t bytes) {
    lock_status();
    int64_t before = (int64_t)soft_limit;
    if (bytes >= 0) {
        soft_limit = (uint64_t)bytes;
        if (hard_limit != 0 && (soft_limit == 0 || soft_limit > hard_limit)) soft_limit = hard_limit;
        set_mode(LIMITED, (soft_limit | hard_limit | alarm_threshold) != 0);
    }
    unlock_status();
    return before;
}

int64_t cc_mem_hard_limit(int64_t bytes) {
    lock_status();
    int64_t before = (int64_t)hard_limit;
    if (bytes >= 0) {
        hard_limit = (uint64_t)bytes;
        if (soft_limit == 0 || soft_limit > hard_limit) soft_limit = hard_limit;
        set_mode(LIMITED, (soft_limit | hard_limit | alarm_threshold) != 0);
    }
    unlock_status();
    return before;
}

/* Reserves `bytes` more within the limits. False at the hard one. */
static bool admit(size_t bytes) {
    for (bool asked = false;; asked = true) {
        lock_status();
        uint64_t used = status.current, after = used + reserved + bytes;
        bool alarm = !asked && alarm_threshold != 0 && after > alarm_threshold;
        bool above_soft = !asked && soft_limit != 0 && after > soft_limit;
        uint64_t excess = above_soft ? after - soft_limit : 0;
        bool refused = hard_limit != 0 && after > hard_limit;
        bool decided = !alarm && !above_soft;
        if (decided && !refused) reserved += bytes;
        unlock_status();
        if (decided) return !refused;
        if (alarm) sound_alarm(used, bytes);
        if (above_soft) (void)cc_mem_release(excess);
    }
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

/* Counts `bytes` more (or fewer) and `blocks` more, and ends a reservation. */
static void count(size_t asked, ptrdiff_t bytes, int blocks, size_t admitted) {
    lock_status();
    reserved -= admitted;
    status.current += (uint64_t)(int64_t)bytes;
    if (status.current > status.high_water) status.high_water = status.current;
    if (blocks > 0) status.count++;
    status.current_count += (uint64_t)(int64_t)blocks;
    if (status.current_count > status.highest_count) status.highest_count = status.current_count;
    if (asked > status.largest) status.largest = asked;
    unlock_status();
}

static void *count_failure(size_t asked, size_t admitted) {
    lock_status();
    reserved -= admitted;
    status.failed++;
    if (asked > status.largest) status.largest = asked;
    unlock_status();
    return NULL;
}

/* malloc (if `old` is NULL) or realloc, with all that the mode asks for. */
static __attribute__((noinline)) void *allocate(const cc_mem_methods_t *methods, unsigned now, void *old, size_t size) {
    bool counted = (now & COUNTED) != 0;
    size_t old_bytes = old != NULL ? methods->size(old, methods->context) : 0;
    size_t bytes = methods->roundup(size, methods->context), admitted = 0;
    if (bytes == 0 || ((now & FAULTS) != 0 && cc__mem_fault_due())) return counted ? count_failure(size, 0) : NULL;
    if (counted && (now & LIMITED) != 0 && bytes > old_bytes) {
        if (!admit(bytes - old_bytes)) return count_failure(size, 0);
        admitted = bytes - old_bytes;
    }
    void *pointer;
    for (bool asked = false;; asked = true) {
        pointer = old == NULL ? methods->malloc(size, methods->context) : methods->realloc(old, size, methods->context);
        if (pointer != NULL || asked || cc_mem_release(bytes) == 0) break;
    }
    if (!counted) return pointer;
    if (pointer == NULL) return count_failure(size, admitted);
    count(size, (ptrdiff_t)(methods->size(pointer, methods->context) - old_bytes), old == NULL, admitted);
    return pointer;
}

/* ---- the calls --------------------------------------------------------------------------------------------------- */

void *cc_mem_malloc(size_t size) {
    if (CC_UNLIKELY(size == 0) && (size = cc__load_relaxed(&blocks_of_zero)) == 0) return NULL;
    const cc_mem_methods_t *methods = backend();
    unsigned now = cc__load_relaxed(&mode);
    if (CC_UNLIKELY(methods == NULL)) return (now & COUNTED) != 0 ? count_failure(size, 0) : NULL;
    if (now != 0) return allocate(methods, now, NULL, size);
    void *pointer = methods->malloc(size, methods->context);
    return CC_LIKELY(pointer != NULL) ? pointer : allocate(methods, now, NULL, size);
}

void *cc_mem_zalloc(size_t size) {
    void *pointer = cc_mem_malloc(size);
    if (pointer != NULL) memset(pointer, 0, cc_mem_size(pointer));
    return pointer;
}

void *cc_mem_calloc(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) bytes = SIZE_MAX; /* refused and counted as such */
    return cc_mem_zalloc(bytes);
}

char *cc_mem_strdup(const char *text) {
    if (text == NULL) return NULL;
    size_t bytes = strlen(text) + 1;
    char *copy = cc_mem_malloc(bytes);
    return copy != NULL ? memcpy(copy, text, bytes) : NULL;
}

void *cc_mem_realloc(void *pointer, size_t size) {
    if (pointer == NULL) return cc_mem_malloc(size);
    if (size == 0) {
        cc_mem_free(pointer);
        return NULL;
    }
    const cc_mem_methods_t *methods = backend();
    return CC_LIKELY(methods != NULL) ? allocate(methods, cc__load_relaxed(&mode), pointer, size) : NULL;
}

void cc_mem_free(void *pointer) {
    const cc_mem_methods_t *methods = cc__load_acquire(&running); /* pairs with the release store in start() */
    if (pointer == NULL || methods == NULL) return;
    if ((cc__load_relaxed(&mode) & COUNTED) != 0) {
        size_t bytes = methods->size(pointer, methods->context);
        if (CC_UNLIKELY(bytes == 0)) return; /* no block of ours, as `debug` has reported */
        count(0, -(ptrdiff_t)bytes, -1, 0);
    }
    methods->free(pointer, methods->context);
}

size_t cc_mem_size(const void *pointer) {
    const cc_mem_methods_t *methods = cc__load_acquire(&running); /* pairs with the release store in start() */
    return pointer != NULL && methods != NULL ? methods->size((void *)(uintptr_t)pointer, methods->context) : 0;
}

/* ---- status ------------------------------------------------------------------------------------------------------ */

cc_mem_status_t cc_mem_status(unsigned reset) {
    lock_status();
    cc_mem_status_t found = status;
    if ((reset & CC_MEM_RESET_HIGH_WATER) != 0) status.high_water = status.current;
    if ((reset & CC_MEM_RESET_COUNT) != 0) status.count = 0;
    if ((reset & CC_MEM_RESET_HIGHEST_COUNT) != 0) status.highest_count = status.current_count;
    if ((reset & CC_MEM_RESET_LARGEST) != 0) status.largest = 0;
    if ((reset & CC_MEM_RESET_FAILED) != 0) status.failed = 0;
    unlock_status();
    return found;
}

uint64_t cc_mem_used(void) {
    return cc_mem_status(0).current;
}

uint64_t cc_mem_highwater(bool reset) {
    return cc_mem_status(reset ? CC_MEM_RESET_HIGH_WATER : 0).high_water;
}
