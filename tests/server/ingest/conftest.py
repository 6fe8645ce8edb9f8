"""A server's stores for the tests of ingest, empty and with one journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from server.held import RUN, Held
from server.making import Made, journal_of


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    server = Held(tmp_path)
    yield server
    server.close()


@pytest.fixture
def made(held: Held) -> Made:
    """A journal of one row, arrived."""
    made = journal_of([{"a": 1}])
    held.ingest.chunk(RUN, made.journal, 0, made.data, "gone")
    return made
