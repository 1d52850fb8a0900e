"""memory.Arena, memory.Heap and memory.Pool: views, ownership, threads; against models of random operations."""

from __future__ import annotations

import gc
import threading

import pytest
from threads import Threads

from concurrent_collections import MemoryProfiler, _core, config, memory
from concurrent_collections.memory import Arena, Heap, Pool

STACKS = [Arena, Heap]


def take_back(region, mark):
    (region.rewind if isinstance(region, Arena) else region.release)(mark)


def mark_of(region):
    return region.mark() if isinstance(region, Arena) else region.checkpoint()


def empty(region):
    (region.reset if isinstance(region, Arena) else region.empty)()


# ---- blocks and views -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: Arena().alloc(10), lambda: Heap().alloc(10), lambda: Pool(10).alloc()])
def test_a_block_is_bytes(make):
    block = make()
    assert bytes(block) == bytes(10) and len(block) == 10 and block.alive and "10 bytes" in repr(block)
    block[2:5] = b"abc"
    block[9] = 255
    assert block[2] == 97 and bytes(block) == b"\0\0abc\0\0\0\0\xff"
    part = block[2:5]
    assert isinstance(part, memoryview) and part == b"abc"
    part[0] = 120
    assert block[2] == 120
    with pytest.raises(IndexError):
        block[10]
    with pytest.raises(TypeError):
        del block[0]
    with pytest.raises(ValueError):
        block[0:2] = b"long"


@pytest.mark.parametrize("make", STACKS)
def test_the_region_lives_as_long_as_its_blocks(make):
    block = make().copy(b"kept")
    view = memoryview(block)
    del block
    gc.collect()
    assert view == b"kept"


@pytest.mark.parametrize("make", STACKS)
def test_nothing_is_taken_back_under_a_view(make):
    region = make()
    region.alloc(8)
    mark = mark_of(region)
    block = region.copy(b"data")
    for view in (memoryview(block), memoryview(block)[1:3], memoryview(block).cast("B")):
        for call in (lambda: take_back(region, mark), lambda: empty(region), region.close):
            with pytest.raises(BufferError, match="a view still shows"):
                call()
            assert block.alive and bytes(block) == b"data" and not region.closed
        view.release()
        del view
    if make is Heap:
        with memoryview(block), pytest.raises(BufferError):
            region.free_top()
        assert bytes(region.top()) == b"data"
    take_back(region, mark)
    assert not block.alive and "taken back" in repr(block)
    for use in (lambda: block[0], lambda: bytes(block), lambda: memoryview(block), lambda: block.__setitem__(0, 1)):
        with pytest.raises(ValueError, match="taken back"):
            use()
    region.close()


def test_a_view_of_older_memory_does_not_matter():
    for region in (Arena(), Heap()):
        old = memoryview(region.copy(b"old"))
        mark = mark_of(region)
        region.alloc(100_000)
        take_back(region, mark)
        assert old == b"old"
        with pytest.raises(BufferError), region:
            pass
        old.release()
        region.close()


def test_views_of_numpy():
    import numpy

    with Arena() as arena:
        block = arena.alloc(8 * 100, alignment=64)
        array = numpy.frombuffer(block, dtype="<f8")
        array[:] = numpy.arange(100)
        assert array.ctypes.data == block.address and block.address % 64 == 0
        assert memoryview(block).cast("d")[7] == 7.0
        with pytest.raises(BufferError):
            arena.reset()
        half = array[::2]
        del array
        with pytest.raises(BufferError):
            arena.reset()
        del half
        gc.collect()
        arena.reset()


def test_pyarrow_without_a_copy():
    pyarrow = pytest.importorskip("pyarrow")
    with Arena() as arena:
        block = arena.copy(bytes(range(64)))
        buffer = pyarrow.py_buffer(block)
        assert buffer.address == block.address and buffer.size == 64
        with pytest.raises(BufferError):
            arena.reset()
        del buffer


@pytest.mark.parametrize("make", [Arena, Heap, lambda: Pool(8)])
def test_closed(make):
    with make() as region:
        assert not region.closed
    assert region.closed
    region.close()
    kind = type(region).__name__
    for call in (region.status, region.__enter__, *([region.alloc] if kind == "Pool" else [lambda: region.alloc(1)])):
        with pytest.raises(ValueError, match=f"the {kind} is closed"):
            call()


