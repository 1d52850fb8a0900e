"""Lines that a type checker must refuse: test_typing.py counts them by their comments."""

from concurrent_collections import SkipListMap, SkipListSet

ages: SkipListMap[str, int] = SkipListMap()
ages[1] = 1  # wrong
ages["Ann"] = "old"  # wrong
ages.floor_key(5)  # wrong
ages.put_if_absent("Ann", None)  # wrong
ages.popitem(True)  # wrong
length: str = ages.first_item()  # wrong
names: SkipListSet[str] = SkipListSet()
names.add(5)  # wrong
names.pop(0)  # wrong
