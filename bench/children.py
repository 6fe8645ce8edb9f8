"""Starting the processes that are measured: their surroundings, their servers, their limits.

Children see a home of their own below the temporary folder (the user's keys and settings stay
out), a proxy that does not exist for all but this machine (so nothing goes into the network), and
no telemetry.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.environments import ROOT, Environment

__all__ = ["ChildError", "Served", "Usage", "measured", "quietly", "served", "surroundings"]

_LIMIT_S = 900.0
_START_S = 60.0
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
_NOWHERE = "http://127.0.0.1:9"  # the port of the discard service: refused at once


class ChildError(Exception):
    """A child did not do its work; says which, and what it printed last."""


@dataclass(frozen=True)
class Served:
    """A running server."""

    address: str
    pid: int

    def cpu_s(self) -> float:
        """Seconds of CPU that it has used until now."""
        times = psutil.Process(self.pid).cpu_times()
        used: float = times.user + times.system
        return used


@dataclass(frozen=True)
class Usage:
    """What a command took: seconds on the clock, seconds of CPU of it and all that it started."""

    wall_s: float
    cpu_s: float


def surroundings(folder: Path) -> dict[str, str]:
    """The environment variables of a child whose home is ``folder``."""
    home = str(folder)
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),  # for `python -m bench.…`; holdfast comes from its installation
        "HOME": home,
        "TMPDIR": home,
        "XDG_CONFIG_HOME": f"{home}/config",
        "XDG_DATA_HOME": f"{home}/data",
        "XDG_CACHE_HOME": f"{home}/cache",
        "HOLDFAST_CONFIG_DIR": f"{home}/config/holdfast",
        "HOLDFAST_SILENT": "true",
        "WANDB_SILENT": "true",
        "WANDB_ERROR_REPORTING": "false",
        "TRACKIO_DIR": f"{home}/trackio",
        "HF_HOME": f"{home}/huggingface",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "HTTP_PROXY": _NOWHERE,
        "HTTPS_PROXY": _NOWHERE,
        "NO_PROXY": "127.0.0.1,localhost",
    }


def quietly(where: Environment, words: Sequence[str], folder: Path) -> str:
    """Run ``python WORDS…`` in the environment ``where`` and return what it printed.

    Raises:
        ChildError: it ended with another exit code than 0, or not within the limit.
    """
    command = [str(where.python), *words]
    try:
        ended = subprocess.run(
            command,
            cwd=folder,
            env=surroundings(folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ChildError(
            f"{where.tool}: {' '.join(words)} took more than {_LIMIT_S:g} s"
        ) from error
    if ended.returncode:
        said = (ended.stderr or ended.stdout).strip()[-2000:]
        raise ChildError(f"{where.tool}: {' '.join(words)} ended with {ended.returncode}:\n{said}")
    return ended.stdout


def measured(words: Sequence[str], folder: Path, more: Mapping[str, str], said: Path) -> Usage:
    """Run a command with the variables ``more`` and take its times; its output goes to ``said``.

    Raises:
        ChildError: it ended with another exit code than 0.
    """
    out = folder / "usage.json"
    command = [sys.executable, "-m", "bench.measured", str(out), str(_LIMIT_S), *words]
    with said.open("w", encoding="utf-8") as printed:
        subprocess.run(
            command,
            cwd=folder,
            env=surroundings(folder) | dict(more),
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            check=False,
        )
    found = json.loads(out.read_text(encoding="utf-8"))
    if found["exit_code"]:
        text = said.read_text(encoding="utf-8").strip()[-2000:]
        raise ChildError(f"{' '.join(words)} ended with {found['exit_code']}:\n{text}")
    return Usage(found["wall_s"], found["cpu_s"])


@contextlib.contextmanager
def served(words: Sequence[str], folder: Path) -> Iterator[Served]:
    """A server for as long as the block runs. It must print its address.

    Raises:
        ChildError: it ended, or printed no address in time.
    """
    said = folder / "server.log"
    with said.open("w", encoding="utf-8") as printed:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=surroundings(folder),
            stdin=subprocess.PIPE,
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
    assert process.stdin is not None
    try:
        yield Served(_address(process, said), process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdin.close()


def _address(process: subprocess.Popen[bytes], said: Path) -> str:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        found = _ADDRESS.search(said.read_text(encoding="utf-8"))
        if found:
            return found[0]
        time.sleep(0.02)
    text = said.read_text(encoding="utf-8").strip()[-2000:]
    raise ChildError(f"{process.args!r} printed no address:\n{text}")