# ---- what each one does ---------------------------------------------------------------------------------------------


def test_arena_keeps_its_memory():
    with Arena(1024) as arena:
        for _ in range(100):
            arena.alloc(1000)
        reserved = arena.status().reserved
        arena.reset()
        assert arena.status().used == 0 and arena.status().reserved == reserved
        for _ in range(100):
            arena.alloc(1000)
        assert arena.status().reserved == reserved and arena.status().blocks > 1
        arena.reset()
        arena.trim()
        assert arena.status().blocks == 1


def test_marks_nest():
    with Arena() as arena:
        with arena.mark():
            first = arena.copy(b"first")
            with arena.mark() as inner:
                second = arena.copy(b"second")
            assert first.alive and not second.alive
            arena.rewind(inner)
        assert not first.alive
        with pytest.raises(ValueError, match="the mark itself was taken back"):
            arena.rewind(inner)
        with Arena() as other, pytest.raises(ValueError, match="mark must be a mark of this object"):
            other.rewind(arena.mark())
        with pytest.raises(ValueError, match="mark must be"):
            arena.rewind(3)


@pytest.mark.parametrize("make", STACKS)
def test_marks_that_are_gone_take_no_memory(make):
    """The list of valid marks is the C heap's, out of a profile's sight: the process's size tells."""
    with make() as region:
        outer = mark_of(region)
        region.alloc(1)

        def loop(count):
            for _ in range(count):
                with mark_of(region):
                    region.alloc(1)
                take_back(region, mark_of(region))
            return _core.resident_bytes()[0]

        before = loop(1000)
        assert loop(200_000) - before < 3 << 20  # kept, they would take 6 MiB
        take_back(region, outer)


def test_a_mark_ends_with_an_exception_too():
    with Heap() as heap:
        with pytest.raises(KeyError), heap.checkpoint():
            heap.alloc(10)
            raise KeyError
        assert heap.top() is None


def test_heap_is_a_stack():
    with Heap() as heap:
        blocks = [heap.copy(bytes([i]) * (i * 50 + 1)) for i in range(20)]
        assert heap.status().allocations == 20 and heap.validate()
        mark = heap.checkpoint()
        for i in reversed(range(20)):
            top = heap.top()
            assert top.address == blocks[i].address and bytes(top) == bytes([i]) * (i * 50 + 1)
            heap.free_top()
            assert not top.alive and not blocks[i].alive
        with pytest.raises(IndexError):
            heap.free_top()
        with pytest.raises(ValueError, match="taken back"):
            heap.release(mark)
        assert heap.status().blocks == 1


def test_pool_takes_blocks_back():
    with Pool(24, blocks=3, fixed=True) as pool:
        blocks = [pool.alloc() for _ in range(3)]
        assert len({block.address for block in blocks}) == 3
        with pytest.raises(MemoryError):
            pool.alloc()
        with memoryview(blocks[0]), pytest.raises(BufferError):
            pool.free(blocks[0])
        pool.free(blocks[0])
        assert not blocks[0].alive and pool.status().live == 2
        with pytest.raises(ValueError, match="freed before"):
            pool.free(blocks[0])
        for other in (Pool(24).alloc(), Arena().alloc(24), b"block"):
            with pytest.raises(ValueError, match="block must be a block of this pool"):
                pool.free(other)
        again = pool.alloc()
        assert again.address == blocks[0].address
        del again, blocks
        gc.collect()
        assert pool.status().live == 0


@pytest.mark.parametrize("backend", memory.allocators.backends)
def test_allocators(backend):
    for make in (Arena, Heap, lambda **options: Pool(100, **options)):
        with make(allocator=backend) as region:
            before = memory.allocators.buffer_status(backend)
            assert bytes(region.alloc() if isinstance(region, Pool) else region.alloc(100)) == bytes(100)
            assert (before is not None) == (backend in ("static", "buddy"))
            if before is not None:
                assert before.used > 0
        assert memory.allocators.buffer_status(backend) is None  # the last user has ended it


