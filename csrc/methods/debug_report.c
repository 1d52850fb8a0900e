/* methods/debug_report.c: problems in words. */
#include "debug_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../base/os.h"

typedef struct text {
    size_t length;
    char characters[8192]; /* what is longer is cut */
} text_t;

static __attribute__((format(printf, 2, 3))) void add(text_t *text, const char *format, ...) {
    size_t room = sizeof text->characters - text->length;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text->characters + text->length, room, format, arguments);
    va_end(arguments);
    if (length > 0) text->length += (size_t)length < room ? (size_t)length : room - 1;
}

static void add_stack(text_t *text, const char *what, const cc__debug_stack_t *stack) {
    if (stack->depth == 0) return;
    add(text, "  %s:\n", what);
    for (unsigned i = 0; i < stack->depth; i++) {
        char place[256];
        cc__os_describe(stack->frames[i], place, sizeof place);
        add(text, "    #%u %s\n", i, place);
    }
}

static void add_headline(text_t *text, const cc__debug_finding_t *finding) {
    const void *pointer = finding->pointer;
    size_t size = finding->block.size,
           distance = (size_t)(finding->distance < 0 ? -finding->distance : finding->distance);
    switch (finding->kind) {
    case CC_MEM_OVERRUN:
        add(text, "overrun: block %p of %zu bytes was written %zu bytes behind its end\n", pointer, size, distance);
        break;
    case CC_MEM_UNDERRUN:
        add(text, "underrun: block %p of %zu bytes was written %zu bytes before its beginning\n", pointer, size,
            distance);
        break;
    case CC_MEM_DOUBLE_FREE: add(text, "double free: block %p of %zu bytes is free already\n", pointer, size); break;
    case CC_MEM_FOREIGN_FREE:
        if (finding->block.sequence == 0)
            add(text, "foreign free: %p is no block of this allocator (or was freed long ago)\n", pointer);
        else
            add(text, "foreign free: %p points %zu bytes %s the beginning of a block of %zu bytes\n", pointer, distance,
                finding->distance < 0 ? "before" : "behind", size);
        break;
    case CC_MEM_USE_AFTER_FREE:
        add(text, "use after free: block %p of %zu bytes was written at byte %zu after it was freed\n", pointer, size,
            distance);
        break;
    case CC_MEM_LEAK:
        add(text, "leak: %zu block%s, %zu bytes in all, the first is %p of %zu bytes\n", finding->blocks,
            finding->blocks == 1 ? "" : "s", finding->bytes, pointer, size);
        break;
    }
}

void cc__debug_report(const cc_mem_debug_options_t *options, const cc__debug_finding_t *finding) {
    text_t text;
    text.length = 0;
    text.characters[0] = 0;
    add_headline(&text, finding);
    if (finding->block.sequence != 0) {
        if (finding->block.title[0] != 0) add(&text, "  title: %s\n", finding->block.title);
        add(&text, "  allocation number %llu\n", (unsigned long long)finding->block.sequence);
        add_stack(&text, "allocated by", &finding->block.allocated);
        if (finding->freed) add_stack(&text, "freed by", &finding->block.freed);
    }
    if (options->report != NULL) {
        cc_mem_problem_t problem = {finding->kind,     finding->pointer,     finding->bytes, finding->blocks,
                                    finding->distance, finding->block.title, text.characters};
        options->report(&problem, options->report_context);
    } else {
        (void)fprintf(stderr, "libcc: %s", text.characters);
        (void)fflush(stderr);
    }
}

int cc__debug_compare(const cc__debug_block_t *one, const cc__debug_block_t *other) {
    const cc__debug_stack_t *a = &one->allocated, *b = &other->allocated;
    if (a->depth != b->depth) return a->depth < b->depth ? -1 : 1;
    int order = a->depth > 0 ? memcmp(a->frames, b->frames, a->depth * sizeof *a->frames) : 0;
    return order != 0 ? order : strcmp(one->title, other->title);
}
