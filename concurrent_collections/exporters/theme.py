"""The page's colours, in light and dark: custom properties of its CSS, and names for the figures.

A figure names a colour ``@alloc`` where plotly expects one; the page's script puts in the value of ``--alloc`` as
it is in the theme that is shown. So both themes share one set of figures, and every colour is written down once,
here.
"""

from __future__ import annotations

__all__ = ["COLORS", "SERIES", "css_variables"]

# name: (light, dark). The hues keep their contrast against both surfaces and differ for the common forms of colour
# blindness.
COLORS: dict[str, tuple[str, str]] = {
    "page": ("#f4f4f1", "#0d0d0d"),
    "surface": ("#fcfcfb", "#1a1a19"),
    "raised": ("#ffffff", "#242422"),
    "border": ("#dedcd5", "#353532"),
    "grid": ("#e8e6e0", "#2c2c2a"),
    "text": ("#0b0b0b", "#f7f7f5"),
    "muted": ("#55544f", "#b4b2a9"),
    "accent": ("#2a78d6", "#5a9fec"),
    "alloc": ("#2a78d6", "#3987e5"),
    "alloc-soft": ("rgba(42,120,214,0.16)", "rgba(57,135,229,0.24)"),
    "free": ("#e0652f", "#e0702f"),
    "free-soft": ("rgba(235,104,52,0.16)", "rgba(224,112,47,0.22)"),
    "peak": ("#c92f2f", "#ee7373"),
    "faint": ("rgba(85,84,79,0.10)", "rgba(180,178,169,0.12)"),
    "good": ("#0b7a4f", "#3ecf93"),
    "good-soft": ("rgba(27,175,122,0.18)", "rgba(25,158,112,0.28)"),
    "warning": ("#8f5d00", "#f0b53d"),
    "warning-soft": ("rgba(237,161,0,0.20)", "rgba(201,133,0,0.28)"),
    "serious": ("#b32424", "#f28b8b"),
    "serious-soft": ("rgba(208,59,59,0.16)", "rgba(230,103,103,0.24)"),
    "held": ("#b9b7ae", "#5d5c57"),
    "heat0": ("#f0f5fc", "#18212c"),
    "heat1": ("#c5dcf8", "#1b3a5e"),
    "heat2": ("#93bff2", "#1f5391"),
    "heat3": ("#5d9ce8", "#2a6cc0"),
    "flame0": ("#a9c9f2", "#1f4f8f"),
    "flame1": ("#a3dcc4", "#12614a"),
    "flame2": ("#f6d58f", "#7a5500"),
    "flame3": ("#cdc1f2", "#4d3f9e"),
    "flame4": ("#f3b79c", "#8a3f1a"),
    "flame5": ("#9fd3de", "#14606f"),
    "flame6": ("#efb6cf", "#84305a"),
    "flame7": ("#c8d89f", "#46611b"),
    "flame-held": ("#dad8d0", "#454440"),
    "series0": ("#2a78d6", "#3987e5"),
    "series1": ("#1baf7a", "#199e70"),
    "series2": ("#eda100", "#c98500"),
    "series3": ("#7a5fd0", "#9085e9"),
    "series4": ("#e0652f", "#d95926"),
    "series5": ("#0f8fa8", "#2aa7bf"),
    "series6": ("#d5578f", "#d55181"),
    "series7": ("#5b7f1f", "#7fa33a"),
    "link0": ("rgba(42,120,214,0.35)", "rgba(57,135,229,0.42)"),
    "link1": ("rgba(27,175,122,0.35)", "rgba(25,158,112,0.42)"),
    "link2": ("rgba(237,161,0,0.35)", "rgba(201,133,0,0.42)"),
    "link3": ("rgba(122,95,208,0.35)", "rgba(144,133,233,0.42)"),
    "link4": ("rgba(224,101,47,0.35)", "rgba(217,89,38,0.42)"),
    "link5": ("rgba(15,143,168,0.35)", "rgba(42,167,191,0.42)"),
    "link6": ("rgba(213,87,143,0.35)", "rgba(213,81,129,0.42)"),
    "link7": ("rgba(91,127,31,0.35)", "rgba(127,163,58,0.42)"),
}

SERIES = 8
"""How many ``seriesN``, ``linkN`` and ``flameN`` colours there are. Text is legible on ``heatN`` and ``flameN``."""


def css_variables() -> str:
    """The custom properties: light, dark where the system prefers it, and either where the reader chose it."""
    light = "".join(f"--{name}:{value};" for name, (value, _) in COLORS.items()) + "color-scheme:light;"
    dark = "".join(f"--{name}:{value};" for name, (_, value) in COLORS.items()) + "color-scheme:dark;"
    return (
        f":root{{{light}}}@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}"
        f":root[data-theme=dark]{{{dark}}}"
    )
