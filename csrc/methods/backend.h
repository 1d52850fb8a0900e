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
    /* The process's one instance. If `begin` is not NULL, its init and shutdown are those of CC__INSTANCE. */
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

/* ---- instances.c ------------------------------------------------------------------------------------------------- */

/* The use of a backend's instance, for instances.c alone. */
typedef struct cc__instance {
    const cc__backend_t *backend;
    unsigned users;
    bool changing; /* it begins or ends now */
    bool in_settings_buffer;
    void *mapped; /* its buffer, if that was mapped for it */
    size_t mapped_bytes;
    bool listed;
    struct cc__instance *next;
} cc__instance_t;

/* The first init begins the instance, the last shutdown ends it. While one thread does either, another waits.
 * CC_ERROR_STATE when the thread that begins or ends the instance calls init once more. */
int cc__instance_init(cc__instance_t *instance);
void cc__instance_shutdown(cc__instance_t *instance);

/* Defines instance_init and instance_shutdown for the methods of a backend that has something to begin or to end. */
#define CC__INSTANCE(name) \
    static cc__instance_t instance = {.backend = &cc__##name##_backend}; \
    static int instance_init(void *context) { \
        (void)context; \
        return cc__instance_init(&instance); \
    } \
    static void instance_shutdown(void *context) { \
        (void)context; \
        cc__instance_shutdown(&instance); \
    } \
    _Static_assert(true, "a semicolon follows")

/* What instances that begin from now on get. CC_ERROR_STATE: one of them is in use, and the settings say something that
 * concerns it; then nothing changes. */
int cc__instances_set_up(const cc__backend_settings_t *settings);

/* Bytes of the buffer that an instance gets when the settings say nothing. 0: 64 MiB again. */
size_t cc__instances_default_bytes(void);
void cc__instances_set_default_bytes(size_t bytes);

/* ---- backends.c -------------------------------------------------------------------------------------------------- */

/* Takes over what the configuration says of instances; NULL: the defaults. CC_ERROR_ARGUMENT, or as
 * cc__instances_set_up. */
int cc__backends_configure(const cc_mem_config_t *config);

#endif
