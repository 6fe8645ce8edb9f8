"""Comparing a run on the server with what was logged, value by value.

A truth is what a script told: ``rows`` [{_step, key: value}], ``summary``, ``config``, ``console``
{stream: [line]}, ``files`` {path: SHA-256}, and ``state``, ``exit_code``, ``tags``, ``notes``,
``name``, ``group``, ``job_type``; ``summary_has``, ``config_has`` and ``rows_have`` where a
framework logs more than the script knows. What it does not name is not compared. Names that begin
with an underscore are the client's own book-keeping: ``_step`` is compared, ``_timestamp`` and
``_runtime`` must be there, except for the one that the truth's ``may_lack`` names.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

__all__ = ["differences", "flat", "same"]

_MOST = 8
_PLAIN = ("state", "exit_code", "notes", "name", "group", "job_type")
_WANDBS_OWN = re.compile(r"^wandb: ")
_ABSENT = object()


def differences(truth: Mapping[str, Any], run: Any, downloads: Path) -> list[str]:
    """What differs between a truth and a run as `holdfast.Api` gives it; at most a few."""
    return list(islice(_all(truth, run, downloads), _MOST))


def _all(truth: Mapping[str, Any], run: Any, downloads: Path) -> Iterator[str]:
    yield from _about(truth, run)
    if "rows" in truth or "rows_have" in truth:
        held = list(run.scan_history())
        own = {"_timestamp", "_runtime"} - {truth.get("may_lack")}
        yield from _rows(truth["rows"], held, sorted(own)) if "rows" in truth else ()
        yield from _rows_have(truth.get("rows_have", ()), held)
    for name, values in (("config", run.config), ("summary", _said(run.summary))):
        if name in truth:
            wanted = _said(truth[name]) if name == "summary" else truth[name]
            yield from _mappings(name, wanted, values)
        yield from _has(name, truth.get(f"{name}_has", {}), values)
    if "console" in truth:
        yield from _console(truth["console"], list(run.logs()))
    yield from _files(truth.get("files", {}), run, downloads)


def _said(summary: Mapping[str, Any]) -> dict[str, Any]:
    """A summary without its None: some clients send them, some leave them out."""
    return {key: value for key, value in summary.items() if value is not None}


def _about(truth: Mapping[str, Any], run: Any) -> Iterator[str]:
    for name in _PLAIN:
        if name in truth and getattr(run, name) != truth[name]:
            yield f"{name} is {getattr(run, name)!r} and not {truth[name]!r}"
    if "tags" in truth and sorted(run.tags) != sorted(truth["tags"]):
        yield f"tags are {run.tags!r} and not {truth['tags']!r}"


def _rows(
    wanted: Sequence[Mapping[str, Any]], held: Sequence[Mapping[str, Any]], own: Sequence[str]
) -> Iterator[str]:
    if len(wanted) != len(held):
        yield f"{len(held)} rows and not {len(wanted)}"
    for want, row in zip_longest(wanted, held):
        if want is None:
            yield f"the row of step {row['_step']} was not logged"
        elif row is None:
            yield f"the row of step {want['_step']} is missing"
        elif want["_step"] != row["_step"]:
            yield f"the row of step {want['_step']} has step {row['_step']}"
        else:
            yield from _mappings(f"row {want['_step']}", want, row)
            yield from (
                f"row {want['_step']} has no {key}"
                for key in own
                if not isinstance(row.get(key), int | float)
            )


def _mappings(where: str, want: Mapping[str, Any], held: Mapping[str, Any]) -> Iterator[str]:
    wanted, found = flat(want), flat(held)
    for key in sorted({*wanted, *found}):
        a, b = wanted.get(key, _ABSENT), found.get(key, _ABSENT)
        if a is _ABSENT:
            yield f"{where} has {key} = {b!r:.200}, which nobody logged"
        elif b is _ABSENT:
            yield f"{where} lacks {key} = {a!r:.200}"
        elif not same(a, b):
            yield f"{where}: {key} is {b!r:.200} and not {a!r:.200}"


def _has(where: str, want: Mapping[str, Any], held: Mapping[str, Any]) -> Iterator[str]:
    """Differences in what is wanted; what is held beside it is not looked at."""
    found, wanted = flat(held), flat(want)
    yield from _mappings(where, want, {key: found[key] for key in wanted if key in found})


def _rows_have(
    wanted: Sequence[Mapping[str, Any]], held: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Every wanted row's values stand in one row, in order; rows between them may hold others."""
    rows = iter(held)
    for want in wanted:
        if not any(not list(_has("", want, row)) for row in rows):
            yield f"no row has {dict(want)!r:.300} after the ones before it"
            return


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys as dotted ones, without the client's own names; an empty dict stays a value.

    Example:
        >>> flat({"a": {"b": 1}, "_step": 3, "_runtime": 0.5, "c": {}})
        {'a.b': 1, 'c': {}}
    """
    found: dict[str, Any] = {}
    for key, value in values.items():
        if not prefix and key.startswith("_"):
            continue
        if isinstance(value, Mapping) and value:
            found.update(flat(value, f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = value
    return found


def same(a: Any, b: Any) -> bool:
    """Equal as JSON values are: 1 and 1.0 are one number, true is none, NaN equals itself."""
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(value, b[key]) for key, value in a.items())
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    return bool(a == b)


def _console(wanted: Mapping[str, Sequence[str]], lines: Sequence[Any]) -> Iterator[str]:
    """Streams are compared apart: how two pipes interleave is not up to the server."""
    for stream, want in wanted.items():
        held = [line.text for line in lines if line.stream == stream]
        held = [text for text in held if not _WANDBS_OWN.match(text)]
        while held and not held[-1]:
            held.pop()
        for number, (a, b) in enumerate(zip_longest(want, held)):
            if a != b:
                yield f"line {number} of {stream} is {b!r:.200} and not {a!r:.200}"


def _files(wanted: Mapping[str, str], run: Any, downloads: Path) -> Iterator[str]:
    held = {file.name: file for file in run.files()}
    for name, digest in sorted(wanted.items()):
        if name not in held:
            yield f"there is no file {name!r}"
        else:
            path = held[name].download(downloads / run.id, replace=True)
            if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                yield f"file {name!r} has other bytes ({held[name].size} of them)"
