"""Fixtures that tests of several folders share."""

from __future__ import annotations

import pytest
from profiler_tools import Runtime


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    """libcc as a C program would call it: the very instance that the package uses."""
    return Runtime()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """test_smr.py looks at all domains of the process: it comes first, since the domain of maps never goes once there was a map."""
    items.sort(key=lambda item: item.path.name != "test_smr.py")
