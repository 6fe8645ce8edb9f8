"""The read side of the client, its key, and `wandb verify`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from conformance.cell import Cell
from conformance.clients import Client
from conformance.compare import same
from conformance.scenarios.scenario import Scenario
from conformance.system import OFTEN, System, by_key, measured
from conformance.verdicts import MismatchError
from holdfast.errors import NotFoundError

__all__ = ["SCENARIOS"]

_CLEAR = re.compile(r"api.?key|401|unauthori[sz]ed|permission|not logged in", re.IGNORECASE)
_WRONG_KEY = "0123456789abcdef0123456789abcdef01234567"
_AT_ONCE_S = 60.0
# What has no TLS on loopback, and what is not served in this version, each with the reason that the
# client must print. Every other line must be a good one.
_EXCUSED = {
    "requests to base url": "not made over https",
    "requests made over signed URLs": "not made over https",
    "artifact save and download workflows": "Unable to use artifact",
    "sweep creation and agent execution": "does not serve sweeps yet",
}
_GOOD = "\N{WHITE HEAVY CHECK MARK}"


def _reads(cell: Cell) -> None:
    truth = cell.script("reading", OFTEN)
    if truth["wrong"]:
        raise MismatchError("; ".join(truth["wrong"]))
    _expect_system(truth, measured(Path(truth["folder"])))
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


def _expect_system(truth: dict[str, Any], wanted: System) -> None:
    """`history(stream="system")` and `system_metrics` give what the client measured."""
    if not wanted:
        raise MismatchError("the client measured nothing: this shows nothing")
    found = by_key(truth["system"])
    if found != wanted:
        raise MismatchError(f"the system's history is {found!r:.500} and not {wanted!r:.500}")
    last = {key: points[-1][1] for key, points in wanted.items()}
    said = {key: value for key, value in truth["system_metrics"].items() if key[0] != "_"}
    if said != last:
        raise MismatchError(f"system_metrics are {said!r:.500} and not {last!r:.500}")


def _exports(cell: Cell) -> None:
    """Every way to a whole history gives what was logged, by the file of all rows or by pages."""
    told = cell.script("exports")
    for name, truth in told["truths"].items():
        rows: list[dict[str, Any]] = truth["rows"]
        _expect_scans(name, told["read"][name], rows)
        found = told["downloaded"][name]
        if name != "whole":
            if found != "IncompleteRunHistoryError":
                raise MismatchError(f"download_history_exports of run {name!r} gave {found}")
            continue
        table = pq.read_table(cell.home / found).to_pylist()
        _expect_rows("the file that was downloaded", table, rows)
    first = told["truths"]["resumed"]["rows"]
    _expect_scans("resumed, before that", told["read_before"], first[: len(first) // 2])


def _expect_scans(
    name: str, read: Mapping[str, list[dict[str, Any]]], rows: Sequence[dict[str, Any]]
) -> None:
    keys = ("_step", "n", "text")
    wanted = {
        "all": rows,
        "pages": rows,
        "part": [row for row in rows if 10 <= row["_step"] < 20],
        "some keys": [{key: row[key] for key in keys} for row in rows],
    }
    for how, want in wanted.items():
        _expect_rows(f"the scan of run {name!r}: {how}", read[how], want)


def _expect_rows(
    what: str, found: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]
) -> None:
    shown = [{k: v for k, v in row.items() if k not in {"_runtime", "_timestamp"}} for row in found]
    if not same([_plain(row) for row in shown], [_plain(row) for row in rows]):
        raise MismatchError(f"{what}: {shown!r:.500} and not {rows!r:.500}")


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Some clients say numbers that JSON cannot as W&B's server says them, as words."""
    return {key: _word(v) if isinstance(v, float) else v for key, v in row.items()}


def _word(number: float) -> float | str:
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _no_exports(client: Client) -> str:
    return "`download_history_exports` came with 0.24" if client.before("0.24.0") else ""


def _wrong_key(cell: Cell) -> None:
    process = cell.begin("begin", {"WANDB_API_KEY": _WRONG_KEY})
    if process.wait(_AT_ONCE_S) == 0:
        raise MismatchError("wandb.init took a key that nobody has")
    if not _CLEAR.search(process.said):
        raise MismatchError(f"the client does not say that the key is wrong:\n{process.tail()}")


def _login(cell: Cell) -> None:
    """`wandb login --verify` takes a good key and keeps it; a run then needs no variable."""
    url, key = cell.server.url, cell.server.key
    wrong = cell.command("login", "--relogin", "--verify", "--host", url, _WRONG_KEY)
    refused = wrong.wait(_AT_ONCE_S) != 0 and _CLEAR.search(wrong.said)
    if cell.client.before("0.19.0"):
        cell.note("`login --verify` looks at the key that was there before, not at the new one")
    elif not refused:
        raise MismatchError(f"login --verify does not say that a key is wrong:\n{wrong.tail()}")
    login = cell.command("login", "--relogin", "--verify", "--host", url, key)
    login.succeed(_AT_ONCE_S)
    variable = None
    if cell.client.before("0.24.0") and not cell.client.before("0.19.0"):
        cell.note("the client keeps the key under host and port and looks for it under the host")
        variable = key
    cell.check(cell.script("steps", {"WANDB_API_KEY": variable}, rows=3))


def _verify(cell: Cell) -> None:
    process = cell.command("verify", "--host", cell.server.url)
    process.wait(240)
    pattern = r"^Checking ([^.\n]+)\.+(.*?)(?=^Checking|\Z)"
    parts = re.findall(pattern, process.said, flags=re.MULTILINE | re.DOTALL)
    if len(parts) < 5:
        raise MismatchError(f"wandb verify did not get far:\n{process.tail()}")
    bad = [
        what
        for what, said in parts
        if not said.startswith(_GOOD) and (what not in _EXCUSED or _EXCUSED[what] not in said)
    ]
    if bad:
        raise MismatchError(f"{'; '.join(bad)}:\n{process.tail()}")


SCENARIOS = (
    Scenario(
        "api",
        "`wandb.Api`: runs, history, system, console, files, metadata, filters, edits, deletion",
        _reads,
    ),
    Scenario(
        "exports",
        "`beta_scan_history`, `download_history_exports`: whole histories as Parquet",
        _exports,
        _no_exports,
    ),
    Scenario("wrong-key", "a wrong key: a clear message at once", _wrong_key),
    Scenario("login", "`wandb login --verify`, then a run with the key it kept", _login),
    Scenario("verify", "`wandb verify` (all but https, artifacts, sweeps)", _verify),
)
