"""``profile``: runs a program under the memory profiler."""

from __future__ import annotations

import argparse
from typing import Any

from ... import _core
from ..._core import DOMAINS
from ...profiling.exports import EXPORTERS
from ...profiling.profiler import MemoryProfiler
from .. import program, session
from ..family import Family
from ..outputs import PID, checked_outputs
from ..verb import Verb

__all__ = ["VERB"]

_DESCRIPTION = """\
Run a Python program and tell where its memory went: a summary on stderr, and the reports that are asked for.

The program runs as 'python script.py ...' or 'python -m module ...' would run it, with its own output, exceptions and
exit status. Profiling begins before its first line and ends when its non-daemon threads and atexit functions have
finished and its globals are still there. The reports are also written when it raises, is interrupted, calls os._exit,
gets SIGTERM (unless it has a handler of its own, or SIGTERM was ignored from the start), and before os.exec*.
"""

_EPILOG = """\
In a file name, {pid} stands for the process id. With it, each forked child writes its own report, which begins at the
fork; without it, only the first process writes. Children that begin as a new interpreter (multiprocessing's spawn and
forkserver, subprocess) do so with --children; the report tells how many were not profiled and what they ran.

examples:
  %(prog)s --html report.html --leaks --stacks script.py input.txt
  %(prog)s --json 'report-{pid}.json' --sample-rate 0.01 -m package.module --its-own-option
"""

_USAGE = (
    "%(prog)s [options] script.py [argument ...]\n       %(prog)s [options] -m module [argument ...]\n       "
    "%(prog)s [options] -c text [argument ...]\n       %(prog)s [options] - [argument ...]"
)


def _add_options(parser: argparse.ArgumentParser) -> None:
    reports = parser.add_argument_group("reports (any number of them)")
    for exporter in EXPORTERS.values():
        reports.add_argument(f"--{exporter.name}", metavar="FILE", help=exporter.help)
    reports.add_argument("-f", "--force", action="store_true", help="overwrite files that exist")
    reports.add_argument(
        "--children", action="store_true",
        help="profile the Pythons that the program starts, too; a file name with {pid} is needed",
    )  # fmt: skip
    reports.add_argument("-q", "--quiet", action="store_true", help="no summary on stderr")

    what = parser.add_argument_group("what is measured")
    what.add_argument(
        "--leaks", action="store_true", help="list what was allocated and is alive at the end, with its lines"
    )
    what.add_argument(
        "--stacks", metavar="N", type=int, nargs="?", const=32,
        help="remember call stacks, the N innermost frames (--stacks alone: 32; otherwise write --stacks=N)",
    )  # fmt: skip
    what.add_argument(
        "--sample-rate", metavar="R", type=float, default=1.0,
        help="record each allocation with this probability; default 1: all",
    )  # fmt: skip
    what.add_argument(
        "--sample-interval", metavar="BYTES", type=int,
        help="instead: one sample every so many bytes on average; 524288 is good for production",
    )  # fmt: skip
    what.add_argument(
        "--domains", metavar="NAMES", default=",".join(DOMAINS), help="comma-separated, of %(default)s (default: all)"
    )
    what.add_argument(
        "--per-thread", action=argparse.BooleanOptionalAction, default=True,
        help="figures for each thread (default: yes)",
    )  # fmt: skip
    what.add_argument(
        "--latency-buckets", metavar="N", type=int, default=1000, help="resolution of latencies; default %(default)s"
    )
    parser.add_argument("-m", dest="module", metavar="module", help="run a module; all that follows is its own")
    parser.add_argument("-c", dest="command", metavar="text", help="run a text; all that follows is its own")


def _run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    if options.module is None and options.command is None and not options.program:
        parser.error("what is to be profiled? Give a script, -m and a module, -c and a text, or - for stdin")
    profiler = _profiler(options, parser)
    if options.children and not any(PID in (getattr(options, name) or "") for name in EXPORTERS):
        parser.error("--children: each child writes a report of its own, for which a file name needs a {pid}")
    files = {name: file for name in EXPORTERS if (file := getattr(options, name)) is not None}
    try:
        outputs = checked_outputs(files, force=options.force)
        run = program.prepare(options.program, module=options.module, command=options.command)
        family = _family(options, outputs) if options.children else None
    except program.Refused as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")
    session.Session(profiler, outputs, force=options.force, quiet=options.quiet, family=family).begin()
    run()
    return 0  # not reached


def _arguments(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "track_per_thread": options.per_thread,
        "detect_leaks": options.leaks,
        "capture_stacks": options.stacks is not None,
        "stack_depth": 32 if options.stacks is None else options.stacks,
        "sample_rate": options.sample_rate,
        "sample_interval": options.sample_interval,
        "latency_buckets": options.latency_buckets,
        "domains": [name for name in options.domains.split(",") if name],
    }


def _family(options: argparse.Namespace, outputs: dict[str, str]) -> Family:
    outputs = {name: path for name, path in outputs.items() if PID in path}
    try:
        return Family.found(_core.version, _arguments(options), outputs, force=options.force)
    except OSError as error:
        raise program.Refused(f"--children: can't make a directory: {error.strerror}") from None


def _profiler(options: argparse.Namespace, parser: argparse.ArgumentParser) -> MemoryProfiler:
    try:
        return MemoryProfiler(**_arguments(options))
    except (TypeError, ValueError) as error:  # its texts begin with the argument's name
        name, _, text = str(error).partition(" ")
        parser.error(f"--{'stacks' if name == 'stack_depth' else name.replace('_', '-')} {text}")


VERB = Verb(
    help="run a program under the memory profiler",
    description=_DESCRIPTION,
    add_options=_add_options,
    run=_run,
    runs_program=True,
    usage=_USAGE,
    epilog=_EPILOG,
)
