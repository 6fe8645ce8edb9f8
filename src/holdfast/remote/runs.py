"""Runs: one with all that is known of it, and the list of a project's.

Owns the names of W&B's public API for a run. Must not know how the server stores one.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from holdfast.errors import NotFoundError, UsageError
from holdfast.ids import RunPath
from holdfast.records.times import iso
from holdfast.remote.files import File, Files
from holdfast.remote.filters import Filter
from holdfast.remote.pages import Pages
from holdfast.remote.reader import Reader
from holdfast.wire import paths

__all__ = ["ConsoleLine", "Run", "Runs"]

_CONSOLE_PAGE = 1000


class ConsoleLine(NamedTuple):
    """One line of a run's console; ``stream`` is ``stdout`` or ``stderr``.

    ``label`` says whose it is, of a run that several writers write side by side.
    """

    number: int
    stream: str
    timestamp: float | None
    text: str
    label: str = ""


class Run:
    """One run, as it was when it was asked for; `load` asks again.

    Attributes:
        id: the run's id.
        entity, project: where it lives.
    """

    def __init__(self, reader: Reader, path: RunPath, said: Mapping[str, Any]) -> None:
        self._reader = reader
        self._path = path
        self._said = dict(said)
        self.id = path.run_id
        self.entity = path.entity
        self.project = path.project

    def load(self, force: bool = True) -> Run:
        """Ask the server for all of this run, again if it was asked before; returns the run."""
        if force or "metadata" not in self._said:
            self._said = self._reader.json(paths.run(self._path))
        return self

    @property
    def path(self) -> list[str]:
        """Entity, project and id."""
        return list(self._path)

    @property
    def name(self) -> str:
        """The name for people."""
        return str(self._said["name"])

    @property
    def state(self) -> str:
        """running, finished, failed, preempted, crashed or pending."""
        return str(self._said["state"])

    @property
    def proof(self) -> str:
        """What the server can prove of the run: confirmed, received, arriving or gaps."""
        return str(self._said["proof"])

    @property
    def config(self) -> dict[str, Any]:
        """What went into the run, nested as given."""
        return dict(self._said["config"])

    @property
    def summary(self) -> dict[str, Any]:
        """One value a metric for the whole run."""
        return dict(self._said["summary"])

    @property
    def tags(self) -> list[str]:
        """The run's tags."""
        return list(self._said["tags"])

    @property
    def notes(self) -> str:
        """Notes on the run."""
        return str(self._said["notes"] or "")

    @property
    def group(self) -> str:
        """The group of runs that it belongs to."""
        return str(self._said["group"] or "")

    @property
    def job_type(self) -> str:
        """What the run does: train, eval or whatever it was called."""
        return str(self._said["job_type"] or "")

    @property
    def created_at(self) -> str:
        """When the run began (ISO 8601, UTC)."""
        return iso(self._said["started_at"] or self._said["created_at"]) or ""

    @property
    def metadata(self) -> dict[str, Any]:
        """Host, command, Python, git and hardware."""
        return dict(self.load(force=False)._said["metadata"] or {})

    @property
    def alerts(self) -> list[dict[str, str]]:
        """What the script said with `run.alert`, oldest first: ``title``, ``text``, ``level``."""
        return [dict(alert) for alert in self.load(force=False)._said["alerts"]]

    @property
    def exit_code(self) -> int | None:
        """What the process ended with; None while it has not, or when it was killed."""
        code = self.load(force=False)._said["exit_code"]
        return None if code is None else int(code)

    @property
    def lastHistoryStep(self) -> int:  # noqa: N802 - W&B's name
        """The highest step; -1 when nothing was logged."""
        step = self._said["last_step"]
        return -1 if step is None else int(step)

    @property
    def url(self) -> str:
        """Where a browser sees the run."""
        return f"{self._reader.connection.base_url}{paths.page(self._path)}"

    def history(
        self,
        samples: int = 500,
        keys: Sequence[str] | None = None,
        x_axis: str = "_step",
        pandas: bool | None = None,
        stream: str = "default",
    ) -> Any:
        """A thinned history, for a plot.

        Args:
            samples: at most so many rows, spread evenly, the first and last among them.
            keys: only rows that have all of these, cut down to them and ``_step``.
            x_axis: taken along into the rows when ``keys`` are given.
            pandas: a DataFrame (True) or a list of dicts (False); by default a DataFrame when
                pandas is installed.
            stream: only ``"default"``: what `log` wrote.

        Raises:
            UsageError: pandas was asked for and is not installed, or another stream.
        """
        if stream != "default":
            raise UsageError(f"there is no stream {stream!r} here", 'use stream="default"')
        wanted = [*keys, x_axis] if keys and x_axis not in {"_step", *keys} else keys
        said = self._reader.json(
            paths.sampled(self._path), keys=_joined(wanted), samples=max(1, samples)
        )
        return _frame(said["rows"], pandas)

    def scan_history(
        self,
        keys: Sequence[str] | None = None,
        page_size: int = 1000,
        min_step: int | None = None,
        max_step: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Every row in order, exactly as logged, as a stream.

        Of a run that several processes write at the same time, rows come writer after writer, and
        ``_label`` says whose each is.

        Args:
            keys: only rows that have all of these, cut down to them, ``_step`` and ``_label``.
            page_size: taken for compatibility; rows come as one stream.
            min_step: the first step wanted.
            max_step: the step before which to end, as in W&B: it is not included.

        Example:
            >>> losses = [row["loss"] for row in run.scan_history(["loss"])]  # doctest: +SKIP
        """
        del page_size
        last = None if max_step is None else max_step - 1
        if last is not None and last < (min_step or 0):
            return iter(())
        return self._reader.rows(
            paths.history(self._path), keys=_joined(keys), min_step=min_step, max_step=last
        )

    def files(
        self,
        names: Sequence[str] | None = None,
        per_page: int = 50,
        pattern: str | None = None,
    ) -> Files:
        """The run's files; ``per_page`` is taken for compatibility."""
        del per_page
        return Files(self._reader, self._path, names, pattern)

    def file(self, name: str) -> File:
        """One file by name.

        Raises:
            NotFoundError: the run has no such file.
        """
        for file in self.files(names=[name]):
            return file
        raise NotFoundError(
            f"run {self._path} has no file {name!r}", "files() lists those that it has"
        )

    def logs(self) -> Iterator[ConsoleLine]:
        """What the run printed, line by line."""
        after = 0
        given = -1
        while True:
            said = self._reader.json(paths.console(self._path), after=after, limit=_CONSOLE_PAGE)
            for line in said["lines"]:
                # The first line of a page is the last of the one before: it may have changed.
                if line["number"] > given:
                    given = line["number"]
                    moment, label = line["timestamp"], line["label"]
                    yield ConsoleLine(given, line["stream"], moment, line["text"], label)
            if said["next"] is None or said["next"] <= after:
                return
            after = said["next"]

    def to_json(self) -> dict[str, Any]:
        """All that the server said of the run."""
        return dict(self._said)

    def __repr__(self) -> str:
        return f"<Run {self._path} ({self.state})>"


class Runs(Pages[Run]):
    """The runs of a project, page by page.

    Args:
        reader: the server.
        entity, project: whose.
        order: ``[+-]COLUMN``.
        passes: only runs for which this is true.
        per_page: how many are asked for at a time.
    """

    def __init__(
        self,
        reader: Reader,
        place: tuple[str, str],
        *,
        order: str,
        passes: Filter | None,
        per_page: int,
    ) -> None:
        super().__init__()
        self._reader = reader
        self._place = place
        self._order = order
        self._passes = passes
        self._per_page = per_page
        self._total: int | None = None

    def _page(self, after: str) -> tuple[list[Run], str | None]:
        said = self._reader.json(
            paths.runs(*self._place),
            order=self._order,
            limit=self._per_page,
            after=after,
            columns="*",
        )
        self._total = said["total"]
        rows = [row for row in said["runs"] if self._passes is None or self._passes(row)]
        found = [Run(self._reader, RunPath(*self._place, row["run_id"]), row) for row in rows]
        return found, said["next"]

    def __len__(self) -> int:
        if self._passes is not None:
            return super().__len__()
        if self._total is None:
            self._load()
        return self._total or 0

    def __repr__(self) -> str:
        return f"<Runs {'/'.join(self._place)}>"


def _joined(keys: Sequence[str] | None) -> str:
    """A comma list as the server reads it: a comma or backslash in a key has one before it."""
    return ",".join(key.replace("\\", "\\\\").replace(",", "\\,") for key in keys or ())


def _frame(rows: list[dict[str, Any]], pandas: bool | None) -> Any:
    if pandas is None:
        pandas = importlib.util.find_spec("pandas") is not None
    if not pandas:
        return rows
    try:
        return importlib.import_module("pandas").DataFrame.from_records(rows)
    except ImportError as error:
        raise UsageError("pandas is not installed", "install it or pass pandas=False") from error
