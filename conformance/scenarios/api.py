"""The read side of the client, its key, and `wandb verify`."""

from __future__ import annotations

import re

from conformance.cell import Cell
from conformance.scenarios.scenario import Scenario
from conformance.verdicts import MismatchError
from holdfast.errors import NotFoundError

__all__ = ["SCENARIOS"]

_CLEAR = re.compile(r"api.?key|401|unauthori[sz]ed|permission|not logged in", re.IGNORECASE)
_WRONG_KEY = "0123456789abcdef0123456789abcdef01234567"
_AT_ONCE_S = 60.0
# Not served in this version, or not there on loopback; every other line must be a good one.
_EXCUSED = re.compile(r"artifact|sweep|requests to base url|over signed URLs", re.IGNORECASE)
_GOOD = "\N{WHITE HEAVY CHECK MARK}"


def _reads(cell: Cell) -> None:
    truth = cell.script("reading")
    if truth["wrong"]:
        raise MismatchError("; ".join(truth["wrong"]))
    edited = cell.run(truth["edited"])
    found = (edited.name, edited.notes, edited.tags, edited.config["added"])
    if found != ("another name", "other notes", ["changed"], {"a": [1, 2]}):
        raise MismatchError(f"after an edit our own API says {found}")
    api = cell.server.api()
    try:
        api.run(f"{api.default_entity}/{cell.project}/{truth['deleted']}")
    except NotFoundError:
        return
    raise MismatchError("a run that was deleted is still there")


def _wrong_key(cell: Cell) -> None:
    process = cell.begin("begin", {"WANDB_API_KEY": _WRONG_KEY})
    if process.wait(_AT_ONCE_S) == 0:
        raise MismatchError("wandb.init took a key that nobody has")
    if not _CLEAR.search(process.said):
        raise MismatchError(f"the client does not say that the key is wrong:\n{process.tail()}")


def _login(cell: Cell) -> None:
    """`wandb login --verify` takes a good key and keeps it; a run then needs no variable."""
    url, key = cell.server.url, cell.server.key
    login = cell.command("login", "--relogin", "--host", url, key)
    login.succeed(_AT_ONCE_S)
    variable = None
    if cell.client.before("0.24.0") and not cell.client.before("0.19.0"):
        cell.note("the client keeps the key under host and port and looks for it under the host")
        variable = key
    cell.check(cell.script("steps", {"WANDB_API_KEY": variable}, rows=3))


def _verify(cell: Cell) -> None:
    process = cell.command("verify", "--host", cell.server.url)
    process.wait(240)
    lines = re.findall(r"^(Checking [^.\n]+)\.+(.*)$", process.said, flags=re.MULTILINE)
    if len(lines) < 5:
        raise MismatchError(f"wandb verify did not get far:\n{process.tail()}")
    bad = [what for what, mark in lines if not mark.startswith(_GOOD) and not _EXCUSED.search(what)]
    if bad:
        raise MismatchError(f"{'; '.join(bad)}:\n{process.tail()}")


SCENARIOS = (
    Scenario("api", "`wandb.Api`: runs, history, files, filters, edits, deletion", _reads),
    Scenario("wrong-key", "a wrong key: a clear message at once", _wrong_key),
    Scenario("login", "`wandb login`, then a run with the key it kept", _login),
    Scenario("verify", "`wandb verify` (all but https, artifacts, sweeps)", _verify),
)
