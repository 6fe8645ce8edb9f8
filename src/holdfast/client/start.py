"""`init`: from what a script and its environment say to a run that writes.

Owns the order in which a run begins. Everything here is on the caller's thread and must be quick;
what takes time (git, packages, hardware) is found out beside training.
"""

from __future__ import annotations

import os
import platform
import sys
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from time import time
from typing import Any

from holdfast.client import current, earlier
from holdfast.client.beside import Beside, DiskTrouble
from holdfast.client.borrowed import warnings_of
from holdfast.client.config import read_config
from holdfast.client.ending import job_key, spec_of, watch_process
from holdfast.client.environment import origin_of
from holdfast.client.files import ignore_file, replace_file
from holdfast.client.metrics import Definitions
from holdfast.client.names import new_name
from holdfast.client.notice import Notices, near
from holdfast.client.preempt import watch_signals
from holdfast.client.ranks import rank_of_process, take_part
from holdfast.client.recorder import Beginning, Recorder
from holdfast.client.run import Held, Run
from holdfast.client.silence import SilentRecorder
from holdfast.errors import StorageError, UsageError
from holdfast.ids import check_entity, check_project, check_run_id, new_run_id
from holdfast.journal import Writer
from holdfast.records import encode
from holdfast.records.encode import RunInfo
from holdfast.rundir import (
    IGNORE_FILE,
    RunDir,
    boot_id,
    create,
    hold,
    is_locked,
    runs_with_id,
    write_spec,
)
from holdfast.settings import Settings, load

__all__ = ["init"]

_starting = threading.RLock()

#: arguments of wandb's init that change nothing here
_HARMLESS = frozenset({"anonymous", "force", "magic", "monitor_gym", "save_code"})


def init(  # noqa: PLR0913  wandb's signature
    project: str | None = None,
    entity: str | None = None,
    name: str | None = None,
    id: str | None = None,  # noqa: A002  wandb's name for it
    config: Any = None,
    notes: str | None = None,
    tags: Iterable[str] | None = None,
    group: str | None = None,
    job_type: str | None = None,
    dir: str | os.PathLike[str] | None = None,  # noqa: A002  wandb's name for it
    mode: str | None = None,
    resume: bool | str | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    *,
    reinit: bool | str | None = None,
    allow_val_change: bool | None = None,
    config_include_keys: Iterable[str] | None = None,
    config_exclude_keys: Iterable[str] | None = None,
    **other: Any,
) -> Run:
    """Begin a run. Everything is optional; see docs/guide/settings.md for the environment names.

    Args:
        project: where the run belongs.
        entity: the user or team that it belongs to; by default whose key `holdfast sync` uses.
        name: for people; by default two words and a number.
        id: for machines; by default eight random characters. Needed to resume a run.
        config: what goes into the run: a dict, an argparse namespace or a dataclass.
        notes: notes on the run.
        tags: tags of the run.
        group: the group of runs that this one belongs to.
        job_type: what the run does: train, eval, …
        dir: the folder in which the ``wandb`` folder lies; by default the current one.
        mode: ``offline``, ``online``, ``shared`` (several processes write one run) or ``disabled``.
        resume: ``allow``, ``must``, ``never`` or ``auto`` (also True): go on with the earlier
            folders of the run with this id that lie in the same place.
        settings: a `Settings` or dict with any of the settings.
        reinit: what happens to a run that this process has already: ``return_previous`` or
            ``finish_previous``.
        allow_val_change: let ``config`` change values when a run is returned that exists.
        config_include_keys: keys of ``config`` to take; by default all.
        config_exclude_keys: keys of ``config`` to leave out.
        other: arguments of wandb that change nothing here.

    Returns:
        The run; it is also `holdfast.run`.

    Raises:
        UsageError: an argument, variable or settings file has a bad value.
        StorageError: the run folder cannot be made.

    Example:
        >>> run = holdfast.init(project="digits", config={"lr": 0.01})      # doctest: +SKIP
    """
    _check_other(other)
    given = dict(settings.values if isinstance(settings, Settings) else settings or {})
    arguments = {
        "project": project,
        "entity": entity,
        "name": name,
        "run_id": id,
        "notes": notes,
        "tags": tags,
        "group": group,
        "job_type": job_type,
        "dir": dir,
        "mode": mode,
        "resume": resume,
        "reinit": reinit,
    }
    given.update({key: value for key, value in arguments.items() if value is not None})
    values = read_config(config, include=config_include_keys, exclude=config_exclude_keys)
    with _starting:
        found = load(given)
        previous = _previous(found)
        if previous is not None:
            previous.config.update(values, allow_val_change=allow_val_change)
            return previous
        run = _begin(found, values)
        current.run = run
        watch_process()
        if run._held is not None:
            _watch_signals(run, found)
            _say_start(run, run._held)
            run._held.beside.start()
        return run


