/* compat/westwood.h: the memory calls of Westwood's library of the 1990s (its MEMFLAG.H), for games that were written
 * with it, and with them all of compat/memory_wrapper.h. For C and C++ as that. docs/platform.md has a section about
 * it.
 *
 * From here on MEM_NORMAL, MEM_CLEAR, MEM_TEMP and MEM_LOCK are Westwood's, with other values than cc/platform.h gives
 * them: code that includes this calls Alloc, not Platform_Alloc.
 *
 * In C++ one source file of the program may define WESTWOOD_NEW_DELETE before including it: then all of the program's
 * new and delete are Alloc and Free, as in the library, so that Free may be given what new gave. */
#ifndef CC_COMPAT_WESTWOOD_H
#define CC_COMPAT_WESTWOOD_H

#if defined(CC_COMPAT_MEMORY_WRAPPER_H) && !defined(MEMORY_WRAPPER_NO_ALLOC)
#error "include compat/westwood.h instead of compat/memory_wrapper.h, or before it: both have an Alloc and a Free"
#endif
#ifndef MEMORY_WRAPPER_NO_ALLOC
#define MEMORY_WRAPPER_NO_ALLOC
#endif
#include "compat/memory_wrapper.h"

/* What the flags below are for Platform_Alloc. */
enum { CC_WESTWOOD_TEMP = MEM_TEMP, CC_WESTWOOD_LOCK = MEM_LOCK, CC_WESTWOOD_CLEAR = MEM_CLEAR };
#undef MEM_NORMAL
#undef MEM_TEMP
#undef MEM_LOCK
#undef MEM_CLEAR

typedef enum MemoryFlagType {
    MEM_NORMAL = 0x0000,
    MEM_NEW = 0x0001,   /* by operator new: no difference */
    MEM_CLEAR = 0x0002, /* all zeros */
    MEM_REAL = 0x0004,  /* of the first megabyte, for DOS: no difference */
    MEM_TEMP = 0x0008,  /* short-lived: counted apart as well */
    MEM_LOCK = 0x0010   /* ignored, unless Platform_Mem_EnableLocking */
} MemoryFlagType;

#define CC_WESTWOOD(name) __asm__(CC_WIN32_TEXT(__USER_LABEL_PREFIX__) "cc_westwood_" #name)

#ifdef __cplusplus
extern "C" {
#endif

/* Called, where it is not NULL, when there is no memory; the call gives NULL after that. The second is never called. */
extern CC_API void (*Memory_Error)(void) CC_WESTWOOD(Memory_Error);
extern CC_API void (*Memory_Error_Exit)(char *text) CC_WESTWOOD(Memory_Error_Exit);

/* Records that the library kept under DOS alone: 0, until the program writes to them. */
extern CC_API unsigned long MinRam CC_WESTWOOD(MinRam);
extern CC_API unsigned long MaxRam CC_WESTWOOD(MaxRam);

/* Reads each page of a buffer, so that it is there. */
CC_API void Force_VM_Page_In(void *buffer, int length) CC_WESTWOOD(Force_VM_Page_In);

/* For the inlines below: calls Memory_Error; NULL. What was free at the first call. */
CC_API void *cc_westwood_no_memory(void);
CC_API size_t cc_westwood_heap_size(void);

static inline void Mem_Copy(const void *source, void *destination, unsigned long bytes) {
    Platform_MemMove(destination, source, bytes);
}

#ifdef __cplusplus
}
#endif

/* `bytes` 0 gives a block, too. A block is its caller's until Free or Resize_Alloc. */
static inline void *Alloc(unsigned long bytes, MemoryFlagType flags CC_WIN32_PLACE) {
    uint32_t own = 0;
    if ((flags & MEM_TEMP) != 0) own |= CC_WESTWOOD_TEMP;
    if ((flags & MEM_LOCK) != 0) own |= CC_WESTWOOD_LOCK;
    if ((flags & MEM_CLEAR) != 0) own |= CC_WESTWOOD_CLEAR;
    void *block = CC_WIN32_ALLOC(bytes > 0 ? bytes : 1, own);
    return block != NULL ? block : cc_westwood_no_memory();
}

