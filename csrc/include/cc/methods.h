/* cc/methods.h: pluggable allocators in the manner of SQLite: a table of methods, backends, and a core that adds
 * status, limits and injected faults to any of them.
 *
 * Units are bytes. Every function may be called from any thread, also concurrently, unless it says otherwise; fork() is
 * safe: libcc's locks are held across it. A block belongs to the caller until it is freed by the methods that it came
 * from. Functions that return int give 0 (CC_OK) or another cc_status_t; nothing here aborts, except a
 * `debug` backend that was told to. */
#ifndef CC_METHODS_H
#define CC_METHODS_H

#include "cc/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the table --------------------------------------------------------------------------------------------------- */

/* An allocator. The fields stand in the order of SQLite's sqlite3_mem_methods, and the arguments too, with the context
 * behind them.
 *   malloc    A block of at least `size` bytes, aligned to 16 (to 8 for blocks of 8 bytes). NULL when size is 0 or too
 *             large, or there is no memory.
 *   free      pre: a live block of this allocator, or NULL, which is ignored.
 *   realloc   The block resized, in place where that can be, else moved; NULL and the old block intact on failure.
 *             pre: a live block (not NULL) and size > 0; cc_mem_realloc is more lenient.
 *   size      Bytes of a live block that may be used, at least what was asked for; 0 for NULL. It stays the same until
 *             a realloc. Each of these bytes may be written and is kept by realloc.
 *   roundup   The size that malloc makes of `size`: at least `size`, at most what size() tells of the block. 0 when no
 *             block can be so large.
 *   init      Once before the others; shutdown: once after them, then init may come again. CC_OK, or why not.
 *             The backends of cc_mem_backend count: each init needs its shutdown, the last one ends it. */
typedef struct cc_mem_methods {
    void *(*malloc)(size_t size, void *context);
    void (*free)(void *pointer, void *context);
    void *(*realloc)(void *pointer, size_t size, void *context);
    size_t (*size)(void *pointer, void *context);
    size_t (*roundup)(size_t size, void *context);
    int (*init)(void *context);
    void (*shutdown)(void *context);
    void *context;
} cc_mem_methods_t;

/* The process's one instance of a backend by name; static. NULL for any other name (and for NULL).
 *   "system"    the process's malloc (SQLite's mem1)
 *   "mimalloc"  the mimalloc inside libcc, without libcc's own statistics
 *   "debug"     guards, fills, quarantine, stacks and leak reports over one of the others (mem2)
 *   "static"    address-ordered first fit with coalescing inside one buffer (mem3)
 *   "buddy"     powers of two with coalescing inside one buffer, with a bound on fragmentation (mem5)
 * "debug", "static" and "buddy" are set up by cc_mem_config; without it, the buffer is 64 MiB of address space that
 * init maps and the last shutdown gives back. */
CC_API const cc_mem_methods_t *cc_mem_backend(const char *name);

/* The name of the backend with this number, from 0; NULL beyond the last. Static. */
CC_API const char *cc_mem_backend_name(size_t index);

/* ---- instances of one's own -------------------------------------------------------------------------------------- */

/* Makes a `static` allocator inside the caller's buffer, which holds its bookkeeping too (a few hundred bytes, and 8
 * for each block), and fills in *methods; call methods->init(methods->context) before use and shutdown at the end. Both
 * format the buffer or forget it as a whole: blocks need not be freed before. The buffer stays the caller's and must
 * outlive the use. Any number of instances. CC_ERROR_ARGUMENT: NULL, or a buffer too small or beyond 32 GiB. */
CC_API int cc_mem_static_create(cc_mem_methods_t *methods, void *buffer, size_t bytes);

/* The same for a `buddy` allocator. min_block: bytes of the smallest block, rounded up to a power of two, 8 to 2^20
 * (0: 16). Each min_block of the buffer costs 1.15 bytes of bookkeeping. */
CC_API int cc_mem_buddy_create(cc_mem_methods_t *methods, void *buffer, size_t bytes, size_t min_block);

/* Bytes of a buffer with which cc_mem_buddy_create's allocator never fails for want of memory: as long as the sum of
 * the live blocks, each rounded up as roundup() does, is at most most_live, and no request is larger than `largest`
 * (Robson's bound, and the bookkeeping). 0 when an argument is 0 or the result cannot be represented. */
CC_API size_t cc_mem_buddy_bytes(size_t most_live, size_t largest, size_t min_block);

