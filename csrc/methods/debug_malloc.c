/* methods/debug_malloc.c: the functions of cc/debug_malloc.h over a debug allocator of their own. The place of an
 * allocation is its title; the place of the call that met a problem is added to the text. */
#include "cc/debug_malloc.h"

#include <errno.h>

#include "../base/atomics.h"
#include "../base/fork.h"
#include "../base/round.h"

/* Here the names mean the table's members. */
#undef malloc
#undef calloc
#undef realloc
#undef reallocarray
#undef aligned_alloc
#undef posix_memalign
#undef memalign
#undef free
#undef strdup
#undef strndup

static cc__mutex_t lock;
CC__HOLD_OVER_FORK(CC__FORK_DEBUG_MALLOC, lock);

static cc_mem_methods_t methods; /* complete when the stage is BEGUN */
enum { NOT_YET, BEGUN, ENDED };
static _Atomic(int) stage;

/* Under the lock. */
static void (*report_call)(const cc_mem_problem_t *problem, void *context);
static void *report_context;

static _Atomic(FILE *) trace;

/* The call that the thread is in. */
static __thread const char *calling_file;
static __thread int calling_line;

static const char *last_part(const char *file) {
    size_t length = strlen(file), most = CC_MEM_TITLE_SIZE - 12; /* room for a line number */
    return length > most ? file + (length - most) : file;
}

static void tell(const cc_mem_problem_t *problem, void *unused) {
    (void)unused;
    char text[8192 + 256];
    cc_mem_problem_t told = *problem;
    if (calling_file != NULL) {
        (void)snprintf(text, sizeof text, "%s  found by the call at %.200s:%d\n", problem->text, calling_file,
                       calling_line);
        told.text = text;
    }
    cc__mutex_lock(&lock);
    void (*call)(const cc_mem_problem_t *, void *) = report_call;
    void *context = report_context;
    cc__mutex_unlock(&lock);
    if (call != NULL) {
        call(&told, context);
    } else {
        (void)fprintf(stderr, "libcc: %s", told.text);
        (void)fflush(stderr);
    }
}

/* Reports leaks. What is freed by later handlers of the process's end is not looked at any more. */
static void end(void) {
    int begun = BEGUN;
    /* acq_rel pairs with begin: the methods are complete */
    if (cc__swap_if_acq_rel(&stage, &begun, ENDED)) methods.shutdown(methods.context);
}

static bool begin(void) {
    int now = cc__load_acquire(&stage); /* pairs with the release store below */
    if (CC_LIKELY(now != NOT_YET)) return now == BEGUN;
    cc__mutex_lock(&lock);
    if (cc__load_relaxed(&stage) == NOT_YET) {
        cc_mem_debug_options_t options = {.report = tell};
        if (cc_mem_debug_create(&methods, cc_mem_backend("system"), &options) == CC_OK) {
            if (methods.init(methods.context) == CC_OK) {
                cc__store_release(&stage, BEGUN); /* pairs with the acquire load above */
                (void)atexit(end);
            } else {
                cc_mem_debug_destroy(&methods);
            }
        }
    }
    now = cc__load_relaxed(&stage);
    cc__mutex_unlock(&lock);
    return now == BEGUN;
}

static void enter(const char *file, int line, bool allocates) {
    calling_file = file;
    calling_line = line;
    if (!allocates) return;
    char title[CC_MEM_TITLE_SIZE];
    (void)snprintf(title, sizeof title, "%s:%d", last_part(file), line);
    cc_mem_debug_title(title);
}

static void leave(bool allocated) {
    calling_file = NULL;
    if (allocated) cc_mem_debug_title(NULL);
}

/* ---- the calls --------------------------------------------------------------------------------------------------- */

static void *trace_allocation(void *pointer, size_t size, const char *file, int line) {
    FILE *stream = cc__load_acquire(&trace); /* pairs with the release store in cc_debug_malloc_trace */
    if (stream != NULL) (void)fprintf(stream, "ALLOC: %p size=%zu at %s:%d\n", pointer, size, file, line);
    return pointer;
}

/* Before the block is free: afterwards another thread may have its address. */
static void trace_free(const void *pointer, const char *file, int line) {
    FILE *stream = cc__load_acquire(&trace); /* pairs with the release store in cc_debug_malloc_trace */
    if (stream != NULL) (void)fprintf(stream, "FREE: %p at %s:%d\n", pointer, file, line);
}

static void *allocate(size_t alignment, size_t size, const char *file, int line) {
    if (!begin()) return NULL;
    enter(file, line, true);
    void *pointer = cc_mem_debug_aligned(&methods, size != 0 ? size : 1, alignment);
    leave(true);
    return trace_allocation(pointer, size, file, line);
}

void *cc_debug_malloc(size_t size, const char *file, int line) {
    return allocate(1, size, file, line);
}

void *cc_debug_calloc(size_t count, size_t size, const char *file, int line) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) bytes = SIZE_MAX; /* refused, and traced */
    void *pointer = cc_debug_malloc(bytes, file, line);
    return pointer != NULL ? memset(pointer, 0, bytes) : NULL;
}

void *cc_debug_aligned_alloc(size_t alignment, size_t size, const char *file, int line) {
    return allocate(alignment, size, file, line);
}

int cc_debug_posix_memalign(void **pointer, size_t alignment, size_t size, const char *file, int line) {
    if (!cc__is_power_of_two(alignment) || alignment % sizeof(void *) != 0) return EINVAL;
    void *block = allocate(alignment, size, file, line);
    if (block == NULL) return ENOMEM;
    *pointer = block;
    return 0;
}

void *cc_debug_realloc(void *pointer, size_t size, const char *file, int line) {
    if (pointer == NULL) return cc_debug_malloc(size, file, line);
    if (!begin()) return NULL;
    enter(file, line, true);
    void *moved = methods.realloc(pointer, size != 0 ? size : 1, methods.context);
    leave(true);
    if (moved != NULL) trace_free(pointer, file, line);
    return trace_allocation(moved, size, file, line);
}

void *cc_debug_reallocarray(void *pointer, size_t count, size_t size, const char *file, int line) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) bytes = SIZE_MAX;
    return cc_debug_realloc(pointer, bytes, file, line);
}

void cc_debug_free(void *pointer, const char *file, int line) {
    if (pointer == NULL || !begin()) return;
    trace_free(pointer, file, line);
    enter(file, line, false);
    methods.free(pointer, methods.context);
    leave(false);
}

char *cc_debug_strndup(const char *text, size_t length, const char *file, int line) {
    const char *end_of_text = memchr(text, 0, length);
    if (end_of_text != NULL) length = (size_t)(end_of_text - text);
    char *copy = length < PTRDIFF_MAX ? cc_debug_malloc(length + 1, file, line) : NULL;
    if (copy == NULL) return NULL;
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

char *cc_debug_strdup(const char *text, const char *file, int line) {
    return cc_debug_strndup(text, strlen(text), file, line);
}

void cc_debug_malloc_trace(FILE *stream) {
    cc__store_release(&trace, stream); /* pairs with the acquire loads of the calls: the stream is open */
}

void cc_debug_malloc_report(void (*report)(const cc_mem_problem_t *problem, void *context), void *context) {
    cc__mutex_lock(&lock);
    report_call = report;
    report_context = context;
    cc__mutex_unlock(&lock);
}

size_t cc_debug_malloc_check(void) {
    return begin() ? cc_mem_debug_check(&methods) : 0;
}

size_t cc_debug_malloc_leaks(void) {
    return begin() ? cc_mem_debug_leaks(&methods, 0) : 0;
}
