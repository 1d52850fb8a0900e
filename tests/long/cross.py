#!/usr/bin/env python3
"""Builds the C core's tests for another processor or another C library, and runs them here.

    tests/long/cross.py arm64            with aarch64-linux-gnu-gcc; they run under qemu-aarch64
    tests/long/cross.py musl             with musl-gcc
    tests/long/cross.py arm64 map queue  only the programs whose names hold one of these words

Each program of tests/c runs in one build: the release, or the first that its comments name. The back end is the C
library's malloc, so that no mimalloc for the target is needed. What cannot run there, whole programs and single tests,
is listed with its reason. The status is 0 when every other program passed.

Debian has the tools: gcc-aarch64-linux-gnu g++-aarch64-linux-gnu qemu-user-static, and musl-tools.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
BUILDS = ["release", "debug", "fault", "nostats"]  # the others are for tools that look at programs of this machine


@dataclasses.dataclass(frozen=True)
class Target:
    """One way to compile and to run."""

    compiler: str
    cxx: str | None
    runner: tuple[str, ...]
    tools: tuple[str, ...]
    flags: tuple[str, ...]


TARGETS = {
    "arm64": Target(
        compiler="aarch64-linux-gnu-gcc",
        cxx="aarch64-linux-gnu-g++",
        runner=("qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"),
        tools=("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++", "qemu-aarch64-static"),
        flags=("-DCHECK_DIVISOR=20", "-DCHECK_EMULATED"),
    ),
    "musl": Target(compiler="musl-gcc", cxx=None, runner=(), tools=("musl-gcc",), flags=()),
}


def missing_tools(target: str) -> list[str]:
    return [tool for tool in TARGETS[target].tools if not shutil.which(tool)]


def kernel_headers(directory: Path) -> Path:
    """A folder with the kernel's headers alone: musl-gcc leaves out the system's folders, where glibc's lie, too."""
    directory.mkdir(parents=True, exist_ok=True)
    machine = subprocess.run(["gcc", "-print-multiarch"], check=True, capture_output=True, text=True).stdout.strip()
    for name in ("linux", "asm-generic", "asm"):
        link = directory / name
        link.unlink(missing_ok=True)
        common = Path("/usr/include") / name
        link.symlink_to(common if common.exists() else Path("/usr/include") / machine / name)
    return directory


def tests_for(name: str) -> ModuleType:
    """tests/c/test_c.py, made to build for the target and to run the programs as the target needs it."""
    target, directory = TARGETS[name], ROOT / "build" / "cross" / name
    os.environ["CC"] = target.compiler
    if name == "musl":
        os.environ["CC"] += f" -isystem {kernel_headers(directory / 'kernel')}"
    os.environ["CXX"] = target.cxx or "c++"
    os.environ.pop("CFLAGS", None)
    specification = importlib.util.spec_from_file_location("c_tests", ROOT / "tests" / "c" / "test_c.py")
    tests = importlib.util.module_from_spec(specification)
    sys.modules["c_tests"] = tests
    specification.loader.exec_module(tests)
    tests.BUILD = directory
    tests.VARIANTS = {
        build: dataclasses.replace(
            tests.VARIANTS[build], flags=(*tests.VARIANTS[build].flags, *target.flags), libc=True, runner=target.runner
        )
        for build in BUILDS
    }
    return tests


def reason_to_leave_out(tests: ModuleType, target: str, program: str) -> str | None:
    if program.endswith(".cpp") and TARGETS[target].cxx is None:
        return "there is no C++ library for it"
    if not any(tests.runs(tests.PROGRAMS[program], build) for build in BUILDS):
        return "it is for tools that look at programs of this machine"
    libraries = tests.libraries(tests.PROGRAMS[program])
    return f"it needs {libraries[0]} for the target" if libraries else None


def build_of(tests: ModuleType, program: str) -> str:
    return next(build for build in BUILDS if tests.runs(tests.PROGRAMS[program], build))


def run(tests: ModuleType, program: str) -> list[tuple[str, str]]:
    """Builds and runs one program; returns outcomes with what to tell: its own, and of each test that it left out."""
    try:
        result = tests.execute(tests.PROGRAMS[program], build_of(tests, program))
    except subprocess.TimeoutExpired:
        return [("FAILED", f"{program}: did not end within {tests.TIME_LIMIT} s")]
    except tests.build.BuildError as error:
        return [("FAILED", f"{program}: {error}")]
    if result.returncode != 0:
        return [("FAILED", f"{program}: status {result.returncode}\n{result.stdout}")]
    lines = re.findall(r"^left out (.*)", result.stdout, re.MULTILINE)
    return [("passed", program), *(("left out", f"{program} {line}") for line in lines)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("words", nargs="*", help="run only the programs whose names hold one of these words")
    arguments = parser.parse_args()
    missing = missing_tools(arguments.target)
    if missing:
        print(f"cross.py: {', '.join(missing)} is missing", file=sys.stderr)
        return 2
    tests = tests_for(arguments.target)
    counts: Counter[str] = Counter()
    chosen = [name for name in tests.PROGRAMS if not arguments.words or any(word in name for word in arguments.words)]
    reasons = {program: reason_to_leave_out(tests, arguments.target, program) for program in chosen}
    able = [program for program in chosen if reasons[program] is None]
    for build in dict.fromkeys(build_of(tests, program) for program in able):
        tests.library(build)  # before the programs, which wait for it in the same pool
    running = {program: tests.pool.submit(run, tests, program) for program in able}
    for program in chosen:
        told = running[program].result() if program in running else [("left out", f"{program}: {reasons[program]}")]
        for outcome, text in told:
            counts[outcome] += 1
            print(outcome, text, flush=True)
    print(f"{arguments.target}: {counts['passed']} passed, {counts['FAILED']} failed, {counts['left out']} left out")
    return 1 if counts["FAILED"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
