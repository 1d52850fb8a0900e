"""Queue and stack held to what the JSR-166 TCK asserts of queues, and of a deque used as a stack, in words of our own.

BlockingQueueTest, LinkedBlockingQueueTest, ConcurrentLinkedQueueTest and LinkedTransferQueueTest say most things alike;
of ConcurrentLinkedDequeTest counts what push, pop, addFirst, addLast, pollFirst and pollLast do.

TCK method, with what it asserts here         test
--------------------------------------------  -----------------------------------------
Constructor1, Constructor2                    test_the_bound_is_what_was_given
EmptyFull, Offer, Add, OfferFirst, AddFirst   test_from_empty_to_full
Empty, Size, RemainingCapacity, Put           test_size_and_room_count_puts_and_gets
Take, Poll, Remove, TimedPoll0, TimedPoll,
Pop, RemoveFirst, RemoveLast, PollLast        test_items_come_in_order_and_then_none
Push                                          test_what_is_put_last_lies_on_top
OfferNull, PutNull, AddNull, PushNull, …      test_none_is_an_item
RemoveElementAndAdd                           test_a_put_after_all_was_taken
BlockingPut, TimedOffer                       test_a_put_without_room_waits_and_can_be_interrupted
PutWithTake                                   test_a_put_goes_on_when_an_item_is_taken
BlockingTake, InterruptedTimedPoll,
TakeFromEmptyBlocksInterruptibly,
TimedPollFromEmptyBlocksInterruptibly         test_a_get_of_nothing_waits_and_can_be_interrupted
TimedPollWithOffer                            test_a_get_that_gave_up_and_one_that_is_served
OfferInExecutor                               test_a_put_in_one_task_waits_for_the_get_in_another
PollInExecutor                                test_a_get_in_one_task_waits_for_the_put_in_another
DrainTo, DrainToN                             test_taking_all_and_taking_some
DrainToWithActivePut                          test_taking_all_lets_a_waiting_put_go_on
Transfer2, 3, 4, 5, TryTransfer7              test_put_and_join_return_when_the_item_was_taken
Bug8188900, Bug8188900_reverse                test_a_later_item_is_not_seen_before_an_earlier_one
Bug8189387                                    test_what_is_never_empty_is_never_found_empty

Without a counterpart: initial collections and addAll, peek and element, iterators, contains and remove of an item,
toArray, toString and what needs them (there is no look inside: test_there_is_no_look_inside); clear (shutdown drops
everything, and ends it); Serialization (refused, as test_queue.py asks); drainTo a bad argument; an interrupt that was
sent before the call (a signal's handler runs at once); tryTransfer and waiting consumers; the far end of a deque.
"""

from __future__ import annotations

import queue
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from threads import Threads, interrupted, is_waiting, started, wait_until

from concurrent_collections import LockFreeQueue, LockFreeStack

pytestmark = pytest.mark.usefixtures("no_queue_is_left")
SIZE = 32
LONG = 600  # s: waiting that ends before, or the test fails


def filled(kind, number, maxsize=0):
    q = kind(maxsize)
    for item in range(number):
        q.put_nowait(item)
    assert q.qsize() == number and q.empty() == (number == 0) and q.full() == (0 < maxsize <= number)
    return q


def in_order(kind, numbers):
    """As they come out when they are put in like this."""
    return list(numbers) if kind is LockFreeQueue else list(numbers)[::-1]


def take_all(q):
    taken = []
    while True:
        try:
            taken.append(q.get_nowait())
        except queue.Empty:
            return taken


# ---- one thread -----------------------------------------------------------------------------------------------------


def test_the_bound_is_what_was_given(kind):
    assert kind(SIZE).maxsize == SIZE and kind(maxsize=1).maxsize == 1
    for unbounded in (kind(), kind(0), kind(-1)):  # in Java a bound of 0 is refused
        assert unbounded.maxsize <= 0
        for item in range(1000):
            unbounded.put_nowait(item)
        assert not unbounded.full() and len(take_all(unbounded)) == 1000


