"""What an `environment` record tells: where and how a run was started.

Owns which of its fields are kept and under which names. Must not know what else a run says.
"""

from __future__ import annotations

from typing import Any

from holdfast.records.decode import seconds

__all__ = ["environment_told"]

_NAMES = (
    *("os", "python", "docker", "program", "code_path", "code_path_local", "email", "root"),
    *("host", "username", "executable", "cpu_count", "cpu_count_logical"),
    *("gpu_type", "gpu_count", "cuda_version"),
)


def environment_told(record: Any) -> dict[str, Any]:
    """The metadata of an ``EnvironmentRecord``; what it does not say is left out."""
    told = {name: value for name in _NAMES if (value := getattr(record, name))}
    if record.args:
        told["args"] = list(record.args)
    if record.HasField("started_at"):
        told["started_at"] = seconds(record.started_at)
    if record.disk:
        told["disk"] = {m: {"total": d.total, "used": d.used} for m, d in record.disk.items()}
    if record.HasField("memory"):
        told["memory"] = {"total": record.memory.total}
    gpus = [*record.gpu_nvidia, *record.gpu_amd]
    if gpus:
        told["gpus"] = [{"name": g.name, "memory": g.memory_total} for g in gpus]
    if record.slurm:
        told["slurm"] = dict(record.slurm)
    if record.job:
        told["job"] = dict(record.job)
    return told
