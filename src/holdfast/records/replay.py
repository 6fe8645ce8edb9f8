"""What a journal's records add up to: who the run is, its config, summary, state, files.

Records are applied in order and nothing is kept of the history but what the summary needs, so
that a journal of any length folds into a small state, which can be stored as JSON and taken up
again at the next chunk. Rows, system metrics and console text are handed out as they pass.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from copy import deepcopy
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from holdfast.errors import DamagedError
from holdfast.records.batch import Batch, batches
from holdfast.records.decode import history_row, kind, parse
from holdfast.records.encode import MetricDef, RunInfo
from holdfast.records.values import dumps, flatten, loads, nest

__all__ = ["Applied", "ConsoleText", "Replay", "Stat"]

_STREAMS = {0: "stderr", 1: "stdout"}
_POLICIES = {0: "now", 1: "end", 2: "live"}
_GOALS = {1: "minimize", 2: "maximize"}
_AGGREGATES = ("min", "max", "mean", "best", "last", "none", "copy", "first")
_ENVIRONMENT_NAMES = (
    *("os", "python", "docker", "program", "code_path", "code_path_local", "email", "root"),
    *("host", "username", "executable", "cpu_count", "cpu_count_logical"),
    *("gpu_type", "gpu_count", "cuda_version"),
)


class Stat(NamedTuple):
    """System metrics at a time (Unix seconds); keys have no ``system.`` prefix."""

    timestamp: float
    values: dict[str, float]


class ConsoleText(NamedTuple):
    """Text as it was written to ``stdout`` or ``stderr``; not always whole lines."""

    timestamp: float
    stream: str
    text: str


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
        exit_code: None until the ``exit`` record. runtime: seconds, None until then.
        open_row: the row of a step that was not closed; a reader shows it as the last row.
        records: number of records by kind. unreadable: those whose body is no record.
        rows: number of closed rows.
        last_step: the step of the last closed row, None before the first.
    """

    def __init__(self) -> None:
        self.run: RunInfo | None = None
        self.config: dict[str, Any] = {}
        self.client: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.metrics: dict[str, MetricDef] = {}
        self.files: dict[str, str] = {}
        self.exit_code: int | None = None
        self.runtime: int | None = None
        self.preempting = False
        self.open_row: dict[str, Any] | None = None
        self.records: Counter[str] = Counter()
        self.unreadable = 0
        self.rows = 0
        self.last_step: int | None = None
        self._folds: dict[str, dict[str, float]] = {}
        self._rules: dict[str, MetricDef | None] = {}

    @property
    def complete(self) -> bool:
        """Whether the run said how it ended."""
        return self.exit_code is not None

    def apply(self, payloads: Iterable[bytes]) -> Applied:
        """Apply records in order; returns the rows, system metrics and console text among them."""
        applied = Applied([], [], [])
        history: list[bytes] = []
        open_rows: list[Any] = []
        for payload in payloads:
            name = kind(payload)
            self.records[name] += 1
            if name == "history":
                history.append(payload)
                open_rows.clear()  # a closed row holds all that was said of it while open
                self.open_row = None
                continue
            if name == "telemetry":
                open_rows.append(payload)
                continue
            if name in ("summary", "metric"):  # its place among the rows matters
                self._take_rows(history, applied)
                history = []
            if name in _HANDLERS:
                self._apply_one(name, payload, applied)
        self._take_rows(history, applied)
        for payload in open_rows:
            self._take_open_row(payload)
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
        return replay

    # rows

    def _take_rows(self, payloads: list[bytes], applied: Applied) -> None:
        for batch in batches(payloads):
            steps = batch.steps
            if None in steps:
                steps[:] = self._numbered(steps)
            self._fold(batch)
            self.rows += len(steps)
            self.last_step = steps[-1]
            applied.rows.append(batch)

    def _numbered(self, steps: list[int | None]) -> list[int | None]:
        """Rows that name no step follow the one before."""
        last = -1 if self.last_step is None else self.last_step
        numbered: list[int | None] = []
        for step in steps:
            last = last + 1 if step is None else step
            numbered.append(last)
        return numbered

    def _fold(self, batch: Batch) -> None:
        self.summary["_step"] = batch.steps[-1]
        for index, (key, value) in enumerate(batch.last().items()):
            if type(value) in (dict, list):  # the row goes its own way, later items change ours
                value = deepcopy(value)
            rule = self._rule(key)
            if rule is None and not (type(value) is dict and self.metrics):
                self.summary[key] = value
            elif rule is None:
                self._fold_nested(key, value)
            else:
                self._fold_by_rule(key, rule, batch.values(index))

    def _fold_nested(self, key: str, value: dict[str, Any]) -> None:
        """A nested value some of whose leaves may have rules, by their dotted names."""
        self.summary[key] = value
        for name, leaf in flatten({key: value}).items():
            if (rule := self._rule(name)) is not None:
                self._fold_by_rule(name, rule, [leaf])

    def _fold_by_rule(self, key: str, rule: MetricDef, values: list[Any]) -> None:
        wanted = set(rule.summary)
        numbers = [v for v in values if type(v) in (int, float) and not math.isnan(v)]
        fold = self._folds.setdefault(key, {})
        for number in numbers:
            fold.setdefault("first", number)
            fold["min"] = min(fold.get("min", number), number)
            fold["max"] = max(fold.get("max", number), number)
        fold["count"] = fold.get("count", 0) + len(numbers)
        fold["sum"] = math.fsum([fold.get("sum", 0.0), *numbers])
        if wanted & {"none"}:
            self.summary.pop(key, None)
            return
        if wanted <= {"copy"}:
            self.summary[key] = values[-1]
            return
        told: dict[str, Any] = {
            n: fold[n] for n in ("min", "max", "first") if n in wanted & set(fold)
        }
        if "mean" in wanted and fold["count"]:
            told["mean"] = fold["sum"] / fold["count"]
        if "best" in wanted and "min" in fold:
            told["best"] = fold["max" if rule.goal == "maximize" else "min"]
        if "last" in wanted:
            told["last"] = values[-1]
        if told:
            self.summary[key] = told

    def _rule(self, key: str) -> MetricDef | None:
        """The definition that says what the summary of a metric is; None for its last value."""
        if key not in self._rules:
            found = self.metrics.get(key)
            if found is None:
                globs = (m for m in self.metrics.values() if m.glob)
                found = next((m for m in globs if fnmatchcase(key, m.name)), None)
            self._rules[key] = found if found is not None and found.summary else None
        return self._rules[key]

    def _take_open_row(self, payload: bytes) -> None:
        record = self._parsed(payload)
        if record is None or not record.telemetry.HasField("open_row"):
            if record is not None and record.telemetry.cli_version:
                self.client.setdefault("cli_version", record.telemetry.cli_version)
            return
        row = history_row(record.telemetry.open_row)
        step = row.get("_step")
        if self.open_row is not None and self.open_row.get("_step") == step:
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
        )
        if self.run is not None:  # a later run record changes what it names
            said = {name: value for name, value in new._asdict().items() if value}
            new = self.run._replace(**said)
        self.run = new
        self._config(record.config, _)
        _update(self.summary, record.summary)
        git = {"remote": new.git_remote, "commit": new.git_commit}
        if any(git.values()):
            self.metadata.setdefault("git", {}).update({k: v for k, v in git.items() if v})

    def _config(self, record: Any, _: Applied) -> None:
        _update(self.config, record)
        ours = self.config.pop("_wandb", None)
        if isinstance(ours, dict):
            self.client.update(ours)

    def _summary(self, record: Any, _: Applied) -> None:
        _update(self.summary, record)

    def _metric(self, record: Any, _: Applied) -> None:
        glob = bool(record.glob_name)
        name = record.glob_name or record.name
        aggregates = tuple(n for n in _AGGREGATES if getattr(record.summary, n))
        new = MetricDef(
            name=name,
            glob=glob,
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

    def _stats(self, record: Any, applied: Applied) -> None:
        values: dict[str, Any] = {}
        _update(values, record, field="item")
        applied.stats.append(Stat(_seconds(record.timestamp), flatten(values)))

    def _output(self, record: Any, applied: Applied) -> None:
        stream = _STREAMS.get(record.output_type, "stdout")
        applied.console.append(ConsoleText(_seconds(record.timestamp), stream, record.line))

    def _output_logger(self, record: Any, applied: Applied) -> None:
        applied.console.append(ConsoleText(0.0, "stdout", record.line))

    def _environment(self, record: Any, _: Applied) -> None:
        said = {name: getattr(record, name) for name in _ENVIRONMENT_NAMES}
        self.metadata.update({name: value for name, value in said.items() if value})
        if record.args:
            self.metadata["args"] = list(record.args)
        if record.HasField("started_at"):
            self.metadata["started_at"] = _seconds(record.started_at)
        if record.HasField("git"):
            git = {"remote": record.git.remote_url, "commit": record.git.commit}
            self.metadata.setdefault("git", {}).update({k: v for k, v in git.items() if v})
        if record.disk:
            disk = {m: {"total": d.total, "used": d.used} for m, d in record.disk.items()}
            self.metadata["disk"] = disk
        if record.HasField("memory"):
            self.metadata["memory"] = {"total": record.memory.total}
        gpus = [*record.gpu_nvidia, *record.gpu_amd]
        if gpus:
            self.metadata["gpus"] = [{"name": g.name, "memory": g.memory_total} for g in gpus]
        if record.slurm:
            self.metadata["slurm"] = dict(record.slurm)


_HANDLERS = {
    "run": Replay._run,
    "config": Replay._config,
    "summary": Replay._summary,
    "metric": Replay._metric,
    "exit": Replay._exit,
    "preempting": Replay._preempting,
    "files": Replay._files,
    "stats": Replay._stats,
    "output": Replay._output,
    "output_raw": Replay._output,
    "output_logger": Replay._output_logger,
    "environment": Replay._environment,
}


def _update(target: dict[str, Any], record: Any, field: str = "update") -> None:
    """Apply items to a nested dict, and remove what the record removes."""
    for item in getattr(record, field):
        try:
            value = loads(item.value_json)
        except ValueError:
            value = item.value_json
        nest(target, list(item.nested_key) or [item.key], value)
    for item in getattr(record, "remove", ()):
        path = list(item.nested_key) or [item.key]
        node: Any = target
        for part in path[:-1]:
            node = node.get(part) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node.pop(path[-1], None)


def _seconds(timestamp: Any) -> float:
    return float(timestamp.seconds + timestamp.nanos / 1e9)