# ---- bad arguments --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: Arena(0), ValueError, "start_size must be 1 to"),
        (lambda: Arena("x"), TypeError, "start_size must be an int"),
        (lambda: Arena(allocator="none"), ValueError, "allocator must be None or one of system"),
        (lambda: Arena(allocator=3), TypeError, "allocator must be a string or None"),
        (lambda: Arena().alloc(0), ValueError, "size must be 1 to"),
        (lambda: Arena().alloc(True), TypeError, "size must be an int"),
        (lambda: Arena().alloc(1, alignment=3), ValueError, "alignment must be a power of two"),
        (lambda: Arena().alloc(1 << 59), MemoryError, None),
        (lambda: Arena().copy("text"), TypeError, None),
        (lambda: Heap(standard_size=-1), ValueError, "standard_size must be 1 to"),
        (lambda: Heap().alloc(1, alignment=8192), ValueError, "alignment must be 1 to 4096"),
        (lambda: Pool(0), ValueError, "block_size must be 1 to"),
        (lambda: Pool(8, blocks=0), ValueError, "blocks must be 1 to"),
        (lambda: Pool(8, fixed=1), TypeError, "fixed must be True or False"),
        (lambda: Pool(1 << 59).alloc(), MemoryError, None),
        (lambda: memory.Block(), TypeError, None),
        (lambda: memory.Mark(), TypeError, None),
        (lambda: Arena.__init__(Arena.__new__(Arena), 1, 2), TypeError, None),
        (lambda: Arena.__new__(Arena).alloc(1), ValueError, "the Arena is closed"),
    ],
)
def test_bad_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_begun_twice():
    arena = Arena()
    with pytest.raises(RuntimeError):
        arena.__init__()


# ---- threads --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", STACKS)
def test_a_stack_belongs_to_one_thread(make):
    region, errors = make(), []

    def use():
        for call in (
            lambda: region.alloc(1),
            region.status,
            region.close,
            lambda: mark_of(region),
            lambda: empty(region),
        ):
            with pytest.raises(RuntimeError, match="belongs to another thread"):
                call()
            errors.append(1)
        region.adopt()
        region.alloc(1)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert len(errors) == 5
    with pytest.raises(RuntimeError):
        region.alloc(1)
    region.adopt()
    region.close()


def test_views_come_and_go_in_other_threads():
    """The owner takes back what it can; whatever a thread sees through a view is intact."""
    blocks, stop = [], threading.Event()

    def own():
        try:
            with pytest.raises(BufferError), Arena() as arena:
                keep = memoryview(arena.copy(b"keep"))
                for i in range(2000):
                    blocks[:] = [arena.copy(bytes([i % 256]) * 64) for _ in range(4)]
                    mark = arena.mark()
                    for _ in range(3):
                        try:
                            arena.rewind(mark)
                            arena.reset()
                        except BufferError:
                            pass
                assert keep == b"keep"
        finally:
            stop.set()

    def look():
        while not stop.is_set():
            for block in list(blocks):
                try:
                    with memoryview(block) as view:
                        text = bytes(view)
                        assert text == text[:1] * 64
                except ValueError:
                    pass

    with Threads({"own": own, "look": look, "look too": look}):
        pass


def test_a_pool_is_for_all_threads():
    with Pool(16) as pool:

        def work(byte):
            def run():
                mine = []
                for i in range(3000):
                    block = pool.alloc()
                    block[0:16] = byte * 16
                    mine.append(block)
                    if i % 3 == 0:
                        pool.free(mine.pop(0))
                    if len(mine) > 50:
                        del mine[10:20]
                assert all(bytes(block) == byte * 16 for block in mine)

            return run

        with Threads({name: work(name.encode()) for name in "abcd"}):
            pass
        gc.collect()
        assert pool.status().live == 0


# ---- statistics -----------------------------------------------------------------------------------------------------


def test_bytes_appear_in_statistics_and_profile():
    config.enable_alloc_statistics = True
    try:
        before = config.alloc_stats().current_allocated
        with MemoryProfiler(domains=("runtime",)) as profiler:
            arena, heap, pool = Arena(300_000), Heap(200_000), Pool(1000, blocks=100)
            block = pool.alloc()
            held = arena.status().reserved + heap.status().reserved + pool.status().reserved
            allocated = config.alloc_stats().current_allocated - before
            report = profiler.report()
        assert held <= allocated < held + 20_000
        assert held <= report.domains["runtime"].current_allocated < held + 20_000
        del block
        for region in (arena, heap, pool):
            region.close()
        assert config.alloc_stats().current_allocated == before
    finally:
        config.enable_alloc_statistics = False
