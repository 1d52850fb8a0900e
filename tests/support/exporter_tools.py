"""What these tests share: finding the tools that they need, and a report whose colours are in place."""

from __future__ import annotations

import os
import re
import shutil
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip the test because ``what`` is not installed; fail it where CC_TEST_REQUIRE_TOOLS=1 says that it must be."""
    if os.environ.get("CC_TEST_REQUIRE_TOOLS") == "1":
        pytest.fail(f"{what} is not installed, and CC_TEST_REQUIRE_TOOLS=1")
    pytest.skip(f"{what} is not installed")


def tool(*names: str, package: str) -> str:
    """The path of the first of ``names`` on PATH."""
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return path
    missing(f"{names[0]} (Debian package {package})")


def own_part(page):
    """The page without plotly.js."""
    return re.sub(r"<script>/\*\*?\s.*?</script>", "", page, flags=re.DOTALL)


def shown_text(page):
    return re.sub(
        r"\s+",
        " ",
        re.sub(r"<[^>]+>", " ", own_part(page).partition("<main>")[2].partition('<script type="application/json"')[0]),
    )
