"""A server behind a proxy for the fault tables: one for all rows of a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash.faults import Place
from crash.proxy import Proxy
from processes import Server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Proxy]]:
    with Server(tmp_path_factory.mktemp("server")) as server, Proxy(server.url) as proxy:
        yield server, proxy


@pytest.fixture
def place(
    served: tuple[Server, Proxy], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Place]:
    server, proxy = served
    project = re.sub(r"\W+", "-", request.node.name)[:100]
    row = getattr(request.function, "fault", None)
    yield Place(server, proxy, tmp_path / "runs", project, row)
    proxy.behave()
