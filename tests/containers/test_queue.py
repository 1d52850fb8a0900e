"""LockFreeQueue and LockFreeStack: what both do, beside each other and beside the standard library's."""

from __future__ import annotations

import copy
import gc
import inspect
import itertools
import pickle
import queue
import random
import sys
import threading
import time
import types
import weakref

import pytest
from interpreter import output_of
from threads import Threads, wait_until

import concurrent_collections
from concurrent_collections import LockFreeQueue, LockFreeStack
from concurrent_collections.queue import Empty, Full, ShutDown

pytestmark = pytest.mark.usefixtures("no_queue_is_left")
MODELS = {LockFreeQueue: queue.Queue, LockFreeStack: queue.LifoQueue}


# ---- like the standard library's ------------------------------------------------------------------------------------


@pytest.mark.parametrize("maxsize", [0, -1, 1, 2, 40])
def test_like_the_standard_librarys(kind, maxsize):
    """Random calls, the same on both: results, exceptions, sizes."""
    chance = random.Random(maxsize)
    ours, model = kind(maxsize), MODELS[kind](maxsize)

    def outcome(target, name, *arguments):
        try:
            return getattr(target, name)(*arguments)
        except (queue.Empty, queue.Full, ValueError) as error:
            return type(error)

    numbers = itertools.count()
    for step in range(4000):
        often = "put_nowait" if step // 300 % 2 == 0 else "get_nowait"
        name = chance.choice([often, often, "put_nowait", "get_nowait", "task_done", "put", "get"])
        arguments = {"put_nowait": (next(numbers),), "put": (next(numbers), False), "get": (False,)}.get(name, ())
        assert outcome(ours, name, *arguments) == outcome(model, name, *arguments)
        assert (ours.qsize(), ours.empty(), ours.full()) == (model.qsize(), model.empty(), model.full())
        assert ours.unfinished_tasks == model.unfinished_tasks
        assert ours.maxsize == model.maxsize


def test_the_same_signatures(kind):
    for name in ["put", "get", "put_nowait", "get_nowait", "task_done", "join", "qsize", "empty", "full", "shutdown"]:
        if not hasattr(MODELS[kind], name):  # shutdown, before 3.13
            continue
        theirs = inspect.signature(getattr(MODELS[kind], name))
        ours = inspect.signature(getattr(kind, name))
        assert list(ours.parameters) == list(theirs.parameters)
        assert [p.kind for p in ours.parameters.values()][1:] == [p.kind for p in theirs.parameters.values()][1:]
        assert [p.default for p in ours.parameters.values()] == [p.default for p in theirs.parameters.values()]
        assert getattr(kind, name).__doc__
    assert kind.__doc__ and inspect.signature(kind).parameters["maxsize"].default == 0


def test_exceptions_are_the_standard_librarys(kind):
    assert (Empty, Full) == (queue.Empty, queue.Full)
    if hasattr(queue, "ShutDown"):
        assert ShutDown is queue.ShutDown
    with pytest.raises(Empty):
        kind().get_nowait()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda q: q.put(), r"put\(\) missing 1 required positional argument: 'item'"),
        (lambda q: q.put(1, True, None, 4), r"put\(\) takes at most 3 arguments \(4 given\)"),
        (lambda q: q.get(True, None, 3), r"get\(\) takes at most 2 arguments \(3 given\)"),
        (lambda q: q.put(1, item=2), r"put\(\) got multiple values for argument 'item'"),
        (lambda q: q.get(item=2), r"get\(\) got an unexpected keyword argument 'item'"),
        (lambda q: q.put(1, timeout="soon"), "timeout must be a number of seconds or None, not str"),
        (lambda q: q.get(timeout=[]), "timeout must be a number of seconds or None, not list"),
        (lambda q: q.put_nowait(), r"put_nowait\(\) missing 1 required positional argument: 'item'"),
        (lambda q: q.put_nowait(1, False), r"put_nowait\(\) takes at most 1 arguments \(2 given\)"),
        (lambda q: q.put_nowait(1, timeout=1), r"put_nowait\(\) got an unexpected keyword argument 'timeout'"),
        (lambda q: type(q)("many"), "maxsize must be an int, not str"),
        (lambda q: type(q)(1, 2), "at most 1 argument"),
    ],
)
def test_wrong_arguments(kind, call, message):
    q = kind()
    with pytest.raises(TypeError, match=message):
        call(q)
    assert q.qsize() == 0


