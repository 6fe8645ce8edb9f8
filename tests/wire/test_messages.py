"""Every field of every message is checked, and what was written is read back the same."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from holdfast.errors import RefusedError
from holdfast.wire import (
    ChunkAnswer,
    Claim,
    FileEntry,
    PartAnswer,
    Receipt,
    Room,
    RunRef,
    Viewer,
    check_file_path,
    digest_of,
)

DIGEST = digest_of(b"x")
RUN = RunRef("team", "digits", "abc", "http://h/x")
ENTRY = FileEntry("media/a.png", 3, DIGEST)
MESSAGES = [
    ENTRY,
    Claim(10, 7, DIGEST, 3, 2, "gone"),
    RUN,
    ChunkAnswer(7, RUN),
    PartAnswer(5, False),
    Receipt(RUN, "0" * 32, 7, DIGEST, {"run": 1}, 0, ((3, 5),), (ENTRY,), "finished", True, 1.5),
    Viewer("holdfast", "0.1", 1, "ann", "ann", 1 << 20, 1 << 20),
    Viewer("holdfast", "0.1", 1, "ann", "ann", 1 << 20, 1 << 20, Room(0.5, 9, 0.25, 7), "http://s"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_round_trip(message: Any) -> None:
    assert type(message).from_json(json.loads(json.dumps(message.to_json()))) == message


_LATER = {("disk",), ("relay_for",)}
"""Fields that an older server does not send."""


def _paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [p for k, v in value.items() for p in [(*at, k), *_paths(v, (*at, k))]]
    if isinstance(value, list):
        return [p for k, v in enumerate(value) for p in [(*at, k), *_paths(v, (*at, k))]]
    return []


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("bad", [object, -1, 2**70, "\ud800", None, [[]], {"x": {}}, 1.5, True])
def test_every_field_is_checked(message: Any, bad: Any) -> None:
    """Each field with a value of a wrong kind is refused or read as an equal-typed value."""
    good = json.loads(json.dumps(message.to_json()))
    for path in _paths(good):
        broken = copy.deepcopy(good)
        holder = broken
        for step in path[:-1]:
            holder = holder[step]
        was = holder[path[-1]]
        if bad is object:
            if isinstance(holder, list) or path[:-1] == ("records",) or path in _LATER:
                continue  # one item fewer is a legal list
            del holder[path[-1]]
        else:
            if type(bad) is type(was) or (type(was) is float and bad in (-1, 2**70)):
                continue
            if bad is None and path == ("disk",):
                continue  # a server that cannot say
            holder[path[-1]] = bad
        with pytest.raises(RefusedError) as caught:
            type(message).from_json(broken)
        assert caught.value.status in {400, 422}, (path, bad)


def test_an_older_server_does_not_say_what_came_later() -> None:
    said = Viewer("holdfast", "0.1", 1, "ann", "ann", 1, 1, Room(0.5, 9), "http://h").to_json()
    older = {name: value for name, value in said.items() if (name,) not in _LATER}
    assert Viewer.from_json(older) == Viewer("holdfast", "0.1", 1, "ann", "ann", 1, 1)


@pytest.mark.parametrize("value", [None, [], "x", 3])
def test_not_an_object(value: object) -> None:
    for message in MESSAGES:
        with pytest.raises(RefusedError):
            type(message).from_json(value)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/etc/passwd",
        "../a",
        "a/../b",
        "a//b",
        "./a",
        "a/.",
        "a/",
        "a\0b",
        "x" * 4097,
        "\udc80",
    ],
)
def test_bad_file_paths(path: str) -> None:
    with pytest.raises(RefusedError) as caught:
        check_file_path(path)
    assert (caught.value.status, caught.value.code) == (422, "invalid")


@pytest.mark.parametrize("path", ["a", "a b/c..d/...", "media/ü/ñ.png", "a\\b", ".hidden"])
def test_good_file_paths(path: str) -> None:
    assert check_file_path(path) == path


def test_no_path_twice() -> None:
    item = ENTRY.to_json()
    assert FileEntry.list_from_json({"files": [item]}) == [ENTRY]
    with pytest.raises(RefusedError, match="twice"):
        FileEntry.list_from_json({"files": [item, item]})


def test_claim_must_add_up() -> None:
    with pytest.raises(RefusedError, match="size"):
        Claim.from_json(Claim(10, 7, DIGEST, 4, 0, "gone").to_json())
    with pytest.raises(RefusedError, match="writer"):
        Claim.from_json(Claim(10, 7, DIGEST, 3, 0, "asleep").to_json())
