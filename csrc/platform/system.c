/* platform/system.c: the machine and its memory, as Win32 tells them. */
#include "compat/win32_system.h"

#include <string.h>

#include "virtual.h"

void GetSystemInfo(LPSYSTEM_INFO information) {
    unsigned processors = cc__os_processor_count();
    memset(information, 0, sizeof *information);
#if defined(__x86_64__)
    information->wProcessorArchitecture = PROCESSOR_ARCHITECTURE_AMD64;
    information->dwProcessorType = PROCESSOR_AMD_X8664;
    information->wProcessorLevel = 6;
#elif defined(__aarch64__)
    information->wProcessorArchitecture = PROCESSOR_ARCHITECTURE_ARM64;
#else
    information->wProcessorArchitecture = PROCESSOR_ARCHITECTURE_UNKNOWN;
#endif
    information->dwPageSize = (DWORD)cc__os_page_size();
    information->lpMinimumApplicationAddress = (LPVOID)(uintptr_t)CC__GRANULARITY;
    information->lpMaximumApplicationAddress = (LPVOID)(CC__ADDRESS_LIMIT - CC__GRANULARITY - 1);
    information->dwActiveProcessorMask = processors < 64 ? ((DWORD_PTR)1 << processors) - 1 : ~(DWORD_PTR)0;
    information->dwNumberOfProcessors = processors;
    information->dwAllocationGranularity = CC__GRANULARITY;
}

SIZE_T GetLargePageMinimum(void) {
    return 0;
}

HANDLE GetCurrentProcess(void) {
    return (HANDLE)(LONG_PTR)-1;
}

BOOL FlushInstructionCache(HANDLE process, LPCVOID address, SIZE_T size) {
    if (process != GetCurrentProcess()) return cc__platform_false(ERROR_INVALID_HANDLE);
    char *begin = (char *)(uintptr_t)address;
    if (begin != NULL) __builtin___clear_cache(begin, begin + size);
    return TRUE;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void fill(LPMEMORYSTATUSEX status) {
    cc__os_memory_t memory;
    cc__platform_memory(&memory);
    *status = (MEMORYSTATUSEX){.dwLength = sizeof *status};
    if (memory.total > 0) status->dwMemoryLoad = (DWORD)((memory.total - memory.available) * 100 / memory.total);
    status->ullTotalPhys = memory.total;
    status->ullAvailPhys = memory.available;
    status->ullTotalPageFile = memory.total + memory.swap_total;
    status->ullAvailPageFile = memory.available + memory.swap_available;
    status->ullTotalVirtual = memory.address_total;
    status->ullAvailVirtual = memory.address_total - memory.address_used;
}

BOOL GlobalMemoryStatusEx(LPMEMORYSTATUSEX status) {
    if (status == NULL || status->dwLength != sizeof *status) return cc__platform_false(ERROR_INVALID_PARAMETER);
    fill(status);
    return TRUE;
}

void GlobalMemoryStatus(LPMEMORYSTATUS status) {
    MEMORYSTATUSEX all;
    fill(&all);
    *status = (MEMORYSTATUS){
        .dwLength = sizeof *status,
        .dwMemoryLoad = all.dwMemoryLoad,
        .dwTotalPhys = (SIZE_T)all.ullTotalPhys,
        .dwAvailPhys = (SIZE_T)all.ullAvailPhys,
        .dwTotalPageFile = (SIZE_T)all.ullTotalPageFile,
        .dwAvailPageFile = (SIZE_T)all.ullAvailPageFile,
        .dwTotalVirtual = (SIZE_T)all.ullTotalVirtual,
        .dwAvailVirtual = (SIZE_T)all.ullAvailVirtual,
    };
}
