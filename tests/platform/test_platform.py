"""The Win32 header as its users meet it: old code compiles in every language and by every compiler, runs under the address
sanitizer, and the calls do what Microsoft documents, as tests/platform/conformance*.txt have it line by line. Wine runs the same
programs, compiled for Windows; where it differs, docs/platform.md has a row.
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
    line = next(number for number, text in enumerate((GAME / "game.cpp").read_text().splitlines(), 1) if "forgotten = Alloc" in text)
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


@pytest.mark.parametrize("standard", ["c99", "c++98"])
def test_switches(standard, tmp_path):
    """Code with its own Alloc and Free, without the inlines, and with pointers to the functions."""
    source = tmp_path / "own.c"
    source.write_text(
        "#define MEMORY_WRAPPER_NO_ALLOC\n#define PLATFORM_NO_INLINE\n"
        '#include "compat/memory_wrapper.h"\n#include "compat/memory_wrapper.h"\n'
        "static int Alloc(int size) { return size; }\nstatic int Free(int size) { return size; }\n"
        "static LPVOID (WINAPI *reserve)(LPVOID, SIZE_T, DWORD, DWORD) = &VirtualAlloc;\n"
        "static void *(*allocate)(size_t, uint32_t) = &Platform_Alloc;\n"
        "int main(void) {\n"
        "    void *block = allocate(10, MEM_CLEAR);\n"
        "    Platform_Free(block, 10);\n"
        "    return reserve(NULL, 1, MEM_RESERVE, PAGE_READWRITE) == NULL || Alloc(3) != Free(3);\n}\n"
    )
    run("gcc", *language(standard), *WARNINGS, f"-I{INCLUDE}", source, "-x", "none", *library(), "-o", tmp_path / "own")
    run(tmp_path / "own")


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
