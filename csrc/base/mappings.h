/* base/mappings.h: what lies at an address of the process, as the system knows it. mappings_posix.c fulfils it. Nothing
 * here allocates, takes a lock, opens a descriptor that outlives the call, or raises a signal. errno is left alone. */
#ifndef CC_BASE_MAPPINGS_H
#define CC_BASE_MAPPINGS_H

#include "cc/base.h"

typedef enum cc__mapping_kind {
    CC__MAPPING_FREE,
    CC__MAPPING_MEMORY,     /* of no file */
    CC__MAPPING_STACK_ROOM, /* what the main thread's stack may still grow into */
    CC__MAPPING_FILE,
    CC__MAPPING_IMAGE /* of a program or library, its zeroed data included */
} cc__mapping_kind_t;

typedef struct cc__mapping {
    cc__mapping_kind_t kind;
    uintptr_t start, end; /* of one mapping, or of the gap between two; the last gap ends at UINTPTR_MAX */
    uintptr_t first;      /* where the program, the library, the file or the stack begins that it is part of */
    unsigned access;      /* CC__OS_ bits */
} cc__mapping_t;

/* What the address lies in. False when the system does not tell (no /proc). Reads all mappings up to the address. */
bool cc__mapping_at(uintptr_t address, cc__mapping_t *mapping);

/* Whether all of the bytes can be read, or written, at this moment; true for none. A system call for each page. */
bool cc__memory_readable(const void *address, size_t size);
bool cc__memory_writable(void *address, size_t size);

#endif
