/* methods/backends.c: the process's one instance of each backend: found by name, set up, begun by the first init and
 * ended by the shutdown of the last user, since the core and SQLite may share one. */
#include "backend.h"

#include <string.h>

#include "../base/fork.h"
#include "methods_internal.h"

#define ADDRESS(name) &cc__##name##_backend,
static const cc__backend_t *const backends[] = {CC__BACKENDS(ADDRESS)};
enum { BACKENDS = sizeof backends / sizeof *backends, DEFAULT_BYTES = 64 << 20 };

/* Of the backend with the same index. */
typedef struct instance {
    unsigned users;
    bool changing; /* it begins or ends now */
    bool in_settings_buffer;
    void *mapped; /* its buffer, if that was mapped for it */
    size_t mapped_bytes;
} instance_t;

/* Under CC__LOCK_BACKENDS, under which nothing else is called. */
static instance_t instances[BACKENDS];
static cc__backend_settings_t settings;
static size_t default_bytes = DEFAULT_BYTES;

/* Held while an instance begins or ends; other threads wait for it meanwhile. Its holder may begin the instance below,
 * so it may take the lock again. Its holder may also be in the program's report function, which may fork, so the lock
 * is not held over a fork. For the same reason it is never waited for under a lock that a fork holds. */
static cc__mutex_t turn;
static __thread unsigned turns; /* how often the calling thread has taken it */

static void take_turn(void) {
    if (turns++ == 0) cc__mutex_lock(&turn);
}

static void end_turn(void) {
    if (--turns == 0) cc__mutex_unlock(&turn);
}

static void lock_instances(void) {
    cc__mutex_lock(cc__mem_lock(CC__LOCK_BACKENDS));
}

static void unlock_instances(void) {
    cc__mutex_unlock(cc__mem_lock(CC__LOCK_BACKENDS));
}

/* An instance that another thread was beginning or ending in the parent is not begun. */
static void after_fork_in_child(void) {
    if (turns > 0) return; /* the forking thread's own: it goes on here */
    for (size_t i = 0; i < BACKENDS; i++)
        if (instances[i].changing) instances[i] = (instance_t){.users = 0};
    cc__store_relaxed(&turn.state, 0u);
}

CC__AT_FORK(CC__FORK_BACKENDS, .in_child = after_fork_in_child);

/* ---- one instance ------------------------------------------------------------------------------------------------ */

/* pre: the turn. */
static int begin(const cc__backend_t *backend, instance_t *instance) {
    cc__backend_settings_t now;
    lock_instances();
    now = settings;
    size_t bytes = now.buffer_bytes != 0 ? now.buffer_bytes : default_bytes;
    bool given = now.buffer != NULL;
    for (size_t i = 0; i < BACKENDS; i++) given = given && !instances[i].in_settings_buffer;
    unlock_instances();
    if (backend->fits == NULL) return backend->begin(backend->methods.context, &now, NULL, 0, false);
    void *buffer = given ? now.buffer : cc__os_map(bytes);
    if (buffer == NULL) return CC_ERROR_MEMORY;
    int status = backend->fits(buffer, bytes, now.min_block) ? CC_OK : CC_ERROR_ARGUMENT;
    if (status == CC_OK) status = backend->begin(backend->methods.context, &now, buffer, bytes, !given);
    if (status == CC_OK) {
        lock_instances();
        instance->in_settings_buffer = given;
        instance->mapped = given ? NULL : buffer;
        instance->mapped_bytes = bytes;
        unlock_instances();
    } else if (!given) {
        cc__os_unmap(buffer, bytes);
    }
    return status;
}

/* pre: the turn. */
static void end(const cc__backend_t *backend, instance_t *instance) {
    backend->end(backend->methods.context);
    if (instance->mapped != NULL) cc__os_unmap(instance->mapped, instance->mapped_bytes);
    lock_instances();
    instance->mapped = NULL;
    instance->in_settings_buffer = false;
    unlock_instances();
}

static size_t number_of(const void *context) {
    size_t number = 0;
    while (backends[number]->begin == NULL || backends[number]->methods.context != context) number++;
    return number;
}

/* Adds to the users and tells whether the instance begins or ends by that. */
static bool change(instance_t *instance, int users, bool changing) {
    lock_instances();
    instance->users += (unsigned)users;
    instance->changing = changing;
    unlock_instances();
    return changing;
}

int cc__backend_init(void *context) {
    size_t number = number_of(context);
    instance_t *instance = &instances[number];
    int status = CC_OK;
    take_turn();
    if (instance->changing) {
        status = CC_ERROR_STATE;
    } else if (instance->users > 0) {
        (void)change(instance, 1, false);
    } else {
        (void)change(instance, 0, true);
        status = begin(backends[number], instance);
        (void)change(instance, status == CC_OK, false);
    }
    end_turn();
    return status;
}

