"""The verbs of the command line. Each is a module of this folder that has a ``VERB``; nothing else lists them."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from ..verb import Verb

__all__ = ["load", "names"]


def names() -> list[str]:
    """All verbs, by the alphabet."""
    return sorted(module.name for module in iter_modules(__path__))


def load(name: str) -> Verb:
    """The verb of this name, one of :func:`names`."""
    verb: Verb = import_module(f".{name}", __name__).VERB
    return verb
