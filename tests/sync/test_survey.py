"""The survey of a journal: what it is called, while it lies there in parts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sync.making import make_run

from holdfast.journal import frames, scan
from holdfast.sync.survey import ReplacedError, Survey


class Arriving:
    """A journal of which only the header record is there; `rest` brings the others."""

    def __init__(self, folder: Path) -> None:
        self.path = make_run(folder, "aaaa").journal
        self.data = self.path.read_bytes()
        self._there = scan(self.data)[0].end
        os.truncate(self.path, self._there)

    def rest(self) -> None:
        with self.path.open("ab") as file:
            file.write(self.data[self._there :])


def test_a_journal_that_gets_another_name_is_another_one(tmp_path: Path) -> None:
    """As when a folder is copied again from its beginning while it is synced."""
    journal = Arriving(tmp_path)
    with Survey(journal.path) as survey:
        survey.advance(growing=False)
        named = survey.journal
        assert not survey.advance(growing=False)
        journal.rest()
        for _ in range(2):
            with pytest.raises(ReplacedError, match="came late"):
                survey.advance(growing=False)
    with Survey(journal.path) as survey:
        survey.advance(growing=False)
        assert survey.position == len(journal.data)
        assert survey.journal != named


def test_a_name_that_nobody_asked_for_may_come_late(tmp_path: Path) -> None:
    journal = Arriving(tmp_path)
    with Survey(journal.path) as survey:
        survey.advance(growing=True)
        journal.rest()
        assert survey.advance(growing=True)
        assert survey.position == len(journal.data)


def test_a_damaged_journal_that_may_grow_waits_once_for_all_its_gaps(tmp_path: Path) -> None:
    path = make_run(tmp_path, "aaaa", count=1500).journal
    whole = path.read_bytes()
    data = bytearray(whole)
    places = (30_000, 60_000, 90_000)
    for at in places:
        data[at] ^= 0xFF
    path.write_bytes(data)
    now = [0.0]
    with Survey(path, clock=lambda: now[0]) as survey:
        survey.advance(growing=True)
        assert survey.unsettled
        now[0] += 2.9
        survey.advance(growing=True)
        assert (survey.unsettled, survey.gaps) == (True, [])
        now[0] += 0.2
        survey.advance(growing=True)
        assert (survey.unsettled, len(survey.gaps)) == (False, len(places))
        assert survey.position == len(data)
        # What comes later has its own time.
        more = bytearray(frames([b"first", b"second", b"third"], len(data)))
        more[8] ^= 0xFF
        with path.open("ab") as file:
            file.write(more)
        survey.advance(growing=True)
        assert (survey.unsettled, len(survey.gaps)) == (True, len(places))
        now[0] += 3.1
        survey.advance(growing=True)
        assert (survey.unsettled, len(survey.gaps)) == (False, len(places) + 1)
