/* methods/backends.c: the backends by name, the process's one instance of each, and what they are set up with. An instance is
 * begun by the first init and ended by the shutdown of the last user: the core and SQLite may share one. */
#include <string.h>

#include "methods_internal.h"

static cc__static_t the_static;
static cc__buddy_t the_buddy;
static cc__debug_t the_debug;

/* All of this is under CC__LOCK_BACKENDS. */
static struct {
    void *buffer; /* the caller's, for whichever of static and buddy begins first */
    size_t buffer_bytes, min_block;
    const cc_mem_methods_t *debug_below;
    cc_mem_debug_options_t debug;
} settings;
static const void *buffer_user; /* the instance that lies in settings.buffer */
enum { DEFAULT_BYTES = 64 << 20 };
static size_t default_bytes = DEFAULT_BYTES;

typedef struct instance {
    unsigned users;
    void *mapped; /* the buffer, if it is ours */
    size_t mapped_bytes;
} instance_t;
static instance_t of_static, of_buddy, of_debug;

/* Makes a buffer ready by `place`, which takes it over. */
static int begin_in_buffer(instance_t *instance, void *self, int (*place)(void *self, void *buffer, size_t bytes, bool zeroed)) {
    if (settings.buffer != NULL && buffer_user == NULL) {
        int status = place(self, settings.buffer, settings.buffer_bytes, false);
        if (status == CC_OK) buffer_user = self;
        return status;
    }
    instance->mapped_bytes = settings.buffer_bytes != 0 ? settings.buffer_bytes : default_bytes;
    instance->mapped = cc__os_map(instance->mapped_bytes);
    if (instance->mapped == NULL) return CC_ERROR_MEMORY;
    int status = place(self, instance->mapped, instance->mapped_bytes, true);
    if (status != CC_OK) {
        cc__os_unmap(instance->mapped, instance->mapped_bytes);
        instance->mapped = NULL;
    }
    return status;
}

static void end_in_buffer(instance_t *instance, const void *self) {
    if (buffer_user == self) buffer_user = NULL;
    if (instance->mapped != NULL) cc__os_unmap(instance->mapped, instance->mapped_bytes);
    instance->mapped = NULL;
}

static int place_static(void *self, void *buffer, size_t bytes, bool zeroed) {
    (void)zeroed;
    int status = cc__static_place(self, buffer, bytes);
    return status == CC_OK ? cc__static_methods.init(self) : status;
}

static int place_buddy(void *self, void *buffer, size_t bytes, bool zeroed) {
    int status = cc__buddy_place(self, buffer, bytes, settings.min_block, zeroed);
    return status == CC_OK ? cc__buddy_methods.init(self) : status;
}

static int begin(instance_t *instance, int (*first)(void)) {
    cc__mutex_t *lock = cc__mem_lock(CC__LOCK_BACKENDS);
    cc__mutex_lock(lock);
    int status = instance->users == 0 ? first() : CC_OK;
    if (status == CC_OK) instance->users++;
    cc__mutex_unlock(lock);
    return status;
}

static void end(instance_t *instance, void (*last)(void)) {
    cc__mutex_t *lock = cc__mem_lock(CC__LOCK_BACKENDS);
    cc__mutex_lock(lock);
    if (instance->users > 0 && --instance->users == 0) last();
    cc__mutex_unlock(lock);
}

static int first_static(void) {
    return begin_in_buffer(&of_static, &the_static, place_static);
}
static void last_static(void) {
    cc__static_methods.shutdown(&the_static);
    end_in_buffer(&of_static, &the_static);
}
static int static_init(void *context) {
    (void)context;
    return begin(&of_static, first_static);
}
static void static_shutdown(void *context) {
    (void)context;
    end(&of_static, last_static);
}

static int first_buddy(void) {
    return begin_in_buffer(&of_buddy, &the_buddy, place_buddy);
}
static void last_buddy(void) {
    cc__buddy_methods.shutdown(&the_buddy);
    end_in_buffer(&of_buddy, &the_buddy);
}
static int buddy_init(void *context) {
    (void)context;
    return begin(&of_buddy, first_buddy);
}
static void buddy_shutdown(void *context) {
    (void)context;
    end(&of_buddy, last_buddy);
}

/* The debug instance begins and ends the one below it, which takes CC__LOCK_BACKENDS, and reports leaks, which calls the
 * program: so both are done without the lock, by the one thread that counts it up or down to the edge. */
static int debug_init(void *context) {
    cc__mutex_t *lock = cc__mem_lock(CC__LOCK_BACKENDS);
    cc__mutex_lock(lock);
    bool first = of_debug.users++ == 0;
    int status = CC_OK;
    if (first) {
        const cc_mem_methods_t *below = settings.debug_below != NULL ? settings.debug_below : &cc__system_methods;
        status = cc__debug_place(&the_debug, below, &settings.debug);
    }
    cc__mutex_unlock(lock);
    if (first && status == CC_OK) status = cc__debug_methods.init(context);
    if (status != CC_OK) {
        cc__mutex_lock(lock);
        of_debug.users--;
        cc__mutex_unlock(lock);
    }
    return status;
}
static void debug_shutdown(void *context) {
    cc__mutex_t *lock = cc__mem_lock(CC__LOCK_BACKENDS);
    cc__mutex_lock(lock);
    bool last = of_debug.users == 1;
    if (of_debug.users > 1) of_debug.users--;
    cc__mutex_unlock(lock);
    if (!last) return;
    cc__debug_methods.shutdown(context);
    cc__mutex_lock(lock);
    of_debug.users = 0;
    cc__mutex_unlock(lock);
}

/* ---- names ----------------------------------------------------------------------------------------------------------- */

static cc_mem_methods_t shared_static, shared_buddy, shared_debug;

