/* compat/win32_virtual.h: virtual memory: pages of 4 KiB (the system's), reserved at multiples of 64 KiB. Part of
 * compat/memory_wrapper.h. */
#ifndef CC_COMPAT_WIN32_VIRTUAL_H
#define CC_COMPAT_WIN32_VIRTUAL_H

#include "compat/win32_types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MEM_COMMIT 0x00001000
#define MEM_RESERVE 0x00002000
#define MEM_DECOMMIT 0x00004000
#define MEM_RELEASE 0x00008000
#define MEM_FREE 0x00010000
#define MEM_PRIVATE 0x00020000
#define MEM_MAPPED 0x00040000
#define MEM_RESET 0x00080000
#define MEM_TOP_DOWN 0x00100000
#define MEM_WRITE_WATCH 0x00200000
#define MEM_PHYSICAL 0x00400000
#define MEM_IMAGE 0x01000000
#define MEM_RESET_UNDO 0x01000000
#define MEM_LARGE_PAGES 0x20000000

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

/* These take any memory of the process; what VirtualAlloc and MapViewOfFile did not give is as the system lists it. */
CC_API BOOL VirtualProtect(LPVOID address, SIZE_T size, DWORD protect, PDWORD old_protect) CC_WIN32(VirtualProtect);
CC_API SIZE_T VirtualQuery(LPCVOID address, PMEMORY_BASIC_INFORMATION information, SIZE_T length)
    CC_WIN32(VirtualQuery);
CC_API BOOL VirtualLock(LPVOID address, SIZE_T size) CC_WIN32(VirtualLock);
CC_API BOOL VirtualUnlock(LPVOID address, SIZE_T size) CC_WIN32(VirtualUnlock);

/* Whether one of the bytes can't be read, or written, now; FALSE for none. Nothing is changed, no signal is raised. */
CC_API BOOL IsBadReadPtr(LPCVOID address, UINT_PTR size) CC_WIN32(IsBadReadPtr);
CC_API BOOL IsBadWritePtr(LPVOID address, UINT_PTR size) CC_WIN32(IsBadWritePtr);
CC_API BOOL IsBadCodePtr(FARPROC function) CC_WIN32(IsBadCodePtr);

/* The same for a string and its end, of which no more than `most` characters are looked at; TRUE for NULL. */
CC_API BOOL IsBadStringPtrA(LPCSTR text, UINT_PTR most) CC_WIN32(IsBadStringPtrA);
#define IsBadStringPtr IsBadStringPtrA
#define IsBadHugeReadPtr IsBadReadPtr
#define IsBadHugeWritePtr IsBadWritePtr

#ifdef __cplusplus
}
#endif
#endif
