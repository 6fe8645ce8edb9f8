"""What a journal's records add up to: who the run is, its config, summary, state, files.

Records are applied in order and nothing is kept of the history but what the summary needs, so
that a journal of any length folds into a small state, which can be stored as JSON and taken up
again at the next chunk. Rows, system metrics and console text are handed out as they pass.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from copy import deepcopy
from itertools import groupby
from typing import Any, NamedTuple

from holdfast.errors import DamagedError
from holdfast.records import alerts
from holdfast.records.batch import Batch, batches
from holdfast.records.decode import (
    add_runtime,
    float_step,
    history_row,
    kind,
    parse,
    seconds,
    update_values,
)
from holdfast.records.definitions import MetricDef, definition_of
from holdfast.records.encode import RunInfo, StreamCounts
from holdfast.records.environment import environment_told
from holdfast.records.values import dumps, flatten, is_ordered, loads

__all__ = ["Applied", "ConsoleText", "Replay", "Stat"]

_STREAMS = {0: "stderr", 1: "stdout"}
_POLICIES = {0: "now", 1: "end", 2: "live"}
_GOALS = {1: "minimize", 2: "maximize"}
_AGGREGATES = ("min", "max", "mean", "best", "last", "none", "copy", "first")
#: the tag of telemetry.open_row, which stands first in its record: behind one tag and a length
_OPEN_ROW = b"\xc2\x3e"
_EMPTY: dict[str, Any] = {"name": "", "notes": "", "group": "", "job_type": "", "tags": ()}
_Rows = Sequence[Batch]


class Stat(NamedTuple):
    """System metrics at a time (Unix seconds); keys have no ``system.`` prefix."""

    timestamp: float
    values: dict[str, float]


class ConsoleText(NamedTuple):
    """Text as written to a stream, not always whole lines; a label if clients share a journal."""

    timestamp: float
    stream: str
    text: str
    label: str = ""


class _Between(NamedTuple):
    """A record whose place among the rows matters: after so many of them."""

    rows: int
    kind: str
    payload: bytes


class Applied(NamedTuple):
    """What passed while records were applied."""

    rows: list[Batch]
    stats: list[Stat]
    console: list[ConsoleText]


class Replay:
    """The state of one journal's records.

    Attributes:
        run: who the run is; None before its ``run`` record.
        config, summary: nested, as logged. The summary is derived from the history (last values,
            or what `define_metric` says) and from ``summary`` records, whichever came later.
        metadata: where and how it ran. client: what the client says of itself in the config.
        metrics: definitions by name. files: path below ``files`` to policy.
        alerts: the latest, as (title, text, level).
        exit_code: None until the ``exit`` record. runtime: seconds, None until then.
        role: what a server that wrote the journal itself does with it: ``server`` or ``edits``;
            empty for a journal that training wrote.
        cleared: what of name, notes, group, job_type and tags is said to be empty.
        removed: what was removed from ``config`` and ``summary`` and not set again.
        paused: what the client left out while its disk was nearly full, by kind.
        counts: lines held of each stream by client, where a server wrote the journal.
        replaces: ids of the journals that this one was repaired from. lost: (start, end) of what
            could not be read of them, in bytes of theirs.
        runtime_since: from when, in Unix milliseconds, rows without ``_runtime`` count it; 0: they
            have none.
        open_row: the row of a step that was not closed; a reader shows it as the last row.
        records: number of records by kind. unreadable: those whose body is no record.
        rows: number of closed rows. last_step: the step of the last, None before the first.
        first_row: (step, Unix seconds) of the first of them that says both; None before it. It is
            by this that one session is known that is told twice.
    """

    def __init__(self) -> None:
        self.run: RunInfo | None = None
        self.config: dict[str, Any] = {}
        self.client: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.metrics: dict[str, MetricDef] = {}
        self.files: dict[str, str] = {}
        self.alerts: list[list[str]] = []
        self.exit_code: int | None = None
        self.runtime: int | None = None
        self.preempting = False
        self.paused: dict[str, int] = {}
        self.role = ""
        self.cleared: list[str] = []
        self.removed: dict[str, list[str]] = {"config": [], "summary": []}
        self.counts: dict[str, StreamCounts] = {}
        self.replaces: list[str] = []
        self.lost: list[list[int]] = []
        self.runtime_since = 0
        self.open_row: dict[str, Any] | None = None
        self.records: Counter[str] = Counter()
        self.unreadable = 0
        self.rows = 0
        self.first_row: list[float] | None = None
        self.last_step: int | None = None
        self._folds: dict[str, dict[str, float]] = {}
        self._rules: dict[str, MetricDef | None] = {}

    @property
    def complete(self) -> bool:
        """Whether the run said how it ended."""
        return self.exit_code is not None

    @property
    def rewound_to(self) -> int | None:
        """The last step of earlier journals that counts (event files: -1); None when all do."""
        run = self.run
        rewound = run is not None and run.branch_run and run.branch_run == run.run_id
        return run.branch_step if run is not None and rewound else None

    def apply(self, payloads: Iterable[bytes], rows: _Rows = ()) -> Applied:
        """Apply records in order; returns the rows, system metrics and console text among them.

        A caller who has just made records of ``rows``, each with its step, gives them too: if they
        are all the rows there are, they are not read out of the records again.
        """
        applied = Applied([], [], [])
        history: list[bytes] = []
        between: list[_Between] = []
        open_rows: list[bytes] = []
        for name, group in groupby(payloads, kind):
            alike = list(group)
            self.records[name] += len(alike)
            if name == "history":  # thousands at a time
                history += alike
                open_rows.clear()  # a closed row holds all that was said of it while open
                self.open_row = None
                continue
            for payload in alike:
                if name == "telemetry" and _OPEN_ROW in payload[2:7]:
                    open_rows.append(payload)
                elif name in ("summary", "metric"):
                    between.append(_Between(len(history), name, payload))
                elif name in _HANDLERS:
                    self._apply_one(name, payload, applied)
        self._take_rows(history, between, applied, rows)
        for payload in open_rows:
            self._apply_one("telemetry", payload, applied)
        return applied

    def to_json(self) -> str:
        """The state as extended JSON, for `from_json`."""
        state = dict(self.__dict__)
        del state["_rules"]
        return dumps(state)

    @classmethod
    def from_json(cls, text: str) -> Replay:
        """Take up a state that `to_json` gave."""
        replay = cls()
        state = loads(text)
        run = state.pop("run")
        replay.__dict__.update(state)
        if run is not None:
            replay.run = RunInfo(*run)._replace(tags=tuple(run[RunInfo._fields.index("tags")]))
        replay.metrics = {
            name: MetricDef(*given)._replace(summary=tuple(given[5]))
            for name, given in state["metrics"].items()
        }
        replay.records = Counter(state["records"])
        replay.counts = {name: StreamCounts(*said) for name, said in replay.counts.items()}
        return replay

    # rows

    def _take_rows(
        self, payloads: list[bytes], between: Iterable[_Between], into: Applied, rows: _Rows = ()
    ) -> None:
        """Take rows, and the records between them whose place among the rows matters."""
        waiting = deque(between)
        whole = sum(len(batch.steps) for batch in rows) == len(payloads)
        found = rows if whole else batches(payloads, self.runtime_since)
        unreadable = len(payloads) - sum(len(batch.steps) for batch in found)
        if unreadable and waiting:  # rare: one stretch at a time, so that places stay right
            self._take_apart(payloads, waiting, into)
            return
        self.unreadable += unreadable
        done = 0
        for batch in found:
            count = len(batch.steps)
            if None in batch.steps:
                batch.steps[:] = self._numbered(batch.steps)
            if self.first_row is None:
                self.first_row = _stamp(batch)
            begin = 0
            while waiting and waiting[0].rows <= done + count:
                end = waiting[0].rows - done
                self._fold(batch, begin, end)
                begin = end
                self._apply_one(waiting[0].kind, waiting.popleft().payload, into)
            self._fold(batch, begin, count)
            self.rows += count
            self.last_step = batch.steps[-1]
            into.rows.append(batch)
            done += count
        for one in waiting:
            self._apply_one(one.kind, one.payload, into)

    def _take_apart(
        self, payloads: list[bytes], between: Iterable[_Between], applied: Applied
    ) -> None:
        begin = 0
        for one in between:
            self._take_rows(payloads[begin : one.rows], (), applied)
            self._apply_one(one.kind, one.payload, applied)
            begin = one.rows
        self._take_rows(payloads[begin:], (), applied)

    def _numbered(self, steps: list[int | None]) -> list[int | None]:
        """Rows that name no step follow the one before."""
        last = -1 if self.last_step is None else self.last_step
        numbered: list[int | None] = []
        for step in steps:
            last = last + 1 if step is None else step
            numbered.append(last)
        return numbered

    def _fold(self, batch: Batch, begin: int, end: int) -> None:
        """Bring rows ``begin`` to ``end`` of a batch into the summary."""
        if begin == end:
            return
        self.summary["_step"] = batch.steps[end - 1]
        last = batch.row(end - 1)
        for index, key in enumerate(batch.keys):
            rule = self._rule(key)
            if rule is None and (batch.tokens or not _has_dict(batch.columns[index], begin, end)):
                self.summary[key] = _own(last[index])
            else:
                for value in batch.values(index, begin, end):
                    self._fold_value(self.summary, key, key, value)

    def _fold_value(self, into: dict[str, Any], key: str, name: str, value: Any) -> None:
        """Bring one value into the summary, a nested one leaf by leaf.

        Args:
            into: the dict in which it lies.
            key: its key there.
            name: its dotted name, by which definitions know it.
            value: as logged.
        """
        if type(value) is dict and value and "_type" not in value:
            inner = into.get(key)
            if type(inner) is not dict or "_type" in inner:
                inner = into[key] = {}
            for part, leaf in value.items():
                self._fold_value(inner, part, f"{name}.{part}", leaf)
            return
        rule = self._rule(name)
        wanted = set() if rule is None else set(rule.summary)
        if rule is None or "copy" in wanted:
            into[key] = _own(value)
        elif "none" in wanted:
            into.pop(key, None)
        elif told := self._aggregates(name, rule, value):
            into[key] = told

    def _aggregates(self, name: str, rule: MetricDef, value: Any) -> dict[str, Any]:
        """What a definition asks of all values of a metric, with one more value."""
        fold = self._folds.setdefault(name, {})
        if is_ordered(value):
            fold.setdefault("first", value)
            fold["min"] = min(fold.get("min", value), value)
            fold["max"] = max(fold.get("max", value), value)
            fold["count"] = fold.get("count", 0) + 1
            mean = fold.get("mean", 0.0)
            fold["mean"] = mean + (value - mean) / fold["count"]
            fold["best"] = fold["max" if rule.goal == "maximize" else "min"]
        told: dict[str, Any] = {
            word: fold[word]
            for word in ("min", "max", "mean", "best", "first")
            if word in rule.summary and word in fold
        }
        if "last" in rule.summary:
            told["last"] = _own(value)
        return told

    def _rule(self, name: str) -> MetricDef | None:
        """The definition that says what the summary of a metric is; None for its last value."""
        if name not in self._rules:
            found = definition_of(name, self.metrics)
            self._rules[name] = found if found is not None and found.summary else None
        return self._rules[name]

    def _telemetry(self, record: Any, _: Applied) -> None:
        if record.cli_version:
            self.client.setdefault("cli_version", record.cli_version)
        if record.HasField("stream_counts"):
            said = record.stream_counts
            numbers = (said.history, said.events, said.output)
            self.counts[said.client] = StreamCounts(*numbers, said.last_lines, said.client)
        if record.HasField("paused"):
            self.paused = {field.name: count for field, count in record.paused.ListFields()}
        if record.HasField("open_row"):
            row = add_runtime(history_row(record.open_row), self.runtime_since)
            if self.open_row is not None and self.open_row.get("_step") == row.get("_step"):
                self.open_row.update(row)
            else:
                self.open_row = row

    # the other records

    def _parsed(self, payload: bytes) -> Any | None:
        try:
            return parse(payload)
        except DamagedError:
            self.unreadable += 1
            return None

    def _apply_one(self, name: str, payload: bytes, applied: Applied) -> None:
        record = self._parsed(payload)
        if record is not None:
            _HANDLERS[name](self, getattr(record, name), applied)

    def _run(self, record: Any, _: Applied) -> None:
        started = record.start_time.seconds + record.start_time.nanos / 1e9
        new = RunInfo(
            run_id=record.run_id,
            entity=record.entity,
            project=record.project,
            name=record.display_name,
            notes=record.notes,
            tags=tuple(record.tags),
            group=record.run_group,
            job_type=record.job_type,
            start_time=started,
            host=record.host,
            git_remote=record.git.remote_url,
            git_commit=record.git.commit,
            resumed=record.resumed,
            starting_step=record.starting_step,
            sweep_id=record.sweep_id,
            branch_run=record.run_id if record.events_read else record.branch_point.run,
            branch_step=-1 if record.events_read else float_step(record.branch_point.value),
            label=record.label,
        )
        if self.run is not None:  # a later run record changes what it names
            said = {name: value for name, value in new._asdict().items() if value}
            new = self.run._replace(**said)
        new = new._replace(**{name: _EMPTY[name] for name in record.cleared if name in _EMPTY})
        self.run = new
        cleared = dict.fromkeys([*self.cleared, *record.cleared])
        self.cleared = [name for name in cleared if name in _EMPTY and not getattr(new, name)]
        self.runtime_since = record.runtime_since or self.runtime_since
        self.replaces += record.repaired.replaces
        self.lost += [[gap.start, gap.end] for gap in record.repaired.gaps if gap.start < gap.end]
        self._config(record.config, _)
        self._summary(record.summary, _)
        self._git(new.git_remote, new.git_commit)

    def _git(self, remote: str, commit: str) -> None:
        said = {"remote": remote, "commit": commit}
        if known := {name: value for name, value in said.items() if value}:
            self.metadata.setdefault("git", {}).update(known)

    def _config(self, record: Any, _: Applied) -> None:
        update_values(self.config, record)
        self._note_removed("config", self.config, record)
        if isinstance(ours := self.config.pop("_wandb", None), dict):
            self.client.update(ours)

    def _summary(self, record: Any, _: Applied) -> None:
        update_values(self.summary, record)
        self._note_removed("summary", self.summary, record)

    def _note_removed(self, what: str, values: dict[str, Any], record: Any) -> None:
        """Remember what is gone: an earlier journal of the run may have said it."""
        gone = self.removed[what] + [item.key for item in record.remove if item.key]
        self.removed[what] = [key for key in dict.fromkeys(gone) if key not in values]

    def _header(self, record: Any, _: Applied) -> None:
        self.role = record.writer.role

    def _metric(self, record: Any, _: Applied) -> None:
        name = record.glob_name or record.name
        aggregates = tuple(n for n in _AGGREGATES if getattr(record.summary, n))
        new = MetricDef(
            name=name,
            glob=bool(record.glob_name),
            step_metric=record.step_metric,
            step_sync=record.options.step_sync,
            hidden=record.options.hidden,
            summary=aggregates,
            goal=_GOALS.get(record.goal, ""),
        )
        old = self.metrics.get(name)
        if old is not None and not record.control.overwrite:
            merged = {key: value for key, value in new._asdict().items() if value}
            new = old._replace(**merged)
        self.metrics[name] = new
        self._rules.clear()

    def _exit(self, record: Any, _: Applied) -> None:
        self.exit_code = record.exit_code
        self.runtime = record.runtime

    def _preempting(self, _record: Any, _: Applied) -> None:
        self.preempting = True

    def _files(self, record: Any, _: Applied) -> None:
        for item in record.files:
            self.files[item.path] = _POLICIES.get(item.policy, "end")

    def _alert(self, record: Any, _: Applied) -> None:
        alerts.remember(self.alerts, record)

    def _stats(self, record: Any, applied: Applied) -> None:
        values: dict[str, Any] = {}
        update_values(values, record, field="item")
        applied.stats.append(Stat(seconds(record.timestamp), flatten(values)))

    def _output(self, record: Any, applied: Applied) -> None:
        stream = _STREAMS.get(record.output_type, "stdout")
        text = ConsoleText(seconds(record.timestamp), stream, record.line, record.label)
        applied.console.append(text)

    def _output_logger(self, record: Any, applied: Applied) -> None:
        applied.console.append(ConsoleText(0.0, "stdout", record.line))

    def _environment(self, record: Any, _: Applied) -> None:
        self.metadata.update(environment_told(record))
        if record.HasField("git"):
            self._git(record.git.remote_url, record.git.commit)


def _stamp(batch: Batch) -> list[float] | None:
    """Step and time of the first row of a batch, if it says when it was logged."""
    if "_timestamp" not in batch.keys:
        return None
    step, time = batch.steps[0], batch.row(0)[batch.keys.index("_timestamp")]
    return None if step is None or not isinstance(time, int | float) else [step, time]


_HANDLERS = {
    "header": Replay._header,
    "run": Replay._run,
    "config": Replay._config,
    "summary": Replay._summary,
    "metric": Replay._metric,
    "exit": Replay._exit,
    "preempting": Replay._preempting,
    "files": Replay._files,
    "alert": Replay._alert,
    "stats": Replay._stats,
    "output": Replay._output,
    "output_raw": Replay._output,
    "output_logger": Replay._output_logger,
    "environment": Replay._environment,
    "telemetry": Replay._telemetry,
}


def _own(value: Any) -> Any:
    """A value that shares nothing with the row: that goes its own way, and ours is changed."""
    return deepcopy(value) if type(value) in (dict, list) else value


def _has_dict(column: Sequence[Any], begin: int, end: int) -> bool:
    return dict in map(type, column[begin:end])
