/* compat/win32_global.h: global and local memory: blocks by pointer or by handle. Part of compat/memory_wrapper.h. */
#ifndef CC_COMPAT_WIN32_GLOBAL_H
#define CC_COMPAT_WIN32_GLOBAL_H

#include "compat/win32_types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GMEM_FIXED 0x0000
#define GMEM_MOVEABLE 0x0002
#define GMEM_NOCOMPACT 0x0010
#define GMEM_NODISCARD 0x0020
#define GMEM_ZEROINIT 0x0040
#define GMEM_MODIFY 0x0080
#define GMEM_DISCARDABLE 0x0100
#define GMEM_NOT_BANKED 0x1000
#define GMEM_SHARE 0x2000
#define GMEM_DDESHARE 0x2000
#define GMEM_NOTIFY 0x4000
#define GMEM_LOWER GMEM_NOT_BANKED
#define GMEM_DISCARDED 0x4000
#define GMEM_LOCKCOUNT 0x00FF
#define GMEM_INVALID_HANDLE 0x8000
#define GHND (GMEM_MOVEABLE | GMEM_ZEROINIT)
#define GPTR (GMEM_FIXED | GMEM_ZEROINIT)

CC_API HGLOBAL GlobalAlloc(UINT flags, SIZE_T size) CC_WIN32(GlobalAlloc);
CC_API HGLOBAL GlobalReAlloc(HGLOBAL memory, SIZE_T size, UINT flags) CC_WIN32(GlobalReAlloc);
CC_API SIZE_T GlobalSize(HGLOBAL memory) CC_WIN32(GlobalSize);
CC_API UINT GlobalFlags(HGLOBAL memory) CC_WIN32(GlobalFlags);
CC_API LPVOID GlobalLock(HGLOBAL memory) CC_WIN32(GlobalLock);
CC_API BOOL GlobalUnlock(HGLOBAL memory) CC_WIN32(GlobalUnlock);
CC_API HGLOBAL GlobalHandle(LPCVOID pointer) CC_WIN32(GlobalHandle);
CC_API HGLOBAL GlobalFree(HGLOBAL memory) CC_WIN32(GlobalFree);
#define GlobalDiscard(memory) GlobalReAlloc((memory), 0, GMEM_MOVEABLE)

#define LMEM_FIXED 0x0000
#define LMEM_MOVEABLE 0x0002
#define LMEM_NOCOMPACT 0x0010
#define LMEM_NODISCARD 0x0020
#define LMEM_ZEROINIT 0x0040
#define LMEM_MODIFY 0x0080
#define LMEM_DISCARDABLE 0x0F00
#define LMEM_DISCARDED 0x4000
#define LMEM_LOCKCOUNT 0x00FF
#define LMEM_INVALID_HANDLE 0x8000
#define LHND (LMEM_MOVEABLE | LMEM_ZEROINIT)
#define LPTR (LMEM_FIXED | LMEM_ZEROINIT)
#define NONZEROLHND LMEM_MOVEABLE
#define NONZEROLPTR LMEM_FIXED

CC_API HLOCAL LocalAlloc(UINT flags, SIZE_T size) CC_WIN32(LocalAlloc);
CC_API HLOCAL LocalReAlloc(HLOCAL memory, SIZE_T size, UINT flags) CC_WIN32(LocalReAlloc);
CC_API SIZE_T LocalSize(HLOCAL memory) CC_WIN32(GlobalSize);
CC_API UINT LocalFlags(HLOCAL memory) CC_WIN32(LocalFlags);
CC_API LPVOID LocalLock(HLOCAL memory) CC_WIN32(LocalLock);
CC_API BOOL LocalUnlock(HLOCAL memory) CC_WIN32(LocalUnlock);
CC_API HLOCAL LocalHandle(LPCVOID pointer) CC_WIN32(LocalHandle);
CC_API HLOCAL LocalFree(HLOCAL memory) CC_WIN32(GlobalFree);
#define LocalDiscard(memory) LocalReAlloc((memory), 0, LMEM_MOVEABLE)

/* windowsx.h: memory that stays locked, by pointer. NULL when there is none; the old pointer is good then. */
#define GlobalPtrHandle(pointer) GlobalHandle(pointer)
#define GlobalLockPtr(pointer) GlobalLock(GlobalPtrHandle(pointer))
#define GlobalUnlockPtr(pointer) GlobalUnlock(GlobalPtrHandle(pointer))
#define GlobalAllocPtr(flags, size) GlobalLock(GlobalAlloc((flags), (size)))
#define GlobalReAllocPtr(pointer, size, flags) \
    (GlobalUnlockPtr(pointer), GlobalLock(GlobalReAlloc(GlobalPtrHandle(pointer), (size), (flags))))
#define GlobalFreePtr(pointer) (GlobalUnlockPtr(pointer), (BOOL)(ULONG_PTR)GlobalFree(GlobalPtrHandle(pointer)))

#ifdef __cplusplus
}
#endif
#endif
