"""Opaque ids of runs and files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import UsageError
from holdfast.ids import RunPath
from holdfast.server.gateway.names import make_id, read_id, run_of_id

RUN = RunPath("team", "digits", "r1")


@given(st.text())
def test_ids_come_back(path: str) -> None:
    assert read_id("File", make_id("File", *RUN, path), 4) == (*RUN, path)


def test_the_id_of_a_run() -> None:
    assert run_of_id(make_id("Run", *RUN)) == RUN


@given(st.text() | st.sampled_from([make_id("Project", "a", "b"), make_id("Run", "a", "b")]))
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(UsageError):
        run_of_id(text)
