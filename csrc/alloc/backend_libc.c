/* alloc/backend_libc.c: private heaps on libc's malloc: a list of the blocks. Empty in builds with another backend. */
#if defined(CC_BACKEND_LIBC)
#include <string.h>

#include "../base/fork.h"
#include "backend.h"

typedef struct node {
    _Alignas(16) struct node *next;
    struct node *previous;
} node_t;

struct cc__heap {
    node_t blocks; /* a ring */
};

/* Over the rings of all heaps: one lock that a fork can hold. */
static cc__mutex_t lock;
CC__HOLD_OVER_FORK(CC__FORK_HEAPS, lock);

cc__heap_t *cc__heap_create(void) {
    cc__heap_t *heap = cc__own_calloc(1, sizeof *heap);
    if (heap != NULL) heap->blocks.next = heap->blocks.previous = &heap->blocks;
    return heap;
}

void cc__heap_destroy(cc__heap_t *heap) {
    for (node_t *node = heap->blocks.next, *next; node != &heap->blocks; node = next) {
        next = node->next;
        free(node);
    }
    free(heap);
}

static void link_node(cc__heap_t *heap, node_t *node) {
    cc__mutex_lock(&lock);
    node->next = heap->blocks.next;
    node->previous = &heap->blocks;
    node->next->previous = node;
    heap->blocks.next = node;
    cc__mutex_unlock(&lock);
}

static void unlink_node(node_t *node) {
    cc__mutex_lock(&lock);
    node->previous->next = node->next;
    node->next->previous = node->previous;
    cc__mutex_unlock(&lock);
}

void *cc__heap_alloc(cc__heap_t *heap, size_t size, bool zero) {
    if (size > PTRDIFF_MAX - sizeof(node_t)) return NULL;
    node_t *node = cc__libc_allocate(sizeof *node + size, 1, zero);
    if (node == NULL) return NULL;
    link_node(heap, node);
    return node + 1;
}

void *cc__heap_realloc(cc__heap_t *heap, void *pointer, size_t size) {
    node_t *node = (node_t *)pointer - 1;
    if (size > PTRDIFF_MAX - sizeof *node) return NULL;
    size_t old = cc__libc_usable_size(node) - sizeof *node;
    void *moved = cc__heap_alloc(heap, size, false);
    if (moved == NULL) return NULL;
    memcpy(moved, pointer, old < size ? old : size);
    cc__heap_free(heap, pointer);
    return moved;
}

bool cc__heap_expand(cc__heap_t *heap, void *pointer, size_t size) {
    (void)heap;
    node_t *node = (node_t *)pointer - 1;
    return size <= cc__libc_usable_size(node) - sizeof *node;
}

void cc__heap_free(cc__heap_t *heap, void *pointer) {
    (void)heap;
    node_t *node = (node_t *)pointer - 1;
    unlink_node(node);
    free(node);
}

void cc__heap_visit(cc__heap_t *heap, void (*visit)(void *block, size_t size, void *context), void *context) {
    for (node_t *node = heap->blocks.next; node != &heap->blocks; node = node->next)
        visit(node + 1, cc__libc_usable_size(node) - sizeof *node, context);
}
#endif
