"""The config as wandb clients send it: every entry an object with its value, their own part among.

Owns what is read out of their part: definitions of metrics, the machine, where a run was forked
off. Must not know where records go.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from holdfast.errors import UsageError
from holdfast.records import encode
from holdfast.records.replay import Replay
from holdfast.records.values import loads
from holdfast.server.gateway.differences import changed_config, metric_records, same

__all__ = ["BranchPoint", "SaidConfig", "json_object", "read_config"]

_NAMES = {
    "codePath": "code_path",
    "codePathLocal": "code_path_local",
    "gpu": "gpu_type",
    "cudaVersion": "cuda_version",
    "writerId": "writer_id",
    "memoryTotal": "memory_total",
}


class BranchPoint(NamedTuple):
    """A run that was forked off: the other run, and the last step that is taken over."""

    run_id: str
    step: int


class SaidConfig(NamedTuple):
    """A config: the user's, and the client's own part."""

    values: dict[str, Any]
    client: dict[str, Any]

    @property
    def branch_point(self) -> BranchPoint | None:
        """Where the run was forked off, if it was."""
        said = self.client.get("branch_point")
        if not isinstance(said, dict) or not isinstance(said.get("run_id"), str):
            return None
        step = _number(said.get("step"))
        return None if step is None else BranchPoint(said["run_id"], step)

    def records(self, known: Mapping[str, Any], replay: Replay) -> list[bytes]:
        """What this says beyond the run's config and what the client said before."""
        # A client that forks a run off does not know the config that it takes over.
        whole = self.branch_point is None
        records = changed_config(self.values, known, whole=whole)
        before = replay.client
        changed = {k: v for k, v in self.client.items() if not same(v, before.get(k))}
        if changed:
            records.append(encode.config({"_wandb": changed}))
        records += metric_records(changed.get("m"), replay.metrics)
        machines = changed.get("e")
        for said in machines.values() if isinstance(machines, dict) else ():
            if isinstance(said, dict):
                records.append(encode.environment(_environment(said)))
        return records


def read_config(text: str) -> SaidConfig:
    """Read a config.

    Raises:
        UsageError: it is no JSON object.
    """
    whole = json_object("config", text)
    values = {
        key: entry["value"] if isinstance(entry, dict) and "value" in entry else entry
        for key, entry in whole.items()
    }
    client = values.pop("_wandb", None)
    return SaidConfig(values, client if isinstance(client, dict) else {})


def json_object(name: str, text: str) -> dict[str, Any]:
    """The object in an argument that holds JSON.

    Raises:
        UsageError: there is none.
    """
    try:
        found = loads(text)
    except ValueError as error:
        raise UsageError(f"{name} is not JSON", "send a JSON object") from error
    if not isinstance(found, dict):
        raise UsageError(f"{name} is no JSON object", "send a JSON object")
    return found


def _environment(said: Mapping[str, Any]) -> dict[str, Any]:
    """A machine in the words of `encode.environment`; what has an odd type is left out."""
    found: dict[str, Any] = {}
    for key, value in said.items():
        name = _NAMES.get(key, key)
        if isinstance(value, str):
            found[name] = value
        elif name in {"cpu_count", "cpu_count_logical", "gpu_count"}:
            found[name] = _number(value)
    found["args"] = [str(one) for one in said["args"]] if isinstance(said.get("args"), list) else []
    found["started_at"] = _moment(said.get("startedAt"))
    git = _texts(said.get("git"))
    found["git"] = {"remote": git.get("remote", ""), "commit": git.get("commit", "")}
    found["slurm"] = _texts(said.get("slurm"))
    found["memory"] = _sizes(said.get("memory"), "total")
    disks = said.get("disk")
    found["disk"] = {
        mount: sizes
        for mount, one in (disks.items() if isinstance(disks, dict) else ())
        if (sizes := _sizes(one, "total", "used"))
    }
    gpus = said.get("gpu_nvidia")
    found["gpu_nvidia"] = [
        {"name": one["name"], "memory_total": _size(one.get("memoryTotal"))}
        for one in (gpus if isinstance(gpus, list) else ())
        if isinstance(one, dict) and isinstance(one.get("name"), str)
    ]
    return {name: value for name, value in found.items() if value}


def _number(value: Any) -> int | None:
    """A number that is one, without its fraction."""
    known = isinstance(value, int | float) and abs(value) < 2**53
    return int(value) if known else None


def _size(value: Any) -> int:
    """A size in bytes; 64-bit numbers come as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    return max(_number(value) or 0, 0)


def _sizes(said: Any, *names: str) -> dict[str, int]:
    return {name: _size(said.get(name)) for name in names} if isinstance(said, dict) else {}


def _texts(said: Any) -> dict[str, str]:
    pairs = said.items() if isinstance(said, dict) else ()
    return {key: value for key, value in pairs if isinstance(value, str)}


def _moment(said: Any) -> float:
    try:
        moment = datetime.fromisoformat(str(said)[:26].rstrip("Z"))
    except ValueError:
        return 0.0
    return moment.replace(tzinfo=timezone.utc).timestamp()
