/* compat/memory_wrapper.h: the memory calls of Win32 for code that is ported from Windows, and Alloc and Free of older
 * game code. For C99 and C++98 on, gcc and clang. docs/platform.md has what each call does otherwise than on Windows.
 *
 * Functions have Microsoft's names and types here; in libcc they are called cc_win32_<name>, so they clash with
 * nothing. All may be called from any thread. One that fails sets the calling thread's error code, which GetLastError
 * tells; one that succeeds leaves it alone, but for GlobalUnlock, LocalUnlock and CreateFileMapping.
 *
 * Before including it, one may define
 *   MEMORY_WRAPPER_NO_ALLOC      to have no Alloc and Free;
 *   MEMORY_WRAPPER_ALLOC_MACROS  to have them as macros, which in C tell a leak's file and line (in C++ the functions
 *                                do). Members with one of these names can't be called then. */
#ifndef CC_COMPAT_MEMORY_WRAPPER_H
#define CC_COMPAT_MEMORY_WRAPPER_H

#include "cc/platform.h"
#include "compat/win32_global.h"
#include "compat/win32_heap.h"
#include "compat/win32_mapping.h"
#include "compat/win32_system.h"
#include "compat/win32_types.h"
#include "compat/win32_virtual.h"

/* ---- bytes: unlike memcpy, these take overlapping ranges, and do nothing with NULL ------------------------------- */

#define RtlZeroMemory(destination, count) Platform_ZeroMemory((destination), (count))
#define RtlCopyMemory(destination, source, count) Platform_MemCopy((destination), (source), (count))
#define RtlMoveMemory(destination, source, count) Platform_MemMove((destination), (source), (count))
#define RtlFillMemory(destination, count, value) Platform_MemSet((destination), (value), (count))
#define ZeroMemory RtlZeroMemory
#define CopyMemory RtlCopyMemory
#define MoveMemory RtlMoveMemory
#define FillMemory RtlFillMemory

/* ---- Alloc and Free: Platform_Alloc and Platform_Free ------------------------------------------------------------ */

/* For the functions of these headers alone: where the caller stands, as far as the language tells. */
#if defined(__cplusplus)
#define CC_WIN32_PLACE , const char *file = __builtin_FILE(), int line = __builtin_LINE()
#define CC_WIN32_ALLOC(size, flags) CC_WIN32_ALLOC_AT((size), (flags), file, line)
#else
#define CC_WIN32_PLACE
#define CC_WIN32_ALLOC(size, flags) CC_WIN32_ALLOC_AT((size), (flags), NULL, 0)
#endif
#if defined(PLATFORM_NO_INLINE)
#define CC_WIN32_ALLOC_AT Platform_AllocEx
#else
#define CC_WIN32_ALLOC_AT cc_platform_alloc_inline
#endif

#if defined(MEMORY_WRAPPER_NO_ALLOC)
#elif defined(MEMORY_WRAPPER_ALLOC_MACROS)

#define Alloc(size, flags) Platform_Alloc(size, flags)
#define Free(pointer) Platform_Free((void *)(pointer), 0)

#else

static inline void *Alloc(size_t size, uint32_t flags CC_WIN32_PLACE) {
    return CC_WIN32_ALLOC(size, flags);
}

static inline void Free(const volatile void *pointer) {
    Platform_Free((void *)pointer, 0);
}

#endif

#endif