/* How full the buffer of a `static` or `buddy` allocator is. */
typedef struct cc_mem_buffer_status_t {
    size_t capacity;  /* bytes of all blocks that an empty buffer can give, together */
    size_t used;      /* bytes taken by live blocks (with their headers) */
    size_t peak_used; /* its high-water mark since init */
    size_t live_blocks;
    size_t free_blocks;  /* pieces that the free memory lies in */
    size_t largest_free; /* the largest request that would be met now */
    uint64_t failed;     /* requests that were refused since init */
} cc_mem_buffer_status_t;

/* CC_ERROR_SUPPORT for methods of another kind, CC_ERROR_STATE before init; then nothing is written. `buddy`: takes
 * time in proportion to the buffer (about 1 ms for 64 MiB). */
CC_API int cc_mem_buffer_status(const cc_mem_methods_t *methods, cc_mem_buffer_status_t *status);

/* ---- the debug backend ------------------------------------------------------------------------------------------- */

enum { CC_MEM_DEBUG_FRAMES = 16, CC_MEM_DEBUG_FRAMES_MAX = 32, CC_MEM_TITLE_SIZE = 48 };

typedef enum cc_mem_problem_kind {
    /* Written behind the block's end. distance: bytes from the end to the first wrong byte, 0 or more. */
    CC_MEM_OVERRUN = 1,
    /* Written before the block's beginning. distance: bytes from there to the nearest wrong byte, -1 or less. */
    CC_MEM_UNDERRUN = 2,
    /* A block that is free already (and still in quarantine) was freed, resized or asked for its size. */
    CC_MEM_DOUBLE_FREE = 3,
    /* The same of a pointer that is no block's beginning. distance: from the block that holds it, 0 if none does. */
    CC_MEM_FOREIGN_FREE = 4,
    /* Written after it was freed. distance: bytes from the block's beginning to the first wrong byte. */
    CC_MEM_USE_AFTER_FREE = 5,
    /* Not freed at the end. One problem tells of all blocks with the same stack and title. */
    CC_MEM_LEAK = 6
} cc_mem_problem_kind_t;

/* What a debug allocator found. All of it is the library's and is gone after the call. */
typedef struct cc_mem_problem {
    cc_mem_problem_kind_t kind;
    const void *pointer; /* the block, or the pointer that is none; of leaks the first one */
    size_t bytes;        /* of the block as asked for; of leaks the sum; 0 when unknown */
    size_t blocks;       /* of leaks; else 1 */
    ptrdiff_t distance;  /* see the kinds */
    const char *title;   /* of the thread that allocated it, "" for none */
    const char *text;    /* all of it for people, with the stacks of allocation and free, in lines that end with \n */
} cc_mem_problem_t;

/* Zero stands for the default of each. */
typedef struct cc_mem_debug_options {
    unsigned frames;         /* frames kept of each stack; 0: CC_MEM_DEBUG_FRAMES, at most CC_MEM_DEBUG_FRAMES_MAX */
    bool without_stacks;     /* keep none (several times faster) */
    bool abort_on_problem;   /* abort() after a problem other than a leak was reported */
    size_t quarantine_bytes; /* freed blocks are held back until they are more than this; 0: 1 MiB; 1: none held back */
    /* Called for each problem, without a lock, by the thread that met it; it may allocate. NULL: the text goes to
     * stderr. */
    void (*report)(const cc_mem_problem_t *problem, void *report_context);
    void *report_context;
} cc_mem_debug_options_t;

/* Makes a debug allocator over any other (copied; its context must live on). NULL options: the defaults. Its
 * bookkeeping lies in memory of the system's, not in blocks. cc_mem_debug_destroy gives it back, after shutdown;
 * cc_mem_debug_create's own only. CC_ERROR_ARGUMENT, CC_ERROR_MEMORY. init and shutdown pass on to the one below.
 * shutdown reports leaks. */
CC_API int cc_mem_debug_create(cc_mem_methods_t *methods, const cc_mem_methods_t *below,
                               const cc_mem_debug_options_t *options);
CC_API void cc_mem_debug_destroy(cc_mem_methods_t *methods);

/* A block of a debug allocator at a multiple of `alignment`, a power of two; otherwise as its malloc's. NULL for
 * methods of another kind. realloc does not keep the alignment. */
CC_API void *cc_mem_debug_aligned(const cc_mem_methods_t *methods, size_t size, size_t alignment)
    CC_ATTRIBUTE((warn_unused_result));

/* Looks at every live block and all of the quarantine now; reports and returns the number of damaged ones. A damaged
 * block is mended, so that it is reported once. 0 for methods of another kind. */
