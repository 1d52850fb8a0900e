/* A game's memory in the manner of 1995: a heap made at the start, a pool that commits pages as it grows, scratch
 * buffers each frame, surfaces behind handles. Written for Windows; to port it, the first two lines below took the
 * place of
 *
 *     #include <windows.h>
 *     #include "mem.h"
 * / */
#define MEMORY_WRAPPER_ALLOC_MACROS /* so that a leak has its line in C, too */
#include "compat/memory_wrapper.h"
#include <stdio.h>

#define SCREEN_WIDTH 320
#define SCREEN_HEIGHT 200
#define MAX_OBJECTS 4096
#define POOL_BYTES (16UL * 1024UL * 1024UL)
#define PAGE_BYTES 4096UL
#define MAX_SURFACES 8

typedef struct Object {
    struct Object *Next;
    int X, Y;
    int Strength;
} Object;

static HANDLE GameHeap = NULL;
static BYTE *Pool = NULL;
static DWORD PoolUsed = 0;
static DWORD PoolCommitted = 0;
static HGLOBAL Surfaces[MAX_SURFACES];
static Object *Objects = NULL;

static void Fatal(char const *what) {
    fprintf(stderr, "%s failed with error %u\n", what, (unsigned)GetLastError());
}

/* Reserves all that the pool may ever take; nothing of it is memory yet. */
static BOOL Init_Memory(void) {
    MEMORYSTATUS status;
    GlobalMemoryStatus(&status);
    if (status.dwTotalPhys < 8UL * 1024UL * 1024UL) {
        Fatal("8 megabytes of RAM");
        return FALSE;
    }
    GameHeap = HeapCreate(HEAP_NO_SERIALIZE, 64UL * 1024UL, 0);
    if (GameHeap == NULL) {
        Fatal("HeapCreate");
        return FALSE;
    }
    Pool = (BYTE *)VirtualAlloc(NULL, POOL_BYTES, MEM_RESERVE, PAGE_NOACCESS);
    if (Pool == NULL) {
        Fatal("VirtualAlloc");
        return FALSE;
    }
    return TRUE;
}

static void *Pool_Alloc(DWORD size) {
    void *result;
    size = (size + 15) & ~15U;
    while (PoolUsed + size > PoolCommitted) {
        if (VirtualAlloc(Pool + PoolCommitted, PAGE_BYTES, MEM_COMMIT, PAGE_READWRITE) == NULL) return NULL;
        PoolCommitted += PAGE_BYTES;
    }
    result = Pool + PoolUsed;
    PoolUsed += size;
    return result;
}

static void Pool_Reset(void) {
    VirtualFree(Pool, PoolCommitted, MEM_DECOMMIT);
    PoolUsed = PoolCommitted = 0;
}

static Object *Create_Object(int x, int y) {
    Object *object = (Object *)HeapAlloc(GameHeap, HEAP_ZERO_MEMORY, sizeof(Object));
    if (object == NULL) return NULL;
    object->X = x;
    object->Y = y;
    object->Next = Objects;
    Objects = object;
    return object;
}

static BOOL Load_Surfaces(void) {
    int index;
    for (index = 0; index < MAX_SURFACES; index++) {
        BYTE *pixels;
        Surfaces[index] = GlobalAlloc(GMEM_MOVEABLE | GMEM_ZEROINIT, SCREEN_WIDTH * 16);
        pixels = (BYTE *)GlobalLock(Surfaces[index]);
        if (pixels == NULL) return FALSE;
        FillMemory(pixels, SCREEN_WIDTH * 16, index + 1);
        GlobalUnlock(Surfaces[index]);
    }
    return TRUE;
}

/* Draws into a scratch buffer that lives as long as the frame. */
static unsigned Render_Frame(int frame) {
    unsigned sum = 0;
    int index;
    Object *object;
    BYTE *line;
    BYTE *screen = (BYTE *)Alloc(SCREEN_WIDTH * SCREEN_HEIGHT, MEM_TEMP | MEM_CLEAR);
    if (screen == NULL) return 0;
    for (index = 0; index < MAX_SURFACES; index++) {
        BYTE const *pixels = (BYTE const *)GlobalLock(Surfaces[index]);
        CopyMemory(screen + index * SCREEN_WIDTH * 16, pixels, SCREEN_WIDTH * 16);
        GlobalUnlock(Surfaces[index]);
    }
    for (object = Objects; object != NULL; object = object->Next) {
        screen[object->Y % SCREEN_HEIGHT * SCREEN_WIDTH + (object->X + frame) % SCREEN_WIDTH] ^= 0x80;
    }
    line = (BYTE *)Pool_Alloc(SCREEN_WIDTH);
    if (line != NULL) {
        MoveMemory(line, screen + frame % SCREEN_HEIGHT * SCREEN_WIDTH, SCREEN_WIDTH);
        ZeroMemory(line, 16);
    }
    for (index = 0; index < SCREEN_WIDTH * SCREEN_HEIGHT; index++) sum = sum * 31 + screen[index];
    Free(screen);
    return sum;
}

static void Shut_Down(void) {
    int index;
    for (index = 0; index < MAX_SURFACES; index++) GlobalFree(Surfaces[index]);
    VirtualFree(Pool, 0, MEM_RELEASE);
    HeapDestroy(GameHeap); /* and all objects with it */
}

int main(void) {
    unsigned sum = 0;
    int index;
    void *forgotten;
    Platform_Mem_TrackLeaks(true);
    if (!Init_Memory() || !Load_Surfaces()) return 1;
    for (index = 0; index < MAX_OBJECTS; index++) {
        if (Create_Object(index * 7, index * 3) == NULL) return 1;
    }
    for (index = 0; index < 100; index++) sum ^= Render_Frame(index);
    printf("100 frames, checksum %08x, pool %u bytes in %u pages\n", sum, (unsigned)PoolUsed,
           (unsigned)(PoolCommitted / PAGE_BYTES));
    Pool_Reset();

    forgotten = Alloc(100, MEM_NORMAL);
    Platform_Mem_DumpLeaks(); /* one leak, here */
    Free(forgotten);
    printf("%u bytes in %u blocks are left\n", (unsigned)Platform_Mem_GetAllocated(),
           (unsigned)Platform_Mem_GetCount());
    Shut_Down();
    return 0;
}
