"""Bytes to records: the kind of a record at a glance, its message, the row of a history record."""

from __future__ import annotations

from typing import Any

from holdfast.errors import DamagedError
from holdfast.records.values import nest, read_value

__all__ = [
    "add_runtime",
    "as_step",
    "float_step",
    "history_row",
    "kind",
    "parse",
    "seconds",
    "update_values",
]

_KINDS = {
    2: "history",
    3: "summary",
    4: "output",
    5: "config",
    6: "files",
    7: "stats",
    8: "artifact",
    9: "tbrecord",
    10: "alert",
    11: "telemetry",
    12: "metric",
    13: "output_raw",
    17: "run",
    18: "exit",
    20: "final",
    21: "header",
    22: "footer",
    23: "preempting",
    24: "link_artifact",
    25: "use_artifact",
    26: "environment",
    27: "output_logger",
    100: "request",
}
#: Unix seconds of the year 33658: no run is later, and the arithmetic stays exact
_LATEST = 1e12
_FIRST_TAGS = {number << 3 | 2: name for number, name in _KINDS.items() if number < 16}


def kind(payload: bytes) -> str:
    """What a record is about (``history``, ``run`` …), ``unknown`` when it has no known type.

    Reads tags only: no protobuf, no look at the body.
    """
    if payload and (name := _FIRST_TAGS.get(payload[0])):
        return name
    offset, size = 0, len(payload)
    try:
        while offset < size:
            tag, offset = _varint_at(payload, offset)
            if name := _KINDS.get(tag >> 3) if tag & 7 == 2 else None:
                return name
            offset = _skip(payload, offset, tag & 7)
    except (IndexError, ValueError):
        return "unknown"
    return "unknown"


def parse(payload: bytes) -> Any:
    """The message of a record; unknown fields are kept in it.

    Raises:
        DamagedError: the bytes are no record.
    """
    from google.protobuf.message import DecodeError

    from holdfast.records.schema import Record

    try:
        return Record.FromString(payload)
    except DecodeError as error:
        raise DamagedError(f"a frame of {len(payload)} bytes holds no record: {error}") from error


def history_row(record: Any) -> dict[str, Any]:
    """The row of a ``HistoryRecord``: nested as logged, with ``_step`` when it is known.

    The typed value is taken where there is one; a value that is no JSON is kept as text. The step
    is that of the item ``_step``, else that of the record.
    """
    row: dict[str, Any] = {}
    for item in record.item:
        which = item.WhichOneof("value")
        if which is None:
            value = read_value(item.value_json)
        elif which == "none":
            value = None
        elif which == "json":
            value = read_value(item.json)
        else:
            value = getattr(item, which)
        if path := item.nested_key:
            if len(path) == 1:
                row[path[0]] = value
            else:
                nest(row, path, value)
        else:
            row[item.key] = value
    step = as_step(row.get("_step"))
    if step is None and record.HasField("step"):
        step = record.step.num
    if step is not None:
        row["_step"] = step
    else:
        row.pop("_step", None)
    return row


def add_runtime(row: dict[str, Any], since: int) -> dict[str, Any]:
    """Give a row the ``_runtime`` that its writer left to be told by ``_timestamp``.

    Args:
        row: changed, and returned.
        since: see `encode.run`'s ``runtime_since``; with 0 the row stays as it is.

    Example:
        >>> add_runtime({"_timestamp": 12.5}, 10_000)
        {'_timestamp': 12.5, '_runtime': 2.5}
    """
    if since and "_runtime" not in row:
        time = row.get("_timestamp")
        if isinstance(time, (int, float)) and abs(time) < _LATEST:
            row["_runtime"] = max(round(time * 1000) - since, 0) / 1000
    return row


def update_values(target: dict[str, Any], record: Any, field: str = "update") -> None:
    """Apply a record's items to a nested dict, and remove what the record removes."""
    for item in getattr(record, field):
        nest(target, list(item.nested_key) or [item.key], read_value(item.value_json))
    for item in getattr(record, "remove", ()):
        path = list(item.nested_key) or [item.key]
        node: Any = target
        for part in path[:-1]:
            node = node.get(part) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node.pop(path[-1], None)


def as_step(value: Any) -> int | None:
    """A value as the number of a row: a whole number of 64 bits, however it is spelled."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and -(2**63) <= value < 2**63 else None


def float_step(value: float) -> int:
    """A step that W&B's records have as a float; -1 for one that is none."""
    return int(min(max(value, -1.0), 2.0**53)) if value == value else -1


def seconds(timestamp: Any) -> float:
    """A ``Timestamp`` as Unix seconds."""
    return float(timestamp.seconds + timestamp.nanos / 1e9)


def _varint_at(data: bytes, offset: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[offset]
        offset += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, offset
        shift += 7
        if shift > 63:
            raise ValueError("varint too long")


def _skip(data: bytes, offset: int, wire_type: int) -> int:
    if wire_type == 0:
        return _varint_at(data, offset)[1]
    if wire_type == 2:
        length, offset = _varint_at(data, offset)
        return offset + length
    if wire_type in (1, 5):
        return offset + (8 if wire_type == 1 else 4)
    raise ValueError("wire type of a group")
