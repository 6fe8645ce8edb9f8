"""Times as wandb clients write and read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.records.times import iso, iso_exact, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2023-11-14T22:13:20Z", 1700000000.0),
        ("2023-11-14T22:13:20", 1700000000.0),
        ("2023-11-14 22:13:20.25+00:00", 1700000000.25),
        ("2023-11-14T23:43:20+01:30", 1700000000.0),
        ("2023-11-14T17:13:20-0500", 1700000000.0),
        ("2023-11-14", 1699920000.0),
        ("1970-01-01T00:00Z", 0.0),
        ("2023-02-31", None),
        ("2023-11-14T25:00:00Z", None),
        ("soon", None),
        ("", None),
    ],
)
def test_times_are_read(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("seconds", [None, float("inf"), 1e18, float("nan")])
def test_what_is_no_time_has_none(seconds: float | None) -> None:
    assert iso(seconds) is None
    assert iso_exact(seconds) is None


@given(st.floats(min_value=0, max_value=2e10))
def test_times_come_back(seconds: float) -> None:
    text = iso_exact(seconds)
    assert text is not None
    assert seconds_of(text) == pytest.approx(seconds, abs=1e-5)
