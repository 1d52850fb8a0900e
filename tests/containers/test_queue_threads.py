"""LockFreeQueue and LockFreeStack under threads, signals and forks, and at the interpreter's end."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
import weakref

import pytest
from interpreter import FREE_THREADED_BUILD, output_of
from threads import Threads, interrupted, is_waiting, started, wait_until

from concurrent_collections import LockFreeQueue
from concurrent_collections.queue import Full, ShutDown

pytestmark = pytest.mark.usefixtures("no_queue_is_left")


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


# ---- signals, forks, ends -------------------------------------------------------------------------------------------


def test_interrupt_ends_waiting(kind):
    """Ctrl-C reaches a main thread that waits; nothing is lost, and who waits beside it is served."""
    full = kind(1)
    full.put(1)
    got = []
    for q, call in [(kind(), lambda q: q.get()), (full, lambda q: q.put(2)), (kind(), lambda q: q.get(timeout=100))]:
        with pytest.raises(KeyboardInterrupt), interrupted():
            call(q)
    q = kind()
    reader = started(lambda: got.append(q.get()))
    wait_until(lambda: is_waiting(reader))
    with pytest.raises(KeyboardInterrupt), interrupted():
        q.get()
    q.put("for the other")
    reader.join(60)
    assert got == ["for the other"] and full.qsize() == 1


def test_interrupt_ends_join(kind):
    q = kind()
    q.put(1)
    with pytest.raises(KeyboardInterrupt), interrupted():
        q.join()


def wait_until_asleep(thread):
    """Until it sleeps for good, and not for a moment because another thread has the GIL."""
    for _ in range(20):
        wait_until(lambda: is_waiting(thread))
        time.sleep(0.001)


@pytest.mark.parametrize("method", ["get", "put", "join", "get until"])
def test_a_signal_that_does_not_end_the_sleep_is_seen(kind, method):
    """Another thread takes the signal: the main thread sleeps on, as it does when one comes just before its sleep.

    What the main thread waits for is done by the signal's handler alone.
    """
    q = kind(1)
    if method in ("put", "join"):
        q.put("first")
    acts = {"get": lambda: q.put(1), "get until": lambda: q.put(1), "put": q.get_nowait, "join": q.task_done}
    waits = {"get": q.get, "get until": lambda: q.get(timeout=3600), "put": lambda: q.put(2), "join": q.join}
    old = signal.signal(signal.SIGUSR1, lambda number, frame: acts[method]())
    main = threading.main_thread()
    rescued = threading.Event()

    def send():
        wait_until_asleep(main)
        signal.raise_signal(signal.SIGUSR1)
        if not ended.wait(60):
            rescued.set()
            os.kill(os.getpid(), signal.SIGUSR1)

    ended = threading.Event()
    sender = started(send)
    try:
        waits[method]()
    finally:
        ended.set()
        sender.join(120)
        signal.signal(signal.SIGUSR1, old)
    assert not rescued.is_set()


def test_the_main_thread_gets_its_turn(kind):
    """It sleeps in slices, to see signals, and lies down behind the others after each: it is served all the same."""
    q, ended = kind(), threading.Event()

    def work():
        while q.get() is not None:
            pass

    def feed():
        while not ended.wait(0.05):  # fewer items in one of its slices than there are others
            q.put("item")

    others = [started(work) for _ in range(40)]
    wait_until(lambda: all(map(is_waiting, others)))
    feeder = started(feed)
    try:
        assert q.get(timeout=60) == "item"
    finally:
        ended.set()
        feeder.join(60)
        for _ in others:
            q.put(None)
        for thread in others:
            thread.join(60)


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
    assert (
        output_of(
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
        )
        == "done\n"
    )


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
        [sys.executable, "-P", "-W", "error", "-c",
        "import concurrent_collections.queue, sys; print(sys._is_gil_enabled())"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert output.stdout.strip() == "False"
