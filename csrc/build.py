"""Builds libcc: used by setup.py, by the C tests and by the benchmarks, so that all compile the same sources the same
way.

The library is made of all .c files below base/, alloc/, … (everything but python/), with mimalloc linked statically and
hidden. CC and CFLAGS are taken from the environment; CC_MIMALLOC=system uses pkg-config's mimalloc instead of the
one from PyPI's cmeel-mimalloc.
"""

from __future__ import annotations

import concurrent.futures
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

CSRC = Path(__file__).resolve().parent
INCLUDE = CSRC / "include"
ABI_VERSION = int(re.search(r"define CC_ABI_VERSION (\d+)", (INCLUDE / "cc" / "base.h").read_text()).group(1))
SONAME = f"libcc.so.{ABI_VERSION}"
WARNINGS = ["-Wall", "-Wextra", "-Wundef", "-Wshadow", "-Wstrict-prototypes"]
# What newer compilers refuse by themselves: a call without a declaration, a pointer to another type.
ERRORS = ["-Werror=implicit-function-declaration", "-Werror=incompatible-pointer-types", "-Werror=int-conversion"]
BASE_FLAGS = ["-std=gnu11", "-fPIC", "-fvisibility=hidden", "-pthread", *WARNINGS, *ERRORS]
RELEASE_FLAGS = ["-O2", "-g1"]
CONFIGURATION = ["CC_CACHE_LINE_SIZE", "CC_ALLOC_STATS"]  # macros that public headers depend on, with a number as value
LAYERS = ["base", "alloc", "methods", "regions", "platform", "smr", "collections", "profile"]


class BuildError(RuntimeError):
    """What is needed is missing, or a command failed. The message says which, and holds all that the command
    printed.
    """


def compiler() -> list[str]:
    return shlex.split(os.environ.get("CC", "cc"))


def sources() -> list[Path]:
    return [path for layer in LAYERS for path in sorted((CSRC / layer).glob("*.c"))]


def run(command: list[str | Path]) -> str:
    """Runs a build command; on failure raises BuildError with the command and all that it printed."""
    text = [str(part) for part in command]
    result = subprocess.run(text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        raise BuildError(f"{shlex.join(text)}\nfailed with status {result.returncode}:\n{result.stdout}")
    if result.stdout:
        print(result.stdout, end="", file=sys.stderr)
    return result.stdout


def wheel_prefix() -> Path:
    """The directory of PyPI's cmeel-mimalloc that holds include/ and lib/."""
    for candidate in [Path(place) / "cmeel.prefix" for place in sys.path if place]:
        if list(candidate.glob("lib/mimalloc-*/libmimalloc.a")):
            return candidate
    raise BuildError(
        "mimalloc was not found: pip install 'cmeel-mimalloc>=3.4,<3.5', or set CC_MIMALLOC=system to use pkg-config's"
    )


def hidden_archive(archive: Path, directory: Path) -> Path:
    """A copy of mimalloc's archive in which malloc, free, operator new … have other names.

    The archive defines them as overrides; linked as it is, every malloc inside libcc would be mimalloc's.
    """
    copy = directory / "libmimalloc_hidden.a"
    if copy.exists() and copy.stat().st_mtime >= archive.stat().st_mtime:
        return copy
    directory.mkdir(parents=True, exist_ok=True)
    names = {
        line.split()[-1]
        for line in subprocess.run(
            ["nm", "--defined-only", "-g", str(archive)], check=True, capture_output=True, text=True
        ).stdout.splitlines()
        if len(line.split()) == 3
    }
    overrides = sorted(name for name in names if not re.match(r"_?mi_", name))
    renames = directory / "mimalloc_renames.txt"
    renames.write_text("".join(f"{name} cc__mimalloc_override_{name}\n" for name in overrides))
    partial = copy.with_suffix(f".{os.getpid()}.tmp")
    run(["objcopy", f"--redefine-syms={renames}", archive, partial])
    partial.replace(copy)
    return copy


def system_mimalloc_flags() -> tuple[list[str], list[str]]:
    """What pkg-config says about the system's mimalloc."""
    found = []
    for flag in ("--cflags", "--libs"):
        try:
            result = subprocess.run(["pkg-config", flag, "mimalloc"], capture_output=True, text=True)
        except FileNotFoundError:
            raise BuildError("CC_MIMALLOC=system needs pkg-config, which is not installed") from None
        if result.returncode != 0:
            raise BuildError(
                "CC_MIMALLOC=system, but pkg-config finds no mimalloc: install its development files, set "
                "PKG_CONFIG_PATH to "
                f"where its .pc file lies, or leave CC_MIMALLOC unset to use PyPI's. pkg-config said:\n"
                f"{result.stderr.strip()}"
            )
        found.append(shlex.split(result.stdout))
    return found[0], found[1]


def mimalloc_flags(directory: Path) -> tuple[list[str], list[str]]:
    """Compile flags and link arguments for mimalloc."""
    if os.environ.get("CC_MIMALLOC", "") == "system":
        return system_mimalloc_flags()
    prefix = wheel_prefix()
    header = sorted(prefix.glob("include/mimalloc-*"))[-1]
    archive = sorted(prefix.glob("lib/mimalloc-*/libmimalloc.a"))[-1]
    return ["-isystem", str(header)], [str(hidden_archive(archive, directory))]


def listing_inputs(target: Path) -> list[str | Path]:
    """Options that let the compiler list beside `target` all files that it read for it, for `is_current`."""
    return ["-MD", "-MF", f"{target}.d"]


def is_current(target: Path) -> bool:
    """Whether `target` is there and not older than any file that was read when it was compiled."""
    try:
        made = target.stat().st_mtime_ns
        _, *inputs = shlex.split(Path(f"{target}.d").read_text().replace("\\\n", " "))
        return all(os.stat(path).st_mtime_ns <= made for path in inputs)
    except FileNotFoundError:
        return False


def compile_objects(
    files: list[Path], directory: Path, flags: list[str], *, command: list[str] | None = None
) -> list[Path]:
    """Compiles the files into `directory`, several at once; objects that are current stay as they are.

    Objects of other files are removed: their sources were renamed or deleted.
    """
    directory.mkdir(parents=True, exist_ok=True)
    line = " ".join([*(command or compiler()), *flags])
    stamp = directory / "flags.txt"
    if not stamp.exists() or stamp.read_text() != line:
        for old in directory.glob("*.o"):
            old.unlink()
        stamp.write_text(line)
    objects = [directory / f"{file.parent.name}_{file.stem}.o" for file in files]
    waiting = [
        [*(command or compiler()), *flags, *listing_inputs(target), "-c", file, "-o", target]
        for file, target in zip(files, objects)
        if not is_current(target)
    ]
    for old in set(directory.glob("*.o")) - set(objects):
        old.unlink()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(run, waiting))
    return objects


