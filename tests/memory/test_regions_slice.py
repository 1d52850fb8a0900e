"""cc/regions.h's slices against Python's bytes and str."""

from __future__ import annotations

import ctypes
import math
import re

import pytest
from hypothesis import example, given, settings, strategies as st

NONE = ctypes.c_size_t(-1).value


class Slice(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Text:
    """Bytes in a block of exactly their size, and the slice of it."""

    def __init__(self, content: bytes) -> None:
        self.memory = ctypes.create_string_buffer(content, max(len(content), 1))
        self.slice = Slice(ctypes.addressof(self.memory), len(content))

    def part(self, slice_: Slice) -> bytes:
        return ctypes.string_at(slice_.data, slice_.length)


@pytest.fixture(scope="module")
def library(runtime):
    size, status, flag, pointer = ctypes.c_size_t, ctypes.c_int, ctypes.c_bool, ctypes.c_void_p
    for name, result, *arguments in [
        ("compare", status, Slice, Slice),
        ("compare_caseless", status, Slice, Slice),
        ("starts_with", flag, Slice, Slice),
        ("ends_with", flag, Slice, Slice),
        ("find", size, Slice, Slice, size),
        ("rfind", size, Slice, Slice, size),
        ("trim", Slice, Slice),
        ("split", flag, pointer, Slice, pointer),
        ("utf8_sub", Slice, Slice, size),
        ("utf8_next", ctypes.c_int32, pointer),
        ("utf8_valid", flag, Slice),
        ("to_int64", status, Slice, pointer),
        ("to_double", status, Slice, pointer),
    ]:
        function = getattr(runtime.library, f"cc_slice_{name}")
        function.restype, function.argtypes = result, arguments
    return runtime.library


SETTINGS = settings(max_examples=300, deadline=None)
SMALL = st.lists(st.sampled_from([b"a", b"b", b"A", b"\0", b"\xff", b" ", b"\t", b",", b"ab"]), max_size=12).map(
    b"".join
)
BYTES = SMALL | st.binary(max_size=20)


def sign(number):
    return (number > 0) - (number < 0)


@SETTINGS
@given(BYTES, BYTES, st.integers(0, 25))
@example(b"", b"", 0)
def test_searches_and_comparisons(library, one, other, start):
    a, b = Text(one), Text(other)
    assert library.cc_slice_find(a.slice, b.slice, start) == (one.find(other, start) % (NONE + 1))
    assert library.cc_slice_rfind(a.slice, b.slice, start) == (one.rfind(other, start) % (NONE + 1))
    assert library.cc_slice_starts_with(a.slice, b.slice) == one.startswith(other)
    assert library.cc_slice_ends_with(a.slice, b.slice) == one.endswith(other)
    assert sign(library.cc_slice_compare(a.slice, b.slice)) == (one > other) - (one < other)
    one, other = one.lower(), other.lower()
    assert sign(library.cc_slice_compare_caseless(a.slice, b.slice)) == (one > other) - (one < other)
    assert a.part(library.cc_slice_trim(a.slice)).lower() == one.strip()


@SETTINGS
@given(BYTES, SMALL.filter(len))
def test_split(library, content, separator):
    text, mark, parts = Text(content), Text(separator), []
    rest, part = Slice(text.slice.data, text.slice.length), Slice()
    while library.cc_slice_split(ctypes.byref(rest), mark.slice, ctypes.byref(part)):
        parts.append(text.part(part))
    assert parts == content.split(separator) and rest.data is None


UTF8 = st.text(max_size=8).map(str.encode) | st.binary(max_size=8)
LEADS = st.lists(
    st.sampled_from(
        [b"\xc3", b"\xa9", b"\xe2\x82", b"\xac", b"\xed\xa0\x80", b"\xf0\x9f", b"\x98\x80", b"\xf4\x90", b"a"]
    ),
    max_size=6,
)


def characters(content: bytes) -> list[tuple[bytes, int]]:
    """Each character, or byte that is none, and its code point."""
    found, at = [], 0
    while at < len(content):
        for length in range(1, 5):
            try:
                point = ord(content[at : at + length].decode())
                break
            except (UnicodeDecodeError, TypeError):
                pass
        else:
            length, point = 1, 0xFFFD
        found.append((content[at : at + length], point))
        at += length
    return found


@SETTINGS
@given(UTF8 | LEADS.map(b"".join), st.integers(0, 10))
def test_utf8(library, content, most):
    text = Text(content)
    expected = characters(content)
    try:
        content.decode()
        valid = True
    except UnicodeDecodeError:
        valid = False
    assert library.cc_slice_utf8_valid(text.slice) == valid
    rest, points = Slice(text.slice.data, text.slice.length), []
    while (point := library.cc_slice_utf8_next(ctypes.byref(rest))) >= 0:
        points.append(point)
    assert points == [point for _, point in expected]
    cut = text.part(library.cc_slice_utf8_sub(text.slice, most))
    if valid:
        longest = b""
        for character, _ in expected:
            if len(longest + character) > most:
                break
            longest += character
        assert cut == longest
    else:
        assert content.startswith(cut) and most - 3 <= len(cut) <= most or cut == content


@SETTINGS
@given(
    st.from_regex(r"[+-]?[0-9]{1,20}", fullmatch=True)
    | st.text("0123456789+- x", max_size=6)
    | st.integers(-(1 << 64), 1 << 64).map(str)
)
@example(str(-(1 << 63)))
@example(str((1 << 63) - 1))
@example(str(1 << 63))
@example("")
@example("-")
def test_integers(library, text):
    number, content = ctypes.c_int64(77), Text(text.encode())
    status = library.cc_slice_to_int64(content.slice, ctypes.byref(number))
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        assert (status, number.value) == (2, 77)
    elif not -(1 << 63) <= int(text) < 1 << 63:
        assert (status, number.value) == (4, 77)
    else:
        assert (status, number.value) == (0, int(text))


@SETTINGS
@given(
    st.floats().map(repr)
    | st.from_regex(r"-?[0-9]{0,17}\.?[0-9]{0,17}", fullmatch=True)
    | st.text("0123456789.-+e x", max_size=8)
)
@example("-0")
@example("1e400")
@example(" 1")
@example("123456789012345.6")
def test_floats(library, text):
    number, content = ctypes.c_double(77), Text(text.encode())
    status = library.cc_slice_to_double(content.slice, ctypes.byref(number))
    if "x" in text:  # strtod's hexadecimal forms
        return
    try:
        expected = float(text) if text == text.strip() else None
    except ValueError:
        expected = None
    if expected is None:
        assert (status, number.value) == (2, 77)
    else:
        assert status == 0
        assert number.value == expected or math.isnan(number.value) and math.isnan(expected)
        assert math.copysign(1, number.value) == math.copysign(1, expected) or math.isnan(expected)
