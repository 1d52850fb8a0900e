/* methods.c: libFuzzer target for static and buddy: the input is a program of allocations, frees and resizings, each
 * step of which is compared with the model of tests/c/methods. Prints at the end how many operations that were. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) ((condition) ? (void)0 : fail(__FILE__, __LINE__, #condition))
#define CHECK_EQUAL(actual, expected) CHECK((actual) == (expected))

static _Noreturn void fail(const char *file, int line, const char *text) {
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
    abort();
}

#include "../../c/methods/model.h"

static model_t model;
static uint64_t operations;

static void print_operations(void) {
    fprintf(stderr, "operations: %llu\n", (unsigned long long)operations);
}

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    (void)count, (void)arguments;
    return atexit(print_operations);
}

/* Two bytes: kind of allocator with its smallest block, and the buffer's length. Then two for each step: what is
 * done, and to which block or with which size. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4) return -1;
    size_t min_block = data[0] % 4 < 2 ? 0 : (size_t)8 << data[0] / 4 % 4, bytes = 1100 + data[1] * 31u;
    char *buffer = malloc(bytes); /* of this very length, so that the sanitizer sees its ends */
    if (buffer == NULL) return -1;
    model_create(&model, buffer + data[0] / 16, bytes - data[0] / 16, min_block);
    for (size_t at = 2; at + 1 < size; at += 2) {
        unsigned what = data[at], value = data[at + 1];
        size_t bytes_asked = value << (what / 32); /* up to 32 KiB */
        switch (what % 8) {
        case 0:
        case 1:
        case 2: model_malloc(&model, bytes_asked + what / 8 % 4); break;
        case 3:
        case 4:
        case 5: model_free(&model, value); break;
        case 6: model_realloc(&model, what / 8, bytes_asked); break;
        default: model_realloc(&model, value, what / 8 * 9u); break;
        }
    }
    model_check(&model);
    model_free_all(&model);
    model.methods.shutdown(model.methods.context);
    operations += model.operations;
    free(buffer);
    return 0;
}
