"""Resuming: earlier folders of a run continue, and a restart from a checkpoint is a new stretch."""

from __future__ import annotations

import json
from pathlib import Path
from time import time_ns
from typing import Any

import pytest
from client.reading import Written, read, script

import holdfast
from holdfast.client import recorder
from holdfast.errors import UsageError
from holdfast.rundir import runs_with_id

QUIET = {"silent": True, "console": "off", "disable_git": True, "disable_stats": True}


def begin(**arguments: Any) -> holdfast.Run:
    return holdfast.init(settings=QUIET, **arguments)


def stretches(tmp_path: Path, run_id: str) -> list[Written]:
    return [read(run_dir) for run_dir in runs_with_id(tmp_path / "wandb", run_id)]


def first(**arguments: Any) -> None:
    run = begin(id="again", config={"lr": 0.1, "a": 1}, name="n", tags=["t"], **arguments)
    run.define_metric("best", summary="max")
    for number in range(10):
        run.log({"loss": number, "best": number % 7})
    run.finish()


@pytest.mark.parametrize("resume", ["allow", "must", "auto", True])
def test_a_run_goes_on(tmp_path: Path, resume: Any) -> None:
    first()
    run = begin(id="again", resume=resume, config={"a": 2, "b": 3})
    assert run.resumed
    assert (run.step, run.starting_step, run.name, run.tags) == (10, 10, "n", ("t",))
    assert run.config.as_dict() == {"lr": 0.1, "a": 2, "b": 3}
    assert run.summary["loss"] == 9
    run.log({"loss": 10, "best": 2})
    run.finish()
    assert run.summary.as_dict()["best"] == {"max": 6}
    one, two = stretches(tmp_path, "again")
    assert [row["_step"] for row in one.rows + two.rows] == list(range(11))
    assert two.replay.run is not None
    assert two.replay.run.resumed
    assert two.replay.run.starting_step == 10
    assert two.replay.config == {"lr": 0.1, "a": 2, "b": 3}
    assert one.replay.summary["loss"] == 9
    assert two.replay.summary["loss"] == 10


def test_a_third_stretch(tmp_path: Path) -> None:
    first()
    for _ in range(2):
        run = begin(id="again", resume="allow")
        run.log({"loss": 1})
        run.finish()
    steps = [row["_step"] for part in stretches(tmp_path, "again") for row in part.rows]
    assert steps == list(range(12))


def test_a_restart_from_a_checkpoint_begins_a_new_stretch(tmp_path: Path) -> None:
    first()
    run = begin(id="again", resume="allow")
    for step in (5, 6, 7, 3, 8):
        run.log({"loss": -step}, step=step)
    run.finish()
    two = stretches(tmp_path, "again")[1]
    assert [row["_step"] for row in two.rows] == [5, 6, 7, 8]  # back once, not twice
    assert two.values("loss") == [-5, -6, -7, -8]


def test_a_killed_run_goes_on_after_its_open_row(tmp_path: Path) -> None:
    text = (
        "import holdfast, os\nrun = holdfast.init(id='again', config={'lr': 1})\n"
        "for n in range(5):\n    run.log({'loss': n}, step=n * 10)\n"
        "os.kill(os.getpid(), 9) if os.name != 'nt' else os._exit(9)\n"
    )
    script(tmp_path, text)
    run = begin(id="again", resume="allow")
    assert run.step == 41
    assert run.config.lr == 1
    assert run.summary["loss"] == 4


def test_auto_finds_the_last_run_that_did_not_finish(tmp_path: Path) -> None:
    assert not begin(resume="auto").resumed
    holdfast.finish(exit_code=1)
    failed = json.loads((tmp_path / "wandb" / "latest.spec").read_text())["run_id"]
    run = begin(resume="auto")
    assert (run.id, run.resumed) == (failed, True)
    run.finish()
    assert begin(resume=True).id != failed


def test_auto_takes_wandbs_note(tmp_path: Path) -> None:
    first()
    (tmp_path / "wandb" / "latest.spec").unlink()
    (tmp_path / "wandb" / "wandb-resume.json").write_text('{"run_id": "again"}')
    assert begin(resume="auto").id == "again"


def test_allow_without_an_earlier_run_is_a_new_one() -> None:
    run = begin(id="fresh", resume="allow")
    assert (run.id, run.resumed, run.step) == ("fresh", False, 0)


@pytest.mark.parametrize(
    ("run_id", "resume", "message"),
    [
        ("other", "must", "there is no run 'other' in"),
        (None, "must", "without a run id"),
        ("again", "never", "run 'again' lies in"),
    ],
)
def test_refusals(run_id: str | None, resume: str, message: str) -> None:
    first()
    with pytest.raises(UsageError, match=message):
        begin(id=run_id, resume=resume)


def test_without_resume_the_id_begins_anew(tmp_path: Path) -> None:
    first()
    run = begin(id="again")
    assert (run.resumed, run.step) == (False, 0)
    assert len(runs_with_id(tmp_path / "wandb", "again")) == 2


def test_a_journal_that_cannot_be_read_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first()
    runs_with_id(tmp_path / "wandb", "again")[0].journal.write_bytes(b"not a journal at all")
    run = holdfast.init(id="again", resume="allow", settings={**QUIET, "silent": False})
    assert run.step == 0
    assert "it holds nothing that can be read" in capsys.readouterr().err


def test_the_runtime_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    run = begin(id="again")
    run.log({"_runtime": 1, "a": 1})
    with monkeypatch.context() as later:
        later.setattr(recorder, "time_ns", lambda: time_ns() + 100_000_000_000)
        run.log({"a": 1})
    run.finish()
    run = begin(id="again", resume="allow")
    run.log({"a": 2})
    assert run.summary["_runtime"] >= 100
