"""Fixtures and options that tests of all folders share."""

from __future__ import annotations

import gc
import signal
from pathlib import Path

import pytest
from runtime import Runtime

HERE = Path(__file__).resolve().parent

#: The C variant that `--quick` runs.
QUICK_VARIANT = "release"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="leave out tests marked as slow, and all C variants but one")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes long, or builds and installs; left out by --quick")
    # Who starts the tests in the background has them ignore Ctrl-C. The programs that they start must not inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What pytest holds stays for good: the collections of the tests need not go through it each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    """libcc as a C program would call it: the very instance that the package uses."""
    return Runtime()


def is_slow(item: pytest.Item) -> bool:
    if item.get_closest_marker("slow") or "long" in item.path.relative_to(HERE).parts:
        return True
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return "c" in item.path.relative_to(HERE).parts and parameters.get("variant", QUICK_VARIANT) != QUICK_VARIANT


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The tests of SMRProfiler look at all domains of the process. They come first: the maps' domain never goes."""
    items.sort(key=lambda item: item.path.name not in ("test_smr.py", "test_smr_process.py"))
    if config.getoption("--quick"):
        config.hook.pytest_deselected(items=[item for item in items if is_slow(item)])
        items[:] = [item for item in items if not is_slow(item)]
