/* platform/westwood.c: what compat/westwood.h has that is not an inline. */
#include "compat/westwood.h"

#include "platform_internal.h"

void (*Memory_Error)(void);
void (*Memory_Error_Exit)(char *text);
unsigned long MinRam, MaxRam;

void *cc_westwood_no_memory(void) {
    if (Memory_Error != NULL) Memory_Error();
    return NULL;
}

size_t cc_westwood_heap_size(void) {
    static _Atomic(size_t) first; /* of two first calls at once, one's */
    size_t size = cc__load_relaxed(&first), free_bytes = Platform_Ram_Free();
    if (size == 0 && cc__swap_if_relaxed(&first, &size, free_bytes)) return free_bytes;
    return size;
}

void Force_VM_Page_In(void *buffer, int length) {
    size_t page = cc__os_page_size();
    volatile const char *bytes = buffer;
    if (length <= 0) return;
    for (size_t at = 0; at < (size_t)length; at += page) (void)bytes[at];
    (void)bytes[length - 1];
}
