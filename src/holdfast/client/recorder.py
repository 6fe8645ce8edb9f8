"""From what a script says to records in the journal: the only way there, and a fast one.

Owns the lock, the step, the open row and the summary of one run. Must not know the terminal, the
run folder or settings. Everything that goes into the journal passes here, from any thread.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from time import time_ns
from typing import Any, Protocol

from holdfast.client.metrics import Definitions
from holdfast.client.settle import merge, settle_all
from holdfast.errors import UsageError
from holdfast.records import encode
from holdfast.records.definitions import MetricDef
from holdfast.records.plain_rows import PlainRows, opened
from holdfast.records.values import dumps

__all__ = ["Beginning", "Journal", "Recorder", "Samples"]

_MAX_SAMPLES = 160


class Journal(Protocol):
    """What a recorder needs of a journal's writer."""

    position: int
    lock: threading.RLock

    def append_held(self, payload: bytes) -> None:
        """Write one record; the caller holds `lock`."""


class Beginning:
    """Where a run starts: at nothing, or where an earlier stretch of it ended.

    Args:
        step: the number of the first row.
        runtime: seconds that earlier stretches ran.
        summary: the summary so far.
        definitions: what `define_metric` was told so far.
        resumed: whether there were earlier stretches.
    """

    def __init__(
        self,
        *,
        step: int = 0,
        runtime: float = 0.0,
        summary: dict[str, Any] | None = None,
        definitions: Definitions | None = None,
        resumed: bool = False,
    ) -> None:
        self.step = step
        self.runtime = runtime
        self.summary = summary or {}
        self.definitions = definitions or Definitions()
        self.resumed = resumed


