/* methods/instances.c: the process's one instance of a backend: set up, begun by the first init, and ended by the
 * shutdown of the last user, since the core and SQLite may share one. */
#include "backend.h"

#include "../base/fork.h"
#include "methods_internal.h"

enum { DEFAULT_BYTES = 64 << 20 };

/* Under CC__LOCK_BACKENDS, under which nothing else is called. So are the instances' fields. */
static cc__instance_t *instances; /* that init was ever called of */
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
    for (cc__instance_t *instance = instances; instance != NULL; instance = instance->next) {
        if (!instance->changing) continue;
        instance->users = 0;
        instance->changing = instance->in_settings_buffer = false;
        instance->mapped = NULL;
    }
    cc__store_relaxed(&turn.state, 0u);
}

CC__AT_FORK(CC__FORK_BACKENDS, .in_child = after_fork_in_child);

/* ---- begin and end ----------------------------------------------------------------------------------------------- */

/* pre: the turn. */
static int begin(cc__instance_t *instance) {
    const cc__backend_t *backend = instance->backend;
    lock_instances();
    cc__backend_settings_t now = settings;
    size_t bytes = now.buffer_bytes != 0 ? now.buffer_bytes : default_bytes;
    bool given = now.buffer != NULL;
    for (cc__instance_t *other = instances; other != NULL; other = other->next)
        given = given && !other->in_settings_buffer;
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
static void end(cc__instance_t *instance) {
    const cc__backend_t *backend = instance->backend;
    backend->end(backend->methods.context);
    if (instance->mapped != NULL) cc__os_unmap(instance->mapped, instance->mapped_bytes);
    lock_instances();
    instance->mapped = NULL;
    instance->in_settings_buffer = false;
    unlock_instances();
}

/* Adds to the users; `changing`: the instance begins or ends by that. */
static void change(cc__instance_t *instance, int users, bool changing) {
    lock_instances();
    if (!instance->listed) {
        instance->listed = true;
        instance->next = instances;
        instances = instance;
    }
    instance->users += (unsigned)users;
    instance->changing = changing;
    unlock_instances();
}

int cc__instance_init(cc__instance_t *instance) {
    int status = CC_OK;
    take_turn();
    if (instance->changing) {
        status = CC_ERROR_STATE;
    } else if (instance->users > 0) {
        change(instance, 1, false);
    } else {
        change(instance, 0, true);
        status = begin(instance);
        change(instance, status == CC_OK, false);
    }
    end_turn();
    return status;
}

void cc__instance_shutdown(cc__instance_t *instance) {
    take_turn();
    if (instance->users > 1) {
        change(instance, -1, false);
    } else if (instance->users == 1 && !instance->changing) {
        change(instance, 0, true);
        end(instance);
        change(instance, -1, false);
    }
    end_turn();
}

/* ---- setting up -------------------------------------------------------------------------------------------------- */

size_t cc__instances_default_bytes(void) {
    lock_instances();
    size_t bytes = default_bytes;
    unlock_instances();
    return bytes;
}

void cc__instances_set_default_bytes(size_t bytes) {
    lock_instances();
    default_bytes = bytes != 0 ? bytes : DEFAULT_BYTES;
    unlock_instances();
}

static bool concern_debug(const cc__backend_settings_t *wanted) {
    static const cc_mem_debug_options_t defaults;
    const cc_mem_debug_options_t *options = &wanted->debug;
    return wanted->debug_below != NULL || options->frames != defaults.frames || options->without_stacks ||
           options->abort_on_problem || options->quarantine_bytes != 0 || options->report != NULL ||
           options->report_context != NULL;
}

int cc__instances_set_up(const cc__backend_settings_t *wanted) {
    bool buffer = wanted->buffer != NULL || wanted->buffer_bytes != 0 || wanted->min_block != 0;
    bool debug = concern_debug(wanted), buffer_in_use = false, debug_in_use = false;
    lock_instances();
    for (cc__instance_t *instance = instances; instance != NULL; instance = instance->next) {
        if (instance->users == 0 && !instance->changing) continue;
        buffer_in_use = buffer_in_use || instance->backend->fits != NULL;
        debug_in_use = debug_in_use || instance->backend->takes_debug_options;
    }
    bool refused = (buffer && buffer_in_use) || (debug && debug_in_use);
    if (!refused && !buffer_in_use) {
        settings.buffer = wanted->buffer;
        settings.buffer_bytes = wanted->buffer_bytes;
        settings.min_block = wanted->min_block;
    }
    if (!refused && !debug_in_use) {
        settings.debug_below = wanted->debug_below;
        settings.debug = wanted->debug;
    }
    unlock_instances();
    return refused ? CC_ERROR_STATE : CC_OK;
}
