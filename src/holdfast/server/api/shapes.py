"""The shapes of answers, for the OpenAPI document. `docs/formats/http.md` says what they mean.

Nothing is checked against them at run time; `tests/server/api/test_shapes.py` holds real answers
to them. The bodies of the write side have theirs in `holdfast.wire`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from holdfast.wire import Room

__all__ = [
    "Alert",
    "Changes",
    "Console",
    "ConsoleLine",
    "File",
    "Files",
    "Journal",
    "Keys",
    "Labels",
    "Lapsed",
    "Limits",
    "Line",
    "Lines",
    "LinesBody",
    "Mark",
    "Missing",
    "Position",
    "Project",
    "Projects",
    "Readmitted",
    "Row",
    "Rows",
    "RunPage",
    "RunWhole",
    "Session",
    "Stop",
    "Viewer",
]


@dataclass
class Position:
    """How far the server holds a journal, in bytes."""

    position: int


@dataclass
class Labels:
    """What a run says of itself after an edit."""

    job_type: str
    tags: list[str]


@dataclass
class Lapsed:
    """Numbers of the receipts that hold no more."""

    lapsed: list[int]


@dataclass
class Missing:
    """Digests whose bytes the server lacks."""

    missing: list[str]


@dataclass
class Session:
    """Who is signed in."""

    user: str


@dataclass
class Project:
    """A project in the list; times in Unix seconds."""

    entity: str
    project: str
    runs: int
    created_at: float
    heard_at: float | None


@dataclass
class Projects:
    """All projects, the one heard of last first."""

    projects: list[Project]


@dataclass
class Row:
    """A run in a list."""

    entity: str
    project: str
    run_id: str
    name: str
    state: str
    proof: str
    created_at: float
    started_at: float
    heard_at: float
    duration: float
    group: str
    job_type: str
    tags: list[str]
    notes: str
    rows: int
    last_step: int | None
    config: dict[str, Any]
    summary: dict[str, Any]


@dataclass
class RunPage:
    """A page of runs; ``next`` is the ``after`` of the next page."""

    runs: list[Row]
    next: str | None
    total: int


@dataclass
class Journal:
    """A journal of a run."""

    journal: str
    role: str
    label: str
    started_at: float
    position: int
    rows: int
    gaps: list[tuple[int, int]]
    replaces: list[str]
    unknown_records: int
    complete: bool
    exit_code: int | None
    writer: str
    proof: str
    first_step: int | None
    last_step: int | None


@dataclass
class Alert:
    """A message that a run's script has for people; ``level`` is INFO, WARN or ERROR."""

    title: str
    text: str
    level: str


@dataclass
class RunWhole(Row):
    """One run with all that is known of it."""

    metadata: dict[str, Any]
    defined_metrics: list[dict[str, Any]]
    metrics: dict[str, dict[str, str]]
    step_metrics: dict[str, str]
    hidden: list[str]
    exit_code: int | None
    ended_at: float | None
    stop: str
    alerts: list[Alert]
    journals: list[Journal]


@dataclass
class Stop:
    """Whether a run was asked to stop."""

    stop: str


@dataclass
class Readmitted:
    """A run that counts as deleted no more."""

    deleted: bool


@dataclass
class Keys:
    """The union of the keys over a project's runs."""

    metrics: list[str]
    system: list[str]
    config: list[str]
    summary: list[str]
    step_metrics: dict[str, str]
    hidden: list[str]


@dataclass
class Changes:
    """Which runs changed, and the cursor to ask with next time."""

    cursor: int
    runs: list[str]


@dataclass
class LinesBody:
    """Which lines: see `LinesRequest`."""

    runs: list[str]
    keys: list[str]
    stream: Literal["history", "system"] = "history"
    x: str = "_step"
    points: int = 1000
    min: float | None = None
    max: float | None = None
    stretches: Literal["latest", "all"] = "latest"


@dataclass
class Mark:
    """A value that is no finite number."""

    x: float
    kind: str


@dataclass
class Line:
    """One series of one run."""

    run: str
    key: str
    label: str
    x: list[float]
    y: list[float]
    lo: list[float]
    hi: list[float]
    total: int
    exact: bool
    marks: list[Mark]
    breaks: list[float]


@dataclass
class Lines:
    """Lines by run, then by key; a run without the key has none."""

    lines: list[Line]


@dataclass
class Rows:
    """Rows of a history, nested as logged."""

    rows: list[dict[str, Any]]


@dataclass
class ConsoleLine:
    """A line of a console; ``label`` says whose it is, of a run with several writers."""

    number: int
    stream: str
    label: str
    timestamp: float
    text: str


@dataclass
class Console:
    """A page of a console; ``next`` is the ``after`` of the next page."""

    lines: list[ConsoleLine]
    next: int | None
    total: int


@dataclass
class File:
    """A file of a run."""

    path: str
    size: int
    digest: str
    journal: str
    updated_at: float


@dataclass
class Files:
    """The files of a run, by path."""

    files: list[File]


@dataclass
class Limits:
    """What one request may bring."""

    chunk_bytes: int
    part_bytes: int


@dataclass
class Viewer:
    """Who asks, and what the server takes."""

    server: str
    version: str
    api: int
    user: str
    entity: str
    limits: Limits
    disk: Room | None
    relay_for: str
