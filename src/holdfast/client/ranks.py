"""Which process of a distributed job this is: rank, and in a shared run label and run id.

Owns what processes agree on without a word between them. Must not know how a run is written.
"""

from __future__ import annotations

import os
import platform

from holdfast.client.jobs import job_of
from holdfast.errors import UsageError
from holdfast.ids import check_label, new_run_id
from holdfast.settings import Settings

__all__ = ["rank_of_process", "take_part"]

#: torchrun, MPI, srun; that of srun last: what mpirun starts in a batch script has it too, as 0
_RANKS = ("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID")

_runs = 0


def rank_of_process() -> int | None:
    """The rank that a launcher gave this process; None when there is none."""
    for name in _RANKS:
        value = os.environ.get(name, "")
        if value.isdigit():
            return int(value)
    return None


def take_part(settings: Settings) -> None:
    """Fill in, in mode shared, what makes this process one of several writers of a run.

    That is the label and, in a scheduler's job, the run's id. Only one of them tells the terminal
    what all of them would. In other modes a label says nothing.

    Raises:
        UsageError: the label that was set is none, or there is no id.
    """
    if settings.mode != "shared":
        settings.label = ""
        return
    settings.label = _label_of(settings)
    if not settings.run_id:
        settings.run_id = _shared_run_id()
    if rank_of_process():
        settings.quiet = True


def _label_of(settings: Settings) -> str:
    """What tells this writer from the others: what was set, else its rank, else something new."""
    if settings.label:
        return check_label(settings.label)
    rank = rank_of_process()
    if rank is not None:
        return f"rank_{rank}"
    return f"{settings.host or platform.node() or 'writer'}-{new_run_id()[:6]}"


def _shared_run_id() -> str:
    """The id that all processes of this job find; those of further runs are numbered."""
    global _runs
    job = job_of()
    if job is None:
        raise UsageError(
            "mode='shared' without a run id", "give id= or HOLDFAST_RUN_ID, the same to every rank"
        )
    _runs += 1
    return job.run_id if _runs == 1 else f"{job.run_id}-{_runs}"
