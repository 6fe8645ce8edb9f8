"""Runs that real wandb versions wrote, with the truth of what was logged: the loader for tests.

A share lies in ``tests/data/wandb-runs`` (chosen by ``tools/pick_test_data.py``). Where a folder
``shared/fixtures/wandb-runs`` lies beside the checkout, its runs are there too, so that the same
test covers more on a machine that has them and still all of its kinds in a lone clone.

    import pytest
    from wandb_runs import Fixture, fixtures

    @pytest.mark.parametrize("fixture", fixtures(damaged=False), ids=str)
    def test_reads_every_row(fixture: Fixture, tmp_path):
        for process in fixture.unpack(tmp_path):
            rows = read(process.journal)           # a Path to run-ID.wandb
            assert steps(rows) == [row["step"] for row in process.truth["history"]["rows"]]

    @pytest.mark.parametrize("fixture", fixtures(damaged=True), ids=str)
    def test_reads_what_is_left(fixture, tmp_path):
        [process] = fixture.unpack(tmp_path)
        assert steps(read(process.journal)) == process.truth["recoverable_steps"]
        # what the rows held before the damage:
        rows = fixture.undamaged().truths()[0]["history"]["rows"]

The truth of a run (keys as in the truth files):

* ``run`` (id, name, project, group, job_type, tags, notes, dir, file), ``config``
* ``history``: ``rows`` [{step, values}] with calls of one step merged, ``row_count``, ``dropped``;
  for ``large`` instead ``columns`` (count, first, last, min, max, sum), ``sampled_rows`` and
  ``rows_sha256``
* ``summary``: ``explicit``, ``last``, ``aggregates``; ``console`` [{stream, text}]; ``media``;
  ``artifacts``; ``files``; ``exit`` {kind, exit_code, process_status}; ``errors``
* ``calls`` (weird, bigint): every log call with data, step, commit, note, and ``raised`` where the
  client refused it
* damaged: ``recoverable_steps``, ``lost_steps``, ``header_ok``, ``parameters``, ``by_strategy``

Values that JSON cannot hold are decoded: ``$float``, ``$int``, ``$numpy``, ``$ndarray`` and
``$tuple`` to the plain number or list; ``$str`` to a `LongText` that equals the string with that
digest; ``$repr`` to `Shown`; ``$media`` to `Media`.
"""

from __future__ import annotations

import functools
import hashlib
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Fixture", "LongText", "Media", "Process", "Shown", "fixture", "fixtures"]

_ROOT = Path(__file__).resolve().parent
_FOLDERS = (_ROOT / "data/wandb-runs", _ROOT.parent.parent / "shared/fixtures/wandb-runs")


class Shown(NamedTuple):
    """A value of which only the ``repr`` and the name of its type were kept."""

    text: str
    type_name: str


class Media(NamedTuple):
    """A media object; what it was stands in the truth's ``media`` list."""

    kind: str


@dataclass(frozen=True, eq=False)
class LongText:
    """A string over 5000 characters. Equals the string that has its length and digest."""

    length: int
    head: str
    sha256: str

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str) or len(other) != self.length:
            return False
        return hashlib.sha256(other.encode()).hexdigest() == self.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)


class Process(NamedTuple):
    """One process of a recorded run: its unpacked folder, its journal, and what it logged."""

    folder: Path
    journal: Path
    truth: dict[str, Any]


@dataclass(frozen=True)
class Fixture:
    """One recorded run. ``str()`` is ``version/scenario``, as in ``0.31.0/damaged/zeroed-tail``."""

    version: str
    scenario: str
    archive: Path
    truth_file: Path
    entry: dict[str, Any]
    """Its part of INDEX.json: ``run_files`` [{path, records, record_types, history_rows, ...}]."""

    def __str__(self) -> str:
        return f"{self.version}/{self.scenario}"

    def __hash__(self) -> int:
        return hash(str(self))

    @property
    def damage(self) -> str:
        """The kind of damage, empty for an undamaged run."""
        return self.scenario.partition("damaged/")[2]

    def undamaged(self) -> Fixture:
        """The run of which this one is a damaged copy, or the run itself."""
        return fixture(f"{self.version}/basic") if self.damage else self

    def truths(self) -> list[dict[str, Any]]:
        """The decoded truth of every process of the run, in the order in which they ran."""
        truth = _load_truth(self.truth_file)
        processes: list[dict[str, Any]] = truth.get("processes", [truth])
        return processes

    def unpack(self, into: Path) -> list[Process]:
        """Unpack the archive below ``into`` (which then holds ``wandb/``); list its processes."""
        with tarfile.open(self.archive) as archive:
            archive.extractall(into, filter="data")
        return [
            Process(into / folder, into / journal, truth)
            for truth in self.truths()
            for folder, journal in [_places(truth)]
        ]


def fixtures(*, damaged: bool | None = None, scenario: str | None = None) -> list[Fixture]:
    """All recorded runs, sorted by version and scenario.

    Args:
        damaged: only damaged copies (True), only undamaged runs (False), or both (None).
        scenario: only this one: ``basic``, ``media``, ``artifact``, ``crashed``, ``crashed-group``,
            ``exception``, ``resumed-offline``, ``weird``, ``bigint``, ``large``, ``damaged/KIND``.
    """
    return [
        one
        for one in _all().values()
        if (damaged is None or bool(one.damage) == damaged)
        and (scenario is None or one.scenario == scenario)
    ]


def fixture(name: str) -> Fixture:
    """The recorded run with this ``version/scenario``."""
    return _all()[name]


@functools.cache
def _all() -> dict[str, Fixture]:
    found: dict[str, Fixture] = {}
    for folder in _FOLDERS:
        for one in _listed(folder):
            found.setdefault(str(one), one)

    def order(name: str) -> tuple[list[int], str]:
        version, _, scenario = name.partition("/")
        return [int(part) for part in version.split(".")], scenario

    return {name: found[name] for name in sorted(found, key=order)}


def _listed(folder: Path) -> Iterator[Fixture]:
    index = folder / "INDEX.json"
    if not index.exists():
        return
    for entry in json.loads(index.read_text(encoding="utf-8"))["entries"]:
        yield Fixture(
            version=entry["version"],
            scenario=entry["scenario"],
            archive=folder / entry["archive"],
            truth_file=folder / entry["truth"],
            entry=entry,
        )


@functools.lru_cache(maxsize=8)
def _load_truth(path: Path) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), object_hook=_decode)
    return truth


def _places(truth: dict[str, Any]) -> tuple[str, str]:
    if "wandb_file" in truth:
        return truth["run_dir"], truth["wandb_file"]
    return truth["run"]["dir"], truth["run"]["file"]


def _decode(pairs: dict[str, Any]) -> Any:
    """JSON calls this from the inside out, so values in it are decoded already."""
    match pairs:
        case {"$float": text}:
            return float(text)
        case {"$int": text}:
            return int(text)
        case {"$numpy": _, "value": value}:
            return value
        case {"$ndarray": _, "values": values}:
            return values
        case {"$tuple": values}:
            return values
        case {"$str": {"length": length, "head": head, "sha256": sha256}}:
            return LongText(length, head, sha256)
        case {"$repr": text, "type": type_name}:
            return Shown(text, type_name)
        case {"$media": kind}:
            return Media(kind)
    return pairs
