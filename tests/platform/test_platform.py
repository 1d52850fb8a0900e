"""The Win32 header as its users meet it: old code compiles in every language and by every compiler, runs under the
address sanitizer, and the calls do what Microsoft documents, as tests/platform/conformance*.txt have it line by line.
Wine runs the same programs, compiled for Windows; where it differs, docs/platform.md has a row.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import concurrent_collections

ROOT = Path(__file__).resolve().parents[2]
GAME = ROOT / "examples" / "game"
CONFORMANCE = sorted((ROOT / "tests" / "platform").glob("conformance*.c"))
DOCS = ROOT / "docs" / "platform.md"
PACKAGE = Path(concurrent_collections.__file__).parent
INCLUDE = PACKAGE / "include"
WARNINGS = ["-Wall", "-Wextra", "-Wundef", "-Wshadow", "-pedantic", "-Werror"]
MINGW = "x86_64-w64-mingw32-gcc"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "t" in getattr(sys, "abiflags", ""), reason="nothing of it depends on the interpreter: it runs on the stock one"
    ),
]

_specification = importlib.util.spec_from_file_location("cc_build", ROOT / "csrc" / "build.py")
build = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(build)


def need(*tools: str) -> None:
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing and os.environ.get("CC_TEST_REQUIRE_TOOLS") == "1":
        pytest.fail(f"missing: {missing}")
    if missing:
        pytest.skip(f"needs {missing}")


def run(*command: str | Path, **options) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def library() -> list[str]:
    lib = PACKAGE / "lib"
    return [str(next(lib.glob("libcc.so.*"))), f"-Wl,-rpath,{lib}"]


def language(standard: str) -> list[str]:
    return ["-x", "c++" if "++" in standard else "c", f"-std={standard}"]


GAME_PRINTS = "100 frames, checksum 70980000, pool 32000 bytes in 8 pages\n0 bytes in 0 blocks are left\n"
STANDARDS = ["c99", "gnu99", "c11", "c17", "c++98", "gnu++98", "c++03", "c++11", "c++14", "c++17", "c++20"]


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("standard", STANDARDS)
def test_old_code_compiles(compiler, standard):
    need(compiler)
    run(compiler, *language(standard), *WARNINGS, f"-I{INCLUDE}", "-fsyntax-only", GAME / "game.cpp")


@pytest.mark.parametrize("compiler, standard", [("gcc", "c99"), ("clang", "c99"), ("gcc", "c++98"), ("clang", "c++20")])
def test_old_code_runs(compiler, standard, tmp_path):
    need(compiler)
    game = tmp_path / "game"
    run(compiler, *language(standard), "-O2", f"-I{INCLUDE}", GAME / "game.cpp", "-x", "none", *library(), "-o", game)
    done = subprocess.run([game], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, GAME_PRINTS)
    lines = (GAME / "game.cpp").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "forgotten = Alloc" in text)
    assert done.stderr == (
        "libcc: 100 bytes in 1 tracked blocks are not freed\n"
        f"libcc: leak: 100 bytes in 1 block from {GAME / 'game.cpp'}:{line}\n"
    )


@pytest.fixture(scope="module")
def asan_objects(tmp_path_factory) -> tuple[list[str], list[Path]]:
    """This layer and those below it, alone, for the address sanitizer."""
    flags = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    files = [path for layer in ("base", "alloc", "platform") for path in sorted((build.CSRC / layer).glob("*.c"))]
    all_flags = [*build.BASE_FLAGS, f"-I{build.INCLUDE}", "-DCC_BACKEND_LIBC=1", *flags]
    return flags, build.compile_objects(files, tmp_path_factory.mktemp("objects"), all_flags, command=["gcc"])


@pytest.mark.parametrize("standard", ["c99", "c++98", "c++20"])
def test_old_code_runs_under_the_address_sanitizer(standard, asan_objects, tmp_path):
    flags, objects = asan_objects
    sources = ["-pthread", *flags, *language(standard), f"-I{INCLUDE}", GAME / "game.cpp", "-x", "none", *objects]
    run("g++", *sources, "-ldl", "-lm", "-o", tmp_path / "game")
    assert run(tmp_path / "game") == GAME_PRINTS


def test_a_use_after_free_is_seen_by_the_address_sanitizer(asan_objects, tmp_path):
    """Or its silence would mean nothing."""
    flags, objects = asan_objects
    source = tmp_path / "bad.c"
    for lines in [
        "char *p = Alloc(100, MEM_TEMP); Free(p); return p[1];",
        "HANDLE h = HeapCreate(0, 0, 0); char *p = HeapAlloc(h, 8, 100); HeapDestroy(h); return p[1];",
        "char *p = GlobalAlloc(GPTR, 100); p[100] = 1; return 0;",
    ]:
        source.write_text(f'#include "compat/memory_wrapper.h"\nint main(void) {{ {lines} }}\n')
        run("gcc", "-w", "-pthread", *flags, f"-I{INCLUDE}", source, *objects, "-ldl", "-lm", "-o", tmp_path / "bad")
        done = subprocess.run([tmp_path / "bad"], capture_output=True, text=True, timeout=60)
        assert done.returncode != 0 and "AddressSanitizer: heap-" in done.stderr, done.stderr


OWN_NAMES = """
#define MEMORY_WRAPPER_NO_ALLOC
#define PLATFORM_NO_INLINE
#include "compat/memory_wrapper.h"
#include "compat/memory_wrapper.h"
static int Alloc(int size) { return size; }
static int Free(int size) { return size; }
static LPVOID (WINAPI *reserve)(LPVOID, SIZE_T, DWORD, DWORD) = &VirtualAlloc;
static void *(*allocate)(size_t, uint32_t) = &Platform_Alloc;
int main(void) {
    void *block = allocate(10, MEM_CLEAR);
    Platform_Free(block, 10);
    return reserve(NULL, 1, MEM_RESERVE, PAGE_READWRITE) == NULL || Alloc(3) != Free(3);
}
"""
MEMBERS = """
#include "compat/memory_wrapper.h"
struct Allocator { void *(*Alloc)(size_t size, uint32_t flags); void (*Free)(void *pointer); };
static void *take(size_t size, uint32_t flags) { return Alloc(size, flags); }
static void give(void *pointer) { Free(pointer); Free((const char *)NULL); }
int main(void) {
    struct Allocator allocator = {take, give};
    char *block = (char *)allocator.Alloc(10, MEM_CLEAR | MEM_TEMP);
    int good = block != NULL && block[9] == 0 && Platform_Mem_GetTempCount() == 1;
    allocator.Free(block);
    return good && Platform_Mem_GetCount() == 0 ? 0 : 1;
}
"""
METHODS = """
#include "compat/memory_wrapper.h"
#include <string.h>
struct IMalloc { virtual void *Alloc(unsigned long n) = 0; virtual void Free(void *p) = 0; virtual ~IMalloc() {} };
struct Own : IMalloc {
    void *Alloc(unsigned long n) { return ::Alloc(n, MEM_NORMAL); }
    void Free(void *p) { ::Free(p); }
};
static int line;
static void note(const Platform_Leak *leak, void *) { line = strstr(leak->file, "switches") != NULL ? leak->line : 0; }
int main() {
    Own own;
    IMalloc *other = &own;
    other->Free(other->Alloc(10));
    Platform_Mem_TrackLeaks(true);
    void *forgotten = Alloc(10, MEM_NORMAL); int here = __LINE__;
    Platform_Mem_DumpLeaksTo(note, NULL);
    Free(forgotten);
    return line == here ? 0 : 1;
}
"""


@pytest.mark.parametrize(
    "standard, text",
    [
        pytest.param("c99", OWN_NAMES, id="own, C"),
        pytest.param("c++98", OWN_NAMES, id="own, C++"),
        pytest.param("c99", MEMBERS, id="members, C"),
        pytest.param("c++98", MEMBERS, id="members, C++"),
        pytest.param("c++98", METHODS, id="methods"),
        pytest.param("c++20", METHODS, id="methods, new"),
    ],
)
def test_switches(standard, text, tmp_path):
    """Code with its own Alloc and Free, without the inlines, with pointers to the functions; members of these names."""
    source = tmp_path / "switches.c"
    source.write_text(text)
    run("g++", *language(standard), *WARNINGS, f"-I{INCLUDE}", source, "-x", "none", *library(), "-o", tmp_path / "own")
    run(tmp_path / "own")


def test_the_two_headers_with_alloc_exclude_each_other(tmp_path):
    source = tmp_path / "both.c"
    source.write_text('#include "compat/memory_wrapper.h"\n#include "compat/westwood.h"\nint main(void) { return 0; }')
    done = subprocess.run(["gcc", f"-I{INCLUDE}", "-fsyntax-only", source], capture_output=True, text=True)
    assert done.returncode != 0 and "include compat/westwood.h instead of" in done.stderr


# What files include <windows.h> for, as far as memory goes: functions and macros with arguments, constants, types.
CALLS = """
    VirtualAlloc VirtualFree VirtualProtect VirtualQuery VirtualLock VirtualUnlock IsBadReadPtr IsBadWritePtr
    IsBadCodePtr IsBadStringPtr HeapCreate HeapDestroy HeapAlloc HeapReAlloc HeapSize HeapFree HeapValidate
    HeapCompact HeapWalk HeapLock HeapUnlock GetProcessHeap GetProcessHeaps HeapSetInformation
    HeapQueryInformation GlobalAlloc GlobalReAlloc GlobalSize GlobalFlags GlobalLock GlobalUnlock GlobalHandle
    GlobalFree LocalAlloc LocalReAlloc LocalSize LocalFlags LocalLock LocalUnlock LocalHandle LocalFree
    GlobalMemoryStatus GlobalMemoryStatusEx GetSystemInfo GetLargePageMinimum FlushInstructionCache
    CreateFileMapping OpenFileMapping MapViewOfFile MapViewOfFileEx UnmapViewOfFile FlushViewOfFile CloseHandle
    GetLastError SetLastError
