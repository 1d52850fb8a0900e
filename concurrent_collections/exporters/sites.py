"""The former path of :mod:`.memory.sites`."""

from .memory.sites import NO_FRAME, Frame, blame, leak_lines, leak_sites, parse_frame, short_location

__all__ = ["NO_FRAME", "Frame", "blame", "leak_lines", "leak_sites", "parse_frame", "short_location"]
