"""What the figures of all pages share. A figure is plotly's JSON.

Colours are names of :mod:`..theme`. Plotly takes some HTML in its labels: every text from the profiled program goes
through :func:`.plot.label`. The figures themselves are in the folders of the kinds of report.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .plot import Figure

__all__ = ["Figure"]

_FORMER = {
    "VIEWS": ("memory", "VIEWS"),
    "latency_caption": ("memory", "latency_caption"),
    "SMR_VIEWS": ("reclamation", "VIEWS"),
}


def __getattr__(name: str) -> Any:
    """What was here before it moved to the folders of the kinds."""
    if name not in _FORMER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    kind, attribute = _FORMER[name]
    return getattr(import_module(f"..{kind}.figures", __name__), attribute)
