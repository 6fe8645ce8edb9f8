"""Runs that real wandb versions wrote, through the whole road: folder, sync, server, read side.

What the server answers is compared with the truth that the training script wrote, value by value
where the client of that version kept values as they were; and always with what our own reader
finds in the folder, so that nothing changes on the way.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import Server
from wandb_runs import Fixture, fixtures

from holdfast.cli.main import main
from holdfast.errors import DamagedError
from holdfast.journal import Frame, Reader
from holdfast.records.replay import Replay

#: scenarios whose values every version writes as they were logged
PLAIN = {"basic", "crashed", "crashed-group", "exception", "resumed-offline"}
#: nothing can be read of these, or nothing was logged yet
UNREADABLE = {"zero-length", "truncated-in-file-header"}
EMPTY = {"header-only"}
CLIENT_KEYS = {"_step", "_timestamp", "_runtime"}

Row = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all runs; each fixture has a project of its own."""
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def project(server: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the fixture's project; the command line speaks to the server."""
    monkeypatch.setenv("HOLDFAST_CONFIG_DIR", str(server.config))
    monkeypatch.setenv("HOLDFAST_BASE_URL", server.url)
    return str(request.node.callspec.params["fixture"]).replace("/", "-")


def equal(one: Any, other: Any) -> bool:
    """Equality in which NaN equals NaN, at any depth."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def rows_on_disk(journal: Path) -> list[Row]:
    """What our reader finds in a journal."""
    replay = Replay()
    with journal.open("rb") as file:
        applied = replay.apply(i.payload for i in Reader(file) if isinstance(i, Frame))
    rows: list[Row] = []
    for batch in applied.rows:
        columns = [batch.values(index) for index in range(len(batch.keys))]
        rows += [
            {
                "_step": step,
                **{key: column[n] for key, column in zip(batch.keys, columns, strict=True)},
            }
            for n, step in enumerate(batch.steps)
        ]
    return rows


def in_effect(journals: list[list[Row]]) -> list[Row]:
    """The rows that count: where a later journal covers steps, an earlier one's are hidden."""
    shown: list[Row] = []
    for rows in journals:
        if rows:
            first, last = rows[0]["_step"], rows[-1]["_step"]
            shown = [row for row in shown if not first <= row["_step"] <= last]
        shown += rows
    return sorted(shown, key=lambda row: int(row["_step"]))


@pytest.mark.parametrize("fixture", fixtures(damaged=False), ids=str)
def test_run_arrives_as_logged(
    fixture: Fixture, tmp_path: Path, server: Server, project: str
) -> None:
    processes = fixture.unpack(tmp_path)
    assert main(["sync", str(tmp_path), "--project", project]) == 0
    [run] = server.api().runs(f"local/{project}")
    truths = [process.truth for process in processes]
    assert run.id == truths[0]["run"]["id"]
    said = truths[-1]["run"]
    assert run.name == said.get("name", run.name)
    assert sorted(run.tags) == sorted(said.get("tags") or [])
    found = list(run.scan_history())
    expected = in_effect([rows_on_disk(process.journal) for process in processes])
    assert len(found) == len(expected)
    assert all(map(equal, found, expected))
    if fixture.scenario in PLAIN:
        check_truth(found, truths)
    if fixture.scenario == "large":
        check_large(found, truths[0]["history"])
    code = truths[-1]["exit"]["exit_code"] if truths[-1]["exit"]["kind"] != "sigkill" else None
    assert run.state == ("crashed" if code is None else "failed" if code else "finished")
    again = main(["sync", str(tmp_path), "--project", project, "--include-synced"])
    assert again == 0
    assert len(list(run.scan_history())) == len(expected)


def check_truth(found: list[Row], truths: list[dict[str, Any]]) -> None:
    """Every value that the script logged and that the client brought to the disk."""
    logged = [
        [{"_step": row["step"], **row["values"]} for row in truth["history"]["rows"]]
        for truth in truths
    ]
    rows = {row["_step"]: row for row in in_effect(logged)}
    assert {row["_step"] for row in found} <= set(rows)
    for row in found:
        values = {key: value for key, value in row.items() if key not in CLIENT_KEYS}
        truth = {key: value for key, value in rows[row["_step"]].items() if key != "_step"}
        assert equal(values, truth)


def check_large(found: list[Row], truth: dict[str, Any]) -> None:
    """Fifty thousand rows by their digest: step and values in sorted key order, little-endian."""
    keys = sorted(truth["columns"])
    digest = hashlib.sha256()
    for row in found:
        digest.update(struct.pack(f"<q{len(keys)}d", row["_step"], *(row[key] for key in keys)))
    assert digest.hexdigest() == truth["rows_sha256"]


@pytest.mark.parametrize("fixture", fixtures(damaged=True), ids=str)
def test_all_that_is_readable_arrives(
    fixture: Fixture, tmp_path: Path, server: Server, project: str
) -> None:
    [process] = fixture.unpack(tmp_path)
    code = main(["sync", str(tmp_path), "--project", project])
    if fixture.damage in UNREADABLE:
        assert code == DamagedError.exit_code
        return
    assert code == 0
    if fixture.damage in EMPTY:
        return
    [run] = server.api().runs(f"local/{project}")
    found = list(run.scan_history())
    assert [row["_step"] for row in found] == process.truth["recoverable_steps"]
    check_truth(found, fixture.undamaged().truths())