""".split()
MACROS = """
    GlobalAllocPtr GlobalFreePtr GlobalReAllocPtr GlobalPtrHandle GlobalLockPtr GlobalUnlockPtr GlobalDiscard
    LocalDiscard RtlCopyMemory RtlMoveMemory RtlZeroMemory RtlFillMemory CopyMemory MoveMemory ZeroMemory
    FillMemory
""".split()
CONSTANTS = """
    MEM_LARGE_PAGES=0x20000000 MEM_PHYSICAL=0x400000 MEM_WRITE_WATCH=0x200000 MEM_RESET_UNDO=0x1000000
    MEM_RESET=0x80000 HEAP_CREATE_ENABLE_EXECUTE=0x40000 MAX_PATH=260 FILE_MAP_ALL_ACCESS=0xF001F
    SEC_COMMIT=0x8000000 PROCESS_HEAP_ENTRY_BUSY=4 HeapCompatibilityInformation=0
    HeapEnableTerminationOnCorruption=1
""".split()
TYPES = """
    LPSTR=8 LPCSTR=8 LONG=4 ULONG=4 LPBYTE=8 HINSTANCE=8 HWND=8 HMODULE=8 SYSTEM_INFO=48 UINT_PTR=8 DWORD_PTR=8
    BOOLEAN=1 SHORT=2 USHORT=2 CHAR=1 UCHAR=1 INT=4 LONGLONG=8 ULONGLONG=8 LPDWORD=8 PBYTE=8 LPWORD=8
    MEMORYSTATUSEX=64 PROCESS_HEAP_ENTRY=40 MEMORY_BASIC_INFORMATION=48 SECURITY_ATTRIBUTES=24 HANDLE=8
    HGLOBAL=8 FARPROC=8
