"""A Holdfast server that wandb clients can be pointed at, and what arrived there."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench.children import ChildError, Served, served, surroundings
from bench.sink import API_KEY, ENTITY

__all__ = ["API_KEY", "ENTITY", "holdfast_server", "rows_held"]


@contextlib.contextmanager
def holdfast_server(folder: Path) -> Iterator[Served]:
    """A fresh `holdfast serve` with one user, whose key wandb clients accept."""
    command, data = str(Path(sys.executable).with_name("holdfast")), folder / "gateway"
    subprocess.run(
        [command, "users", "add", ENTITY, "--api-key", API_KEY, "--data", str(data)],
        env=surroundings(folder),
        check=True,
        capture_output=True,
    )
    try:
        with served([command, "serve", "--port", "0", "--data", str(data)], folder) as server:
            yield server
    finally:
        shutil.rmtree(data)


def rows_held(server: Served, project: str) -> tuple[int, int]:
    """How many runs a project has, and how many rows of history they hold."""
    request = urllib.request.Request(
        f"{server.address}/api/v1/projects/{ENTITY}/{project}/runs?limit=1000",
        headers={"Authorization": f"Bearer {API_KEY}"},
    )
    with urllib.request.urlopen(request) as answer:
        said = json.load(answer)
    if said["next"]:
        raise ChildError(f"more than {len(said['runs'])} runs in {project}")
    return len(said["runs"]), sum(run["rows"] for run in said["runs"])
