"""The Api against canned answers: names, paging, streams that break, downloads that are damaged."""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from remote.canned import FILE, Canned
from wire.fault_server import CLOSE, FaultServer, Request, http

import holdfast
from holdfast.errors import (
    AuthError,
    DamagedError,
    NotFoundError,
    RefusedError,
    UnreachableError,
    UsageError,
)
from holdfast.remote import Api, Project, Run
from holdfast.remote import reader as reader_module
from holdfast.wire import error_body

Served = tuple[Canned, FaultServer, Api]


@pytest.fixture(autouse=True)
def _own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("HOLDFAST_", "WANDB_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOLDFAST_CONFIG_DIR", str(tmp_path / "config"))


@pytest.fixture
def served() -> Iterator[Served]:
    canned = Canned()
    with FaultServer(canned) as server:
        yield canned, server, Api(base_url=server.url, api_key="key")


def requests(server: FaultServer, part: str) -> int:
    return sum(part in request.target for request in server.requests)


def test_it_is_holdfast_api(served: Served) -> None:
    assert holdfast.Api is Api
    api = Api({"base_url": served[1].url, "entity": "bob"}, timeout=5)
    assert api.default_entity == "bob"
    assert served[2].default_entity == "ann"
    served[2].projects()
    assert served[1].requests[-1].headers["authorization"] == "Bearer key"


def test_projects(served: Served) -> None:
    api = served[2]
    assert [one.path for one in api.projects()] == [["ann", "digits"], ["bob", "other"]]
    (project,) = api.projects("ann")
    assert isinstance(project, Project)
    assert (project.name, project.run_count, project.created_at) == (
        "digits",
        7,
        "1970-01-01T00:00:00Z",
    )
    assert len(project.runs()) == 7
    assert api.project("digits").entity == "ann"
    with pytest.raises(NotFoundError):
        api.project("none")


def test_runs_come_page_by_page(served: Served) -> None:
    _, server, api = served
    runs = api.runs("ann/digits", per_page=2)
    assert requests(server, "/runs") == 0
    assert runs[0].id == "r0"
    assert requests(server, "/runs") == 1
    assert len(runs) == 7
    assert requests(server, "/runs") == 1
    assert [run.id for run in runs[1:4]] == ["r1", "r2", "r3"]
    assert requests(server, "/runs") == 2
    assert [run.id for run in runs] == [f"r{n}" for n in range(7)]
    assert runs[-1].id == "r6"
    assert requests(server, "/runs") == 4
    with pytest.raises(IndexError):
        runs[7]


def test_order_and_path(served: Served) -> None:
    _, server, api = served
    list(api.runs("digits", order="-summary_metrics.loss"))
    assert "order=-summary.loss" in server.requests[-1].target
    list(api.runs("ann/digits"))
    assert "order=started_at" in server.requests[-1].target
    with pytest.raises(UsageError):
        api.runs("a/b/c")


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, "0123456"),
        ({"state": "crashed"}, "0246"),
        ({"state": {"$ne": "crashed"}}, "135"),
        ({"tags": "best"}, "135"),
        ({"tags": {"$in": ["even", "none"]}}, "0246"),
        ({"tags": {"$nin": ["even"]}}, "135"),
        ({"config.lr": {"$gte": 0.3, "$lt": 0.6}}, "345"),
        ({"config.lr.value": 0.2}, "2"),
        ({"config.model.depth": 4}, "4"),
        ({"config.a.b": {"$gt": 4}}, "56"),
        ({"config.none": {"$exists": False}}, "0123456"),
        ({"config.none": None}, "0123456"),
        ({"config.none": {"$gt": 1}}, ""),
        ({"summary_metrics.loss": {"$lte": 0.25}}, "456"),
        ({"display_name": {"$regex": "[01]$"}}, "01"),
        ({"name": "r3"}, "3"),
        ({"$or": [{"name": "r3"}, {"config.lr": 0.5}]}, "35"),
        ({"$and": [{"state": "crashed"}, {"config.lr": {"$not": {"$lt": 0.3}}}]}, "46"),
        ({"$not": {"state": "crashed"}}, "135"),
        ({"jobType": "train", "group": None}, "0123456"),
        ({"created_at": {"$gt": "2026-09-21T14:13:23Z"}}, "456"),
        ({"createdAt": {"$lte": 1_790_000_002}}, "12"),
        ({"created_at": {"$in": ["2026-09-21 16:13:25+02:00"]}}, "5"),
        ({"heartbeat_at": {"$lt": "2000-01-01"}}, "0123456"),
    ],
    ids=str,
)
def test_filters(served: Served, filters: dict[str, object], numbers: str) -> None:
    runs = served[2].runs("ann/digits", filters=filters, per_page=3)
    assert [run.id for run in runs] == [f"r{n}" for n in numbers]
    assert len(runs) == len(numbers)


