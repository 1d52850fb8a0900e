"""The HTML report: one file that holds all it needs and works without a network.

What stands on the page of a kind of report is in the kind's folder; the document around it, and what keeps hostile text
from doing harm, is in ``_page``.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..profiling.exports import Exports, StrPath
from ._files import write_file
from ._page import document
from .kinds import kind_of
from .memory.page import MAX_LEAK_ROWS

__all__ = ["MAX_LEAK_ROWS", "chunks", "render_html", "write_html"]


def write_html(report: Exports, path: StrPath) -> None:
    """Write the page to ``path`` as a whole or not at all. Raises OSError, or ModuleNotFoundError without plotly."""
    write_file(path, chunks(report))


def render_html(report: Exports) -> str:
    """The page as text. Raises ModuleNotFoundError without plotly."""
    return "".join(chunks(report))


def chunks(report: Exports) -> Iterator[str]:
    """The page in pieces."""
    return document(kind_of(report).page(report))
