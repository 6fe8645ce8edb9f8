"""The scheduler's job that this process runs in: SLURM, PBS or LSF, by the variables they set.

Owns their names. Must not know what is made of it. Reads the environment only: no command is asked,
no address is called.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Job", "job_of"]

_WHICH = ("scheduler", "id", "array_index")


class Job(NamedTuple):
    """A job; texts are empty where the scheduler says nothing.

    Args:
        scheduler: ``slurm``, ``pbs`` or ``lsf``.
        id: as the scheduler names it; the same after a requeue, unlike for each task of an array.
        array_index: the task's number in its array.
        restarts: how many times the job was begun again.
        nodes: the machines, as the scheduler lists them.
        rank: this process among those of the job.
        cluster: its name.
        counted: whether the scheduler counts restarts; else ``restarts`` is the least of them.
    """

    scheduler: str
    id: str
    array_index: str = ""
    restarts: str = ""
    nodes: str = ""
    rank: str = ""
    cluster: str = ""
    counted: bool = True

    @property
    def run_id(self) -> str:
        """An id for the run that all its processes write: the same in each, and after a requeue.

        >>> Job("slurm", "17", rank="2", cluster="juno").run_id
        'slurm-juno-17'
        """
        index = self.array_index if self.scheduler == "lsf" else ""
        return _name(self.scheduler, self.cluster, self.id, index)

    @property
    def key(self) -> str:
        """A name for notes about it, fit for a file: the same after a requeue.

        >>> Job("pbs", "17[3].head").key, Job("slurm", "17", rank="2").key
        ('pbs-17_3_.head', 'slurm-17-2')
        """
        rank = "" if self.rank in ("", "0") else self.rank
        index = self.array_index if self.scheduler == "lsf" else ""
        return _name(self.scheduler, self.id, index, rank)

    def metadata(self, sessions: int = 0) -> dict[str, str]:
        """What is known of it, without what is empty.

        Args:
            sessions: how many earlier sessions of this job were found; they count as its restarts
                where the scheduler does not.

        >>> Job("pbs", "17.head", counted=False).metadata(sessions=2)
        {'scheduler': 'pbs', 'id': '17.head', 'restarts': '2'}
        """
        said = self._asdict()
        if self.scheduler == "pbs":
            said["nodes"] = _nodes_in(self.nodes)
        if not self.counted:
            said["restarts"] = str(max(sessions, int(self.restarts or 0)) or "")
        known = {name: text for name, text in said.items() if text}
        return {name: text for name, text in known.items() if name not in ("rank", "counted")}

    def wrote(self, said: Mapping[str, str]) -> bool:
        """Whether a folder with this `metadata` is of this job; of one array's, of this task."""
        return all(said.get(name, "") == getattr(self, name) for name in _WHICH)


def job_of(environ: Mapping[str, str] = os.environ) -> Job | None:
    """The job, None outside of one.

    >>> job_of({"SLURM_JOB_ID": "17", "SLURM_RESTART_COUNT": "1"}).restarts
    '1'
    """
    get = environ.get
    if number := get("SLURM_JOB_ID"):
        return Job(
            "slurm",
            number,
            get("SLURM_ARRAY_TASK_ID", ""),
            get("SLURM_RESTART_COUNT", ""),
            get("SLURM_JOB_NODELIST", ""),
            get("SLURM_PROCID", ""),
            get("SLURM_CLUSTER_NAME", ""),
        )
    if number := get("PBS_JOBID"):
        index = get("PBS_ARRAY_INDEX") or get("PBS_ARRAYID", "")
        nodes, rank = get("PBS_NODEFILE", ""), get("RANK", "")
        return Job("pbs", number, index, nodes=nodes, rank=rank, counted=False)
    if number := get("LSB_JOBID"):
        index = get("LSB_JOBINDEX", "")
        again = get("LSB_RESTART", "").lower() == "y"
        return Job(
            "lsf",
            number,
            "" if index == "0" else index,
            "1" if again else "",
            " ".join(dict.fromkeys(get("LSB_HOSTS", "").split())),
            get("RANK", ""),
            counted=not again,
        )
    return None


def _name(*parts: str) -> str:
    return re.sub(r"[^\w.-]", "_", "-".join(part for part in parts if part))


def _nodes_in(path: str) -> str:
    """The machines in a file of PBS, each once."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return " ".join(dict.fromkeys(file.read(1 << 20).split()))
    except OSError:  # no file, or one that only other machines of the job see
        return ""
