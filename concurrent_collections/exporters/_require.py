"""Packages that only some formats need: what to install, said where they are missing."""

from __future__ import annotations

from importlib.util import find_spec

__all__ = ["require"]

_NEEDED_BY = {"plotly": "the HTML report", "prometheus_client": "the Prometheus exporter"}


def require(package: str) -> None:
    """Raise ModuleNotFoundError where ``package`` is missing, or only its empty folder is there."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):  # a program may put anything into sys.modules
        spec = None
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{_NEEDED_BY[package]} needs {package}: pip install {package}", name=package)
