#!/usr/bin/env python3
"""Runs SQLite's own malloc tests on libcc's backends, and on SQLite's own allocators for comparison.

    tests/long/sqlite/run_tcl.py [--quick] [--backends NAME,…] [--tests NAME,…]

SQLite's source comes from tests/tools/sqlite-source. Its testfixture is built once (a minute; kept in the cache beside
the source) with two functions replaced: see fixture.c. A backend passes when no test fails on it that does not fail on
SQLite's default allocator, and when the fixture counted calls of it. malloc5-6.2.2 and 6.2.3 expect a block of 1296
bytes to be smaller than 1500: buddy and SQLite's memsys5 round it up to 2048 and fail them, and on buddy they are left
out as long as memsys5 fails them too. mem5.test runs on our buddy in memsys5's place. Needs tcl-dev, a C compiler and
make.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]

TABLE = re.search(r"#define CC__BACKENDS\(X\)(.*)", (ROOT / "csrc" / "methods" / "backend.h").read_text())
BACKENDS = tuple(re.findall(r"X\((\w+)\)", TABLE[1]))
OWN = ("own", "memsys5")
FILES = ("malloc", *(f"malloc{n}" for n in "3456789ABCDEFGHIJK"), "mem5")
QUICK_FILES = tuple(name for name in FILES if name not in ("malloc", "mallocA", "mallocB", "mallocK"))
FEATURES = (
    "MEMSYS5", "MEMORY_MANAGEMENT", "STAT4", "UPDATE_DELETE_LIMIT", "FTS3", "FTS4", "FTS5", "RTREE", "COLUMN_METADATA"
)  # fmt: skip
ROUNDING = {"malloc5-6.2.2", "malloc5-6.2.3"}


@dataclass
class Outcome:
    """What one test file came to on one backend."""

    tests: int = 0
    failures: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)
    trouble: str = ""  # why it did not run to its end


def load_build():
    specification = importlib.util.spec_from_file_location("cc_build", ROOT / "csrc" / "build.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def run(command: list, directory: Path, **options) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))[:200]} … failed:\n{done.stdout[-4000:]}")


def sqlite_folder() -> Path:
    done = subprocess.run([ROOT / "tests" / "tools" / "sqlite-source"], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit("SQLite's source could not be got")
    return Path(done.stdout.strip())


def rename_in(file: Path) -> None:
    """Give the two functions that fixture.c defines another name where SQLite defines them."""
    text = file.read_text()
    for name in ("sqlite3MemSetDefault", "sqlite3MemGetMemsys5"):
        text, count = re.subn(rf"\b{name}\(void\)\s*\{{", f"{name}Own(void){{", text)
        if count == 0:
            raise SystemExit(f"{file} defines no {name}")
    file.write_text(text)


def build_fixture(sqlite: Path) -> Path:
    """The folder with the executable testfixture, which loads libfixture.so."""
    folder = sqlite.parent / "sqlite-testfixture"
    key = hashlib.sha256(repr(FEATURES).encode() + (sqlite / "source" / "manifest.uuid").read_bytes()).hexdigest()
    if (folder / "key").exists() and (folder / "key").read_text() == key:
        return folder
    print("building SQLite's testfixture", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    flags = " ".join(["-O2", "-g1", *(f"-DSQLITE_ENABLE_{name}" for name in FEATURES)])
    tcl = next((path.parent for path in sorted(Path("/usr/lib").glob("**/tclConfig.sh"))), None)
    with_tcl = [f"--with-tcl={tcl}"] if tcl else []
    run([sqlite / "source" / "configure", "--disable-shared", *with_tcl], folder, env={**os.environ, "CFLAGS": flags})
    run(["make", "sqlite3.c"], folder)
    rename_in(folder / "sqlite3.c")
    # What the executable links with; the real one takes its place at run time.
    (folder / "stub.c").write_text(
        "void sqlite3MemSetDefault(void) {}\nconst void *sqlite3MemGetMemsys5(void) { return 0; }\n"
    )
    run(["cc", "-shared", "-fPIC", "stub.c", "-o", "libfixture.so"], folder)
    libraries = "-lm -lz -ldl -L. -lfixture -rdynamic"
    run(["make", "testfixture", f"TLIBS={libraries}"], folder)
    (folder / "key").write_text(key)
    return folder


def build_plugin(sqlite: Path, fixture: Path) -> Path:
    """The folder with libfixture.so, on libcc as it is in the tree now."""
    build = load_build()
    folder = ROOT / "build" / "tests-sqlite"
    library = build.build_libcc(folder)
    run(
        [
            *build.compiler(), "-std=gnu11", "-O2", "-shared", "-fPIC", "-w", "-DSQLITE_PRIVATE=", "-DSQLITE_CORE",
            "-DSQLITE_ENABLE_MEMSYS5", "-I", build.INCLUDE, "-I", fixture, "-I", sqlite / "source" / "src",
            HERE / "fixture.c", library, f"-Wl,-rpath,{folder}", "-o", folder / "libfixture.so",
        ],
        folder,
    )  # fmt: skip
    return folder


def run_file(sqlite: Path, fixture: Path, plugin: Path, backend: str, name: str) -> Outcome:
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix="cc-sqlite-") as directory:
        counts = Path(directory, "counts")
        environment = {
            **os.environ,
            "LD_LIBRARY_PATH": str(plugin),
            "CC_FIXTURE_BACKEND": backend,
            "CC_FIXTURE_MEMSYS5": "own" if backend in OWN else "buddy",
            "CC_FIXTURE_COUNTS": str(counts),
        }
        try:
            done = subprocess.run(
                [fixture / "testfixture", sqlite / "source" / "test" / f"{name}.test"],
                cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                errors="replace", timeout=900,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            outcome.trouble = "took more than 900 s"
            return outcome
        if counts.exists():
            outcome.counts = {
                key: int(value) for key, value in (line.split("=") for line in counts.read_text().split())
            }
    sums = re.search(r"^(\d+) errors out of (\d+) tests", done.stdout, re.MULTILINE)
    if sums is None:
        outcome.trouble = f"ended with status {done.returncode}: …{done.stdout[-2000:]}"
        return outcome
    outcome.tests = int(sums[2])
    listed = re.search(r"^!Failures on these tests: (.*)$", done.stdout, re.MULTILINE)
    outcome.failures = set(listed[1].split()) if listed else set()
    if len(outcome.failures) != int(sums[1]) and int(sums[1]) < 1000:
        outcome.failures.add(f"({sums[1]} errors in all)")
    if "All memory allocations freed - no leaks" not in done.stdout:
        outcome.failures.add("(leaks)")
    return outcome


def judge(outcomes: dict[tuple[str, str], Outcome], backend: str, name: str) -> str:
    """Empty when the backend did as well as its peers."""
    outcome = outcomes[backend, name]
    if outcome.trouble:
        return outcome.trouble
    allowed = set(outcomes["own", name].failures)
    if backend == "buddy":
        allowed |= outcomes["memsys5", name].failures & ROUNDING
    if outcome.failures - allowed:
        return "fails " + " ".join(sorted(outcome.failures - allowed))
    if outcome.counts.get("default", 0) == 0:
        return "the backend was never called"
    if name == "mem5" and outcome.counts.get("heap", 0) == 0:
        return "buddy was never called in memsys5's place"
    return ""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"without the files that take longest: {', '.join(sorted(set(FILES) - set(QUICK_FILES)))}",
    )
    parser.add_argument("--backends", default=",".join(BACKENDS), metavar="NAMES", help="comma-separated; default: all")
    parser.add_argument("--tests", metavar="NAMES", help="names of test files without .test; default: all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    backends = options.backends.split(",")
    names = options.tests.split(",") if options.tests else list(QUICK_FILES if options.quick else FILES)
    if not set(backends) <= set(BACKENDS) or not set(names) <= set(FILES):
        parser.error(f"backends are {', '.join(BACKENDS)}; tests are {', '.join(FILES)}")

    sqlite = sqlite_folder()
    fixture = build_fixture(sqlite)
    plugin = build_plugin(sqlite, fixture)
    needed = [*OWN, *backends]
    pairs = [(backend, name) for name in names for backend in needed]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        outcomes = dict(zip(pairs, pool.map(lambda pair: run_file(sqlite, fixture, plugin, *pair), pairs)))

    failed = False
    print(f"{'':10}" + "".join(f"{name:>16}" for name in needed))
    for name in names:
        cells = []
        for backend in needed:
            outcome = outcomes[backend, name]
            cells.append("-" if outcome.trouble else f"{outcome.tests - len(outcome.failures)}/{outcome.tests}")
        print(f"{name:10}" + "".join(f"{cell:>16}" for cell in cells))
    for backend in backends:
        verdicts = {name: verdict for name in names if (verdict := judge(outcomes, backend, name))}
        failed |= bool(verdicts)
        calls = sum(outcomes[backend, name].counts.get("default", 0) for name in names)
        print(f"{backend}: {'FAILED' if verdicts else 'passed'}, {calls} calls")
        for name, verdict in verdicts.items():
            print(f"    {name}: {verdict}")
    if "mem5" in names:
        calls = {backend: outcomes[backend, "mem5"].counts.get("heap", 0) for backend in backends}
        print("mem5.test on buddy in memsys5's place, calls: " + ", ".join(f"{name} {n}" for name, n in calls.items()))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
