"""Queues without locks, with the methods and exceptions of the standard library's :mod:`queue`.

>>> from concurrent_collections import LockFreeQueue
>>> tasks = LockFreeQueue()
>>> tasks.put("wash")
>>> tasks.get()
'wash'
"""

import sys
from queue import Empty, Full

from .._core import LockFreeQueue, LockFreeStack, queue_set_exceptions

if sys.version_info >= (3, 13):
    from queue import ShutDown
else:

    class ShutDown(Exception):
        """Raised by put and get of a queue that was shut down."""


queue_set_exceptions(Empty, Full, ShutDown)

__all__ = ["Empty", "Full", "LockFreeQueue", "LockFreeStack", "ShutDown"]
