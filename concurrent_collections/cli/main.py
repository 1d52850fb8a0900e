"""The command line: finds the verb, reads its options and runs it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence

from .. import __version__
from . import verbs
from .verb import Verb

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status. ``profile`` ends as the program does and does not return."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    known = verbs.names()
    wanted = words[:1] if words and words[0] in known else known  # a verb costs the others' imports nothing
    parser, parsers = _parsers(wanted)
    program: list[str] = []
    if len(wanted) == 1 and verbs.load(wanted[0]).runs_program:
        words, program = _split(words, parsers[wanted[0]])
    options = parser.parse_args(words)
    options.program = program
    return verbs.load(options.verb).run(options, parsers[options.verb])


def _parsers(names: Iterable[str]) -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The whole parser, and the parser of each of these verbs."""
    parser = argparse.ArgumentParser(
        prog=_program_name(), description="Memory profiler and memory runtime for threaded Python.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="verb", metavar="command", required=True)
    return parser, {name: _add_verb(commands, name, verbs.load(name)) for name in names}


def _add_verb(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, verb: Verb
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=verb.help, description=verb.description, usage=verb.usage, epilog=verb.epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    verb.add_options(parser)
    return parser


def _program_name() -> str:
    name = os.path.basename(sys.argv[0])
    return "python -m concurrent_collections" if name in ("__main__.py", "-m") else name


def _split(words: list[str], parser: argparse.ArgumentParser) -> tuple[list[str], list[str]]:
    """Our words, and the program's: what follows the script or module is its own, even where it looks like ours.

    ``-m`` and ``-c`` are, as for Python, the last word of ours but their value.
    """
    takes_value = {
        name: action.nargs not in (0, argparse.OPTIONAL)
        for name, action in parser._option_string_actions.items()  # argparse has no public way to ask
    }
    index = 1
    while index < len(words) and words[index].startswith("-") and words[index] != "-":
        word = words[index]
        if word == "--":
            return words[:index], words[index + 1 :]
        index += 2 if takes_value.get(word, False) else 1
        if word[:2] in ("-m", "-c"):
            break
    own = words[:index]
    if own[-1].startswith("-") and own[-2] in ("-m", "-c"):  # argparse would take the value for an option
        own[-2:] = [own[-2] + own[-1]]
    return own, words[index:]
