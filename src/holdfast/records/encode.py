"""Records to bytes, by hand, with the standard library only: this runs inside training.

Each function returns the bytes of one ``Record`` of wandb.proto. Protobuf's own classes would
cost 42 ms of import and three times the time of a row; a test reads everything back through them.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from holdfast.records.definitions import MetricDef
from holdfast.records.values import dumps, key_text

__all__ = [
    "HistoryEncoder",
    "RunInfo",
    "StreamCounts",
    "alert",
    "config",
    "environment",
    "exit_record",
    "files",
    "header",
    "history",
    "metric",
    "open_row",
    "output",
    "paused",
    "preempting",
    "run",
    "stats",
    "stream_counts",
    "summary",
    "telemetry",
    "varint",
]

#: tag and length of the fields of a Record that this module writes
_HISTORY, _SUMMARY, _CONFIG, _FILES, _STATS, _ALERT = 2, 3, 5, 6, 7, 10
_TELEMETRY, _METRIC, _OUTPUT_RAW, _RUN, _EXIT = 11, 12, 13, 17, 18
_HEADER, _PREEMPTING, _ENVIRONMENT = 21, 23, 26
_WRITER_INFO = _OPEN_ROW = _CLEARED = _JOB = _OUTPUT_LABEL = 1000
_STREAM_COUNTS = 1001
_PAUSED = _LABEL = 1002
_RUNTIME_SINCE = 1003
_EVENTS_READ = 1004

_POLICIES = {"now": 0, "end": 1, "live": 2}
_AGGREGATES = ("min", "max", "mean", "best", "last", "none", "copy", "first")
_GOALS = {"": 0, "minimize": 1, "maximize": 2}


class RunInfo(NamedTuple):
    """Who a run is: what its ``run`` record says. ``start_time`` is in Unix seconds.

    ``branch_run`` is the run whose rows up to ``branch_step`` this one goes on from: another that
    it was forked off, or itself, rewound. ``label`` tells apart writers of one run that write it at
    the same time.
    """

    run_id: str
    entity: str = ""
    project: str = ""
    name: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    group: str = ""
    job_type: str = ""
    start_time: float = 0.0
    host: str = ""
    git_remote: str = ""
    git_commit: str = ""
    resumed: bool = False
    starting_step: int = 0
    sweep_id: str = ""
    branch_run: str = ""
    branch_step: int = 0
    label: str = ""


class StreamCounts(NamedTuple):
    """How many lines a server holds of each stream that a wandb client sends it.

    ``last_lines`` describes those lines of output that can still be rewritten, seven characters
    each; whoever writes it reads it. ``client`` tells several clients of one run apart.
    """

    history: int = 0
    events: int = 0
    output: int = 0
    last_lines: str = ""
    client: str = ""


def header(
    producer: str, *, host: str = "", pid: int = 0, boot_id: str = "", role: str = ""
) -> bytes:
    """The first record of a journal: what wrote it, and which process on which host.

    Args:
        producer: name and version of the writer, as W&B's ``version_info.producer``.
        host: name of the machine; this and the rest ride in a field that W&B's readers skip.
        pid: number of the writing process.
        boot_id: what tells one start of the machine from the next, when the system has it.
        role: ``server`` or ``edits`` when a server writes the journal itself.
    """
    version = _text(1, producer) + _text(2, "0.40.0")
    writer = _text(1, host) + _int(2, pid) + _text(3, boot_id) + _text(5, role)
    return _sub(_HEADER, _sub(1, version) + _sub(_WRITER_INFO, writer))


def run(
    info: RunInfo,
    config_values: Mapping[str, Any] | None = None,
    *,
    cleared: Iterable[str] = (),
    runtime_since: int = 0,
    events_read: Mapping[str, int] | None = None,
) -> bytes:
    """The ``run`` record.

    Args:
        info: what it says; an empty field says nothing.
        config_values: the config as it stands at the start.
        cleared: names of `RunInfo` fields that are empty from now on: name, notes, group,
            job_type or tags.
        runtime_since: from when, in Unix milliseconds, the journal's rows count ``_runtime``; rows
            that have only ``_timestamp`` get it by this. 0 says nothing.
        events_read: of a journal made of TensorBoard's event files, how many bytes of each it
            holds, by path.
    """
    body = [
        _text(1, info.run_id),
        _text(2, info.entity),
        _text(3, info.project),
        _sub(4, _items(1, config_values)) if config_values else b"",
        _text(6, info.group),
        _text(7, info.job_type),
        _text(8, info.name),
        _text(9, info.notes),
        *(_sub(10, _utf8(tag)) for tag in info.tags),
        _text(12, info.sweep_id),
        _text(13, info.host),
        _int(14, info.starting_step),
        _sub(17, _timestamp(info.start_time)),
        _int(18, int(info.resumed)),
    ]
    if info.git_remote or info.git_commit:
        body.append(_sub(21, _text(1, info.git_remote) + _text(2, info.git_commit)))
    if info.branch_run:
        value = struct.pack("<Bd", 2 << 3 | 1, info.branch_step)
        body.append(_sub(23, _text(1, info.branch_run) + value + _text(3, "_step")))
    body.extend(_text(_CLEARED, name) for name in cleared)
    body.append(_text(_LABEL, info.label))
    body.append(_int(_RUNTIME_SINCE, runtime_since))
    for path, offset in (events_read or {}).items():
        body.append(_sub(_EVENTS_READ, _text(1, path) + _int(2, offset)))
    return _sub(_RUN, b"".join(body))


def config(update: Mapping[str, Any], remove: Iterable[str] = ()) -> bytes:
    """Config keys set (top-level, values whole) and removed."""
    return _sub(_CONFIG, _items(1, update) + b"".join(_sub(2, _text(1, key)) for key in remove))


def summary(update: Mapping[str, Any], remove: Iterable[str] = ()) -> bytes:
    """Summary keys set and removed."""
    return _sub(_SUMMARY, _items(1, update) + b"".join(_sub(2, _text(1, key)) for key in remove))


def output(stream: str, text: str, timestamp: float, label: str = "") -> bytes:
    """What was written to ``stdout`` or ``stderr``, as it was written: fragments of lines too.

    ``label`` says which of several clients printed it, where they share a journal.
    """
    kind = 1 if stream == "stdout" else 0
    body = _int(1, kind) + _sub(2, _timestamp(timestamp)) + _text(3, text)
    body += _text(_OUTPUT_LABEL, label)
    return _sub(_OUTPUT_RAW, body)


def stats(values: Mapping[str, float], timestamp: float) -> bytes:
    """System metrics at a time; keys have no ``system.`` prefix, as in W&B's logs."""
    return _sub(_STATS, _sub(2, _timestamp(timestamp)) + _items(3, values))


