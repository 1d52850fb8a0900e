"""Programs and modules that some tests need: without them a test is skipped, or fails where they must be there."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from typing import NoReturn

import pytest

REQUIRED = os.environ.get("CC_TEST_REQUIRE_TOOLS") == "1"

#: For tests of what no interpreter takes part in: one of the two that ./test runs is enough.
on_stock_python_only = pytest.mark.skipif(
    "t" in getattr(sys, "abiflags", ""), reason="no Python takes part in it: the stock interpreter is enough"
)


def missing(what: str) -> NoReturn:
    """Skip the test because ``what`` is not installed; fail it where CC_TEST_REQUIRE_TOOLS=1 says that it must be."""
    if REQUIRED:
        pytest.fail(f"{what} is not installed, and CC_TEST_REQUIRE_TOOLS=1")
    pytest.skip(f"{what} is not installed")


def tool(*names: str, package: str | None = None) -> str:
    """The path of the first of ``names`` on PATH. ``package`` is the Debian package that brings it."""
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return path
    missing(f"{names[0]} (Debian package {package or names[0]})")


def module(name: str) -> None:
    """Returns if the Python module can be imported."""
    if importlib.util.find_spec(name) is None:
        missing(name)
