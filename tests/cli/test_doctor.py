"""`holdfast doctor` as a command: what it says, exit codes, JSON, --fix."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sync.making import make_run
from sync.memory_server import MemoryServer
from sync.over_http import OverHttp
from wire.fault_server import FaultServer

from holdfast.cli.main import main

KEY = "k" * 40


@pytest.fixture(autouse=True)
def _surroundings(own_config: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_API_KEY", KEY)
    monkeypatch.setattr("holdfast.sync.doctor.disk.mark_of", lambda share: "ok")  # not the tests'


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with FaultServer(OverHttp(MemoryServer(), key=KEY)) as server:
        monkeypatch.setenv("HOLDFAST_BASE_URL", server.url)
        yield server


def doctor(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    code = main(["doctor", *words])
    return code, capsys.readouterr().out.splitlines()


def test_all_is_well(
    served: FaultServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path / "wandb", "aaaa")
    assert main(["sync"]) == 0
    capsys.readouterr()
    code, lines = doctor(capsys)
    assert (code, lines[-1]) == (0, "nothing stands in the way")
    assert "✓ folders: 1 run found (1 confirmed, 0 pending)" in lines
    assert any("is a Holdfast server" in line for line in lines)
    assert any("MB/s to the server" in line for line in lines)


def test_what_stands_in_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = make_run(tmp_path / "wandb", "aaaa")
    run_dir.journal.write_bytes(b"")
    code, lines = doctor(capsys, "--base-url", "http://127.0.0.1:1", str(run_dir.path))
    assert code == 1
    assert lines[-1] == "something stands in the way: 2 errors"
    at = lines.index("✗ folders: nothing in the journal can be read")
    assert "the file is empty" in lines[at + 1]
    assert f"    cure  holdfast repair {run_dir.path}" in lines[at + 2]
    assert doctor(capsys, str(tmp_path / "none"))[0] == 1


def test_the_disk_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path / "wandb", "aaaa")
    code, lines = doctor(capsys, "--local", "--base-url", "http://127.0.0.1:1")
    assert (code, lines[-1]) == (0, "nothing stands in the way")
    assert not any("network" in line for line in lines)


def test_fix_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = make_run(tmp_path / "wandb", "aaaa")
    lock = run_dir.path / "run-aaaa.wandb.lock"
    lock.write_text("999999999")
    os.utime(lock, (1.7e9, 1.7e9))
    code, lines = doctor(capsys, "--local")
    assert (code, lines[-1]) == (0, "nothing stands in the way (1 warning)")
    assert lock.exists()
    code, lines = doctor(capsys, "--local", "--json", "--fix")
    said = json.loads(lines[0])
    assert (code, said["ok"], said["fixed"]) == (0, True, [f"removed {lock.relative_to(tmp_path)}"])
    assert [one["subject"] for one in said["findings"] if one["fixable"]] == ["locks"]
    assert not lock.exists()


def test_many_of_a_kind_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(14):
        make_run(tmp_path / "wandb", f"r{number}", number=number, count=1)
    _, lines = doctor(capsys, "--local")
    assert lines.count("· folders: pending") == 10
    assert "· pending: 4 more" in lines
