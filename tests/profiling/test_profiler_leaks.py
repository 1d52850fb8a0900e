"""Leak detection: what was planted is found exactly, and a clean program has none."""

from __future__ import annotations

import ctypes
import json
import sys
import threading
import time

import pytest
from interpreter import PACKAGE, output_of
from threads import Threads

from concurrent_collections import MemoryProfiler

LIMIT = 4096


def line_of_caller() -> int:
    return sys._getframe(1).f_lineno


def test_a_planted_leak_is_found_with_its_size_thread_and_line():
    kept = []
    size = 1_000_003

    def plant():
        kept.append((bytes(size), line_of_caller(), threading.get_native_id()))

    before = time.time()
    with MemoryProfiler(detect_leaks=True, capture_stacks=True, track_per_thread=True) as profiler:
        with Threads({"gardener": plant}):
            pass
        # join() returns a little before the system's thread has ended.
        while any(stats.alive and stats.thread_name == "gardener" for stats in profiler.snapshot().thread_stats):
            pass
    report = profiler.report()
    ((block, line, native_id),) = kept
    leak = report.leaked_allocations[0]  # the largest first
    assert (leak.ptr, leak.size) == (id(block), sys.getsizeof(block))
    assert leak.stack_trace[0] == f"{__file__}:{line} in {plant.__qualname__}"
    (thread,) = [stats for stats in report.thread_stats if stats.thread_id == leak.thread_id]
    assert (thread.thread_name, thread.native_id, thread.alive) == ("gardener", native_id, False)
    assert before - 0.1 <= leak.timestamp <= time.time() + 0.1
    assert leak.size <= report.leaked_bytes < leak.size + LIMIT
    assert report.leaked_count >= 1 and report.accuracy["leaked_bytes"] == "exact"


def test_leaks_of_several_threads_and_lines_are_told_apart():
    kept = {}

    def plant_small():
        kept["small"] = [bytes(50_000) for _ in range(10)], line_of_caller()

    def plant_large():
        kept["large"] = [bytes(70_000) for _ in range(10)], line_of_caller()

    with MemoryProfiler(detect_leaks=True, capture_stacks=True, track_per_thread=True) as profiler:
        with Threads({"small": plant_small, "large": plant_large}):
            pass
    report = profiler.report()
    names = {stats.thread_id: stats.thread_name for stats in report.thread_stats}
    leaks = {leak.ptr: leak for leak in report.leaked_allocations}
    for name, (blocks, line) in kept.items():
        for block in blocks:
            leak = leaks[id(block)]
            assert names[leak.thread_id] == name
            assert leak.stack_trace[0].startswith(f"{__file__}:{line} in ")
    total = sum(sys.getsizeof(block) for blocks, _ in kept.values() for block in blocks)
    assert total <= report.leaked_bytes < total + LIMIT


def test_a_leak_of_the_runtime_is_exact():
    library = ctypes.PyDLL(str(next((PACKAGE / "lib").glob("libcc.so.*"))))  # keeps the GIL: its callers have frames
    library.cc_alloc.restype, library.cc_alloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    library.cc_free.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    with MemoryProfiler(domains=("runtime",), detect_leaks=True, capture_stacks=True) as profiler:
        blocks = [(library.cc_alloc(size), size) for size in range(1, 400)]
        line = line_of_caller() - 1
        for block in blocks[::2]:
            library.cc_free(*block)
    report = profiler.report()
    left = blocks[1::2]
    assert report.leaked_bytes == sum(size for _, size in left) and report.leaked_count == len(left)
    assert {(leak.ptr, leak.size) for leak in report.leaked_allocations} == set(left)
    assert {leak.stack_trace[0].split(" in ")[0] for leak in report.leaked_allocations} == {f"{__file__}:{line}"}
    assert (report.interpreter_held_bytes, report.leaks_omitted) == (0, 0)
    for block in left:
        library.cc_free(*block)


