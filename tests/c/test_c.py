"""Builds and runs the C tests: every test_*.c and test_*.cpp below this folder, in every variant of the library.

A file becomes a test by being there. It is given the library's path as its argument. What its comments may say:

    variants: NAME …    only these (fault injection runs nothing else, and nothing else runs without being named there)
    link: none          it loads the library itself
    libraries: NAME …   others that it is linked with; it is skipped where their header NAME.h is missing

A file that includes a header of csrc other than cc/… is linked with the library's objects, whose inner functions it can
then call; any other is linked with the shared library, as a user's program is.
"""

from __future__ import annotations

import concurrent.futures
import functools
import graphlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "tests-c"

_specification = importlib.util.spec_from_file_location("cc_build", ROOT / "csrc" / "build.py")
build = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(build)

CXX = shlex.split(os.environ.get("CXX", "c++"))
WARNINGS = ["-Wall", "-Wextra", "-Wundef", "-Wshadow", "-Werror"]
TIME_LIMIT = 300
ENVIRONMENT = dict(os.environ)  # as it was at first: pytest changes it while the pool's threads start programs


@dataclass(frozen=True)
class Variant:
    """One way to build the library and its tests, and to run them. `only` runs just the tests that name it."""

    flags: tuple[str, ...]
    libc: bool = False
    runner: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    only: bool = False
    needs: str | None = None


