"""A watcher in a thread, and waiting for what it does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from sync.making import Listener
from sync.memory_server import MemoryServer

from holdfast.rundir import RunDir
from holdfast.sync.report import Outcome
from holdfast.sync.trees import Tree
from holdfast.sync.watch import Terms, Watcher


class Watching:
    """A `Watcher` in a thread."""

    def __init__(
        self, server: MemoryServer, *paths: Path, files: Callable[[], bool] = lambda: True
    ) -> None:
        self.listener = Listener()
        self.told: list[Outcome] = []
        self.error: BaseException | None = None
        terms = Terms(server, "http://memory", self.listener, self.told.append, files=files)
        self.watcher = Watcher([Tree(path) for path in paths], terms)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.watcher.run()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def states(self) -> dict[str, str]:
        """How each run fares, by its id."""
        return {run.run_id: one.state for run, one in list(self.watcher.runs.items())}

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self.watcher.stop()
        self._thread.join(10)
        assert not self._thread.is_alive()


Start = Callable[..., Watching]


def held(server: MemoryServer, run_dir: RunDir) -> bool:
    """Whether the server holds the whole journal."""
    data = run_dir.journal.read_bytes()
    return any(
        journal.run.run_id == run_dir.run_id and bytes_ == data
        for journal, bytes_ in list(server.journals.items())
    )


def confirmed(one: Watching) -> Callable[[], bool]:
    return lambda: bool(one.watcher.runs) and set(one.states().values()) == {"confirmed"}