@pytest.mark.parametrize(
    "filters", [{"$nor": []}, {"config.lr": {"$near": 1}}, ["x"], {"created_at": {"$gt": "soon"}}]
)
def test_filters_that_are_none(served: Served, filters: object) -> None:
    with pytest.raises(UsageError):
        served[2].runs("ann/digits", filters=filters)  # type: ignore[arg-type]


def test_run(served: Served) -> None:
    _, server, api = served
    for path in ("ann/digits/r1", "digits/r1", "/ann/digits/runs/r1"):
        run = api.run(path)
        assert (run.id, run.path) == ("r1", ["ann", "digits", "r1"])
    assert (run.name, run.state, run.proof, run.entity) == ("run 1", "finished", "confirmed", "ann")
    assert (run.group, run.job_type, run.notes, run.tags) == ("", "train", "", ["odd", "best"])
    assert run.config["model"] == {"depth": 1}
    assert run.summary == {"loss": 1.0}
    assert run.metadata == {"host": "h"}
    assert (run.exit_code, run.lastHistoryStep) == (0, 1)
    assert run.url == f"{server.url}/ann/digits/runs/r1"
    assert run.created_at == "2026-09-21T14:13:21Z"
    with pytest.raises(NotFoundError):
        api.run("ann/digits/none")
    with pytest.raises(UsageError):
        api.run("r1")


def test_a_run_of_a_list_asks_for_more_only_when_it_must(served: Served) -> None:
    _, server, api = served
    first, second = api.runs("ann/digits")[:2]
    assert math.isnan(first.summary["loss"])
    assert first.lastHistoryStep == -1
    assert requests(server, "/runs/ann/digits/r1") == 0
    assert second.metadata == {"host": "h"}
    assert second.exit_code == 0
    assert requests(server, "/runs/ann/digits/r1") == 1


def test_history(served: Served) -> None:
    _, server, api = served
    run = api.run("ann/digits/r1")
    rows = run.history(samples=3, keys=["loss"], x_axis="epoch", pandas=False)
    assert [row["_step"] for row in rows] == [0, 1, 2]
    assert "keys=loss%2Cepoch&samples=3" in server.requests[-1].target
    if importlib.util.find_spec("pandas") is None:
        assert isinstance(run.history(), list)
        with pytest.raises(UsageError, match="pandas"):
            run.history(pandas=True)
    with pytest.raises(UsageError, match="stream"):
        run.history(stream="system")


def test_scan_history(served: Served) -> None:
    canned, server, api = served
    canned.rows = [
        {"_step": 0, "a": {"$float": "NaN"}, "b": {"c": {"$float": "-Infinity"}}},
        {"_step": 2**70, "text": "ünï\ncode", "list": [1, None, {"$float": "Infinity"}]},
    ]
    run = api.run("ann/digits/r1")
    first, second = run.scan_history(keys=["a", "b"], page_size=1, min_step=5, max_step=9)
    assert "keys=a%2Cb&min_step=5&max_step=8" in server.requests[-1].target
    assert math.isnan(first["a"])
    assert first["b"] == {"c": -math.inf}
    assert second == {"_step": 2**70, "text": "ünï\ncode", "list": [1, None, math.inf]}
    assert list(run.scan_history(max_step=0)) == []


def test_scan_history_streams(served: Served) -> None:
    """The first rows are there before the last are sent."""
    canned, server, api = served
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    head += b'18\r\n{"_step":0}\n{"_step":1}\n\r\n'
    run = api.run("ann/digits/r1")
    server._pause = 30

    def half(request: Request) -> bytes | None:
        return head if "history" in request.target else None

    canned.fault = half
    rows = run.scan_history()
    assert (next(rows), next(rows)) == ({"_step": 0}, {"_step": 1})
    rows.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("cut", [0.0, 0.3, 0.999])
