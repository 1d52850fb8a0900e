"""CPython's own tests of queue.Queue and queue.LifoQueue, run on ours, where the interpreter ships them.

What does not apply: test_shrinking_queue (maxsize is fixed here); PriorityQueue, SimpleQueue and the tests with _put
and _get that fail (ours has no such hooks) are not taken over; the tests of shutdown are there from 3.13 on.
"""

from __future__ import annotations

import queue
import unittest

import pytest

from concurrent_collections import queue as our_module

try:
    from test.test_queue import BaseQueueTestMixin
except ImportError:
    pytest.skip("the interpreter does not ship its tests", allow_module_level=True)


class Names:
    """What the tests know as the module."""

    Empty, Full, ShutDown = our_module.Empty, our_module.Full, our_module.ShutDown

    class Queue(our_module.LockFreeQueue):
        pass

    class LifoQueue(our_module.LockFreeStack):
        pass


class OurTests(BaseQueueTestMixin):
    queue = Names

    @unittest.skip("maxsize is fixed")
    def test_shrinking_queue(self):
        pass


class TestQueue(OurTests, unittest.TestCase):
    type2test = Names.Queue


class TestStack(OurTests, unittest.TestCase):
    type2test = Names.LifoQueue


def test_all_are_there():
    assert {name for name in dir(BaseQueueTestMixin) if name.startswith("test_")} >= {"test_basic", "test_nowait"}
    assert hasattr(queue, "ShutDown") == hasattr(BaseQueueTestMixin, "test_shutdown_empty")
