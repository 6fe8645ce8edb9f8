"""`init`: arguments, environment, a second run, ranks, disabled runs, what is said, bad places."""

from __future__ import annotations

import argparse
import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from client.reading import only, read, script

import holdfast
from holdfast.errors import StorageError, UsageError

QUIET = {"silent": True, "console": "off", "disable_git": True, "disable_stats": True}


def test_arguments_are_in_the_run_record(tmp_path: Path) -> None:
    run = holdfast.init(
        project="digits",
        entity="team",
        name="first",
        id="abc123",
        config={"lr": 0.1},
        notes="some",
        tags=["x", "y"],
        group="g",
        job_type="train",
        settings=QUIET,
    )
    assert run is holdfast.run
    assert (run.id, run.name, run.project, run.entity) == ("abc123", "first", "digits", "team")
    assert run.path == "team/digits/abc123"
    assert (run.group, run.job_type, run.tags, run.notes) == ("g", "train", ("x", "y"), "some")
    assert run.url is None
    assert run.offline
    assert not run.disabled
    assert not run.resumed
    assert Path(run.dir) == only(tmp_path).files
    run.finish()
    assert holdfast.run is None
    written = read(tmp_path)
    info = written.replay.run
    assert info is not None
    assert (info.run_id, info.project, info.entity) == ("abc123", "digits", "team")
    assert (info.name, info.notes, info.tags) == ("first", "some", ("x", "y"))
    assert (info.group, info.job_type, info.resumed) == ("g", "train", False)
    assert written.replay.config == {"lr": 0.1}
    assert written.kinds[:3] == ["header", "run", "telemetry"]


def test_everything_has_a_default(tmp_path: Path) -> None:
    run = holdfast.init(settings=QUIET)
    assert run.project == "uncategorized"
    first, second, number = run.name.split("-")
    assert first.isalpha()
    assert second.isalpha()
    assert number.isdigit()
    assert len(run.id) == 8
    assert (tmp_path / "wandb" / "latest-run").resolve() == only(tmp_path).path
    assert only(tmp_path).path.name.startswith("offline-run-")


def test_dir_and_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("WANDB_NAME", "from-environment")
    run = holdfast.init(settings=QUIET)
    assert run.name == "from-environment"
    assert only(tmp_path / "elsewhere" / "wandb").run_id == run.id


def test_settings_object_and_arguments(tmp_path: Path) -> None:
    settings = holdfast.Settings(project="a", run_group="g", **QUIET)
    run = holdfast.init(project="b", settings=settings)
    assert (run.project, run.group) == ("b", "g")
    assert run.settings.source("project") == "argument project"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "sideways"}, "argument mode is 'sideways'"),
        ({"id": "a/b"}, "run id 'a/b' has a character"),
        ({"project": "a:b"}, "project 'a:b' has a character"),
        ({"projekt": "x"}, r"init\(\) has no argument 'projekt'"),
        ({"sync_tensorboard": True}, "is not there yet"),
        ({"config": 7}, "a config cannot be read from int"),
        ({"settings": {"nonsense": 1}}, "there is no setting 'nonsense'"),
    ],
)
def test_bad_arguments(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        holdfast.init(**{"settings": QUIET, **arguments})
    assert holdfast.run is None
    assert not (tmp_path / "wandb").exists()


def test_harmless_arguments_of_wandb_pass(tmp_path: Path) -> None:
    run = holdfast.init(anonymous="allow", save_code=True, sync_tensorboard=False, settings=QUIET)
    run.log({"a": 1})


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="choose another place with dir="):
        holdfast.init(dir=tmp_path / "file", settings=QUIET)


def test_a_second_init_returns_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    run = holdfast.init(config={"a": 1}, settings={**QUIET, "silent": False})
    again = holdfast.init(config={"b": 2})
    assert again is run
    assert dict(run.config) == {"a": 1, "b": 2}
    assert "it is returned as it is" in capsys.readouterr().err


