/* test_system.c: the two backends that pass on, and what holds of each backend by name. */
#define _GNU_SOURCE
#include "cc/methods.h"

#include <dlfcn.h>
#include <malloc.h>

#include "../check.h"

/* What SQLite asks of every one of them. */
static void test_the_contract(void) {
    for (size_t i = 0; cc_mem_backend_name(i) != NULL; i++) {
        const cc_mem_methods_t *methods = cc_mem_backend(cc_mem_backend_name(i));
        void *context = methods->context;
        for (int again = 0; again < 3; again++) {
            CHECK_EQUAL(methods->init(context), CC_OK);
            for (size_t size = 1; size < 5000; size += 1 + size / 8) {
                size_t roundup = methods->roundup(size, context);
                unsigned char *block = methods->malloc(size, context);
                CHECK(block != NULL && (uintptr_t)block % (size > 8 ? 16 : 8) == 0);
                size_t bytes = methods->size(block, context);
                CHECK(roundup >= size && bytes >= roundup);
                memset(block, 0x3C, bytes);
                unsigned char *moved = methods->realloc(block, size * 3, context);
                CHECK(moved != NULL && methods->size(moved, context) >= size * 3);
                for (size_t at = 0; at < bytes && at < methods->size(moved, context); at++)
                    CHECK_EQUAL(moved[at], 0x3C);
                CHECK(methods->realloc(moved, check_hide(SIZE_MAX), context) == NULL);
                CHECK(methods->realloc(moved, check_hide(PTRDIFF_MAX) - 6, context) == NULL);
                CHECK_EQUAL(moved[0], 0x3C);
                moved = methods->realloc(moved, 1, context);
                CHECK(moved != NULL && moved[0] == 0x3C);
                methods->free(moved, context);
            }
            CHECK(methods->malloc(0, context) == NULL);
            CHECK_EQUAL(methods->size(NULL, context), 0);
            methods->free(NULL, context);
            for (size_t size = 0x7ffffe00; size <= 0x7ffffeff; size++) {
                size_t roundup = methods->roundup(size, context);
                CHECK(roundup == 0 || roundup >= size);
            }
            CHECK_EQUAL(methods->roundup(check_hide(SIZE_MAX), context), 0);
            methods->shutdown(context);
        }
    }
}

/* `system` is the process's malloc, and mimalloc is not: a malloc that this program puts before libc's sees the one and
 * not the other. (Sanitizers and valgrind have replaced malloc already, and their builds have no mimalloc.) */
#if !defined(CC_BACKEND_LIBC) && defined(__GLIBC__)
static bool watching;
static size_t mallocs, reallocs, frees;

extern void *__libc_malloc(size_t size);
extern void *__libc_realloc(void *pointer, size_t size);
extern void __libc_free(void *pointer);

void *malloc(size_t size) {
    mallocs += watching;
    return __libc_malloc(size);
}

void *realloc(void *pointer, size_t size) {
    reallocs += watching;
    return __libc_realloc(pointer, size);
}

void free(void *pointer) {
    frees += watching;
    __libc_free(pointer);
}

static void use(const char *name) {
    const cc_mem_methods_t *methods = cc_mem_backend(name);
    CHECK_EQUAL(methods->init(methods->context), CC_OK);
    mallocs = reallocs = frees = 0;
    watching = true;
    for (int i = 0; i < 100; i++) {
        void *block = methods->malloc(100, methods->context);
        block = methods->realloc(block, 2000, methods->context);
        methods->free(block, methods->context);
    }
    watching = false;
    methods->shutdown(methods->context);
}

static void test_system_is_the_process_own(void) {
    use("system");
    CHECK_EQUAL(mallocs, 100);
    CHECK_EQUAL(reallocs, 100);
    CHECK_EQUAL(frees, 100);
    use("mimalloc");
    CHECK_EQUAL(mallocs + reallocs + frees, 0);
    use("buddy");
    use("static");
    CHECK_EQUAL(mallocs + reallocs + frees, 0);
    const cc_mem_methods_t *methods = cc_mem_backend("system");
    void *block = methods->malloc(100, methods->context);
    CHECK_EQUAL(methods->size(block, methods->context), malloc_usable_size(block));
    free(block); /* it is libc's own */
}
#else
static void test_system_is_the_process_own(void) {
    const cc_mem_methods_t *methods = cc_mem_backend("system");
    void *block = methods->malloc(100, methods->context);
    free(block);
}
#endif

int main(void) {
    RUN(test_the_contract);
    RUN(test_system_is_the_process_own);
    return 0;
}