""".split()


@pytest.mark.parametrize("standard", ["c99", "c++98"])
def test_names_that_windows_code_uses(standard, tmp_path):
    source = tmp_path / "names.c"
    lines = ['#include "compat/memory_wrapper.h"', "typedef VOID FAR PASCAL function_t(LPSTR, HWND);"]
    macros = [*MACROS, "INVALID_HANDLE_VALUE", "CALLBACK", "WINAPI"]
    lines += [f"#ifndef {name}\n#error {name}\n#endif" for name in macros]
    checks = [f"sizeof({name}) == {size}" for name, _, size in (item.partition("=") for item in TYPES)]
    checks += [f"{name} == {value}" for name, _, value in (item.partition("=") for item in CONSTANTS)]
    checks += [f"(void *)(size_t)&{name} != NULL" for name in CALLS]
    checks.append("(LONG_PTR)INVALID_HANDLE_VALUE == -1")
    lines += ["int main(void) {", "    function_t *none = NULL;", "    int wrong = none != NULL;"]
    lines += [f"    if (!({check})) wrong = {number};" for number, check in enumerate(checks, 1)]
    source.write_text("\n".join([*lines, "    return wrong;", "}", ""]))
    flags = ["-Wall", "-Wextra", "-Wno-address", "-Werror"]
    run("gcc", *language(standard), *flags, f"-I{INCLUDE}", source, "-x", "none", *library(), "-o", tmp_path / "names")
    run(tmp_path / "names")


# ---- the build files of the example ---------------------------------------------------------------------------------


def test_makefile(tmp_path):
    need("make")
    for file in ("game.cpp", "Makefile"):
        shutil.copy(GAME / file, tmp_path)
    config = f"LIBCC={sys.executable} -P -m concurrent_collections config"
    assert run("make", "-s", "run", config, cwd=tmp_path) == GAME_PRINTS


def test_cmake(tmp_path):
    need("cmake", "pkg-config")
    for file in ("game.cpp", "CMakeLists.txt"):
        shutil.copy(GAME / file, tmp_path)
    run("cmake", "-B", "out", f"-DCMAKE_PREFIX_PATH={PACKAGE}", cwd=tmp_path)
    run("cmake", "--build", "out", cwd=tmp_path)
    assert run(tmp_path / "out" / "game") == GAME_PRINTS


# ---- what each call does --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", CONFORMANCE, ids=lambda path: path.stem)
def test_calls_do_what_is_documented(source, tmp_path):
    run("gcc", *WARNINGS, f"-I{INCLUDE}", source, *library(), "-o", tmp_path / "conformance")
    assert run(tmp_path / "conformance").splitlines() == source.with_suffix(".txt").read_text().splitlines()


def listed_differences() -> dict[str, tuple[str, str]]:
    """The rows of the table in docs/platform.md: what is looked at -> (here, Wine)."""
    section = DOCS.read_text().split("\n## Where Wine differs\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+?) +\| ([^|]+?) +\| ([^|]+?) +\|", section, re.MULTILINE)
    return {name: (here, wine) for name, here, wine in rows if not set(name) <= {"-"} and name != "what"}


def test_wine_agrees_or_the_difference_is_listed(tmp_path):
    need("wine", MINGW)
    quiet = {"WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml=", "WINEPREFIX": str(tmp_path / "wine")}
    environment = {**os.environ, **quiet}
    printed, expected = [], []
    try:
        for source in CONFORMANCE:
            program = tmp_path / f"{source.stem}.exe"
            run(MINGW, "-Wall", "-Wextra", "-Werror", "-O1", source, "-o", program)
            printed += run("wine", program, env=environment).splitlines()
            expected += source.with_suffix(".txt").read_text().splitlines()
    finally:
        subprocess.run(["wine", "wineboot", "-k"], env=environment, capture_output=True, timeout=120)
    assert [line.split(": ")[0] for line in printed] == [line.split(": ")[0] for line in expected]
    found = {
        ours.split(": ")[0]: (ours.split(": ")[1], theirs.split(": ")[1])
        for ours, theirs in zip(expected, printed)
        if ours != theirs
    }
    assert found == listed_differences()
