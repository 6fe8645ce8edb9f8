"""The job that this process runs in, by the variables that schedulers and batch services set.

Owns their names. Must not know what is made of it. Reads the environment and the small files that
it names: no command is asked, no address is called.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

__all__ = ["Job", "job_of"]

_WHICH = ("scheduler", "id", "array_index")
_CLUSTERS = ("slurm", "pbs", "lsf")
#: schedulers of which the tasks of an array share an id
_SHARED_IDS = ("lsf", "kubernetes")

_Environ = Mapping[str, str]


class Job(NamedTuple):
    """A job; texts are empty where the scheduler says nothing.

    Args:
        scheduler: ``slurm``, ``pbs``, ``lsf``, ``htcondor``, ``skypilot``, ``aws-batch``,
            ``sagemaker``, ``vertex-ai`` or ``kubernetes``.
        id: as the scheduler names it; the same after a requeue.
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
        # The pods of an indexed job are the processes of one run, the tasks of an array are not.
        index = self.array_index if self.scheduler == "lsf" else ""
        return _name(self.scheduler, self.cluster, self.id, index)

    @property
    def key(self) -> str:
        """A name for notes about it, fit for a file: the same after a requeue.

        >>> Job("pbs", "17[3].head").key, Job("slurm", "17", rank="2").key
        ('pbs-17_3_.head', 'slurm-17-2')
        """
        rank = "" if self.rank in ("", "0") else self.rank
        index = self.array_index if self.scheduler in _SHARED_IDS else ""
        return _name(self.scheduler, self.id, index, rank)

    @property
    def on_cluster(self) -> bool:
        """Whether a cluster's scheduler runs it, which may also warn by SIGUSR1."""
        return self.scheduler in _CLUSTERS

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


def job_of(environ: _Environ = os.environ) -> Job | None:
    """The job, None outside of one.

    >>> job_of({"SLURM_JOB_ID": "17", "SLURM_RESTART_COUNT": "1"}).restarts
    '1'
    """
    return next((job for read in _READERS if (job := read(environ.get))), None)


_Get = Callable[[str, str], str]


def _skypilot(get: _Get) -> Job | None:
    number = get("SKYPILOT_TASK_ID", "")
    if not number:
        return None
    nodes = " ".join(get("SKYPILOT_NODE_IPS", "").split())
    rank = get("RANK", "") or get("SKYPILOT_NODE_RANK", "")
    return Job("skypilot", number, nodes=nodes, rank=rank, counted=False)


def _slurm(get: _Get) -> Job | None:
    number = get("SLURM_JOB_ID", "")
    if not number:
        return None
    return Job(
        "slurm",
        number,
        get("SLURM_ARRAY_TASK_ID", ""),
        get("SLURM_RESTART_COUNT", ""),
        get("SLURM_JOB_NODELIST", ""),
        get("SLURM_PROCID", ""),
        get("SLURM_CLUSTER_NAME", ""),
    )


def _pbs(get: _Get) -> Job | None:
    number = get("PBS_JOBID", "")
    if not number:
        return None
    index = get("PBS_ARRAY_INDEX", "") or get("PBS_ARRAYID", "")
    nodes, rank = get("PBS_NODEFILE", ""), get("RANK", "")
    return Job("pbs", number, index, nodes=nodes, rank=rank, counted=False)


def _lsf(get: _Get) -> Job | None:
    number = get("LSB_JOBID", "")
    if not number:
        return None
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


def _htcondor(get: _Get) -> Job | None:
    """The description that it puts beside the job has lines like ``ClusterId = 17``."""
    said = dict(
        line.partition(" = ")[::2] for line in _read(get("_CONDOR_JOB_AD", "")).splitlines()
    )
    if not said.get("ClusterId", "").isdigit():
        return None
    number = f"{said['ClusterId']}.{said.get('ProcId', '0')}"
    return Job("htcondor", number, rank=get("RANK", ""), counted=False)


def _aws_batch(get: _Get) -> Job | None:
    # A node of several has its number behind the id.
    number = get("AWS_BATCH_JOB_ID", "").partition("#")[0]
    if not number:
        return None
    attempt = get("AWS_BATCH_JOB_ATTEMPT", "")
    restarts = str(int(attempt) - 1) if attempt.isdigit() and attempt != "1" else ""
    rank = get("RANK", "") or get("AWS_BATCH_JOB_NODE_INDEX", "")
    return Job("aws-batch", number, get("AWS_BATCH_JOB_ARRAY_INDEX", ""), restarts, rank=rank)


def _sagemaker(get: _Get) -> Job | None:
    if not get("TRAINING_JOB_ARN", ""):  # the name alone may be anybody's variable
        return None
    number = get("TRAINING_JOB_NAME", "")
    return Job("sagemaker", number, rank=get("RANK", ""), counted=False) if number else None


def _vertex_ai(get: _Get) -> Job | None:
    number = get("CLOUD_ML_JOB_ID", "")
    return Job("vertex-ai", number, rank=get("RANK", ""), counted=False) if number else None


def _kubernetes(get: _Get) -> Job | None:
    """An indexed job: its pods are named for it and their number, the same when one is replaced.

    Other pods get a new name, and nothing else in the environment tells whom they replace.
    """
    index, (name, _, number) = get("JOB_COMPLETION_INDEX", ""), get("HOSTNAME", "").rpartition("-")
    if not index or not name or number != index:
        return None
    return Job("kubernetes", name, index, rank=get("RANK", ""), counted=False)


#: SkyPilot first: it begins a job again as another one of SLURM, or on another cloud
_READERS = (
    *(_skypilot, _slurm, _pbs, _lsf, _htcondor),
    *(_aws_batch, _sagemaker, _vertex_ai, _kubernetes),
)


def _name(*parts: str) -> str:
    return re.sub(r"[^\w.-]", "_", "-".join(part for part in parts if part))


def _nodes_in(path: str) -> str:
    """The machines in a file of PBS, each once."""
    return " ".join(dict.fromkeys(_read(path).split()))


def _read(path: str) -> str:
    """A file that a scheduler names; empty without one, or if only other machines see it."""
    if not path:
        return ""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 20)
    except OSError:
        return ""
