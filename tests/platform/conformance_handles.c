/* What GlobalReAlloc and LocalReAlloc do with each kind of memory, size and flags, and what the calls make of pointers
 * to nothing. See say.h. */
#include "say.h"

static const UINT flags[] = {0,
                             GMEM_MOVEABLE,
                             GMEM_MODIFY,
                             GMEM_MOVEABLE | GMEM_MODIFY,
                             GMEM_DISCARDABLE,
                             GMEM_MOVEABLE | GMEM_DISCARDABLE,
                             GMEM_MOVEABLE | GMEM_MODIFY | GMEM_DISCARDABLE,
                             GMEM_MOVEABLE | GMEM_ZEROINIT,
                             GMEM_MOVEABLE | GMEM_DDESHARE | GMEM_NOCOMPACT};
enum { FLAGS = sizeof flags / sizeof *flags };

/* Blocks that Windows resizes in place, of more than its low-fragmentation heap has. */
static const SIZE_T sizes[] = {0, 100, 40000};
enum { SIZES = sizeof sizes / sizeof *sizes, OLD = 20000 };

/* Without the code for locked memory, where Wine leaves it as it was. */
static void say_resized(const char *name, HGLOBAL before, HGLOBAL after, SIZE_T size, UINT own_flags) {
    unsigned error = (own_flags & GMEM_LOCKCOUNT) == 0 ? (unsigned)GetLastError() : 0;
    const char *what = after == NULL               ? "NULL"
                       : after == before           ? "the same"
                       : ((size_t)after & 15) != 0 ? "a handle"
                                                   : "a pointer";
    printf("%s: %s, error %u, %lld bytes, flags %x\n", name, what, error, (long long)size, (unsigned)own_flags);
    SetLastError(12345);
}

static void test_global_resize(UINT first, const char *kind, int locks) {
    char name[128];
    int i, j, k;
    for (i = 0; i < FLAGS; i++) {
        for (j = 0; j < SIZES; j++) {
            HGLOBAL memory = GlobalAlloc(first, OLD), after;
            for (k = 0; k < locks; k++) GlobalLock(memory);
            /* whether fixed memory moves when it grows is the heap's affair */
            if ((first & GMEM_MOVEABLE) == 0 && sizes[j] > OLD && (flags[i] & (GMEM_MODIFY | GMEM_DISCARDABLE)) == 0)
                continue;
            if (locks > 0 && sizes[j] > OLD && (flags[i] & GMEM_MOVEABLE) == 0) continue;
            SetLastError(12345);
            after = GlobalReAlloc(memory, sizes[j], flags[i]);
            sprintf(name, "GlobalReAlloc, %s, to %d, flags %x", kind, (int)sizes[j], flags[i]);
            say_resized(name, memory, after, GlobalSize(after != NULL ? after : memory),
                        GlobalFlags(after != NULL ? after : memory));
        }
    }
}

static void test_local_resize(UINT first, const char *kind) {
    char name[128];
    int i, j;
    for (i = 0; i < FLAGS; i++) {
        for (j = 0; j < SIZES; j++) {
            HLOCAL memory = LocalAlloc(first, OLD), after;
            if ((first & LMEM_MOVEABLE) == 0 && sizes[j] > OLD && (flags[i] & (LMEM_MODIFY | LMEM_DISCARDABLE)) == 0)
                continue;
            SetLastError(12345);
            after = LocalReAlloc(memory, sizes[j], flags[i]);
            sprintf(name, "LocalReAlloc, %s, to %d, flags %x", kind, (int)sizes[j], flags[i]);
            say_resized(name, memory, after, LocalSize(after != NULL ? after : memory),
                        LocalFlags(after != NULL ? after : memory));
        }
    }
}