def _watch_signals(run: Run, settings: Settings) -> None:
    names = warnings_of(settings)
    # Trainers that set a handler of SIGUSR1 do so before the first row, and some (Lightning, to
    # have its job requeued) only where there is none.
    watch_signals(name for name in names if name != "SIGUSR1")
    if "SIGUSR1" in names:
        run.before_first_row(lambda: watch_signals(["SIGUSR1"]))


def _check_other(other: Mapping[str, Any]) -> None:
    for name, value in other.items():
        if name in ("sync_tensorboard", "tensorboard", "resume_from", "fork_from"):
            if value:
                raise UsageError(f"init({name}=...) is not there yet", "leave it out")
        elif name not in _HARMLESS:
            raise UsageError(f"init() has no argument {name!r}", "see help(holdfast.init)")


def _previous(settings: Settings) -> Run | None:
    """The run that this process has, unless it is to end now."""
    run = current.run
    if run is None or run._held is None:  # none, or one that writes nothing
        return None
    policy = settings.reinit
    if policy == "default":
        policy = "finish_previous" if current.ipython() is not None else "return_previous"
    if policy == "finish_previous":
        run.finish()
        return None
    Notices(silent=settings.silent).warn(
        f"init() again while run {run.name} goes on: it is returned as it is; call run.finish() "
        "first, or init(reinit='finish_previous'), for another run"
    )
    return run


def _begin(settings: Settings, config: dict[str, Any]) -> Run:
    if _writes_nothing(settings):
        info = _info(settings, settings.run_id or new_run_id(), None)
        return Run(info, settings, SilentRecorder(), config)
    take_part(settings)
    notices = Notices(silent=settings.silent, quiet=settings.quiet)
    root = Path(settings.wandb_dir)
    run_id = check_run_id(settings.run_id) if settings.run_id else ""
    run_id, before = earlier.find(root, run_id, settings.resume, notices.warn_once, settings.label)
    info = _info(settings, run_id or new_run_id(), before)
    if before is not None:
        config = {**before.replay.config, **config}
    return _open(settings, info, config, before, notices)


def _open(
    settings: Settings,
    info: RunInfo,
    config: dict[str, Any],
    before: earlier.Earlier | None,
    notices: Notices,
) -> Run:
    """Make the folder and the journal, and write the first records."""
    root = Path(settings.wandb_dir)
    now = datetime.fromtimestamp(info.start_time)  # noqa: DTZ006  W&B names folders in local time
    online = settings.mode == "online"
    run_dir = create(root, info.run_id, online=online, now=now, label=info.label)
    trouble = DiskTrouble(run_dir.path, notices)
    writer = Writer(
        run_dir.journal,
        fsync=settings.fsync,
        interval=settings.fsync_interval,
        on_error=trouble.note,
    )
    hold(writer.fileno())
    if info.label:
        _look_for_double(run_dir, notices)
    version = _version()
    host = platform.node()
    producer = f"holdfast/{version}"
    writer.append(encode.header(producer, host=host, pid=os.getpid(), boot_id=boot_id()))
    recorder = Recorder(writer, _beginning(before), notices.warn_once)
    writer.append(encode.run(info, config, runtime_since=recorder.runtime_since))
    writer.append(encode.telemetry(platform.python_version(), version))
    run = Run(info, settings, recorder, config, free_config=current.ipython() is not None)
    origin = origin_of(settings, before)
    beside = Beside(run_dir, settings, recorder, run.config.as_dict, trouble, origin)
    beside.log.note(f"holdfast {version}, pid {os.getpid()}, {settings!r}")
    _write_ignored(settings, run_dir, notices)
    follower = _follow(settings, run_dir, notices)
    held = Held(run_dir, writer, beside, follower)
    run.hold(held)
    if follower is not None:
        follower.listen(notices.say)
    try:
        write_spec(root, spec_of(run, held, "running"), job=job_key(settings))
    except StorageError as error:
        beside.log.failed("latest.spec", error)
    return run


