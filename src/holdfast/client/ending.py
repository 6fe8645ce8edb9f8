"""How a run ends: what is written last, and how the end of the process is noticed.

Owns the hooks (exit, uncaught exceptions, fork) and the last lines at the terminal. Must not know
how a run is begun.
"""

from __future__ import annotations

import atexit
import math
import os
import sys
import threading
from types import TracebackType
from typing import Any

from holdfast.client import current
from holdfast.client.jobs import job_of
from holdfast.client.notice import near, sparkline
from holdfast.client.run import Held, Run
from holdfast.errors import StorageError
from holdfast.records import encode
from holdfast.records.values import flatten
from holdfast.rundir import write_spec
from holdfast.settings import Settings

__all__ = ["code_of", "end", "job_key", "spec_of", "watch_process"]

_INTERRUPTED = 255
_SHOWN = 12

_watching = False
_code = 0


def code_of(kind: type[BaseException], value: object) -> int:
    """The exit code that an exception ends a process with, by W&B's rules."""
    if issubclass(kind, KeyboardInterrupt):
        return _INTERRUPTED
    if issubclass(kind, SystemExit):
        return _status(getattr(value, "code", value))
    return 1


def watch_process() -> None:
    """Put the hooks in place, once a process."""
    global _watching
    if _watching:
        return
    _watching = True
    _watch_exceptions()
    _watch_exit()
    _watch_notebook()
    atexit.register(_at_exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_in_child)


def end(run: Run, code: int, *, quiet: bool) -> None:
    """Write what comes last and close the run."""
    held = run._held
    recorder = run._recorder
    try:
        if held is not None:
            try:
                held.beside.stop()
            finally:  # an impatient Ctrl-C during the wait must not cost the end of the run
                _write_end(run, held, code)
            if not quiet:
                _say_end(run, held, code)
            _say_losses(run, held, recorder.dropped)
    finally:
        run.close()
        current.clear(run)


def spec_of(run: Run, held: Held, state: str) -> dict[str, Any]:
    """What `latest.spec` says of a run."""
    return {
        "run_id": run.id,
        "path": str(held.run_dir.path),
        "project": run.project,
        "entity": run.entity,
        "state": state,
        "started_at": run.start_time,
        "label": run._info.label,
    }


def job_key(settings: Settings) -> str:
    """What the note of this run's job is called; empty when there is to be none."""
    # The writers of a shared run need no note to find their run: its id is given, or the job's.
    job = job_of() if settings.resume == "auto" and settings.mode != "shared" else None
    return job.key if job is not None else ""


def _write_end(run: Run, held: Held, code: int) -> None:
    recorder = run._recorder
    runtime = int(recorder.runtime)
    recorder.close_row()
    recorder.write_summary({"_wandb": {"runtime": runtime}})
    held.beside.write_files()
    recorder.write(encode.exit_record(code, runtime))
    held.writer.close()
    held.beside.log.note(f"ended with exit code {code}, {recorder.rows} rows")
    state = "finished" if code == 0 else "failed"
    try:
        write_spec(held.run_dir.path.parent, spec_of(run, held, state), job=job_key(run._settings))
    except StorageError as error:
        held.beside.log.failed("latest.spec", error)


def _say_end(run: Run, held: Held, code: int) -> None:
    recorder = run._recorder
    how = "finished" if code == 0 else f"ended with exit code {code}"
    lines = [f"run {run.name} {how}: {recorder.rows:,} rows in {recorder.runtime:.1f} s"]
    lines += _curves(run)
    if run.offline:
        lines.append(f"sync it with: holdfast sync {near(held.run_dir.path)}")
    elif complaint := held.follower.complaint():
        lines.append(complaint)
        lines.append(f"sync it with: holdfast sync {near(held.run_dir.path)}")
    else:
        lines.append(f"its sync goes on in the background, see {held.run_dir.logs / 'sync.log'}")
    run._notices.say(*lines)


def _curves(run: Run) -> list[str]:
    """A line for each of the first few metrics: name, curve, last value."""
    rows = [flatten(row) for row in run._recorder.samples.rows]
    last = flatten(run._recorder.summary_values())
    keys = [k for k, v in last.items() if type(v) in (int, float) and k[:1] != "_"]
    width = max((len(key) for key in keys[:_SHOWN]), default=0)
    lines = []
    for key in keys[:_SHOWN]:
        points = [row[key] for row in rows if type(row.get(key)) in (int, float)]
        curve = sparkline([*map(_float, points), _float(last[key])])
        lines.append(f"  {key:<{width}}  {last[key]:<12.6g}  {curve}".rstrip())
    if len(keys) > _SHOWN:
        lines.append(f"  … and {len(keys) - _SHOWN} more")
    return lines


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # an int beyond the largest float
        return math.inf


def _say_losses(run: Run, held: Held, dropped: int) -> None:
    lost = held.writer.lost
    if lost:
        run._notices.warn(
            f"{lost:,} records of run {run.name} are lost: the disk of {held.run_dir.path} took no "
            "more; free space or raise the quota before the next run"
        )
    if left_out := held.beside.guard.losses():
        run._notices.warn(
            f"left out of run {run.name} while the disk of {near(held.run_dir.path)} was nearly "
            f"full: {left_out}"
        )
    if dropped:
        run._notices.warn(
            f"{dropped:,} rows of run {run.name} were not kept, since their step was lower than "
            "the current one"
        )


# noticing the end of the process


def _at_exit() -> None:
    run = current.run
    if run is None:
        return
    try:
        run.finish(_code)
    except Exception as error:  # noqa: BLE001  a traceback at exit would hide the script's own
        run._notices.warn(f"the end of run {run.name} could not be written: {error}")


def _watch_exceptions() -> None:
    previous = sys.excepthook

    def hook(kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
        global _code
        _code = code_of(kind, value)
        previous(kind, value, trace)

    sys.excepthook = hook


def _watch_exit() -> None:
    """Notice `sys.exit(code)`; a `raise SystemExit` that nobody sees counts as 0."""
    previous = sys.exit

    def leave(status: Any = None, /) -> Any:
        global _code
        if threading.current_thread() is threading.main_thread():
            _code = _status(status)
        previous(status)

    sys.exit = leave


def _watch_notebook() -> None:
    """In IPython the last cell decides: exceptions in cells never reach `sys.excepthook`."""
    shell = current.ipython()
    if shell is None:
        return

    def before_cell(_info: Any) -> None:
        run = current.run
        if run is not None and run._held is not None:
            run._held.beside.listen_again()

    def after_cell(result: Any) -> None:
        global _code
        error = getattr(result, "error_in_exec", None) or getattr(result, "error_before_exec", None)
        _code = 0 if error is None else code_of(type(error), error)

    shell.events.register("pre_run_cell", before_cell)
    shell.events.register("post_run_cell", after_cell)


def _status(status: object) -> int:
    if status is None:
        return 0
    return status if isinstance(status, int) else 1


def _in_child() -> None:
    run = current.run
    if run is not None:
        run.abandon()
