/* say.h: how the conformance programs tell what a call did: lines "call, situation: result". The same programs are
 * compiled for Windows and run by Wine; tests/platform/test_platform.py compares the lines. Addresses are told relative
 * to a reservation. */
#ifndef SAY_H
#define SAY_H

#if defined(_WIN32)
#include <windows.h>
#include <windowsx.h>
#else
#include "compat/memory_wrapper.h"
#endif

#include <stdio.h>
#include <string.h>

#define KIB 1024u
#define MIB (1024u * 1024u)

static char *base; /* addresses are told relative to it */

/* The error code of a call that failed: "ok" when it did not. */
static inline void say(const char *name, int good) {
    unsigned error = (unsigned)GetLastError();
    if (good)
        printf("%s: ok\n", name);
    else
        printf("%s: error %u\n", name, error);
    SetLastError(12345);
}

static inline void say_number(const char *name, size_t value) {
    printf("%s: %lld\n", name, (long long)value);
    SetLastError(12345);
}

static inline void say_address(const char *name, const void *address) {
    if (address == NULL)
        say(name, 0);
    else
        say_number(name, (size_t)((const char *)address - base));
}

static inline int all_are(const char *bytes, size_t count, char value) {
    size_t i;
    for (i = 0; i < count; i++)
        if (bytes[i] != value) return 0;
    return 1;
}

static inline void say_query(const char *name, const void *address) {
    MEMORY_BASIC_INFORMATION found;
    char allocation[32] = "none";
    memset(&found, 0, sizeof found);
    if (VirtualQuery(address, &found, sizeof found) == 0) {
        say(name, 0);
        return;
    }
    if (found.State == MEM_FREE) {
        printf("%s: free\n", name);
        return;
    }
    sprintf(allocation, "%lld", (long long)((char *)found.AllocationBase - base));
    printf("%s: at %lld of %s, %lld bytes, state %x, protect %x, at first %x, type %x\n", name,
           (long long)((char *)found.BaseAddress - base), allocation, (long long)found.RegionSize,
           (unsigned)found.State, (unsigned)found.Protect, (unsigned)found.AllocationProtect, (unsigned)found.Type);
}

#endif
