"""The rules that keep the C layers apart, each as a function that lists the violations in a tree."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tree import own_files

# A layer and all that it may include. base is for everybody; nothing is above python.
MAY_INCLUDE = {
    "base": set(),
    "alloc": {"base"},
    "methods": {"base", "alloc"},
    "regions": {"base", "alloc", "methods"},
    "platform": {"base", "alloc"},
    "smr": {"base", "alloc"},
    "collections": {"base", "alloc", "smr"},
    "profile": {"base", "alloc"},
    "python": {"base", "alloc", "methods", "regions", "platform", "smr", "collections", "profile"},
}
# A layer and its public headers, which lie in csrc/include: cc/<name>.h, and for a folder all that is in it.
PUBLIC_HEADERS = {
    "base": {"base", "config"},
    "alloc": {"alloc"},
    "methods": {"methods", "debug_malloc"},
    "regions": {"regions", "arena", "buffer", "file", "heap", "pool", "sized", "slice"},
    "platform": {"platform", "compat/"},
    "smr": {"smr"},
    "collections": {"collections", "event", "map", "queue", "stack"},
    "profile": {"profile"},
}

# The files of a room, each above those before it.
ROOM_ORDER = {
    "profile": """shadow counts session estimate peaks shard interned places sites totals flows rows baseline timeline
    recorder source tap source_* sources latency profile_internal snapshot live profile"""
}

# Headers of ISO C, and of C++ the one that new(MEM_CLEAR) needs. Every other system header belongs to the one layer
# that wraps what it declares; base wraps the operating system, so signal.h and threads.h are not in this list.
ISO_C = {
    f"{name}.h"
    for name in """assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp stdalign stdarg
    stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath time uchar wchar wctype""".split()
} | {"new"}
WRAPPED_BY = [
    (re.compile(r"mimalloc(-.*)?\.h"), "alloc"),
    (re.compile(r"malloc\.h|malloc/malloc\.h"), "alloc"),
    (
        re.compile(r"(.*/)?(Python|frameobject|pythread|structmember)\.h|(.*/)?(internal|cpython)/.*|pycore_.*"),
        "python",
    ),
    (re.compile(r".*"), "base"),
]

PRIVATE_CPYTHON = re.compile(r"\bPy_BUILD_CORE|\bpycore_\w+|\b_Py[A-Z_]\w*")


def c_files(root: Path) -> list[Path]:
    return [path for path in own_files(root) if path.suffix in (".c", ".h") and (root / "csrc") in path.parents]


def code_of(path: Path) -> str:
    """The text with comments blanked (line numbers kept) and strings left, as include lines need them."""
    return re.sub(
        r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"',
        lambda match: match[0] if match[0][0] == '"' else re.sub(r"[^\n]", " ", match[0]),
        path.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )


def includes(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(code_of(path).splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if match:
            yield number, match[1]


def layer_of(root: Path, path: Path) -> str | None:
    parts = path.relative_to(root / "csrc").parts
    if parts[0] != "include":
        return parts[0] if len(parts) > 1 and parts[0] in MAY_INCLUDE else None
    if len(parts) != 3:
        return None
    name = path.stem if parts[1] == "cc" else f"{parts[1]}/"
    return next((layer for layer, names in PUBLIC_HEADERS.items() if name in names), None)


def resolve(root: Path, path: Path, name: str) -> Path | None:
    """The file of the tree that an include line means, None for a system header."""
    for directory in (path.parent, root / "csrc" / "include", root / "csrc"):
        target = (directory / name).resolve()
        if target.is_file():
            return target
    return None


def places(root: Path) -> Iterator[str]:
    """Every C file lies in a layer's folder, every public header is in PUBLIC_HEADERS."""
    for path in c_files(root):
        if layer_of(root, path) is None:
            yield f"{path.relative_to(root)}: belongs to no layer"


def layering(root: Path) -> Iterator[str]:
    """Includes point down only, and <layer>_internal.h stays in its folder."""
    for path in c_files(root):
        layer = layer_of(root, path)
        if layer is None:
            continue
        for number, name in includes(path):
            target = resolve(root, path, name)
            if target is None or not target.is_relative_to(root.resolve() / "csrc"):
                continue
            where = f"{path.relative_to(root)}:{number}"
            other = layer_of(root.resolve(), target)
            if other != layer and other not in MAY_INCLUDE[layer]:
                yield f"{where}: {layer} includes {name} of {other}"
            elif other != layer and target.name == f"{other}_internal.h":
                yield f"{where}: {name} is shared inside {other} only"


def order_in_rooms(root: Path) -> Iterator[str]:
    """In a room with an order, a file includes only headers of files that stand before it."""
    for layer, text in ROOM_ORDER.items():
        order = text.split()
        for path in sorted((root / "csrc" / layer).glob("*.[ch]")):
            where, stem = path.relative_to(root), re.sub("^source_.*", "source_*", path.stem)
            if stem not in order:
                yield f"{where}: has no place in the order of {layer}"
                continue
            for number, name in includes(path):
                above = order[order.index(stem) + 1 :]
                if re.sub("^source_.*", "source_*", name.removesuffix(".h")) in above:
                    yield f"{where}:{number}: {name} comes after {path.stem} in the order of {layer}"


def system_headers(root: Path) -> Iterator[str]:
    """What is not ISO C is included by the one layer that wraps it, never by a public header."""
    for path in c_files(root):
        public = (root / "csrc" / "include") in path.parents
        for number, name in includes(path):
            if name in ISO_C or resolve(root, path, name) is not None:
                continue
            where = f"{path.relative_to(root)}:{number}"
            owner = next(layer for pattern, layer in WRAPPED_BY if pattern.fullmatch(name))
            if public:
                yield f"{where}: a public header includes {name}"
            elif layer_of(root, path) != owner:
                yield f"{where}: {name} belongs in csrc/{owner}/"


def private_cpython(root: Path) -> Iterator[str]:
    """CPython's private API is used in one .c file of csrc/python at most."""
    users = {}
    for path in c_files(root):
        match = PRIVATE_CPYTHON.search(code_of(path))
        if match:
            users[path] = match[0]
    if len(users) == 1:
        path = next(iter(users))
        if path.suffix == ".c" and layer_of(root, path) == "python":
            return
    for path, name in users.items():
        yield f"{path.relative_to(root)}: private CPython API ({name}), which one .c file of csrc/python is for"


def foreign_exports(library: Path, allowed: str) -> Iterator[str]:
    """Names that a shared library defines for others and that do not match."""
    listing = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        name = line.split()[-1].split("@")[0]
        if not re.fullmatch(allowed, name):
            yield f"{library.name} exports {name}"


RULES = [places, layering, order_in_rooms, system_headers, private_cpython]
LIBCC_EXPORTS = r"(?:cc_(?!_)|Platform_)\w+"