def metric(definition: MetricDef) -> bytes:
    """What `define_metric` was told.

    Raises:
        ValueError: an aggregate or goal that W&B does not know.
    """
    for name in definition.summary:
        if name not in _AGGREGATES:
            raise ValueError(f"unknown summary {name!r}, use one of {', '.join(_AGGREGATES)}")
    if definition.goal not in _GOALS:
        raise ValueError(f"unknown goal {definition.goal!r}, use minimize or maximize")
    options = _int(1, int(definition.step_sync)) + _int(2, int(definition.hidden)) + _int(3, 1)
    aggregates = b"".join(_int(_AGGREGATES.index(name) + 1, 1) for name in definition.summary)
    body = _text(2 if definition.glob else 1, definition.name) + _text(4, definition.step_metric)
    body += _sub(6, options) + (_sub(7, aggregates) if aggregates else b"")
    body += _int(8, _GOALS[definition.goal])
    body += _sub(9, _int(1, 1)) if definition.overwrite else b""
    return _sub(_METRIC, body)


def files(paths: Iterable[str], policy: str = "end") -> bytes:
    """Files below ``files`` that belong to the run; policy ``now``, ``end`` or ``live``."""
    number = _POLICIES[policy]
    return _sub(_FILES, b"".join(_sub(1, _text(1, path) + _int(2, number)) for path in paths))


def telemetry(python_version: str, cli_version: str) -> bytes:
    """Versions of Python and of the client."""
    return _sub(_TELEMETRY, _text(4, python_version) + _text(5, cli_version))


def stream_counts(counts: StreamCounts) -> bytes:
    """How far the streams are held after this record, on one that W&B's readers let pass."""
    body = _int(1, counts.history) + _int(2, counts.events) + _int(3, counts.output)
    body += _text(4, counts.last_lines) + _text(5, counts.client)
    return _sub(_TELEMETRY, _sub(_STREAM_COUNTS, body))


