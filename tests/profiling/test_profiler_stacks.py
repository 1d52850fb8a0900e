"""Call stacks of live blocks, against the interpreter's own account of the frames at the same line."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import functools
import gc
import importlib
import re
import sys
import weakref

import pytest
from interpreter import output_of
from threads import Threads

from concurrent_collections import MemoryProfiler

SIZE = 123_457  # of the blocks that these tests look for
DEPTH = 128  # the most that can be asked for


def here() -> list[str]:
    """The caller's stack as a report shows it."""
    frame, stack = sys._getframe(1), []
    while frame is not None:
        stack.append(f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}")
        frame = frame.f_back
    return stack


class Planter:
    """Allocates blocks of an unusual size and remembers from where."""

    def __init__(self) -> None:
        self.planted: list[tuple[bytes, list[str]]] = []

    def __call__(self, pair: tuple[bytes, list[str]]) -> None:
        self.planted.append(pair)


def reported_stacks(run, *, depth: int = DEPTH) -> list[tuple[list[str], list[str]]]:
    """(expected, reported) stack of each block that ``run(plant)`` planted."""
    plant = Planter()
    with MemoryProfiler(detect_leaks=True, capture_stacks=True, stack_depth=depth, leak_limit=100_000) as profiler:
        run(plant)
    leaks = {leak.ptr: leak for leak in profiler.report().leaked_allocations}
    pairs = []
    for block, expected in plant.planted:
        leak = leaks[id(block)]
        assert leak.size == sys.getsizeof(block)
        pairs.append((expected[:depth], leak.stack_trace))
    assert pairs, "nothing was planted"
    return pairs


def plain(plant):
    plant((bytes(SIZE), here()))


def nested(plant):
    def outer():
        def inner():
            plant((bytes(SIZE), here()))

        inner()

    outer()


def comprehension(plant):
    for pair in [(bytes(SIZE + number), here()) for number in range(3)]:
        plant(pair)


def generator_expression(plant):
    for pair in ((bytes(SIZE + number), here()) for number in range(3)):
        plant(pair)


def generator(plant):
    def produce():
        yield bytes(SIZE), here()
        yield from inner()
        yield bytes(SIZE + 1), here()

    def inner():
        yield bytes(SIZE + 2), here()

    for pair in produce():
        plant(pair)


def generator_thrown_into(plant):
    def produce():
        try:
            yield
        except KeyError:
            yield bytes(SIZE), here()

    source = produce()
    next(source)
    plant(source.throw(KeyError("x")))
    source.close()


def initializer(plant):
    class Base:
        def __init__(self):
            self.pair = (bytes(SIZE), here())

    class Derived(Base):
        def __init__(self):
            super().__init__()
            plant((bytes(SIZE + 1), here()))

    for _ in range(20):  # past specialization, after which CPython inlines the call under a frame of its own
        plant(Derived().pair)


def dunder_methods(plant):
    class Thing:
        def __add__(self, other):
            return bytes(SIZE), here()

        def __getattr__(self, name):
            return bytes(SIZE + 1), here()

        def __getitem__(self, key):
            return bytes(SIZE + 2), here()

        @property
        def prop(self):
            return bytes(SIZE + 3), here()

    for _ in range(20):
        plant(Thing() + 1)
        plant(Thing().missing)
        plant(Thing()["key"])
        plant(Thing().prop)


def c_callbacks(plant):
    def key(number):
        plant((bytes(SIZE + number), here()))
        return number

    sorted([3, 1, 2], key=key)
    list(map(key, [4, 5]))
    functools.reduce(lambda a, b: key(b), [1, 6, 7])
    functools.partial(key, 8)()
    re.sub("a", lambda match: str(key(9)), "banana")


def raising(plant):
    def fail():
        try:
            raise ValueError(bytes(SIZE))
        except ValueError:
            plant((bytes(SIZE), here()))
            raise

    def clean_up():
        try:
            fail()
        finally:
            plant((bytes(SIZE + 1), here()))

    with pytest.raises(ValueError):
        clean_up()


def finalizer(plant):
    class Dying:
        def __del__(self):
            plant((bytes(SIZE), here()))

    one = Dying()
    del one
    two = Dying()
    two.myself = two
    del two
    gc.collect()


def coroutines(plant):
    async def leaf(number):
        plant((bytes(SIZE + number), here()))
        await asyncio.sleep(0)
        plant((bytes(SIZE + 10 + number), here()))

    async def source():
        yield 5
        plant((bytes(SIZE + 20), here()))
        yield 6

    async def main():
        await asyncio.gather(*(leaf(number) for number in range(3)))
        async for number in source():
            await leaf(number)
        plant((bytes(SIZE + 30), here()))

    asyncio.run(main())


def class_body(plant):
    class Body:
        plant((bytes(SIZE), here()))

        @staticmethod
        def method():
            plant((bytes(SIZE + 1), here()))

    Body.method()


