"""memory.allocators and memory.debug, with libcc called as a C program would."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path

import pytest

from concurrent_collections import memory
from concurrent_collections.memory import MemoryProblemError, allocators


@pytest.fixture
def core(runtime):
    """libcc's core; what was configured is forgotten afterwards."""
    library = runtime.library
    library.cc_mem_malloc.restype = library.cc_mem_realloc.restype = ctypes.c_void_p
    library.cc_mem_malloc.argtypes = [ctypes.c_size_t]
    library.cc_mem_realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    library.cc_mem_free.argtypes = library.cc_mem_size.argtypes = [ctypes.c_void_p]
    library.cc_mem_size.restype = ctypes.c_size_t
    allocators.shutdown()
    yield library
    allocators.shutdown()


def test_backends():
    assert allocators.backends[:5] == ("system", "mimalloc", "debug", "static", "buddy")


@pytest.mark.parametrize("backend", allocators.backends)
def test_every_backend_is_documented(backend):
    root = Path(__file__).resolve().parents[2]
    for page in (root / "docs" / "methods.md", root / "README.md"):
        assert f"\n| `{backend}` |" in page.read_text()
    assert f'\n *   "{backend}" ' in (root / "csrc" / "include" / "cc" / "methods.h").read_text()
    assert (root / "csrc" / "methods" / f"{backend}.c").is_file()


@pytest.mark.parametrize("backend", allocators.backends)
def test_status(core, backend):
    allocators.configure(backend)
    assert allocators.backend == backend and repr(allocators) == f"<allocators: {backend}>"
    first, second = core.cc_mem_malloc(100), core.cc_mem_malloc(1000)
    sizes = core.cc_mem_size(first) + core.cc_mem_size(second)
    core.cc_mem_free(second)
    status = allocators.status(reset=True)
    assert (status.count, status.current_count, status.highest_count, status.largest) == (2, 1, 2, 1000)
    assert status.current == core.cc_mem_size(first) and status.high_water == sizes and status.failed == 0
    core.cc_mem_free(first)
    status = allocators.status()
    assert status.current == status.current_count == status.count == 0


@pytest.mark.parametrize("backend", ["static", "buddy"])
def test_buffer(core, backend):
    allocators.configure(backend, buffer_bytes=1 << 16)
    halves = [core.cc_mem_malloc(30_000) for _ in range(3)]
    assert halves[0] and halves[2] is None
    for half in halves:
        core.cc_mem_free(half)
    block = core.cc_mem_malloc(1000)
    buffer = allocators.buffer_status()
    assert buffer == allocators.buffer_status(backend)
    assert 0 < buffer.capacity <= 1 << 16 and buffer.live_blocks == 1 and buffer.used >= 1000 and buffer.failed >= 1
    assert buffer.largest_free < buffer.capacity
    core.cc_mem_free(block)
    assert allocators.buffer_status().used == 0
    assert allocators.buffer_status("system") is None


def test_limits(core):
    allocators.configure("system")
    assert allocators.soft_limit == allocators.hard_limit == 0
    allocators.hard_limit = 10_000
    assert allocators.hard_limit == allocators.soft_limit == 10_000
    allocators.soft_limit = 5_000
    assert allocators.soft_limit == 5_000
    block = core.cc_mem_malloc(9_000)
    assert block and core.cc_mem_malloc(2_000) is None
    core.cc_mem_free(block)
    assert allocators.status().failed == 1
    allocators.shutdown()
    assert allocators.hard_limit == 0


def test_without_status(core):
    allocators.configure("mimalloc", status=False)
    block = core.cc_mem_malloc(100)
    assert allocators.status().count == 0
    core.cc_mem_free(block)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"backend": "best"}, ValueError, "^backend must be one of system, mimalloc, .*buddy.*, not 'best'$"),
        ({"backend": None}, TypeError, "^backend must be a string, not None$"),
        ({"status": 1}, TypeError, "^status must be True or False, not 1$"),
        ({"buffer_bytes": 0}, ValueError, "^buffer_bytes must be 1 to"),
        ({"buffer_bytes": "1"}, TypeError, "^buffer_bytes must be an int, not '1'$"),
        ({"backend": "buddy", "buffer_bytes": 10}, ValueError,
        "^buffer_bytes must be larger for the buddy allocator, not 10$"),
        ({"backend": "static", "buffer_bytes": 1 << 40}, ValueError,
        "^buffer_bytes must be at most 34359738368 for the static"),
        ({"backend": "buddy", "buffer_bytes": 1 << 10, "min_block": 1 << 20}, ValueError,
         "^buffer_bytes must be larger for the buddy allocator with min_block 1048576, not 1024$"),
        ({"min_block": 4}, ValueError, "^min_block must be 8 to 1048576, not 4$"),
        ({"debug_below": "debug"}, ValueError, "^debug_below must be one of system, mimalloc, .*buddy.*, not 'debug'$"),
        ({"frames": 33}, ValueError, "^frames must be 0 to 32, not 33$"),
        ({"frames": True}, TypeError, "^frames must be an int, not True$"),
        ({"quarantine_bytes": -1}, ValueError, "^quarantine_bytes must be 1 to"),
    ],
)  # fmt: skip
def test_wrong_arguments(core, arguments, error, message):
    with pytest.raises(error, match=message):
        allocators.configure(**arguments)


