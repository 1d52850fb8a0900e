"""LockFreeQueue and LockFreeStack: what both do, and that they do it under threads, signals, forks and garbage collection."""

from __future__ import annotations

import contextlib
import copy
import gc
import inspect
import itertools
import os
import pickle
import queue
import random
import signal
import subprocess
import sys
import threading
import time
import types
import weakref

import pytest
from profiler_tools import FREE_THREADED_BUILD, Threads, output_of

import concurrent_collections
from concurrent_collections import LockFreeQueue, LockFreeStack, smr
from concurrent_collections.queue import Empty, Full, ShutDown

KINDS = [LockFreeQueue, LockFreeStack]
MODELS = {LockFreeQueue: queue.Queue, LockFreeStack: queue.LifoQueue}


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


@pytest.fixture(autouse=True)
def nothing_is_left():
    """The domain of queues goes with the last of them."""
    yield
    for _ in range(3):
        gc.collect()
    assert [domain for domain in smr.domains() if domain.name != "python maps"] == []


def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come to that within a minute"
        time.sleep(0.001)


def is_waiting(thread: threading.Thread) -> bool:
    """Whether the system has the thread asleep."""
    with open(f"/proc/self/task/{thread.native_id}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "S"


def started(function, *arguments) -> threading.Thread:
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread


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


# ---- waiting --------------------------------------------------------------------------------------------------------


def test_waiting_for_an_item_and_for_room(kind):
    q, got = kind(1), []
    reader = started(lambda: got.append(q.get()))
    wait_until(lambda: is_waiting(reader))
    q.put("first")
    reader.join(60)
    assert got == ["first"]
    q.put("full")
    writer = started(lambda: q.put("second"))
    wait_until(lambda: is_waiting(writer))
    assert q.get() == "full"
    writer.join(60)
    assert q.get() == "second"


def test_every_waiting_thread_is_served(kind):
    q, got = kind(), []
    threads = [started(lambda: got.append(q.get())) for _ in range(8)]
    wait_until(lambda: all(map(is_waiting, threads)))
    for number in range(8):
        q.put(number)
    for thread in threads:
        thread.join(60)
    assert sorted(got) == list(range(8))


def test_a_waiting_thread_does_not_starve(kind):
    """One that sleeps is served although others, which do not, are quicker each time."""
    q, end = kind(), threading.Event()
    served, taken = threading.Event(), itertools.count()

    def patient():
        q.get()
        served.set()

    def greedy():
        while not end.is_set():
            q.get()
            next(taken)

    def feed():
        while not end.is_set():
            q.put(1)

    threads = [started(patient), started(greedy), started(greedy), started(feed)]
    assert served.wait(60)
    end.set()
    for _ in threads:
        q.put(1)
    for thread in threads:
        thread.join(60)


@pytest.mark.parametrize("maxsize", [0, 1, 7])
def test_producers_and_consumers(kind, maxsize):
    """Everything arrives once; from a queue in the order of each producer."""
    q, each, sinks = kind(maxsize), 3000, [[], [], []]

    def produce(number):
        for i in range(each):
            q.put((number, i), timeout=60)

    def consume(sink):
        while (item := q.get(timeout=60)) is not None:
            sink.append(item)
            q.task_done()

    with Threads({f"consumer {i}": lambda sink=sink: consume(sink) for i, sink in enumerate(sinks)}):
        with Threads({f"producer {i}": lambda i=i: produce(i) for i in range(3)}):
            pass
        q.join()
        for _ in sinks:
            q.put(None)
    everything = [item for sink in sinks for item in sink]
    assert sorted(everything) == [(number, i) for number in range(3) for i in range(each)]
    if kind is LockFreeQueue:
        for sink, number in itertools.product(sinks, range(3)):
            own = [i for who, i in sink if who == number]
            assert own == sorted(own)


def test_join_waits_for_all_tasks(kind):
    q, joined = kind(), threading.Event()
    q.join()
    for number in range(3):
        q.put(number)
    thread = started(lambda: (q.join(), joined.set()))
    for _ in range(3):
        wait_until(lambda: is_waiting(thread))
        assert not joined.is_set()
        q.get()
        q.task_done()
    thread.join(60)
    assert joined.is_set()
    with pytest.raises(ValueError, match=r"task_done\(\) called too many times"):
        q.task_done()


def test_refused_puts_are_no_tasks(kind):
    """Neither does join() wait for them, nor can task_done() count them for good."""
    q = kind(1)
    q.put(0)
    q.task_done()

    def refuse():
        while not stopped:
            with contextlib.suppress(Full):
                q.put_nowait(1)

    def join():
        for _ in range(1_000_000 if FREE_THREADED_BUILD else 10_000):
            q.join()

    def say_done():
        for _ in range(300_000 if FREE_THREADED_BUILD else 10_000):
            with contextlib.suppress(ValueError):
                q.task_done()

    for meanwhile in (join, say_done):
        stopped = False
        refusing, joining = [started(refuse), started(refuse)], started(meanwhile)
        joining.join(60)
        stopped = True
        for thread in refusing:
            thread.join(60)
        assert not joining.is_alive()
        assert q.unfinished_tasks == 0
    q.get()
    q.put(1)
    assert q.unfinished_tasks == 1
    q.task_done()
    q.join()


# ---- shutting down --------------------------------------------------------------------------------------------------


def test_shutdown(kind):
    q = kind()
    q.put(1)
    assert not q.is_shutdown
    q.shutdown()
    assert q.is_shutdown
    with pytest.raises(ShutDown):
        q.put(2)
    assert q.get() == 1
    for call in [q.get, q.get_nowait, lambda: q.get(timeout=1), lambda: q.put_nowait(1), lambda: q.put(1, timeout=1)]:
        with pytest.raises(ShutDown):
            call()
    q.task_done()
    q.shutdown(immediate=True)
    q.join()


def test_immediate_shutdown_drops_everything(kind):
    class Item:
        pass

    q, item = kind(), Item()
    gone = weakref.ref(item)
    q.put(item)
    q.put(2)
    joiner = started(q.join)
    del item
    q.shutdown(immediate=True)
    joiner.join(60)
    assert gone() is None and q.unfinished_tasks == 0 and q.empty()
    with pytest.raises(ShutDown):
        q.get()
    with pytest.raises(ValueError):
        q.task_done()


def test_shutdown_wakes_everybody(kind):
    full, empty, raised = kind(1), kind(), []
    full.put(0)

    def wait(call):
        try:
            call()
        except ShutDown:
            raised.append(call)

    threads = [started(wait, call) for call in [lambda: full.put(1), lambda: full.put(2), empty.get, empty.get]]
    wait_until(lambda: all(map(is_waiting, threads)))
    full.shutdown()
    empty.shutdown()
    for thread in threads:
        thread.join(60)
    assert len(raised) == 4 and full.qsize() == 1


def test_nothing_is_put_after_a_shutdown(kind):
    """Whatever was put is got, also while it is shut down: each put either raises or counts."""
    for _ in range(20):
        q, put = kind(), [0, 0]

        def produce(number, q=q, put=put):
            try:
                while True:
                    q.put(number)
                    put[number] += 1
            except ShutDown:
                pass

        with Threads({"1": lambda: produce(0), "2": lambda: produce(1)}):
            q.get()
            q.shutdown()
            left = q.qsize()
            with pytest.raises(ShutDown):
                q.put(3)
            assert q.qsize() == left
        assert sum(put) == left + 1


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


# ---- signals, forks, ends -------------------------------------------------------------------------------------------


def test_interrupt_ends_waiting(kind):
    """Ctrl-C reaches a main thread that waits; nothing is lost, and who waits beside it is served."""
    full = kind(1)
    full.put(1)
    got = []
    for q, call in [(kind(), lambda q: q.get()), (full, lambda q: q.put(2)), (kind(), lambda q: q.get(timeout=100))]:
        timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            call(q)
        timer.join()
    q = kind()
    reader = started(lambda: got.append(q.get()))
    wait_until(lambda: is_waiting(reader))
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        q.get()
    timer.join()
    q.put("for the other")
    reader.join(60)
    assert got == ["for the other"] and full.qsize() == 1


def test_interrupt_ends_join(kind):
    q = kind()
    q.put(1)
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        q.join()
    timer.join()


def test_a_signals_handler_puts(kind):
    """The main thread waits for what its own signal handler puts; an alarm in between does not end waiting."""
    q, calls = kind(), itertools.count()

    def handler(number, frame):
        if next(calls) == 3:
            q.put("from the handler")

    old = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        assert q.get(timeout=60) == "from the handler"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork in a process with threads
def test_fork_with_waiting_threads(kind):
    q, full, got = kind(), kind(1), []
    full.put("kept")
    threads = [started(lambda: got.append(q.get())), started(lambda: full.put("later"))]
    wait_until(lambda: all(map(is_waiting, threads)))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            q.put("in the child")
            worker = started(lambda: q.put(q.get() + "!"))
            worker.join(30)
            if q.get(timeout=30) == "in the child!" and full.get() == "kept" and full.qsize() == 0:
                full.put("again")
                code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert full.get() == "kept"
    q.put("in the parent")
    for thread in threads:
        thread.join(60)
    assert got == ["in the parent"] and full.get() == "later"


def test_the_interpreter_ends_while_threads_wait(kind):
    program = f"""
        import threading
        from concurrent_collections import {kind.__name__} as Kind
        q = Kind()
        q.put([q])
        waiting, full = Kind(), Kind(1)
        full.put(1)
        for target in waiting.get, waiting.join, lambda: full.put(2):
            threading.Thread(target=target, daemon=True).start()
        print("done")
    """
    assert output_of(program).strip() == "done"


def test_threads_come_and_go(kind):
    q = kind()

    def visit():
        for number in range(50):
            q.put(number)
            q.get()

    for _ in range(40):
        with Threads({str(i): visit for i in range(4)}):
            pass
    assert q.qsize() == 0


def test_exceptions_at_the_interpreters_end(kind):
    """Where nothing can be imported any more."""
    assert output_of(
        f"""
        import builtins, queue
        from concurrent_collections import {kind.__name__}

        class Last:
            def __init__(self):
                self.queue = {kind.__name__}(1)

            def __del__(self, Empty=queue.Empty, Full=queue.Full):
                try:
                    self.queue.get_nowait()
                except Empty:
                    self.queue.put(1)
                try:
                    self.queue.put_nowait(2)
                except Full:
                    print("done")

        builtins.last = Last()
        """
    ) == "done\n"


def test_importing_is_lazy():
    program = """
        import sys
        import concurrent_collections
        assert "queue" not in sys.modules and "concurrent_collections.containers.queues" not in sys.modules
        assert {"LockFreeQueue", "LockFreeStack"} <= set(dir(concurrent_collections))
        concurrent_collections.LockFreeQueue().put(1)
    """
    assert output_of(program) == ""


@pytest.mark.skipif(not FREE_THREADED_BUILD, reason="is about free-threaded builds")
def test_the_lock_stays_off():
    output = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", "import concurrent_collections.queue, sys; print(sys._is_gil_enabled())"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert output.stdout.strip() == "False"