def build_libcc(directory: Path, *, flags: list[str] | None = None, libc_backend: bool = False) -> Path:
    """Builds libcc.so.<ABI> in `directory` and returns its path.

    `flags` replaces the release flags (sanitizers, CC_FAULT_INJECTION …); they are given to the compiler and the
    linker. `libc_backend` leaves mimalloc out, for sanitizers and valgrind.
    """
    flags = [*RELEASE_FLAGS, *shlex.split(os.environ.get("CFLAGS", ""))] if flags is None else flags
    if libc_backend:
        include, link = ["-DCC_BACKEND_LIBC=1"], []
    else:
        include, link = mimalloc_flags(directory / "mimalloc")
    all_flags = [*BASE_FLAGS, f"-I{INCLUDE}", *include, *flags]
    objects = compile_objects(sources(), directory / "objects", all_flags)
    library = directory / SONAME
    newest = max(path.stat().st_mtime for path in [*objects, directory / "objects"])  # the folder: one of them went
    if library.exists() and library.stat().st_mtime >= newest:
        return library
    partial = library.with_suffix(f".{os.getpid()}.tmp")
    run(
        [
            *compiler(), "-shared", "-pthread", f"-Wl,-soname,{SONAME}", "-Wl,-z,nodelete", "-Wl,-z,defs",
            "-Wl,--exclude-libs,ALL", *flags, *objects, *link, "-lm", "-o", partial,
        ]
    )  # fmt: skip
    partial.replace(library)
    return library


def configuration(flags: list[str] | None = None) -> dict[str, int]:
    """The macros that public headers depend on, as the flags of build_libcc set them."""
    flags = shlex.split(os.environ.get("CFLAGS", "")) if flags is None else flags
    source = '#include "cc/alloc.h"\n' + "".join(f"{name} is {name}\n" for name in CONFIGURATION)
    command = [*compiler(), *BASE_FLAGS, f"-I{INCLUDE}", *flags, "-E", "-P", "-x", "c", "-"]
    text = subprocess.run(command, input=source, check=True, capture_output=True, text=True).stdout
    values = re.findall(r"^(\d+) is \1$", text, re.MULTILINE)
    return dict(zip(CONFIGURATION, map(int, values), strict=True))


def write_config_header(directory: Path, values: dict[str, int]) -> None:
    """cc/config.h of a library that was built like this; another value in the user's flags is an error."""
    lines = ["/* cc/config.h: how the library was built. */", "#ifndef CC_CONFIG_H", "#define CC_CONFIG_H", ""]
    for name, value in values.items():
        lines += [
            f"#if defined({name}) && {name} != {value}",
            f'#error "the library was built with {name}={value}"',
            "#endif",
        ]
        lines += [f"#undef {name}", f"#define {name} {value}", ""]
    (directory / "cc" / "config.h").write_text("\n".join([*lines, "#endif"]) + "\n")


def write_pkg_config(directory: Path, version: str, values: dict[str, int]) -> None:
    """A relocatable libcc.pc for a library in <package>/lib and headers in <package>/include; its variables tell
    `values`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "libcc.pc").write_text(
        "prefix=${pcfiledir}/../..\n"
        "libdir=${prefix}/lib\n"
        "includedir=${prefix}/include\n"
        + "".join(f"{name.removeprefix('CC_').lower()}={value}\n" for name, value in values.items())
        + "\n"
        "Name: libcc\n"
        "Description: memory runtime of concurrent_collections\n"
        f"Version: {version}\n"
        "Cflags: -I${includedir}\n"
        f"Libs: -L${{libdir}} -l:{SONAME} -Wl,-rpath,${{libdir}}\n"
    )


def install_headers(directory: Path, values: dict[str, int]) -> None:
    shutil.copytree(INCLUDE, directory, dirs_exist_ok=True)
    write_config_header(directory, values)
