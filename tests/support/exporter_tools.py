"""What the tests of the exporters share: reading a page, and the tools that some of them need."""

from __future__ import annotations

import re

from tools import missing, tool

__all__ = ["missing", "own_part", "shown_text", "tool"]


def own_part(page):
    """The page without plotly.js."""
    return re.sub(r"<script>/\*\*?\s.*?</script>", "", page, flags=re.DOTALL)


def shown_text(page):
    return re.sub(
        r"\s+",
        " ",
        re.sub(r"<[^>]+>", " ", own_part(page).partition("<main>")[2].partition('<script type="application/json"')[0]),
    )
