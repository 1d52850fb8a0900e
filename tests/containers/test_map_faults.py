"""Maps and sets when libcc's n-th request for memory fails: a MemoryError, and nothing is lost or left.

The installed extension runs on a libcc that is built for this, put in the place of its own by LD_PRELOAD.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from interpreter import run_python

pytestmark = pytest.mark.slow

CSRC = Path(__file__).resolve().parents[2] / "csrc"

PROGRAM = """
import ctypes, gc, sys
from concurrent_collections import SkipListMap, SkipListSet

libcc = ctypes.CDLL(sys.argv[1])
libcc.cc_fault_arm.argtypes = [ctypes.c_uint64, ctypes.c_bool]

class Thing:
    alive = 0
    def __init__(self, number):
        self.number = number
        Thing.alive += 1
    def __del__(self):
        Thing.alive -= 1
    def __lt__(self, other):
        return self.number < other.number
    def __eq__(self, other):
        return isinstance(other, Thing) and self.number == other.number

def alive():
    gc.collect()
    SkipListMap({1: 1}).drain()
    gc.collect()
    return Thing.alive

def uses(make, keys, m):
    middle = keys[200:]
    return [
        lambda: m.__setitem__(keys[1], Thing(1)), lambda: m.__setitem__(keys[1], Thing(2)),
        lambda: m.pop(keys[1], None),
        lambda: m.setdefault(keys[3], Thing(1)), lambda: m.compute(keys[3], lambda old: Thing(2)),
        lambda: m.replace_if(keys[3], m.get(keys[3]), Thing(9)), lambda: m.remove_if(keys[3], m.get(keys[3])),
        lambda: [m.__setitem__(key, Thing(3)) for key in middle], lambda: [m.pop(key, None) for key in middle],
        lambda: m.popitem(), lambda: list(m.items(keys[5], keys[150])), lambda: list(reversed(m)), lambda: m.copy(),
        lambda: SkipListMap([(make(1), 2)]), lambda: SkipListSet([make(1)]), lambda: m.floor_item(keys[7]),
        lambda: m.clear(), lambda: m.drain(), lambda: m.update((key, Thing(0)) for key in keys[:200:2]),
    ]

failures = 0
for make in (int, lambda number: f"key{number}", Thing):
    for options in ({}, {"key": lambda key: key}):
        before = alive()
        keys = [make(number) for number in range(300)]
        m = SkipListMap(((key, Thing(0)) for key in keys[:200:2]), **options)
        for persistent in (False, True):
            for use in uses(make, keys, m):
                for number in range(1, 25):
                    libcc.cc_fault_arm(number, persistent)
                    try:
                        use()
                    except MemoryError:
                        failures += 1
                    finally:
                        libcc.cc_fault_arm(0, False)
                    assert len(m) == len(list(m))
        del m, keys, use
        assert alive() == before, (alive(), before)
print(failures)
"""


@pytest.fixture(scope="module")
def faulty_libcc(tmp_path_factory) -> Path:
    if shutil.which("gcc") is None or not sys.platform.startswith("linux"):
        pytest.skip("needs gcc and LD_PRELOAD")
    sys.path.insert(0, str(CSRC))
    try:
        import build
    finally:
        sys.path.remove(str(CSRC))
    return build.build_libcc(tmp_path_factory.mktemp("libcc"), flags=["-O1", "-DCC_FAULT_INJECTION"])


def test_every_request_for_memory_may_fail(faulty_libcc):
    result = run_python(PROGRAM, faulty_libcc, environment={"LD_PRELOAD": str(faulty_libcc)})
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 100
