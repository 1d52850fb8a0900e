"""JSON: every field of a report under its own name, with a schema version; and back again.

``docs/report-schema.md`` documents the file field by field. The encoding follows the data classes, so that a new field
appears by itself; the decoder checks types, fills what an older file lacks with the field's default, and ignores
what a newer file of the same version adds.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal, TypeVar, Union, overload

from ..profiling.report import MemoryProfilerReport
from ..profiling.reclamation_report import SMRProfilerReport
from ._files import StrPath, write_text

__all__ = ["SCHEMA", "SCHEMA_VERSION", "SMR_SCHEMA", "read_json", "report_from_dict", "report_to_dict", "write_json"]

SCHEMA = "concurrent_collections.memory_report"
SMR_SCHEMA = "concurrent_collections.smr_report"
SCHEMA_VERSION = 1

_SCHEMAS: dict[type, tuple[str, str]] = {
    MemoryProfilerReport: (SCHEMA, "a memory report"),
    SMRProfilerReport: (SMR_SCHEMA, "an SMR report"),
}

Report = TypeVar("Report", MemoryProfilerReport, SMRProfilerReport)


def report_to_dict(report: MemoryProfilerReport | SMRProfilerReport) -> dict[str, Any]:
    """The report as JSON types: ``schema`` and ``schema_version``, then one key for each field.

    NaN and infinities become None; a datetime becomes ISO 8601 text with a time zone (one without is taken as local
    time); lone surrogates in text become backslash escapes, since a strict JSON parser would refuse the whole file.
    """
    fields = _encode(report)
    assert isinstance(fields, dict)
    return {"schema": _SCHEMAS[type(report)][0], "schema_version": SCHEMA_VERSION, **fields}


def write_json(report: MemoryProfilerReport | SMRProfilerReport, path: StrPath) -> None:
    """Write the report to ``path`` (UTF-8), as a whole or not at all. Raises OSError."""
    write_text(path, _lines(report_to_dict(report)))


@overload
def read_json(path: StrPath) -> MemoryProfilerReport: ...
@overload
def read_json(path: StrPath, kind: type[Report]) -> Report: ...
def read_json(path: StrPath, kind: type[Any] = MemoryProfilerReport) -> Any:
    """Read what :func:`write_json` wrote of a report of type ``kind``.

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
    schema, name = _SCHEMAS[kind]
    if not isinstance(document, dict) or document.get("schema") != schema:
        raise ValueError(f'not {name}: "schema" must be "{schema}"')
    version = document.get("schema_version")
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise ValueError(f"schema_version {version!r} is unknown; this release reads version {SCHEMA_VERSION}")
    return _decode(kind, document, "")


# Encoding -------------------------------------------------------------------------------------------------------------


def _encode(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return _encode_text(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo is not None else value.astimezone()).isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {_encode_text(str(key)): _encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encode(item) for item in value]
    return _encode_text(str(value))  # environment may hold anything


def _encode_text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _lines(document: dict[str, Any]) -> Iterator[str]:
    """One line for each key and for each item of a list: small, and readable with grep and diff."""
    separator = "{\n"
    for key, value in document.items():
        yield f"{separator}  {_dump(key)}: "
        separator = ",\n"
        if isinstance(value, list) and value:
            inner = "["
            for item in value:
                yield f"{inner}\n    {_dump(item)}"
                inner = ","
            yield "\n  ]"
        else:
            yield _dump(value)
    yield "\n}\n"


# Decoding -------------------------------------------------------------------------------------------------------------


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _wrong(path: str, expected: str, value: Any) -> ValueError:
    shown = repr(value)
    return ValueError(f"{path}: expected {expected}, found {shown if len(shown) <= 60 else shown[:57] + '...'}")


def _decode(kind: Any, value: Any, path: str) -> Any:
    """``value`` as the annotated type ``kind``; ``path`` names the place for the error message."""
    origin = typing.get_origin(kind)
    arguments = typing.get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        (kind,) = [argument for argument in arguments if argument is not type(None)]
        return _decode(kind, value, path)
    if origin is Literal:
        if value not in arguments:
            raise _wrong(path, " or ".join(map(repr, arguments)), value)
        return value
    if origin is list:
        if not isinstance(value, list):
            raise _wrong(path, "an array", value)
        return [_decode(arguments[0], item, f"{path}[{index}]") for index, item in enumerate(value)]
    if origin is tuple:
        if not isinstance(value, list) or len(value) != len(arguments):
            raise _wrong(path, f"an array of {len(arguments)}", value)
        return tuple(
            _decode(part, item, f"{path}[{index}]")
            for index, (part, item) in enumerate(zip(arguments, value, strict=True))
        )
    if origin is dict:
        if not isinstance(value, dict):
            raise _wrong(path, "an object", value)
        return {key: _decode(arguments[1], item, f"{path}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(kind):
        return _decode_fields(kind, value, path)
    return _decode_scalar(kind, value, path)


def _decode_fields(kind: Any, value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(path, "an object", value)
    hints = typing.get_type_hints(kind)
    arguments = {}
    for field in dataclasses.fields(kind):
        place = f"{path}.{field.name}" if path else field.name
        if field.name in value:
            arguments[field.name] = _decode(hints[field.name], value[field.name], place)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{place}: missing")
    return kind(**arguments)


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
