"""`holdfast export`, `holdfast import` and receipts that are carried back, as commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from processes import Server, holdfast_command
from sync.bundle.carrying import carried, content
from sync.making import append_rows, make_run, rows, start_run
from sync.memory_server import MemoryServer
from sync.over_http import OverHttp
from wire.fault_server import FaultServer

from holdfast.cli.main import main
from holdfast.rundir import RunDir

Served = tuple[MemoryServer, FaultServer]


pytestmark = pytest.mark.usefixtures("own_config")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    memory = MemoryServer()
    with FaultServer(OverHttp(memory)) as server:
        monkeypatch.setenv("HOLDFAST_BASE_URL", server.url)
        yield memory, server


def command(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


def test_there_and_back(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [make_run(tmp_path / "wandb", f"r{n}", number=n, count=n) for n in range(1, 4)]
    code, out, err = command(capsys, "export", "wandb", "--out", "x.tar.zst")
    assert code == 0
    assert "3 of 3 runs packed" in out
    assert err.count("✓") == 3
    assert served[1].requests == []
    code, out, err = command(capsys, "import", "x.tar.zst", "--receipt", "receipt.json")
    assert code == 0
    assert f"3 runs confirmed, 6 rows, nothing missing, at {served[1].url}" in out
    assert "holdfast sync --receipt receipt.json" in out
    assert sorted(journal.run.run_id for journal in served[0].journals) == ["r1", "r2", "r3"]
    asked = len(served[1].requests)
    longer = make_run(tmp_path / "other", "r3", number=3, count=9)
    runs[2].journal.write_bytes(longer.journal.read_bytes())  # it went on since
    (runs[1].files / "requirements.txt").write_text("another")
    code, out, _ = command(capsys, "sync", "--receipt", "receipt.json", "wandb")
    assert code == 1
    assert "1 of 3 runs confirmed" in out
    assert "✓ ann/digits/r1: confirmed (1 row, 1 file)" in out
    assert [run.receipt.exists() for run in runs] == [True, False, False]
    assert runs[0].synced_marker.exists()
    code, out, _ = command(capsys, "sync", "--dry-run", "wandb")
    assert "2 runs to send, 1 confirmed already" in out
    code, _, err = command(capsys, "sync", "--receipt", "receipt.json", "nowhere")
    assert (code, err.count("\n")) == (8, 1)
    assert err.startswith("holdfast: there is nothing at nowhere; ")
    code, out, _ = command(capsys, "sync", "--receipt", "receipt.json", "--clean", "wandb")
    assert code == 1
    assert "1 of 3 runs confirmed, 1 removed" in out
    assert [run.path.exists() for run in runs] == [False, True, True]
    assert len(served[1].requests) == asked


def test_receipts_are_for_the_runs_that_the_words_choose(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = []
    for run_id, hours in (("old", 72), ("new", 1), ("other", 72)):
        made = make_run(tmp_path / "wandb", run_id)
        began = datetime.now() - timedelta(hours=hours)  # noqa: DTZ005  as folders are named
        name = f"offline-run-{began:%Y%m%d_%H%M%S}-{run_id}"
        runs.append(RunDir(made.path.rename(made.path.with_name(name)) / made.journal.name))
    assert command(capsys, "export", "wandb", "--out", "x.tar.zst")[0] == 0
    assert command(capsys, "import", "x.tar.zst", "--receipt", "r.json")[0] == 0
    refused = ["--dry-run", "--no-mark-synced", "--follow", "--id=x", "--exclude=*", "--skip-media"]
    for word in [*refused, "--job-type=x", "--replace-tags=a=b", "-pother"]:
        code, _, err = command(capsys, "sync", "--receipt", "r.json", "--clean", word, "wandb")
        assert (code, err.startswith("holdfast: --receipt with --")) == (2, True)
    assert not any(run.receipt.exists() for run in runs)
    words = ("sync", "--receipt", "r.json", "--clean", "--clean-old-hours", "48")
    code, out, _ = command(capsys, *words, "--exclude-globs", "run-other*", "wandb")
    assert code == 0
    assert "2 of 2 runs confirmed, 1 removed" in out
    assert [run.path.exists() for run in runs] == [False, True, True]
    assert [run.receipt.exists() for run in runs[1:]] == [True, False]


def test_a_torn_tail_is_no_difference(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = make_run(tmp_path / "wandb", "aa", finished=False)
    with run_dir.journal.open("ab") as file:
        file.write(b"\x01\x02")
    assert command(capsys, "export", "wandb", "--out", "x.tar.zst")[0] == 0
    assert command(capsys, "import", "x.tar.zst", "--receipt", "r.json")[0] == 0
    assert command(capsys, "sync", "--receipt", "r.json", "--clean", "wandb")[0] == 0
    assert not run_dir.path.exists()


def test_a_live_run_is_not_removed(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir, writer = start_run(tmp_path / "wandb", "aa")
    append_rows(writer, rows(3))
    assert command(capsys, "export", "wandb", "--out", "x.tar.zst")[0] == 0
    assert command(capsys, "import", "x.tar.zst", "--receipt", "r.json")[0] == 0
    code, out, _ = command(capsys, "sync", "--receipt", "r.json", "--clean", "wandb")
    assert code == 1
    assert "its writer may be alive" in out
    assert run_dir.path.exists()
    writer.close()


def test_a_defect_comes_with_its_trace(
    served: Served,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_run(tmp_path / "wandb", "aa")
    assert command(capsys, "export", "wandb", "--out", "x.tar.zst")[0] == 0
    assert command(capsys, "import", "x.tar.zst", "--receipt", "r.json")[0] == 0

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("holdfast.sync.one._sync_now", broken)
    monkeypatch.setattr("holdfast.cli.carried.confirm", broken)
    for words in (("import", "x.tar.zst"), ("sync", "--receipt", "r.json", "wandb")):
        code, out, err = command(capsys, *words)
        assert code == 1
        assert "please report it" in out + err
        assert "in broken" in err


def test_into_a_folder_and_in_volumes(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = make_run(tmp_path / "wandb", "aa", files={"big": os.urandom(900_000)})
    words = ("export", "wandb", "--out", "x.tar.zst", "--split", "300KiB", "--json")
    code, out, err = command(capsys, *words)
    said = json.loads(out)
    assert (code, err, said["ok"]) == (0, "", True)
    assert len(said["volumes"]) == 4
    assert [run["files"] for run in said["runs"]] == [1]
    code, out, err = command(capsys, "import", "x.tar.zst", "--into", "there")
    assert (code, "unpacked, every digest is right" in err) == (0, True)
    assert content(tmp_path / "there" / run_dir.path.name) == carried(run_dir)
    code, out, err = command(capsys, "import", "x.tar.zst", "--into", "there")
    assert (code, "there already, the same" in err) == (0, True)
    Path(said["volumes"][1]["path"]).unlink()
    code, out, err = command(capsys, "import", "x.tar.zst", "--into", "other", "--json")
    said = json.loads(out)
    assert (code, said["runs"]) == (6, [])
    assert "volume 2 of the export that x.004.tar.zst belongs to is missing" in said["errors"][0]
    assert served[1].requests == []


def test_what_is_damaged_does_not_reach_the_server(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path / "wandb", "aa", number=1)
    make_run(tmp_path / "wandb", "bb", number=2, files={"big": os.urandom(50_000)})
    assert command(capsys, "export", "wandb", "--out", "x.tar.zst")[0] == 0
    data = bytearray((tmp_path / "x.tar.zst").read_bytes())
    data[-20_000] ^= 1
    (tmp_path / "x.tar.zst").write_bytes(data)
    spool = tmp_path / "spool"
    code, _, err = command(capsys, "import", "x.tar.zst", "--spool", str(spool))
    assert code == 6
    assert "files/big" in err
    assert [journal.run.run_id for journal in served[0].journals] == ["aa"]
    assert not list(spool.iterdir())


def test_wishes(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path / "wandb", "aa")
    assert command(capsys, "export", "wandb", "--out", "x.tar.zst")[0] == 0
    words = ("import", "x.tar.zst", "--project", "p", "--entity", "e", "--json")
    code, out, _ = command(capsys, *words)
    assert (code, json.loads(out)["runs"][0]["run"]) == (0, "e/p/aa")


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        (("export",), 2, "no file to write"),
        (("export", "--out", "x.zip"), 2, "does not end in .tar.zst"),
        (("export", "--out", "x.tar.zst"), 8, "no runs found"),
        (("export", "--out", "x.tar.zst", "none"), 8, "there is nothing at none"),
        (("import", "none.tar.zst"), 2, "there is no file none.tar.zst"),
        (("import", "x", "--into", "a", "--receipt", "b"), 2, "a folder gives no receipt"),
        (("sync", "--receipt", "none.json"), 7, "cannot read none.json"),
    ],
)
def test_what_is_said_of_a_wrong_call(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], exit_code: int, said: str
) -> None:
    code, _, err = command(capsys, *words)
    assert (code, said in err) == (exit_code, True)
    assert len(err.strip().splitlines()) == 1


def test_a_receipt_file_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("what", "{}", "[]", '{"kind":"holdfast-receipts","format":2}'):
        (tmp_path / "r.json").write_text(text)
        code, _, err = command(capsys, "sync", "--receipt", "r.json")
        assert (code, "r.json" in err) == (6, True)


def test_an_export_that_is_killed_goes_on(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "wandb", "aa", files={"big": os.urandom(40_000_000)})
    words = ["export", "wandb", "--out", "x.tar.zst", "--split", "1M"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "holdfast", *words]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while not Path("x.003.tar.zst").exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        process.kill()
    whole = sorted(Path().glob("x.*.tar.zst"))
    assert 3 <= len(whole) < 40
    before = {path: path.stat().st_mtime_ns for path in whole}
    assert main([*words, "--json"]) == 0
    assert {path: path.stat().st_mtime_ns for path in whole} == before
    assert main(["import", "x.tar.zst", "--into", "there"]) == 0
    assert content(tmp_path / "there" / run_dir.path.name) == carried(run_dir)
    assert not list(Path().glob("*.part"))


def test_with_a_real_server(tmp_path: Path) -> None:
    """There and back in processes of their own, as a user would: what arrives is readable."""
    runs = [
        make_run(tmp_path / "wandb", "aa", number=1, count=300, files={"a/b": b"x" * 300_000}),
        make_run(tmp_path / "wandb", "bb", number=2, count=7, finished=False),
    ]
    with Server(tmp_path / "server") as server:
        out, receipt = tmp_path / "x.tar.zst", tmp_path / "r.json"
        done = holdfast_command("export", str(tmp_path / "wandb"), "--out", str(out), server=server)
        assert done.returncode == 0, done.stderr
        for _ in range(2):
            words = ("import", str(out), "--receipt", str(receipt))
            done = holdfast_command(*words, server=server)
            assert done.returncode == 0, done.stderr
        found = server.api().run("local/digits/aa")
        assert [row["loss"] for row in found.scan_history()] == [1 / (1 + i) for i in range(300)]
        assert {file.name for file in found.files()} == {"a/b"}
        server.kill()
        words = ("sync", "--receipt", str(receipt), "--clean", str(tmp_path / "wandb"))
        done = holdfast_command(*words, server=server)
        assert done.returncode == 0, done.stdout + done.stderr
        server.start()
    assert not any(run_dir.path.exists() for run_dir in runs)
