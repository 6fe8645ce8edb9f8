"""Makes the conformance table importable, which lies beside the package; a server for a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import Server

sys.path.append(str(Path(__file__).resolve().parent.parent.parent))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for the cells that do not take it away."""
    with Server(tmp_path_factory.mktemp("server")) as running:
        yield running