def test_garbage_in_cycles_is_no_leak():
    class Node:
        pass

    def make_garbage():
        for _ in range(200):
            node = Node()
            node.self, node.data = node, bytes(10_000)

    make_garbage()
    with MemoryProfiler(detect_leaks=True) as profiler:
        make_garbage()
    assert profiler.report().leaked_bytes < LIMIT


def test_leak_limit_caps_the_list_and_not_the_sum():
    with MemoryProfiler(detect_leaks=True, leak_limit=5) as profiler:
        kept = [bytes(10_000 + number) for number in range(20)]
    report = profiler.report()
    total = sum(map(sys.getsizeof, kept))
    assert [leak.size for leak in report.leaked_allocations] == sorted(map(sys.getsizeof, kept), reverse=True)[:5]
    assert total <= report.leaked_bytes < total + LIMIT
    assert report.leaked_count == 5 + report.leaks_omitted
    assert any("more are in the sums only" in note for note in report.notes)


def test_leak_limit_zero_lists_none():
    with MemoryProfiler(detect_leaks=True, leak_limit=0) as profiler:
        kept = bytes(10_000)
    report = profiler.report()
    assert report.leaked_allocations == [] and report.leaked_bytes >= sys.getsizeof(kept)


def test_without_detection_leaks_are_unknown():
    with MemoryProfiler() as profiler:
        pass
    report = profiler.report()
    assert (report.leaked_allocations, report.leaked_bytes, report.leaked_count) == (None, None, None)
    assert report.accuracy["leaked_bytes"] == "unknown"


def test_a_block_that_was_resized_is_one_leak_of_its_last_size():
    with MemoryProfiler(detect_leaks=True, capture_stacks=True, domains=("mem", "object")) as profiler:
        kept = bytearray(1000)
        for _ in range(50):
            kept.extend(bytes(10_000))
    largest = profiler.report().leaked_allocations[0]
    assert largest.size == sys.getsizeof(kept) - sys.getsizeof(bytearray())
    assert profiler.report().leaked_bytes < sys.getsizeof(kept) + LIMIT


# Each is run to warm up, and then under the profiler: what a program does again and again.
PROGRAMS = {
    "json": "import json\ndef run():\n    for n in range(200): json.loads(json.dumps({'a': [n, str(n), {'b': n / "
    "3}]}))",
    "strings": "def run():\n    for n in range(500): (f'{n:08x}' * 3).upper().replace('A', 'bb').split('b')",
    "dicts": "def run():\n    d = {}\n    for n in range(3000): d[f'key{n}'] = [n]\n    for n in range(0, 3000, 2): "
    "del d[f'key{n}']",
    "classes": (
        "def run():\n    for n in range(50):\n        class A:\n            x = n\n            def f(self): return "
        "self.x\n"
        "        class B(A): pass\n        B().f()"
    ),
    "instances": (
        "class P:\n    def __init__(self, a, b): self.a, self.b = a, b\ndef run():\n"
        "    for n in range(1000): P(n, [n])\n"
    ),
    "threads": (
        "import threading, queue\ndef run():\n    q = queue.Queue()\n    def work():\n        for n in range(100): "
        "q.put(str(n) * 10)\n"
        "    ts = [threading.Thread(target=work) for _ in range(4)]\n    [t.start() for t in ts]\n    [t.join() for t "
        "in ts]\n"
        "    while not q.empty(): q.get()"
    ),
    "regex": "import re\np = re.compile(r'(\\w+)-(\\d+)')\ndef run():\n    for n in range(500): p.sub(r'\\2', "
    "f'abc-{n} def-{n}')",
    "exceptions": (
        "def fail(n):\n    if n: fail(n - 1)\n    raise ValueError(str(n))\ndef run():\n    for n in range(100):\n"
        "        try: fail(10)\n        except ValueError as e: str(e)"
    ),
    "generators": "def g(n):\n    yield from range(n)\ndef run():\n    for n in range(100): sum(x * x for x in g(n))",
    "imports": "def run():\n    import email.message, decimal\n    str(decimal.Decimal('1.1') / 3)",
    "sorting": "def run():\n    sorted((str(n * 7919 % 1000) for n in range(2000)), key=lambda s: (len(s), s))",
    "asyncio": (
        "import asyncio\nasync def one(n):\n    await asyncio.sleep(0)\n    return n\nasync def main():\n"
        "    return await asyncio.gather(*(one(n) for n in range(50)))\ndef run(): asyncio.run(main())"
    ),
    "files": "import io\ndef run():\n    for n in range(100): io.TextIOWrapper(io.BytesIO(b'x\\n' * 100)).readlines()",
}

