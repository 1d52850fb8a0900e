"""SQL work on SQLite with each of libcc's backends, against SQLite's own mem1, mem3 and mem5 in the same run.

Compiles benchmarks/c/sqlite.c with SQLite's source (tests/tools/sqlite-source) twice, since mem3 and mem5 exclude each
other, and libcc from the tree. Figures are seconds of a round, by the clock; peers take turns round by round.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
from pathlib import Path

from ._programs import BUILD, HERE, ROOT, build_module, run
from ._report import machine, print_table, result_file, write_json


def compile_programs() -> dict[str, Path]:
    """A program for each of SQLite's own buffer allocators."""
    build = build_module()
    library = build.build_libcc(BUILD)
    done = subprocess.run([ROOT / "tests" / "tools" / "sqlite-source"], stdout=subprocess.PIPE, text=True, check=True)
    sqlite = Path(done.stdout.strip()) / "build"
    programs = {}
    for name in ("mem5", "mem3"):
        object_file = BUILD / f"sqlite3_{name}.o"
        number = name[-1]
        if not object_file.exists() or object_file.stat().st_mtime < (sqlite / "sqlite3.c").stat().st_mtime:
            build.run(
                [
                    *build.compiler(),
                    "-O2",
                    "-w",
                    "-DHAVE_MALLOC_H",
                    "-DHAVE_MALLOC_USABLE_SIZE",
                    f"-DSQLITE_ENABLE_MEMSYS{number}",
                    "-c",
                    sqlite / "sqlite3.c",
                    "-o",
                    object_file,
                ]
            )
        programs[name] = BUILD / f"sqlite_{name}"
        build.run(
            [
                *build.compiler(), "-std=gnu11", "-O2", "-pthread", *build.WARNINGS, f"-DWITH_MEM{number}",
                f"-I{build.INCLUDE}",
                "-isystem", sqlite, HERE / "c" / "sqlite.c", object_file, library, f"-Wl,-rpath,{library.parent}",
                "-lm", "-ldl",
                "-o", programs[name],
            ]
        )  # fmt: skip
    return programs


def measure(program: Path, rounds: int, scale: int, threads: int, status: bool) -> list[dict]:
    """One dictionary for each peer."""
    return run(program, rounds, scale, threads, int(status))


def ratios(results: list[dict], base: str) -> dict[str, float]:
    """Each peer's throughput in that of `base`: the median over the rounds of the quotients within a round."""
    seconds = {result["peer"]: result["seconds"] for result in results}
    return {
        peer: statistics.median(own / other for own, other in zip(seconds[base], values))
        for peer, values in seconds.items()
    }


def print_speed(title: str, results: list[dict]) -> None:
    against = ratios(results, "mem1")
    rows = [
        [
            result["peer"],
            f"{statistics.median(result['seconds']) * 1e3:.1f}",
            f"{min(result['seconds']) * 1e3:.1f}",
            f"{against[result['peer']]:.3f}",
        ]
        for result in results
    ]
    print_table(title, ["allocator", "median ms", "least ms", "throughput, mem1 = 1"], rows)


def print_memory(results: list[dict]) -> None:
    """Of a run with SQLite's statistics on."""
    mem1 = next(result["highwater"] for result in results if result["peer"] == "mem1")
    rows = []
    for result in results:
        peak, worst = result.get("peak_used"), result.get("worst_case")
        rows.append(
            [
                result["peer"],
                f"{result['highwater'] / 2**20:.2f}",
                f"{result['highwater'] / mem1 - 1:+.1%}",
                "" if peak is None else f"{peak / 2**20:.2f}",
                "" if result.get("free_blocks") is None else str(result["free_blocks"]),
                "" if worst is None else f"{worst / 2**20:.0f}",
            ]
        )
    header = [
        "allocator",
        "high-water MiB",
        "over mem1",
        "of the buffer MiB",
        "free pieces at the end",
        "worst case MiB",
    ]
    print_table("Memory: SQLite's high-water mark, by the sizes that each allocator gives", header, rows)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks sqlite", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few and short rounds: shows that it runs, no more")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--scale", type=int, default=20, help="300 rows each")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    rounds, scale = (2, 1) if options.quick else (options.rounds, options.scale)
    results = {}
    for name, program in compile_programs().items():
        for threads in (1, 2):
            for status in (True, False):
                key = f"{name}, {threads} threads, statistics {'on' if status else 'off'}"
                results[key] = measure(program, rounds, scale, threads, status)
                title = f"{threads} thread{'s' * (threads > 1)}, SQLite's statistics {'on' if status else 'off'}"
                print_speed(title, results[key])
        print_memory(results[f"{name}, 1 threads, statistics on"])
    write_json(
        options.json or result_file("sqlite", quick=options.quick),
        {"machine": machine(), "quick": options.quick, "rounds": rounds, "scale": scale, "results": results},
    )
    return 0
