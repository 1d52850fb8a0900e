"""memory.MappedFile."""

from __future__ import annotations

import gc
import os

import pytest
from interpreter import output_of, run_python
from threads import Threads

from concurrent_collections.memory import MappedFile

PAGE = os.sysconf("SC_PAGESIZE")
CONTENT = bytes(range(256)) * (PAGE // 64) + b"the end"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


def test_it_is_the_files_bytes(path):
    with MappedFile(path) as mapped:
        assert len(mapped) == len(CONTENT) and mapped[5] == 5 and mapped[-1] == ord("d")
        assert bytes(mapped) == memoryview(mapped) == mapped.read() == CONTENT
        assert mapped.read(3) == CONTENT[3:] and mapped.read(3, 5) == CONTENT[3:8] and mapped.read(len(mapped)) == b""
        part = mapped[300:310]
        assert isinstance(part, memoryview) and part.readonly and part == CONTENT[300:310]
        with pytest.raises(TypeError):
            part[0] = 1
        assert not mapped.truncated and mapped.path == str(path) and "file" in repr(mapped)
        part.release()
    assert mapped.closed and "closed" in repr(mapped)
    for use in (
        lambda: mapped[0],
        lambda: len(mapped),
        mapped.read,
        lambda: memoryview(mapped),
        lambda: mapped.find(b""),
    ):
        with pytest.raises(ValueError, match="the MappedFile is closed"):
            use()


@pytest.mark.parametrize("part", [b"\1\2\3", b"\xff\0", b"the end", b"end!", b"", CONTENT, CONTENT + b"x"])
@pytest.mark.parametrize("bounds", [(), (5,), (300, 600), (-7,), (0, -3), (600, 300), (1 << 40,), (len(CONTENT),)])
def test_find_is_as_that_of_bytes(path, part, bounds):
    with MappedFile(path) as mapped:
        assert mapped.find(part, *bounds) == CONTENT.find(part, *bounds)
        assert mapped.rfind(part, *bounds) == CONTENT.rfind(part, *bounds)


def test_nothing_is_unmapped_under_a_view(path):
    mapped = MappedFile(path)
    view = memoryview(mapped)[10:20]
    with pytest.raises(BufferError, match="a view still shows"):
        mapped.close()
    assert not mapped.closed and view == CONTENT[10:20]
    view.release()
    mapped.close()
    view = memoryview(MappedFile(path))  # the view keeps the map
    gc.collect()
    assert view == CONTENT


def test_numpy(path):
    import numpy

    with MappedFile(path) as mapped:
        array = numpy.frombuffer(mapped, dtype="u1")
        assert array[77] == CONTENT[77] and not array.flags.writeable
        with pytest.raises(BufferError):
            mapped.close()
        del array


def test_copy_on_write_stays_here(path):
    with MappedFile(path, copy_on_write=True) as mapped, MappedFile(path) as other:
        with memoryview(mapped) as view:
            view[0:3] = b"own"
        assert bytes(mapped[0:3]) == b"own" and bytes(other[0:3]) == CONTENT[:3] == mapped.read(0, 3)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("advice", ["normal", "sequential", "random", "will need", "don't need"])
def test_advice(path, advice):
    with MappedFile(path) as mapped:
        mapped.advise(advice)
        mapped.advise(advice, PAGE + 1, 10)
        assert bytes(mapped) == CONTENT


def test_clear_errors(path, tmp_path):
    empty = tmp_path / "empty"
    empty.touch()
    for name, error, words in [
        (tmp_path / "missing", FileNotFoundError, "missing cannot be mapped: no such file"),
        (tmp_path, IsADirectoryError, "is a directory"),
        (empty, ValueError, "empty cannot be mapped: the file is empty"),
        ("/dev/null", OSError, "not a regular file"),
        ("with\0zero", ValueError, None),
        (3, TypeError, None),
    ]:
        with pytest.raises(error, match=words):
            MappedFile(name)
    with pytest.raises(TypeError, match="copy_on_write must be True or False"):
        MappedFile(path, copy_on_write=1)
    with MappedFile(os.fsencode(path)) as mapped:
        for call, error, words in [
            (lambda: mapped.read(-1), ValueError, "start must be 0 to"),
            (lambda: mapped.read(0, len(mapped) + 1), ValueError, "length must be 0 to"),
            (lambda: mapped.read("0"), TypeError, "start must be an int"),
            (lambda: mapped.advise("fast"), ValueError, "advice must be one of 'normal'"),
            (lambda: mapped.find("text"), TypeError, None),
        ]:
            with pytest.raises(error, match=words):
                call()


TRUNCATION = """
import os, sys
from concurrent_collections.memory import MappedFile
mapped, other = MappedFile(sys.argv[1]), MappedFile(sys.argv[1])
os.truncate(sys.argv[1], 10)
print(mapped.truncated, mapped.read(5, 5), mapped[9])
try:
    mapped.read(5, 6)
except OSError as error:
    print(error)
print(mapped[len(mapped) - 1], bytes(mapped)[10:] == bytes(len(mapped) - 10))
"""


def test_a_file_that_becomes_shorter_is_told(path):
    result = run_python(TRUNCATION, path)
    assert result.returncode == 0
    assert result.stdout.splitlines() == ["True b'\\x05\\x06\\x07\\x08\\t' 9", "the file has become shorter", "0 True"]
    assert result.stderr == "libcc: a file became shorter while it was mapped; the missing part reads as zeros\n"


def test_in_many_threads(path):
    """Views, reads and searches, while another thread closes what it can."""
    maps = [MappedFile(path)]

    def use():
        for _ in range(300):
            mapped = maps[0]
            try:
                assert mapped.find(b"the end") == len(CONTENT) - 7
                assert mapped.read(5, 3) == CONTENT[5:8]
                with memoryview(mapped) as view:
                    assert view[7] == 7
            except ValueError:
                assert mapped.closed

    def change():
        for _ in range(100):
            old, maps[0] = maps[0], MappedFile(path)
            try:
                old.close()
            except BufferError:
                pass

    with Threads({"one": use, "other": use, "change": change}):
        pass


def test_doctests():
    assert output_of(
        "import doctest; from concurrent_collections.memory import regions; print(doctest.testmod(regions))"
    ).startswith("TestResults(failed=0")
