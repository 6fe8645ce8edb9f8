"""Lines for charts: the points of some keys of some runs, thinned to what a screen can show.

Owns what a line says and which runs have one. Must not know HTTP, SQL, Parquet, or how a series
is thinned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from holdfast.errors import UsageError
from holdfast.server.history import JournalSource, read_columns
from holdfast.server.history.series import Axis, Series, series
from holdfast.server.metastore import reads
from holdfast.server.query.sources import Stores, must_find_project, sources_of

__all__ = ["SYSTEM_PREFIX", "LinesRequest", "lines"]

SYSTEM_PREFIX = "system."
"""Stands before the key of every system metric that users see; journals do not have it."""

_MAX_LINES = 20_000


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


def lines(stores: Stores, entity: str, project: str, request: LinesRequest) -> dict[str, Any]:
    """``{lines: [...]}``: by run in the order asked, then by key; runs without the key have none.

    Raises:
        NotFoundError: no such project.
        UsageError: more lines than one request may ask for.
    """
    if len(request.runs) * len(request.keys) > _MAX_LINES:
        raise UsageError(
            f"{len(request.runs)} runs with {len(request.keys)} keys are too many lines",
            f"ask for at most {_MAX_LINES} at once",
        )
    run_ids = list(dict.fromkeys(request.runs))
    with stores.meta.read() as tx:
        pks = reads.run_pks(tx, must_find_project(tx, entity, project), run_ids)
        sources = sources_of(tx, list(pks.values()), request.stream)
        started = reads.started_at(tx, list(pks.values()))
    answers: list[dict[str, Any]] = []
    for run_id in run_ids:
        if run_id in pks:
            pk = pks[run_id]
            found = _series_of(stores, sources[pk], started[pk], request)
            answers.extend(_answer(run_id, one) for one in found)
    return {"lines": answers}


def _series_of(
    stores: Stores, sources: list[JournalSource], started_at: float, request: LinesRequest
) -> Iterator[Series]:
    system = request.stream == "system"
    x_key = "_runtime" if system and request.x == "_step" else request.x
    axis = Axis(_stored(x_key, system), request.least, request.greatest, started_at)
    keys = {_stored(key, system): key for key in request.keys}
    columns = read_columns(
        sources,
        stores.blobs,
        list(dict.fromkeys((*keys, *axis.needs))),
        kind=request.stream,
        span=axis.span,
        latest=request.latest,
    )
    for one in series(columns, list(keys), axis, request.points, ordered=request.latest):
        yield one._replace(key=keys[one.key])


def _stored(key: str, system: bool) -> str:
    return key.removeprefix(SYSTEM_PREFIX) if system else key


def _answer(run_id: str, one: Series) -> dict[str, Any]:
    line = one.line
    return {
        "run": run_id,
        "key": one.key,
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
