"""Emptying the spool by the rule of `sync --clean`: only what the server confirms once more goes.

Owns when that is tried, and for which runs: those whose senders have their receipts. Must not know
how a run is removed (`spool`) or forwarded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from holdfast.errors import UnreachableError
from holdfast.rundir import RunDir
from holdfast.sync.context import Context
from holdfast.sync.many import prove_held
from holdfast.sync.one import guarded
from holdfast.sync.receipts import Kept
from holdfast.sync.relay.spool import Spool
from holdfast.sync.report import Outcome

__all__ = ["Emptying"]

_PAUSE_SECONDS = 10.0


class Emptying:
    """Looks through a spool every ten seconds, in a thread of its own, until it is stopped.

    Args:
        spool: the spool.
        context: the server, or None as long as it has not answered.
        say: gets a line about what was removed, and about what could not be.
    """

    def __init__(
        self, spool: Spool, context: Callable[[], Context | None], say: Callable[[str], None]
    ) -> None:
        self._spool = spool
        self._context = context
        self._say = say
        self._said: dict[RunDir, str] = {}
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin; the thread ends with the process, which may be at any time."""
        threading.Thread(target=self._run, name="holdfast-emptying", daemon=True).start()

    def stop(self) -> None:
        """Remove no further run."""
        self._stop.set()

    def empty(self) -> None:
        """Remove what can be removed now."""
        for run_dir in self._spool.settled():
            context = self._context()
            if context is None or self._stop.is_set():
                return
            kept = Kept.read(run_dir, context.base_url)
            if kept is None or not (kept.receipt.complete or kept.writer == "gone"):
                continue  # it is still on its way, or written
            wishes = self._spool.wishes(run_dir)
            if not kept.fits(run_dir, wishes):
                continue  # more of it is on its way
            work = partial(self._remove, replace(context, wishes=wishes), kept)
            outcome = guarded(run_dir, work)
            if isinstance(outcome.error, UnreachableError):
                return  # the next look is soon enough
            self._tell(outcome)

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            self.empty()

    def _remove(self, context: Context, kept: Kept, outcome: Outcome) -> None:
        prove_held(context, outcome.run_dir, outcome)
        assert outcome.receipt is not None
        digests = [entry.digest for entry in outcome.receipt.files]
        self._spool.remove(outcome.run_dir, kept.sight, digests)

    def _tell(self, outcome: Outcome) -> None:
        if outcome.error is None:
            self._said.pop(outcome.run_dir, None)
            self._say(f"  removed {outcome.run} from the spool")
        elif self._said.get(outcome.run_dir) != str(outcome.error):
            self._said[outcome.run_dir] = str(outcome.error)
            name = outcome.run or str(outcome.run_dir.path)
            self._say(f"  {name} stays in the spool: {outcome.error}")