def closures_and_cells(plant):
    def make():
        value = bytes(SIZE)  # a cell variable

        def use():
            return len(value), bytes(SIZE + 1), here()

        return use

    for _ in range(20):
        _, block, stack = make()()
        plant((block, stack))


def deep_recursion(plant):
    def go(depth):
        if depth:
            return go(depth - 1)
        return plant((bytes(SIZE), here()))

    go(700)


def executed_text(plant):
    exec(compile("plant((bytes(SIZE), here()))", "<some text>", "exec"), {"plant": plant, "SIZE": SIZE, "here": here})
    eval(compile("plant((bytes(SIZE + 1), here()))", "/tmp/n\u00e4me \u4e2d.py", "eval"), dict(globals(), plant=plant))


def traced(plant):
    def tracer(frame, event, argument):
        return tracer

    previous = sys.gettrace()
    sys.settrace(tracer)
    try:
        plain(plant)
        generator(plant)
    finally:
        sys.settrace(previous)


SITUATIONS = [
    plain, nested, comprehension, generator_expression, generator, generator_thrown_into, initializer, dunder_methods,
    c_callbacks, raising, finalizer, coroutines, class_body, closures_and_cells, deep_recursion, executed_text, traced,
]  # fmt: skip


@pytest.mark.parametrize("run", SITUATIONS, ids=lambda run: run.__name__)
def test_the_stack_is_the_interpreters_own(run):
    for expected, reported in reported_stacks(run):
        assert reported == expected


@pytest.mark.parametrize("depth", [1, 2, 5, 32])
def test_stack_depth_is_the_number_of_innermost_frames(depth):
    for expected, reported in reported_stacks(nested, depth=depth):
        assert reported == expected and len(reported) == depth


def test_threads_have_their_own_stacks():
    def run(plant):
        def work():
            for number in range(20):
                nested(plant)
                plant((bytes(SIZE + number), here()))

        with Threads({f"stacks-{number}": work for number in range(4)}):
            pass

    for expected, reported in reported_stacks(run):
        assert reported == expected


