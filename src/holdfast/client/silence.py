"""The recorder of a run that writes nothing: disabled, not rank 0, or in a forked worker.

Owns what is left of a run then: the step and the summary, in memory. Everything else is accepted
and forgotten, unknown attributes included.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from holdfast.client.metrics import Definitions
from holdfast.client.recorder import Samples
from holdfast.client.settle import settle_all
from holdfast.errors import UsageError
from holdfast.records.definitions import MetricDef

__all__ = ["ClosedRecorder", "Nothing", "SilentRecorder"]


class SilentRecorder:
    """Has the methods of `Recorder`, and no journal.

    Args:
        complain: called at each `log`; it may say, once, that nothing is written.
    """

    def __init__(self, complain: Callable[[], None] | None = None, *, step: int = 0) -> None:
        self.step = step
        self.rows = 0
        self.dropped = 0
        self.runtime = 0.0
        self.samples = Samples()
        self._definitions = Definitions()
        self._summary: dict[str, Any] = {}
        self._complain = complain

    def log(
        self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None
    ) -> None:
        """Keep the step and the summary; write nothing."""
        if self._complain is not None:
            self._complain()
        self._definitions.fold(self._summary, settle_all(data))
        if step is not None:
            with contextlib.suppress(TypeError, ValueError, OverflowError):  # any call is accepted
                self.step = max(self.step, int(step))
        if commit or (commit is None and step is None):
            self.step += 1

    def write(self, payload: bytes) -> None:
        """Forget the record."""

    def do(self, action: Callable[[], None]) -> None:
        """Do not act: what asks for it is about to write."""

    def put_off(self, action: Callable[[], None]) -> bool:
        """Nothing here can be broken into."""
        return False

    def define(self, definition: MetricDef) -> None:
        """Keep the definition for the summary."""
        self._definitions.add(definition)

    def summary_values(self) -> dict[str, Any]:
        """The summary in memory."""
        return self._summary

    def set_summary(self, path: tuple[str, ...], value: Any) -> None:
        """Set a value of the summary in memory."""
        into = self._summary
        for part in path[:-1]:
            into = into.setdefault(part, {})
        into[path[-1]] = value

    def remove_summary(self, path: tuple[str, ...]) -> None:
        """Remove a value of the summary in memory."""
        into = self._summary
        for part in path[:-1]:
            into = into[part]
        del into[path[-1]]

    def write_summary(self, more: Mapping[str, Any] | None = None) -> bool:
        """Nothing is written."""
        return False

    def close_row(self) -> None:
        """Nothing is open."""


class ClosedRecorder(SilentRecorder):
    """The recorder of a run that has ended: it answers, and refuses what would be lost."""

    def __init__(self, run_id: str, step: int, summary: dict[str, Any]) -> None:
        super().__init__(step=step)
        self._run_id = run_id
        self._summary = summary

    def log(
        self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None
    ) -> None:
        """Raise UsageError."""
        self._refuse()

    def write(self, payload: bytes) -> None:
        """Raise UsageError."""
        self._refuse()

    def define(self, definition: MetricDef) -> None:
        """Raise UsageError."""
        self._refuse()

    def set_summary(self, path: tuple[str, ...], value: Any) -> None:
        """Raise UsageError."""
        self._refuse()

    def remove_summary(self, path: tuple[str, ...]) -> None:
        """Raise UsageError."""
        self._refuse()

    def _refuse(self) -> None:
        raise UsageError(
            f"run {self._run_id} is finished", "log before finish(), or start another run"
        )


class Nothing:
    """Stands for whatever a run that writes nothing is asked for: call it, index it, enter it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Nothing:
        """Nothing comes of it."""
        return self

    def __getattr__(self, name: str) -> Nothing:
        if name.startswith("_"):  # what Python and IPython ask for, such as `__deepcopy__`
            raise AttributeError(name)
        return self

    def __getitem__(self, key: Any) -> Nothing:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        return None

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return False

    def __enter__(self) -> Nothing:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def __repr__(self) -> str:
        return "<nothing: this run writes nothing>"
