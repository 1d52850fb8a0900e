"""Fixtures that tests of several folders share."""

from __future__ import annotations

import pytest
from profiler_tools import Runtime


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    """libcc as a C program would call it: the very instance that the package uses."""
    return Runtime()
