/* compat/win32_system.h: the machine and its memory. Part of compat/memory_wrapper.h. */
#ifndef CC_COMPAT_WIN32_SYSTEM_H
#define CC_COMPAT_WIN32_SYSTEM_H

#include "compat/win32_types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PROCESSOR_ARCHITECTURE_INTEL 0
#define PROCESSOR_ARCHITECTURE_AMD64 9
#define PROCESSOR_ARCHITECTURE_ARM64 12
#define PROCESSOR_ARCHITECTURE_UNKNOWN 0xFFFF
#define PROCESSOR_INTEL_PENTIUM 586
#define PROCESSOR_AMD_X8664 8664

typedef struct _SYSTEM_INFO {
    __extension__ union {
        DWORD dwOemId;
        __extension__ struct {
            WORD wProcessorArchitecture;
            WORD wReserved;
        };
    };
    DWORD dwPageSize;
    LPVOID lpMinimumApplicationAddress;
    LPVOID lpMaximumApplicationAddress;
    DWORD_PTR dwActiveProcessorMask;
    DWORD dwNumberOfProcessors;
    DWORD dwProcessorType;
    DWORD dwAllocationGranularity;
    WORD wProcessorLevel;
    WORD wProcessorRevision;
} SYSTEM_INFO, *LPSYSTEM_INFO;

CC_API void GetSystemInfo(LPSYSTEM_INFO information) CC_WIN32(GetSystemInfo);

/* 0: VirtualAlloc gives no large pages. */
CC_API SIZE_T GetLargePageMinimum(void) CC_WIN32(GetLargePageMinimum);

/* A handle that means the process itself, for FlushInstructionCache. */
CC_API HANDLE GetCurrentProcess(void) CC_WIN32(GetCurrentProcess);

/* Has code run that was just written. Another process's is ERROR_INVALID_HANDLE. */
CC_API BOOL FlushInstructionCache(HANDLE process, LPCVOID address, SIZE_T size) CC_WIN32(FlushInstructionCache);

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

typedef struct _MEMORYSTATUSEX {
    DWORD dwLength; /* set by the caller, or the call fails with ERROR_INVALID_PARAMETER */
    DWORD dwMemoryLoad;
    DWORDLONG ullTotalPhys;
    DWORDLONG ullAvailPhys;
    DWORDLONG ullTotalPageFile;
    DWORDLONG ullAvailPageFile;
    DWORDLONG ullTotalVirtual;
    DWORDLONG ullAvailVirtual;
    DWORDLONG ullAvailExtendedVirtual;
} MEMORYSTATUSEX, *LPMEMORYSTATUSEX;

/* Platform_Ram_Override holds here, too. */
CC_API void GlobalMemoryStatus(LPMEMORYSTATUS status) CC_WIN32(GlobalMemoryStatus);
CC_API BOOL GlobalMemoryStatusEx(LPMEMORYSTATUSEX status) CC_WIN32(GlobalMemoryStatusEx);

#ifdef __cplusplus
}
#endif
#endif
