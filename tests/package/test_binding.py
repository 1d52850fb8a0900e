"""What crosses the border to the extension module: rows with names, names that libcc gives, errors, no half objects."""

from __future__ import annotations

import ast
import copy
import pickle
import shutil
import threading

import pytest
from interpreter import PACKAGE, output_of

from concurrent_collections import (
    LockFreeQueue,
    LockFreeStack,
    MemoryProfiler,
    SkipListMap,
    SkipListSet,
    TreeMap,
    _core,
    memory,
)

STUB = ast.Module(
    [node for name in ("_core.pyi", "_core_figures.pyi") for node in ast.parse((PACKAGE / name).read_text()).body], []
)
FUNCTIONS = [node for node in ast.walk(STUB) if isinstance(node, ast.FunctionDef)]
ROWS = {
    node.name: [item.target.id for item in node.body if isinstance(item, ast.AnnAssign)]
    for node in STUB.body
    if isinstance(node, ast.ClassDef) and "TypedDict" in map(ast.unparse, node.bases)
}

ALL = (1 << len(_core.DOMAINS)) - 1


def test_no_row_is_longer_than_four():
    tuples = [
        ast.unparse(node) for node in ast.walk(STUB)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "tuple"
        and isinstance(node.slice, ast.Tuple) and len(node.slice.elts) > 4
    ]  # fmt: skip
    calls = [node.name for node in FUNCTIONS if len(node.args.posonlyargs) > 5]  # with self
    assert (tuples, calls) == ([], [])
    assert "__getattr__" not in {node.name for node in FUNCTIONS}


@pytest.fixture(scope="module")
def rows():
    """One of each kind of row, by the name of its type in the stub."""
    profile = _core.Profile(
        domains=ALL, sample_rate=1.0, sample_interval=0, latency=True, timestamps=True, stack_depth=8
    )
    memory.allocators.configure("buddy", buffer_bytes=1 << 20)
    numbers, crossing = SkipListMap({1: 2}), []
    with MemoryProfiler():  # installs the hooks
        kept = [bytes(1000) for _ in range(10_000)]
        crossing.append(bytes(100_000))
        thread = threading.Thread(target=crossing.clear)
        thread.start()
        thread.join()
        figures, live = profile.read(10), profile.live(10)
    assert len(kept) == 10_000 and len(numbers) == 1
    (domain, *_) = _core.smr_domains()
    buddy = _core.Arena(4096, "buddy")
    found = {
        "AllocFigures": _core.alloc_stats(),
        "Figures": figures,
        "DomainFigures": figures["domains"]["object"],
        "ThreadFigures": figures["threads"][0],
        "FlowFigures": figures["flows"][0],
        "PointFigures": figures["points"][0],
        "LatencyFigures": figures["latency"],
        "LiveFigures": live,
        "BlockFigures": live["blocks"][0],
        "SiteFigures": live["sites"][0],
        "OptionLimits": _core.smr_options()[0],
        "ReclamationFigures": _core.smr_stats(domain),
        "ReclamationThread": _core.smr_threads(domain)[0],
        "CoreFigures": _core.mem_status(False),
        "BufferFigures": _core.mem_buffer_status("buddy"),
        "ArenaFigures": buddy._status(),
        "HeapFigures": _core.Heap(64, 8192, None)._status(),
        "PoolFigures": _core.Pool(64, 0, 0, False, None)._status(),
    }
    profile.close()
    buddy.close()
    memory.allocators.shutdown()
    return found


@pytest.mark.parametrize("name", sorted(ROWS.keys() - {"ProblemFigures"}))
def test_rows_have_the_names_of_the_stub(rows, name):
    assert sorted(rows[name]) == sorted(ROWS[name])


def test_names_are_libccs():
    assert _core.DOMAINS == ("runtime", "raw", "mem", "object", "sqlite")
    assert _core.HOOKED_DOMAINS == ("raw", "mem", "object")
    assert _core.smr_schemes() == ["ibr", "debra", "epoch", "none"]
    assert _core.BIN_LIMITS[:3] == (0, 8, 16) and len(_core.BIN_LIMITS) == 217


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: _core.set_smr_option("retire_threshold", 0), ValueError, "^retire_threshold must be 1 to .*, not 0$"),
        (lambda: _core.set_smr_option("retire", 1), ValueError, "'retire'"),
        (lambda: _core.set_smr_scheme("best"), ValueError, "'best'"),
        (lambda: _core.alloc_select("best"), ValueError, "'best'"),
        (lambda: _core.Arena(4096, "best"), ValueError, "'best'"),
        (lambda: _core.check_hooks(1 << 20), ValueError, "^domains must be bits from 0 to 31, not 1048576$"),
        (lambda: _core.Profile(0, 1.0, 0, False, False, 0), ValueError, "not domains=0, sample_rate=1.0, "),
        (lambda: _core.MappedFile("/nowhere/x", False), FileNotFoundError, "^/nowhere/x cannot be mapped: "),
        (lambda: _core.MappedFile("/", False), IsADirectoryError, "^/ cannot be mapped: "),
    ],
)  # fmt: skip
def test_errors_name_what_was_wrong(act, error, message):
    with pytest.raises(error, match=message):
        act()


NOT_PICKLED = {
    "iterator of a map": lambda: iter(SkipListMap({1: 2})),
    "reversed iterator": lambda: reversed(TreeMap({1: 2})),
    "iterator of items": lambda: iter(SkipListMap({1: 2}).items()),
    "iterator of a set": lambda: iter(SkipListSet({1})),
    "range of a set": lambda: SkipListSet({1, 2}).range(1),
    "queue": LockFreeQueue,
    "stack": LockFreeStack,
    "profile": lambda: _core.Profile(1, 1.0, 0, False, False, 0),
    "arena": memory.Arena,
    "heap": memory.Heap,
    "pool": lambda: memory.Pool(16),
    "mapped file": lambda: memory.MappedFile(__file__),
    "block": lambda: memory.Pool(16).alloc(),
    "mark": lambda: memory.Arena().mark(),
}


@pytest.mark.parametrize("make", NOT_PICKLED.values(), ids=NOT_PICKLED)
def test_what_cannot_be_loaded_cannot_be_pickled(make):
    """In no protocol; 0 and 1 would write bytes from which nothing can be made."""
    thing = make()
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="cannot pickle or copy '[A-Za-z]+' object"):
            pickle.dumps(thing, protocol)
    with pytest.raises(TypeError, match="cannot pickle or copy"):
        copy.copy(thing)


def test_every_type_says_how_it_is_pickled():
    types = {name: value for name, value in vars(_core).items() if isinstance(value, type)}
    assert not {name for name, value in types.items() if "__reduce__" not in vars(value)}


@pytest.mark.parametrize("name", ["grö ße", "паке́т", "\U0001f40d"])
def test_the_profilers_own_blocks_are_known_in_any_directory(tmp_path, name):
    """The package's own frames are told by its directory, which may have any name."""
    shutil.copytree(PACKAGE, tmp_path / name / "concurrent_collections")
    code = """
        import sys
        sys.path.insert(0, sys.argv[1])
        from concurrent_collections import MemoryProfiler
        with MemoryProfiler(detect_leaks=True, capture_stacks=True) as profiler:
            import concurrent_collections.exporters.html
        report = profiler.report()
        assert report.interpreter_held_count > 0
        innermost = [block.stack_trace[0] for block in report.leaked_allocations]
        print([frame for frame in innermost if frame.startswith(sys.argv[1])])
    """
    assert output_of(code, tmp_path / name) == "[]\n"
