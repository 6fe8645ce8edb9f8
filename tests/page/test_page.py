"""Stories from run folders, and the file they are written into."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from sync.making import make_run, rows, start_run
from wandb_runs import Fixture, fixtures

from holdfast.errors import DamagedError, StorageError
from holdfast.page import read_story, write_page
from holdfast.records import encode
from holdfast.rundir import RunDir


def data_of(path: Path) -> dict[str, Any]:
    """The JSON that stands in a page."""
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="runs">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    value: dict[str, Any] = json.loads(found[1])
    return value


def page_of(tmp_path: Path, *folders: list[RunDir]) -> list[dict[str, Any]]:
    path = tmp_path / "page.html"
    assert write_page(path, [read_story(some) for some in folders], "test", 0.0) > 10_000
    runs: list[dict[str, Any]] = data_of(path)["runs"]
    return runs


def test_what_was_logged_stands_there(tmp_path: Path) -> None:
    run_dir, writer = start_run(tmp_path, "aa", name="first", tags=("x", "y"))
    writer.append(encode.config({"lr": 0.1, "deep": {"er": [1, "</script>"]}}))
    encoder = encode.HistoryEncoder()
    odd = [1.0, float("nan"), float("inf"), float("-inf"), 10**400, "text", True, None]
    for step, value in enumerate(odd):
        writer.append(encoder.encode({"odd": value, "a": {"b": step}, "_step": step}, step))
    writer.append(encode.output("stdout", "10%\r100%\n\x1b[31mred\x1b[0m\r\n", 1.0))
    writer.append(encode.stats({"cpu": 12.5}, 1_790_000_010.0))
    writer.append(encode.exit_record(3, 5))
    writer.close()
    (run,) = page_of(tmp_path, [run_dir])
    assert (run["name"], run["id"], run["state"]) == ("first", "aa", "failed")
    assert run["metrics"]["odd"]["y"] == [1.0, "nan", "inf", "-inf", "inf"]
    assert run["metrics"]["odd"]["x"] == [0, 1, 2, 3, 4]
    assert run["metrics"]["a.b"]["y"] == [float(n) for n in range(8)]
    assert dict(run["config"])["deep.er"] == '[1, "</script>"]'
    assert dict(run["config"])["lr"] == "0.1"
    assert run["console"] == "100%\nred\n"
    assert run["system"]["cpu"] == {"x": [10], "y": [12.5], "of": 1, "thinned": False}
    assert dict(run["facts"])["tags"] == "x, y"
    assert dict(run["facts"])["exit code"] == "3"


def test_nothing_that_a_run_says_is_markup(tmp_path: Path) -> None:
    hostile = "</script><script>alert(1)</script><!--<script>"
    run_dir = make_run(tmp_path, "aa", name=hostile, notes=hostile)
    (run,) = page_of(tmp_path, [run_dir])
    assert (run["name"], run["notes"]) == (hostile, hostile)
    text = (tmp_path / "page.html").read_text()
    assert "alert(1)" in text
    assert "<script>alert" not in text


def test_no_address_and_no_request_in_the_file(tmp_path: Path) -> None:
    page_of(tmp_path, [make_run(tmp_path, "aa")])
    text = (tmp_path / "page.html").read_text()
    assert "default-src 'none'" in text
    assert not re.findall(r"(?:https?:)?//[\w.-]+\.[a-z]{2,}", text)
    assert not re.findall(r"\b(?:fetch|XMLHttpRequest|WebSocket|import)\(|@import|url\(", text)


def test_folders_of_one_run_are_one_story(tmp_path: Path) -> None:
    first = make_run(tmp_path, "aa", number=1, count=10, finished=False)
    second, writer = start_run(tmp_path, "aa", number=2, resumed=True)
    encoder = encode.HistoryEncoder()
    for row in rows(10, first=5):
        writer.append(encoder.encode({**row, "loss": -1.0}, row["_step"]))
    writer.append(encode.exit_record(0, 5))
    writer.close()
    (run,) = page_of(tmp_path, [first, second])
    loss = run["metrics"]["loss"]
    assert loss["x"] == list(range(15))
    assert loss["y"] == [1 / (1 + i) for i in range(5)] + [-1.0] * 10
    assert run["state"] == "finished"


def test_states(tmp_path: Path) -> None:
    live, writer = start_run(tmp_path, "aa", number=1)
    gone = make_run(tmp_path, "bb", number=2, finished=False)
    taken, other = start_run(tmp_path, "cc", number=3)
    other.append(encode.preempting())
    other.close()
    states = [run["state"] for run in page_of(tmp_path, [live], [gone], [taken])]
    assert states == ["running", "crashed", "preempted"]
    writer.close()


def test_a_long_run_is_thinned_and_says_so(tmp_path: Path) -> None:
    run_dir, writer = start_run(tmp_path, "aa")
    encoder = encode.HistoryEncoder()
    for step in range(50_000):
        row = {"loss": 99.0 if step == 31_415 else 0.5, "_step": step}
        writer.append(encoder.encode(row, step))
    for number in range(60_000):
        writer.append(encode.output("stdout", f"line {number:08}\n", 1.0))
    writer.close()
    (run,) = page_of(tmp_path, [run_dir])
    loss = run["metrics"]["loss"]
    assert loss["thinned"]
    assert loss["of"] == 50_000
    assert loss["y"][loss["x"].index(31_415)] == 99.0
    assert run["console"].endswith("line 00059999\n")
    assert len(run["console"]) + run["left_out"] == 60_000 * 14
    assert (tmp_path / "page.html").stat().st_size < 700_000


@pytest.mark.parametrize("fixture", fixtures(), ids=str)
def test_runs_of_real_wandb(fixture: Fixture, tmp_path: Path) -> None:
    for process in fixture.unpack(tmp_path / "runs"):
        try:
            page_of(tmp_path, [RunDir(process.journal)])
        except DamagedError:
            assert not process.truth.get("recoverable_steps")


def test_nothing_to_show(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aa")
    run_dir.journal.write_bytes(b"")
    with pytest.raises(DamagedError, match="nothing that can be read"):
        read_story([run_dir])
    story = read_story([make_run(tmp_path, "bb", number=2)])
    with pytest.raises(StorageError):
        write_page(tmp_path / "none" / "page.html", [story], "test", 0.0)
