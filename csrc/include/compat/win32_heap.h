/* compat/win32_heap.h: heaps. Part of compat/memory_wrapper.h. */
#ifndef CC_COMPAT_WIN32_HEAP_H
#define CC_COMPAT_WIN32_HEAP_H

#include "compat/win32_types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HEAP_NO_SERIALIZE 0x01
#define HEAP_GROWABLE 0x02
#define HEAP_GENERATE_EXCEPTIONS 0x04
#define HEAP_ZERO_MEMORY 0x08
#define HEAP_REALLOC_IN_PLACE_ONLY 0x10
#define HEAP_TAIL_CHECKING_ENABLED 0x20
#define HEAP_FREE_CHECKING_ENABLED 0x40
#define HEAP_DISABLE_COALESCE_ON_FREE 0x80
#define HEAP_CREATE_ALIGN_16 0x00010000
#define HEAP_CREATE_ENABLE_TRACING 0x00020000
#define HEAP_CREATE_ENABLE_EXECUTE 0x00040000

/* A heap is its creator's until HeapDestroy, which frees all of its blocks; nobody may be inside a call of it then. */
CC_API HANDLE HeapCreate(DWORD options, SIZE_T initial, SIZE_T most) CC_WIN32(HeapCreate);
CC_API BOOL HeapDestroy(HANDLE heap) CC_WIN32(HeapDestroy);
CC_API LPVOID HeapAlloc(HANDLE heap, DWORD flags, SIZE_T size) CC_WIN32(HeapAlloc);
CC_API LPVOID HeapReAlloc(HANDLE heap, DWORD flags, LPVOID block, SIZE_T size) CC_WIN32(HeapReAlloc);
CC_API SIZE_T HeapSize(HANDLE heap, DWORD flags, LPCVOID block) CC_WIN32(HeapSize);
CC_API BOOL HeapFree(HANDLE heap, DWORD flags, LPVOID block) CC_WIN32(HeapFree);
CC_API BOOL HeapValidate(HANDLE heap, DWORD flags, LPCVOID block) CC_WIN32(HeapValidate);
CC_API HANDLE GetProcessHeap(void) CC_WIN32(GetProcessHeap);

/* How many heaps there are; the process's and then the others in the order of their creation are put into `heaps`, at
 * most `room` of them. */
CC_API DWORD GetProcessHeaps(DWORD room, PHANDLE heaps) CC_WIN32(GetProcessHeaps);

/* Keeps other threads out of the heap's calls until the same thread has unlocked it as often. A heap with
 * HEAP_NO_SERIALIZE has no lock: TRUE at once. */
CC_API BOOL HeapLock(HANDLE heap) CC_WIN32(HeapLock);
CC_API BOOL HeapUnlock(HANDLE heap) CC_WIN32(HeapUnlock);

/* Gives unused memory of the heap back to the system. The bytes that the largest block could have now. */
CC_API SIZE_T HeapCompact(HANDLE heap, DWORD flags) CC_WIN32(HeapCompact);

#define PROCESS_HEAP_REGION 0x0001
#define PROCESS_HEAP_UNCOMMITTED_RANGE 0x0002
#define PROCESS_HEAP_ENTRY_BUSY 0x0004
#define PROCESS_HEAP_ENTRY_MOVEABLE 0x0010
#define PROCESS_HEAP_ENTRY_DDESHARE 0x0020

typedef struct _PROCESS_HEAP_ENTRY {
    PVOID lpData; /* NULL, set by the caller: the walk begins */
    DWORD cbData;
    BYTE cbOverhead;
    BYTE iRegionIndex;
    WORD wFlags;
    __extension__ union {
        struct {
            HANDLE hMem;
            DWORD dwReserved[3]; /* [0]: HeapWalk's */
        } Block;
        struct {
            DWORD dwCommittedSize;
            DWORD dwUnCommittedSize;
            LPVOID lpFirstBlock;
            LPVOID lpLastBlock;
        } Region;
    };
} PROCESS_HEAP_ENTRY, *LPPROCESS_HEAP_ENTRY, *PPROCESS_HEAP_ENTRY;

/* The heap as it was when the walk began: one region, and then each block by address. FALSE with ERROR_NO_MORE_ITEMS at
 * the end. One walk of a heap at a time. */
CC_API BOOL HeapWalk(HANDLE heap, LPPROCESS_HEAP_ENTRY entry) CC_WIN32(HeapWalk);

typedef enum _HEAP_INFORMATION_CLASS {
    HeapCompatibilityInformation = 0,
    HeapEnableTerminationOnCorruption = 1,
    HeapOptimizeResources = 3
} HEAP_INFORMATION_CLASS;

/* A heap's compatibility is kept and told, and nothing else is done with it. */
CC_API BOOL HeapSetInformation(HANDLE heap, HEAP_INFORMATION_CLASS what, PVOID information, SIZE_T length)
    CC_WIN32(HeapSetInformation);
CC_API BOOL HeapQueryInformation(HANDLE heap, HEAP_INFORMATION_CLASS what, PVOID information, SIZE_T length,
                                 PSIZE_T needed) CC_WIN32(HeapQueryInformation);

#ifdef __cplusplus
}
#endif
#endif
