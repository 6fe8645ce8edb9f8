"""Stories as one HTML file: the page's style and script, and the runs as JSON, all in one.

Owns the file. It asks for nothing: a policy in its head forbids the browser every request. Must not
know journals.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from holdfast.errors import StorageError
from holdfast.page.curve import Curve
from holdfast.page.story import Story
from holdfast.records.values import flatten
from holdfast.rundir import replace_text

__all__ = ["write_page"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="{by}">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<div id="page"></div>
<noscript>The script that draws the runs is switched off; the file holds them as JSON.</noscript>
<script type="application/json" id="runs">{data}</script>
<script>
{script}</script>
</body>
</html>
"""


def write_page(path: Path, stories: Sequence[Story], by: str, now: float) -> int:
    """Write the page of one or several runs; returns its size in bytes.

    Args:
        path: the file.
        stories: the runs, in the order in which they get their colours.
        by: what made the page.
        now: when, in Unix seconds.

    Raises:
        StorageError: it cannot be written; what lay there before stands.
    """
    runs = [_run(story) for story in stories]
    made = datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    names = [run["name"] for run in runs]
    title = names[0] if len(names) == 1 else f"{len(names)} runs"
    data = json.dumps({"by": by, "made": made, "runs": runs}, separators=(",", ":"))
    files = resources.files("holdfast.page")
    text = _PAGE.format(
        policy=_POLICY,
        by=escape(by),
        title=f"{escape(title)} · Holdfast",
        style=files.joinpath("page.css").read_text(encoding="utf-8"),
        # Nothing that a run says can end the element that it stands in.
        data=data.replace("<", "\\u003c"),
        script=files.joinpath("page.js").read_text(encoding="utf-8"),
    )
    try:
        return replace_text(path, text)
    except OSError as error:
        what = f"cannot write {path}: {error.strerror or error}"
        raise StorageError(what, "choose another place") from error


def _run(story: Story) -> dict[str, Any]:
    replay, info = story.replay, story.replay.run
    run_id = info.run_id if info is not None else story.folders[-1].run_id
    started = info.start_time if info is not None else 0.0
    name = (info.name if info is not None else "") or run_id
    return {
        "id": run_id,
        "name": f"{name} · {info.label}" if info is not None and info.label else name,
        "project": info.project if info is not None else "",
        "state": story.state,
        "facts": _facts(story, started),
        "notes": info.notes if info is not None else "",
        "warnings": story.notes,
        "config": _table(replay.config),
        "summary": _table({k: v for k, v in replay.summary.items() if k[:1] != "_"}),
        "machine": _table(replay.metadata),
        "console": story.console,
        "left_out": story.left_out,
        "metrics": {key: _points(curve) for key, curve in sorted(story.metrics.items())},
        "system": {key: _points(curve) for key, curve in sorted(story.system.items())},
    }


def _facts(story: Story, started: float) -> list[tuple[str, str]]:
    replay, info = story.replay, story.replay.run
    runtime = replay.runtime if replay.runtime is not None else replay.summary.get("_runtime")
    seconds = runtime if isinstance(runtime, int | float) and math.isfinite(runtime) else None
    when = ""
    if started:
        when = datetime.fromtimestamp(started, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    facts = [
        ("state", story.state),
        ("started", when),
        ("ran for", "" if seconds is None else _duration(seconds)),
        ("rows", f"{replay.rows:,}"),
        ("exit code", "" if replay.exit_code is None else str(replay.exit_code)),
    ]
    if info is not None:
        facts += [
            ("id", info.run_id),
            ("entity", info.entity),
            ("project", info.project),
            ("group", info.group),
            ("job type", info.job_type),
            ("tags", ", ".join(info.tags)),
            ("host", info.host),
            ("label", info.label),
        ]
    folders = ", ".join(run_dir.path.name for run_dir in story.folders)
    return [(name, text) for name, text in [*facts, ("folder", folders)] if text]


def _points(curve: Curve) -> dict[str, Any]:
    points = curve.points()
    return {
        "x": [int(x) if float(x).is_integer() else x for x, _ in points],
        "y": [y if math.isfinite(y) else str(y) for _, y in points],
        "of": curve.count,
        "thinned": curve.thinned,
    }


def _table(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rows of a table: dotted name and the value as text."""
    return [(key, _text(value)) for key, value in sorted(flatten(dict(values)).items())]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and isinstance(value.get("_type"), str):
        return f"{value['_type']} {value.get('path', '')}".strip()
    return json.dumps(value, default=str, ensure_ascii=False)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    said = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join([*said, f"{rest} s"][:2]) if said else f"{seconds:.3g} s"