def test_from_empty_to_full(kind):
    q = kind(2)
    assert q.empty() and not q.full()
    q.put("one")
    assert not q.empty() and not q.full()
    q.put_nowait("two")
    assert not q.empty() and q.full()
    for arguments in [(False,), (True, 0), (True, 0.001), (False, LONG)]:
        with pytest.raises(queue.Full):
            q.put("three", *arguments)
    with pytest.raises(queue.Full):
        q.put_nowait("three")
    assert take_all(q) == in_order(kind, ["one", "two"])


def test_size_and_room_count_puts_and_gets(kind):
    q = filled(kind, SIZE, SIZE)
    for left in reversed(range(SIZE)):
        q.get_nowait()
        assert q.qsize() == left and not q.full() and q.empty() == (left == 0)
    for there in range(1, SIZE + 1):
        q.put(there)
        assert q.qsize() == there and not q.empty() and q.full() == (there == SIZE)


@pytest.mark.parametrize("maxsize", [0, SIZE])
def test_items_come_in_order_and_then_none(kind, maxsize):
    ways = {
        "take": lambda q: q.get(),
        "poll": lambda q: q.get_nowait(),
        "poll at once": lambda q: q.get(timeout=0),
        "poll for a while": lambda q: q.get(True, 0.001),
        "no block": lambda q: q.get(False, LONG),
    }
    for name, get in ways.items():
        q = filled(kind, SIZE, maxsize)
        assert [get(q) for _ in range(SIZE)] == in_order(kind, range(SIZE))
        if name != "take":
            with pytest.raises(queue.Empty):
                get(q)
        assert q.empty() and q.qsize() == 0


def test_what_is_put_last_lies_on_top():
    stack, top = filled(LockFreeStack, 3), object()
    stack.get()
    stack.put(top)
    assert stack.get() is top and take_all(stack) == [1, 0]


def test_none_is_an_item(kind):
    """In Java null stands for nothing, and is refused."""
    q = kind()
    q.put(None)
    q.put_nowait(None)
    assert q.qsize() == 2 and q.get() is None and q.get_nowait() is None
    with pytest.raises(queue.Empty):
        q.get_nowait()


def test_a_put_after_all_was_taken(kind):
    q = kind(2)
    for _ in range(3 * SIZE):
        q.put(1), q.put(2)
        assert {q.get(), q.get()} == {1, 2}
    q.put(3)
    assert q.get() == 3 and q.empty()