CC_API size_t cc_mem_debug_check(const cc_mem_methods_t *methods);

/* A point in time for cc_mem_debug_leaks; 0 is the beginning. */
CC_API uint64_t cc_mem_debug_mark(const cc_mem_methods_t *methods);

/* Reports the blocks that were allocated since the mark and are alive, as shutdown does; returns their number. */
CC_API size_t cc_mem_debug_leaks(const cc_mem_methods_t *methods, uint64_t mark);

/* Names what the calling thread allocates from any debug allocator from now on; copied, cut to CC_MEM_TITLE_SIZE - 1
 * bytes. NULL or "": no name. */
CC_API void cc_mem_debug_title(const char *title);

/* ---- the core ---------------------------------------------------------------------------------------------------- */

/* What the core allocates from. Zero or NULL stands for the default of each. */
typedef struct cc_mem_config_t {
    const char *backend; /* "mimalloc" by default */
    bool without_status; /* no counting and no limits: the calls cost what the backend costs */
    /* a request of 0 bytes is one of 1 byte, as most programs expect of malloc; false: it gets NULL */
    bool blocks_of_zero;
    void *buffer;                 /* for static and buddy: the caller's, to outlive the use; NULL: mapped by init */
    size_t buffer_bytes;          /* 0: 64 MiB */
    size_t min_block;             /* for buddy, see cc_mem_buddy_create */
    const char *debug_below;      /* for debug: what lies below it, "system" by default */
    cc_mem_debug_options_t debug; /* for debug */
} cc_mem_config_t;

/* Sets up the core, and the instances of cc_mem_backend. NULL: all defaults. Without it the first allocation does the
 * same with the defaults. Limits and status begin anew. CC_ERROR_ARGUMENT: an unknown name, "debug" below itself, a
 * buffer too small; CC_ERROR_STATE: the core or one of the buffers is in use (cc_mem_shutdown, sqlite3_shutdown);
 * CC_ERROR_MEMORY. */
CC_API int cc_mem_config(const cc_mem_config_t *config);

/* Ends the backend (debug: reports leaks) and forgets limits, releasers, alarm, faults and the configuration. The
 * core's live blocks are lost where the backend keeps them in a buffer. No other thread may be inside the core. */
CC_API void cc_mem_shutdown(void);

/* The name of the backend in use or configured; static. */
CC_API const char *cc_mem_configured(void);

/* At least `size` bytes. NULL at the hard limit, when a fault is injected, without memory, and when size is 0 unless
 * the configuration has blocks_of_zero. */
CC_API void *cc_mem_malloc(size_t size) CC_ATTRIBUTE((malloc, alloc_size(1), warn_unused_result));
/* The same, zeroed to its whole size. */
CC_API void *cc_mem_zalloc(size_t size) CC_ATTRIBUTE((malloc, alloc_size(1), warn_unused_result));
/* count * size bytes, zeroed as by cc_mem_zalloc; NULL also when the product overflows. */
CC_API void *cc_mem_calloc(size_t count, size_t size) CC_ATTRIBUTE((malloc, alloc_size(1, 2), warn_unused_result));
/* A copy of a text with its end. NULL for NULL, or as cc_mem_malloc. */
CC_API char *cc_mem_strdup(const char *text) CC_ATTRIBUTE((malloc, warn_unused_result));
/* NULL pointer: cc_mem_malloc. size 0: frees a block, and gives NULL. On failure NULL, the old block intact. */
CC_API void *cc_mem_realloc(void *pointer, size_t size) CC_ATTRIBUTE((warn_unused_result));
/* NULL is ignored. */
CC_API void cc_mem_free(void *pointer);
/* Bytes that may be used of a block; 0 for NULL. */
CC_API size_t cc_mem_size(const void *pointer);

/* Sums over the core's blocks, by their size(). Exact under threads: one lock guards them, so that the marks are the
 * true maxima and the fields fit each other. All 0 with without_status. */
typedef struct cc_mem_status_t {
    uint64_t current;       /* bytes in live blocks */
    uint64_t high_water;    /* the most that current was */
    uint64_t count;         /* blocks allocated; resizing a block does not count */
    uint64_t current_count; /* live blocks */
    uint64_t highest_count; /* the most that current_count was */
    uint64_t largest;       /* the largest size asked for, also where it was refused */
    uint64_t failed;        /* requests that got NULL, except those of 0 bytes */
} cc_mem_status_t;

