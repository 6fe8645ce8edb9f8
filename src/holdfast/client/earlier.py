"""Resuming: what earlier folders of a run say about where it stands.

Owns finding and reading them. Must not know what is done with the answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.client.jobs import Job, job_of
from holdfast.errors import DamagedError, UsageError
from holdfast.journal import Frame, Reader
from holdfast.rundir import RunDir, is_locked, read_spec, runs_with_id

__all__ = ["Earlier", "find"]

_AT_ONCE = 20_000


class Earlier(NamedTuple):
    """A run as its earlier stretches left it.

    Args:
        replay: a `records.replay.Replay` of all of them.
        folders: where they lie, in order.
        jobs: what each says of the scheduler's job that wrote it; as the one before, where it does
            not say.
    """

    replay: Any
    folders: list[RunDir]
    jobs: list[Mapping[str, str]]

    def sessions_of(self, job: Job) -> int:
        """How many of the folders this job wrote, before it was begun again."""
        return sum(job.wrote(said) for said in self.jobs)

    @property
    def next_step(self) -> int:
        """The number of the row that comes next."""
        row = self.replay.open_row
        steps = [self.replay.last_step, None if row is None else row.get("_step")]
        known = [step for step in steps if type(step) is int]
        return known[-1] + 1 if known else 0

    @property
    def runtime(self) -> float:
        """Seconds that the earlier stretches ran, as far as they say."""
        summary = self.replay.summary
        told = [summary.get("_runtime"), self.replay.runtime]
        ours = summary.get("_wandb")
        if isinstance(ours, dict):
            told.append(ours.get("runtime"))
        return float(max((n for n in told if type(n) in (int, float)), default=0.0))


def find(
    root: Path, run_id: str, resume: str, warn: Callable[[str, str], None], label: str = ""
) -> tuple[str, Earlier | None]:
    """The id of the run to start, and what is there of it already.

    Args:
        root: the ``wandb`` folder.
        run_id: the id that was asked for; may be empty.
        resume: ``allow``, ``must``, ``never``, ``auto``, or empty for a new run in any case.
        warn: called with a kind and a line about what cannot be read.
        label: which of several writers of the run asks: only its own folders count.

    Raises:
        UsageError: ``must`` and there is none, ``never`` and there is one.
    """
    if resume == "auto" and not run_id:
        job = job_of()
        run_id = _unfinished(root) if job is None else _of_job(root, job)
    if resume == "must" and not run_id:
        raise UsageError("resume='must' without a run id", "give id= or WANDB_RUN_ID")
    folders = runs_with_id(root, run_id, label) if run_id else []
    if resume == "must" and not folders:
        raise UsageError(
            f"resume='must', but there is no run {run_id!r} in {root}",
            "check id and dir, or use resume='allow'",
        )
    if resume == "never" and folders:
        raise UsageError(
            f"resume='never', but run {run_id!r} lies in {folders[-1].path}",
            "choose another id, or use resume='allow'",
        )
    if not resume or not folders:
        return run_id, None
    return run_id, _read(folders, warn)


def _read(folders: list[RunDir], warn: Callable[[str, str], None]) -> Earlier:
    """Replay the journals of a run's folders, in order."""
    # Imported here: reading loads protobuf, which a run that resumes nothing does without.
    from holdfast.records.replay import Replay

    replay = Replay()
    jobs = []
    for run_dir in folders:
        journal = run_dir.journal
        try:
            trouble = _apply(replay, journal)
        except (DamagedError, OSError) as error:
            trouble = str(error)
        if trouble:
            warn(str(journal), f"the run goes on without a part of what was: {journal}: {trouble}")
        jobs.append(replay.metadata.get("job", {}))
    return Earlier(replay, folders, jobs)


def _apply(replay: Any, journal: Path) -> str:
    """Replay a journal in portions, so that a long one does not fill the memory.

    Returns:
        What is wrong with it, empty when nothing is.
    """
    portion: list[bytes] = []
    frames = unread = 0
    with open(journal, "rb") as file:
        for item in Reader(file):
            if isinstance(item, Frame):
                portion.append(item.payload)
                frames += 1
            else:
                unread += item.end - item.start
            if len(portion) >= _AT_ONCE:
                replay.apply(portion)
                portion = []
    replay.apply(portion)
    if not frames:
        return "it holds nothing that can be read"
    return f"{unread:,} bytes of it are damaged" if unread else ""


def _of_job(root: Path, job: Job) -> str:
    """The id of the run that this job left unfinished before it was requeued; else empty.

    Other runs of the folder are those of other jobs, the tasks of one array for instance.
    """
    spec = read_spec(root, job=job.key)
    if spec is None or spec.get("state") == "finished":
        return ""
    run_id, path = str(spec.get("run_id") or ""), Path(str(spec.get("path") or ""))
    # Several processes of one job may log runs of their own side by side, on several machines.
    writes = run_id and is_locked(path / f"run-{run_id}.wandb")
    return "" if writes else run_id


def _unfinished(root: Path) -> str:
    """The id of the last run here if it did not finish, by our note or by W&B's; else empty."""
    spec = read_spec(root)
    if spec is not None and spec.get("label"):
        return ""  # one of several writers of a run: who goes on alone is none of them
    if spec is not None:
        return str(spec.get("run_id", "")) if spec.get("state") != "finished" else ""
    try:
        note = json.loads((root / "wandb-resume.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # no note, or none that can be read: nothing to resume
        return ""
    return str(note.get("run_id") or "") if isinstance(note, dict) else ""