void cc__backend_shutdown(void *context) {
    size_t number = number_of(context);
    instance_t *instance = &instances[number];
    take_turn();
    if (instance->users > 1) {
        (void)change(instance, -1, false);
    } else if (instance->users == 1 && !instance->changing) {
        (void)change(instance, 0, true);
        end(backends[number], instance);
        (void)change(instance, -1, false);
    }
    end_turn();
}

/* ---- by name ----------------------------------------------------------------------------------------------------- */

static const cc__backend_t *named(const char *name) {
    for (size_t i = 0; i < BACKENDS && name != NULL; i++)
        if (strcmp(name, backends[i]->name) == 0) return backends[i];
    return NULL;
}

const char *cc_mem_backend_name(size_t index) {
    return index < BACKENDS ? backends[index]->name : NULL;
}

const cc_mem_methods_t *cc_mem_backend(const char *name) {
    const cc__backend_t *backend = named(name);
    return backend != NULL ? &backend->methods : NULL;
}

int cc_mem_buffer_status(const cc_mem_methods_t *methods, cc_mem_buffer_status_t *status) {
    if (methods == NULL || status == NULL) return CC_ERROR_ARGUMENT;
    for (size_t i = 0; i < BACKENDS; i++)
        if (methods->malloc == backends[i]->methods.malloc && backends[i]->buffer_status != NULL)
            return backends[i]->buffer_status(methods->context, status);
    return CC_ERROR_SUPPORT;
}

/* ---- setting up -------------------------------------------------------------------------------------------------- */

void cc__backends_set_default_bytes(size_t bytes) {
    lock_instances();
    default_bytes = bytes != 0 ? bytes : DEFAULT_BYTES;
    unlock_instances();
}

static bool says_something(const cc_mem_debug_options_t *options) {
    static const cc_mem_debug_options_t defaults;
    return options->frames != defaults.frames || options->without_stacks || options->abort_on_problem ||
           options->quarantine_bytes != 0 || options->report != NULL || options->report_context != NULL;
}

/* Whether the buffer of a configuration will do for its backend. If that backend takes no buffer: for every backend
 * that does. */
static bool buffer_is_good(const cc_mem_config_t *config, size_t default_size) {
    static const char nowhere; /* an address for a buffer that is mapped later; nothing is read there */
    const cc__backend_t *chosen = named(config->backend);
    const void *buffer = config->buffer != NULL ? config->buffer : &nowhere;
    size_t bytes = config->buffer_bytes != 0 ? config->buffer_bytes : default_size;
    if (config->buffer != NULL && config->buffer_bytes == 0) return false;
    for (size_t i = 0; i < BACKENDS; i++) {
        bool concerned = chosen == backends[i] || chosen == NULL || chosen->fits == NULL;
        if (concerned && backends[i]->fits != NULL && !backends[i]->fits(buffer, bytes, config->min_block))
            return false;
    }
    return true;
}

int cc__backends_configure(const cc_mem_config_t *config) {
    static const cc_mem_config_t defaults;
    if (config == NULL) config = &defaults;
    const cc__backend_t *below = named(config->debug_below);
    if (config->debug_below != NULL && (below == NULL || below->takes_debug_options)) return CC_ERROR_ARGUMENT;
    if (config->debug.frames > CC_MEM_DEBUG_FRAMES_MAX) return CC_ERROR_ARGUMENT;

    bool buffer = config->buffer != NULL || config->buffer_bytes != 0 || config->min_block != 0;
    bool debug = below != NULL || says_something(&config->debug);
    bool buffer_in_use = false, debug_in_use = false;
    lock_instances();
    bool good = buffer_is_good(config, default_bytes);
    for (size_t i = 0; i < BACKENDS; i++) {
        if (instances[i].users == 0 && !instances[i].changing) continue;
        buffer_in_use = buffer_in_use || backends[i]->fits != NULL;
        debug_in_use = debug_in_use || backends[i]->takes_debug_options;
    }
    bool refused = (buffer && buffer_in_use) || (debug && debug_in_use);
    if (good && !refused && !buffer_in_use) {
        settings.buffer = config->buffer;
        settings.buffer_bytes = config->buffer_bytes;
        settings.min_block = config->min_block;
    }
    if (good && !refused && !debug_in_use) {
        settings.debug_below = below != NULL ? &below->methods : NULL;
        settings.debug = config->debug;
    }
    unlock_instances();
    return !good ? CC_ERROR_ARGUMENT : refused ? CC_ERROR_STATE : CC_OK;
}