def test_a_maxsize_that_is_very_large(kind):
    assert kind(10**5000).maxsize == kind(sys.maxsize).maxsize == sys.maxsize
    q = kind(-(10**30))
    q.put(1)
    assert q.maxsize < 0 and q.get() == 1


@pytest.mark.parametrize("timeout", [-1, -0.001, float("nan"), float("-inf")])
def test_a_timeout_is_not_negative(kind, timeout):
    for call in [lambda q: q.put(1, timeout=timeout), lambda q: q.get(timeout=timeout)]:
        with pytest.raises(ValueError, match="'timeout' must be a non-negative number"):
            call(kind())


def test_arguments_by_keyword(kind):
    q = kind(maxsize=2)
    q.put(item=None)
    q.put("second", block=True, timeout=1e300)
    with pytest.raises(Full):
        q.put(3, timeout=0)
    with pytest.raises(Full):
        q.put(3, block=False, timeout=-1)  # as theirs: not looked at
    assert {q.get(timeout=None), q.get(block=True, timeout=float("inf"))} == {None, "second"}
    with pytest.raises(Empty):
        q.get(timeout=0)


def test_timeouts_take_their_time(kind):
    q = kind(1)
    for call, error in [(lambda: q.get(timeout=0.05), Empty), (lambda: q.put(1, timeout=0.05), Full)]:
        began = time.monotonic()
        with pytest.raises(error):
            call()
        assert time.monotonic() - began >= 0.05
        q.put(0, block=False) if error is Empty else None


# ---- objects --------------------------------------------------------------------------------------------------------


def test_references_are_balanced(kind):
    item = object()
    before = sys.getrefcount(item)
    q = kind(2)
    q.put(item)
    q.put(item)
    assert sys.getrefcount(item) == before + 2
    with pytest.raises(Full):
        q.put(item, timeout=0.001)
    with pytest.raises(Full):
        q.put_nowait(item)
    assert sys.getrefcount(item) == before + 2
    assert q.get() is item
    assert sys.getrefcount(item) == before + 1
    q.shutdown()
    with pytest.raises(ShutDown):
        q.put(item)
    del q
    assert sys.getrefcount(item) == before


def test_items_go_with_their_queue(kind):
    class Item:
        pass

    q, items = kind(), [Item() for _ in range(100)]
    gone = [weakref.ref(item) for item in items]
    for item in items:
        q.put(item)
    del items, item
    assert all(reference() is not None for reference in gone)
    del q
    gc.collect()
    assert all(reference() is None for reference in gone)


def test_cycles_are_collected(kind):
    class Sub(kind):
        pass

    q = Sub()
    q.put(q)
    q.put([q])
    q.name = "mine"
    gone = weakref.ref(q)
    del q
    gc.collect()
    assert gone() is None


def test_collections_in_the_middle(kind):
    """The collector walks through a queue that others are waiting at and working with."""
    q, end = kind(), threading.Event()

    def work():
        while not end.is_set():
            q.put([[]])
            q.get()

    def wait():
        while q.get() is not None:
            pass

    with Threads({"work": work, "more work": work, "wait": wait}):
        wait_until(lambda: q.unfinished_tasks >= 2)  # they are at work
        for _ in range(30):
            gc.collect()
        end.set()
        for _ in range(4):
            q.put(None)


def test_items_that_use_their_queue_when_they_die(kind):
    q, died = kind(), []

    class Item:
        def __init__(self, number):
            self.number = number

        def __del__(self):
            died.append(self.number)
            if self.number < 50:
                try:
                    q.put(Item(self.number + 1))
                except ShutDown:
                    died.append("closed")

    q.put(Item(0))
    while not q.empty():
        q.get()
    assert died == list(range(51))
    q.put(Item(49))
    q.shutdown(immediate=True)  # drops the item, whose __del__ finds the queue closed
    assert died[-3:] == [49, "closed", 50] or died[-3:] == [49, 50, "closed"]
    del q  # free-threaded 3.13 keeps classes, and what their methods refer to