def test_a_module_that_is_imported(tmp_path, monkeypatch):
    """Blocks of a module's own code are the program's, though import machinery is further out."""
    (tmp_path / "planted_module.py").write_text(
        f"import sys\nvalue = bytes({SIZE})\n\n\nclass Body:\n    value = bytes({SIZE + 1})\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with MemoryProfiler(detect_leaks=True, capture_stacks=True) as profiler:
        module = importlib.import_module("planted_module")
    leaks = {leak.ptr: leak for leak in profiler.report().leaked_allocations}
    for block, line, function in [(module.value, 2, "<module>"), (module.Body.value, 6, "Body")]:
        assert leaks[id(block)].stack_trace[0] == f"{tmp_path / 'planted_module.py'}:{line} in {function}"
        assert any("<frozen importlib" in frame for frame in leaks[id(block)].stack_trace)
    sys.modules.pop("planted_module")


def test_without_stacks_the_list_has_none():
    with MemoryProfiler(detect_leaks=True) as profiler:
        block = bytes(SIZE)
    leaks = {leak.ptr: leak for leak in profiler.report().leaked_allocations}
    assert leaks[id(block)].stack_trace is None


def test_live_sites_add_up():
    with MemoryProfiler(detect_leaks=True, capture_stacks=True) as profiler:
        first = [bytes(SIZE) for _ in range(7)]
        second = bytes(SIZE)
    report = profiler.report()
    sites = report.live_sites
    assert sum(site.bytes for site in sites if not site.held_by_interpreter) == report.leaked_bytes
    assert sum(site.count for site in sites if not site.held_by_interpreter) == report.leaked_count
    assert sum(site.bytes for site in sites if site.held_by_interpreter) == report.interpreter_held_bytes
    assert [site.bytes for site in sites] == sorted((site.bytes for site in sites), reverse=True)
    assert sites[0].count == 7 and sites[0].bytes == 7 * sys.getsizeof(second) == sum(map(sys.getsizeof, first))


def test_a_thread_without_an_interpreter_has_no_frames(runtime):
    """ctypes gives up the GIL around the call: nothing of the interpreter may be read there."""
    with MemoryProfiler(domains=("runtime",), detect_leaks=True, capture_stacks=True) as profiler:
        block = runtime.cc_alloc(4321)
    runtime.cc_free(block, 4321)
    (site,) = profiler.report().live_sites
    assert (site.stack_trace, site.count, site.bytes) == ([], 1, 4321)


def test_frames_of_a_subinterpreter_are_not_read():
    pytest.importorskip("_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters")
    assert (
        output_of(
            """
        import sys
        if sys.version_info >= (3, 13):
            import _interpreters as interpreters
        else:
            import _xxsubinterpreters as interpreters
        from concurrent_collections import MemoryProfiler
        other = interpreters.create()
        with MemoryProfiler(detect_leaks=True, capture_stacks=True) as profiler:
            interpreters.run_string(other, "keep = [bytes(1000 + n) for n in range(500)]")
            mine = bytes(123457)
        leaks = profiler.report().leaked_allocations
        assert any(leak.size == sys.getsizeof(mine) for leak in leaks)
        assert not any("keep" in frame for leak in leaks for frame in leak.stack_trace)
        interpreters.destroy(other)
        print("done")
        """
        )
        == "done\n"
    )


def test_code_that_is_gone_keeps_its_name():
    """The recorder keeps the words of its frames, so that they can be told later."""
    namespace = {}
    exec(compile("def vanish(n):\n    return bytes(n)\n", "<vanished>", "exec"), namespace)
    with MemoryProfiler(detect_leaks=True, capture_stacks=True) as profiler:
        block = namespace["vanish"](SIZE)
        namespace.clear()
        gc.collect()
        for _ in range(100):
            exec(compile("def other(n):\n    return [n]\nother(1)", "<other>", "exec"), {})
    leaks = {leak.ptr: leak for leak in profiler.report().leaked_allocations}
    assert leaks[id(block)].stack_trace[0] == "<vanished>:2 in vanish"


def test_code_at_an_address_that_comes_again():
    """Each text is another code object, often where the last one was; its blocks are its own."""
    with MemoryProfiler(detect_leaks=True, capture_stacks=True, leak_limit=100_000) as profiler:
        blocks = [eval(compile(f"bytes({SIZE})", f"<text {number}>", "eval")) for number in range(300)]
    leaks = {leak.ptr: leak for leak in profiler.report().leaked_allocations}
    assert [leaks[id(block)].stack_trace[0] for block in blocks] == [f"<text {n}>:1 in <module>" for n in range(300)]


def code_after(profiled: bool):
    """What is left of a code object that was run and dropped, while the profiler still runs."""
    namespace = {}
    exec(compile("def once(n):\n    return bytes(n)\n", "<once>", "exec"), namespace)
    code = weakref.ref(namespace["once"].__code__)
    with MemoryProfiler(detect_leaks=True, capture_stacks=True) if profiled else contextlib.nullcontext():
        namespace["once"](SIZE)
        namespace.clear()
        gc.collect()
        return code()


def test_code_objects_are_not_kept():
    if code_after(profiled=False) is not None:
        pytest.skip("this interpreter keeps code objects for ever by itself")
    assert code_after(profiled=True) is None


def make_named_tuples():
    for _ in range(50):
        collections.namedtuple("Point", "x y")


def make_data_classes():
    for _ in range(50):
        dataclasses.make_dataclass("Point", ["x", "y"])


def evaluate():
    for _ in range(5000):
        eval(compile("[bytes(100)]", "template", "eval"))


@pytest.mark.parametrize("run", [evaluate, make_named_tuples, make_data_classes], ids=lambda run: run.__name__)
def test_short_lived_code_is_no_leak(run):
    """Each of these leaves a code object (about 400 bytes) each time if somebody holds it."""
    run()
    with MemoryProfiler(detect_leaks=True, capture_stacks=True) as profiler:
        run()
    assert profiler.report().leaked_count < 40


LINES = """
def lines(plant):
    before = 1
    plant(
        (
            bytes(SIZE),
            here(),
        ),
    )
{blank}
    plant((bytes(SIZE), here())); x = [
        plant((bytes(SIZE), here()))
        for _ in range(2)
    ]
    return (before
            + before and
            plant((bytes(SIZE), here())))
"""


@pytest.mark.parametrize("blank", [0, 1, 30, 5000, 100_000])
def test_lines_far_apart_and_within_expressions(blank):
    """The recorder reads CPython's table of lines itself."""
    namespace = {"SIZE": SIZE, "here": here}
    exec(compile(LINES.format(blank="\n" * blank), "<lines>", "exec"), namespace)
    for expected, reported in reported_stacks(namespace["lines"]):
        assert reported[1:] == expected[1:]
        assert reported[0].split(":")[0] == "<lines>" and abs(line_of(reported[0]) - line_of(expected[0])) <= 2


def line_of(frame: str) -> int:
    return int(frame.split(":")[1].split(" ")[0])


@pytest.mark.parametrize(
    "name", ["plain", "n\u00e4me", "\u4e2d", "\U0001f40d", "lone \udc80", "x" * 5000, "\u00e9" * 5000]
)
def test_names_of_all_kinds(name):
    class Text(str):
        pass

    namespace = {}
    exec(compile("def plant(n):\n    return bytes(n)\n", "text", "exec"), namespace)
    code = namespace["plant"].__code__.replace(co_filename=Text(name), co_qualname=Text(name))
    namespace["plant"].__code__ = code
    with MemoryProfiler(detect_leaks=True, capture_stacks=True) as profiler:
        block = namespace["plant"](SIZE)
    leaks = {leak.ptr: leak for leak in profiler.report().leaked_allocations}
    file, function = leaks[id(block)].stack_trace[0].split(":2 in ")
    assert file == function == name[: len(file)] and len(file) >= min(len(name), 2000)
