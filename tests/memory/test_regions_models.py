"""Arenas, heaps and pools against models of them."""

from __future__ import annotations

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from concurrent_collections.memory import Arena, Heap


def take_back(region, mark):
    (region.rewind if isinstance(region, Arena) else region.release)(mark)


def mark_of(region):
    return region.mark() if isinstance(region, Arena) else region.checkpoint()


def empty(region):
    (region.reset if isinstance(region, Arena) else region.empty)()


# ---- models ---------------------------------------------------------------------------------------------------------


class StackModel(RuleBasedStateMachine):
    """A list of byte strings, marks as positions in it, and some views."""

    make = Arena

    def __init__(self):
        super().__init__()
        self.region = self.make(64)
        self.blocks, self.contents, self.marks, self.views = [], [], [], {}

    @rule(data=st.binary(min_size=1, max_size=300), power=st.integers(0, 8))
    def alloc(self, data, power):
        block = self.region.alloc(len(data), alignment=1 << power)
        assert block.address % (1 << power) == 0
        block[:] = data
        self.blocks.append(block)
        self.contents.append(data)

    @rule()
    def mark(self):
        self.marks.append((mark_of(self.region), len(self.blocks)))

    @precondition(lambda self: self.blocks)
    @rule(at=st.integers(0, 1 << 20))
    def view(self, at):
        at %= len(self.blocks)
        self.views.setdefault(at, memoryview(self.blocks[at]))

    @precondition(lambda self: self.views)
    @rule(at=st.integers(0, 1 << 20))
    def release_view(self, at):
        self.views.pop(sorted(self.views)[at % len(self.views)]).release()

    def cut(self, count, call):
        if any(at >= count for at in self.views):
            with pytest.raises(BufferError):
                call()
            return False
        call()
        assert not any(block.alive for block in self.blocks[count:])
        del self.blocks[count:], self.contents[count:]
        return True

    @precondition(lambda self: self.marks)
    @rule(at=st.integers(0, 1 << 20))
    def rewind(self, at):
        at %= len(self.marks)
        mark, count = self.marks[at]
        if self.cut(count, lambda: take_back(self.region, mark)):
            for dead, _ in self.marks[at + 1 :]:
                with pytest.raises(ValueError):
                    take_back(self.region, dead)
            del self.marks[at + 1 :]

    @rule()
    def empty(self):
        if self.cut(0, lambda: empty(self.region)):
            self.marks.clear()

    @invariant()
    def contents_are_intact(self):
        assert [bytes(block) for block in self.blocks] == self.contents
        spans = sorted((block.address, block.address + len(block)) for block in self.blocks)
        assert all(one[1] <= other[0] for one, other in zip(spans, spans[1:]))

    def teardown(self):
        for view in self.views.values():
            view.release()
        self.region.close()


class HeapModel(StackModel):
    make = Heap

    @precondition(lambda self: self.blocks)
    @rule()
    def free_top(self):
        count = len(self.blocks) - 1
        if self.cut(count, self.region.free_top):
            self.marks = [(mark, at) for mark, at in self.marks if at <= count]

    @invariant()
    def headers_are_intact(self):
        assert self.region.validate()
        top = self.region.top()
        assert (None if top is None else bytes(top)) == (self.contents[-1] if self.contents else None)


SETTINGS = settings(max_examples=40, stateful_step_count=40, deadline=None)
StackModel.TestCase.settings = HeapModel.TestCase.settings = SETTINGS
TestArenaModel, TestHeapModel = StackModel.TestCase, HeapModel.TestCase
