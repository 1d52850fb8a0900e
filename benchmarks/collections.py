"""The collections beside their peers, in C and in Python: operations per second on 1, 2 and 4 threads, and bytes per
entry.

In C: benchmarks/c/map*.c|cpp|java and queue*.c|cpp, one program for each peer, all with the workloads of map_load.h and
queue_load.h; what is measured is compiled from the tree. The peers are Debian's packages (libcds-dev, libtbb-dev,
default-jdk-headless, libck-dev, liburcu-dev, libboost-dev, libconcurrentqueue-dev); one that is not installed is left
out. In Python: _collections_worker.py, with each interpreter given by --python that has the package installed, beside
sortedcontainers, cereggii and ft_utils where they are installed; times there are net of the loop.

What bounds a container in Python is seen beside it: a bare dict has neither order nor lock, a bare deque nobody who
waits.

A round starts a fresh process for each peer in turn; figures are medians over the rounds, and each aim is a ratio of
medians. Rates are per second from the first thread's start to the last one's end; with one thread, of its processor
time (without what helpers such as Java's collector or liburcu's call_rcu take). Two threads tell little on a machine
that others use.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import _report
from ._programs import BUILD, HERE, build_module, run

WORKER = HERE / "_collections_worker.py"
THREADS = (1, 2, 4)
MAP_WORKLOADS = {
    "read": "100 % get",
    "mixed": "80 % get, 10 % put, 10 % remove",
    "half": "50 % get, 25 % put, 25 % remove",
    "scan": "scans of 100 entries",
}
QUEUE_WORKLOADS = {"pairs": "pairs of put and get in each thread", "halves": "half the threads put, half get"}


@dataclass(frozen=True)
class Program:
    """One peer in C: its source in benchmarks/c, what the compiler needs, and the Debian package that brings it."""

    name: str  # as the program prints it
    source: str
    peer: int = 0  # for sources with several: -DPEER
    libraries: tuple[str, ...] = ()
    header: str | None = None  # missing: left out
    package: str = ""
    role: str = "peer"  # or "ours", "design", "lock", "reads"
    defines: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return "maps" if self.source.startswith("map") else "queues"


LIBCDS = dict(source="map_libcds.cpp", libraries=("cds",), header="cds/init.h", package="libcds-dev")
CK = dict(source="queue_ck.c", libraries=("ck",), header="ck_ring.h", package="libck-dev")
URCU = dict(source="queue_urcu.c", header="urcu/wfcqueue.h", package="liburcu-dev")
BOOST = dict(source="queue_boost.cpp", header="boost/lockfree/queue.hpp", package="libboost-dev")
PROGRAMS = [
    Program("cc_map", "map.c", role="ours"),
    Program("Natarajan-Mittal tree, cc_smr", "map_natarajan.c", role="design"),
    Program("libcds skip list, RCU", peer=1, **LIBCDS),
    Program("libcds skip list, HP", peer=2, **LIBCDS),
    Program("libcds Bronson AVL, RCU", peer=3, **LIBCDS),
    Program("Java ConcurrentSkipListMap", "map_java.java", package="default-jdk-headless"),
    Program(
        "oneTBB concurrent_map", "map_tbb.cpp", libraries=("tbb",), header="oneapi/tbb/concurrent_map.h",
        package="libtbb-dev",
        role="reads",
    ),
    Program("std::map + mutex", "map_std.cpp", role="lock"),
    Program("cc_queue", "queue.c", role="ours"),
    Program("cc_queue unbounded", "queue.c", role="ours", defines=("-DUNBOUNDED",)),
    Program("cc_stack", "stack.c", role="ours"),
    Program("Vyukov ring", "queue_vyukov.c"),
    Program("ck_ring", peer=1, **CK),
    Program("ck_fifo", peer=2, **CK),
    Program("ck_stack", peer=3, **CK),
    Program("liburcu wfcq", peer=1, libraries=("urcu-memb", "urcu-common"), **URCU),
    Program("liburcu lfq", peer=2, libraries=("urcu-cds", "urcu-memb", "urcu-common"), **URCU),
    Program("boost::lockfree::queue", peer=1, **BOOST),
    Program("boost::lockfree::stack", peer=2, **BOOST),
    Program(
        "moodycamel", "queue_moodycamel.cpp", header="concurrentqueue/concurrentqueue.h",
        package="libconcurrentqueue-dev"
    ),
]  # fmt: skip

OURS = {program.name for program in PROGRAMS if program.role in ("ours", "design")}

# What is aimed at. Maps in C: times the fastest concurrent peer that can remove, and times oneTBB where only reads are
# asked for.
MAP_AIM, MAP_READ_AIM = 1.5, 1.2
QUEUE_AIMS = {1: 40e6, 2: 10e6, 4: 10e6}  # pairs per second
PYTHON_MAP_AIMS = {("int", 1): 5.0, ("int", 2): 10.0, ("str", 1): 4.0, ("str", 2): 8.0}  # times SortedDict + Lock
PYTHON_QUEUE_AIMS = {1: 1.0, 2: 1.5, 4: 1.5}  # times SimpleQueue
BYTES_AIM = 61


# ---- programs in C ---------------------------------------------------------------------------------------------------


def compile_program(program: Program, library: Path) -> list[str] | None:
    """The command that runs it; None, with a message, where something is missing."""
    build = build_module()
    source = HERE / "c" / program.source
    if not source.exists():
        print(f"left out: {program.name}: there is no {source.name}", file=sys.stderr)
        return None
    target = BUILD / program.name.replace(" ", "_").replace(",", "").replace("::", "_").replace("+", "and")
    if source.suffix == ".java":
        if shutil.which("javac") is None:
            print(f"left out: {program.name}: needs Debian's {program.package}", file=sys.stderr)
            return None
        target.mkdir(parents=True, exist_ok=True)
        build.run(["javac", "-d", target, source])
        return ["java", "-Xmx8g", "-cp", str(target), "MapJava"]
    if source.suffix == ".cpp":
        command = [os.environ.get("CXX", "c++"), "-std=c++17"]
    else:
        command = [*build.compiler(), "-std=gnu11"]
    command += ["-O2", "-g1", "-pthread", f"-I{build.INCLUDE}", f"-DPEER={program.peer}", *program.defines]
    if program.header is not None:
        text, language = f"#include <{program.header}>\n", "c++" if source.suffix == ".cpp" else "c"
        if (
            subprocess.run(
                [*command, "-E", f"-x{language}", "-"], input=text, capture_output=True, text=True
            ).returncode
            != 0
        ):
            print(f"left out: {program.name}: needs Debian's {program.package}", file=sys.stderr)
            return None
    libraries = [f"-l{name}" for name in program.libraries]
    if program.role in ("ours", "design"):
        libraries += [library, f"-Wl,-rpath,{library.parent}"]
    build.run([*command, source, *libraries, "-o", target])
    return [str(target)]


def run_lines(command: list[Any], preload: Path | None = None, *, ours: bool = True) -> list[dict[str, Any]]:
    """What a program prints. A peer that fails (libcds' skip list over hazard pointers finds a wrong value now and
    then) is left out of the round.
    """
    try:
        return run(*command, **({"LD_PRELOAD": str(preload)} if preload is not None else {}))
    except subprocess.CalledProcessError as error:
        text = f"{' '.join(map(str, command))} ended with status {error.returncode}"
        if ours:
            raise SystemExit(text) from None
        print(f"left out of this round: {text}", file=sys.stderr)
        return []


class Samples:
    """Figures by what was measured: (peer, workload, size, threads, …) -> one figure for each round."""

    def __init__(self) -> None:
        self.values: dict[tuple[Any, ...], list[float]] = {}

    def add(self, key: tuple[Any, ...], value: float) -> None:
        self.values.setdefault(key, []).append(value)

    def median(self, *key: Any) -> float | None:
        found = self.values.get(key)
        return statistics.median(found) if found else None

    def rows(self, *fields: str) -> list[dict[str, Any]]:
        """For the JSON file."""
        return [
            dict(zip(fields, key)) | {"median": statistics.median(values), "min": min(values), "max": max(values)}
            for key, values in self.values.items()
        ]


def judge(
    aims: list[dict[str, Any]], text: str, actual: float | None, limit: float | None, unit: str, *, least: bool = True
) -> None:
    if actual is not None and limit is not None:
        holds = actual >= limit if least else actual <= limit
        aims.append({"aim": text, "actual": actual, "limit": limit, "unit": unit, "least": least, "holds": holds})


def millions(value: float | None) -> str:
    return "–" if value is None else f"{value / 1e6:.2f}" if value < 1e7 else f"{value / 1e6:.1f}"


def measure_maps(
    commands: dict[str, list[str]], sizes: list[int], milliseconds: int, rounds: int, preload: Path | None
) -> Samples:
    samples = Samples()
    for size in sizes:
        for _ in range(rounds):
            for name, command in commands.items():
                foreign = preload if not name.startswith("Java") else None
                arguments = [size, milliseconds, ",".join(map(str, THREADS)), ",".join(MAP_WORKLOADS)]
                for line in run_lines([*command, *arguments], foreign, ours=name in OURS):
                    if line["workload"] == "fill":
                        samples.add((name, "bytes", size, 0), line["bytes_per_entry"])
                    else:
                        samples.add((name, line["workload"], size, line["threads"]), line["rate"])
    return samples


def report_maps(samples: Samples, commands: dict[str, list[str]], sizes: list[int], aims: list[dict[str, Any]]) -> None:
    roles = {program.name: program.role for program in PROGRAMS}
    for size in sizes:
        header = ["map", *(f"{workload} {n}" for workload in MAP_WORKLOADS for n in THREADS), "bytes per entry"]
        rows = []
        for name in commands:
            rates = [millions(samples.median(name, workload, size, n)) for workload in MAP_WORKLOADS for n in THREADS]
            used = samples.median(name, "bytes", size, 0)
            rows.append([name, *rates, "–" if used is None or size < 10_000 else f"{used:.0f}"])
        legend = "; ".join(f"{workload}: {meaning}" for workload, meaning in MAP_WORKLOADS.items())
        _report.print_table(f"Maps in C, {size:,} entries, M operations/s ({legend}; threads)", header, rows)
        for ours in (name for name in commands if roles[name] == "ours"):
            for workload in MAP_WORKLOADS:
                for n in THREADS:
                    actual = samples.median(ours, workload, size, n)
                    for role, factor in (("peer", MAP_AIM), ("reads", MAP_READ_AIM)):
                        rivals = [
                            (rate, name) for name in commands
                            if roles[name] == role and (rate := samples.median(name, workload, size, n)) is not None
                        ]  # fmt: skip
                        if rivals and actual is not None and not (role == "reads" and workload != "read"):
                            fastest, name = max(rivals)
                            text = f"{ours}, {size:,} entries, {workload}, threads {n}: times {name}"
                            judge(aims, text, actual / fastest, factor, "x")


def measure_queues(commands: dict[str, list[str]], milliseconds: int, rounds: int) -> Samples:
    samples = Samples()
    for _ in range(rounds):
        for name, command in commands.items():
            arguments = [milliseconds, ",".join(map(str, THREADS)), ",".join(QUEUE_WORKLOADS)]
            for line in run_lines([*command, *arguments], ours=name in OURS):
                samples.add((name, line["workload"], line["threads"]), line["rate"])
    return samples


def report_queues(samples: Samples, commands: dict[str, list[str]], aims: list[dict[str, Any]]) -> None:
    columns = [(workload, n) for workload in QUEUE_WORKLOADS for n in THREADS if not (workload == "halves" and n == 1)]
    rows = [[name, *(millions(samples.median(name, *column)) for column in columns)] for name in commands]
    legend = "; ".join(f"{workload}: {meaning}" for workload, meaning in QUEUE_WORKLOADS.items())
    _report.print_table(
        f"Queues in C, M/s ({legend}; threads)", ["queue", *(f"{workload} {n}" for workload, n in columns)], rows
    )
    for name in ("cc_queue", "cc_queue unbounded"):
        for n, limit in QUEUE_AIMS.items():
            judge(aims, f"{name}, pairs, threads {n}: per second", samples.median(name, "pairs", n), limit, "")


# ---- Python ----------------------------------------------------------------------------------------------------------


@dataclass
class Interpreter:
    python: str
    version: str
    gil: bool
    containers: list[str]

    @classmethod
    def look(cls, python: str) -> Interpreter:
        (found,) = run_lines([python, "-P", WORKER, "list"])
        return cls(python, **found)

    def run(self, *arguments: object) -> list[dict[str, Any]]:
        return run_lines([self.python, "-P", WORKER, *arguments])


MAPS = [
    "SkipListMap", "TreeMap", "SortedDict + Lock", "dict + Lock", "dict, no lock", "cereggii AtomicDict",
    "ft_utils ConcurrentDict",
]  # fmt: skip
QUEUES = [
    "LockFreeQueue", "LockFreeStack", "queue.SimpleQueue", "queue.Queue", "collections.deque",
    "ft_utils ConcurrentDeque",
    "ft_utils StdConcurrentQueue",
]  # fmt: skip


def measure_python(
    interpreter: Interpreter, sizes: list[int], operations: int, repeats: int, rounds: int, bytes_at: int
) -> Samples:
    samples = Samples()
    threads = ",".join(map(str, THREADS))
    maps = [name for name in MAPS if name in interpreter.containers]
    for _ in range(rounds):
        for size in sizes:
            for kind in ("int", "str"):
                for name in maps:
                    for line in interpreter.run(
                        "speed", name, kind, size, threads, ",".join(MAP_WORKLOADS), operations, repeats
                    ):
                        samples.add((name, kind, size, line["workload"], line["threads"]), line["rate"])
        for name in QUEUES:
            if name in interpreter.containers:
                for line in interpreter.run("speed", name, "int", 1, threads, "pairs", operations, repeats):
                    samples.add((name, "pairs", line["threads"]), line["rate"])
    for kind in ("int", "str"):
        for name in maps:
            for line in interpreter.run("bytes", name, kind, bytes_at):
                samples.add((name, kind, "bytes"), line["bytes_per_entry"])
    return samples


def report_python(interpreter: Interpreter, samples: Samples, sizes: list[int], aims: list[dict[str, Any]]) -> None:
    version = interpreter.version
    for size in sizes:
        for kind in ("int", "str"):
            rows = []
            for name in (name for name in MAPS if name in interpreter.containers):
                rates = [
                    millions(samples.median(name, kind, size, workload, n))
                    for workload in MAP_WORKLOADS
                    for n in THREADS
                ]
                rows.append([name, *rates, f"{samples.median(name, kind, 'bytes'):.0f}"])
            header = ["map", *(f"{workload} {n}" for workload in MAP_WORKLOADS for n in THREADS), "bytes per entry"]
            _report.print_table(
                f"Python {version}, {kind} keys, {size:,} entries, M operations/s net of the loop", header, rows
            )
            for (aimed, n), factor in PYTHON_MAP_AIMS.items():
                ours = samples.median("SkipListMap", kind, size, "mixed", n)
                theirs = samples.median("SortedDict + Lock", kind, size, "mixed", n)
                bare = samples.median("dict, no lock", kind, size, "mixed", n)
                if aimed == kind and ours and theirs and bare:
                    text = f"Python {version}, SkipListMap, {kind} keys, {size:,} entries, mixed, threads {n}"
                    text += f": times SortedDict + Lock (a bare dict: {bare / theirs:.2f}x)"
                    judge(aims, text, ours / theirs, factor, "x")
    judge(
        aims, f"Python {version}, SkipListMap, int to int: bytes per entry",
        samples.median("SkipListMap", "int", "bytes"),
        BYTES_AIM, "bytes", least=False,
    )  # fmt: skip
    rows = [
        [name, *(millions(samples.median(name, "pairs", n)) for n in THREADS)]
        for name in QUEUES
        if name in interpreter.containers
    ]
    _report.print_table(
        f"Python {version}, put and get, M pairs/s net of the loop", ["queue", *map(str, THREADS)], rows
    )
    for n, factor in PYTHON_QUEUE_AIMS.items():
        names = ("LockFreeQueue", "queue.SimpleQueue", "collections.deque")
        ours, theirs, bare = (samples.median(name, "pairs", n) for name in names)
        if ours and theirs and bare:
            text = (
                f"Python {version}, LockFreeQueue, threads {n}: times SimpleQueue (a bare deque: {bare / theirs:.2f}x)"
            )
            judge(aims, text, ours / theirs, factor, "x")


# ---- all
# ---------------------------------------------------------------------------------------------------------------


def parse_sizes(text: str) -> list[int]:
    return [int(word) for word in text.split(",") if word]


def chosen(names: Iterable[str], only: list[str] | None) -> list[str]:
    return [name for name in names if only is None or any(part.lower() in name.lower() for part in only)]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks collections", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small, once and short: shows that it runs, no more")
    parser.add_argument("--part", action="append", choices=("maps", "queues", "python"), help="what to measure (all)")
    parser.add_argument("--only", action="append", metavar="TEXT", help="only C programs whose name contains it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--milliseconds", type=int, default=1000, help="of each measurement in C")
    parser.add_argument("--sizes", type=parse_sizes, default=[100_000, 10_000_000], help="entries of maps in C")
    parser.add_argument("--python", action="append", metavar="PYTHON", help="interpreter with the package installed")
    parser.add_argument("--python-sizes", type=parse_sizes, default=[1000, 100_000], help="entries of maps in Python")
    parser.add_argument("--operations", type=int, default=200_000, help="of each measurement in Python")
    parser.add_argument(
        "--preload", type=Path, metavar="LIBRARY", help="an allocator for the peers in C, e.g. libmimalloc.so"
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    parts = options.part or ["maps", "queues", "python"]
    repeats, bytes_at = 3, 1_000_000
    if options.quick:
        options.rounds, options.milliseconds, options.sizes, options.python_sizes = 1, 5, [1000], [1000]
        options.operations, repeats, bytes_at = 2000, 1, 1000

    results: dict[str, Any] = {"benchmark": "collections", "quick": options.quick, "machine": _report.machine()}
    aims: list[dict[str, Any]] = []
    commands: dict[str, dict[str, list[str]]] = {"maps": {}, "queues": {}}
    library = build_module().build_libcc(BUILD)
    for program in PROGRAMS:
        if program.kind in parts and chosen([program.name], options.only):
            command = compile_program(program, library)
            if command is not None:
                commands[program.kind][program.name] = command

    if commands["maps"]:
        samples = measure_maps(commands["maps"], options.sizes, options.milliseconds, options.rounds, options.preload)
        report_maps(samples, commands["maps"], options.sizes, aims)
        results["maps"] = samples.rows("map", "workload", "entries", "threads")
    if commands["queues"]:
        samples = measure_queues(commands["queues"], options.milliseconds, options.rounds)
        report_queues(samples, commands["queues"], aims)
        results["queues"] = samples.rows("queue", "workload", "threads")
    if "python" in parts:
        results["python"] = {}
        for python in options.python or [sys.executable]:
            interpreter = Interpreter.look(python)
            samples = measure_python(
                interpreter, options.python_sizes, options.operations, repeats, options.rounds, bytes_at
            )
            report_python(interpreter, samples, options.python_sizes, aims)
            results["python"][interpreter.version] = [
                {"key": list(key), "median": statistics.median(values), "min": min(values), "max": max(values)}
                for key, values in samples.values.items()
            ]
    results["aims"] = aims
    print()
    for aim in aims:
        verdict, sign = "holds" if aim["holds"] else "MISSED", "at least" if aim["least"] else "at most"
        actual, limit = (f"{v / 1e6:.1f} M" if v > 1e5 else f"{v:.2f}" for v in (aim["actual"], aim["limit"]))
        print(f"{verdict}: {aim['aim']}: {actual}{aim['unit']}, {sign} {limit}")
    _report.write_json(options.json or _report.result_file("collections", quick=options.quick), results)
    return 0
