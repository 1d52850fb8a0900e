/* test_leaks.c: leaks are found with their size and line, in every build, when they are looked for; mistakes are
 * reported.
 * variants: release debug asan tsan */
#define _GNU_SOURCE
#define MEMORY_WRAPPER_ALLOC_MACROS
#include "compat/memory_wrapper.h"

#include <unistd.h>

#include "../check.h"

enum { MOST = 64 };
static Platform_Leak found[MOST];
static size_t found_count;

static void note(const Platform_Leak *leak, void *context) {
    CHECK(context == &found_count);
    CHECK(found_count < MOST);
    found[found_count++] = *leak;
}

static size_t look(void) {
    found_count = 0;
    size_t told = Platform_Mem_DumpLeaksTo(note, &found_count);
    CHECK_EQUAL(told, found_count);
    return told;
}

static void check_leak(size_t at, int line, size_t count, size_t bytes) {
    CHECK(at < found_count);
    CHECK(strcmp(found[at].file, __FILE__) == 0);
    CHECK_EQUAL(found[at].line, line);
    CHECK_EQUAL(found[at].count, count);
    CHECK_EQUAL(found[at].bytes, bytes);
}

/* What `action` prints to stderr. */
static const char *printed(void (*action)(void)) {
    static char text[4096];
    FILE *file = tmpfile();
    CHECK(file != NULL);
    fflush(stderr);
    int saved = dup(2);
    CHECK(dup2(fileno(file), 2) == 2);
    action();
    fflush(stderr);
    CHECK(dup2(saved, 2) == 2);
    close(saved);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

static void test_off_at_first(void) {
    void *block = Platform_Alloc(100, MEM_NORMAL);
    CHECK_EQUAL(look(), 0);
    CHECK(strstr(printed(Platform_Mem_DumpLeaks), "libcc: 0 bytes in 0 tracked blocks are not freed\n") != NULL);
    Platform_Mem_TrackLeaks(true);
    Platform_Free(block, 0); /* it has no place */
    CHECK_EQUAL(look(), 0);
}

static void test_size_and_line(void) {
    void *many[10], *one, *old_style, *resized;
    int line = __LINE__;
    for (size_t i = 0; i < 10; i++) many[i] = Platform_Alloc(100, MEM_NORMAL); /* line + 1 */
    one = Platform_Alloc(333, MEM_TEMP | MEM_CLEAR);                           /* line + 2 */
    old_style = Alloc(22, MEM_NORMAL);                                         /* line + 3 */
    resized = Platform_Alloc(10, MEM_NORMAL);                                  /* line + 4 */
    void *unknown = (Platform_Alloc)(1, MEM_NORMAL), *given = Platform_AllocEx(2, MEM_NORMAL, "level.cpp", 77);
    resized = Platform_Realloc(resized, 10, 5000);
    CHECK_EQUAL(look(), 6);
    check_leak(0, line + 4, 1, 5000); /* the most bytes first */
    check_leak(1, line + 1, 10, 1000);
    check_leak(2, line + 2, 1, 333);
    check_leak(3, line + 3, 1, 22);
    CHECK(strcmp(found[4].file, "level.cpp") == 0 && found[4].line == 77 && found[4].bytes == 2);
    CHECK(strcmp(found[5].file, "?") == 0 && found[5].count == 1 && found[5].bytes == 1);

    const char *text = printed(Platform_Mem_DumpLeaks);
    char expected[300];
    CHECK(strstr(text, "libcc: 6358 bytes in 15 tracked blocks are not freed\n") == text);
    snprintf(expected, sizeof expected, "libcc: leak: 1000 bytes in 10 blocks from %s:%d\n", __FILE__, line + 1);
    CHECK(strstr(text, expected) != NULL);
    CHECK(strstr(text, "libcc: leak: 2 bytes in 1 block from level.cpp:77\n") != NULL);

    for (size_t i = 0; i < 7; i++) Platform_Free(many[i], 100);
    Platform_Free(one, 0);
    Platform_Mem_TrackLeaks(false); /* frees go on to be noted */
    Free(old_style);
    Platform_Free(unknown, 1);
    Platform_Free(given, 2);
    Platform_Free(resized, 5000);
    void *later = Platform_Alloc(9, MEM_NORMAL);
    CHECK_EQUAL(look(), 1);
    check_leak(0, line + 1, 3, 300);
    Platform_Free(later, 9);
    for (size_t i = 7; i < 10; i++) Platform_Free(many[i], 100);
    CHECK_EQUAL(look(), 0);
}

/* The name of a file is copied: the place of a plugin outlives it. */
static void test_names_are_copied(void) {
    Platform_Mem_TrackLeaks(true);
    char name[32] = "plugin.c";
    void *block = Platform_AllocEx(10, MEM_NORMAL, name, 5), *same;
    strcpy(name, "other.c");
    same = Platform_AllocEx(10, MEM_NORMAL, "plugin.c", 5);
    CHECK_EQUAL(look(), 1);
    CHECK(strcmp(found[0].file, "plugin.c") == 0 && found[0].count == 2);
    char path[301];
    memset(path, 'x', 300);
    strcpy(path + 292, "/plug.c");
    void *far = Platform_AllocEx(30, MEM_NORMAL, path, 5);
    CHECK_EQUAL(look(), 2);
    CHECK(strlen(found[0].file) == 103 && strcmp(found[0].file + 96, "/plug.c") == 0);
    Platform_Free(far, 30);
    Platform_Free(block, 10);
    Platform_Free(same, 10);
    Platform_Mem_TrackLeaks(false);
}

enum { THREADS = 8, PLACES = 3000 };
static void *leaked[THREADS][PLACES];

static void leak_everywhere(size_t index, void *unused) {
    (void)unused;
    for (int i = 0; i < (int)SCALED(PLACES); i++) leaked[index][i] = Platform_AllocEx(8, MEM_NORMAL, "everywhere.c", i);
}

static size_t sum_count, sum_bytes;

static void add_up(const Platform_Leak *leak, void *context) {
    (void)context;
    if (strcmp(leak->file, "everywhere.c") == 0) CHECK_EQUAL(leak->count, THREADS);
    sum_count += leak->count;
    sum_bytes += leak->bytes;
}

static void test_many_places_and_threads(void) {
    Platform_Mem_TrackLeaks(true);
    check_threads(THREADS, leak_everywhere, NULL);
    CHECK_EQUAL(Platform_Mem_DumpLeaksTo(add_up, NULL), SCALED(PLACES));
    CHECK_EQUAL(sum_count, THREADS * SCALED(PLACES));
    CHECK_EQUAL(sum_bytes, THREADS * SCALED(PLACES) * 8);
    for (size_t i = 0; i < THREADS; i++)
        for (size_t place = 0; place < SCALED(PLACES); place++) Platform_Free(leaked[i][place], 8);
    CHECK_EQUAL(look(), 0);
    Platform_Mem_TrackLeaks(false);
}

/* ---- mistakes ---------------------------------------------------------------------------------------------------- */

static void free_with_a_wrong_size(void) {
    Platform_Free(Platform_AllocEx(100, MEM_NORMAL, "wrong.c", 3), 99);
}

static void resize_with_a_wrong_size(void) {
    Platform_Free(Platform_Realloc(Platform_Alloc(100, MEM_NORMAL), 101, 50), 50);
}

static void free_with_the_right_size(void) {
    Platform_Free(Platform_Alloc(100, MEM_NORMAL), 100);
    Platform_Free(Platform_Alloc(100, MEM_NORMAL), 0);
}

static void test_wrong_sizes(void) {
    size_t before = Platform_Mem_GetAllocated();
#if defined(CC_DEBUG)
    CHECK(strstr(printed(free_with_a_wrong_size), "has 100 bytes (allocated at ?:0), not 99\n") != NULL);
#else
    CHECK(strcmp(printed(free_with_a_wrong_size), "") == 0);
#endif
    Platform_Mem_TrackLeaks(true);
    CHECK(strstr(printed(free_with_a_wrong_size), "has 100 bytes (allocated at wrong.c:3), not 99\n") != NULL);
    CHECK(strstr(printed(resize_with_a_wrong_size), "libcc: Platform_Realloc: ") != NULL);
    CHECK(strcmp(printed(free_with_the_right_size), "") == 0);
    Platform_Mem_TrackLeaks(false);
    CHECK_EQUAL(look(), 0);
    CHECK_EQUAL(Platform_Mem_GetAllocated(), before); /* a wrong size does no harm */
}

static void free_what_is_none(void) {
    static char buffer[128] = "no header lies before this";
    Platform_Free(buffer + 64, 0);
    CHECK(Platform_Realloc(buffer + 64, 0, 10) == NULL);
}

/* The sanitizers' builds report it in their own way, and end. */
static void free_twice(void) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    void *block = Platform_Alloc(100, MEM_NORMAL), *kept = Platform_Alloc(100, MEM_NORMAL);
    Platform_Free(block, 100);
    Platform_Free((void *)check_hide((size_t)block), 100);
    Platform_Free(kept, 100);
#else
    fprintf(stderr, "is not a live block");
#endif
}

static void test_pointers_that_are_no_blocks(void) {
    size_t before = Platform_Mem_GetAllocated();
    SetLastError(NO_ERROR);
    const char *text = printed(free_what_is_none);
    CHECK(strstr(text, "libcc: Platform_Free: ") != NULL && strstr(text, "libcc: Platform_Realloc: ") != NULL);
    CHECK(strstr(text, "is not a live block") != NULL);
    CHECK_EQUAL(GetLastError(), ERROR_INVALID_PARAMETER);
    CHECK(strstr(printed(free_twice), "is not a live block") != NULL);
    CHECK_EQUAL(Platform_Mem_GetAllocated(), before);
}

int main(void) {
    RUN(test_off_at_first);
    RUN(test_size_and_line);
    RUN(test_names_are_copied);
    RUN(test_many_places_and_threads);
    RUN(test_wrong_sizes);
    RUN(test_pointers_that_are_no_blocks);
    return 0;
}
