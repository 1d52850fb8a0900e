"""Text for people: units, percentages, and names that cannot do harm."""

from __future__ import annotations

import math

__all__ = [
    "binary_unit",
    "display",
    "finite",
    "format_bytes",
    "format_count",
    "format_ns",
    "format_percent",
    "format_rate",
    "format_seconds",
]

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
UNKNOWN = "–"


def display(text: object, limit: int | None = None) -> str:
    """``text`` on one line, without anything that a terminal, browser or file format could take for more than text.

    Control characters, lone surrogates, line separators and invisible formatting characters (which can reverse the
    reading direction) become backslash escapes. With ``limit``, the middle of a longer text gives way to an ellipsis.
    """
    line = str(text)
    if not line.isprintable():
        line = "".join(ch if ch.isprintable() else _escape(ch) for ch in line)
    if limit is not None and len(line) > limit:
        tail = (limit - 1) // 2
        line = f"{line[: limit - 1 - tail]}…{line[len(line) - tail :]}"
    return line


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def finite(value: float | None) -> float | None:
    """``value``, or None where it is None, NaN or infinite."""
    return value if value is not None and math.isfinite(value) else None


def binary_unit(largest: float) -> tuple[int, str]:
    """The divisor and name of the binary unit in which ``largest`` bytes read best."""
    power = 0
    while power < len(_BINARY) - 1 and abs(largest) >= 1024 ** (power + 1):
        power += 1
    return 1024**power, _BINARY[power]


def format_bytes(value: float | None) -> str:
    """``1536`` as ``1.5 KiB``; three significant digits, binary units."""
    value = finite(value)
    if value is None:
        return UNKNOWN
    divisor, unit = binary_unit(value)
    if divisor > 1 and round(abs(value) / divisor) >= 1000:  # 1023.9 KiB reads better as 1.00 MiB
        divisor, unit = binary_unit(abs(value) * 1.025)
    if divisor == 1:
        return f"{value:.0f} B"
    return f"{_three_digits(value / divisor)} {unit}"


def format_count(value: float | None) -> str:
    """``1523456`` as ``1.52 M``; below ten thousand in full."""
    value = finite(value)
    if value is None:
        return UNKNOWN
    if abs(value) < 10_000:
        return f"{value:,.0f}" if value == int(value) else _three_digits(value)
    for factor, unit in ((1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T")):
        if abs(value) < 999.5 * factor or unit == "T":
            return f"{_three_digits(value / factor)} {unit}"
    raise AssertionError("unreachable")


def format_rate(value: float | None) -> str:
    """A count per second: ``152 k/s``."""
    return UNKNOWN if finite(value) is None else f"{format_count(value)}/s"


def format_ns(value: float | None) -> str:
    """Nanoseconds in the unit that reads best: ``42 ns``, ``1.25 µs``."""
    value = finite(value)
    if value is None:
        return UNKNOWN
    for factor, unit in ((1.0, "ns"), (1e3, "µs"), (1e6, "ms")):
        if abs(value) < 999.5 * factor:
            return f"{_three_digits(value / factor)} {unit}"
    return f"{_three_digits(value / 1e9)} s"


def format_seconds(value: float | None) -> str:
    """A duration: ``350 ms``, ``12.3 s``, ``4 min 05 s``, ``2 h 10 min``."""
    value = finite(value)
    if value is None:
        return UNKNOWN
    if value == 0:
        return "0 s"
    if value < 60:
        return format_ns(value * 1e9)
    minutes, seconds = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def format_percent(ratio: float | None) -> str:
    """A ratio of 0..1 as a percentage: ``0.0312`` as ``3.1 %``."""
    ratio = finite(ratio)
    if ratio is None:
        return UNKNOWN
    percent = ratio * 100
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 0.1 <= percent < 10:
        return f"{percent:.1f} %"
    return f"{percent:.0f} %"


def _three_digits(value: float) -> str:
    magnitude = abs(value)
    if magnitude >= 99.95 or value == 0:
        return f"{value:.0f}"
    text = f"{value:.1f}" if magnitude >= 9.995 else f"{value:.2f}"
    return text.rstrip("0").rstrip(".")
