"""A server for the pages that begin with one elsewhere; the clients that conformance installs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import Server

sys.path.append(str(Path(__file__).resolve().parent.parent.parent))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server on another machine, as it were."""
    with Server(tmp_path / "server") as running:
        yield running
