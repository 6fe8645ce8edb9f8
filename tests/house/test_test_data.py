"""The recorded wandb runs that ship with the tests: complete, small, and what their index says."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from wandb_runs import Fixture, LongText, fixtures

_DATA = Path(__file__).resolve().parent.parent / "data/wandb-runs"
_SHIPPED = [one for one in fixtures() if _DATA in one.archive.parents]


def test_the_share_is_small() -> None:
    assert sum(path.stat().st_size for path in _DATA.rglob("*") if path.is_file()) <= 5_000_000


def test_each_version_scenario_and_damage_is_there() -> None:
    versions = {"0.13.11", "0.16.6", "0.19.11", "0.21.4", "0.28.2", "0.31.0"}
    assert {one.version for one in _SHIPPED} == versions
    assert {one.scenario for one in _SHIPPED} >= {one.scenario for one in fixtures()}
    assert len({one.damage for one in _SHIPPED if one.damage}) == 16
    plain = {"basic", "media", "artifact", "exception", "resumed-offline", "weird", "bigint"}
    for version in versions:
        assert {one.scenario for one in _SHIPPED if one.version == version} >= plain


@pytest.mark.parametrize("fixture", _SHIPPED, ids=str)
def test_each_archive_is_what_the_index_says(fixture: Fixture) -> None:
    digest = hashlib.sha256(fixture.archive.read_bytes()).hexdigest()
    assert digest == fixture.entry["archive_sha256"]


@pytest.mark.parametrize("fixture", fixtures(scenario="resumed-offline"), ids=str)
def test_every_process_of_a_run_is_unpacked(fixture: Fixture, tmp_path: Path) -> None:
    processes = fixture.unpack(tmp_path)
    assert len(processes) == 2
    for process in processes:
        assert process.journal.parent == process.folder
        assert process.journal.stat().st_size > 0
        assert process.truth["history"]["rows"]


def test_a_long_text_equals_the_string_it_stands_for() -> None:
    text = "x" * 6000
    shown = LongText(6000, "x" * 40, hashlib.sha256(text.encode()).hexdigest())
    assert shown == text
    assert shown != "y" * 6000