/* Before main, since SQLite may be asked for there; constructors of other libraries that come earlier find it done by
 * cc_mem_backend itself. */
static const cc_mem_methods_t *filled(cc_mem_methods_t *shared, const cc_mem_methods_t *methods, void *context,
                                      int (*init)(void *), void (*shutdown)(void *)) {
    static _Atomic(unsigned) done;
    unsigned bit = shared == &shared_static ? 1u : shared == &shared_buddy ? 2u : 4u;
    if ((cc__load_acquire(&done) & bit) != 0) return shared; /* pairs with the release below */
    cc__mutex_t *lock = cc__mem_lock(CC__LOCK_BACKENDS);
    cc__mutex_lock(lock);
    if ((cc__load_relaxed(&done) & bit) == 0) {
        *shared = *methods;
        shared->context = context;
        shared->init = init;
        shared->shutdown = shutdown;
        cc__store_release(&done, cc__load_relaxed(&done) | bit); /* pairs with the acquire load above */
    }
    cc__mutex_unlock(lock);
    return shared;
}

static const char *const names[] = {"system", "mimalloc", "debug", "static", "buddy"};

const char *cc_mem_backend_name(size_t index) {
    return index < sizeof names / sizeof *names ? names[index] : NULL;
}

const cc_mem_methods_t *cc_mem_backend(const char *name) {
    if (name == NULL) return NULL;
    if (strcmp(name, "system") == 0) return &cc__system_methods;
    if (strcmp(name, "mimalloc") == 0) return &cc__mimalloc_methods;
    if (strcmp(name, "debug") == 0) return filled(&shared_debug, &cc__debug_methods, &the_debug, debug_init, debug_shutdown);
    if (strcmp(name, "static") == 0)
        return filled(&shared_static, &cc__static_methods, &the_static, static_init, static_shutdown);
    if (strcmp(name, "buddy") == 0) return filled(&shared_buddy, &cc__buddy_methods, &the_buddy, buddy_init, buddy_shutdown);
    return NULL;
}

/* ---- setting up -------------------------------------------------------------------------------------------------------- */

void cc__mem_set_default_bytes(size_t bytes) {
    cc__mutex_t *lock = cc__mem_lock(CC__LOCK_BACKENDS);
    cc__mutex_lock(lock);
    default_bytes = bytes != 0 ? bytes : DEFAULT_BYTES;
    cc__mutex_unlock(lock);
}

static bool says_something(const cc_mem_debug_options_t *options) {
    static const cc_mem_debug_options_t nothing;
    return options->frames != nothing.frames || options->without_stacks || options->abort_on_problem ||
           options->quarantine_bytes != 0 || options->report != NULL || options->report_context != NULL;
}

/* Whether a buffer of the configuration would do for each allocator that it may come to. */
static bool buffer_is_good(const cc_mem_config_t *config) {
    union {
        cc__static_t of_static;
        cc__buddy_t of_buddy;
    } trial;
    bool buddy = config->backend != NULL && strcmp(config->backend, "buddy") == 0;
    char nowhere;
    void *buffer = config->buffer != NULL ? config->buffer : &nowhere; /* only looked at */
    size_t bytes = config->buffer_bytes != 0 ? config->buffer_bytes : (size_t)64 << 20;
    if (config->buffer != NULL && config->buffer_bytes == 0) return false;
    return (buddy || cc__static_place(&trial.of_static, buffer, bytes) == CC_OK) &&
           cc__buddy_place(&trial.of_buddy, buffer, bytes, config->min_block, false) == CC_OK;
}

int cc__mem_configure_backends(const cc_mem_config_t *config) {
    static const cc_mem_config_t defaults;
    if (config == NULL) config = &defaults;
    const cc_mem_methods_t *below = cc_mem_backend(config->debug_below);
    if (config->debug_below != NULL && (below == NULL || below->context == &the_debug)) return CC_ERROR_ARGUMENT;
    if (config->debug.frames > CC_MEM_DEBUG_FRAMES_MAX || !buffer_is_good(config)) return CC_ERROR_ARGUMENT;

    bool buffer = config->buffer != NULL || config->buffer_bytes != 0 || config->min_block != 0;
    bool debug = below != NULL || says_something(&config->debug);
    cc__mutex_t *lock = cc__mem_lock(CC__LOCK_BACKENDS);
    cc__mutex_lock(lock);
    bool buffer_in_use = of_static.users + of_buddy.users > 0, debug_in_use = of_debug.users > 0;
    bool refused = (buffer && buffer_in_use) || (debug && debug_in_use);
    if (!refused && !buffer_in_use) {
        settings.buffer = config->buffer;
        settings.buffer_bytes = config->buffer_bytes;
        settings.min_block = config->min_block;
    }
    if (!refused && !debug_in_use) {
        settings.debug_below = below;
        settings.debug = config->debug;
    }
    cc__mutex_unlock(lock);
    return refused ? CC_ERROR_STATE : CC_OK;
}

/* ---- what is known of any instance --------------------------------------------------------------------------------------- */

int cc_mem_buffer_status(const cc_mem_methods_t *methods, cc_mem_buffer_status_t *status) {
    if (methods == NULL || status == NULL) return CC_ERROR_ARGUMENT;
    if (methods->malloc == cc__static_methods.malloc) {
        cc__static_t *self = methods->context;
        if (self->base == NULL) return CC_ERROR_STATE;
        cc__static_status(self, status);
        return CC_OK;
    }
    if (methods->malloc == cc__buddy_methods.malloc) {
        cc__buddy_t *self = methods->context;
        if (self->pool == NULL) return CC_ERROR_STATE;
        cc__buddy_status(self, status);
        return CC_OK;
    }
    return CC_ERROR_SUPPORT;
}