class Samples:
    """A few rows of the run, evenly spread however long it grows: for the curves at its end."""

    def __init__(self) -> None:
        self.rows: list[Mapping[str, Any]] = []
        self.mask = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Keep a row; the caller asks for those whose number has no bit of `mask`."""
        self.rows.append(row)
        if len(self.rows) >= _MAX_SAMPLES:
            del self.rows[1::2]
            self.mask = self.mask * 2 + 1


class Recorder:
    """Records rows, summary and whatever else a run says, in the order in which it is said.

    A signal handler, or a finaliser that the garbage collector runs, may call in while the same
    thread is inside: such a call waits in a queue and is done at the end of the one it broke into,
    so that no frame is ever written into the middle of another.

    Args:
        journal: takes the records.
        beginning: where the run starts.
        warn: called with a kind and a line when something is not as the caller may think.

    Attributes:
        step: the number of the next row, or of the open one.
        runtime_since: when the run began, less what earlier stretches ran: Unix milliseconds.
        rows: rows recorded. dropped: rows not kept since their step was lower than the current.
    """

    def __init__(
        self, journal: Journal, beginning: Beginning, warn: Callable[[str, str], None]
    ) -> None:
        self.step = beginning.step
        self.rows = 0
        self.dropped = 0
        self.samples = Samples()
        self.definitions = beginning.definitions
        self._warn = warn
        self._journal = journal
        self._append = journal.append_held
        self._encoder = encode.HistoryEncoder()
        self._encode = self._encoder.encode
        self._may_restart = beginning.resumed
        self._open: dict[str, Any] | None = None
        self._open_payload: bytes | None = None
        # No row is open, and no definition says what else a row needs.
        self._plain = not beginning.definitions
        self._summary = dict(beginning.summary)
        self._told: dict[str, Any] = {}
        # What the summary lacks of rows of numbers; the last such row stands apart, for a copy into
        # a dict costs more than what else is done with a row here.
        self._unfolded: dict[str, Any] = {}
        self._last_names: tuple[str, ...] = ()
        self._last_values: tuple[Any, ...] = ()
        self.runtime_since = time_ns() // 1_000_000 - int(beginning.runtime * 1000)
        self._plain_rows = PlainRows(self.runtime_since)
        self._encode_plain = self._plain_rows.encode
        self._last_time = self._open_time = self.runtime_since
        self._last_step = self.step
        # Reentrant, so that a call that breaks into this thread's own can see that it does.
        self._lock = journal.lock
        self._inside = False
        self._waiting: deque[Callable[[], None]] = deque()
        self._afterwards: list[Callable[[], None]] = []

    @property
    def runtime(self) -> float:
        """Seconds that the run has run, earlier stretches included."""
        return max(0.0, time_ns() / 1e9 - self.runtime_since / 1000)

    def log(
        self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None
    ) -> None:
        """Record a row, or a part of one (see `holdfast.client.run.Run.log`)."""
        with self._lock:
            if self._inside:
                self._waiting.append(lambda: self._log(data, step, commit))
                return
            self._inside = True
            try:
                if step is not None or commit is False or not self._plain:
                    self._log(data, step, commit)
                else:  # the fast case: a whole row of numbers, and nothing else to look at
                    now = time_ns() // 1_000_000
                    number = self.step
                    payload = self._encode_plain(data, number, now)
                    if payload is None:
                        self._log(data, None, None)
                    else:
                        # First, so that an interrupt cannot give one number to two rows.
                        self.step = number + 1
                        self._append(payload)
                        plain = self._plain_rows
                        if plain.names is not self._last_names:
                            self._keep_last(plain.names)
                        self._last_values = plain.values
                        self._last_time = now
                        self._last_step = number
                        if not self.rows & self.samples.mask:
                            self.samples.add(dict(data))
                        self.rows += 1
                if self._waiting:
                    self._drain()
            finally:
                self._inside = False
        if self._afterwards:
            self._run_afterwards()

    def write(self, payload: bytes) -> None:
        """Append any other record."""
        self.do(lambda: self._append(payload))

    def do(self, action: Callable[[], None]) -> None:
        """Run an action inside the lock, or after the call that it breaks into."""
        with self._lock:
            if self._inside:
                self._waiting.append(action)
                return
            self._inside = True
            try:
                action()
                if self._waiting:
                    self._drain()
            finally:
                self._inside = False
        if self._afterwards:
            self._run_afterwards()

    def put_off(self, action: Callable[[], None]) -> bool:
        """Keep an action for later if it breaks into a call of this thread's; else False.

        For what takes other locks or waits for threads, which `do` must not.
        """
        if not self._lock.acquire(blocking=False):
            return False  # another thread is inside: it will come out by itself
        try:
            if self._inside:
                self._afterwards.append(action)
            return self._inside
        finally:
            self._lock.release()

    def define(self, definition: MetricDef) -> None:
        """Take what `define_metric` was told."""

        def act() -> None:
            self._fold()  # rows before the definition follow the old one
            self.definitions.add(definition)
            self._plain = False
            if self._open is not None and self._open_payload is not None:
                times = {"_timestamp": self._open_time / 1000}
                self._add_to_open(times, self._open_time)  # it may need more than was encoded
            self._append(encode.metric(definition))

        self.do(act)

    # the summary; `Summary` is the view that scripts hold

    def summary_values(self) -> dict[str, Any]:
        """The summary as it stands; the caller must not change it."""
        self.do(self._fold)
        return self._summary

    def summary_copy(self) -> dict[str, Any]:
        """The summary as it stands, as a copy that nothing else changes."""
        copies: list[dict[str, Any]] = []

        def act() -> None:
            self._fold()
            copies.append(settle_all(self._summary))

        self.do(act)
        return copies[0] if copies else {}

    def set_summary(self, path: tuple[str, ...], value: Any) -> None:
        """Set a value of the summary; it is in the journal when this returns."""

        def act() -> None:
            self._fold()
            into = self._summary
            for part in path[:-1]:
                if type(into.get(part)) is not dict:
                    into[part] = {}
                into = into[part]
            into[path[-1]] = value
            self._tell({path[0]: self._summary[path[0]]})

        self.do(act)

    def remove_summary(self, path: tuple[str, ...]) -> None:
        """Remove a value of the summary; KeyError when there is none."""
        values = self.summary_values()
        for part in path[:-1]:
            values = values[part]
        if path[-1] not in values:
            raise KeyError(path[-1])

        def act() -> None:
            del values[path[-1]]
            if len(path) > 1:
                self._tell({path[0]: self._summary[path[0]]})
            else:
                self._told.pop(path[0], None)
                self._append(encode.summary({}, (path[0],)))

        self.do(act)

    def write_summary(self, more: Mapping[str, Any] | None = None) -> bool:
        """Record what changed in the summary since the last time; False when nothing did."""
        changed: dict[str, Any] = {}

        def act() -> None:
            self._fold()
            self._summary.update(more or {})
            for key, value in self._summary.items():
                told = self._told.get(key, self)
                if told is not value and told != _print_of(value):  # a NaN equals nothing
                    changed[key] = value
            if changed:
                self._tell(changed)

        self.do(act)
        return bool(changed)

    def close_row(self) -> None:
        """Close the row that is open, if one is."""
        self.do(self._close_row)

    # inside the lock

    def _log(self, data: Mapping[str, Any], step: int | None, commit: bool | None) -> None:
        if not isinstance(data, Mapping):
            what = type(data).__name__
            raise UsageError(f"log() got {what}", "give a dict, as in run.log({'loss': loss})")
        row = settle_all(data)
        row.pop("_step", None)
        if step is not None and not self._go_to(step):
            return
        closes = step is None if commit is None else commit
        now = time_ns() // 1_000_000
        payload = None
        if self._plain:
            payload = self._encode_plain(row, self.step, now)
        if payload is None:
            self._add_to_open(row, now)
            if row and not closes:
                # All of each key that changed, so that a reader need not merge inside values.
                part = {key: self._open[key] for key in row} if self._open else row
                self._append(self._encoder.encode_open(part, self.step))
        else:
            self._open, self._open_payload, self._open_time = row, payload, now
            self._plain = False
            if not closes:
                self._append(opened(payload))
        if closes:
            self._close_row()
            self.step += 1

    def _add_to_open(self, row: dict[str, Any], now: int) -> None:
        if self._open is None:
            self._open = {}
            self._plain = False
        if row:
            row.setdefault("_timestamp", now / 1000)
            row["_runtime"] = max(now - self.runtime_since, 0) / 1000
            self._open_payload = None
            self._open_time = now
        merge(self._open, row)

    def _go_to(self, step: Any) -> bool:
        """Make ``step`` the current one; False when a row of that step is not kept."""
        try:
            number = int(step)
        except (TypeError, ValueError, OverflowError):
            raise UsageError(f"log() got step={step!r}", "give a whole number") from None
        if number < self.step:
            if not self._may_restart or number < 0:
                self.dropped += 1
                self._warn(
                    "step",
                    f"a row of step {number} is not kept, since step {self.step} has begun; "
                    "steps must not go back (said once, counted at the end)",
                )
                return False
            self._may_restart = False
        if number != self.step:
            self._close_row()
            self.step = number
        return True

    def _close_row(self) -> None:
        row, self._open = self._open, None
        payload, self._open_payload = self._open_payload, None
        self._plain = not self.definitions
        if not row:
            return
        if self.definitions:
            merge(row, self.definitions.steps_to_add(row, self._summary_now()))
        before = self._journal.position
        try:
            self._append(self._encode(row, self.step) if payload is None else payload)
        except BaseException:  # an interrupt: whether the row went in, the position says
            if self._journal.position == before:
                self._open, self._open_payload, self._plain = row, payload, False
            raise
        if payload is None:
            self._fold()
            self.definitions.fold(self._summary, row)
            self._summary["_step"] = self.step
        else:
            self._keep_last(())
            self._unfolded.update(row)
            self._last_time = self._open_time
            self._last_step = self.step
        if not self.rows & self.samples.mask:
            self.samples.add(row)
        self.rows += 1

    def _summary_now(self) -> dict[str, Any]:
        self._fold()
        return self._summary

    def _keep_last(self, names: tuple[str, ...]) -> None:
        """Keep what the last row said, before one with other ``names`` takes its place."""
        self._unfolded.update(zip(self._last_names, self._last_values))  # noqa: B905  of one row
        self._last_names, self._last_values = names, ()

    def _fold(self) -> None:
        """Bring the rows of numbers into the summary."""
        self._keep_last(())
        if self._unfolded:
            self._summary.update(self._unfolded)
            self._summary["_timestamp"] = self._last_time / 1000
            self._summary["_runtime"] = max(self._last_time - self.runtime_since, 0) / 1000
            self._summary["_step"] = self._last_step
            self._unfolded = {}

    def _tell(self, changed: dict[str, Any]) -> None:
        self._told.update({key: _print_of(value) for key, value in changed.items()})
        self._append(encode.summary(changed))

    def _drain(self) -> None:
        while self._waiting:
            self._waiting.popleft()()

    def _run_afterwards(self) -> None:
        actions, self._afterwards = self._afterwards, []
        for action in actions:
            action()


def _print_of(value: Any) -> Any:
    """What to compare a value by later, though it may have changed inside by then."""
    return dumps(value) if type(value) in (dict, list) else value
