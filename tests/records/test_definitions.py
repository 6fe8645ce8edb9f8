"""Which definition a metric has."""

from __future__ import annotations

import pytest

from holdfast.records.definitions import MetricDef, definition_of

SAID = {
    name: MetricDef(name, glob=name.endswith("*")) for name in ("val/*", "val/loss", "*", "_own")
}


@pytest.mark.parametrize(
    ("metric", "found"),
    [
        ("val/loss", "val/loss"),
        ("val/acc", "val/*"),
        ("val/", "val/*"),
        ("loss", "*"),
        ("val/*", "val/*"),
        ("_own", "_own"),
        ("_step", None),
    ],
)
def test_its_own_before_the_first_glob_that_matches(metric: str, found: str | None) -> None:
    one = definition_of(metric, SAID)
    assert (one and one.name) == found


def test_none_without_one() -> None:
    assert definition_of("loss", {}) is None
    assert definition_of("loss", {"val/*": SAID["val/*"]}) is None