def paused(copies: int, console: int, readings: int) -> bytes:
    """What was left out so far while the disk was nearly full.

    Args:
        copies: copies of files.
        console: characters of console text.
        readings: readings of system metrics.
    """
    body = _int(1, copies) + _int(2, console) + _int(3, readings)
    return _sub(_TELEMETRY, _sub(_PAUSED, body))


def alert(title: str, text: str, level: str, wait: int) -> bytes:
    """A message for people; level INFO, WARN or ERROR, ``wait`` in milliseconds."""
    return _sub(_ALERT, _text(1, title) + _text(2, text) + _text(3, level) + _int(4, wait))


def exit_record(code: int, runtime: int) -> bytes:
    """The end of the run: exit code of the process and its run time in seconds."""
    return _sub(_EXIT, _int(1, code) + _int(2, runtime))


def preempting() -> bytes:
    """The scheduler has said that it will take the machine away."""
    return _sub(_PREEMPTING, b"")


def environment(info: Mapping[str, Any]) -> bytes:
    """Where and how the run was started; keys are the field names of EnvironmentRecord.

    Unknown keys are left out: the metadata file of the run folder has them all.
    """
    parts = []
    for name, number in _ENVIRONMENT_TEXTS.items():
        parts.append(_text(number, str(info.get(name) or "")))
    for name, number in _ENVIRONMENT_INTS.items():
        parts.append(_int(number, int(info.get(name) or 0)))
    if started_at := info.get("started_at"):
        parts.append(_sub(3, _timestamp(started_at)))
    parts.extend(_sub(5, _utf8(str(arg))) for arg in info.get("args") or ())
    if git := info.get("git"):
        parts.append(_sub(9, _text(1, git.get("remote", "")) + _text(2, git.get("commit", ""))))
    for mount, use in (info.get("disk") or {}).items():
        usage = _int(1, int(use["total"])) + _int(2, int(use["used"]))
        parts.append(_sub(20, _text(1, mount) + _sub(2, usage)))
    if memory := info.get("memory"):
        parts.append(_sub(21, _int(1, int(memory["total"]))))
    parts.extend(
        _sub(24, _text(1, gpu["name"]) + _int(2, int(gpu["memory_total"])))
        for gpu in info.get("gpu_nvidia") or ()
    )
    for key, value in (info.get("slurm") or {}).items():
        parts.append(_sub(27, _text(1, key) + _text(2, str(value))))
    for key, value in (info.get("job") or {}).items():
        parts.append(_sub(_JOB, _text(1, key) + _text(2, str(value))))
    return _sub(_ENVIRONMENT, b"".join(parts))


_ENVIRONMENT_TEXTS = {
    "os": 1,
    "python": 2,
    "docker": 4,
    "program": 6,
    "code_path": 7,
    "code_path_local": 8,
    "email": 10,
    "root": 11,
    "host": 12,
    "username": 13,
    "executable": 14,
    "gpu_type": 18,
    "cuda_version": 25,
    "writer_id": 199,
}
_ENVIRONMENT_INTS = {"cpu_count": 16, "cpu_count_logical": 17, "gpu_count": 19}


class HistoryEncoder:
    """Rows to ``history`` records. Keeps the bytes of each key, so use one for a whole run."""

    def __init__(self) -> None:
        # Keys and whole rows are put together as text of one byte a character (Latin-1) and
        # encoded once at the end: three times as fast as joining small bytes objects.
        self._prefixes: dict[str, str] = {}

    def encode(self, row: Mapping[Any, Any], step: int) -> bytes:
        """The record of one row.

        Args:
            row: keys and values, ``_timestamp`` and ``_runtime`` included; nested dicts become
                paths, and what JSON cannot say becomes its repr. A bad value never raises.
            step: the row's number; it stands in the row as ``_step``.
        """
        return _sub(_HISTORY, self._body(row, step))

    def encode_open(self, row: Mapping[Any, Any], step: int) -> bytes:
        """A row that is not closed yet, or what was added to it (see `open_row`)."""
        return open_row(self._body(row, step))

    def _body(self, row: Mapping[Any, Any], step: int) -> bytes:
        parts: list[str] = []
        prefixes, char = self._prefixes, _CHAR
        for key, value in row.items():
            kind = type(value)
            if (kind is float and value - value == 0.0) or (
                kind is int and -_PLAIN_INT < value < _PLAIN_INT
            ):
                text = repr(value)
            elif kind not in _LEAVES and (items := _items_in(value)):
                self._nested(parts, _path(key), items, [id(value)])
                continue
            else:
                text = dumps(value)
            if type(key) is str:
                try:
                    prefix = prefixes[key]
                except KeyError:
                    prefix = prefixes[key] = _path(key) + _VALUE
            else:  # may equal another key that is written in another way
                prefix = _path(key) + _VALUE
            size = len(text)
            total = len(prefix) + size + 1
            if total < 128:  # one byte for each length
                parts.append(f"\n{char[total]}{prefix}{char[size]}{text}")
            else:
                parts.append(_item(prefix, text))
        # The real `wandb sync` numbers rows by this item; the step field beside it says nothing to
        # it, and rows that have only that are counted from 0.
        parts.append(_item(_STEP, repr(step)))
        return "".join(parts).encode("latin-1")

    def _nested(
        self, parts: list[str], path: str, items: list[tuple[Any, Any]], above: list[int]
    ) -> None:
        for key, value in items:
            here = path + _path(key)
            inner = None
            if type(value) not in _LEAVES and id(value) not in above and len(above) < _MAX_DEPTH:
                inner = _items_in(value)
            if inner:
                self._nested(parts, here, inner, [*above, id(value)])
            else:
                parts.append(_item(here + _VALUE, dumps(value)))


