/* platform/ram.c: how much memory the machine has, and what old code is told instead. */
#include "platform_internal.h"

static _Atomic(size_t) told_free, told_total;

void Platform_Ram_Override(size_t free_bytes, size_t total_bytes) {
    cc__store_relaxed(&told_free, free_bytes);
    cc__store_relaxed(&told_total, total_bytes);
}

void cc__platform_memory(cc__os_memory_t *memory) {
    (void)cc__os_memory(memory);
    size_t free_bytes = cc__load_relaxed(&told_free), total = cc__load_relaxed(&told_total);
    if (total != 0) memory->total = total;
    if (free_bytes != 0) memory->available = free_bytes;
    if (memory->available > memory->total) memory->available = memory->total;
    /* Old code adds them up. */
    if (free_bytes != 0 || total != 0) memory->swap_total = memory->swap_available = 0;
}

size_t Platform_Ram_Free(void) {
    cc__os_memory_t memory;
    cc__platform_memory(&memory);
    return (size_t)memory.available;
}

size_t Platform_Total_Ram_Free(void) {
    cc__os_memory_t memory;
    cc__platform_memory(&memory);
    return (size_t)memory.total;
}
