"""Lines for charts: the points of some keys of some runs, thinned to what a screen can show.

Owns what a line says, which runs have one, and what is kept of the lines drawn last: a dashboard
asks for the same lines again and again, and opening the segments of a thousand runs takes
seconds. Must not know HTTP, SQL, Parquet, or how a series is thinned.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

from holdfast.errors import UsageError
from holdfast.server.history import JournalSource, read_columns
from holdfast.server.history.series import Axis, Series, series
from holdfast.server.metastore import reads
from holdfast.server.query.sources import Stores, by_writer, must_find_project, sources_of

__all__ = ["SYSTEM_PREFIX", "Lines", "LinesRequest"]

SYSTEM_PREFIX = "system."
"""Stands before the key of every system metric that users see; journals do not have it."""

_MAX_LINES = 20_000
_MAX_KEPT_NUMBERS = 8_000_000  # 64 MB
_LINE_OVERHEAD = 100  # what a kept line costs beside its points, in numbers


@dataclass(frozen=True)
class LinesRequest:
    """Which lines.

    Args:
        runs: run ids; unknown ones are left out of the answer.
        keys: of the metrics.
        stream: ``history`` or ``system``.
        x: ``_step``, ``_runtime``, ``_timestamp`` or any metric; system samples have no step,
            theirs is ``_runtime`` then.
        points: about how many points a line may have.
        least: the least x wanted; None for no bound.
        greatest: the greatest x wanted.
        latest: leave out rows that a later stretch wrote again.
    """

    runs: tuple[str, ...]
    keys: tuple[str, ...]
    stream: str = "history"
    x: str = "_step"
    points: int = 1000
    least: float | None = None
    greatest: float | None = None
    latest: bool = True


_Drawn = tuple[tuple[str, Series], ...]
"""The lines of one key of one run, each with the label of its writer."""


class _Name(NamedTuple):
    """What a kept line was made from; ``changed`` moves whenever its run does."""

    pk: int
    changed: int
    key: str
    question: tuple[Any, ...]


class Lines:
    """Answers about lines, of one server."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._kept: OrderedDict[_Name, _Drawn] = OrderedDict()
        self._numbers = 0
        self._lock = threading.Lock()

    def lines(self, entity: str, project: str, request: LinesRequest) -> dict[str, Any]:
        """``{lines: [...]}``: by run in the order asked, by key, by writer; none without points.

        Raises:
            NotFoundError: no such project.
            UsageError: more lines than one request may ask for.
        """
        if len(request.runs) * len(request.keys) > _MAX_LINES:
            raise UsageError(
                f"{len(request.runs)} runs with {len(request.keys)} keys are too many lines",
                f"ask for at most {_MAX_LINES} at once",
            )
        keys = list(dict.fromkeys(request.keys))
        run_ids = list(dict.fromkeys(request.runs))
        with self._stores.meta.read() as tx:
            runs = reads.run_versions(tx, must_find_project(tx, entity, project), run_ids)
            found = {run_id: self._known(run, keys, request) for run_id, run in runs.items()}
            stale = [runs[run_id].pk for run_id in runs if len(found[run_id]) < len(keys)]
            sources = sources_of(tx, self._stores.blobs, stale, request.stream)
        answers: list[dict[str, Any]] = []
        for run_id in run_ids:
            if run_id in runs:
                run, known = runs[run_id], found[run_id]
                missing = [key for key in keys if key not in known]
                if missing:
                    known |= self._read(run, sources[run.pk], missing, request)
                drawn = ((key, one) for key in keys for one in known[key])
                answers.extend(_answer(run_id, key, *one) for key, one in drawn)
        return {"lines": answers}

    def _known(
        self, run: reads.RunVersion, keys: list[str], request: LinesRequest
    ) -> dict[str, _Drawn]:
        found = {}
        with self._lock:
            for key in keys:
                name = _name(run, key, request)
                if name in self._kept:
                    self._kept.move_to_end(name)
                    found[key] = self._kept[name]
        return found

    def _read(
        self,
        run: reads.RunVersion,
        sources: list[JournalSource],
        keys: list[str],
        request: LinesRequest,
    ) -> dict[str, _Drawn]:
        system = request.stream == "system"
        x_key = "_runtime" if system and request.x == "_step" else request.x
        axis = Axis(_stored(x_key, system), request.least, request.greatest, run.started_at)
        stored = [_stored(key, system) for key in keys]
        found: dict[str, _Drawn] = dict.fromkeys(keys, ())
        for label, some in by_writer(sources).items():
            columns = read_columns(
                some,
                self._stores.blobs,
                list(dict.fromkeys((*stored, *axis.needs))),
                kind=request.stream,
                span=axis.span,
                latest=request.latest,
            )
            made = series(columns, stored, axis, request.points, ordered=request.latest)
            by_key = {one.key: one for one in made}
            for key, name in zip(keys, stored, strict=True):
                if name in by_key:
                    found[key] += ((label, by_key[name]),)
        self._keep({_name(run, key, request): one for key, one in found.items()})
        return found

    def _keep(self, fresh: dict[_Name, _Drawn]) -> None:
        with self._lock:
            for name, one in fresh.items():
                if name not in self._kept:
                    self._kept[name] = one
                    self._numbers += _cost(one)
            while self._numbers > _MAX_KEPT_NUMBERS:
                self._numbers -= _cost(self._kept.popitem(last=False)[1])


def _name(run: reads.RunVersion, key: str, request: LinesRequest) -> _Name:
    span = (request.least, request.greatest)
    question = (request.stream, request.x, request.points, request.latest, *span)
    return _Name(run.pk, run.changed, key, question)


def _cost(drawn: _Drawn) -> int:
    """About how much memory kept lines take, in numbers of 8 bytes."""
    lines = [one.line for _, one in drawn]
    points = sum(2 * len(line.x) + 2 * len(line.lo) + 16 * len(line.marks) for line in lines)
    return _LINE_OVERHEAD * max(1, len(lines)) + points


def _stored(key: str, system: bool) -> str:
    return key.removeprefix(SYSTEM_PREFIX) if system else key


def _answer(run_id: str, key: str, label: str, one: Series) -> dict[str, Any]:
    line = one.line
    return {
        "run": run_id,
        "key": key,
        "label": label,
        "x": _numbers(line.x.tolist()),
        "y": line.y.tolist(),
        "lo": line.lo.tolist(),
        "hi": line.hi.tolist(),
        "total": line.total,
        "exact": line.exact,
        "marks": [{"x": x, "kind": kind} for x, kind in line.marks],
        "breaks": one.breaks,
    }


def _numbers(values: list[float]) -> list[float]:
    """Steps as whole numbers: half the bytes of an answer are x."""
    whole: list[float] = [int(value) for value in values]
    return whole if whole == values else values
