/* smr_driver.c: what tests/profiling/test_smr.py does to domains of safe memory reclamation, through the installed
 * libcc. */
#include <cc/smr.h>

#include <string.h>

/* scheme and options 0 or NULL: the defaults. */
cc_smr_t *driver_create(const char *name, const char *scheme) {
    cc_smr_options_t options = cc_smr_options();
    strncpy(options.name, name, sizeof options.name - 1);
    return cc_smr_create(scheme == NULL ? CC_SMR_DEFAULT : (cc_smr_scheme_t)cc_smr_scheme_by_name(scheme), &options);
}

int driver_destroy(cc_smr_t *domain) {
    return cc_smr_destroy(domain);
}

/* Retires `count` new nodes of `size` bytes, each inside a section of its own. */
int driver_retire(cc_smr_t *domain, uint64_t count, size_t size) {
    cc_smr_thread_t *self = cc_smr_self(domain);
    if (self == NULL) return CC_ERROR_MEMORY;
    for (uint64_t i = 0; i < count; i++) {
        void *node = cc_smr_alloc_node(self, size);
        if (node == NULL) return CC_ERROR_MEMORY;
        cc_smr_enter(self);
        cc_smr_retire(self, node, size, NULL);
        cc_smr_exit(self);
    }
    return CC_OK;
}

void driver_enter(cc_smr_t *domain) {
    cc_smr_thread_t *self = cc_smr_self(domain);
    if (self != NULL) cc_smr_enter(self);
}

void driver_exit(cc_smr_t *domain) {
    cc_smr_thread_t *self = cc_smr_self(domain);
    if (self != NULL) cc_smr_exit(self);
}

/* Stays in a search phase, begun anew when it is interrupted, until *stop is set. */
void driver_search(cc_smr_t *domain, const int *stop) {
    cc_smr_thread_t *self = cc_smr_self(domain);
    if (self == NULL) return;
    cc_smr_enter(self);
    CC_SMR_SEARCH(self);
    while (!__atomic_load_n(stop, __ATOMIC_ACQUIRE)) continue;
    cc_smr_search_end(self);
    cc_smr_exit(self);
}

uint64_t driver_poll(cc_smr_t *domain) {
    cc_smr_thread_t *self = cc_smr_self(domain);
    return self != NULL ? cc_smr_poll(self) : 0;
}

int driver_drain(cc_smr_t *domain, uint64_t timeout_ns) {
    cc_smr_thread_t *self = cc_smr_self(domain);
    return self != NULL ? cc_smr_drain(self, timeout_ns) : CC_ERROR_MEMORY;
}
