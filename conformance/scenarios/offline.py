"""Runs without a network, and `wandb sync` of their folders."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from conformance.cell import Cell
from conformance.clients import Client
from conformance.scenarios.live import sent
from conformance.scenarios.scenario import Scenario
from conformance.system import OFTEN, measured
from conformance.verdicts import MismatchError
from holdfast.journal import Frame, Reader
from holdfast.records.decode import kind
from tests.processes import holdfast_command

__all__ = ["SCENARIOS"]

_OFFLINE = {"WANDB_MODE": "offline"}
_SYNC_S = 240.0
_GO_SYNC = "0.28.1"
"""The first whose `wandb sync` is the one of wandb-core."""
_SHIFTING = "0.29.0"
"""Up to here no `wandb sync` was seen to shift the steps of a resumed run."""


def _sync(cell: Cell, *words: str) -> None:
    cell.command("sync", *words).succeed(_SYNC_S)


def _sync_again(cell: Cell, folder: Path) -> None:
    for mark in folder.glob("*.synced"):
        mark.unlink()
    _sync(cell, str(folder))


def _twice(cell: Cell) -> None:
    truth = sent(cell, cell.script("live", _OFFLINE))
    if cell.client.before("0.21.0") and not cell.client.before("0.18.0"):
        cell.note("`wandb sync` leaves out config changed after `init`; it is not compared")
        del truth["config"]["later"]
    (folder,) = cell.offline_folders()
    _sync(cell, str(folder))
    cell.check(truth)
    _sync_again(cell, folder)
    cell.check(truth)


def _console_twice(cell: Cell) -> None:
    """Console and system metrics are there once, however often they are sent."""
    truth = cell.script("console", {**_OFFLINE, **OFTEN}, last_s=5)
    (folder,) = cell.offline_folders()
    system = measured(folder)
    if not system:
        raise MismatchError("the client measured nothing: this shows nothing")
    for _ in range(2):
        _sync_again(cell, folder)
        cell.check(truth)
        cell.check_system(truth["id"], system)


def _files(cell: Cell) -> None:
    truth = cell.script("media", _OFFLINE)
    (folder,) = cell.offline_folders()
    _sync(cell, str(folder))
    cell.check(truth)
    held = cell.files(truth["id"])
    _sync_again(cell, folder)
    cell.check(truth)
    # In that one some clients count what of themselves was used, a second sync among it.
    changed = {name for name, _ in held.items() ^ cell.files(truth["id"]).items()} - {"config.yaml"}
    if changed:
        raise MismatchError(f"the second sync changed the files {sorted(changed)}")


def _our_sync(cell: Cell) -> None:
    """The same folders by `holdfast sync`: what a client writes to the disk, our reader reads."""
    truths = [cell.script(name, _OFFLINE) for name in ("live", "media", "disorder", "console")]
    done = holdfast_command("sync", str(cell.home / "wandb"), server=cell.server)
    (cell.folder / "holdfast-sync.log").write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode:
        raise MismatchError(f"holdfast sync ended with {done.returncode}: {done.stderr}")
    for truth in truths:
        cell.check(truth)


def _killed(cell: Cell) -> None:
    """What the killed client got to its disk is what the server must have."""
    process = cell.begin("wait", _OFFLINE, rows=400, pad=1000, wait_s=600)
    cell.until(lambda: process.ended or cell.has_told(process), "the process has logged")
    truth = cell.told(process)
    (journal,) = Path(truth["folder"]).glob("*.wandb")
    cell.until(lambda: _rows_on_disk(journal) > 0, "rows are on the disk")
    process.kill_all()
    _sync(cell, truth["folder"])
    on_disk = _rows_on_disk(journal)
    rows = truth["rows"][:on_disk]
    cell.check({"id": truth["id"], "rows": rows})
    states = {"failed", "crashed"}
    if cell.client.before(_GO_SYNC):
        cell.note("`wandb sync` says of a run without an exit that it finished, and so it stands")
        states = {"finished"}
    if (state := cell.run(truth["id"]).state) not in states:
        raise MismatchError(f"the state of a killed run is {state} and not one of {states}")


def _rows_on_disk(journal: Path) -> int:
    with journal.open("rb") as file:
        return sum(isinstance(i, Frame) and kind(i.payload) == "history" for i in Reader(file))


def _server_killed(cell: Cell) -> None:
    """The server dies with rows in it and comes back; the same `wandb sync` ends well."""
    truth = cell.script("steps", _OFFLINE, rows=20_000, pad=300)
    (folder,) = cell.offline_folders()
    sync = cell.command("sync", str(folder))
    cell.until(lambda: sync.ended or cell.rows(truth["id"]) > 0, "some rows have arrived")
    before = cell.rows(truth["id"])
    cell.server.kill()
    time.sleep(2)
    cell.server.start()
    sync.succeed(_SYNC_S)
    if not before:
        raise MismatchError("nothing had arrived before the kill: this shows nothing")
    cell.check(truth)


def _resumed(cell: Cell) -> None:
    """Two offline processes of one run, synced in order, are one run without a hole."""
    how = {"id": "resumed-offline", "resume": "allow"}
    first: Any = cell.script("steps", _OFFLINE, rows=10, how=how)
    second: Any = cell.script("steps", _OFFLINE, rows=10, add=100, how=how)
    for folder in cell.offline_folders():
        _sync(cell, str(folder))
    shifted = [{**row, "_step": row["_step"] + 10} for row in second["rows"]]
    truth = {**second, "rows": first["rows"] + shifted}
    cell.check(truth)
    for folder in cell.offline_folders():
        _sync_again(cell, folder)
    cell.check(truth)


def _no_second_segment(client: Client) -> str:
    old = "`wandb sync` sends the rows of a second offline process under the steps of the first"
    return old if client.before(_SHIFTING) else ""


SCENARIOS = (
    Scenario("sync-twice", "offline, then `wandb sync` twice", _twice),
    Scenario("our-sync", "offline, then `holdfast sync`", _our_sync),
    Scenario("sync-media", "offline media, then `wandb sync` twice", _files),
    Scenario(
        "sync-console",
        "offline console and system metrics, then `wandb sync` twice",
        _console_twice,
    ),
    Scenario(
        "sync-resumed",
        "one run of two offline processes, each synced twice",
        _resumed,
        _no_second_segment,
    ),
    Scenario("sync-killed", "SIGKILL, then `wandb sync`", _killed),
    Scenario(
        "sync-server-killed",
        "`wandb sync`, the server killed and started again in the middle",
        _server_killed,
        own_server=True,
    ),
)
