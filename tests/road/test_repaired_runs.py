"""Damaged runs, repaired, through the whole road: nothing doubles, and the gaps are shown."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import Server
from road.test_recorded_runs import UNREADABLE, check_truth, equal, rows_on_disk
from sync.making import make_run
from wandb_runs import Fixture, fixtures

from holdfast.cli.main import main
from holdfast.journal import Frame, Reader
from holdfast.records.decode import kind
from holdfast.rundir import RunDir

DAMAGED = [one for one in fixtures(damaged=True) if one.damage not in {*UNREADABLE, "header-only"}]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all runs; each test has a project of its own."""
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def project(server: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOLDFAST_CONFIG_DIR", str(server.config))
    monkeypatch.setenv("HOLDFAST_BASE_URL", server.url)
    return request.node.name.replace("/", "-").replace("[", "-").strip("]")


@pytest.mark.parametrize("synced", [True, False], ids=["synced-before", "fresh"])
@pytest.mark.parametrize("fixture", DAMAGED, ids=str)
def test_a_repaired_run_is_there_once(
    fixture: Fixture, synced: bool, tmp_path: Path, server: Server, project: str
) -> None:
    [process] = fixture.unpack(tmp_path)
    if synced:
        assert main(["sync", str(tmp_path), "--project", project]) == 0
    assert main(["repair", str(tmp_path)]) == 0
    assert main(["sync", str(tmp_path), "--project", project]) == 0
    [run] = server.api().runs(f"local/{project}")
    found = list(run.scan_history())
    assert [row["_step"] for row in found] == process.truth["recoverable_steps"]
    assert all(map(equal, found, rows_on_disk(process.journal)))
    check_truth(found, fixture.undamaged().truths())
    assert main(["verify", "--server", str(tmp_path), "--project", project]) == (
        6 if fixture.damage == "missing-files-dir" else 0
    )


def test_the_gaps_are_shown(tmp_path: Path, server: Server, project: str) -> None:
    run_dir = make_run(tmp_path, "aaaa", count=40)
    frame = damage(run_dir, "history", 7)
    assert main(["sync", str(tmp_path), "--project", project]) == 0
    assert main(["repair", str(tmp_path)]) == 0
    assert main(["sync", str(tmp_path), "--project", project]) == 0
    whole = told(server, project, "aaaa")
    assert (whole["proof"], whole["rows"], whole["state"]) == ("gaps", 39, "finished")
    [journal] = whole["journals"]
    assert journal["gaps"] == [[frame.start, frame.end]]
    assert len(journal["replaces"]) == 1
    assert journal["position"] == run_dir.journal.stat().st_size


@pytest.mark.parametrize("name", ["history", "exit", "run"])
def test_what_arrived_before_the_damage_is_not_hidden(
    tmp_path: Path, server: Server, project: str, name: str
) -> None:
    run_dir = make_run(tmp_path, "aaaa", count=40)
    assert main(["sync", str(tmp_path), "--project", project]) == 0
    damage(run_dir, name)
    assert main(["repair", str(tmp_path)]) == 0
    assert main(["sync", str(tmp_path), "--project", project]) == 0
    whole = told(server, project, "aaaa")
    assert (whole["proof"], whole["rows"], whole["state"]) == ("confirmed", 40, "finished")
    [run] = server.api().runs(f"local/{project}")
    assert [row["_step"] for row in run.scan_history()] == list(range(40))


def damage(run_dir: RunDir, name: str, number: int = 0) -> Frame:
    """Flip a byte in one frame of a kind; returns the frame."""
    with run_dir.journal.open("rb") as file:
        frames = [item for item in Reader(file) if isinstance(item, Frame)]
    frame = [one for one in frames if kind(one.payload) == name][number]
    data = bytearray(run_dir.journal.read_bytes())
    data[frame.end - 1] ^= 0xFF
    run_dir.journal.write_bytes(data)
    return frame


def told(server: Server, project: str, run_id: str) -> dict[str, Any]:
    """What the browser is told of a run."""
    url = f"{server.url}/api/v1/runs/local/{project}/{run_id}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {server.key}"})
    with urllib.request.urlopen(request) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
