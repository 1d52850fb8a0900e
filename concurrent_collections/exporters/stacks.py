"""Many call stacks as one tree: what they share is held, parsed and written once."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["StackTree"]


class StackTree:
    """Call stacks with common callers, each an index.

    Index 0 is the empty stack. Any other is a frame with the stack that called it: ``frames[frame[i]]`` called from
    ``i - back[i]``. So callers come before their callees.
    """

    def __init__(self) -> None:
        self.frames: list[str] = [""]
        self.frame: list[int] = [0]
        self.back: list[int] = [0]
        self._numbers: dict[str, int] = {}
        self._known: dict[tuple[str, ...], int] = {(): 0}

    def __len__(self) -> int:
        return len(self.frame)

    def add(self, stack: Sequence[str]) -> int:
        """The index of ``stack``, whose innermost frame is first. It is new, or it is there with all its callers.

        Most stacks of a program differ in their innermost frames only: hashing the rest as a whole is the quickest
        way to find it.
        """
        whole, known = tuple(stack), self._known
        inner = 0  # how many frames are new
        while (index := known.get(whole[inner:])) is None:
            inner += 1
        while inner:
            inner -= 1
            caller, index = index, len(self.frame)
            text = whole[inner]
            if (number := self._numbers.get(text)) is None:
                number = self._numbers[text] = len(self.frames)
                self.frames.append(text)
            self.frame.append(number)
            self.back.append(index - caller)
            known[whole[inner:]] = index
        return index

    def stack(self, index: int) -> list[str]:
        """The frames of a stack, innermost first."""
        frames = []
        while index:
            frames.append(self.frames[self.frame[index]])
            index -= self.back[index]
        return frames
