"""`wandb.Api()` of the newest real client, reading runs that `holdfast sync` brought.

Each value it reads is compared with what our own client reads, and that is compared with what was
logged in tests/road.
"""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import Server, holdfast_command
from wandb_runs import fixture

from conformance.clients import NEWEST
from conformance.processes import surroundings
from holdfast.records.values import flatten

RUNS = (
    *("0.31.0/basic", "0.31.0/weird", "0.31.0/bigint", "0.31.0/media", "0.31.0/resumed-offline"),
    *("0.31.0/exception", "0.13.11/basic", "0.13.11/weird", "0.21.4/basic"),
)
PROJECTS = [name.replace("/", "-") for name in RUNS]

Row = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that holds a share of the recorded runs, each in a project of its own."""
    with Server(tmp_path_factory.mktemp("server")) as server:
        for name, project in zip(RUNS, PROJECTS, strict=True):
            folder = tmp_path_factory.mktemp("runs")
            fixture(name).unpack(folder)
            done = holdfast_command("sync", str(folder), "--project", project, server=server)
            assert done.returncode == 0, done.stderr
        yield server


@pytest.fixture(scope="module")
def told(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the client read."""
    home = tmp_path_factory.mktemp("client")
    variables = {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": server.key}
    script = Path(__file__).with_name("reading_client.py")
    ended = subprocess.run(
        [NEWEST.python(), script, *PROJECTS],
        env={**surroundings(home, ""), **variables},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def same(one: Any, other: Any) -> bool:
    """Equality in which NaN equals NaN, and a number another of the same value."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def in_words(value: Any) -> Any:
    """A value as W&B's server says it where an answer is JSON: NaN and its like are words."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: in_words(item) for key, item in value.items()}
    return [in_words(item) for item in value] if isinstance(value, list) else value


def as_floats(value: Any) -> Any:
    """What the client itself makes of whole numbers that floats cannot say, in a scan by keys."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53:
        return float(value)
    if isinstance(value, dict):
        return {key: as_floats(item) for key, item in value.items()}
    return [as_floats(item) for item in value] if isinstance(value, list) else value


def test_who_reads_and_what_there_is(told: dict[str, Any]) -> None:
    assert (told["viewer"], told["entity"]) == ("local", "local")
    assert told["projects"] == sorted(PROJECTS)


@pytest.mark.parametrize("project", PROJECTS)
class TestRun:
    def test_what_it_is(self, project: str, told: dict[str, Any], server: Server) -> None:
        [found] = told["runs"][project]
        [ours] = server.api().runs(f"local/{project}")
        assert (found["id"], found["name"], found["state"]) == (ours.id, ours.name, ours.state)
        assert (found["tags"], found["notes"]) == (ours.tags, ours.notes)
        assert found["group"] == (ours.group or None)
        assert found["user"] == "local"
        assert found["read_only"] is False
        assert same(found["config"], ours.config)
        summary = {key: value for key, value in found["summary"].items() if key != "_wandb"}
        assert same(summary, dict(ours.summary))
        assert found["last_step"] == ours.lastHistoryStep
        assert found["logged"] == []

    def test_rows(self, project: str, told: dict[str, Any], server: Server) -> None:
        [found] = told["runs"][project]
        [ours] = server.api().runs(f"local/{project}")
        rows = list(ours.scan_history())
        assert len(found["scan"]) == len(rows)
        assert all(map(same, found["scan"], rows))
        assert all(map(same, found["history"], rows))
        assert same(found["pages"].get("", rows), rows)

    def test_single_metrics(self, project: str, told: dict[str, Any], server: Server) -> None:
        [found] = told["runs"][project]
        [ours] = server.api().runs(f"local/{project}")
        flat = [flatten(row) for row in ours.scan_history()]
        assert found["columns"]
        for key, values in found["columns"].items():
            wanted = [{"_step": row["_step"], key: row[key]} for row in flat if key in row]
            assert all(map(same, values, in_words(wanted))), key
            assert len(values) == len(wanted), key
            if key in found["pages"]:
                assert same(found["pages"][key], as_floats(in_words(wanted))), key

    def test_console(self, project: str, told: dict[str, Any], server: Server) -> None:
        [found] = told["runs"][project]
        [ours] = server.api().runs(f"local/{project}")
        lines = [["error" if line.stream == "stderr" else "", line.text] for line in ours.logs()]
        assert found["console"] == lines
        assert found["console_end"] == [text for _, text in lines[-2:]]

    def test_system_metrics(self, project: str, told: dict[str, Any], server: Server) -> None:
        [found] = told["runs"][project]
        latest: Row = {}
        for sample in found["system"]:
            assert isinstance(sample["_timestamp"], float)
            assert isinstance(sample["_runtime"], float)
            latest.update({k: v for k, v in sample.items() if k[0] != "_"})
        assert {k: v for k, v in found["system_metrics"].items() if k[0] != "_"} == latest

    def test_files(self, project: str, told: dict[str, Any], server: Server) -> None:
        [found] = told["runs"][project]
        [ours] = server.api().runs(f"local/{project}")
        wanted = {file.name: [file.size, file.digest[len("sha256:") :]] for file in ours.files()}
        assert found["files"] == wanted
