/* compat/memory_wrapper.h: the memory calls of Win32 for code that is ported from Windows, and Alloc and Free of older game code.
 * For C99 and C++98 on, gcc and clang. docs/platform.md has what each call does otherwise than on Windows.
 *
 * Functions have Microsoft's names and types here; in libcc they are called cc_win32_<name>, so they clash with nothing. All may be
 * called from any thread. One that fails sets the calling thread's error code, which GetLastError tells; one that
 * succeeds leaves it alone, but for GlobalUnlock.
 *
 * Before including it: MEMORY_WRAPPER_NO_ALLOC leaves out the macros Alloc and Free. */
#ifndef CC_COMPAT_MEMORY_WRAPPER_H
#define CC_COMPAT_MEMORY_WRAPPER_H

#include "cc/platform.h"

/* ---- types ------------------------------------------------------------------------------------------------------- */

typedef int BOOL;
typedef unsigned char BYTE;
typedef unsigned short WORD;
typedef unsigned int DWORD; /* 32 bits, as on Windows */
typedef unsigned int UINT;
typedef DWORD *PDWORD, *LPDWORD;
typedef size_t SIZE_T;
typedef uintptr_t ULONG_PTR, DWORD_PTR;
typedef void *PVOID, *LPVOID;
typedef const void *LPCVOID;
typedef void *HANDLE;
typedef HANDLE HGLOBAL, HLOCAL;

#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif
#ifndef WINAPI
#define WINAPI
#endif

#define CC_WIN32_TEXT_(text) #text
#define CC_WIN32_TEXT(text) CC_WIN32_TEXT_(text)
#define CC_WIN32(name) __asm__(CC_WIN32_TEXT(__USER_LABEL_PREFIX__) "cc_win32_" #name)

