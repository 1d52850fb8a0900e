"""``config``: flags for C programs that use libcc, and the runtime's settings."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from ... import __version__, config
from ..verb import Verb

__all__ = ["VERB"]

_DESCRIPTION = """\
Print the flags, quoted for a shell, with which a C program is built on libcc. Without options, list the runtime's
settings and their values.
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cflags", action="store_true", help="flags for the compiler")
    parser.add_argument("--libs", action="store_true", help="flags for the linker")
    parser.add_argument("--include-dir", action="store_true", help="the directory that holds cc/alloc.h …")
    parser.add_argument("--lib-dir", action="store_true", help="the directory that holds libcc")
    parser.add_argument("--version", action="store_true", help="the version")


def _run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    words = _flags(options)
    if words:
        print(shlex.join(words))
        return 0
    for name, (value, description) in config.options().items():
        print(f"{name} = {value!r}\n    {description}\n    environment: {config.ENVIRONMENT_PREFIX}{name.upper()}")
    return 0


def _flags(options: argparse.Namespace) -> list[str]:
    package = Path(__file__).resolve().parents[2]
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
    return words


VERB = Verb(
    help="flags for C programs that use libcc; without options, the runtime's settings",
    description=_DESCRIPTION,
    add_options=_add_options,
    run=_run,
)
