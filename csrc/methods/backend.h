/* methods/backend.h: the backends: allocators of which the process has one instance each, found by name. A backend is
 * described in its own file, by cc__<name>_backend, and has a row in CC__BACKENDS. All that lists backends is made from
 * these two. */
#ifndef CC_METHODS_BACKEND_H
#define CC_METHODS_BACKEND_H

#include "cc/methods.h"

/* In the order of cc_mem_backend_name. */
#define CC__BACKENDS(X) X(system) X(mimalloc) X(debug) X(static) X(buddy)

/* What instances begin with: cc_mem_config's part for them. */
typedef struct cc__backend_settings {
    void *buffer;        /* NULL: one is mapped */
    size_t buffer_bytes; /* 0: the default */
    size_t min_block;
    const cc_mem_methods_t *debug_below;
    cc_mem_debug_options_t debug;
} cc__backend_settings_t;

typedef struct cc__backend {
    const char *name;
    /* The process's one instance. If `begin` is not NULL, its init and shutdown are cc__backend_init and
     * cc__backend_shutdown, and its context is no other backend's. */
    cc_mem_methods_t methods;
    /* Begins the instance; `buffer` is one that fits, or NULL if `fits` is. `zeroed`: it is fresh from the system. It
     * may call init of other instances. Then `end` ends it; that may call the program. */
    int (*begin)(void *self, const cc__backend_settings_t *settings, void *buffer, size_t bytes, bool zeroed);
    void (*end)(void *self);
    /* For an allocator inside a buffer: whether one of this address and size will do. NULL for others. */
    bool (*fits)(const void *buffer, size_t bytes, size_t min_block);
    /* How full the buffer of any instance is; CC_ERROR_STATE before init. NULL where there is no buffer. */
    int (*buffer_status)(void *self, cc_mem_buffer_status_t *status);
    bool takes_debug_options; /* `debug` and `debug_below` of the settings are for it */
} cc__backend_t;

#define CC__DECLARE_BACKEND(name) extern const cc__backend_t cc__##name##_backend;
CC__BACKENDS(CC__DECLARE_BACKEND)

/* backends.c. The first init begins the instance with this context, the last shutdown ends it. While one thread does
 * either, another waits. CC_ERROR_STATE when the thread that begins or ends the instance calls init once more. */
int cc__backend_init(void *context);
void cc__backend_shutdown(void *context);

/* Takes over what the configuration says of instances; NULL: the defaults. CC_ERROR_STATE: it says something of an
 * instance that is in use. */
int cc__backends_configure(const cc_mem_config_t *config);

/* Bytes of the buffer that an instance gets when the configuration says nothing (0: 64 MiB again); for SQLite's
 * environment variable. */
void cc__backends_set_default_bytes(size_t bytes);

#endif
