"""The survey of a journal: what it is called, while it lies there in parts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sync.making import make_run

from holdfast.journal import scan
from holdfast.sync.survey import ReplacedError, Survey


def test_a_journal_that_gets_another_name_is_another_one(tmp_path: Path) -> None:
    """As when a folder is copied again from its beginning while it is synced."""
    path = make_run(tmp_path, "aaaa").journal
    data = path.read_bytes()
    header = scan(data)[0].end
    os.truncate(path, header)
    with Survey(path) as survey:
        survey.advance(growing=False)
        named = survey.journal
        assert not survey.advance(growing=False)
        with path.open("ab") as file:
            file.write(data[header:])
        for _ in range(2):
            with pytest.raises(ReplacedError, match="came late"):
                survey.advance(growing=False)
    with Survey(path) as survey:
        survey.advance(growing=False)
        assert (survey.position, survey.journal != named) == (len(data), True)


def test_a_name_that_nobody_asked_for_may_come_late(tmp_path: Path) -> None:
    path = make_run(tmp_path, "aaaa").journal
    data = path.read_bytes()
    header = scan(data)[0].end
    os.truncate(path, header)
    with Survey(path) as survey:
        survey.advance(growing=True)
        with path.open("ab") as file:
            file.write(data[header:])
        assert survey.advance(growing=True)
        assert survey.position == len(data)
