"""Watchers for tests: started on wish, stopped at the end, and quicker than for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sync.memory_server import MemoryServer
from sync.watching import Start, Watching

from holdfast.sync import followed, outage, rounds, trees, watch


@pytest.fixture
def quick_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in [
        (followed, "_LOOK_SECONDS", 0.02),
        (followed, "_ENDED_LOOK_SECONDS", 0.02),
        (followed, "_RESTING_LOOK_SECONDS", 0.05),
        (followed, "_ASK_SECONDS", 0.02),
        (followed, "_FILES_SECONDS", 0.05),
        (followed, "_AFTER_EXIT_SECONDS", 0.1),
        (followed, "_AGAIN_FIRST", 0.02),
        (outage, "_FIRST_SECONDS", 0.02),
        (outage, "_LONGEST_SECONDS", 0.05),
        (rounds, "_AGAIN_SECONDS", 0.05),
        (rounds, "_PAUSE_SECONDS", 0.01),
        (trees, "_NEST_SECONDS", 0.02),
        (trees, "_QUIET_SECONDS", 0.05),
        (watch, "_TICK_SECONDS", 0.01),
        (watch, "_SCAN_SECONDS", 0.02),
        (watch, "_STATE_SECONDS", 0.02),
    ]:
        monkeypatch.setattr(module, name, value)


@pytest.fixture
def watching() -> Iterator[Start]:
    started: list[Watching] = []

    def start(
        server: MemoryServer, *paths: Path, files: Callable[[], bool] = lambda: True
    ) -> Watching:
        started.append(Watching(server, *paths, files=files))
        return started[-1]

    yield start
    for one in started:
        one.stop()
