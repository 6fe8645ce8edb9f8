"""What a receipt says beside what lies on disk."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from holdfast.sync.receipts import differences
from holdfast.wire import Claim, Receipt, RunRef, digest_of

DIGEST = digest_of(b"x")
CLAIM = Claim(10, 10, DIGEST, 0, 0, "gone")


def found(ours: Mapping[str, int], theirs: Mapping[str, int]) -> list[str]:
    run = RunRef("team", "digits", "abc", "http://h/x")
    receipt = Receipt(run, "0" * 32, 10, DIGEST, dict(theirs), 0, (), (), "finished", True, 1.5)
    return differences(receipt, CLAIM, ours, [])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"run": 1, "history": 5, "exit": 0}, {"run": 1, "history": 5}),
        ({"run": 1, "newer": 2}, {"run": 1, "unknown": 2}),
        ({"run": 1, "unknown": 2}, {"run": 1, "newer": 2}),
        ({"run": 1, "newer": 2, "unknown": 1}, {"run": 1, "unknown": 3}),
    ],
)
def test_a_kind_that_one_side_does_not_know_is_no_difference(
    ours: dict[str, int], theirs: dict[str, int]
) -> None:
    assert found(ours, theirs) == []


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ({"run": 1}, ["history records 0 of 5"]),
        ({"run": 1, "history": 4}, ["history records 4 of 5"]),
        (
            {"run": 1, "history": 4, "unknown": 1},
            ["history records 4 of 5", "unknown records 1 of 0"],
        ),
        ({"run": 1, "unknown": 4}, ["history records 0 of 5", "unknown records 4 of 0"]),
    ],
)
def test_records_that_are_not_there(theirs: dict[str, int], said: list[str]) -> None:
    assert found({"run": 1, "history": 5}, theirs) == said
