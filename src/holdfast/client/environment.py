"""Where and how the run was started: process, git, machine, scheduler, packages.

Owns the finding out. Must not know records or files: it returns plain data. All of it may be slow
(git on a network disk, a sick GPU driver), so it runs on a thread beside training and every part
may fail alone.
"""

from __future__ import annotations

import os
import platform
import sys
from typing import Any, NamedTuple

from holdfast.client import nvidia
from holdfast.settings import Settings

__all__ = ["Git", "git_of", "hardware", "metadata_of", "packages", "process"]

_GIT_SECONDS = 10
_MAX_DIFF = 1024 * 1024
_SECRET = ("KEY", "TOKEN", "SECRET", "PASSWORD")


def process(settings: Settings, started_at: float) -> dict[str, Any]:
    """What is known at once: program, arguments, Python, host, scheduler.

    Keys are the names of `EnvironmentRecord`'s fields.
    """
    program = settings.program or _program()
    found: dict[str, Any] = {
        "os": platform.platform(aliased=True),
        "python": platform.python_version(),
        "started_at": started_at,
        "args": sys.argv[1:],
        "program": program,
        "host": settings.host or platform.node(),
        "username": settings.username or _user(),
        "executable": sys.executable or "",
        "root": os.getcwd(),
        "docker": os.environ.get("WANDB_DOCKER", ""),
        "slurm": _slurm(),
    }
    if program and not program.startswith("<"):
        found["code_path_local"] = os.path.relpath(program) if _same_drive(program) else program
    return found


def hardware() -> dict[str, Any]:
    """CPU, memory, disk and GPUs of this machine."""
    import psutil

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
    """The installed distributions as lines of a requirements file, sorted, each once."""
    from importlib import metadata

    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"] if distribution.metadata else None
        if name and distribution.version:
            # The first on the path is the one that is imported.
            found.setdefault(name.lower(), f"{name}=={distribution.version}")
    return [found[name] for name in sorted(found)]


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


def _program() -> str:
    main = sys.modules.get("__main__")
    path: str | None = getattr(main, "__file__", None)
    return os.path.abspath(path) if path else "<python with no main file>"


def _same_drive(path: str) -> bool:
    return os.path.splitdrive(path)[0] == os.path.splitdrive(os.getcwd())[0]


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