#ifdef __cplusplus
extern "C" {
#endif

/* ---- errors ------------------------------------------------------------------------------------------------------ */

#define NO_ERROR 0
#define ERROR_SUCCESS 0
#define ERROR_INVALID_HANDLE 6
#define ERROR_NOT_ENOUGH_MEMORY 8
#define ERROR_BAD_LENGTH 24
#define ERROR_INVALID_PARAMETER 87
#define ERROR_DISCARDED 157
#define ERROR_NOT_LOCKED 158
#define ERROR_INVALID_ADDRESS 487
#define ERROR_NOACCESS 998
#define ERROR_WORKING_SET_QUOTA 1453
#define ERROR_COMMITMENT_LIMIT 1455

/* The calling thread's error code: 0 until a call fails. */
CC_API DWORD GetLastError(void) CC_WIN32(GetLastError);
CC_API void SetLastError(DWORD code) CC_WIN32(SetLastError);

/* ---- virtual memory: pages of 4 KiB (the system's), reserved at multiples of 64 KiB ------------------------------ */

#define MEM_COMMIT 0x00001000
#define MEM_RESERVE 0x00002000
#define MEM_DECOMMIT 0x00004000
#define MEM_RELEASE 0x00008000
#define MEM_FREE 0x00010000
#define MEM_PRIVATE 0x00020000
#define MEM_MAPPED 0x00040000
#define MEM_RESET 0x00080000
#define MEM_TOP_DOWN 0x00100000
#define MEM_IMAGE 0x01000000

#define PAGE_NOACCESS 0x01
#define PAGE_READONLY 0x02
#define PAGE_READWRITE 0x04
#define PAGE_WRITECOPY 0x08
#define PAGE_EXECUTE 0x10
#define PAGE_EXECUTE_READ 0x20
#define PAGE_EXECUTE_READWRITE 0x40
#define PAGE_EXECUTE_WRITECOPY 0x80
#define PAGE_GUARD 0x100
#define PAGE_NOCACHE 0x200
#define PAGE_WRITECOMBINE 0x400

typedef struct _MEMORY_BASIC_INFORMATION {
    PVOID BaseAddress;
    PVOID AllocationBase;
    DWORD AllocationProtect;
    SIZE_T RegionSize;
    DWORD State;
    DWORD Protect;
    DWORD Type;
} MEMORY_BASIC_INFORMATION, *PMEMORY_BASIC_INFORMATION;

CC_API LPVOID VirtualAlloc(LPVOID address, SIZE_T size, DWORD type, DWORD protect) CC_WIN32(VirtualAlloc);
CC_API BOOL VirtualFree(LPVOID address, SIZE_T size, DWORD type) CC_WIN32(VirtualFree);
CC_API BOOL VirtualProtect(LPVOID address, SIZE_T size, DWORD protect, PDWORD old_protect) CC_WIN32(VirtualProtect);
CC_API SIZE_T VirtualQuery(LPCVOID address, PMEMORY_BASIC_INFORMATION information, SIZE_T length) CC_WIN32(VirtualQuery);
CC_API BOOL VirtualLock(LPVOID address, SIZE_T size) CC_WIN32(VirtualLock);
CC_API BOOL VirtualUnlock(LPVOID address, SIZE_T size) CC_WIN32(VirtualUnlock);

/* ---- heaps ------------------------------------------------------------------------------------------------------- */

#define HEAP_NO_SERIALIZE 0x01
#define HEAP_GROWABLE 0x02
#define HEAP_GENERATE_EXCEPTIONS 0x04
#define HEAP_ZERO_MEMORY 0x08
#define HEAP_REALLOC_IN_PLACE_ONLY 0x10

/* A heap is its creator's until HeapDestroy, which frees all of its blocks; nobody may be inside a call of it then. */
CC_API HANDLE HeapCreate(DWORD options, SIZE_T initial, SIZE_T most) CC_WIN32(HeapCreate);
CC_API BOOL HeapDestroy(HANDLE heap) CC_WIN32(HeapDestroy);
CC_API LPVOID HeapAlloc(HANDLE heap, DWORD flags, SIZE_T size) CC_WIN32(HeapAlloc);
CC_API LPVOID HeapReAlloc(HANDLE heap, DWORD flags, LPVOID block, SIZE_T size) CC_WIN32(HeapReAlloc);
CC_API SIZE_T HeapSize(HANDLE heap, DWORD flags, LPCVOID block) CC_WIN32(HeapSize);
CC_API BOOL HeapFree(HANDLE heap, DWORD flags, LPVOID block) CC_WIN32(HeapFree);
CC_API BOOL HeapValidate(HANDLE heap, DWORD flags, LPCVOID block) CC_WIN32(HeapValidate);
CC_API HANDLE GetProcessHeap(void) CC_WIN32(GetProcessHeap);

/* ---- global and local memory: blocks by pointer or by handle ----------------------------------------------------- */

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

/* The same functions, but for LocalUnlock of fixed memory, which finds it not locked. */
CC_API HLOCAL LocalAlloc(UINT flags, SIZE_T size) CC_WIN32(GlobalAlloc);
CC_API HLOCAL LocalReAlloc(HLOCAL memory, SIZE_T size, UINT flags) CC_WIN32(GlobalReAlloc);
CC_API SIZE_T LocalSize(HLOCAL memory) CC_WIN32(GlobalSize);
CC_API UINT LocalFlags(HLOCAL memory) CC_WIN32(GlobalFlags);
CC_API LPVOID LocalLock(HLOCAL memory) CC_WIN32(GlobalLock);
CC_API BOOL LocalUnlock(HLOCAL memory) CC_WIN32(LocalUnlock);
CC_API HLOCAL LocalHandle(LPCVOID pointer) CC_WIN32(GlobalHandle);
CC_API HLOCAL LocalFree(HLOCAL memory) CC_WIN32(GlobalFree);

typedef struct _MEMORYSTATUS {
    DWORD dwLength; /* set by GlobalMemoryStatus */
    DWORD dwMemoryLoad;
    SIZE_T dwTotalPhys;
    SIZE_T dwAvailPhys;
    SIZE_T dwTotalPageFile;
    SIZE_T dwAvailPageFile;
    SIZE_T dwTotalVirtual;
    SIZE_T dwAvailVirtual;
} MEMORYSTATUS, *LPMEMORYSTATUS;

/* Platform_Ram_Override holds here, too. */
CC_API void GlobalMemoryStatus(LPMEMORYSTATUS status) CC_WIN32(GlobalMemoryStatus);

#ifdef __cplusplus
}
#endif

/* ---- macros ------------------------------------------------------------------------------------------------------ */

#define ZeroMemory(destination, count) Platform_ZeroMemory((destination), (count))
#define CopyMemory(destination, source, count) Platform_MemCopy((destination), (source), (count))
#define MoveMemory(destination, source, count) Platform_MemMove((destination), (source), (count))
#define FillMemory(destination, count, value) Platform_MemSet((destination), (value), (count))

#if !defined(MEMORY_WRAPPER_NO_ALLOC)
#define Alloc(size, flags) Platform_Alloc(size, flags)
#define Free(pointer) Platform_Free((void *)(pointer), 0)
#endif

#endif
