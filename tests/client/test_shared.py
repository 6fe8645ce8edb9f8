"""Mode shared: every rank of a job writes a journal of its own of one run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from client.reading import Written, environment, read, script

import holdfast
from holdfast.client import ranks
from holdfast.errors import UsageError
from holdfast.rundir import RunDir, discover, runs_with_id

QUIET = {"silent": True, "console": "off", "disable_git": True, "disable_stats": True}

TRAIN = (
    "import holdfast, os, sys\n"
    "run = holdfast.init(mode='shared', resume='allow',\n"
    "    settings={'disable_git': True, 'disable_stats': True, 'console': 'off'})\n"
    "begun = run.step\n"
    "for step in range(begun, begun + 5): run.log({'rank': os.environ['RANK'], 'loss': step})\n"
    "print(run.id, run.name, begun)\n"
)


def begin(**arguments: Any) -> holdfast.Run:
    given = {**QUIET, **arguments.pop("settings", {})}
    return holdfast.init(mode="shared", settings=given, **arguments)


def together(folder: Path, ranks: range, **variables: str) -> list[list[str]]:
    """Start the script once a rank, all at once; what each said on its standard output."""
    (folder / "train.py").write_text(TRAIN)
    started = [
        subprocess.Popen(
            [sys.executable, "train.py"],
            cwd=folder,
            env=environment(RANK=str(rank), **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ranks
    ]
    said = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0] * len(started), said
    assert [bool(err) for _, err in said] == [rank == 0 for rank in ranks], said
    return [out.split() for out, _ in said]


def by_label(folder: Path) -> dict[str, list[Written]]:
    found: dict[str, list[Written]] = {}
    for run_dir in discover(folder):
        written = read(run_dir)
        assert written.replay.run is not None
        assert written.replay.run.label == run_dir.label
        found.setdefault(run_dir.label, []).append(written)
    return found


def test_ranks_write_one_run_and_a_requeued_one_goes_on(tmp_path: Path) -> None:
    job = {"SLURM_JOB_ID": "17", "SLURM_CLUSTER_NAME": "juno", "SLURM_PROCID": "0"}
    said = together(tmp_path, range(4), **job)
    [(run_id, name, begun)] = {tuple(one) for one in said}
    assert (run_id, begun) == ("slurm-juno-17", "0")
    told = by_label(tmp_path)
    assert sorted(told) == [f"rank_{rank}" for rank in range(4)]
    for rank in range(4):
        [written] = told[f"rank_{rank}"]
        assert [(row["rank"], row["_step"]) for row in written.rows] == [
            (str(rank), step) for step in range(5)
        ]
        assert written.replay.run is not None
        assert (written.replay.run.run_id, written.replay.run.name) == (run_id, name)
    assert together(tmp_path, range(1, 3), **job) == [[run_id, name, "5"]] * 2
    told = by_label(tmp_path)
    assert {label: len(some) for label, some in told.items()} == {
        "rank_0": 1,
        "rank_1": 2,
        "rank_2": 2,
        "rank_3": 1,
    }
    steps = sorted(row["_step"] for written in told["rank_2"] for row in written.rows)
    assert steps == list(range(10))


def test_system_metrics_are_named_as_wandb_names_them(tmp_path: Path) -> None:
    run = begin(id="r", settings={"label": "a", "disable_stats": False, "stats_interval": 0.05})
    deadline = monotonic() + 30
    while "stats" not in read(tmp_path).kinds:
        assert monotonic() < deadline
    run.finish()
    named = read(tmp_path).applied.stats[0].values
    assert "cpu/l:a" in named
    assert all(key.endswith("/l:a") for key in named)


def test_further_runs_of_one_job_are_numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "_runs", 0)
    monkeypatch.setenv("LSB_JOBID", "5")
    monkeypatch.setenv("LSB_JOBINDEX", "2")
    ids = []
    for _ in range(2):
        run = begin()
        ids.append(run.id)
        run.finish()
    assert ids == ["lsf-5-2", "lsf-5-2-2"]


def test_an_id_is_needed_outside_of_a_job() -> None:
    with pytest.raises(UsageError, match="mode='shared' without a run id"):
        begin()


def test_a_label_is_given_or_is_the_rank_or_is_new(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    labels = []
    for given, variables in (
        ({"x_label": "node a"}, {"RANK": "1"}),
        ({}, {"HOLDFAST_LABEL": "b", "RANK": "1"}),
        ({}, {"WANDB_X_LABEL": "c"}),
        ({}, {"SLURM_PROCID": "0", "OMPI_COMM_WORLD_RANK": "3"}),
        ({"host": "n1"}, {}),
        ({"host": "n1"}, {}),
    ):
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            run = begin(id="r", settings=given)
            labels.append(run.settings.label)
            run.finish()
    assert labels[:4] == ["node a", "b", "c", "rank_3"]
    assert labels[4][:3] == labels[5][:3] == "n1-"
    assert len({run_dir.label for run_dir in runs_with_id(tmp_path / "wandb", "r")}) == 6


@pytest.mark.parametrize("label", ["a/b", "50%", "x" * 200, "a\nb"])
def test_labels_that_are_none(label: str) -> None:
    with pytest.raises(UsageError, match="label"):
        begin(id="r", settings={"label": label})


def test_a_label_says_nothing_in_other_modes(tmp_path: Path) -> None:
    run = holdfast.init(id="r", settings={**QUIET, "label": "rank_1"})
    run.finish()
    [run_dir] = runs_with_id(tmp_path / "wandb", "r")
    written = read(run_dir)
    assert written.replay.run is not None
    assert (run_dir.label, written.replay.run.label) == ("", "")


def test_only_own_folders_are_gone_on_from(tmp_path: Path) -> None:
    for label, rows in (("a", 3), ("a-1", 5)):
        run = begin(id="r", settings={"label": label})
        for number in range(rows):
            run.log({"loss": number})
        run.finish()
    run = begin(id="r", resume="must", settings={"label": "a"})
    assert run.step == 3
    run.finish()
    with pytest.raises(UsageError, match="no run 'r'"):
        begin(id="r", resume="must", settings={"label": "b"})
    assert len(runs_with_id(tmp_path / "wandb", "r")) == 3


def test_a_run_of_several_writers_is_not_taken_up_by_one_alone(tmp_path: Path) -> None:
    run = begin(id="r", settings={"label": "a"})
    run.finish(exit_code=1)
    spec = json.loads((tmp_path / "wandb" / "latest.spec").read_text())
    assert (spec["run_id"], spec["label"], spec["state"]) == ("r", "a", "failed")
    alone = holdfast.init(resume="auto", settings=QUIET)
    assert alone.id != "r"
    alone.finish()


def test_a_silent_rank_is_told_of_the_mode(tmp_path: Path) -> None:
    done = script(tmp_path, "import holdfast\nholdfast.init()\n", RANK="1")
    assert "HOLDFAST_MODE=shared" in done.stderr
    assert not list(discover(tmp_path))


def test_folders_of_one_label_in_one_second(tmp_path: Path) -> None:
    for _ in range(3):
        begin(id="r", settings={"label": "a-1"}).finish()
    runs: list[RunDir] = runs_with_id(tmp_path / "wandb", "r", "a-1")
    assert len(runs) == 3
    assert {(run.run_id, run.label) for run in runs} == {("r", "a-1")}


def test_two_processes_that_are_one_writer_are_told(tmp_path: Path) -> None:
    inner = "import holdfast; holdfast.init(id='r', mode='shared', settings={'quiet': True})"
    text = (
        "import holdfast, os, subprocess, sys\n"
        "holdfast.init(id='r', mode='shared', settings={'quiet': True})\n"
        "for rank in '01':\n"
        "    os.environ['RANK'] = rank\n"
        f"    subprocess.run([sys.executable, '-c', {inner!r}])\n"
    )
    done = script(tmp_path, text, RANK="0")
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "another process" in line]
    assert len(said) == 1
    assert "writes run r as rank_0 at this moment" in said[0]
