"""Pages and their cursors, also while the list changes."""

from __future__ import annotations

import pytest

from holdfast.errors import UsageError
from holdfast.server.gateway.paging import connection, span_of_page


def pages(names: list[str], size: int) -> list[list[str]]:
    found, after = [], None
    while True:
        page = connection(names, names, {"first": size, "after": after}, 50)
        found.append([edge["node"] for edge in page["edges"]])
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found


def test_pages_hold_everything_once() -> None:
    assert pages(list("abcdefg"), 3) == [["a", "b", "c"], ["d", "e", "f"], ["g"]]
    assert pages([], 3) == [[]]


def test_a_cursor_holds_while_the_list_changes() -> None:
    names = list("abcdefg")
    page = connection(names, names, {"first": 3}, 50)
    after = {"first": 2, "after": page["pageInfo"]["endCursor"]}
    assert span_of_page(["new", *names], after, 50) == (4, 6)  # behind "c", wherever that is
    assert span_of_page(list("abdefg"), after, 50) == (2, 4)  # "c" is gone: where it stood
    assert span_of_page([], after, 50) == (0, 0)


@pytest.mark.parametrize(
    "arguments", [{"after": "x"}, {"after": "bnVsbA=="}, {"after": "WzEsIDJd", "first": -1}]
)
def test_what_is_no_cursor(arguments: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        span_of_page(["a"], arguments, 50)