static inline void Free(const void *pointer) {
    Platform_Free((void *)pointer, 0);
}

/* NULL: a new block. When it fails the old block is as it was. New bytes are not cleared. */
static inline void *Resize_Alloc(const void *pointer, unsigned long bytes CC_WIN32_PLACE) {
    void *block;
    if (pointer == NULL)
        block = CC_WIN32_ALLOC(bytes > 0 ? bytes : 1, 0);
    else
        block = Platform_Realloc((void *)pointer, 0, bytes > 0 ? bytes : 1);
    return block != NULL ? block : cc_westwood_no_memory();
}

/* Free memory of the machine (or as Platform_Ram_Override says); for Heap_Size, what it was at the first call. The flag
 * does not matter. */
static inline long Ram_Free(MemoryFlagType flag) {
    (void)flag;
    return (long)Platform_Ram_Free();
}

static inline long Total_Ram_Free(MemoryFlagType flag) {
    return Ram_Free(flag);
}

static inline long Heap_Size(MemoryFlagType flag) {
    (void)flag;
    return (long)cc_westwood_heap_size();
}

/* Locking for DOS: nothing to do. */
static inline void DPMI_Lock(const void *pointer, long size) {
    (void)pointer, (void)size;
}

static inline void DPMI_Unlock(const void *pointer, long size) {
    (void)pointer, (void)size;
}

static inline void *Add_Long_To_Pointer(const void *pointer, long size) {
    return (char *)pointer + size;
}

/* ---- new(MEM_CLEAR) and its kin ---------------------------------------------------------------------------------- */

#ifdef __cplusplus
#include <new>

/* The program's own operator new, so that delete fits it; of the flags MEM_CLEAR matters. */
inline void *operator new(size_t size, MemoryFlagType flags) {
    void *block = ::operator new(size);
    if ((flags & MEM_CLEAR) != 0) Platform_ZeroMemory(block, size);
    return block;
}

inline void *operator new[](size_t size, MemoryFlagType flags) {
    void *block = ::operator new[](size);
    if ((flags & MEM_CLEAR) != 0) Platform_ZeroMemory(block, size);
    return block;
}

/* When a constructor throws. */
inline void operator delete(void *block, MemoryFlagType) {
    ::operator delete(block);
}

inline void operator delete[](void *block, MemoryFlagType) {
    ::operator delete[](block);
}

#if defined(WESTWOOD_NEW_DELETE)
#if __cplusplus >= 201103L
#define CC_WESTWOOD_THROWS
#define CC_WESTWOOD_THROWS_NOT noexcept
#else
#define CC_WESTWOOD_THROWS throw(std::bad_alloc)
#define CC_WESTWOOD_THROWS_NOT throw()
#endif

static inline void *cc_westwood_new(size_t size) {
    void *block = Alloc(size, MEM_NEW);
#if defined(__EXCEPTIONS)
    if (block == NULL) throw std::bad_alloc();
#endif
    return block;
}

void *operator new(size_t size) CC_WESTWOOD_THROWS {
    return cc_westwood_new(size);
}

void *operator new[](size_t size) CC_WESTWOOD_THROWS {
    return cc_westwood_new(size);
}

void operator delete(void *block) CC_WESTWOOD_THROWS_NOT {
    Free(block);
}

void operator delete[](void *block) CC_WESTWOOD_THROWS_NOT {
    Free(block);
}

#if __cplusplus >= 201402L
void operator delete(void *block, size_t) noexcept {
    Free(block);
}

void operator delete[](void *block, size_t) noexcept {
    Free(block);
}
#endif
#endif
#endif

#endif