def test_put_from_a_weakref_callback_and_del_in_the_middle_of_put(kind):
    """As SimpleQueue: reentrant. The collector runs at allocations, anywhere."""
    q, count = kind(), itertools.count()

    class Node:
        def __del__(self):
            q.put(next(count))

    threshold = gc.get_threshold()
    gc.set_threshold(5)
    try:
        for _ in range(300):
            node = Node()
            node.self = node
            q.put(node)
            q.put([q.get() for _ in range(q.qsize() // 2)])
            alive = Node()
            reference = weakref.ref(alive, lambda _: q.put("callback"))
            del alive
            del reference
    finally:
        gc.set_threshold(*threshold)
    del node
    gc.collect()
    while not q.empty():
        while not q.empty():
            assert q.get() is not q
        gc.collect()
    assert next(count) == 600  # each died once
    del q  # as above


def test_generic_weakrefs_subclasses(kind):
    assert kind[int] == types.GenericAlias(kind, (int,))
    assert kind.__module__ == "concurrent_collections" and kind in (LockFreeQueue, LockFreeStack)
    assert kind.__name__ in concurrent_collections.__all__

    class Sub(kind):
        def __init__(self, name, maxsize):
            super().__init__(maxsize)
            self.name = name

    sub = Sub("tasks", 3)
    assert (sub.name, sub.maxsize) == ("tasks", 3)
    assert weakref.ref(sub)() is sub
    for item in range(3):
        sub.put_nowait(item)
    with pytest.raises(Full):
        sub.put_nowait(3)
    sub.__init__("same", 3)
    with pytest.raises(TypeError, match="maxsize of a queue cannot be changed"):
        sub.__init__("more", 4)
    assert (sub.name, sub.maxsize, sub.qsize()) == ("same", 3, 3)

    class Lazy(kind):
        def __init__(self):
            pass

    lazy = Lazy()
    lazy.put(1)
    assert (lazy.maxsize, lazy.get()) == (0, 1)
    with pytest.raises(TypeError, match="maxsize of a queue cannot be changed"):
        kind.__init__(lazy, 3)
    assert bool(kind())


def test_queues_in_queues(kind):
    """Deeper than the C stack."""
    q = kind()
    for _ in range(50_000):
        outer = kind()
        outer.put(q)
        q = outer
    del q, outer


def test_neither_copied_nor_pickled(kind):
    for action in [copy.copy, copy.deepcopy, pickle.dumps]:
        with pytest.raises(TypeError, match=f"cannot pickle or copy '{kind.__name__}' object"):
            action(kind())


def test_attributes_are_read_only(kind):
    q = kind(3)
    for name in ["maxsize", "unfinished_tasks", "is_shutdown"]:
        with pytest.raises((AttributeError, TypeError)):
            setattr(q, name, 1)
    with pytest.raises(TypeError):
        kind.put = None


def test_memory(kind):
    q = kind()
    empty = q.memory_usage()
    assert sys.getsizeof(q) - empty in (0, 16, 24, 32)  # the collector's header
    for number in range(10_000):
        q.put(number)
    assert 8 * 10_000 < q.memory_usage() - empty < 70 * 10_000
    for _ in range(10_000):
        q.get()
    assert q.memory_usage() < 20_000
    assert q.drain() is True


def test_the_domain_comes_and_goes_with_the_queues():
    program = """
        from concurrent_collections import LockFreeQueue, LockFreeStack, smr
        assert [domain for domain in smr.domains() if domain.name != "python maps"] == []
        a, b = LockFreeQueue(), LockFreeStack()
        (domain,) = smr.domains()
        assert domain.name == "queues"
        for i in range(100_000):
            a.put(i), b.put(i), a.get(), b.get()
        (domain,) = smr.domains()
        assert domain.retired_nodes > 100_000
        b.drain()
        assert smr.domains()[0].pending_nodes == 0
        del a
        assert len(smr.domains()) == 1
        del b
        assert [domain for domain in smr.domains() if domain.name != "python maps"] == []
    """
    assert output_of(program) == ""


@pytest.mark.parametrize("scheme", ["ibr", "debra", "epoch", "none"])
def test_with_each_scheme(scheme):
    program = f"""
        import threading
        from concurrent_collections import LockFreeQueue, LockFreeStack, config, smr
        config.smr = {scheme!r}
        for kind in LockFreeQueue, LockFreeStack:
            q = kind()
            assert smr.domains()[0].scheme == {scheme!r}
            def work():
                for i in range(20_000):
                    q.put(i)
                    q.get()
            threads = [threading.Thread(target=work) for _ in range(3)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            assert q.qsize() == 0 and q.unfinished_tasks == 60_000
    """
    assert output_of(program) == ""