/* The address of a handle's block stands where the handle points to. */
static void test_handles(void) {
    HGLOBAL memory = GlobalAlloc(GMEM_MOVEABLE, 10), fixed = GlobalAlloc(GMEM_FIXED, 10), converted;
    char *kept = (char *)LocalAlloc(LPTR, 64), *same;
    say("a handle, what it points to", *(void **)memory == GlobalLock(memory));
    strcpy((char *)fixed, "kept");
    converted = GlobalReAlloc(fixed, 0, GMEM_MODIFY | GMEM_MOVEABLE);
    say("GlobalReAlloc, fixed becomes movable, contents", strcmp((char *)GlobalLock(converted), "kept") == 0);
    say("GlobalHandle, of what was fixed", GlobalHandle(GlobalLock(converted)) == converted);
    strcpy(kept, "kept");
    same = (char *)LocalReAlloc(kept, 0, LMEM_MODIFY | LMEM_MOVEABLE);
    say("LocalReAlloc, fixed stays fixed", same == kept && strcmp(same, "kept") == 0);
    say("GlobalFlags, shared", GlobalFlags(GlobalAlloc(GMEM_MOVEABLE | GMEM_DDESHARE, 5)) == GMEM_DDESHARE);
    say_number("LocalFlags, discardable", LocalFlags(LocalAlloc(LMEM_MOVEABLE | LMEM_DISCARDABLE, 5)));
    say_number("GlobalSize, fixed, of 0", GlobalSize(GlobalAlloc(GMEM_FIXED, 0)));
    say_number("LocalSize, fixed, of 0", LocalSize(LocalAlloc(LMEM_FIXED, 0)));
    say("GlobalDiscard", GlobalDiscard(memory) == NULL);
    GlobalUnlock(memory);
    say("GlobalDiscard, unlocked", GlobalDiscard(memory) == memory);
    say_number("GlobalFlags, after GlobalDiscard", GlobalFlags(memory));
}

static void test_pointers_to_nothing(void *nothing, const char *what) {
    char name[64];
#define SAY_POINTER(call, value) (sprintf(name, call ", %s", what), say(name, (value) != 0))
    SetLastError(12345);
    SAY_POINTER("GlobalFree", GlobalFree(nothing) != nothing);
    SAY_POINTER("GlobalFlags", GlobalFlags(nothing) != GMEM_INVALID_HANDLE);
    SAY_POINTER("GlobalSize", GlobalSize(nothing));
    SAY_POINTER("GlobalLock", GlobalLock(nothing) != NULL);
    SAY_POINTER("GlobalUnlock", GlobalUnlock(nothing));
    SAY_POINTER("GlobalReAlloc", GlobalReAlloc(nothing, 0, GMEM_MOVEABLE) != NULL);
    SAY_POINTER("GlobalReAlloc, modify", GlobalReAlloc(nothing, 0, GMEM_MODIFY) != NULL);
    SAY_POINTER("GlobalHandle", GlobalHandle(nothing) != NULL);
    SAY_POINTER("LocalFree", LocalFree(nothing) != nothing);
    SAY_POINTER("LocalFlags", LocalFlags(nothing) != LMEM_INVALID_HANDLE);
    SAY_POINTER("LocalSize", LocalSize(nothing));
    SAY_POINTER("LocalLock", LocalLock(nothing) != NULL);
    SAY_POINTER("LocalUnlock", LocalUnlock(nothing));
    SAY_POINTER("LocalReAlloc", LocalReAlloc(nothing, 0, LMEM_MOVEABLE) != NULL);
    SAY_POINTER("LocalHandle", LocalHandle(nothing) != NULL);
    SAY_POINTER("HeapValidate", HeapValidate(GetProcessHeap(), 0, nothing));
}

static void test_windowsx(void) {
    char *block = (char *)GlobalAllocPtr(GHND, 100);
    say("GlobalAllocPtr", block != NULL && all_are(block, 100, 0));
    say("GlobalPtrHandle", GlobalPtrHandle(block) != NULL && GlobalPtrHandle(block) != (HGLOBAL)block);
    memset(block, 7, 100);
    block = (char *)GlobalReAllocPtr(block, 50000, GHND);
    say("GlobalReAllocPtr", block != NULL && all_are(block, 100, 7) && all_are(block + 100, 49900, 0));
    say_number("GlobalFlags, of a locked pointer", GlobalFlags(GlobalPtrHandle(block)));
    say_number("GlobalFreePtr", (size_t)GlobalFreePtr(block));
}

int main(void) {
    test_global_resize(GMEM_FIXED, "fixed", 0);
    test_global_resize(GMEM_MOVEABLE, "movable", 0);
    test_global_resize(GMEM_MOVEABLE, "movable and locked", 1);
    test_global_resize(GMEM_MOVEABLE | GMEM_DDESHARE, "movable and shared", 0);
    test_global_resize(GMEM_MOVEABLE | GMEM_DISCARDABLE, "movable and discardable", 0);
    test_local_resize(LMEM_FIXED, "fixed");
    test_local_resize(LMEM_MOVEABLE, "movable");
    test_handles();
    test_pointers_to_nothing((void *)(size_t)0xDEADBEE0, "an unmapped pointer");
    test_pointers_to_nothing((void *)(size_t)0xDEADBEE8, "an unmapped handle");
    test_pointers_to_nothing((void *)(size_t)0xDEADBEE1, "an odd address");
    test_windowsx();
    return 0;
}