/* What cc_mem_status resets, after reading: the marks to their current values, the others to 0. */
enum {
    CC_MEM_RESET_HIGH_WATER = 1,
    CC_MEM_RESET_COUNT = 2,
    CC_MEM_RESET_HIGHEST_COUNT = 4,
    CC_MEM_RESET_LARGEST = 8,
    CC_MEM_RESET_FAILED = 16,
    CC_MEM_RESET_ALL = 31
};

/* The status as it was before the reset of what `reset` names (0: nothing). */
CC_API cc_mem_status_t cc_mem_status(unsigned reset);

/* cc_mem_status's current. */
CC_API uint64_t cc_mem_used(void);

/* cc_mem_status's high_water; then made the current use, if asked to. */
CC_API uint64_t cc_mem_highwater(bool reset);

/* Limits on cc_mem_used; 0: none (the default). Each returns the one before; a negative one changes nothing.
 *
 * Soft: an allocation that would pass it first asks the releasers to give memory back; then it goes ahead all the same.
 * Hard: an allocation that would pass it asks them too, and fails if it still would.
 *
 * The two depend on each other as in SQLite. A new hard limit lowers a soft limit above it and sets a missing one; so a
 * hard limit of 0 ends the soft limit, too. While there is a hard limit, a soft limit of 0 or above it becomes the hard
 * limit. */
CC_API int64_t cc_mem_soft_limit(int64_t bytes);
CC_API int64_t cc_mem_hard_limit(int64_t bytes);

/* Gives memory back, at least `bytes` if it can, by cc_mem_free; returns how many bytes that was. It is called without
 * a lock, by the thread that wants memory, in one thread at a time; what it allocates itself asks no releaser. It must
 * not add or remove releasers nor set the alarm. */
typedef size_t (*cc_mem_releaser_t)(size_t bytes, void *context);

/* Registered ones are asked in the order of their coming until enough is free, also when the backend has no memory.
 * CC_ERROR_LIMIT beyond 16 of them, CC_ERROR_ARGUMENT for NULL, CC_ERROR_STATE if this pair is registered already. */
CC_API int cc_mem_add_releaser(cc_mem_releaser_t releaser, void *context);
/* Once it returns, the releaser is not and will not be called. CC_ERROR_ARGUMENT if there is no such pair. */
CC_API int cc_mem_remove_releaser(cc_mem_releaser_t releaser, void *context);
/* Asks the releasers now, whatever the limits; returns what they gave back. */
CC_API size_t cc_mem_release(size_t bytes);

/* Called, as a releaser is, before an allocation of `bytes` that takes the use above the threshold; `used` is the use
 * before it. One for the process: NULL or threshold 0 removes it. */
typedef void (*cc_mem_alarm_t)(uint64_t used, size_t bytes, void *context);
CC_API void cc_mem_alarm(cc_mem_alarm_t alarm, void *context, uint64_t threshold);

/* ---- injected faults --------------------------------------------------------------------------------------------- */

/* Which requests of the core (malloc, zalloc, and realloc of a block) fail. */
typedef struct cc_mem_faults {
    uint64_t fail_at;   /* the n-th request from now, 1 the next; 0: none by number */
    double probability; /* of each request's failing; 0: none by chance, 1: all */
    uint64_t seed;      /* of the chance: the same seed, the same sequence of decisions */
    uint64_t repeat;    /* how many requests in a row fail when one does; 0 or 1: that one (transient) */
    bool persistent;    /* all after the first failure */
} cc_mem_faults_t;

/* What came of them since they were armed. */
typedef struct cc_mem_fault_status_t {
    uint64_t requests;
    uint64_t failed;        /* of them, made to fail */
    uint64_t failed_benign; /* of those, in benign sections */
} cc_mem_fault_status_t;

/* Arms; NULL disarms. CC_ERROR_ARGUMENT for a probability outside 0 .. 1. */
CC_API int cc_mem_arm_faults(const cc_mem_faults_t *faults);
CC_API cc_mem_fault_status_t cc_mem_fault_status(void);

/* A section of the calling thread in which a failed allocation is no error, since the program does without; faults in
 * it are counted apart. They nest; each begin needs its end. */
CC_API void cc_mem_begin_benign(void);
CC_API void cc_mem_end_benign(void);

/* ---- SQLite ------------------------------------------------------------------------------------------------------ */

/* What sqlite3_config(SQLITE_CONFIG_MALLOC, …) takes: a static sqlite3_mem_methods that passes on to the named backend
 * of cc_mem_backend. NULL for an unknown name. See docs/sqlite.md. */
CC_API const void *cc_sqlite3_mem_methods(const char *backend);

#ifdef __cplusplus
}
#endif
#endif
