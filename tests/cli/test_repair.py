"""`holdfast repair` as a command: what it says, exit codes, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sync.making import append_rows, make_run, rows, start_run

from holdfast.cli.main import main
from holdfast.rundir import RunDir


def repair(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["repair", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def damaged(folder: Path, run_id: str) -> RunDir:
    run_dir = make_run(folder, run_id, count=40)
    data = bytearray(run_dir.journal.read_bytes())
    data[2000] ^= 0xFF
    run_dir.journal.write_bytes(data + b"torn")
    return run_dir


def test_what_was_done_and_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = damaged(tmp_path, "aaaa")
    code, out, err = repair(capsys, "--dry-run", str(tmp_path))
    assert (code, out.strip()) == (0, "1 of 1 run would be repaired")
    assert [path.name for path in run_dir.path.glob("*.damaged")] == []
    code, out, err = repair(capsys, str(tmp_path))
    assert (code, out.strip()) == (0, "1 of 1 run repaired")
    first, lost, torn, files, original = err.splitlines()
    assert first == f"✓ {run_dir.path}: repaired, 39 rows kept"
    assert "lost: bytes 1," in lost
    assert "rows between steps " in lost
    assert torn.strip() == "cut off: 4 bytes after the last whole frame"
    assert "names of 1 files" in files
    assert original.strip() == "the damaged journal, unchanged: run-aaaa.wandb.damaged"
    code, out, err = repair(capsys, str(run_dir.path))
    assert (code, out.strip()) == (0, "nothing to do: 1 run whole")
    assert err == f"✓ {run_dir.path}: nothing to do\n"


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged(tmp_path, "aaaa")
    code, out, err = repair(capsys, "--json", str(tmp_path))
    said = json.loads(out)
    assert (code, err, said["ok"]) == (0, "", True)
    [run] = said["runs"]
    assert (run["changed"], run["rows"], run["torn"]) == (True, 39, 4)
    [lost] = run["lost"]
    assert lost["before"] - lost["after"] == 2


def test_refusals_have_their_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert repair(capsys, str(tmp_path))[0] == 8
    assert repair(capsys, str(tmp_path / "none"))[0] == 8
    run_dir, writer = start_run(tmp_path, "aaaa")
    append_rows(writer, rows(3))
    code, out, err = repair(capsys, str(run_dir.path))
    assert (code, out.strip()) == (1, "1 run could not be repaired")
    assert "is alive" in err
    code, out, _ = repair(capsys, "--json", str(run_dir.path))
    [run] = json.loads(out)["runs"]
    assert (code, run["error"]["kind"], run["error"]["exit_code"]) == (1, "UnconfirmedError", 1)
    writer.close()
