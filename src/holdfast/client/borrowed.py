"""Whether this machine may be taken away from the run, and by which signals that is said.

Owns what can be known of it on the spot: the setting, the job, the pod, and what cloud-init put
down when the machine began. Must not know what a signal does. Reads the environment and one file;
the clouds tell more at an address of theirs, which training does not call.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from holdfast.client.jobs import job_of
from holdfast.settings import Settings

__all__ = ["warnings_of"]

_INSTANCE = "/run/cloud-init/instance-data.json"
_MOST = 1 << 20


def warnings_of(settings: Settings, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The names of the signals that say here that the machine is taken away; none where none do.

    On a machine of one's own a signal is somebody's wish to end the script: it is not touched.

    >>> warnings_of(Settings(), {"SLURM_JOB_ID": "17"})
    ('SIGTERM', 'SIGUSR1')
    >>> warnings_of(Settings(), {"KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    ('SIGTERM',)
    """
    if settings.preemptible == "no":
        return ()
    job = job_of(environ)
    if settings.preemptible == "yes" or (job is not None and job.on_cluster):
        return ("SIGTERM", "SIGUSR1")
    if job is not None or environ.get("KUBERNETES_SERVICE_HOST") or _is_spot():
        return ("SIGTERM",)
    return ()


def _is_spot() -> bool:
    """Whether cloud-init says so: of Amazon's machines by their life cycle, of Azure's by priority.

    Newer versions of it write ``instance-life-cycle``, older ones have ``_`` in such names.
    """
    try:
        with open(_INSTANCE, encoding="utf-8") as file:
            told = json.loads(file.read(_MOST))
    except (OSError, ValueError):  # no cloud-init, as nearly everywhere, or one not understood
        return False
    machine = _in(told, "ds", "meta_data")
    compute = _in(machine, "imds", "compute")
    said = [machine.get("instance-life-cycle"), machine.get("instance_life_cycle")]
    return "spot" in said or str(compute.get("priority")).lower() in ("spot", "low")


def _in(value: Any, *names: str) -> dict[str, Any]:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
