"""System metrics: what a client measured, from its own journal, beside what the server draws.

Nobody but the client knows what it measured, so its journal is the truth: the file that it writes
before it sends anything.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from holdfast.journal import Frame, Reader
from holdfast.records.replay import Replay
from tests.processes import Server

__all__ = ["OFTEN", "System", "by_key", "drawn", "measured"]

OFTEN = {
    "WANDB_X_STATS_SAMPLING_INTERVAL": "0.5",
    "WANDB__STATS_SAMPLING_INTERVAL": "0.5",
    "WANDB__STATS_SAMPLE_RATE_SECONDS": "0.5",
    "WANDB__STATS_SAMPLES_TO_AVERAGE": "1",
}
"""Variables, by the names of several versions, with which a client measures twice a second."""

System = dict[str, list[tuple[float, float]]]
"""{key: [(Unix seconds, value)]} of the metrics that are numbers."""


def measured(folder: Path) -> System:
    """What the client of a run folder measured."""
    (journal,) = folder.glob("*.wandb")
    with journal.open("rb") as file:
        payloads = [item.payload for item in Reader(file) if isinstance(item, Frame)]
    rows = (
        {"_timestamp": stat.timestamp, **{f"system.{k}": v for k, v in stat.values.items()}}
        for stat in Replay().apply(payloads).stats
    )
    return by_key(rows)


def by_key(rows: Iterable[Mapping[str, Any]]) -> System:
    """The same of rows as wandb's public API gives them."""
    found: System = {}
    for row in rows:
        for key, value in row.items():
            if key.startswith("system.") and isinstance(value, int | float):
                found.setdefault(key, []).append(_point(row["_timestamp"], value))
    return {key: sorted(points) for key, points in found.items()}


def drawn(server: Server, entity: str, project: str, run_id: str) -> System:
    """What the dashboard would draw of a run, all points of it."""
    whole = _ask(server, f"runs/{entity}/{project}/{run_id}")
    asked = {
        "runs": [run_id],
        "keys": [key for key in whole["metrics"]["system"] if key.startswith("system.")],
        "stream": "system",
        "x": "_timestamp",
        "points": 100_000,
    }
    if not asked["keys"]:
        return {}
    lines = _ask(server, f"projects/{entity}/{project}/lines", asked)["lines"]
    return {line["key"]: sorted(map(_point, line["x"], line["y"])) for line in lines}


def _point(seconds: float, value: float) -> tuple[float, float]:
    return round(seconds, 3), float(value)


def _ask(server: Server, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{server.url}/api/v1/{path}", data, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