HARNESS = """
import json, sys
programs = json.loads(sys.argv[1])
from concurrent_collections import MemoryProfiler
result = {}
for name, text in programs.items():
    namespace = {"__name__": "program"}
    exec(compile(text, name, "exec"), namespace)
    run = namespace["run"]
    for _ in range(3):  # a program that has warmed up, the profiler too
        with MemoryProfiler(detect_leaks=True, capture_stacks=True) as profiler:
            run()
    report = profiler.report()
    top = [(site.bytes, site.count, site.stack_trace[:3]) for site in report.live_sites if not site.held_by_interpreter]
    result[name] = [report.leaked_bytes, report.interpreter_held_bytes, report.alloc_count, report.notes, top[:5]]
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def clean_runs() -> dict[str, list]:
    return json.loads(output_of(HARNESS, json.dumps(PROGRAMS)))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_clean_run_after_a_warm_up_leaks_next_to_nothing(clean_runs, name):
    leaked, held, allocations, notes, top = clean_runs[name]
    assert allocations > 5 and notes == []
    assert leaked < LIMIT, top
    assert held is not None


def test_what_import_machinery_keeps_stands_apart(tmp_path):
    """Code objects, module dictionaries and caches of an import: alive, but no leak of the program."""
    (tmp_path / "fresh_module.py").write_text(
        "\n".join(f"def function_{n}(a, b=({n}, 'x')):\n    return a" for n in range(300))
    )
    leaked, held = json.loads(
        output_of(
            """
            import json, sys
            sys.path.insert(0, sys.argv[1])
            sys.dont_write_bytecode = True
            from concurrent_collections import MemoryProfiler
            with MemoryProfiler(detect_leaks=True): pass
            with MemoryProfiler(detect_leaks=True) as profiler:
                import fresh_module
            report = profiler.report()
            print(json.dumps([report.leaked_bytes, report.interpreter_held_bytes]))
            """,
            tmp_path,
        )
    )
    assert held > 100_000, "300 code objects"
    assert 300 * 100 < leaked < held, "the functions themselves are made by the module's own code"


def test_a_leak_in_a_program_that_also_imports_is_still_found(tmp_path):
    (tmp_path / "leaky_module.py").write_text("LEAK = bytes(500_000)\n")
    assert (
        output_of(
            """
        import sys
        sys.path.insert(0, sys.argv[1])
        from concurrent_collections import MemoryProfiler
        with MemoryProfiler(detect_leaks=True, capture_stacks=True) as profiler:
            import leaky_module
        leak = profiler.report().leaked_allocations[0]
        print(leak.size == sys.getsizeof(leaky_module.LEAK),
        leak.stack_trace[0].endswith("leaky_module.py:1 in <module>"))
        """,
            tmp_path,
        )
        == "True True\n"
    )


def test_the_profiler_itself_is_no_leak():
    def keep_reports(number):
        profilers = [MemoryProfiler(detect_leaks=True, capture_stacks=True) for _ in range(number)]
        for profiler in profilers:
            profiler.start()
        for profiler in profilers:
            profiler.snapshot()
            profiler.stop()
        return profilers

    keep_reports(3)
    with MemoryProfiler(detect_leaks=True, capture_stacks=True) as outer:
        kept = keep_reports(3)
    assert len(kept) == 3
    assert outer.report().leaked_bytes < LIMIT
