"""The words that `wandb sync` had: what they choose, and what is said of those that do nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from sync.making import make_run
from sync.memory_server import MemoryServer, refused
from sync.over_http import OverHttp
from sync.staging import artifact_record
from wire.fault_server import FaultServer

from holdfast.cli.main import main
from holdfast.errors import NotFoundError, UsageError
from holdfast.rundir import RunDir
from holdfast.wire import Edit

pytestmark = pytest.mark.usefixtures("own_config")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryServer]:
    memory = MemoryServer()
    with FaultServer(OverHttp(memory)) as server:
        monkeypatch.setenv("HOLDFAST_BASE_URL", server.url)
        yield memory


@pytest.fixture
def runs(tmp_path: Path) -> list[RunDir]:
    """Two begun offline, one online."""
    made = [make_run(tmp_path / "wandb", f"{n}a", number=n) for n in (1, 2, 3)]
    online = made[2].path.with_name(made[2].path.name.removeprefix("offline-"))
    made[2].path.rename(online)
    return [*made[:2], RunDir(online / made[2].journal.name)]


def planned(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["sync", "--dry-run", "--json", *words]) == 0
    pending: list[str] = json.loads(capsys.readouterr().out)["pending"]
    return [path[-2:] for path in pending]


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ("--sync-all", "1a 2a 3a"),
        ("--no-include-online", "1a 2a"),
        ("--skip-online", "1a 2a"),
        ("--no-include-offline", "3a"),
        ("--no-include-offline --include-offline --no-skip-online", "1a 2a 3a"),
        ("--include-globs run-1*,run-3*", "1a 3a"),
        ("--exclude-globs run-1a.wandb", "2a 3a"),
        ("--ignore run-1a.wandb", "2a 3a"),
        ("--include-globs * --exclude-globs *2*", "1a 3a"),
        ("--append -y --yes -n 2 -v --legacy --clean-force", "1a 2a 3a"),
    ],
)
def test_which_runs(
    capsys: pytest.CaptureFixture[str], runs: list[RunDir], words: str, chosen: str
) -> None:
    assert planned(capsys, *words.split()) == chosen.split()


def test_show(capsys: pytest.CaptureFixture[str], runs: list[RunDir]) -> None:
    assert main(["sync", "--dry-run", "--show", "2"]) == 0
    out = capsys.readouterr().out
    assert out.count("would send") == 2
    assert "3 runs to send" in out


def test_short_words_and_marks(
    served: MemoryServer, capsys: pytest.CaptureFixture[str], runs: list[RunDir]
) -> None:
    words = ["sync", "-p", "p", "-e", "e", "-n", "1", "-v", "--no-mark-synced"]
    assert main([*words, str(runs[0].path)]) == 0
    assert "1 exit" in capsys.readouterr().err
    assert [str(journal.run) for journal in served.journals] == ["e/p/1a"]
    assert not runs[0].synced_marker.exists()
    assert not runs[0].receipt.exists()
    assert main(["sync", "--mark-synced", "--sync-all"]) == 0
    assert all(run_dir.synced_marker.exists() for run_dir in runs)
    capsys.readouterr()
    assert planned(capsys) == []
    assert planned(capsys, "--include-synced") == ["1a", "2a", "3a"]
    assert planned(capsys, "--no-skip-synced", "--skip-synced") == []


def test_clean_by_age(
    served: MemoryServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    old = make_run(tmp_path / "wandb", "aa")
    now = datetime.now(timezone.utc).astimezone()
    new = make_run(tmp_path / "wandb", "bb")
    fresh = new.path.with_name(f"offline-run-{now:%Y%m%d_%H%M%S}-bb")
    new.path.rename(fresh)
    past = old.path.with_name("offline-run-20200101_000000-aa")
    old.path.rename(past)
    assert main(["sync", "--clean"]) == 0
    said = capsys.readouterr()
    assert "2 runs not sent: --clean alone only removes" in said.out
    assert not served.journals
    assert main(["sync"]) == 0
    assert main(["sync", "--clean"]) == 0  # by itself of those that are a day old
    assert (past.exists(), fresh.exists()) == (False, True)
    assert main(["sync", "--clean", "--clean-old-hours", "1"]) == 0
    assert main(["sync", "--sync-all", "--clean"]) == 0
    assert fresh.exists()
    assert main(["sync", "--clean", "--clean-old-hours", "1", "."]) == 0
    assert fresh.exists()
    assert main(["sync", "--clean", "."]) == 0
    assert not fresh.exists()


def test_clean_with_a_path_or_all_sends_first(
    served: MemoryServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    named = make_run(tmp_path / "one" / "wandb", "aa")
    assert main(["sync", "--clean", "one"]) == 0
    assert (len(served.journals), named.path.exists()) == (1, False)
    other = make_run(tmp_path / "two" / "wandb", "bb")
    assert main(["sync", "--sync-all", "--clean", "--clean-old-hours", "0"]) == 0
    assert (len(served.journals), other.path.exists()) == (2, False)


def test_clean_alone_removes_nothing_that_the_server_has_lost(
    served: MemoryServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    runs = [make_run(tmp_path / "wandb", name, number=n) for n, name in enumerate(("aa", "bb"))]
    assert main(["sync"]) == 0
    lost = next(journal for journal in served.journals if journal.run.run_id == "aa")
    del served.journals[lost], served.claimed_at[lost]
    assert main(["sync", "--clean", "--clean-old-hours", "0"]) == 0
    assert [run.path.exists() for run in runs] == [True, False]
    assert lost not in served.journals


@pytest.mark.parametrize(
    ("words", "sent", "state"),
    [
        ([], {"r", "a", "b"}, "confirmed"),
        (["--skip-artifacts"], {"r"}, "partial"),
        (["--aliased-artifacts"], {"r", "b"}, "partial"),
        (["--include", "*/b"], {"b"}, "partial"),
        (["--exclude", "artifacts/*/a", "--skip-media"], {"r", "b"}, "partial"),
    ],
)
def test_which_artifacts(
    served: MemoryServer,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    words: list[str],
    sent: set[str],
    state: str,
) -> None:
    records = [artifact_record(tmp_path / "staging", {name: b"x"}) for name in ("a", "b")]
    run_dir = make_run(tmp_path / "wandb", "aa", records=records)
    os.rename(run_dir.files / "requirements.txt", run_dir.files / "r")
    assert main(["sync", "--json", *words]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert run["state"] == state
    (named,) = served.files.values()
    assert {path.split("/")[-1] for path in named} == sent
    assert main(["sync", "--clean", *words, "."]) == 0
    assert run_dir.path.exists() == (state == "partial")


@pytest.mark.parametrize(
    ("words", "sent", "left_out"),
    [
        (["--skip-media"], {"a.txt", "deep/b.ckpt"}, 1),
        (["--exclude", "*.ckpt", "--exclude", "a.*"], {"media/x.png"}, 2),
        (["--include", "*.txt", "--include", "media/*"], {"a.txt", "media/x.png"}, 1),
        (["--include", "*", "--exclude", "none"], {"a.txt", "deep/b.ckpt", "media/x.png"}, 0),
    ],
)
def test_which_files(
    served: MemoryServer,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    words: list[str],
    sent: set[str],
    left_out: int,
) -> None:
    files = {"a.txt": b"a", "deep/b.ckpt": b"b", "media/x.png": b"x"}
    run_dir = make_run(tmp_path / "wandb", "aa", files=files)
    assert main(["sync", "--json", *words]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    (named,) = served.files.values()
    assert set(named) == sent
    assert run["state"] == ("partial" if left_out else "confirmed")
    assert run_dir.receipt.exists() == (not left_out)
    assert main(["sync", "--clean", *words, "."]) == 0
    said = capsys.readouterr()
    if left_out:
        assert f"{left_out} files left out, as was asked" in said.err
        assert "1 of 1 runs sent" in said.out
        assert run_dir.path.exists()
        assert main(["sync"]) == 0
        assert run_dir.receipt.exists()


def test_what_does_nothing_says_so_in_one_line(
    served: MemoryServer, capsys: pytest.CaptureFixture[str], runs: list[RunDir]
) -> None:
    assert main(["sync", "--dry-run", "--view"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert "does nothing" in line
    assert main(["sync", "--dry-run", "--no-sync-tensorboard"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "edit"),
    [
        (["--job-type", "x"], Edit("x")),
        (["--job_type", "x"], Edit("x")),
        (["--replace-tags", "a=b, c = d"], Edit("", (("a", "b"), ("c", "d")))),
        ([], None),
    ],
)
def test_what_runs_shall_say_is_asked_once_for_each(
    served: MemoryServer, runs: list[RunDir], words: list[str], edit: Edit | None
) -> None:
    assert main(["sync", *words]) == 0
    assert list(served.edits.values()) == ([edit] * 3 if edit else [])
    assert served.calls["edit"] == (3 if edit else 0)
    assert all(run.receipt.exists() for run in runs)


def test_a_run_whose_edit_failed_stays_pending(served: MemoryServer, runs: list[RunDir]) -> None:
    def fail(method: str, when: str) -> None:
        if method == "edit":
            raise refused("forbidden", 403)

    served.fail = fail
    assert main(["sync", "--job-type", "x"]) != 0
    assert not any(run.receipt.exists() for run in runs)
    served.fail = lambda method, when: None
    assert main(["sync", "--job-type", "x"]) == 0
    assert len(served.edits) == 3
    assert all(run.receipt.exists() for run in runs)


@pytest.mark.parametrize("text", ["a", "a=", "=b", "a=b,c"])
def test_renames_that_are_none(
    served: MemoryServer, capsys: pytest.CaptureFixture[str], runs: list[RunDir], text: str
) -> None:
    assert main(["sync", "--replace-tags", text]) == 2
    assert "OLD=NEW" in capsys.readouterr().err
    assert not served.journals


def test_what_must_stay_here_is_not_sent(
    served: MemoryServer, capsys: pytest.CaptureFixture[str], runs: list[RunDir]
) -> None:
    assert main(["sync", "--skip-console"]) == 2
    assert "the journal is sent whole" in capsys.readouterr().err
    assert not served.journals


_EVENTS = Path(__file__).parents[1] / "data" / "tensorboard" / "keras"


def test_event_files_are_read_with_the_option_only(
    served: MemoryServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(_EVENTS, tmp_path / "logs")
    assert main(["sync", "logs"]) == 0
    said = capsys.readouterr()
    assert "logs: 2 event files of TensorBoard: --sync-tensorboard sends them" in said.err
    assert main(["sync", "--sync-tensorboard", "--dry-run", "logs"]) == 0
    assert capsys.readouterr().out == "would make a run of 2 event files at logs\n"
    assert main(["sync", "--sync-tensorboard", "--dry-run", "--json", "logs"]) == 0
    assert json.loads(capsys.readouterr().out)["event_files"] == {"logs": 2}
    assert not (tmp_path / "logs" / "wandb").exists()
    assert not served.journals
    assert main(["sync", "--sync-tensorboard", "--json", "-p", "p", "logs"]) == 0
    said = capsys.readouterr()
    [run] = json.loads(said.out)["runs"]
    assert run["state"] == "confirmed"
    assert "not taken, being no scalars: 6 histograms" in said.err
    assert main(["sync", "--sync-tensorboard", "-p", "p", "logs"]) == 0
    assert "1 confirmed already" in capsys.readouterr().out
    assert len(served.journals) == 1


def test_run_folders_of_event_files_lie_where_the_setting_says(
    served: MemoryServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(_EVENTS, tmp_path / "logs")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "elsewhere"))
    words = ["sync", "--sync-tensorboard", "logs/train", "logs/validation", "nothing"]
    assert main([*words, "--id", "one"]) == UsageError.exit_code
    assert main(words) == NotFoundError.exit_code
    assert "there is nothing at nothing" in capsys.readouterr().err
    assert len(served.journals) == 2
    assert len(list((tmp_path / "elsewhere" / "wandb").glob("offline-run-*"))) == 2
    assert not (tmp_path / "logs" / "wandb").exists()