def test_taking_all_and_taking_some(kind):
    q = filled(kind, SIZE)
    assert take_all(q) == in_order(kind, range(SIZE)) and q.qsize() == 0 and take_all(q) == []
    q.put(0), q.put(1)
    assert take_all(q) == in_order(kind, [0, 1])
    for some in (1, SIZE // 2, SIZE):
        q = filled(kind, SIZE)
        assert [q.get() for _ in range(some)] == in_order(kind, range(SIZE))[:some]
        assert q.qsize() == SIZE - some and take_all(q) == in_order(kind, range(SIZE))[some:]


def test_there_is_no_look_inside(kind):
    """All of it would be out of date when it is told."""
    q = filled(kind, 3)
    for look in (len, list, iter, reversed, lambda q: 1 in q, lambda q: q[0]):
        with pytest.raises(TypeError):
            look(q)
    assert q.qsize() == 3 and "LockFree" in repr(q) and bool(q)


# ---- waiting --------------------------------------------------------------------------------------------------------


def test_a_put_without_room_waits_and_can_be_interrupted(kind):
    q = filled(kind, SIZE, SIZE)
    for put in (lambda: q.put(99), lambda: q.put(99, timeout=LONG)):
        with pytest.raises(KeyboardInterrupt), interrupted():
            put()
        assert q.qsize() == SIZE and q.full()
    assert take_all(q) == in_order(kind, range(SIZE))


def test_a_put_goes_on_when_an_item_is_taken(kind):
    q = filled(kind, 2, 2)
    writer = started(q.put, 86)
    wait_until(lambda: is_waiting(writer))
    assert q.full() and q.get() == in_order(kind, [0, 1])[0]
    writer.join(60)
    assert not writer.is_alive() and q.full() and q.unfinished_tasks == 3
    assert sorted(take_all(q)) == sorted([in_order(kind, [0, 1])[1], 86])


def test_a_get_of_nothing_waits_and_can_be_interrupted(kind):
    for q in (kind(), kind(SIZE)):
        for item in range(SIZE):
            q.put(item)
        assert [q.get() for _ in range(SIZE)] == in_order(kind, range(SIZE))
        for get in (q.get, lambda q=q: q.get(timeout=LONG)):
            with pytest.raises(KeyboardInterrupt), interrupted():
                get()
        assert q.empty()
        q.put("is not taken by who was interrupted")
        assert q.qsize() == 1


def test_a_get_that_gave_up_and_one_that_is_served(kind):
    q, item, gave_up, got = kind(), object(), Barrier(2), []

    def read():
        with pytest.raises(queue.Empty):
            q.get(timeout=0.01)
        gave_up.wait(60)
        got.append(q.get(timeout=LONG))

    reader = started(read)
    gave_up.wait(60)
    q.put(item, timeout=LONG)
    reader.join(60)
    assert not reader.is_alive() and got[0] is item and q.empty()


def test_a_put_in_one_task_waits_for_the_get_in_another(kind):
    q, both = filled(kind, 2, 2), Barrier(2)

    def puts():
        with pytest.raises(queue.Full):
            q.put_nowait("three")
        both.wait(60)
        q.put("three", timeout=LONG)

    def gets():
        both.wait(60)
        return q.get(timeout=LONG)

    with ThreadPoolExecutor(2) as pool:
        put, got = pool.submit(puts), pool.submit(gets)
        assert put.result(60) is None
        assert sorted(map(str, [got.result(60), *take_all(q)])) == ["0", "1", "three"]


def test_a_get_in_one_task_waits_for_the_put_in_another(kind):
    q, both, item = kind(2), Barrier(2), object()

    def gets():
        with pytest.raises(queue.Empty):
            q.get_nowait()
        both.wait(60)
        return q.get(timeout=LONG)

    def puts():
        both.wait(60)
        q.put(item)

    with ThreadPoolExecutor(2) as pool:
        got, put = pool.submit(gets), pool.submit(puts)
        assert got.result(60) is item and put.result(60) is None
    assert q.empty()


def test_taking_all_lets_a_waiting_put_go_on(kind):
    q = filled(kind, SIZE, SIZE)
    writer = started(q.put, SIZE + 1)
    wait_until(lambda: is_waiting(writer))
    taken = take_all(q)
    writer.join(60)
    assert not writer.is_alive()
    taken += take_all(q)
    assert sorted(taken) == [*range(SIZE), SIZE + 1]
    if kind is LockFreeQueue:
        assert taken == [*range(SIZE), SIZE + 1]


def test_put_and_join_return_when_the_item_was_taken(kind):
    """What a transfer is: items in front of it go first, and it ends with the item's own get."""
    q, done = filled(kind, 1), []

    def transfer():
        q.put("mine")
        q.join()
        done.append("joined")

    giver = started(transfer)
    wait_until(lambda: q.qsize() == 2 and is_waiting(giver))
    for item in in_order(kind, [0, "mine"]):
        assert not done and q.get() == item
        q.task_done()
    giver.join(60)
    assert done == ["joined"] and q.empty() and q.unfinished_tasks == 0


# ---- linearizable ---------------------------------------------------------------------------------------------------


def test_a_later_item_is_not_seen_before_an_earlier_one(kind):
    for _ in range(100):
        q, seen = kind(), []

        def get(q=q, seen=seen):
            try:
                seen.append(q.get_nowait())
            except queue.Empty:
                seen.append(None)

        def put(q=q):
            q.put(0)
            q.put(42)

        with Threads({"getter": get, "putter": put}):
            pass
        possible = [None, 0] if kind is LockFreeQueue else [None, 0, 42]
        assert seen[0] in possible and q.qsize() == 2 - (seen[0] is not None)


def test_what_is_never_empty_is_never_found_empty(kind):
    """Each thread has put as often as it takes, before: whoever looks finds something."""
    q, item = kind(), object()

    def put_then_get():
        for turn in range(200):
            q.put(item)
            assert not q.empty() and q.qsize() > 0
            assert (q.get_nowait() if turn % 2 else q.get()) is item

    with Threads({str(number): put_then_get for number in range(4)}):
        pass
    assert q.empty() and q.unfinished_tasks == 800
