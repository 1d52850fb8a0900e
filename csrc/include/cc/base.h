/* cc/base.h: what every public header of libcc shares: linkage, attributes, version, error texts, the cache line.
 * Usable from C11 and C++11. Thread-safety: everything declared here may be called from any thread at any time. */
#ifndef CC_BASE_H
#define CC_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cc/config.h"

#define CC_VERSION_MAJOR 0
#define CC_VERSION_MINOR 1
#define CC_VERSION_PATCH 0

/* Grows with every incompatible change of a public function, struct or constant; it is also the number in the
 * library's soname, libcc.so.<CC_ABI_VERSION>. */
#define CC_ABI_VERSION 1

#if defined(__GNUC__) || defined(__clang__)
#define CC_API __attribute__((visibility("default")))
#define CC_ATTRIBUTE(list) __attribute__(list)
#define CC_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define CC_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#else
#define CC_API
#define CC_ATTRIBUTE(list)
#define CC_LIKELY(condition) (condition)
#define CC_UNLIKELY(condition) (condition)
#endif

/* After the declaration of a thread's variable: it is reached without a call. glibc keeps room for such variables of
 * libraries that are loaded late; other C libraries refuse to load them. */
#if defined(__GLIBC__)
#define CC_STATIC_THREAD_LOCAL CC_ATTRIBUTE((tls_model("initial-exec")))
#else
#define CC_STATIC_THREAD_LOCAL
#endif

/* Before a variable's declaration: function(&variable) is called when its scope is left. Each structure's header has
 * one that fits, cc_<structure>_cleanup, which ignores NULL.
 *     CC_CLEANUP(cc_arena_cleanup) cc_arena_t *arena = cc_arena_create(0, NULL); */
#if defined(__GNUC__)
#define CC_CLEANUP(function) __attribute__((cleanup(function)))
#endif

/* Bytes of a cache line of the target (not of the build host): 128 on Apple arm64, 64 elsewhere. */
#ifndef CC_CACHE_LINE_SIZE
#if defined(__APPLE__) && defined(__aarch64__)
#define CC_CACHE_LINE_SIZE 128
#else
#define CC_CACHE_LINE_SIZE 64
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What a function that can fail returns: 0, or one of these (never errno values). */
typedef enum cc_status {
    CC_OK = 0,
    CC_ERROR_MEMORY = 1,   /* no memory */
    CC_ERROR_ARGUMENT = 2, /* an argument is out of its range */
    CC_ERROR_STATE = 3,    /* the call does not fit the object's state (stopped twice, read before start) */
    CC_ERROR_LIMIT = 4,    /* a fixed limit that the documentation names was met */
    CC_ERROR_SUPPORT = 5,  /* not available in this build or on this system */
    /* of files: */
    CC_ERROR_MISSING = 6,    /* there is none */
    CC_ERROR_ACCESS = 7,     /* the system does not permit it */
    CC_ERROR_DIRECTORY = 8,  /* it is a directory */
    CC_ERROR_EMPTY = 9,      /* it has no bytes */
    CC_ERROR_KIND = 10,      /* it is something else than a regular file */
    CC_ERROR_TRUNCATED = 11, /* it has become shorter */
    CC_ERROR_SYSTEM = 12     /* the system failed in another way */
} cc_status_t;

/* A static English text for a cc_status_t; never NULL, "unknown status" for any other number. Caller frees nothing. */
CC_API const char *cc_strerror(int status);

/* The library's version as "major.minor.patch"; static. */
CC_API const char *cc_version(void);

/* The process's resident set in bytes: now, and its high-water mark. CC_ERROR_SUPPORT where the system does not tell;
 * then nothing is written. */
CC_API int cc_resident_bytes(size_t *current, size_t *peak);

/* From now on, when SIGTERM comes, whatever thread takes it, function(context) is called in a thread of its own, in
 * which all signals are blocked; when it returns the process is killed by SIGTERM. A forked child dies by SIGTERM at
 * once. A handler that the program installs replaces this one, see cc_sigterm_rearm. No descriptor is used.
 * CC_ERROR_ARGUMENT for NULL; CC_ERROR_STATE, and nothing is done, while the signal has another disposition than the
 * default, or is watched already; CC_ERROR_MEMORY when no thread can be had. One caller at a time of this and of
 * cc_sigterm_unwatch. */
CC_API int cc_sigterm_watch(void (*function)(void *), void *context);

/* For after each change of SIGTERM's disposition: watches on where it is the default again. Does nothing when nobody
 * watches. Any thread. */
CC_API void cc_sigterm_rearm(void);

/* Ceases to watch; the thread has ended when this returns. When the signal has come already the process dies
 * meanwhile. Before a fork that is not followed by exec, so that the child has neither. */
CC_API void cc_sigterm_unwatch(void);

/* Ends the process as SIGINT ends a program that does not handle it. Does not return. */
CC_API void cc_die_interrupted(void);

/* The CC_ABI_VERSION that the running library was built with. A caller compares it with its own. */
CC_API int cc_abi_version(void);

#ifdef __cplusplus
}
#endif
#endif
