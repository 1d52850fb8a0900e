/* compat/win32_mapping.h: files and shared memory as memory. Part of compat/memory_wrapper.h.
 *
 * A mapping's handle is its creator's until CloseHandle. Views keep what they show: they last until UnmapViewOfFile. */
#ifndef CC_COMPAT_WIN32_MAPPING_H
#define CC_COMPAT_WIN32_MAPPING_H

#include "compat/win32_types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SEC_FILE 0x00800000
#define SEC_IMAGE 0x01000000
#define SEC_RESERVE 0x04000000
#define SEC_COMMIT 0x08000000
#define SEC_NOCACHE 0x10000000
#define SEC_WRITECOMBINE 0x40000000
#define SEC_LARGE_PAGES 0x80000000

#define FILE_MAP_COPY 0x0001
#define FILE_MAP_WRITE 0x0002
#define FILE_MAP_READ 0x0004
#define FILE_MAP_EXECUTE 0x0020
#define FILE_MAP_ALL_ACCESS 0x000F001F

typedef struct _SECURITY_ATTRIBUTES {
    DWORD nLength;
    LPVOID lpSecurityDescriptor;
    BOOL bInheritHandle;
} SECURITY_ATTRIBUTES, *PSECURITY_ATTRIBUTES, *LPSECURITY_ATTRIBUTES;

/* The handle of an open file, as for the same function of Microsoft's C library: `file` is a descriptor of open(2). */
CC_API intptr_t _get_osfhandle(int file) CC_WIN32(_get_osfhandle);

/* `file`: INVALID_HANDLE_VALUE for memory of no file, or from _get_osfhandle, which may be closed then. The attributes
 * are ignored. A name is known in this process alone. A mapping that is there already is given again, with
 * ERROR_ALREADY_EXISTS; else the error code is 0. NULL when it fails. */
CC_API HANDLE CreateFileMappingA(HANDLE file, LPSECURITY_ATTRIBUTES attributes, DWORD protect, DWORD size_high,
                                 DWORD size_low, LPCSTR name) CC_WIN32(CreateFileMappingA);
CC_API HANDLE OpenFileMappingA(DWORD access, BOOL inherit, LPCSTR name) CC_WIN32(OpenFileMappingA);
#define CreateFileMapping CreateFileMappingA
#define OpenFileMapping OpenFileMappingA

/* `size` 0: to the end. The offset is a multiple of 64 KiB, and so is a wanted address. */
CC_API LPVOID MapViewOfFile(HANDLE mapping, DWORD access, DWORD offset_high, DWORD offset_low, SIZE_T size)
    CC_WIN32(MapViewOfFile);
CC_API LPVOID MapViewOfFileEx(HANDLE mapping, DWORD access, DWORD offset_high, DWORD offset_low, SIZE_T size,
                              LPVOID wanted) CC_WIN32(MapViewOfFileEx);

/* `address` lies anywhere in the view. */
CC_API BOOL UnmapViewOfFile(LPCVOID address) CC_WIN32(UnmapViewOfFile);

/* Writes a view's bytes to its file; size 0: all from the address on. */
CC_API BOOL FlushViewOfFile(LPCVOID address, SIZE_T size) CC_WIN32(FlushViewOfFile);

/* Closes a mapping, or a file of _get_osfhandle. */
CC_API BOOL CloseHandle(HANDLE handle) CC_WIN32(CloseHandle);

#ifdef __cplusplus
}
#endif
#endif
