"""JSON: every field of a report under its own name, with a schema version; and back again.

``docs/report-schema.md`` documents the file field by field. The encoding follows the data classes, so that a new field
appears by itself; the decoder checks types, fills what an older file lacks with the field's default, and ignores
what a newer file of the same version adds. Call stacks stand in tables, since thousands of them share their callers.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import operator
import types
import typing
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal, TypeVar, Union, overload

from ..profiling.exports import Exports, StrPath
from ..profiling.report import MemoryProfilerReport
from ._files import write_file
from .kinds import kind_of
from .stacks import StackTree

__all__ = ["chunks", "read_json", "report_from_dict", "report_to_dict", "write_json"]

Report = TypeVar("Report", bound=Exports)

_STACK = "stack_trace"
"""A field of this name is a call stack, in every report."""


def report_to_dict(report: Exports) -> dict[str, Any]:
    """The report as JSON types: ``schema`` and ``schema_version``, then one key for each field.

    NaN and infinities become None; a datetime becomes ISO 8601 text with a time zone (one without is taken as local
    time); lone surrogates in text become backslash escapes, since a strict JSON parser would refuse the whole file.
    """
    kind = kind_of(report)
    document: dict[str, Any] = {"schema": kind.schema, "schema_version": kind.schema_version}
    report_class: Any = kind.report
    tree = StackTree()
    for field in dataclasses.fields(report_class):
        value = getattr(report, field.name)
        if field.name in kind.tables:
            document[field.name] = _table(_item_class(report_class, field.name), value, tree)
        else:
            document[field.name] = _encode(value, tree)
    if kind.tables:
        document["frames"] = [_encode_text(text) for text in tree.frames]
        document["stacks"] = {"back": tree.back, "frame": tree.frame}
    return document


def write_json(report: Exports, path: StrPath) -> None:
    """Write the report to ``path`` (UTF-8), as a whole or not at all. Raises OSError."""
    write_file(path, chunks(report))


def chunks(report: Exports) -> Iterator[str]:
    """The file in pieces: one line for each key and for each item of a list, for grep and diff."""
    separator = "{\n"
    for key, value in report_to_dict(report).items():
        yield f"{separator}  {_dump(key)}: "
        separator = ",\n"
        if isinstance(value, list):
            yield from _list_lines(value)
        elif isinstance(value, dict) and "rows" in value:
            yield f'{{"columns": {_dump(value["columns"])}, "rows": '
            yield from _list_lines(value["rows"])
            yield "}"
        else:
            yield _dump(value)
    yield "\n}\n"


def _list_lines(items: list[Any]) -> Iterator[str]:
    if not items:
        yield "[]"
        return
    start = "[\n    "
    for begin in range(0, len(items), 1000):
        some = items[begin : begin + 1000]
        text = _dump(some)[1:-1]
        if text.startswith("[") and '"' not in text:  # rows of numbers, whose ends are plain to see
            yield start + text.replace("], [", "],\n    [")
        else:
            yield start + ",\n    ".join(map(_dump, some))
        start = ",\n    "
    yield "\n  ]"


@overload
def read_json(path: StrPath) -> MemoryProfilerReport: ...
@overload
def read_json(path: StrPath, kind: type[Report]) -> Report: ...
def read_json(path: StrPath, kind: type[Any] = MemoryProfilerReport) -> Any:
    """Read what :func:`write_json` wrote of a report of type ``kind``, in this release or an older one.

    Raises OSError, or ValueError for a file that is no such report, has another version, or has a field of a wrong
    type.
    """
    with open(path, encoding="utf-8") as stream:
        try:
            document = json.load(stream, parse_constant=_refuse_constant)
        except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
            raise ValueError(f"{path}: not a JSON file: {error}") from error
    try:
        return report_from_dict(document, kind)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


@overload
def report_from_dict(document: Any) -> MemoryProfilerReport: ...
@overload
def report_from_dict(document: Any, kind: type[Report]) -> Report: ...
def report_from_dict(document: Any, kind: type[Any] = MemoryProfilerReport) -> Any:
    """The inverse of :func:`report_to_dict`. Raises ValueError, naming the field that is wrong."""
    descriptor = kind_of(kind)
    if not isinstance(document, dict) or document.get("schema") != descriptor.schema:
        raise ValueError(f'not {descriptor.name}: "schema" must be "{descriptor.schema}"')
    version, newest = document.get("schema_version"), descriptor.schema_version
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= newest:
        known = f"version{'s' if newest > 1 else ''} {' and '.join(map(str, range(1, newest + 1)))}"
        raise ValueError(f"schema_version {version!r} is unknown; this release reads {known}")
    if version > 1:
        document = dict(document)
        tree = _decode_stacks(document)
        for name in descriptor.tables:
            document[name] = _objects(document.get(name), tree, name)
        return _decode(kind, document, "", tree)
    return _decode(kind, document, "")


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _item_class(kind: Any, name: str) -> Any:
    """The data class of the items of a field that is a list."""
    return typing.get_args(_hints(kind)[name])[0]


# Encoding -------------------------------------------------------------------------------------------------------------


def _table(kind: Any, items: list[Any], tree: StackTree) -> dict[str, Any]:
    """``items``, of the data class ``kind``, as rows of cells; in place of a call stack its index in ``tree``."""
    columns = [field.name for field in dataclasses.fields(kind)]
    place, cells_of, plain = columns.index(_STACK), operator.attrgetter(*columns), {int, bool, type(None)}
    rows = []
    for item in items:
        cells = list(cells_of(item))
        cells[place] = tree.add(cells[place])
        rows.append([cell if type(cell) in plain else _encode(cell, tree) for cell in cells])
    return {"columns": columns, "rows": rows}


def _encode(value: Any, tree: StackTree) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return _encode_text(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo is not None else value.astimezone()).isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        if fields.get(_STACK) is not None:
            fields[_STACK] = tree.add(fields[_STACK])
        return {name: _encode(item, tree) for name, item in fields.items()}
    if isinstance(value, dict):
        return {_encode_text(str(key)): _encode(item, tree) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encode(item, tree) for item in value]
    return _encode_text(str(value))  # environment may hold anything


def _encode_text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


_dump = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


# Decoding -------------------------------------------------------------------------------------------------------------


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _wrong(path: str, expected: str, value: Any) -> ValueError:
    shown = repr(value)
    return ValueError(f"{path}: expected {expected}, found {shown if len(shown) <= 60 else shown[:57] + '...'}")


def _objects(table: Any, tree: StackTree, path: str) -> list[dict[str, Any]]:
    """The rows of a table as objects."""
    if not isinstance(table, dict) or not table.keys() >= {"columns", "rows"}:
        raise _wrong(path, 'an object with "columns" and "rows"', table)
    columns = _decode(list[str], table["columns"], f"{path}.columns")
    rows = _decode(list[list[Any]], table["rows"], f"{path}.rows")
    for index, row in enumerate(rows):
        if len(row) != len(columns):
            raise _wrong(f"{path}.rows[{index}]", f"an array of {len(columns)}", row)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _decode_stacks(document: dict[str, Any]) -> StackTree:
    """The tables of frames and stacks, in which no index can lead astray."""
    tree = StackTree()
    if "frames" not in document and "stacks" not in document:
        return tree
    tree.frames = _decode(list[str], document.get("frames"), "frames")
    columns = _decode(dict[str, list[int]], document.get("stacks"), "stacks")
    tree.frame, tree.back = columns.get("frame", []), columns.get("back", [])
    if len(tree.frame) != len(tree.back) or not tree.frame:
        raise _wrong("stacks", 'arrays "back" and "frame" of one length', list(columns))
    for index in range(1, len(tree)):
        if not 1 <= tree.back[index] <= index:
            raise _wrong(f"stacks.back[{index}]", f"1 to {index}", tree.back[index])
        if not 0 <= tree.frame[index] < len(tree.frames):
            raise _wrong(f"stacks.frame[{index}]", f"an index of frames, below {len(tree.frames)}", tree.frame[index])
    return tree


def _decode(kind: Any, value: Any, path: str, tree: StackTree | None = None) -> Any:
    """``value`` as the annotated type ``kind``; ``path`` names the place for the error message.

    With ``tree``, call stacks are indexes of it.
    """
    origin = typing.get_origin(kind)
    arguments = typing.get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        (kind,) = [argument for argument in arguments if argument is not type(None)]
        return _decode(kind, value, path, tree)
    if origin is Literal:
        if value not in arguments:
            raise _wrong(path, " or ".join(map(repr, arguments)), value)
        return value
    if origin is list:
        return _decode_list(arguments[0], value, path, tree)
    if origin is tuple:
        if not isinstance(value, list) or len(value) != len(arguments):
            raise _wrong(path, f"an array of {len(arguments)}", value)
        pairs = zip(arguments, value, strict=True)
        return tuple(_decode(part, item, f"{path}[{index}]", tree) for index, (part, item) in enumerate(pairs))
    if origin is dict:
        if not isinstance(value, dict):
            raise _wrong(path, "an object", value)
        return {key: _decode(arguments[1], item, f"{path}.{key}", tree) for key, item in value.items()}
    if dataclasses.is_dataclass(kind):
        return _decode_fields(kind, value, path, tree)
    return _decode_scalar(kind, value, path)


def _decode_list(kind: Any, value: Any, path: str, tree: StackTree | None) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong(path, "an array", value)
    if kind in (int, str) and {type(item) for item in value} <= {kind}:
        return value
    return [_decode(kind, item, f"{path}[{index}]", tree) for index, item in enumerate(value)]


def _decode_fields(kind: Any, value: Any, path: str, tree: StackTree | None) -> Any:
    if not isinstance(value, dict):
        raise _wrong(path, "an object", value)
    hints = _hints(kind)
    arguments = {}
    for field in dataclasses.fields(kind):
        place = f"{path}.{field.name}" if path else field.name
        if field.name in value:
            if field.name == _STACK and tree is not None and value[_STACK] is not None:
                arguments[_STACK] = _decode_stack(value[_STACK], place, tree)
            else:
                arguments[field.name] = _decode(hints[field.name], value[field.name], place, tree)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{place}: missing")
    return kind(**arguments)


def _decode_stack(index: Any, path: str, tree: StackTree) -> list[str]:
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(tree):
        raise _wrong(path, f"an index of stacks, below {len(tree)}", index)
    return tree.stack(index)


def _decode_scalar(kind: Any, value: Any, path: str) -> Any:
    if kind is datetime:
        try:
            moment = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise _wrong(path, "an ISO 8601 date and time", value) from None
        if moment.tzinfo is None:
            raise _wrong(path, "a date and time with a time zone", value)
        return moment
    if kind is bool or kind is str:
        if not isinstance(value, kind):
            raise _wrong(path, "true or false" if kind is bool else "a string", value)
        return value
    if kind is float:
        if value is None:
            return math.nan  # it was not a finite number when it was written
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise _wrong(path, "a number", value)
        return float(value)
    if kind is int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise _wrong(path, "an integer", value)
        return value
    raise TypeError(f"{path}: no decoder for {kind!r}")
