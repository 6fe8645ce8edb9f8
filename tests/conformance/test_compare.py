"""The comparison finds every kind of difference: a table that cannot fail would show nothing."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import pytest
from processes import Server, holdfast_command

import holdfast
from conformance.compare import differences, same

TRUTH: dict[str, Any] = {
    "state": "finished",
    "exit_code": 0,
    "name": "a name",
    "tags": ["one", "two"],
    "rows": [
        {"_step": 0, "loss": 1.0, "nan": math.nan, "deep": {"in": True}},
        {"_step": 5, "loss": 2},
    ],
    "summary": {"loss": 2, "nan": math.nan, "deep": {"in": True}},
    "config": {"lr": 0.1, "nested": {"a": [1, 2]}},
    "console": {"stdout": ["printed"]},
    "files": {"kept.txt": hashlib.sha256(b"kept").hexdigest()},
}


@pytest.fixture(scope="module")
def run(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("run")
    settings = {"silent": True, "console": "off", "disable_git": True, "disable_stats": True}
    run = holdfast.init(
        project="compared",
        config=TRUTH["config"],
        name=TRUTH["name"],
        tags=TRUTH["tags"],
        dir=folder,
        settings=settings,
    )
    for row in TRUTH["rows"]:
        run.log({key: value for key, value in row.items() if key != "_step"}, step=row["_step"])
    run.finish()
    done = holdfast_command("sync", str(folder), server=server)
    assert done.returncode == 0, done.stderr
    return server.api().run(f"local/compared/{run.id}")


def found(run: Any, tmp_path: Path, **changed: Any) -> str:
    truth = {key: value for key, value in TRUTH.items() if key not in {"console", "files"}}
    return "; ".join(differences({**truth, **changed}, run, tmp_path))


def test_what_equals_differs_in_nothing(run: Any, tmp_path: Path) -> None:
    assert found(run, tmp_path) == ""


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"state": "failed"}, "state is 'finished'"),
        ({"exit_code": 1}, "exit_code is 0"),
        ({"tags": ["one"]}, "tags are"),
        ({"rows": TRUTH["rows"][:1]}, "the row of step 5 was not logged"),
        ({"rows": [*TRUTH["rows"], {"_step": 6}]}, "the row of step 6 is missing"),
        ({"rows": [TRUTH["rows"][0], {"_step": 4, "loss": 2}]}, "the row of step 4 has step 5"),
        ({"rows": [TRUTH["rows"][0], {"_step": 5, "loss": 3}]}, "row 5: loss is 2 and not 3"),
        ({"rows": [TRUTH["rows"][0], {"_step": 5}]}, "row 5 has loss = 2, which nobody logged"),
        ({"summary": {"loss": 2, "nan": 0.0, "deep": {"in": True}}}, "summary: nan is nan"),
        ({"summary": {**TRUTH["summary"], "more": 1}}, "summary lacks more = 1"),
        ({"summary_has": {"loss": 3}}, "summary: loss is 2 and not 3"),
        ({"rows_have": TRUTH["rows"][::-1]}, "no row has"),
        ({"config": {"lr": 0.1, "nested": {"a": [1]}}}, "config: nested.a is [1, 2] and not [1]"),
        ({"console": TRUTH["console"]}, "line 0 of stdout is None and not 'printed'"),
        ({"files": TRUTH["files"]}, "there is no file 'kept.txt'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_difference_is_named(
    run: Any, tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    assert said in found(run, tmp_path, **changed)


def test_equality_is_that_of_json() -> None:
    assert same(1, 1.0)
    assert same([math.nan, {"a": None}], [math.nan, {"a": None}])
    assert not same(True, 1)
    assert not same(0, False)
    assert not same({"a": 1}, {"a": 1, "b": 2})
    assert not same([1], [1, 2])
    assert not same("1", 1)