VALGRIND = (
    "valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=definite,possible",
    "--errors-for-leak-kinds=definite", "--fair-sched=yes", "--trace-children=no",
)  # fmt: skip
VARIANTS = {
    "release": Variant(("-O2", "-g1")),
    "debug": Variant(("-O0", "-g", "-DCC_DEBUG")),
    "nostats": Variant(("-O2", "-g1", "-DCC_ALLOC_STATS=0", "-DCC_CACHE_LINE_SIZE=128")),
    "fault": Variant(("-O1", "-g", "-DCC_FAULT_INJECTION"), only=True),
    "fault-libc": Variant(
        ("-O1", "-g", "-DCC_FAULT_INJECTION", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
        libc=True,
        environment={"ASAN_OPTIONS": "allocator_may_return_null=1"},
        only=True,
    ),
    "asan": Variant(
        (
            "-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
            "-DCHECK_DIVISOR=4",
        ),
        libc=True,
        environment={"ASAN_OPTIONS": "allocator_may_return_null=1:detect_stack_use_after_return=1"},
    ),
    "tsan": Variant(
        ("-O1", "-g", "-fsanitize=thread", "-DCHECK_DIVISOR=20"),
        libc=True,
        environment={"TSAN_OPTIONS": "allocator_may_return_null=1:halt_on_error=1"},
    ),
    "valgrind": Variant(
        ("-O1", "-g", "-DCC_VALGRIND", "-DCHECK_VALGRIND", "-DCHECK_DIVISOR=50"),
        libc=True, runner=VALGRIND, needs="valgrind",
    ),
}  # fmt: skip

PROGRAMS = {str(path.relative_to(HERE)): path for path in sorted([*HERE.rglob("test_*.c"), *HERE.rglob("test_*.cpp")])}


def directive(path: Path, name: str) -> str | None:
    found = re.search(rf"^\s*(?://|/?\*) {name}: (.*?)(?: \*/)?$", path.read_text(), re.MULTILINE)
    return found and found[1]


def runs(path: Path, name: str) -> bool:
    named = directive(path, "variants")
    return name in named.split() if named else not VARIANTS[name].only


def libraries(path: Path) -> list[str]:
    return (directive(path, "libraries") or "").split()


@functools.cache
def has_header(name: str) -> bool:
    command = [*build.compiler(), "-x", "c", "-fsyntax-only", "-"]
    return subprocess.run(command, input=f"#include <{name}>\n", text=True, capture_output=True).returncode == 0


def missing_of(program: str, variant: str) -> str | None:
    """What is needed and is not there."""
    tool = VARIANTS[variant].needs
    if tool and not shutil.which(tool):
        return tool
    if PROGRAMS[program].suffix == ".cpp" and not shutil.which(CXX[0]):
        return CXX[0]
    return next((f"{name}.h" for name in libraries(PROGRAMS[program]) if not has_header(f"{name}.h")), None)


def need(tool: str | None) -> None:
    if tool and not shutil.which(tool):
        if os.environ.get("CC_TEST_REQUIRE_TOOLS") == "1":
            pytest.fail(f"{tool} is missing")
        pytest.skip(f"needs {tool}")


@functools.cache
def library(name: str) -> concurrent.futures.Future[Path]:
    variant = VARIANTS[name]
    return pool.submit(build.build_libcc, BUILD / name, flags=list(variant.flags), libc_backend=variant.libc)


def compile_program(path: Path, name: str) -> Path:
    """The program, built anew when what it includes, the library or this file has changed."""
    variant, shared = VARIANTS[name], library(name).result()
    target = BUILD / name / "programs" / path.relative_to(HERE).with_suffix("")
    if build.is_current(target) and target.stat().st_mtime > max(
        file.stat().st_mtime for file in (shared, Path(__file__))
    ):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    mimalloc = ([], []) if variant.libc else build.mimalloc_flags(BUILD / name / "mimalloc")
    if directive(path, "link") == "none":
        link = []
    elif re.search(r'^#include "(?!cc/)\w+/', path.read_text(), re.MULTILINE):
        link = [*sorted((BUILD / name / "objects").glob("*.o")), *mimalloc[1], "-lm"]
    else:
        link = [shared, f"-Wl,-rpath,{shared.parent}"]
    cpp = path.suffix == ".cpp"
    compiler = CXX if cpp else build.compiler()
    backend = ["-DCC_BACKEND_LIBC=1"] if variant.libc else mimalloc[0]
    partial = target.with_suffix(f".{os.getpid()}.tmp")
    build.run(
        [
            *compiler, "-std=gnu++17" if cpp else "-std=gnu11", "-pthread", *WARNINGS, *variant.flags, *backend,
            f"-I{build.INCLUDE}", f"-I{build.CSRC}", path, *link,
            *(f"-l{other}" for other in libraries(path)), "-ldl", "-lm",
            *build.listing_inputs(target), "-o", partial,
        ]
    )  # fmt: skip
    partial.replace(target)
    return target


def execute(path: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    variant, program = VARIANTS[name], compile_program(path, name)
    return subprocess.run(
        [*variant.runner, program, *(arguments or [library(name).result()])],
        env={**ENVIRONMENT, **variant.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=TIME_LIMIT,
    )


# Threads that wait for programs: as many at once as there are processors, and one more for the libraries' sake.
pool = concurrent.futures.ThreadPoolExecutor((os.cpu_count() or 1) + 1)


@pytest.fixture(scope="session")
def outcomes(request):
    """Starts all selected programs at once; the tests then only look at how each ended."""
    wanted = [
        (item.callspec.params["program"], item.callspec.params["variant"])
        for item in request.session.items
        if getattr(item, "function", None) is test_program
    ]
    wanted = [pair for pair in wanted if missing_of(*pair) is None]
    for name in dict.fromkeys(name for _, name in wanted):
        library(name)
    started = {pair: pool.submit(execute, PROGRAMS[pair[0]], pair[1]) for pair in wanted}
    yield started
    for future in started.values():
        future.cancel()


@pytest.mark.parametrize(
    "program, variant",
    [(program, name) for name in VARIANTS for program, path in PROGRAMS.items() if runs(path, name)],
)
def test_program(program, variant, outcomes):
    need(missing_of(program, variant))
    result = outcomes[program, variant].result()
    assert result.returncode == 0, f"status {result.returncode}\n{result.stdout}"


@pytest.mark.parametrize("way", ["plain", "counted", "node", "unsized", "counted node unsized"])
@pytest.mark.parametrize(
    "variant, complaint", [("asan", "AddressSanitizer: heap-use-after-free"), ("valgrind", "Invalid read of size 1")]
)
def test_use_after_free_is_reported(variant, complaint, way):
    """The sanitizer builds see through the library: without this, their silence about the rest would mean nothing."""
    need(VARIANTS[variant].needs)
    result = execute(HERE / "alloc" / "canary.c", variant, way)
    assert result.returncode != 0
    assert complaint in result.stdout


REGION_FAULTS = [
    "arena rewind", "arena reset", "arena gap", "heap release", "heap top", "heap empty", "heap gap", "pool free",
    "pool gap", "pool shared free", "pool shared gap", "pool shared exact free",
]  # fmt: skip


@pytest.mark.parametrize("way", REGION_FAULTS)
@pytest.mark.parametrize(
    "variant, complaint", [("asan", "AddressSanitizer: use-after-poison"), ("valgrind", "Invalid read of size 1")]
)
def test_use_after_a_region_took_it_back_is_reported(variant, complaint, way):
    need(VARIANTS[variant].needs)
    result = execute(HERE / "regions" / "canary.c", variant, way)
    assert result.returncode != 0
    assert complaint in result.stdout


@pytest.mark.parametrize("variant", ["asan", "valgrind"])
@pytest.mark.parametrize("way", ["arena good", "heap good", "pool good", "pool shared good"])
def test_good_use_of_a_region_is_not_reported(variant, way):
    need(VARIANTS[variant].needs)
    result = execute(HERE / "regions" / "canary.c", variant, way)
    assert (result.returncode, result.stdout) == (0, "unnoticed: 1\n")


@pytest.mark.parametrize("scheme", ["ibr", "debra", "epoch", "none"])
@pytest.mark.parametrize("variant", ["release", "asan", "tsan", "valgrind"])
def test_freeing_at_retire_is_reported(variant, scheme):
    """The stress of the reclamation schemes fails when nodes are freed where they should be retired."""
    need(VARIANTS[variant].needs)
    result = execute(HERE / "smr" / "canary.c", variant, scheme)
    assert result.returncode != 0, result.stdout
    assert re.search(r"heap-use-after-free|ThreadSanitizer: |Invalid read|does not hold: .*LIVING", result.stdout)


def symbols(path: Path, *options: str) -> set[tuple[str, str]]:
    """Pairs of type and name, as nm tells them."""
    listing = subprocess.run(["nm", *options, path], check=True, capture_output=True, text=True).stdout
    return {
        (line.split()[-2], line.split()[-1].split("@")[0]) for line in listing.splitlines() if len(line.split()) > 1
    }


@pytest.mark.parametrize("variant", ["release", "nostats", "fault", "valgrind"])
def test_nothing_but_own_names_is_exported(variant):
    need(VARIANTS[variant].needs)
    exported = {name for _, name in symbols(library(variant).result(), "-D", "--defined-only")}
    assert "cc_alloc" in exported
    assert [name for name in exported if not re.fullmatch(r"(cc_[a-z]|Platform_[A-Z])\w*", name)] == []


def test_malloc_inside_is_the_process_own():
    """mimalloc's archive defines malloc, free, operator new … too: none of them may have come in under its own name."""
    inside = symbols(library("release").result())
    assert ("U", "malloc") in inside and ("U", "free") in inside
    names = {name for kind, name in inside if kind not in "Uw"}
    assert "mi_malloc" in names
    assert names & {"malloc", "free", "calloc", "realloc", "posix_memalign", "strdup", "_Znwm", "_ZdlPv"} == set()


def needs() -> tuple[dict[str, str], dict[str, set[str]]]:
    """Where each name of the library is defined, and the names that each of its objects takes from outside."""
    library("debug").result()
    found = {path.stem: symbols(path) for path in sorted((BUILD / "debug" / "objects").glob("*.o"))}
    defined = {name: stem for stem, pairs in found.items() for kind, name in pairs if kind.isupper() and kind != "U"}
    return defined, {stem: {name for kind, name in pairs if kind == "U"} for stem, pairs in found.items()}


def test_no_two_files_need_each_other():
    """Arrows between files point one way: calls and addresses, as the objects tell them."""
    defined, needed = needs()
    graph = {stem: {defined[name] for name in names if name in defined} - {stem} for stem, names in needed.items()}
    assert graph["methods_core"] >= {"methods_backends", "methods_faults"}
    graphlib.TopologicalSorter(graph).prepare()  # raises an error that names the circle


def test_inner_names_are_needed_elsewhere():
    """What only its own file uses is static. Some names are there for a test."""
    defined, needed = needs()
    used = set().union(*needed.values())
    tests = "".join(path.read_text() for path in PROGRAMS.values())
    alone = {name for name in defined if name.startswith("cc__") and name not in used}
    assert {name for name in alone if not re.search(rf"\b{name}\b", tests)} == set()


def sources() -> tuple[str, ...]:
    return tuple(path.read_text() for path in build.sources())


def told_for_forks(*texts: str) -> set[str]:
    """The names that stand in the files' registrations with base/fork.h."""
    found = (re.findall(r"CC__(?:HOLD_OVER|AT)_FORK\((.*?)\);", text, re.DOTALL) for text in texts)
    return {name for arguments in found for argument in arguments for name in re.findall(r"\w+", argument)}


LOCK = re.compile(r"^(?:static )?cc__mutex_t ([^;()]+);", re.MULTILINE)


@pytest.mark.parametrize("path", build.sources(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_lock_of_a_file_is_held_over_a_fork(path):
    text = path.read_text()
    names = {re.sub(r"\W.*", "", name.strip()) for found in LOCK.findall(text) for name in found.split(",")}
    told = told_for_forks(text) | {name for name in told_for_forks(*sources()) if name.startswith("cc__")}
    let_go = set(re.findall(r"cc__store_relaxed\(&(\w+)\.state, 0u\)", text))  # freed in the child by a hook of its own
    assert names - told - let_go == set()


NODES = r"""
#include <cc/alloc.h>
#include <stdint.h>
#include <stdio.h>
_Static_assert(CC_CACHE_LINE_SIZE == 128 && CC_ALLOC_STATS == 0, "as the library was built");
int main(void) {
    int elsewhere = 0;
    for (int i = 0; i < 100; i++) elsewhere += (uintptr_t)cc_alloc_node(24) % 128 != 0;
    printf("%d\n", elsewhere);
}
"""


def test_installed_headers_know_how_the_library_was_built(tmp_path):
    """A program that is compiled without the library's flags has its nodes begin at the library's cache lines."""
    values = build.configuration(list(VARIANTS["nostats"].flags))
    assert values == {"CC_CACHE_LINE_SIZE": 128, "CC_ALLOC_STATS": 0}
    build.install_headers(tmp_path / "include", values)
    build.write_pkg_config(tmp_path / "lib" / "pkgconfig", "1.0", values)
    assert "\ncache_line_size=128\nalloc_stats=0\n" in (tmp_path / "lib" / "pkgconfig" / "libcc.pc").read_text()
    (tmp_path / "nodes.c").write_text(NODES)
    command = [*build.compiler(), f"-I{tmp_path / 'include'}", *WARNINGS, tmp_path / "nodes.c"]
    shared = library("nostats").result()
    build.run([*command, shared, f"-Wl,-rpath,{shared.parent}", "-o", tmp_path / "nodes"])
    assert subprocess.run([tmp_path / "nodes"], check=True, capture_output=True, text=True).stdout == "0\n"
    with pytest.raises(RuntimeError, match="the library was built with CC_CACHE_LINE_SIZE=128"):
        build.run([*command, "-fsyntax-only", "-DCC_CACHE_LINE_SIZE=64"])


def test_inlines_are_used_and_may_be_left_out(tmp_path):
    """A call goes through the table of the library, and through the exported function with CC_ALLOC_NO_INLINE."""
    source = tmp_path / "user.c"
    source.write_text(
        '#include "cc/alloc.h"\n'
        "void *take(size_t n) { return cc_alloc(n); }\n"
        "void *node(size_t n) { return cc_alloc_node(n); }\n"
        "void give(void *p, size_t n) { cc_free(p, n); }\n"
    )
    for options, expected in [([], "cc_alloc_calls"), (["-DCC_ALLOC_NO_INLINE"], "cc_free")]:
        build.run([*build.compiler(), "-O2", f"-I{build.INCLUDE}", *options, "-c", source, "-o", tmp_path / "user.o"])
        needed = {name for kind, name in symbols(tmp_path / "user.o") if kind == "U"}
        assert expected in needed
        assert ("cc_alloc_calls" in needed) == (options == [])
