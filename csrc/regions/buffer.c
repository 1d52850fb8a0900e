/* regions/buffer.c: bytes with a reference count. Own bytes lie behind the buffer, in one block with it. */
#include "cc/buffer.h"

#include "../base/atomics.h"
#include "regions_internal.h"

struct cc_buffer {
    _Atomic(size_t) references;
    const cc_mem_methods_t *allocator; /* of this block */
    char *data;
    size_t size;
    bool view;
    void (*release)(void *data, size_t size, void *context); /* NULL: own bytes, or a view */
    void *context;
};

enum { HEADER = (sizeof(cc_buffer_t) + CC__ALIGNMENT - 1) & ~(CC__ALIGNMENT - 1) };

/* data NULL: own bytes. */
static cc_buffer_t *begin(void *data, size_t size, const cc_mem_methods_t *allocator) {
    if (size - 1 >= CC__MOST) return NULL;
    cc_buffer_t *buffer = cc__region_take(allocator, HEADER + (data == NULL ? size : 0));
    if (buffer == NULL) return NULL;
    *buffer = (cc_buffer_t){.references = 1, .allocator = allocator, .data = data, .size = size};
    if (data == NULL) buffer->data = (char *)buffer + HEADER;
    return buffer;
}

cc_buffer_t *cc_buffer_create(size_t size, const cc_mem_methods_t *allocator) {
    return begin(NULL, size, allocator);
}

cc_buffer_t *cc_buffer_copy(const void *data, size_t size, const cc_mem_methods_t *allocator) {
    cc_buffer_t *buffer = data != NULL ? begin(NULL, size, allocator) : NULL;
    if (buffer != NULL) memcpy(buffer->data, data, size);
    return buffer;
}

static void free_data(void *data, size_t size, void *context) {
    (void)context;
    cc_free(data, size);
}

cc_buffer_t *cc_buffer_take(void *data, size_t size, void (*release)(void *data, size_t size, void *context),
                            void *context, const cc_mem_methods_t *allocator) {
    cc_buffer_t *buffer = data != NULL ? begin(data, size, allocator) : NULL;
    if (buffer == NULL) return NULL;
    buffer->release = release != NULL ? release : free_data;
    buffer->context = context;
    return buffer;
}

cc_buffer_t *cc_buffer_view(const void *data, size_t size, const cc_mem_methods_t *allocator) {
    cc_buffer_t *buffer = data != NULL ? begin((void *)(uintptr_t)data, size, allocator) : NULL;
    if (buffer != NULL) buffer->view = true;
    return buffer;
}

cc_buffer_t *cc_buffer_retain(cc_buffer_t *buffer) {
    /* relaxed: who calls holds one, so the count is not 0; and nothing is published */
    if (buffer != NULL) (void)cc__add_relaxed(&buffer->references, 1);
    return buffer;
}

void cc_buffer_release(cc_buffer_t *buffer) {
    if (buffer == NULL) return;
    /* acq_rel pairs with itself: the last one sees what all others did with the bytes before they let go */
    if (cc__add_acq_rel(&buffer->references, (size_t)-1) != 1) return;
    bool own = buffer->data == (char *)buffer + HEADER;
    if (buffer->release != NULL) buffer->release(buffer->data, buffer->size, buffer->context);
    cc__region_give(buffer->allocator, buffer, HEADER + (own ? buffer->size : 0));
}

size_t cc_buffer_references(const cc_buffer_t *buffer) {
    if (buffer == NULL) return 0;
    return cc__load_relaxed(&((cc_buffer_t *)(uintptr_t)buffer)->references); /* racy: others may come and go */
}

cc_slice_t cc_buffer_slice(const cc_buffer_t *buffer) {
    return buffer != NULL ? cc_slice(buffer->data, buffer->size) : cc_slice(NULL, 0);
}

char *cc_buffer_write(cc_buffer_t **held) {
    cc_buffer_t *buffer = *held;
    if (buffer == NULL) return NULL;
    /* acquire pairs with the releases of the former owners: they read before this writes */
    if (!buffer->view && cc__load_acquire(&buffer->references) == 1) return buffer->data;
    cc_buffer_t *copy = cc_buffer_copy(buffer->data, buffer->size, buffer->allocator);
    if (copy == NULL) return NULL;
    cc_buffer_release(buffer);
    *held = copy;
    return copy->data;
}
