/* compat/win32_types.h: Win32's types and error codes, as far as memory calls need them. Part of
 * compat/memory_wrapper.h. */
#ifndef CC_COMPAT_WIN32_TYPES_H
#define CC_COMPAT_WIN32_TYPES_H

#include "cc/base.h"

/* ---- types: with Windows' sizes, so LONG and DWORD have 32 bits -------------------------------------------------- */

typedef int BOOL, INT, LONG;
typedef unsigned char BYTE, UCHAR, BOOLEAN;
typedef short SHORT;
typedef unsigned short WORD, USHORT;
typedef unsigned int DWORD, UINT, ULONG;
typedef int64_t LONGLONG;
typedef uint64_t ULONGLONG, DWORDLONG, DWORD64;
typedef size_t SIZE_T;
typedef ptrdiff_t SSIZE_T;
typedef intptr_t INT_PTR, LONG_PTR;
typedef uintptr_t UINT_PTR, ULONG_PTR, DWORD_PTR;
typedef char CHAR, TCHAR;
typedef CHAR *PSTR, *LPSTR, *LPTSTR;
typedef const CHAR *PCSTR, *LPCSTR, *LPCTSTR;
typedef BOOL *PBOOL, *LPBOOL;
typedef BYTE *PBYTE, *LPBYTE;
typedef WORD *PWORD, *LPWORD;
typedef DWORD *PDWORD, *LPDWORD;
typedef LONG *PLONG, *LPLONG;
typedef ULONG *PULONG;
typedef INT *PINT, *LPINT;
typedef UINT *PUINT;
typedef SIZE_T *PSIZE_T;
typedef void *PVOID, *LPVOID;
typedef const void *LPCVOID;
typedef void *HANDLE;
typedef HANDLE *PHANDLE, *LPHANDLE;
typedef HANDLE HGLOBAL, HLOCAL;
typedef struct HINSTANCE__ *HINSTANCE, *HMODULE;
typedef struct HWND__ *HWND;
typedef INT_PTR (*FARPROC)(void);

#ifndef VOID
#define VOID void
#endif
#ifndef CONST
#define CONST const
#endif
#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif
#ifndef MAX_PATH
#define MAX_PATH 260
#endif
#define INVALID_HANDLE_VALUE ((HANDLE)(LONG_PTR)-1)

/* Ways to call and to point that 64 bits have no need for. */
#ifndef WINAPI
#define WINAPI
#endif
#ifndef CALLBACK
#define CALLBACK
#endif
#ifndef PASCAL
#define PASCAL
#endif
#ifndef FAR
#define FAR
#endif
#ifndef NEAR
#define NEAR
#endif

/* ---- errors ------------------------------------------------------------------------------------------------------ */

#define NO_ERROR 0
#define ERROR_SUCCESS 0
#define ERROR_FILE_NOT_FOUND 2
#define ERROR_ACCESS_DENIED 5
#define ERROR_INVALID_HANDLE 6
#define ERROR_NOT_ENOUGH_MEMORY 8
#define ERROR_BAD_LENGTH 24
#define ERROR_GEN_FAILURE 31
#define ERROR_INVALID_PARAMETER 87
#define ERROR_DISK_FULL 112
#define ERROR_INSUFFICIENT_BUFFER 122
#define ERROR_DISCARDED 157
#define ERROR_NOT_LOCKED 158
#define ERROR_ALREADY_EXISTS 183
#define ERROR_BAD_EXE_FORMAT 193
#define ERROR_NO_MORE_ITEMS 259
#define ERROR_NOT_OWNER 288
#define ERROR_INVALID_ADDRESS 487
#define ERROR_NOACCESS 998
#define ERROR_FILE_INVALID 1006
#define ERROR_MAPPED_ALIGNMENT 1132
#define ERROR_WORKING_SET_QUOTA 1453
#define ERROR_COMMITMENT_LIMIT 1455

/* A function's name in libcc. */
#define CC_WIN32_TEXT_(text) #text
#define CC_WIN32_TEXT(text) CC_WIN32_TEXT_(text)
#define CC_WIN32(name) __asm__(CC_WIN32_TEXT(__USER_LABEL_PREFIX__) "cc_win32_" #name)

#ifdef __cplusplus
extern "C" {
#endif

/* The calling thread's error code: 0 until a call fails. */
CC_API DWORD GetLastError(void) CC_WIN32(GetLastError);
CC_API void SetLastError(DWORD code) CC_WIN32(SetLastError);

#ifdef __cplusplus
}
#endif
#endif