def _items_in(value: Any) -> list[tuple[Any, Any]] | None:
    """What a mapping holds; None for anything else, and for a mapping that cannot say."""
    try:
        return list(value.items()) if isinstance(value, Mapping) else None
    except Exception:  # noqa: BLE001  `dumps` writes it as what went wrong
        return None


_CHAR = [chr(number) for number in range(128)]
#: tag of value_json, as Latin-1 text
_VALUE = "\x82\x01"
_MAX_DEPTH = 32
#: types that are no mapping for certain: asking the abstract class costs more than the rest
_LEAVES = frozenset((float, int, str, bool, type(None), list, tuple))
#: beyond it, `repr` of an int may raise
_PLAIN_INT = 10**300


def _path(key: Any) -> str:
    """One part of a nested_key, as Latin-1 text."""
    return _sub(2, _utf8(key_text(key))).decode("latin-1")


def _item(prefix: str, text: str) -> str:
    body = f"{prefix}{varint(len(text)).decode('latin-1')}{text}"
    return f"\n{varint(len(body)).decode('latin-1')}{body}"


def history(items: Iterable[tuple[Sequence[str], str]]) -> bytes:
    """A ``history`` record of values that are JSON text already.

    Args:
        items: the names of the levels down to each value, and the value as ASCII text.

    Example:
        >>> history([(["train", "loss"], "1e-05"), (["_step"], "0")])
    """
    parts = (_item("".join(map(_path, path)) + _VALUE, text) for path, text in items)
    return _sub(_HISTORY, "".join(parts).encode("latin-1"))


def open_row(history_body: bytes) -> bytes:
    """A row that later calls may still add to, on a record that W&B's readers let pass.

    It counts only while no history record of its step, or a later one, follows.
    """
    return _sub(_TELEMETRY, _sub(_OPEN_ROW, history_body))


def _items(number: int, values: Mapping[str, Any] | None) -> bytes:
    return b"".join(
        _sub(number, _text(1, key_text(key)) + _text(16, dumps(value)))
        for key, value in (values or {}).items()
    )


def _timestamp(seconds: float) -> bytes:
    whole = math.floor(seconds)
    return _int(1, whole) + _int(2, min(round((seconds - whole) * 1e9), 999_999_999))


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate, from a file name for example
        return text.encode("utf-8", "backslashreplace")


def varint(number: int) -> bytes:
    """A number as protobuf writes lengths and integers: seven bits a byte, the lowest first."""
    if 0 <= number < 128:
        return bytes((number,))
    number &= 0xFFFFFFFFFFFFFFFF  # negative numbers are written as their 64-bit complement
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _int(number: int, value: int) -> bytes:
    """A varint field; nothing for zero, which is what readers take a missing field for."""
    return varint(number << 3) + varint(value) if value else b""


def _sub(number: int, body: bytes) -> bytes:
    """A length-delimited field, written also when it is empty."""
    return varint(number << 3 | 2) + varint(len(body)) + body


def _text(number: int, text: str) -> bytes:
    return _sub(number, _utf8(text)) if text else b""


_STEP = _path("_step") + _VALUE
