"""An exception that leaves the `with` of a region arrives, though its frames still hold views."""

from __future__ import annotations

import pytest

from concurrent_collections.memory import Arena, Heap, MappedFile, Pool


@pytest.fixture(params=["arena", "heap", "pool", "file"])
def region(request, tmp_path):
    if request.param == "file":
        (tmp_path / "data").write_bytes(b"some data")
        return MappedFile(tmp_path / "data")
    return {"arena": Arena, "heap": Heap, "pool": lambda: Pool(64)}[request.param]()


def view_of(region) -> memoryview:
    return (
        region[:4]
        if isinstance(region, MappedFile)
        else memoryview(region.alloc() if isinstance(region, Pool) else region.alloc(8))
    )


def test_the_exception_arrives_and_the_view_stays_good(region):
    with pytest.raises(LookupError, match="of the body"), region:
        view = view_of(region)
        raise LookupError("of the body")
    assert not region.closed
    bytes(view)
    view.release()
    region.close()
    assert region.closed


def test_without_views_it_is_closed(region):
    with pytest.raises(LookupError), region:
        view_of(region).release()
        raise LookupError
    assert region.closed


@pytest.mark.parametrize("kind", [Arena, Heap])
def test_the_exception_leaves_a_mark(kind):
    with kind() as region:
        mark = region.mark() if kind is Arena else region.checkpoint()
        with pytest.raises(LookupError, match="of the body"), mark:
            view = memoryview(region.alloc(8))
            raise LookupError("of the body")
        with pytest.raises(BufferError):
            mark.__exit__(None, None, None)
        view.release()
        mark.__exit__(None, None, None)


def test_without_an_exception_a_view_is_an_error(region):
    view = view_of(region)
    with pytest.raises(BufferError):
        region.__exit__(None, None, None)
    with pytest.raises(BufferError):
        region.__exit__()
    view.release()
    region.__exit__(None, None, None)
    assert region.closed
