"""`holdfast verify` as a command: one line a run, exit codes, JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sync.making import make_run
from sync.memory_server import MemoryServer
from sync.over_http import OverHttp
from wire.fault_server import FaultServer

from holdfast.cli.main import main

pytestmark = pytest.mark.usefixtures("own_config")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with FaultServer(OverHttp(MemoryServer())) as server:
        monkeypatch.setenv("HOLDFAST_BASE_URL", server.url)
        yield server


def verify(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["verify", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_all_below_the_current_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        make_run(tmp_path / "wandb", f"r{number}", number=number)
    code, out, err = verify(capsys)
    assert (code, out.strip()) == (0, "2 of 2 runs whole on this disk")
    assert err.count("whole (10 rows, 1 file, ") == 2


def test_damage_has_its_exit_code_and_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path / "wandb", "good")
    bad = make_run(tmp_path / "wandb", "bad", number=1)
    data = bytearray(bad.journal.read_bytes())
    data[400] ^= 1
    bad.journal.write_bytes(data)
    code, out, err = verify(capsys)
    assert (code, out.strip()) == (6, "1 of 2 runs whole on this disk")
    [line] = [line for line in err.splitlines() if line.startswith("✗")]
    assert "cannot be read, in 1 gaps: bytes " in line
    code, out, err = verify(capsys, "--json")
    said = json.loads(out)
    assert (code, said["ok"], said["exit_code"], err) == (6, False, 6, "")
    assert [run["ok"] for run in said["runs"]] == [True, False]


def test_compared_with_the_server(
    served: FaultServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path / "wandb", "aaaa")
    code, out, err = verify(capsys, "--server")
    assert (code, "holds nothing of the journal" in err) == (1, True)
    assert main(["sync"]) == 0
    capsys.readouterr()
    sent = len(served.requests)
    code, out, err = verify(capsys, "--server")
    assert (code, out.strip()) == (0, f"1 of 1 run proven at {served.url}")
    asked = [(one.method, one.target.rpartition("/")[2]) for one in served.requests[sent:]]
    assert [what for what in asked if what[0] == "POST"] == [("POST", "receipt")]
    assert json.loads(verify(capsys, "--server", "--json")[1])["server"] == served.url


def test_no_answer_no_key_nothing_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verify(capsys)[0] == 8
    assert verify(capsys, str(tmp_path / "none"))[0] == 8
    make_run(tmp_path / "wandb", "aaaa")
    monkeypatch.delenv("HOLDFAST_API_KEY")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert verify(capsys, "--server", "--base-url", "http://lab.invalid")[0] == 3
