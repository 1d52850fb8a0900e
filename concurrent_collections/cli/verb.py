"""What a verb of the command line is."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Verb"]


@dataclass(frozen=True)
class Verb:
    """A command: the constant ``VERB`` of each module in ``verbs/``, whose name is the module's."""

    help: str
    """One line for the list of commands."""
    description: str
    """What ``--help`` says above the options; printed as it is written."""
    add_options: Callable[[argparse.ArgumentParser], None]
    """Adds the options. Whether an option takes a value is read from here: nothing else needs to know the options."""
    run: Callable[[argparse.Namespace, argparse.ArgumentParser], int]
    """Does the work; returns the exit status. The parser is for ``parser.error``."""
    runs_program: bool = False
    """After the options stand a program and its arguments, which nobody reads here: ``options.program``, a list."""
    usage: str | None = None
    """In place of the usage that argparse makes of the options."""
    epilog: str | None = None
    """What ``--help`` says below the options; printed as it is written."""
