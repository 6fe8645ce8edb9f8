"""Where and how the run was started: process, git, machine, scheduler, packages.

Owns the finding out. Must not know records or files: it returns plain data. All of it may be slow
(git on a network disk, a sick GPU driver), so it runs on a thread beside training and every part
may fail alone.
"""

from __future__ import annotations

import os
import platform
import sys
from time import time
from typing import Any, NamedTuple

from holdfast.client.earlier import Earlier
from holdfast.client.jobs import Job, job_of
from holdfast.settings import Settings

__all__ = [
    "Git",
    "Origin",
    "git_of",
    "hardware",
    "metadata_of",
    "origin_of",
    "packages",
    "process",
]

_GIT_SECONDS = 10
_MAX_DIFF = 1024 * 1024
_SECRET = ("KEY", "TOKEN", "SECRET", "PASSWORD")


class Origin(NamedTuple):
    """What the script was at its start: it may change all of it, and its end forgets it.

    Args:
        program: its path.
        arguments: those of its command line.
        folder: in which it began.
        started_at: in Unix seconds.
        job: the scheduler's, if there is one.
        sessions: how many earlier sessions of the run this job wrote.
    """

    program: str
    arguments: tuple[str, ...]
    folder: str
    started_at: float
    job: Job | None = None
    sessions: int = 0


def origin_of(settings: Settings, before: Earlier | None = None) -> Origin:
    """Look at the script that calls; ``before`` is what there is of its run already."""
    job = job_of()
    program = settings.program or getattr(sys.modules.get("__main__"), "__file__", None)
    try:
        folder = os.getcwd()
    except OSError:  # it was removed since the script started
        folder = ""
    return Origin(
        program=os.path.join(folder, program) if program else "<python with no main file>",
        arguments=tuple(sys.argv[1:]),
        folder=folder,
        started_at=time(),
        job=job,
        sessions=0 if job is None or before is None else before.sessions_of(job),
    )


def process(settings: Settings, origin: Origin) -> dict[str, Any]:
    """What is known at once: program, arguments, Python, host, scheduler.

    Keys are the names of `EnvironmentRecord`'s fields.
    """
    program = origin.program
    found: dict[str, Any] = {
        "os": platform.platform(aliased=True),
        "python": platform.python_version(),
        "started_at": origin.started_at,
        "args": list(origin.arguments),
        "program": program,
        "host": settings.host or platform.node(),
        "username": settings.username or _user(),
        "executable": sys.executable or "",
        "root": origin.folder,
        "docker": os.environ.get("WANDB_DOCKER", ""),
        "slurm": _slurm(),
    }
    if origin.job is not None:
        found["job"] = origin.job.metadata(origin.sessions)
    if os.path.isabs(program) and origin.folder:
        same_drive = os.path.splitdrive(program)[0] == os.path.splitdrive(origin.folder)[0]
        local = os.path.relpath(program, origin.folder) if same_drive else program
        found["code_path_local"] = local
    return found


def hardware() -> dict[str, Any]:
    """CPU, memory, disk and GPUs of this machine."""
    import psutil

    from holdfast.client import nvidia

    found: dict[str, Any] = {
        "cpu_count": psutil.cpu_count(logical=False) or psutil.cpu_count() or 0,
        "cpu_count_logical": psutil.cpu_count() or 0,
        "memory": {"total": psutil.virtual_memory().total},
    }
    root = os.path.abspath(os.sep)
    usage = psutil.disk_usage(root)
    found["disk"] = {root: {"total": usage.total, "used": usage.used}}
    gpus = nvidia.describe()
    if gpus:
        found["gpu_nvidia"] = gpus
        found["gpu_type"] = gpus[0]["name"]
        found["gpu_count"] = len(gpus)
        found["cuda_version"] = nvidia.cuda_version()
    return found


class Git(NamedTuple):
    """Commit, remote and uncommitted changes of the code."""

    remote: str
    commit: str
    root: str
    diff: str


def git_of(folder: str, *, with_diff: bool) -> Git | None:
    """What git knows of the code in ``folder``; None when it lies in no repository, or no git."""
    root = _git(folder, "rev-parse", "--show-toplevel").strip()
    if not root:
        return None
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD").strip()
    remote = _without_password(_git(folder, "remote", "get-url", "origin").strip())
    diff = ""
    if with_diff and commit:
        diff = _git(root, "diff", "--no-ext-diff", "--no-textconv", "--submodule=short", "HEAD")
    if len(diff) > _MAX_DIFF:
        diff = diff[:_MAX_DIFF] + "\n(cut off here: the changes are larger than this)\n"
    return Git(remote, commit, root, diff)


def packages() -> list[str]:
    """The installed distributions as lines of a requirements file, sorted, each once.

    Read off the names of their folders: opening the metadata of each takes a hundred times longer.
    """
    found: dict[str, str] = {}
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError:  # a zip file, or a path that does not exist
            continue
        for file_name in names:
            stem, dot, kind = file_name.rpartition(".")
            name, dash, version = stem.rpartition("-")
            if dot and dash and kind == "dist-info":
                # The first on the path is the one that is imported.
                found.setdefault(name.lower().replace("_", "-"), version)
    return [f"{name}=={found[name]}" for name in sorted(found)]


def metadata_of(found: dict[str, Any]) -> dict[str, Any]:
    """The content of `wandb-metadata.json`, in W&B's spelling, from fields of this module."""
    from datetime import datetime, timezone

    names = {"code_path": "codePath", "code_path_local": "codePathLocal", "gpu_type": "gpu"}
    names["cuda_version"] = "cudaVersion"
    made: dict[str, Any] = {names.get(key, key): value for key, value in found.items() if value}
    started = datetime.fromtimestamp(found["started_at"], timezone.utc)
    made.pop("started_at", None)
    made["startedAt"] = started.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if "cpu_count" in found:
        made["cpu"] = {
            "count": found["cpu_count"],
            "countLogical": found["cpu_count_logical"],
        }
    if "gpu_nvidia" in made:
        made["gpu_nvidia"] = [
            {"name": gpu["name"], "memoryTotal": str(gpu["memory_total"]), "uuid": gpu["uuid"]}
            for gpu in made["gpu_nvidia"]
        ]
    return made


def _user() -> str:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        if value := os.environ.get(name):
            return value
    return ""


def _slurm() -> dict[str, str]:
    """What the scheduler said, by names as W&B writes them: lower case, without the prefix."""
    return {
        name[len("SLURM_") :].lower(): value
        for name, value in sorted(os.environ.items())
        if name.startswith("SLURM_") and not any(word in name for word in _SECRET)
    }


def _git(folder: str, *words: str) -> str:
    """The output of a git command; empty when it fails, there is no git, or it takes too long."""
    import subprocess

    env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            ["git", "-C", folder, *words],
            capture_output=True,
            timeout=_GIT_SECONDS,
            env=env,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def _without_password(remote: str) -> str:
    """A remote's address without the user and token that some put into it."""
    scheme, found, rest = remote.partition("://")
    host, slash, path = rest.partition("/")
    if not found or "@" not in host or scheme == "ssh":
        return remote
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