@pytest.mark.parametrize("name", ["soft_limit", "hard_limit"])
def test_wrong_limits(name):
    for value, error in [(-1, ValueError), (None, TypeError), (1.5, TypeError), (1 << 70, ValueError)]:
        with pytest.raises(error, match=f"^{name} must be "):
            setattr(allocators, name, value)


def test_configuring_what_is_in_use_is_an_error(core):
    allocators.configure("buddy")
    block = core.cc_mem_malloc(10)
    with pytest.raises(RuntimeError, match="^the allocators are in use: "):
        allocators.configure("system")
    core.cc_mem_free(block)
    assert allocators.backend == "buddy"


# ---- debug ----------------------------------------------------------------------------------------------------------


def test_debug_finds_nothing_in_a_program_without_errors(core):
    allocators.configure("buddy", buffer_bytes=1 << 20)
    allocators.shutdown()
    allocators.configure("buddy", buffer_bytes=1 << 20)
    with memory.debug() as debugger:
        assert allocators.backend == "debug"
        block = core.cc_mem_malloc(100)
        ctypes.memset(block, 1, 100)
        core.cc_mem_free(block)
        assert debugger.check() == []
    assert debugger.problems == []
    assert allocators.backend == "buddy" and allocators._arguments[3] == 1 << 20


def test_debug_finds_an_overrun_while_the_block_lives(core):
    with pytest.raises(MemoryProblemError, match="overrun") as caught, memory.debug() as debugger:
        block = core.cc_mem_malloc(100)
        ctypes.memset(block + 100, 1, 1)
        (problem,) = debugger.check()
        assert (problem.kind, problem.address, problem.bytes, problem.distance) == ("overrun", block, 100, 0)
        assert str(problem) in problem.text
        core.cc_mem_free(block)
    assert [problem.kind for problem in caught.value.problems] == ["overrun"]
    assert isinstance(caught.value, AssertionError)


@pytest.mark.parametrize("below", ["system", "mimalloc", "static", "buddy"])
def test_debug_finds_other_errors(core, below):
    with memory.debug(below=below, raise_on_problem=False) as debugger:
        core.cc_mem_free(block := core.cc_mem_malloc(64))
        core.cc_mem_free(block)
        assert [problem.kind for problem in debugger.check()] == ["double free"]
        ctypes.memset(block, 1, 1)
        block = core.cc_mem_malloc(64)
        ctypes.memset(block - 1, 1, 1)
        core.cc_mem_free(block)
    assert {"double free", "underrun", "use after free"} <= {problem.kind for problem in debugger.problems}


def test_debug_finds_leaks_with_their_stacks(core):
    with pytest.raises(MemoryProblemError, match="leak"), memory.debug() as debugger:
        for _ in range(3):
            core.cc_mem_malloc(500)
    leaks = (
        debugger.problems
    )  # one for each C stack: a newer interpreter calls from another address once it has specialized
    assert {leak.kind for leak in leaks} == {"leak"} and 1 <= len(leaks) <= 3
    assert (sum(leak.bytes for leak in leaks), sum(leak.blocks for leak in leaks)) == (1500, 3)
    with memory.debug(leaks=False) as debugger:
        core.cc_mem_malloc(500)
    assert debugger.problems == []


def test_debug_lets_other_exceptions_through(core):
    with pytest.raises(KeyError), memory.debug():
        core.cc_mem_malloc(10)
        raise KeyError
    assert allocators.backend == "mimalloc"


def test_debug_cannot_begin_while_the_core_is_in_use(core):
    block = core.cc_mem_malloc(10)
    with pytest.raises(RuntimeError, match="in use"), memory.debug():
        pass
    core.cc_mem_free(block)


@pytest.mark.parametrize("name", ["leaks", "raise_on_problem"])
def test_debug_with_wrong_arguments(name):
    with pytest.raises(TypeError, match=f"^{name} must be True or False"), memory.debug(**{name: 1}):
        pass


def test_modules_are_loaded_when_they_are_used():
    import subprocess
    import sys

    code = (
        "import sys, concurrent_collections as cc\n"
        "assert not {'concurrent_collections.memory', 'concurrent_collections.sqlite', 'ctypes'} & set(sys.modules)\n"
        "print(cc.memory.allocators.backend, cc.sqlite.use)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("mimalloc <function use")
    gc.collect()
