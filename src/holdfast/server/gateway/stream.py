"""The stream of lines of a live run: history, system metrics, summary, console.

Owns the records that lines become, and when a session begins. Must not know HTTP, or how a journal
is stored. docs/formats/wandb-gateway.md tells what follows from an offset.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.errors import NotFoundError
from holdfast.ids import RunPath
from holdfast.records import encode
from holdfast.records.encode import RunInfo, StreamCounts
from holdfast.records.json_rows import JsonRows, plain_values, read_rows
from holdfast.records.replay import Replay
from holdfast.records.values import flatten, loads
from holdfast.server.gateway.console import ConsoleLine, read_lines, written
from holdfast.server.gateway.context import Context
from holdfast.server.gateway.differences import changed_summary
from holdfast.server.gateway.news import News, new_rows, new_stats
from holdfast.server.gateway.posted import MAX_OFFSET, Posted, malformed, read_body
from holdfast.server.ingest import Held
from holdfast.server.ingest.sessions import SESSION, beginning
from holdfast.server.query import Queries

__all__ = ["take"]

_EARLIER_SECONDS = 1.0


def take(context: Context, run: RunPath, body: bytes) -> dict[str, Any]:
    """Take one body (JSON, already unpacked) and give the answer's.

    Raises:
        RefusedError: 400 when the body is malformed.
        NotFoundError: no such run.
    """
    post = _read(read_body(body), context.client_id)

    def say(held: Held) -> list[bytes]:
        if held.run is None:
            raise NotFoundError(f"no run {run}", "it was deleted, or never begun")
        return _records(run, post, held, context.queries)

    return {"stopped": context.ingest.append(run, say, rows=post.rows.batches)}


@dataclass(frozen=True)
class _Post:
    """A body with its lines read; ``client`` is empty unless several write the run."""

    said: Posted
    rows: JsonRows
    stats: list[dict[str, Any]]
    console: list[ConsoleLine]
    summary: dict[str, Any] | None
    client: str


def _read(said: Posted, client: str) -> _Post:
    try:
        # Each of several clients counts its own steps: here they would hide each other's rows.
        rows = read_rows(said.history.content, steps=not client)
    except ValueError as error:
        raise malformed(f"wandb-history.jsonl: {error}") from error
    if any(step is not None and not 0 <= step <= MAX_OFFSET for step in rows.steps):
        # No client sends such a one, and after it every row that came before would be an old one.
        raise malformed("a step in wandb-history.jsonl is no number from 0 to 2**53")
    return _Post(
        said,
        rows,
        [_object("wandb-events.jsonl", line) for line in said.events.content],
        read_lines(said.output.content, time.time()),
        _object("wandb-summary.json", said.summary.content[-1]) if said.summary.content else None,
        client,
    )


def _object(name: str, line: str) -> dict[str, Any]:
    try:
        found = loads(line)
    except ValueError as error:
        raise malformed(f"a line of {name} is not JSON: {line[:80]!r}") from error
    if not isinstance(found, dict):
        raise malformed(f"a line of {name} is no JSON object: {line[:80]!r}")
    return found


def _records(run: RunPath, post: _Post, held: Held, queries: Queries) -> list[bytes]:
    """What the post adds to what is held."""
    replay, counts = held.replay, _counts(post, held)
    # Nothing is added to a session that ended: what is new begins another. Of several clients of
    # one run the first to leave ends it, and the others go on.
    ended = replay is None or (replay.complete and not post.client)
    offset = post.said.history.offset

    def row_stamps(low: int, high: int) -> frozenset[tuple[int, float]]:
        return queries.row_stamps(run, low, high)

    news = new_rows(post.rows, offset, counts, held.greatest_step, row_stamps)
    if news.overwrites:
        counts = StreamCounts()
        ended = True
    stat_stamps = (lambda: queries.stat_stamps(run)) if ended and not news.overwrites else None
    stats = new_stats(post.stats, post.said.events.offset, counts, stat_stamps)
    begin: list[bytes] = []
    if ended:
        # With rows that are all held comes output that is: it says no time by which to know it.
        more = bool(stats) or post.said.output.end > counts.output
        if not news.fresh and (post.rows.records or not more):
            return [] if replay is None else _ending(post, held, replay, None)
        begin = beginning(run, _session(post.rows, news), SESSION, held)
        replay = Replay()
    assert replay is not None
    return [*begin, *_lines(post, news, stats, counts, replay), *_ending(post, held, replay, news)]


def _counts(post: _Post, held: Held) -> StreamCounts:
    if not post.client:
        return held.counts
    none = StreamCounts(client=post.client)
    return none if held.replay is None else held.replay.counts.get(post.client, none)


def _session(rows: JsonRows, news: News) -> RunInfo:
    """Who a session that begins with these rows is: a resumed one, or one that overwrites."""
    moment = rows.moment(news.fresh[0]) if news.fresh else None
    step = rows.steps[news.fresh[0]] if news.fresh else None
    return RunInfo(
        "",
        start_time=time.time() if moment is None else moment,
        resumed=not news.overwrites,
        starting_step=step or 0,
    )


def _lines(
    post: _Post,
    news: News,
    stats: Sequence[dict[str, Any]],
    counts: StreamCounts,
    replay: Replay,
) -> list[bytes]:
    """Records of lines, and the counts after them."""
    said = post.said
    every = post.rows.records
    records = _earlier_start(post.rows, news, replay)
    records += every if len(news.fresh) == len(every) else [every[at] for at in news.fresh]
    records += map(_stat, stats)
    console, marks = written(said.output, post.console, counts.output, counts.last_lines)
    records += console
    after = StreamCounts(
        history=max(counts.history, said.history.end if every else 0),
        events=max(counts.events, said.events.end if post.stats else 0),
        output=max(counts.output, said.output.end if post.console else 0),
        last_lines=marks,
        client=post.client,
    )
    if after != replay.counts.get(post.client):
        records.append(encode.stream_counts(after))
    return records


def _earlier_start(rows: JsonRows, news: News, replay: Replay) -> list[bytes]:
    """A synced run began long before its first word reached the server."""
    if replay.run is None or replay.run.resumed or replay.rows or not news.fresh:
        return []
    moment = rows.moment(news.fresh[0])
    runtime = plain_values(rows.first.get("_runtime"))
    if not isinstance(runtime, int | float):
        runtime = 0.0
    if moment is None or not 0 <= runtime < moment:
        return []
    start = moment - runtime
    if start > replay.run.start_time - _EARLIER_SECONDS:
        return []
    return [encode.run(RunInfo(replay.run.run_id, start_time=start))]


def _stat(said: dict[str, Any]) -> bytes:
    moment = said.get("_timestamp")
    known = isinstance(moment, int | float) and abs(moment) < 1e12
    values = {
        key.removeprefix("system."): value
        for key, value in flatten(said).items()
        if not key.startswith("_")
    }
    return encode.stats(values, float(moment) if known else time.time())  # type: ignore[arg-type]


def _ending(post: _Post, held: Held, replay: Replay, news: News | None) -> list[bytes]:
    """What is said of the run whole: summary, files, how it ended.

    ``news`` is None for a session that ended before. While its folder is synced once more, the
    summary grows again from nothing: what is missing in it is missing at the end only.
    """
    assert held.run is not None
    said = post.said
    records: list[bytes] = []
    if post.summary is not None:
        known = loads(held.run.summary)
        last = None if news is None else post.rows.last
        if news is not None and len(news.fresh) < len(post.rows.records):
            # Some rows were held: what the last ones left in the summary is not worked out twice.
            known = {key: value for key, value in known.items() if key not in post.rows.last}
            last = None
        whole = (news is not None or said.exit_code is not None) and not post.client
        told = {k: v for k, v in post.summary.items() if k != "_step" or not post.client}
        records += changed_summary(told, known, replay, last, whole=whole)
    uploaded = [path for path in said.uploaded if path not in replay.files]
    if uploaded:
        records.append(encode.files(uploaded))
    if said.preempting and not replay.preempting:
        records.append(encode.preempting())
    if said.exit_code is not None and said.exit_code != replay.exit_code:
        records.append(encode.exit_record(said.exit_code, _runtime(post, held)))
    return records


def _runtime(post: _Post, held: Held) -> int:
    """Seconds that the run took, as its summary tells."""
    assert held.run is not None
    summary = loads(held.run.summary) if post.summary is None else post.summary
    wandb = summary.get("_wandb")
    told = wandb.get("runtime") if isinstance(wandb, dict) else summary.get("_runtime")
    return int(told) if isinstance(told, int | float) and 0 <= told < 1e9 else 0