@pytest.mark.parametrize("reinit", [True, "finish_previous"])
def test_a_second_init_may_finish_the_first(tmp_path: Path, reinit: Any) -> None:
    first = holdfast.init(id="first", settings=QUIET)
    second = holdfast.init(id="second", reinit=reinit, settings=QUIET)
    assert second is not first
    with pytest.raises(UsageError, match="run first is finished"):
        first.log({"a": 1})
    second.log({"a": 1})
    assert holdfast.run is second


def test_the_run_as_module(tmp_path: Path) -> None:
    for call in (
        lambda: holdfast.log({"a": 1}),
        lambda: holdfast.config,
        lambda: holdfast.summary,
        lambda: holdfast.define_metric("a"),
    ):
        with pytest.raises(UsageError, match=r"call holdfast\.init\(\) first"):
            call()
    holdfast.finish()
    holdfast.init(settings=QUIET)
    holdfast.config.lr = 0.5
    holdfast.define_metric("a", summary="max")
    holdfast.log({"a": 2})
    holdfast.log({"a": 1})
    holdfast.summary["note"] = "x"
    holdfast.finish()
    replay = read(tmp_path).replay
    assert replay.config == {"lr": 0.5}
    assert replay.summary["a"] == {"max": 2}
    assert replay.summary["note"] == "x"


def test_what_is_not_there_yet_is_said() -> None:
    with pytest.raises(AttributeError, match="holdfast has no 'Image' yet"):
        _ = holdfast.Image
    assert not hasattr(holdfast, "Table")
    run = holdfast.init(settings=QUIET)
    with pytest.raises(AttributeError, match="no 'log_artifact' yet"):
        run.log_artifact("x")


