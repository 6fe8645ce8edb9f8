"""`Run`: what a script holds while it trains.

Owns the run's public names. Must not know how records are made or where they go: it hands
everything to its recorder, and the end of the run to `holdfast.client.ending`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from holdfast.client.config import Config
from holdfast.client.metrics import new_definition
from holdfast.client.notice import Notices
from holdfast.client.recorder import Recorder
from holdfast.client.silence import ClosedRecorder, Nothing, SilentRecorder
from holdfast.client.summary import Summary
from holdfast.journal import Writer
from holdfast.records import encode
from holdfast.records.encode import RunInfo
from holdfast.rundir import RunDir
from holdfast.settings import Settings

if TYPE_CHECKING:
    from holdfast.client.beside import Beside

__all__ = ["Held", "Run"]


class Held(NamedTuple):
    """What a run that writes holds on to."""

    run_dir: RunDir
    writer: Writer
    beside: Beside
    follower: Any


class Run:
    """One execution of a training script; made by `holdfast.init`.

    A context manager: leaving the block ends the run, with exit code 1 when an exception leaves it.

    Example:
        >>> with holdfast.init(project="digits") as run:       # doctest: +SKIP
        ...     run.log({"loss": 0.3})
    """

    def __init__(
        self,
        info: RunInfo,
        settings: Settings,
        recorder: Recorder | SilentRecorder,
        config: Mapping[str, Any],
        *,
        free_config: bool = False,
    ) -> None:
        self._info = info
        self._settings = settings
        self._record_with(recorder)
        self._held: Held | None = None
        self._notices = Notices(silent=settings.silent, quiet=settings.quiet)
        self._ending = threading.Lock()
        self._ended = False
        self.config = Config(self._config_changed, config, free=free_config)

    # logging

    def log(
        self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None
    ) -> None:
        """Record values; when this returns they are with the operating system.

        Args:
            data: names and values. Nested dicts, numbers and arrays of other libraries, text, None,
                NaN and infinities are all taken; a value that cannot be said is kept as its repr.
            step: the row's number; by default one after another from 0. Calls with the same step
                make one row, which closes when the step changes. A step lower than the current one
                is not kept; after a resume the first such step begins a new stretch.
            commit: True closes the row now, False leaves it open for more. By default a row
                closes when no ``step`` is given.

        Raises:
            UsageError: ``data`` is no dict, ``step`` no number, or the run is finished.

        Example:
            >>> run.log({"loss": 0.3, "val": {"acc": 0.9}})        # doctest: +SKIP
        """
        self._recorder.log(data, step, commit)

    def define_metric(  # noqa: PLR0913  wandb's signature
        self,
        name: str,
        step_metric: str | None = None,
        step_sync: bool | None = None,
        hidden: bool | None = None,
        summary: str | None = None,
        goal: str | None = None,
        overwrite: bool | None = None,
    ) -> None:
        """Say how a metric is drawn and what becomes of it in the summary.

        Args:
            name: the metric; a name that ends in ``*`` speaks of all that begin so.
            step_metric: the metric on its x-axis.
            step_sync: add the last value of ``step_metric`` to rows that lack it; by default true
                when there is a ``step_metric``.
            hidden: do not draw it by itself.
            summary: ``min``, ``max``, ``mean``, ``best``, ``last``, ``first``, ``copy``, ``none``,
                or several with commas.
            goal: ``minimize`` or ``maximize``, for ``best``.
            overwrite: forget what an earlier definition of the name said.

        Raises:
            UsageError: the name, a summary or the goal is none of these.
        """
        flags = {"step_sync": step_sync, "hidden": hidden, "overwrite": overwrite}
        self._recorder.define(
            new_definition(name, step_metric or "", summary or "", goal or "", **flags)
        )

    def mark_preempting(self) -> None:
        """Say that the scheduler is about to take the machine away."""
        self._recorder.write(encode.preempting())

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """End the run. Not needed: the end of the script does it too, with its exit code.

        Args:
            exit_code: how the work ended; 0, the default, is success.
            quiet: say nothing about it.
        """
        if self._recorder.put_off(lambda: self.finish(exit_code, quiet)):
            return  # called from a signal handler in the middle of a `log`: done right after it
        with self._ending:
            if self._ended:
                return
            self._ended = True
        from holdfast.client import ending

        ending.end(self, exit_code or 0, quiet=bool(quiet))

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: Any, trace: Any) -> None:
        from holdfast.client.ending import code_of

        if kind is not None and issubclass(kind, Exception) and self._held is not None:
            # Python prints it when this run is over: the run is where one will look for it.
            self._held.beside.add_traceback(kind, value, trace)
        self.finish(0 if kind is None else code_of(kind, value))

    # what the run is

    @property
    def id(self) -> str:
        """The run's id, unique in its project."""
        return self._info.run_id

    @property
    def name(self) -> str:
        """The run's name for people."""
        return self._info.name

    @name.setter
    def name(self, name: str) -> None:
        self._change(name=str(name))

    @property
    def notes(self) -> str:
        """Notes on the run."""
        return self._info.notes

    @notes.setter
    def notes(self, notes: str) -> None:
        self._change(notes=str(notes))

    @property
    def tags(self) -> tuple[str, ...]:
        """Tags of the run."""
        return self._info.tags

    @tags.setter
    def tags(self, tags: Any) -> None:
        self._change(tags=Settings(tags=tags).tags)

    @property
    def project(self) -> str:
        """The project's name."""
        return self._info.project

    @property
    def entity(self) -> str:
        """User or team; empty when it is left to `holdfast sync` and its key."""
        return self._info.entity

    @property
    def group(self) -> str:
        """The group of runs this one belongs to."""
        return self._info.group

    @property
    def job_type(self) -> str:
        """What the run does."""
        return self._info.job_type

    @property
    def sweep_id(self) -> str:
        """The sweep that the run belongs to."""
        return self._info.sweep_id

    @property
    def path(self) -> str:
        """``entity/project/run_id``, without the entity when it is not known yet."""
        return "/".join(part for part in (self.entity, self.project, self.id) if part)

    @property
    def url(self) -> str | None:
        """None: which server shows the run is known when it is synced."""
        return None

    @property
    def dir(self) -> str:
        """The folder of the run's files; what is put there is synced with the run."""
        return str(self._held.run_dir.files) if self._held else self._settings.wandb_dir

    @property
    def start_time(self) -> float:
        """When the run began, in Unix seconds."""
        return self._info.start_time

    @property
    def starting_step(self) -> int:
        """The number of the first row; not 0 when the run was resumed."""
        return self._info.starting_step

    @property
    def resumed(self) -> bool:
        """Whether this run continues an earlier one."""
        return self._info.resumed

    @property
    def step(self) -> int:
        """The number of the next row, or of the one that is open."""
        return self._recorder.step

    @property
    def summary(self) -> Summary:
        """One value a metric for the whole run: the last, or what `define_metric` or you say."""
        return Summary(self._recorder)

    @summary.setter
    def summary(self, values: Mapping[str, Any]) -> None:
        self.summary.update(values)

    @property
    def settings(self) -> Settings:
        """The settings of this run."""
        return self._settings

    @property
    def offline(self) -> bool:
        """Whether nothing follows the journal while the run goes on."""
        return self._held is None or self._held.follower is None

    @property
    def disabled(self) -> bool:
        """Whether the run accepts every call and writes nothing."""
        return self._held is None and not self._ended

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if isinstance(self._recorder, SilentRecorder) and not self._ended:
            return Nothing()
        raise AttributeError(
            f"a run of holdfast has no {name!r} yet; metrics, config, summary and console text work"
        )

    def __repr__(self) -> str:
        return f"<holdfast run {self.path} ({self.name})>"

    def __copy__(self) -> Run:
        return self

    def __deepcopy__(self, memo: Any) -> Run:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # A spawned worker that is given the run gets one that writes nothing.
        return _in_worker, (self._info, self._settings.values, self.config.as_dict())

    # for the other modules of the client

    def hold(self, held: Held) -> None:
        """Take what the run writes with; until then it writes nothing."""
        self._held = held

    def abandon(self) -> None:
        """Become a run that writes nothing: in the child of a fork, whose parent writes on."""
        held, self._held = self._held, None
        self._ending = threading.Lock()
        self._record_with(SilentRecorder(_complaint(self), step=self._recorder.step))
        if held is not None:
            held.writer.abandon()
            held.beside.abandon()

    def close(self) -> None:
        """Refuse further calls, and answer questions about what was."""
        summary = self._recorder.summary_values()
        self._record_with(ClosedRecorder(self.id, self._recorder.step, summary))

    def _record_with(self, recorder: Recorder | SilentRecorder) -> None:
        self._recorder: Recorder | SilentRecorder = recorder
        # Found before the method of this name: a call less for each row.
        self.__dict__["log"] = recorder.log

    def before_first_row(self, action: Callable[[], bool]) -> None:
        """Do something before a row is taken, until it says that it is done; then rows cost none.

        Args:
            action: called in the thread that logs.
        """

        def log(
            data: Mapping[str, Any], step: int | None = None, commit: bool | None = None
        ) -> None:
            if action():
                self.__dict__["log"] = self._recorder.log
            self._recorder.log(data, step, commit)

        self.__dict__["log"] = log

    def _change(self, **fields: Any) -> None:
        self._info = self._info._replace(**fields)
        self._recorder.write(encode.run(self._info))

    def _config_changed(self, update: dict[str, Any], removed: tuple[str, ...]) -> None:
        self._recorder.write(encode.config(update, removed))
        if self._held is not None:
            self._held.beside.config_changed = True


def _complaint(run: Run) -> Callable[[], None]:
    """What a worker process is told when it logs, once."""

    def complain() -> None:
        run._notices.warn_once(
            "worker",
            f"this process is a worker of the one that logs run {run.name}: what it logs is not "
            "kept; send values to the main process, or call holdfast.init() here for a run of its "
            "own",
        )

    return complain


def _in_worker(info: RunInfo, values: dict[str, Any], config: dict[str, Any]) -> Run:
    settings = Settings()
    settings.values.update(values)
    run = Run(info, settings, SilentRecorder(), config)
    run._record_with(SilentRecorder(_complaint(run)))
    return run
