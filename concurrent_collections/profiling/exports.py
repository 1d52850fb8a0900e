"""The formats that a report can be written in: one ``to_`` method for each, which profilers and reports share.

A new format is a module ``exporters/<name>.py`` with a function ``chunks(report, **options)`` that gives the file in
pieces, and a method ``to_<name>`` here. ``EXPORTERS`` collects the methods; the command line makes its options of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from os import PathLike
from typing import Any, TypeVar

__all__ = ["EXPORTERS", "Exporter", "Exports", "StrPath"]

StrPath = str | PathLike[str]
Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass(frozen=True)
class Exporter:
    """One format. ``name`` is that of its module, its ``to_`` method and its option; ``help`` describes its file."""

    name: str
    help: str

    def chunks(self, report: object, **options: Any) -> Iterable[str | bytes]:
        """The file in pieces. The exporter's module is imported now, and what it needs of others."""
        module = import_module(f"..exporters.{self.name}", __package__)
        chunks: Iterable[str | bytes] = module.chunks(report, **options)
        return chunks

    def write(self, report: object, path: StrPath, **options: Any) -> None:
        """Write ``report`` to ``path``, as a whole or not at all. Raises OSError."""
        from ..exporters._files import write_file

        write_file(path, self.chunks(report, **options))

    def text(self, report: object, **options: Any) -> str:
        """The file of a format that is text."""
        return "".join(map(str, self.chunks(report, **options)))


EXPORTERS: dict[str, Exporter] = {}
"""All formats by name, in the order in which help and documentation list them."""


def _exporter(help_text: str) -> Callable[[Method], Method]:
    """Enter the method ``to_<name>`` into ``EXPORTERS``."""

    def register(method: Method) -> Method:
        name = method.__name__.removeprefix("to_")
        EXPORTERS[name] = Exporter(name, help_text)
        return method

    return register


class Exports:
    """What profilers and reports have in common: a method for each format."""

    @_exporter("one page that works offline")
    def to_html(self, path: StrPath) -> None:
        """Write the report as one HTML file that works offline. Raises OSError when it can't be written."""
        EXPORTERS["html"].write(self._exported(), path)

    @_exporter("all figures")
    def to_json(self, path: StrPath) -> None:
        """Write the report as JSON; the schema is in docs/report-schema.md. Raises OSError when it can't be written."""
        EXPORTERS["json"].write(self._exported(), path)

    @_exporter("one table")
    def to_csv(self, path: StrPath) -> None:
        """Write the report as one tidy CSV table. Raises OSError when it can't be written."""
        EXPORTERS["csv"].write(self._exported(), path)

    @_exporter("Prometheus' text format")
    def to_prometheus(self, *, openmetrics: bool = False) -> str:
        """The report in Prometheus' text format, or OpenMetrics' (one text cannot be both)."""
        return EXPORTERS["prometheus"].text(self._exported(), openmetrics=openmetrics)

    def _exported(self) -> object:
        """The report that is written: a report itself, of a profiler its ``report()``."""
        return self