def _look_for_double(run_dir: RunDir, notices: Notices) -> None:
    """Say it when another process is this writer too; each of the two sees the one before it."""
    others = runs_with_id(run_dir.path.parent, run_dir.run_id, run_dir.label)
    if any(is_locked(other.journal) for other in others if other != run_dir):
        notices.warn(
            f"another process writes run {run_dir.run_id} as {run_dir.label} at this moment: on "
            "the server rows of one hide those of the other; set HOLDFAST_LABEL, another in each"
        )


def _write_ignored(settings: Settings, run_dir: RunDir, notices: Notices) -> None:
    """Put down which files stay here, before anything may send one."""
    try:
        if text := ignore_file(settings.ignore_globs):
            replace_file(run_dir.files, IGNORE_FILE, text)
    except OSError as error:
        notices.warn(f"{IGNORE_FILE} counts for nothing, it cannot be read or written ({error})")


def _writes_nothing(settings: Settings) -> bool:
    if settings.mode == "disabled":
        return True
    rank = rank_of_process()
    if not rank or settings.all_ranks or settings.mode == "shared":
        return False
    Notices(silent=settings.silent).warn(
        f"rank {rank} of a distributed job logs nothing, rank 0 does; if all are to write the one "
        "run, set HOLDFAST_MODE=shared; if each is a run of its own, HOLDFAST_ALL_RANKS=true"
    )
    return True


def _info(settings: Settings, run_id: str, before: earlier.Earlier | None) -> RunInfo:
    old = before.replay.run if before is not None else None
    info = RunInfo(
        run_id=run_id,
        entity=check_entity(settings.entity) if settings.entity else "",
        project=check_project(settings.project),
        name=settings.name,
        notes=settings.notes,
        tags=settings.tags,
        group=settings.group,
        job_type=settings.job_type,
        start_time=time(),
        host=settings.host or platform.node(),
        resumed=before is not None,
        starting_step=before.next_step if before is not None else 0,
        sweep_id=settings.sweep_id,
        label=settings.label,
    )
    if old is not None:
        for field in ("entity", "name", "notes", "tags", "group", "job_type", "sweep_id"):
            if not getattr(info, field):
                info = info._replace(**{field: getattr(old, field)})
        if settings.source("project") == "default" and old.project:
            info = info._replace(project=old.project)
    if info.name:
        return info
    return info._replace(name=new_name(run_id if info.label else ""))  # all writers find one name


def _beginning(before: earlier.Earlier | None) -> Beginning:
    if before is None:
        return Beginning()
    definitions = Definitions()
    for definition in before.replay.metrics.values():
        definitions.add(definition)
    summary = dict(before.replay.summary)
    definitions.fold(summary, before.replay.open_row or {})
    return Beginning(
        step=before.next_step,
        runtime=before.runtime,
        summary=summary,
        definitions=definitions,
        resumed=True,
    )


def _follow(settings: Settings, run_dir: Any, notices: Notices) -> Any:
    if settings.mode != "online":
        return None
    from holdfast.client import follow

    try:
        return follow.start(run_dir, settings.base_url)
    except OSError as error:
        notices.warn(
            f"the sync process could not be started ({error}): the run goes on offline, sync it "
            f"later with: holdfast sync {near(run_dir.path)}"
        )
        return None


def _say_start(run: Run, held: Held) -> None:
    label = f", as {run._info.label}" if run._info.label else ""
    resumed = f", resumed at step {run.step}" if run.resumed else ""
    run._notices.say(
        f"run {run.name} ({run.id}) in project {run.project}{label}{resumed}",
        f"its journal lies in {near(held.run_dir.path)}",
    )


def _version() -> str:
    return str(getattr(sys.modules["holdfast"], "__version__", "0"))
