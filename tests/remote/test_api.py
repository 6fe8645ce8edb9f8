"""Reading back from the real server: exactly what was logged."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import Server, holdfast_command
from sync.making import append_rows, make_run, rows, start_run

from holdfast.errors import NotFoundError
from holdfast.records import encode
from holdfast.remote import Api

ODD: list[dict[str, Any]] = [
    {"_step": 0, "x": math.inf, "y": -math.inf, "i": 2**53 + 1},
    {"_step": 1, "x": 1, "i": 2**80, "flag": True, "none": None},
    {"_step": 2, "x": 1.0, "text": "ünï\ncode \U0001f600", "list": [1, [2.5, None], "a"]},
    {"_step": 5, "deep": {"a": {"b": 1, "c": math.inf}, "d.e": 2}, "a,b": 1, "c\\": 2, "": 3},
    {"_step": 6, "x": 5e-324, "y": -0.0, "i": -(2**63), "empty": "", "nothing": {}},
    {"_step": 7, "only": 1},
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("read")
    wandb = folder / "wandb"
    for number in range(12):
        make_run(wandb, f"run{number:02}", number=number, count=number, name=f"name {number}")
    run_dir, writer = start_run(
        wandb, "odd", number=20, project="odd", tags=("a", "b"), notes="n", group="g", job_type="j"
    )
    writer.append(encode.config({"lr": 0.1, "nan": math.nan, "model": {"depth": 3, "act": "relu"}}))
    writer.append(encode.environment({"host": "node1", "program": "train.py"}))
    append_rows(writer, ODD)
    for n in range(30):
        writer.append(encode.output("stdout", f"line {n}\n", 1.79e9 + n))
    writer.append(encode.exit_record(3, 1))
    writer.close()
    (run_dir.files / "media").mkdir()
    (run_dir.files / "media" / "ü b.bin").write_bytes(bytes(range(256)) * 4000)
    (run_dir.files / "output.log").write_bytes(b"")
    _, live = start_run(wandb, "live", number=21, project="odd")
    append_rows(live, rows(3))
    with Server(folder / "server") as server:
        done = holdfast_command("sync", str(folder), server=server)
        assert done.returncode == 0, done.stderr
        yield server.api()
    live.close()


def test_projects_and_runs(api: Api) -> None:
    assert {one.name: one.run_count for one in api.projects()} == {"digits": 12, "odd": 2}
    assert {one.entity for one in api.projects()} == {api.default_entity}
    runs = api.runs("digits", order="-created_at", per_page=5)
    assert len(runs) == 12
    assert {run.id for run in runs} == {f"run{n:02}" for n in range(12)}
    assert len({run.id for run in runs}) == len(list(runs))
    best = api.runs("digits", filters={"summary_metrics.acc": {"$gt": 1}}, order="+name")
    assert [run.name for run in best] == ["name 10", "name 11", "name 9"]
    by_loss = [run.summary["loss"] for run in api.runs("digits", order="summary_metrics.loss")[:3]]
    assert by_loss == sorted(by_loss)


def test_a_run(api: Api) -> None:
    run = api.run("odd/odd")
    assert run.path == [api.default_entity, "odd", "odd"]
    assert (run.state, run.proof, run.exit_code) == ("failed", "confirmed", 3)
    assert (run.tags, run.notes, run.group, run.job_type) == (["a", "b"], "n", "g", "j")
    assert run.created_at == "2026-09-21T14:13:20Z"
    assert run.lastHistoryStep == 7
    assert math.isnan(run.config["nan"])
    assert {key: run.config[key] for key in ("lr", "model")} == {
        "lr": 0.1,
        "model": {"depth": 3, "act": "relu"},
    }
    assert run.metadata["host"] == "node1"
    assert run.summary["only"] == 1
    assert run.summary["deep"]["a"] == {"b": 1, "c": math.inf}
    assert run.url.endswith(f"/{api.default_entity}/odd/runs/odd")
    assert api.run("odd/live").state == "running"
    with pytest.raises(NotFoundError):
        api.run("odd/none")
    with pytest.raises(NotFoundError):
        len(api.runs("none"))


def test_every_row_exactly(api: Api) -> None:
    found = list(api.run("odd/odd").scan_history())
    assert found == ODD
    for row, truth in zip(found, ODD, strict=True):
        assert {k: type(v) for k, v in row.items()} == {k: type(v) for k, v in truth.items()}
    assert math.copysign(1, found[4]["y"]) == -1
    assert list(api.run("digits/run09").scan_history()) == rows(9)
    assert list(api.run("digits/run00").scan_history()) == []


def test_some_keys_and_steps(api: Api) -> None:
    run = api.run("odd/odd")
    assert [row["_step"] for row in run.scan_history(keys=["x", "i"])] == [0, 1, 6]
    assert list(run.scan_history(keys=["only"])) == [{"_step": 7, "only": 1}]
    assert list(run.scan_history(keys=["a,b", "c\\"])) == [{"_step": 5, "a,b": 1, "c\\": 2}]
    assert [row["_step"] for row in run.scan_history(min_step=2, max_step=6)] == [2, 5]
    assert [row["_step"] for row in run.scan_history(min_step=6)] == [6, 7]
    assert list(run.scan_history(keys=["missing"])) == []


def test_a_thinned_history(api: Api) -> None:
    thinned = api.run("digits/run11").history(samples=4, keys=["loss"], pandas=False)
    assert len(thinned) == 4
    assert thinned[0] == {"_step": 0, "loss": 1.0}
    assert thinned[-1]["_step"] == 10


def test_files(api: Api, tmp_path: Path) -> None:
    run = api.run("odd/odd")
    assert {file.name: file.size for file in run.files()} == {
        "media/ü b.bin": 256 * 4000,
        "output.log": 0,
    }
    path = run.file("media/ü b.bin").download(tmp_path)
    assert path.read_bytes() == bytes(range(256)) * 4000
    assert run.file("output.log").download(tmp_path).read_bytes() == b""


def test_logs(api: Api) -> None:
    lines = [line.text for line in api.run("odd/odd").logs()]
    assert [line for line in lines if line] == [f"line {n}" for n in range(30)]