def test_importing_it_as_wandb(tmp_path: Path) -> None:
    text = (
        "import holdfast as wandb\n"
        "wandb.init(project='p', config={'lr': 0.1}, settings=wandb.Settings(silent=True))\n"
        "for n in range(3):\n    wandb.log({'loss': 1 / (n + 1)})\n"
        "assert wandb.run.step == 3\nwandb.config.update({'done': True})\nwandb.finish()\n"
    )
    done = script(tmp_path, text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert read(tmp_path).replay.config == {"lr": 0.1, "done": True}


def test_changing_name_notes_and_tags(tmp_path: Path) -> None:
    run = holdfast.init(settings=QUIET)
    run.name = "new"
    run.notes = "more"
    run.tags = ["a", "b"]
    run.tags += ("c",)
    run.finish()
    info = read(tmp_path).replay.run
    assert info is not None
    assert (info.name, info.notes, info.tags) == ("new", "more", ("a", "b", "c"))


# runs that write nothing


def use_everything(run: Any) -> None:
    run.log({"a": 1})
    run.log({"a": 3, "deep": {"b": [1]}}, step=4)
    run.define_metric("a", summary="max")
    run.config.update({"lr": 1})
    run.config.x = 2
    run.summary["note"] = "x"
    run.summary.update({"y": 1})
    run.name = "another"
    run.mark_preempting()
    run.log_artifact("x", type="model").wait().anything["at all"]
    run.alert(title="t", text="t")
    with run.something() as thing:
        assert list(thing) == []
    assert run.config["lr"] == 1
    assert run.summary["a"] == 3
    assert run.summary["note"] == "x"
    assert run.step == 4
    assert copy.deepcopy(run) is run
    with pytest.raises(AttributeError):
        _ = run._private


@pytest.mark.parametrize(
    "variables",
    [
        {"WANDB_MODE": "disabled"},
        {"WANDB_DISABLED": "true"},
        {"RANK": "3"},
        {"SLURM_PROCID": "1"},
    ],
)
def test_runs_that_write_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    run = holdfast.init(project="p")
    assert run.disabled
    use_everything(run)
    holdfast.log({"a": 5})
    no_step: Any = "five"
    run.log({"a": 6}, step=no_step)
    run.finish()
    assert not (tmp_path / "wandb").exists()


def test_ranks_say_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RANK", "3")
    holdfast.init()
    assert "rank 3 of a distributed job logs nothing, rank 0 does" in capsys.readouterr().err


@pytest.mark.parametrize(
    "variables",
    [
        {"RANK": "0"},
        {"RANK": "0", "SLURM_PROCID": "5"},
        {"RANK": "many"},
        {"RANK": "2", "HOLDFAST_ALL_RANKS": "true"},
    ],
)
def test_ranks_that_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    holdfast.init(settings=QUIET).log({"a": 1})
    assert read(tmp_path).values("a") == [1]


def test_a_run_may_follow_a_disabled_one(tmp_path: Path) -> None:
    holdfast.init(mode="disabled").log({"a": 1})
    run = holdfast.init(settings=QUIET)
    assert not run.disabled
    run.log({"a": 1})
    assert read(tmp_path).values("a") == [1]


# what is said


def test_friendly_lines(tmp_path: Path) -> None:
    text = (
        "import holdfast\nrun = holdfast.init(project='digits', name='n')\n"
        "for n in range(20):\n    run.log({'loss': 1 / (n + 1), 'text': 'x'})\n"
    )
    done = script(tmp_path, text)
    where = os.path.relpath(only(tmp_path).path, tmp_path)
    lines = done.stderr.splitlines()
    assert done.stdout == ""
    assert all(line.startswith("holdfast: ") for line in lines)
    assert lines[0] == f"holdfast: run n ({only(tmp_path).run_id}) in project digits"
    assert lines[1] == f"holdfast: its journal lies in {where}"
    assert lines[2].startswith("holdfast: run n finished: 20 rows in ")
    assert lines[3].startswith("holdfast:   loss  0.05 ")
    assert "█" in lines[3]
    assert lines[4] == f"holdfast: sync it with: holdfast sync {where}"
    assert len(lines) == 5


@pytest.mark.parametrize("variable", ["WANDB_SILENT", "HOLDFAST_QUIET"])
def test_silence(tmp_path: Path, variable: str) -> None:
    done = script(tmp_path, "import holdfast\nholdfast.init().log({'a': 1})\n", **{variable: "1"})
    assert (done.stdout, done.stderr) == ("", "")
    assert read(tmp_path).values("a") == [1]


def test_a_terminal_of_few_letters_is_no_obstacle(tmp_path: Path) -> None:
    text = "import holdfast\nr = holdfast.init()\nr.log({'a': 1})\nr.log({'a': 2})\n"
    done = script(tmp_path, text, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "finished: 2 rows" in done.stderr


@pytest.mark.parametrize("closing", ["sys.stderr.close()", "sys.stderr = None", "os.close(2)"])
def test_no_terminal_is_no_obstacle(tmp_path: Path, closing: str) -> None:
    text = (
        f"import holdfast, sys, os\n{closing}\nr = holdfast.init()\nr.log({{'a': 1}})\n"
        "r.log({'a': 2}, step=1)\nr.log({'a': 2}, step=0)\n"
    )
    script(tmp_path, text)
    written = read(tmp_path)
    assert written.values("a") == [1, 2]
    assert written.replay.exit_code == 0


# config as given to init


@dataclass
class Options:
    lr: float = 0.5
    layers: tuple[int, ...] = (1, 2)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"a": {"b": [1, (2,)]}}, {"a": {"b": [1, [2]]}}),
        (argparse.Namespace(lr=0.1, path=Path("x")), {"lr": 0.1, "path": "x"}),
        (Options(), {"lr": 0.5, "layers": [1, 2]}),
        ({"options": Options()}, {"options": {"lr": 0.5, "layers": [1, 2]}}),
        ([("a", 1)], {"a": 1}),
        ({1: "one"}, {"1": "one"}),
        (None, {}),
    ],
)
def test_kinds_of_config(tmp_path: Path, given: Any, expected: dict[str, Any]) -> None:
    run = holdfast.init(config=given, settings=QUIET)
    assert run.config.as_dict() == expected
    run.finish()
    assert read(tmp_path).replay.config == expected


def test_choosing_config_keys() -> None:
    config = {"a": 1, "b": 2, "c": 3}
    run = holdfast.init(config=config, config_exclude_keys=["b"], settings=QUIET)
    assert dict(run.config) == {"a": 1, "c": 3}
    run.finish()
    run = holdfast.init(config=config, config_include_keys=["b"], settings=QUIET)
    assert dict(run.config) == {"b": 2}
