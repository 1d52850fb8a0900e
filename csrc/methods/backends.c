/* methods/backends.c: the table of backends, found by name. */
#include "backend.h"

#include <string.h>

#define ADDRESS(name) &cc__##name##_backend,
static const cc__backend_t *const backends[] = {CC__BACKENDS(ADDRESS)};
enum { BACKENDS = sizeof backends / sizeof *backends };

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

/* Whether the buffer of a configuration will do for its backend. If that backend takes no buffer: for every backend
 * that does. */
static bool buffer_is_good(const cc_mem_config_t *config) {
    static const char nowhere; /* an address for a buffer that is mapped later; nothing is read there */
    const cc__backend_t *chosen = named(config->backend);
    const void *buffer = config->buffer != NULL ? config->buffer : &nowhere;
    size_t bytes = config->buffer_bytes != 0 ? config->buffer_bytes : cc__instances_default_bytes();
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
    if (config->debug.frames > CC_MEM_DEBUG_FRAMES_MAX || !buffer_is_good(config)) return CC_ERROR_ARGUMENT;
    cc__backend_settings_t settings = {
        .buffer = config->buffer,
        .buffer_bytes = config->buffer_bytes,
        .min_block = config->min_block,
        .debug_below = below != NULL ? &below->methods : NULL,
        .debug = config->debug,
    };
    return cc__instances_set_up(&settings);
}
