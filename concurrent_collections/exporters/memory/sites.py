"""Call sites: what a stack trace of a report says, and which of its lines a reader should look at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...profiling.report import AllocationSite, MemoryProfilerReport

__all__ = ["NO_FRAME", "Frame", "blame", "leak_lines", "leak_sites", "parse_frame", "short_location"]

NO_FRAME = "<no Python frame>"

_FRAME = re.compile(r"(?P<file>.*):(?P<line>\d+) in (?P<function>.*)", re.DOTALL)
# Directories and pseudo files of code that the reader did not write.
_LIBRARY = re.compile(
    r"[/\\](?:site|dist)-packages[/\\]|[/\\]lib(?:64)?[/\\]python\d[^/\\]*[/\\]|^<frozen ", re.IGNORECASE
)


@dataclass(frozen=True)
class Frame:
    """One line of a stack trace, taken apart. ``file`` is empty where the text has another form (``<native>``)."""

    file: str
    line: int
    function: str

    @property
    def is_library(self) -> bool:
        """Whether the frame belongs to the standard library or an installed package."""
        return not self.file or _LIBRARY.search(self.file) is not None

    @property
    def base_name(self) -> str:
        """The file's name without its directories."""
        return re.split(r"[/\\]", self.file)[-1]


def parse_frame(text: str) -> Frame:
    """Take ``file:line in function`` apart; any other text is all ``function``."""
    place, _, function = text.rpartition(" in ")
    file, colon, line = place.rpartition(":")
    if colon and line.isdecimal():
        return Frame(file, int(line), function)
    match = _FRAME.fullmatch(text)  # there may be another " in " in a function's name
    if match is None:
        return Frame("", 0, text)
    return Frame(match["file"], int(match["line"]), match["function"])


def blame(stack: Sequence[str]) -> Frame:
    """The innermost frame of the reader's own code; the innermost of all where there is none of it."""
    return parse_frame(_blamed(stack, _Libraries()))


class _Libraries(dict[str, bool]):
    """Whether a frame belongs to a library, by its text: of thousands of stacks each frame is parsed once."""

    def __missing__(self, text: str) -> bool:
        answer = self[text] = parse_frame(text).is_library
        return answer


def _blamed(stack: Sequence[str], libraries: _Libraries) -> str:
    for text in stack:
        if not libraries[text]:
            return text
    return stack[0] if stack else NO_FRAME


def short_location(frame: Frame) -> str:
    """``example.py:93`` (or the function, where no file is known)."""
    return f"{frame.base_name}:{frame.line}" if frame.file else frame.function


def leak_sites(report: MemoryProfilerReport) -> list[AllocationSite]:
    """The sites of leaked blocks, largest first; empty where leaks were not looked for.

    From ``live_sites`` (complete), or else by grouping ``leaked_allocations`` (which have a cap).
    """
    if report.leaked_bytes is None:
        return []
    sites = [site for site in report.live_sites if not site.held_by_interpreter]
    if not sites:
        groups: dict[tuple[str, ...], AllocationSite] = {}
        for record in report.leaked_allocations or ():
            key = tuple(record.stack_trace or ())
            site = groups.setdefault(key, AllocationSite(list(key), 0, 0, False))
            site.count += 1
            site.bytes += record.size
        sites = list(groups.values())
    return sorted(sites, key=lambda site: -site.bytes)


def leak_lines(report: MemoryProfilerReport) -> list[AllocationSite]:
    """:func:`leak_sites` by the line that :func:`blame` names, largest first: one line allocates by many stacks.

    Each has the sums of its line, and the stack of its largest site.
    """
    lines: dict[str, AllocationSite] = {}
    libraries = _Libraries()
    for site in leak_sites(report):
        text = _blamed(site.stack_trace, libraries)
        if (line := lines.get(text)) is None:
            line = lines[text] = AllocationSite(site.stack_trace, 0, 0, False)
        line.count += site.count
        line.bytes += site.bytes
    return sorted(lines.values(), key=lambda line: -line.bytes)
