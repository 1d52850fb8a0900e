"""The command line: ``profile`` a program, or tell the ``config``. Here options are read and checked; others do the work."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from .. import __version__, config
from ..profiling.assembly import DOMAINS
from ..profiling.profiler import MemoryProfiler

__all__ = ["main"]

_DESCRIPTION = """\
Run a Python program and tell where its memory went: a summary on stderr, and the reports that are asked for.

The program runs as 'python script.py ...' or 'python -m module ...' would run it, with its own output, exceptions and exit
status. Profiling begins before its first line and ends when its non-daemon threads and atexit functions have finished
and its globals are still there. The reports are also written when it raises, is interrupted, calls os._exit or gets
SIGTERM (unless it has a handler of its own, or SIGTERM was ignored from the start).
"""

_EPILOG = """\
In a file name, {pid} stands for the process id. With it, each forked child writes its own report, which begins at the fork;
without it, only the first process writes. Children that begin as a new interpreter (multiprocessing's spawn and
forkserver, subprocess) are not profiled.

examples:
  %(prog)s --html report.html --leaks --stacks script.py input.txt
  %(prog)s --json 'report-{pid}.json' --sample-rate 0.01 -m package.module --its-own-option
"""

OUTPUTS = ("html", "json", "csv", "prometheus")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. ``profile`` ends as the program does; other commands return the exit status."""
    parser, profile = _parsers()
    own, rest = _split(list(sys.argv[1:] if arguments is None else arguments))
    options = parser.parse_args(["--stacks=32" if word == "--stacks" else word for word in own])
    if options.command == "config":
        return _show_config(options)
    return _profile(options, rest, profile)


def _parsers() -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    parser = argparse.ArgumentParser(
        prog=_program_name(), description="Memory profiler and memory runtime for threaded Python.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)

    profile = commands.add_parser(
        "profile", help="run a program under the memory profiler", description=_DESCRIPTION, epilog=_EPILOG,
        usage="%(prog)s [options] script.py [argument ...]\n       %(prog)s [options] -m module [argument ...]",
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    reports = profile.add_argument_group("reports (any number of them)")
    for kind, text in zip(
        OUTPUTS, ("one page that works offline", "all figures", "one table", "Prometheus' text format")
    ):
        reports.add_argument(f"--{kind}", metavar="FILE", help=text)
    reports.add_argument("-f", "--force", action="store_true", help="overwrite files that exist")
    reports.add_argument("-q", "--quiet", action="store_true", help="no summary on stderr")
    what = profile.add_argument_group("what is measured")
    what.add_argument(
        "--leaks", action="store_true", help="list what was allocated and is alive at the end, with its lines"
    )
    what.add_argument("--stacks", metavar="N", type=int, help="remember call stacks, the N innermost frames (--stacks alone: 32; otherwise write --stacks=N)")  # fmt: skip
    what.add_argument("--sample-rate", metavar="R", type=float, default=1.0, help="record each allocation with this probability; default 1: all")  # fmt: skip
    what.add_argument("--sample-interval", metavar="BYTES", type=int, help="instead: one sample every so many bytes on average; 524288 is good for production")  # fmt: skip
    what.add_argument("--domains", metavar="NAMES", default=",".join(DOMAINS), help="comma-separated, of %(default)s (default: all)")  # fmt: skip
    what.add_argument("--per-thread", action=argparse.BooleanOptionalAction, default=True, help="figures for each thread (default: yes)")  # fmt: skip
    what.add_argument("--latency-buckets", metavar="N", type=int, default=1000, help="resolution of latencies; default %(default)s")  # fmt: skip
    profile.add_argument("-m", dest="module", metavar="module", help="run a module; all that follows is its own")

    settings = commands.add_parser(
        "config", help="flags for C programs that use libcc; without options, the runtime's settings", allow_abbrev=False,
        description="Print the flags, quoted for a shell, with which a C program is built on libcc. "
        "Without options, list the runtime's settings and their values.",
    )  # fmt: skip
    settings.add_argument("--cflags", action="store_true", help="flags for the compiler")
    settings.add_argument("--libs", action="store_true", help="flags for the linker")
    settings.add_argument("--include-dir", action="store_true", help="the directory that holds cc/alloc.h …")
    settings.add_argument("--lib-dir", action="store_true", help="the directory that holds libcc")
    settings.add_argument("--version", action="store_true", help="the version")
    return parser, profile


def _program_name() -> str:
    name = os.path.basename(sys.argv[0])
    return "python -m concurrent_collections" if name in ("__main__.py", "-m") else name


# ---- profile --------------------------------------------------------------------------------------------------------

_WITH_VALUE = {
    "-m", *(f"--{kind}" for kind in OUTPUTS), "--sample-rate",
    "--sample-interval", "--domains", "--latency-buckets",
}  # fmt: skip


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Our words, and the program's: what follows the script or module is its own, even where it looks like ours."""
    if words[:1] != ["profile"]:
        return words, []
    index = 1
    while index < len(words) and words[index].startswith("-"):
        word = words[index]
        if word == "--":
            return words[:index], words[index + 1 :]
        index += 2 if word in _WITH_VALUE else 1
        if word.startswith("-m"):
            break
    return words[:index], words[index:]


def _profile(options: argparse.Namespace, rest: list[str], parser: argparse.ArgumentParser) -> int:
    if options.module is not None:
        program, arguments = options.module, rest
    elif rest:
        program, arguments = rest[0], rest[1:]
    else:
        parser.error("what is to be profiled? Give a script, or -m and a module")
    try:
        profiler = MemoryProfiler(
            track_per_thread=options.per_thread,
            detect_leaks=options.leaks,
            capture_stacks=options.stacks is not None,
            stack_depth=32 if options.stacks is None else options.stacks,
            sample_rate=options.sample_rate,
            sample_interval=options.sample_interval,
            latency_buckets=options.latency_buckets,
            domains=[name for name in options.domains.split(",") if name],
        )
    except (TypeError, ValueError) as error:
        name, _, text = str(error).partition(" ")
        parser.error(f"--{'stacks' if name == 'stack_depth' else name.replace('_', '-')} {text}")

    from . import program as _program
    from . import session as _session

    try:
        outputs = _session.checked_outputs(
            {kind: name for kind in OUTPUTS if (name := getattr(options, kind)) is not None}, force=options.force
        )
        run = _program.prepare(program, arguments, is_module=options.module is not None)
    except _program.Refused as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")
    session = _session.Session(profiler, outputs, force=options.force, quiet=options.quiet)
    session.begin()
    run()
    return 0


# ---- config ---------------------------------------------------------------------------------------------------------


def _show_config(options: argparse.Namespace) -> int:
    package = Path(__file__).resolve().parent.parent
    include, library = package / "include", package / "lib"
    words: list[str] = []
    if options.version:
        words.append(__version__)
    if options.include_dir:
        words.append(str(include))
    if options.lib_dir:
        words.append(str(library))
    if options.cflags:
        words.append(f"-I{include}")
    if options.libs:
        name = min(path.name for path in library.glob("libcc.so.*"))
        words += [f"-L{library}", f"-l:{name}", f"-Wl,-rpath,{library}"]
    if words:
        print(shlex.join(words))
        return 0
    for name, (value, description) in config.options().items():
        print(f"{name} = {value!r}\n    {description}\n    environment: {config.ENVIRONMENT_PREFIX}{name.upper()}")
    return 0