def test_a_stream_that_breaks_is_taken_up_again(served: Served, cut: float) -> None:
    canned, server, api = served
    run = api.run("ann/digits/r1")
    broken = []

    def fault(request: Request) -> bytes | None:
        if "history" not in request.target or len(broken) == 2:
            return None
        broken.append(1)
        whole = canned._answer(request)
        return whole[: int(len(whole) * cut)] or CLOSE

    canned.fault = fault
    assert [row["_step"] for row in run.scan_history()] == list(range(2000))
    assert requests(server, "history") == 3


@pytest.mark.parametrize("answer", [CLOSE, http(503, error_body("unavailable", "busy"))])
def test_reading_is_tried_again_and_gives_up(
    served: Served, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    canned, _, api = served
    left = [2]

    def fault(request: Request) -> bytes | None:
        left[0] -= 1
        return answer if left[0] >= 0 else None

    canned.fault = fault
    assert api.run("ann/digits/r1").id == "r1"
    left[0] = 10**9
    clock = [0.0]
    monkeypatch.setattr(reader_module.time, "monotonic", lambda: clock[0] + 1)
    monkeypatch.setattr(
        reader_module.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds)
    )
    with pytest.raises((UnreachableError, RefusedError)):
        api.run("ann/digits/r1")
    assert 20 < clock[0] <= 30


def test_refusals_are_not_tried_again(served: Served) -> None:
    canned, server, api = served
    canned.fault = lambda request: http(401, error_body("unauthorized", "who?", "log in"))
    with pytest.raises(AuthError):
        api.run("ann/digits/r1")
    assert requests(server, "r1") == 1


# Files


@pytest.fixture
def run(served: Served) -> Run:
    return served[2].run("ann/digits/r1")


def test_files(run: Run, served: Served) -> None:
    files = run.files()
    assert [file.name for file in files] == ["media/a b.bin", "output.log"]
    assert len(files) == 2
    assert files[0].size == len(FILE)
    assert [file.name for file in run.files(pattern="media/%")] == ["media/a b.bin"]
    assert run.file("output.log").size == 0
    assert files[0].url == f"{served[1].url}/api/v1/runs/ann/digits/r1/files/media/a%20b.bin"
    with pytest.raises(NotFoundError):
        run.file("none")


def test_download(run: Run, tmp_path: Path) -> None:
    file = run.file("media/a b.bin")
    path = file.download(tmp_path / "new" / "root")
    assert path == tmp_path / "new" / "root" / "media" / "a b.bin"
    assert path.read_bytes() == FILE
    path.write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists"):
        file.download(tmp_path / "new" / "root")
    assert file.download(tmp_path / "new" / "root", exist_ok=True).read_bytes() == b"mine"
    assert file.download(tmp_path / "new" / "root", replace=True).read_bytes() == FILE
    assert [p.name for p in path.parent.iterdir()] == ["a b.bin"]


def test_a_download_that_breaks_or_is_damaged(
    run: Run, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.remote.files.time.sleep", lambda seconds: None)
    canned = served[0]
    file = run.file("media/a b.bin")
    bad = [http(200, FILE)[:-1], http(200, FILE[:-1] + b"?"), CLOSE]

    def fault(request: Request) -> bytes | None:
        return bad.pop() if bad and "a%20b" in request.target else None

    canned.fault = fault
    assert file.download(tmp_path).read_bytes() == FILE
    assert bad == []
    canned.file = b"other"
    with pytest.raises(DamagedError):
        file.download(tmp_path, replace=True)
    assert (tmp_path / "media" / "a b.bin").read_bytes() == FILE


@pytest.mark.parametrize("path", ["../up", "/etc/x", "a/../../b"])
def test_a_server_cannot_write_outside_the_root(run: Run, served: Served, path: str) -> None:
    served[0].path = path
    with pytest.raises(RefusedError):
        list(run.files())


def test_a_link_below_the_root_leads_nowhere_else(run: Run, tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (root / "media").symlink_to(elsewhere)
    with pytest.raises(UsageError, match="below"):
        run.file("media/a b.bin").download(root)
    assert list(elsewhere.iterdir()) == []


def test_logs(run: Run) -> None:
    lines = list(run.logs())
    assert [line.number for line in lines] == list(range(2500))
    assert lines[-1].text == "line 2499"
