"""Fixtures that the tests of the queue and the stack share."""

from __future__ import annotations

import gc

import pytest

from concurrent_collections import LockFreeQueue, LockFreeStack, smr


@pytest.fixture(params=[LockFreeQueue, LockFreeStack], ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


@pytest.fixture
def no_queue_is_left():
    """The domain of queues goes with the last of them."""
    yield
    for _ in range(3):
        gc.collect()
    assert [domain for domain in smr.domains() if domain.name != "python maps"] == []
